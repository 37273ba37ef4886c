"""The parts of a prompt that a number stands for: its tokens, its words, or its sentences.

In: a reading. Out: units as positions. Tokens of a template belong to no unit, and half a character is none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Token

Grain: TypeAlias = Literal["token", "word", "sentence"]
Unit: TypeAlias = tuple[int, ...]

# Thai, Lao, Burmese, Khmer, kana and ideographs: texts without spaces, in which each token is a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


# What may end a sentence: marks before white space, with the quotes that close after them; marks of texts without
# spaces; the end of a line.
_MAY_END = re.compile("[.!?…]+[\"'”’»)\\]]*(?=\\s)|[。！？｡]+[」』”’）]*|\\s*\\n\\s*")
# Words whose full stop ends nothing, and those of which that is so before a number.
_SHORT = {"mr", "mrs", "ms", "dr", "prof", "st", "mt", "sr", "jr", "vs", "cf", "ca", "e.g", "i.e", "viz", "approx"}
_SHORT |= {"gen", "col", "sgt", "capt", "lt", "rev", "hon"}
_SHORT_BEFORE_NUMBERS = {"no", "nr", "fig", "figs", "vol", "p", "pp", "ch", "sec", "eq", "art"}


def units_of(reading: Reading, grain: Grain) -> tuple[Unit, ...]:
    """The units of what a model was given to read, in reading order.

    A word is what stands between white space, with the punctuation marks that touch it; a sentence begins where
    ``sentence_starts`` says. What the model wrote itself is no unit: it stays while the prompt before it changes.

    Args:
        reading: What was read.
        grain: What a unit is.
    """
    if grain == "sentence":
        return tuple(unit for run in _runs(reading) for unit in _sentences(run))
    found: list[list[int]] = []
    last: Token | None = None
    for position, token in _of_the_text(reading):
        joined = last is not None and found[-1][-1] == position - 1 and goes_on(last, token, grain)
        if joined:
            found[-1].append(position)
        else:
            found.append([position])
        last = token
    return tuple(map(tuple, found))


def fixed_positions(reading: Reading) -> frozenset[int]:
    """The tokens that stay what they are whatever is left out: those of the template, and masks to be filled in."""
    tokens, given = reading.passage.tokens, reading.passage.prompt_length
    template = {
        position for position, token in enumerate(tokens) if token.special or (token.span is None and position < given)
    }
    masks = {spoken.place for spoken in reading.spoken} if reading.family is Family.MASKED else set()
    return frozenset(template | masks)


def _of_the_text(reading: Reading) -> Iterator[tuple[int, Token]]:
    passage, fixed = reading.passage, fixed_positions(reading)
    for position in range(passage.encoder_length or passage.prompt_length):
        if position not in fixed:
            yield position, passage.tokens[position]


def sentence_starts(text: str) -> tuple[int, ...]:
    """Where the sentences of a text begin; the white space before a sentence belongs to it.

    A sentence ends at a full stop, a question or an exclamation mark with white space behind it (at an ideographic full
    stop without any), unless a small letter follows, or the full stop belongs to an abbreviation, an initial, or the
    number of a list's item. It always ends with its line.
    """
    starts = [0] if text.strip() else []
    for match in _MAY_END.finditer(text):
        # What follows, with the space before it, is the next sentence; a line's end belongs to the line.
        end = match.end()
        if text[end:].strip() and text[starts[-1] : end].strip() and _ends(text, starts[-1], match):
            starts.append(end)
    return tuple(starts)


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sentence that began at ``start`` really ends at what may end it."""
    if "\n" in match[0] or match[0][0] in "。！？｡":
        return True
    following = text[match.end() :].lstrip()
    if following.lstrip("\"'“‘«([")[:1].islower():
        return False
    if match[0] != ".":
        return True
    word = text[start : match.start()].split()[-1:]
    last = word[0].lstrip("\"'“‘«([").lower() if word else ""
    number = last.isdigit() and text[start : match.start()].strip() == last
    initial = bool(re.fullmatch(r"(?:\w\.)*[^\W\d]", last)) and last != "i"
    before_number = last in _SHORT_BEFORE_NUMBERS and following[:1].isdigit()
    return not (number or initial or before_number or last in _SHORT)


def _runs(reading: Reading) -> Iterator[list[tuple[int, Token]]]:
    """The tokens of the text that follow one another without any of the template between them."""
    run: list[tuple[int, Token]] = []
    for position, token in _of_the_text(reading):
        if run and (run[-1][0] != position - 1 or run[-1][1].second != token.second):
            yield run
            run = []
        run.append((position, token))
    if run:
        yield run


def _sentences(run: Sequence[tuple[int, Token]]) -> Iterator[Unit]:
    """The sentences of tokens that follow one another; a token belongs to where its first letter stands."""
    text, letters = "", []
    for _, token in run:
        text += token.before
        added = token.characters
        letters.append(len(text) + len(added) - len(added.lstrip()) if added.strip() else None)
        text += added
    starts, units = sentence_starts(text), dict[int, list[int]]()
    sentence = 0
    for (position, _), letter in zip(run, letters, strict=True):
        if letter is not None:
            sentence = max(sentence, bisect_right(starts, letter) - 1)
        units.setdefault(sentence, []).append(position)
    yield from map(tuple, units.values())


def positions_named(tokens: Sequence[Token], name: str) -> frozenset[int]:
    """The positions of the tokens whose text is a name, or of several that follow one another and spell it together."""
    return frozenset(position for run in runs_named(tokens, name) for position in run)


def runs_named(tokens: Sequence[Token], name: str) -> Iterator[range]:
    """Where tokens that follow one another spell a name, spaces around it aside; the shortest run from each start."""
    wanted = name.strip()
    for first in range(len(tokens)):
        spelt = ""
        for position in range(first, len(tokens)):
            token = tokens[position]
            spelt += (token.before if position > first else "") + (token.characters or token.text)
            if not spelt.strip() or not wanted.startswith(spelt.strip()):
                break
            if spelt.strip() == wanted:
                yield range(first, position + 1)
                break


def goes_on(last: Token, token: Token, grain: Grain) -> bool:
    """Whether a token belongs to the unit of the token before it."""
    if token.partial and last.partial and last.completes is None:
        return True
    if grain == "token" or last.text[-1:].isspace() or token.text[:1].isspace():
        return False
    apart = last.span is not None and token.span is not None and token.span[0] > last.span[1]
    return not apart and not _is_a_word_by_itself(token)


def _is_a_word_by_itself(token: Token) -> bool:
    """Whether it begins with a character of a text without spaces; bytes E3 to E9 begin those of East Asia."""
    return "e3" <= token.utf8[:2] <= "e9" if token.partial else bool(_UNSPACED.match(token.text))
