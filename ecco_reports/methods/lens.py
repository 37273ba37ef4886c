"""What every layer would predict: the model's own tail, applied to the residual stream below it.

Source: nostalgebraist 2020 (logit lens). The tail is replayed (norm statistics of the state at hand, head, and any
output transform), so the last row is the model's own prediction and proves the rest. Ranks count strictly larger
logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ecco_reports.methods.distributions import Distribution, count_above
from ecco_reports.models.base import READOUT_TOLERANCE, LanguageModel, Reading

# Logits of one chunk of states: 64 million numbers, a quarter of a gigabyte in float32. The head's matrix is read once
# per chunk, so large ones are cheap.
_NUMBERS_AT_ONCE = 64_000_000
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
    at_once = max(1, _NUMBERS_IN_CACHE // final.shape[-1])
    reference = [Distribution.of(part) for part in torch.split(final, at_once)]
    rows: list[LensRow] = []
    gap = 0.0
    for state, logits in _readouts(model, reading, [*states, model.layers], places, final.numel()):
        if len(rows) < len(states):
            rows.append(_row(torch.split(logits, at_once), reference, torch.split(targets, at_once), k))
        if state == model.layers:
            gap = _gap(logits, final)
    return Lens(tuple(rows), gap)


def _row(
    logits: Sequence[torch.Tensor], reference: Sequence[Distribution], targets: Sequence[torch.Tensor], k: int
) -> LensRow:
    """The statistics of one state, from chunks of places."""
    parts = []
    for chunk, final, wanted in zip(logits, reference, targets, strict=True):
        here = Distribution.of(chunk)
        parts.append(
            (
                *here.most_probable(k),
                here.entropy(),
                here.divergence_from(final),
                here.logprob(wanted),
                here.rank(wanted),
            )
        )
    return LensRow(*(torch.cat(column) for column in zip(*parts, strict=True)))


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
    where = torch.tensor([places.index(place) for place, _ in watched], device=final.device)
    tokens = torch.tensor([token for _, token in watched], device=final.device)
    ranks: list[torch.Tensor] = []
    probabilities: list[torch.Tensor] = []
    gap, rank_gap = 0.0, 0
    for state, logits in _readouts(model, reading, [*states, model.layers], places, final.numel()):
        values = logits[where, tokens]
        places_above = count_above(logits[where], values[:, None])
        if len(ranks) < len(states):
            ranks.append(1 + places_above)
            probabilities.append((values - logits.logsumexp(-1)[where]).exp())
        if state == model.layers:
            gap = _gap(logits, final)
            rank_gap = _rank_gap(1 + places_above, final[where], tokens, READOUT_TOLERANCE[model.facts.spec.dtype])
    return Ranks(torch.stack(ranks), torch.stack(probabilities), final.shape[-1], gap, rank_gap)


def _gap(logits: torch.Tensor, own: torch.Tensor) -> float:
    """Largest difference of two sets of logits, relative to the largest logit, which sets the grain of rounding."""
    return float((logits - own).abs().max() / own.abs().max().clamp_min(1.0))


def _rank_gap(ranks: torch.Tensor, own: torch.Tensor, tokens: torch.Tensor, tolerance: float) -> int:
    """How far ranks ``[watched]`` are from what logits ``[watched, outcome]`` allow, each off by the tolerance."""
    margin = tolerance * own.abs().max().clamp_min(1.0)
    values = own.gather(-1, tokens[:, None])
    best = 1 + count_above(own, values + margin)
    worst = count_above(own, values - margin)
    return int(torch.maximum(best - ranks, ranks - worst).clamp_min(0).max())


def _readouts(
    model: LanguageModel, reading: Reading, states: Sequence[int], places: Sequence[int], size: int
) -> Iterator[tuple[int, torch.Tensor]]:
    """States and their logits ``[place, outcome]``, one after the other, computed in chunks that fit into memory.

    The last state is added to prove the others; it is not read out twice when it was asked for anyway.
    """
    if states[-2:] == [model.layers, model.layers]:
        states = states[:-1]
    residual = model.residual_states(reading)
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, size))
    for start in range(0, len(states), at_once):
        chosen = list(states[start : start + at_once])
        yield from zip(chosen, model.read_out(reading, residual[chosen], places), strict=True)
