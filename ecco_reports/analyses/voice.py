"""How a page speaks of what a model said: one writes, another fills in masks, a third chooses a class or a span.

In: a passage, or the family of a model. Out: words that fit into the sentences of all rooms.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ecco_reports.records import Family, Passage, Token


@dataclass(frozen=True)
class Voice:
    """The words for one family, or for a continuation that was given to it.

    Attributes:
        did: What the model did: "wrote".
        thing: What each thing it said, or was given to say, is called: "generated token".
        things: The same in the plural.
        expected: What a place is about: "the next token".
        asked: What a prompt's own target is about, in a sentence: "the next token".
        those: All of them, in a sentence: "the tokens the model wrote".
        silence: A sentence for a model that said nothing.
        choices: Title of the figure that shows what it could have said.
    """

    did: str
    thing: str
    things: str
    expected: str
    asked: str
    those: str
    silence: str
    choices: str


_WRITER = Voice(
    did="wrote",
    thing="generated token",
    things="generated tokens",
    expected="next token",
    asked="the next token",
    those="the tokens the model wrote",
    silence="The model wrote nothing.",
    choices="What it wrote, and what it could have written",
)
_VOICES: Mapping[Family, Voice] = {
    Family.CAUSAL: _WRITER,
    Family.ENCODER_DECODER: replace(_WRITER, asked="the first token it writes"),
    Family.MASKED: Voice(
        did="filled in",
        thing="filled mask",
        things="filled masks",
        expected="token in this place",
        asked="the first mask",
        those="the masks",
        silence="There is no mask in this text that the model could fill in.",
        choices="What it filled in, and what it could have filled in",
    ),
    Family.CLASSIFICATION: Voice(
        did="chose the class",
        thing="class",
        things="classes",
        expected="class",
        asked="the class",
        those="the classes",
        silence="The model chose no class.",
        choices="The classes it chose between",
    ),
    Family.QUESTION_ANSWERING: Voice(
        did="answered",
        thing="end of the answer",
        things="ends of the answer",
        expected="end of the answer",
        asked="the start of the answer",
        those="the ends of the answer",
        silence="The model gave no answer.",
        choices="Where the answer starts and ends, and where else it could",
    ),
    Family.NONE: Voice(
        did="said",
        thing="word",
        things="words",
        expected="word",
        asked="the next word",
        those="the words",
        silence="The model has no head and says nothing.",
        choices="What it said",
    ),
}


_GIVEN = replace(
    _WRITER,
    did="was given",
    thing="token of the given continuation",
    things="tokens of the given continuation",
    those="the tokens of the given continuation",
    silence="The given continuation is empty.",
    choices="The given continuation, and what the model would have written",
)


def voice_of(about: Passage | Family) -> Voice:
    """The words for what was said of a passage; for those of a family, of a continuation that the model wrote."""
    if isinstance(about, Passage):
        voice = _VOICES[about.family]
        return replace(_GIVEN, asked=voice.asked) if about.forced else voice
    return _VOICES[about]


def place_name(passage: Passage, place: int) -> str:
    """What the heading of a column calls a place: the token read there, or what is said about the whole text."""
    match passage.family:
        case Family.CLASSIFICATION:
            return "class"
        case Family.QUESTION_ANSWERING:
            return ("start", "end")[place]
        case _:
            return passage.tokens[place].label


def said(passage: Passage, token: Token) -> str:
    """The label of something that was said: the name of a class has no white space to make visible."""
    return token.text if passage.family is Family.CLASSIFICATION else token.label


def numbered(passage: Passage, position: int | None) -> str:
    """A token of the text and where it stands, since a word may stand there twice: "Paris (12)"."""
    return "" if position is None else f"{passage.tokens[position].label} ({position})"


def answer(passage: Passage, start: int, end: int) -> str:
    """The text of a span as it stands in the passage."""
    return "".join(token.before + token.text for token in passage.tokens[start : end + 1]).strip()


def share(probability: float) -> str:
    """A probability in a sentence; a small one does not read as none at all."""
    return "under 0.1%" if 0 < probability < 0.0005 else f"{probability:.1%}"
