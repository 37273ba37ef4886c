"""Variants of a reading with parts of its prompt deleted, and what a model says of them.

Token numbers are edited, never made anew from a shortened text, so a variant differs from the original in nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.models.families import SPEECHES
from ecco_reports.models.passes import Passes
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Passage, Token

# A batch of shortened texts has about so many tokens: more rows of a matrix product gain nothing.
_TOKENS_AT_ONCE = 2048


def without(reading: Reading, dropped: set[int], start: Token | None) -> Reading:
    """A reading with some tokens deleted, and what was said where it stands now.

    What was said per position moves with the tokens.

    Args:
        reading: The original.
        dropped: Positions of its prompt.
        start: What a causal text begins with when nothing of its prompt is left.

    Raises:
        CapabilityError: Nothing of a causal text's prompt is left, and there is no such token.
    """
    speech, passage = SPEECHES[reading.family], reading.passage
    kept = [position for position in range(len(passage.tokens)) if position not in dropped]
    tokens = [passage.tokens[position] for position in kept]
    if reading.family is Family.CAUSAL and all(position >= passage.prompt_length for position in kept):
        if start is None:
            what = "nothing of the prompt is left to go on from, and the model has no token that begins a text."
            raise CapabilityError("", what)
        tokens.insert(0, start)
    added = len(tokens) - len(kept)
    moved = {position: number for number, position in enumerate(kept, start=added)}
    shorter = Passage(
        tokens=tuple(tokens),
        prompt_length=sum(position < passage.prompt_length for position in kept) + added,
        encoder_length=sum(position < passage.encoder_length for position in kept),
        forced=passage.forced,
    )
    segments = tuple(reading.segments[position] for position in kept) if reading.segments else ()
    spoken = tuple(
        one if one.position is None else replace(one, place=moved[one.position] - (one.position - one.place))
        for one in reading.spoken
    )
    return speech.reading(shorter, segments, spoken)


def said_by(passes: Passes, variants: Sequence[Reading]) -> Iterator[tuple[float, ...]]:
    """Log-probabilities of what was said, ``[variant, spoken]``.

    Variants share a pass where they have one length, one division into texts, and were spoken of at the same places.
    """
    alike: dict[tuple[object, ...], list[int]] = {}
    for index, variant in enumerate(variants):
        shape = len(variant.ids), variant.passage.encoder_length, variant.segments
        alike.setdefault((*shape, *(one.place for one in variant.spoken)), []).append(index)
    found: dict[int, tuple[float, ...]] = {}
    for indices in alike.values():
        at_once = max(1, _TOKENS_AT_ONCE // len(variants[indices[0]].ids))
        for start in range(0, len(indices), at_once):
            chunk = indices[start : start + at_once]
            rows = _said_alike(passes, [variants[index] for index in chunk])
            found.update(zip(chunk, rows.tolist(), strict=True))
    yield from (tuple(found[index]) for index in range(len(variants)))


def _said_alike(passes: Passes, variants: Sequence[Reading]) -> torch.Tensor:
    """Log-probabilities ``[variant, spoken]`` of variants that differ in nothing but token numbers, in one pass."""
    spoken = variants[0].spoken
    ids = torch.tensor([variant.ids for variant in variants])
    logprobs = passes.logits(variants[0], ids, [one.place for one in spoken]).log_softmax(-1)
    outcomes = torch.tensor([one.outcome for one in spoken], device=logprobs.device)
    return logprobs.gather(-1, outcomes.expand(len(variants), -1)[..., None])[..., 0]
