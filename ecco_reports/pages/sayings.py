"""What a model was given and what it said of it, in the order in which a page shows it.

In: a prompt and a passage. Out: pieces of running text, and the tokens in groups, for templates to dress. Never: HTML.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ecco_reports.records import Family, Passage, Prompt, Token


@dataclass(frozen=True)
class Piece:
    """A piece of running text.

    Attributes:
        kind: ``given`` by the prompt; ``second``, where another text begins on a line of its own; ``mask``, which
            the model filled in; ``span``, which it pointed at; ``written`` on after the prompt; ``continued`` by a
            text that was given, too; ``answer``, said of the text rather than in it; ``ended``, where it wrote nothing
            but the end of the text.
        text: The text; of a mask as the prompt writes it.
        said: What was put in the place of a mask.
    """

    kind: Literal["given", "second", "mask", "span", "written", "continued", "answer", "ended"]
    text: str = ""
    said: str = ""


@dataclass(frozen=True)
class Box:
    """A token of the list of tokens.

    Attributes:
        position: Counted from 0.
        label: Its text, with white space made visible.
        special: Whether it belongs to a template rather than to the text.
        said: Whether the model wrote it, or pointed at it.
        continued: Whether it stands in a continuation that was given.
        filled: What the model put in its place; empty where it is no mask.
    """

    position: int
    label: str
    special: bool
    said: bool
    continued: bool
    filled: str


@dataclass(frozen=True)
class Boxes:
    """Tokens that were read by the same part of a model.

    Attributes:
        reader: Which part; empty where there is only one.
        boxes: The tokens.
    """

    reader: str
    boxes: tuple[Box, ...]


@dataclass(frozen=True)
class _Mark:
    """Characters of a prompt that something was said about.

    Attributes:
        second: Whether they stand in the second of two texts.
        start: The first of them, counted in that text.
        end: The one after the last.
        said: What was put in their place; empty where they were pointed at.
    """

    second: bool
    start: int
    end: int
    said: str


def pieces(prompt: Prompt, passage: Passage | None) -> tuple[Piece, ...]:
    """The prompt with what the model said: in its masks, after it, or about it.

    Args:
        prompt: What the model was given.
        passage: How it read it; None where no result tells.
    """
    given = tuple(_given(prompt))
    if passage is None:
        return given
    if passage.forced:
        apart = (Piece("second"),) if passage.encoder_length else ()
        return (*given, *apart, Piece("continued", passage.written))
    match passage.family:
        case Family.MASKED if prompt.written is None:
            return tuple(_filled(prompt, passage))
        case Family.QUESTION_ANSWERING if prompt.written is None and passage.answers:
            return tuple(_pointed_at(prompt, passage))
        case Family.CAUSAL if passage.written:
            return (*given, Piece("written", passage.written))
        case Family.ENCODER_DECODER if passage.written:
            return (*given, Piece("answer", passage.written.strip()))
    if passage.generated:
        return (*given, Piece("ended"))
    answer = " … ".join(token.word for token in passage.answers)
    return (*given, Piece("answer", answer)) if answer else given


def groups(passage: Passage) -> tuple[Boxes, ...]:
    """The tokens of a passage, those of the encoder apart from those of the decoder."""
    filled = {
        position: token.label
        for position, token in zip(passage.answer_positions, passage.answers, strict=True)
        if position is not None
    }
    boxes = tuple(_box(passage, position, token, filled) for position, token in enumerate(passage.tokens))
    border = passage.encoder_length
    if not border:
        return (Boxes("", boxes),)
    decoder = "read by the decoder" if passage.forced else "read and written by the decoder"
    return (Boxes("read by the encoder", boxes[:border]), Boxes(decoder, boxes[border:]))


def count_of_tokens(passage: Passage) -> str:
    """How many tokens there are and where they come from, in words."""
    total, written, read = len(passage.tokens), len(passage.generated), passage.encoder_length
    given = "of the given continuation"
    if read:
        started = passage.prompt_length - read
        after = f"{written} {given if passage.forced else 'written by it'}"
        parts = [f"{read} read by the encoder", f"{started} to start the decoder", after]
    elif written:
        parts = [
            f"{passage.prompt_length} of the prompt",
            f"{written} {given if passage.forced else 'written by the model'}",
        ]
    else:
        parts = []
    return f"{total} token{'' if total == 1 else 's'}" + (": " if parts else "") + ", ".join(parts)


def _given(prompt: Prompt) -> Iterator[Piece]:
    yield Piece("given", prompt.shown)
    if prompt.text_pair is not None:
        yield Piece("second")
        yield Piece("given", prompt.text_pair)


def _filled(prompt: Prompt, passage: Passage) -> Iterator[Piece]:
    """The text with its masks filled in."""
    marks = [
        _Mark(passage.tokens[position].second, *span, answer.word)
        for position, answer in zip(passage.answer_positions, passage.answers, strict=True)
        if position is not None and (span := passage.tokens[position].span) is not None
    ]
    return _marked(prompt, marks)


def _pointed_at(prompt: Prompt, passage: Passage) -> Iterator[Piece]:
    """The text with the span that answers, and the answer."""
    positions = [position for position in passage.answer_positions if position is not None]
    tokens = passage.tokens[positions[0] : positions[-1] + 1]
    spans = [token.span for token in tokens if token.span is not None]
    if not spans:
        yield from _given(prompt)
        yield Piece("answer", " ".join(passage.tokens[position].word for position in dict.fromkeys(positions)))
        return
    mark = _Mark(any(token.second for token in tokens), spans[0][0], spans[-1][1], "")
    yield from _marked(prompt, [mark])
    text = prompt.text_pair or "" if mark.second else prompt.text
    yield Piece("answer", text[mark.start : mark.end].strip())


def _marked(prompt: Prompt, marks: list[_Mark]) -> Iterator[Piece]:
    """The prompt's texts, cut at marks, which are in the order of the text."""
    for second, text in enumerate((prompt.text, prompt.text_pair)):
        if text is None:
            continue
        if second:
            yield Piece("second")
        at = 0
        for mark in marks:
            if mark.second == bool(second):
                yield from _nonempty(Piece("given", text[at : mark.start]))
                yield Piece("mask" if mark.said else "span", text[mark.start : mark.end], mark.said)
                at = mark.end
        yield from _nonempty(Piece("given", text[at:]))


def _nonempty(piece: Piece) -> Iterator[Piece]:
    if piece.text:
        yield piece


def _box(passage: Passage, position: int, token: Token, filled: dict[int, str]) -> Box:
    masked = passage.family is Family.MASKED
    return Box(
        position=position,
        label=token.label,
        special=token.special,
        said=(position >= passage.prompt_length and not passage.forced) or position in filled,
        continued=position >= passage.prompt_length and passage.forced,
        filled=filled.get(position, "") if masked else "",
    )
