"""The parts of a prompt that a number stands for: its tokens, its words, or its sentences.

In: a reading. Out: units as positions. Tokens of a template belong to no unit, and half a character is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, TypeAlias

from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Token

Grain: TypeAlias = Literal["token", "word", "sentence"]
Unit: TypeAlias = tuple[int, ...]

# Thai, Lao, Burmese, Khmer, kana and ideographs: texts without spaces, in which each token is a word.
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def units_of(reading: Reading, grain: Grain) -> tuple[Unit, ...]:
    """The units of what a model was given to read, in reading order.

    A word is what stands between white space, with the punctuation marks that touch it. What the model wrote itself is
    no unit: it stays while the prompt before it changes.

    Args:
        reading: What was read.
        grain: What a unit is.
    """
    found: list[list[int]] = []
    last: Token | None = None
    for position, token in _of_the_text(reading):
        joined = last is not None and found[-1][-1] == position - 1 and _goes_on(last, token, grain)
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


def _goes_on(last: Token, token: Token, grain: Grain) -> bool:
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
