"""What every layer would predict: the model's own tail, applied to the residual stream below it.

Source: nostalgebraist 2020 (logit lens). A ``Readout`` says how a state is read; with the model's own tail (norm
statistics of the state at hand, head, and any output transform) the last row is the model's own prediction and proves
the rest. Ranks count strictly larger logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.distributions import Distribution, count_above
from ecco_reports.methods.readouts import Look, Readout, WayToRead, own_tail, read_in_parts
from ecco_reports.models.base import READOUT_TOLERANCE, LanguageModel
from ecco_reports.models.reading import Reading

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
        vocab_size: How many outcomes there are at each place.
        readout_gap: How far the last state, read out, is from the model's own logits, relative to the largest logit.
    """

    rows: tuple[LensRow, ...]
    vocab_size: int
    readout_gap: float


@dataclass(frozen=True)
class Ranks:
    """Ranks of tokens at each state, and their proof.

    Attributes:
        ranks: ``[state, watched]``.
        probabilities: ``[state, watched]``.
        tokens: The most probable tokens at the place of each, ``[state, watched, k]``.
        vocab_size: How many ranks there are.
        readout_gap: As in ``Lens``.
        final_rank_gap: How far the ranks read at the last state are from those in the model's own logits, at most,
            beyond what rounding can shift.
    """

    ranks: torch.Tensor
    probabilities: torch.Tensor
    tokens: torch.Tensor
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
    readout: WayToRead = own_tail,
) -> Lens:
    """Reads out states of the residual stream.

    Args:
        model: The model.
        reading: What it reads.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        places: Which places to keep; at least one.
        targets: The outcome of interest at each of them, ``[place]``.
        k: How many most probable tokens to keep.
        readout: The way in which states are read.

    Returns:
        One row per state, and the proof.
    """
    final = model.logits(reading, places)
    read = readout(model, reading)
    targets = targets.to(final.device)
    in_cache = max(1, _NUMBERS_IN_CACHE // final.shape[-1])

    def at(part: range) -> Look[tuple[LensRow, torch.Tensor]]:
        own = torch.split(final[part.start : part.stop], in_cache)
        reference = [Distribution.of(piece) for piece in own]
        wanted = torch.split(targets[part.start : part.stop], in_cache)

        def look(logits: torch.Tensor, last: bool) -> tuple[LensRow, torch.Tensor]:
            pieces = torch.split(logits, in_cache)
            return _row(pieces, reference, wanted, k), _gap(read, pieces, own) if last else logits.new_zeros(())

        return look

    parts = read_in_parts(model, read, "the lens", [*states, model.layers], places, final.shape[-1], at)
    rows = [_joined([part[index][0] for part in parts]) for index in range(len(states))]
    return Lens(tuple(rows), final.shape[-1], float(torch.stack([part[-1][1] for part in parts]).max() / _grain(final)))


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
    model: LanguageModel,
    reading: Reading,
    states: Sequence[int],
    watched: Sequence[tuple[int, int]],
    k: int = 1,
    readout: WayToRead = own_tail,
) -> Ranks:
    """Rank and probability of tokens at each state.

    Args:
        model: The model.
        reading: What it reads.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        watched: Places, and the outcomes that are possible there; at least one.
        k: How many most probable tokens to keep beside them.
        readout: The way in which states are read.

    Returns:
        What each state says of each place, and the proof.

    Raises:
        CapabilityError: An outcome has a number that the model does not know.
    """
    places = sorted({place for place, _ in watched})
    final = model.logits(reading, places)
    read = readout(model, reading)
    rows_of_places = {place: row for row, place in enumerate(places)}
    rows = [rows_of_places[place] for place, _ in watched]
    tokens = _numbers_of(watched, final, model.facts.spec.source)
    in_cache = max(1, _NUMBERS_IN_CACHE // final.shape[-1])
    grain = _grain(final)
    margin = READOUT_TOLERANCE[model.facts.spec.dtype] * grain

    def at(part: range) -> Look[_WatchedPart]:
        members = torch.tensor([index for index, row in enumerate(rows) if row in part], device=final.device)
        where = torch.tensor([row - part.start for row in rows if row in part], device=final.device)
        own = final[part.start : part.stop]

        def look(logits: torch.Tensor, last: bool) -> _WatchedPart:
            pieces = [
                _ranked(logits, own if last else None, some, wanted, margin)
                for some, wanted in zip(
                    torch.split(where, in_cache), torch.split(tokens[members], in_cache), strict=True
                )
            ]
            ranks, probabilities, off = (torch.cat(column) for column in zip(*pieces, strict=True))
            gap = grain.new_zeros(())
            if last:
                gap = _gap(read, torch.split(logits, in_cache), torch.split(own, in_cache))
            best = logits.topk(min(k, logits.shape[-1]), dim=-1).indices[where]
            return _WatchedPart(members, ranks, probabilities, best, off, gap)

        return look

    parts = read_in_parts(model, read, "the ranks", [*states, model.layers], places, final.shape[-1], at)
    return Ranks(
        _in_order(parts, len(states), "ranks"),
        _in_order(parts, len(states), "probabilities"),
        _in_order(parts, len(states), "best"),
        final.shape[-1],
        float(torch.stack([part[-1].gap for part in parts]).max() / grain),
        int(torch.cat([part[-1].off for part in parts]).max()),
    )


def _numbers_of(watched: Sequence[tuple[int, int]], final: torch.Tensor, source: str) -> torch.Tensor:
    """The outcomes that are watched, ``[watched]``, all of which the model must know."""
    numbers, count = [number for _, number in watched], final.shape[-1]
    if max(numbers) >= count:
        what = f"{source} chooses between {count:,} outcomes: there is no number {max(numbers):,}."
        raise CapabilityError(source, what)
    return torch.tensor(numbers, device=final.device)


@dataclass(frozen=True)
class _WatchedPart:
    """What one state says of some of the watched outcomes.

    Attributes:
        members: Which of them, ``[watched]``.
        ranks: ``[watched]``.
        probabilities: ``[watched]``.
        best: The most probable tokens at the place of each, ``[watched, k]``.
        off: How far the ranks are from the model's own, ``[watched]``; 0 for all states but the last.
        gap: Largest difference from the model's own logits; 0 for all states but the last.
    """

    members: torch.Tensor
    ranks: torch.Tensor
    probabilities: torch.Tensor
    best: torch.Tensor
    off: torch.Tensor
    gap: torch.Tensor


def _in_order(parts: Sequence[Sequence[_WatchedPart]], states: int, name: str) -> torch.Tensor:
    """One measure of all parts ``[part][state]``, in the order in which it was asked for, ``[state, watched, ...]``."""
    order = torch.cat([part[-1].members for part in parts]).argsort()
    return torch.stack([torch.cat([getattr(part[state], name) for part in parts])[order] for state in range(states)])


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


def _gap(readout: Readout, logits: Sequence[torch.Tensor], own: Sequence[torch.Tensor]) -> torch.Tensor:
    """How far a last row is from the model's own logits, in pieces."""
    return torch.stack([readout.gap(one, other) for one, other in zip(logits, own, strict=True)]).max()


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
