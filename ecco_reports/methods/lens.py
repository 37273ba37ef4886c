"""What every layer would predict: the model's own tail, applied to the residual stream below it.

Source: nostalgebraist 2020 (logit lens). The tail is replayed (norm statistics of the state at hand, head, and any
output transform), so the last row is the model's own prediction and proves the rest. Ranks count strictly larger
logits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from itertools import chain
from typing import TypeAlias, TypeVar

import torch

from ecco_reports.methods.distributions import Distribution, count_above
from ecco_reports.models.base import READOUT_TOLERANCE, LanguageModel
from ecco_reports.models.reading import Reading

R = TypeVar("R")
# Makes something of one state's logits ``[place, outcome]``; told whether it is the last one, which proves the others.
_Look: TypeAlias = Callable[[torch.Tensor, bool], R]

# Logits that are there at once: 16 million numbers, 64 MB in float32, for a few states at some of the places. The
# head's matrix is read once per chunk: with much fewer rows of a large vocabulary, that would be what costs.
_NUMBERS_AT_ONCE = 16_000_000
# Statistics pass over the same logits several times: a few places at once stay in a processor's cache.
_NUMBERS_IN_CACHE = 400_000


@dataclass(frozen=True)
class LensRow:
    """What one state of the residual stream would predict at each place asked for.

    Attributes:
        tokens: The most probable tokens, ``[place, k]``.
        probabilities: Their probabilities, ``[place, k]``.
        entropy: In nats, ``[place]``.
        divergence: ``KL(final || this)`` in nats, ``[place]``.
        target_logprob: Log-probability of the targets, ``[place]``.
        target_rank: Rank of the targets, ``[place]``.
    """

    tokens: torch.Tensor
    probabilities: torch.Tensor
    entropy: torch.Tensor
    divergence: torch.Tensor
    target_logprob: torch.Tensor
    target_rank: torch.Tensor


@dataclass(frozen=True)
class Lens:
    """The rows of a lens and its proof.

    Attributes:
        rows: One per state asked for, in order.
        readout_gap: Largest difference between the last state's replayed logits and the model's own, relative to the
            largest logit.
    """

    rows: tuple[LensRow, ...]
    readout_gap: float


@dataclass(frozen=True)
class Ranks:
    """Ranks of tokens at each state, and their proof.

    Attributes:
        ranks: ``[state, watched]``.
        probabilities: ``[state, watched]``.
        vocab_size: How many ranks there are.
        readout_gap: As in ``Lens``.
        final_rank_gap: How far the ranks read at the last state are from those in the model's own logits, at most,
            beyond what rounding can shift.
    """

    ranks: torch.Tensor
    probabilities: torch.Tensor
    vocab_size: int
    readout_gap: float
    final_rank_gap: int


@torch.no_grad()
def logit_lens(
    model: LanguageModel,
    reading: Reading,
    states: Sequence[int],
    places: Sequence[int],
    targets: torch.Tensor,
    k: int,
) -> Lens:
    """Reads out states of the residual stream.

    Args:
        model: The model.
        reading: What it reads.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        places: Which places to keep; at least one.
        targets: The outcome of interest at each of them, ``[place]``.
        k: How many most probable tokens to keep.

    Returns:
        One row per state, and the proof.
    """
    final = model.logits(reading, places)
    targets = targets.to(final.device)
    in_cache = max(1, _NUMBERS_IN_CACHE // final.shape[-1])

    def at(part: range) -> _Look[tuple[LensRow, torch.Tensor]]:
        own = torch.split(final[part.start : part.stop], in_cache)
        reference = [Distribution.of(piece) for piece in own]
        wanted = torch.split(targets[part.start : part.stop], in_cache)

        def look(logits: torch.Tensor, last: bool) -> tuple[LensRow, torch.Tensor]:
            pieces = torch.split(logits, in_cache)
            return _row(pieces, reference, wanted, k), _difference(pieces, own) if last else logits.new_zeros(())

        return look

    parts = _read_in_parts(model, reading, "the lens", [*states, model.layers], places, final.shape[-1], at)
    rows = [_joined([part[index][0] for part in parts]) for index in range(len(states))]
    return Lens(tuple(rows), float(torch.stack([part[-1][1] for part in parts]).max() / _grain(final)))


def _row(
    logits: Sequence[torch.Tensor], reference: Sequence[Distribution], targets: Sequence[torch.Tensor], k: int
) -> LensRow:
    """The statistics of one state, from pieces of its places."""
    rows = []
    for piece, final, wanted in zip(logits, reference, targets, strict=True):
        here = Distribution.of(piece)
        rows.append(
            LensRow(
                *here.most_probable(k),
                here.entropy(),
                here.divergence_from(final),
                here.logprob(wanted),
                here.rank(wanted),
            )
        )
    return _joined(rows)


def _joined(rows: Sequence[LensRow]) -> LensRow:
    """One row over all places, from rows over some of them, in order."""
    names = [field.name for field in fields(LensRow)]
    return LensRow(*(torch.cat([getattr(row, name) for row in rows]) for name in names))


@torch.no_grad()
def token_ranks(
    model: LanguageModel, reading: Reading, states: Sequence[int], watched: Sequence[tuple[int, int]]
) -> Ranks:
    """Rank and probability of tokens at each state.

    Args:
        model: The model.
        reading: What it reads.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        watched: Places, and the outcomes that are possible there; at least one.

    Returns:
        What each state says of each place, and the proof.
    """
    places = sorted({place for place, _ in watched})
    final = model.logits(reading, places)
    rows_of_places = {place: row for row, place in enumerate(places)}
    rows = [rows_of_places[place] for place, _ in watched]
    tokens = torch.tensor([token for _, token in watched], device=final.device)
    in_cache = max(1, _NUMBERS_IN_CACHE // final.shape[-1])
    grain = _grain(final)
    margin = READOUT_TOLERANCE[model.facts.spec.dtype] * grain

    def at(part: range) -> _Look[_WatchedPart]:
        members = torch.tensor([index for index, row in enumerate(rows) if row in part], device=final.device)
        where = torch.tensor([row - part.start for row in rows if row in part], device=final.device)
        own = final[part.start : part.stop]

        def look(logits: torch.Tensor, last: bool) -> _WatchedPart:
            read = [
                _ranked(logits, own if last else None, some, wanted, margin)
                for some, wanted in zip(
                    torch.split(where, in_cache), torch.split(tokens[members], in_cache), strict=True
                )
            ]
            ranks, probabilities, off = (torch.cat(column) for column in zip(*read, strict=True))
            gap = (
                _difference(torch.split(logits, in_cache), torch.split(own, in_cache)) if last else grain.new_zeros(())
            )
            return _WatchedPart(members, ranks, probabilities, off, gap)

        return look

    parts = _read_in_parts(model, reading, "the ranks", [*states, model.layers], places, final.shape[-1], at)
    order = torch.cat([part[-1].members for part in parts]).argsort()
    by_state = [[part[index] for part in parts] for index in range(len(states))]
    return Ranks(
        torch.stack([torch.cat([part.ranks for part in state])[order] for state in by_state]),
        torch.stack([torch.cat([part.probabilities for part in state])[order] for state in by_state]),
        final.shape[-1],
        float(torch.stack([part[-1].gap for part in parts]).max() / grain),
        int(torch.cat([part[-1].off for part in parts]).max()),
    )


@dataclass(frozen=True)
class _WatchedPart:
    """What one state says of some of the watched outcomes.

    Attributes:
        members: Which of them, ``[watched]``.
        ranks: ``[watched]``.
        probabilities: ``[watched]``.
        off: How far the ranks are from the model's own, ``[watched]``; 0 for all states but the last.
        gap: Largest difference from the model's own logits; 0 for all states but the last.
    """

    members: torch.Tensor
    ranks: torch.Tensor
    probabilities: torch.Tensor
    off: torch.Tensor
    gap: torch.Tensor


def _ranked(
    logits: torch.Tensor, own: torch.Tensor | None, where: torch.Tensor, tokens: torch.Tensor, margin: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Ranks and probabilities of outcomes at rows of logits, and how far the ranks are from the model's own.

    Args:
        logits: ``[place, outcome]``.
        own: The model's own logits, where they must agree; None asks for nothing.
        where: Rows, ``[watched]``.
        tokens: Outcomes, ``[watched]``.
        margin: By how much rounding may move a logit.
    """
    chosen = logits[where]
    values = chosen.gather(-1, tokens[:, None])
    ranks = 1 + count_above(chosen, values)
    probabilities = (values[:, 0] - chosen.logsumexp(-1)).exp()
    off = torch.zeros_like(ranks) if own is None else _rank_gap(ranks, own[where], tokens, margin)
    return ranks, probabilities, off


