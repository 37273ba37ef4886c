"""Positions as people count them, and the places where a model speaks that they stand for.

In: positions from YAML, and a reading. Out: places, or problems. A causal model counts through the prompt and what it
writes, a masked one through the text, and the decoder of an encoder-decoder from its own first token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.preflight import FoundProblem, Path, tokens_after
from ecco_reports.models.base import LanguageModel, ModelFacts
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Passage, Prompt, Token

SPEAKS_ONCE = (Family.CLASSIFICATION, Family.QUESTION_ANSWERING)
"""Families that speak of the whole text: positions do not tell their places apart."""


def places_of(positions: Sequence[int], reading: Reading) -> list[int]:
    """The places that positions stand for, in the order of the text; none for those that were never reached.

    Args:
        positions: From 0, or from the end of the prompt when negative; those of a decoder begin with its own start.
        reading: What was read.
    """
    if reading.family in SPEAKS_ONCE:
        return list(reading.places)
    start, end = reading.passage.encoder_length, reading.passage.prompt_length
    places = {position + (start if position >= 0 else end) for position in positions}
    return sorted(places & set(reading.places))


def place_problems(
    positions: Sequence[int], path: Path, params: DecodingParams, prompt: Prompt, facts: ModelFacts
) -> Iterator[FoundProblem]:
    """Positions that are not there, or that mean nothing for this kind of model.

    Args:
        positions: As in ``places_of``.
        path: Where the list stands; a single position passes its own path and a list of one.
        params: How much is written.
        prompt: The prompt.
        facts: What is known of the model.
    """
    if facts.family in SPEAKS_ONCE:
        what = "this model says one thing about the whole text, so there are no positions to choose from."
        yield path, what, f"Leave {path[0]} out."
        return
    if facts.tokenize is None:
        return
    decodes = facts.family is Family.ENCODER_DECODER
    read = 1 if decodes else len(facts.tokenize.encode(prompt).tokens)
    follow = tokens_after(params, prompt, facts)
    top = read - 1 + follow
    whose = "its decoder starts with one token" if decodes else f"the prompt {prompt.name!r} has {_tokens(read)}"
    more = f" and {_tokens(follow)} {'may follow' if prompt.continuation is None else 'follow'}" if follow else ""
    for index, position in enumerate(positions):
        if not -read <= position <= top:
            yield (
                path if len(positions) == 1 else (*path, index),
                f"position {position} is out of range: {whose}{more}.",
                f"Write 0 to {top}, or -1{f' to -{read}' if read > 1 else ''} counted from the prompt's end.",
            )


def _tokens(count: int) -> str:
    return f"{count} token{'' if count == 1 else 's'}"


def right_at(reading: Reading) -> dict[int, int]:
    """What was right at each place: what came next or stands there, and what the model said where it was asked."""
    ids, family = reading.ids, reading.family
    known: dict[int, int] = {}
    if family in (Family.CAUSAL, Family.ENCODER_DECODER):
        known = {place: ids[place + 1] for place in reading.places if place + 1 < len(ids)}
    elif family is Family.MASKED:
        known = {place: ids[place] for place in reading.places}
    return known | {one.place: one.outcome for one in reading.spoken}


def token_at(model: LanguageModel, reading: Reading, place: int, number: int) -> Token:
    """What a reader sees of what was right: in its context where it stands in the text."""
    position, tokens = stands_at(reading.passage, place), reading.passage.tokens
    if position is None or position >= len(tokens) or tokens[position].id != number:
        return model.outcome(reading, number)
    return tokens[position]


def stands_at(passage: Passage, place: int) -> int | None:
    """Where something that is said at a place stands, or would stand; None for a word about the whole text."""
    return None if passage.family in SPEAKS_ONCE else place + (passage.family is not Family.MASKED)


def window(places: Sequence[int], question: int | None, most: int) -> range:
    """Which places a chart shows where there are too many: the last ones, or those around the question.

    Args:
        places: All of them, in order.
        question: The place that matters most, if there is one.
        most: How many fit.
    """
    count = len(places)
    start = max(0, count - most)
    if question in places and places.index(question) < start:
        start = max(0, min(start, places.index(question) - most // 2))
    return range(start, min(count, start + most))


def input_label(passage: Passage, place: int) -> str:
    """The label of what the model has read last at a place, or nothing where it speaks of the whole text."""
    return "" if passage.family in SPEAKS_ONCE else passage.tokens[place].label