def _difference(logits: Sequence[torch.Tensor], own: Sequence[torch.Tensor]) -> torch.Tensor:
    """Largest difference of two sets of logits, in pieces."""
    largest = [torch.linalg.vector_norm(one - other, torch.inf) for one, other in zip(logits, own, strict=True)]
    return torch.stack(largest).max()


def _grain(own: torch.Tensor) -> torch.Tensor:
    """The largest logit, which sets the grain of rounding, or 1 if it is smaller."""
    largest: torch.Tensor = torch.linalg.vector_norm(own, torch.inf)
    return largest.clamp_min(1.0)


def _rank_gap(ranks: torch.Tensor, own: torch.Tensor, tokens: torch.Tensor, margin: torch.Tensor) -> torch.Tensor:
    """How far ranks ``[watched]`` are from what logits ``[watched, outcome]`` allow if each may be off by a margin."""
    values = own.gather(-1, tokens[:, None])
    best = 1 + count_above(own, values + margin)
    worst = count_above(own, values - margin)
    return torch.maximum(best - ranks, ranks - worst).clamp_min(0)


def _read_in_parts(
    model: LanguageModel,
    reading: Reading,
    work: str,
    states: Sequence[int],
    places: Sequence[int],
    outcomes: int,
    at: Callable[[range], _Look[R]],
) -> list[list[R]]:
    """Reads out states at places, in parts that fit into memory.

    Args:
        model: The model.
        reading: What it reads.
        work: What is computed, for a note about it.
        states: Which states; the last of them is the model's last. It proves the others, and is not read out twice
            when it was asked for anyway.
        places: At least one.
        outcomes: How many logits there are at each place.
        at: Makes the look at some of the places, given as a range of indices.

    Returns:
        For each part of the places, in order, what was seen of each state.
    """
    residual = model.residual_states(reading)
    numbered = list(enumerate(states[:-1] if list(states[-2:]) == [model.layers] * 2 else states))
    # What the model itself says of the places is at hand as well: a quarter of the numbers at most are of one state.
    most = max(1, _NUMBERS_AT_ONCE // (4 * outcomes))
    places_at_once = math.ceil(len(places) / math.ceil(len(places) / most))
    states_at_once = max(1, _NUMBERS_AT_ONCE // (places_at_once * outcomes))

    def at_places(part: Sequence[int]) -> list[R]:
        look = at(range(part[0], part[-1] + 1))
        chosen_places = [places[index] for index in part]

        def of_states(chosen: Sequence[tuple[int, int]]) -> list[R]:
            logits = model.read_out(reading, residual[[state for _, state in chosen]], chosen_places)
            return [look(one, index == len(numbered) - 1) for (index, _), one in zip(chosen, logits, strict=True)]

        return list(chain.from_iterable(model.memory.chunks(work, "state", numbered, states_at_once, of_states)))

    return list(model.memory.chunks(work, "place", range(len(places)), places_at_once, at_places))
