"""What every layer would predict: the model's own tail, applied to the residual stream below it.

Source: nostalgebraist 2020 (logit lens). The tail is replayed (norm statistics of the state at hand, head, and any
output transform), so the last row is the model's own prediction and proves the rest. Ranks count strictly larger logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from ecco_reports.methods.distributions import Distribution
from ecco_reports.models.base import LanguageModel

# Logits of one chunk of states: 64 million numbers, a quarter of a gigabyte in float32.
_NUMBERS_AT_ONCE = 64_000_000


@dataclass(frozen=True)
class LensRow:
    """What one state of the residual stream would predict at each position asked for.

    Attributes:
        tokens: The most probable tokens, ``[position, k]``.
        probabilities: Their probabilities, ``[position, k]``.
        entropy: In nats, ``[position]``.
        divergence: ``KL(final || this)`` in nats, ``[position]``.
        target_logprob: Log-probability of the targets, ``[position]``.
        target_rank: Rank of the targets, ``[position]``.
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
        readout_gap: Largest difference between the last state's replayed logits and the model's own.
    """

    rows: tuple[LensRow, ...]
    readout_gap: float


@torch.no_grad()
def logit_lens(
    model: LanguageModel,
    ids: torch.Tensor,
    states: Sequence[int],
    positions: Sequence[int],
    targets: torch.Tensor,
    k: int,
) -> Lens:
    """Reads out states of the residual stream.

    Args:
        model: The model.
        ids: ``[position]``.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        positions: Which positions to keep.
        targets: The token of interest at each of them, ``[position]``.
        k: How many most probable tokens to keep.

    Returns:
        One row per state, and the proof.
    """
    final = model.logits(ids[None], positions)[0]
    reference = Distribution.of(final)
    rows = []
    logits = final
    for logits in _readouts(model, ids, states, positions, final.numel()):
        here = Distribution.of(logits)
        tokens, probabilities = here.most_probable(k)
        rows.append(
            LensRow(
                tokens,
                probabilities,
                here.entropy(),
                here.divergence_from(reference),
                here.logprob(targets),
                here.rank(targets),
            )
        )
    last = logits if states[-1] == model.layers else _last_readout(model, ids, positions)
    return Lens(tuple(rows), float((last - final).abs().max()))


@torch.no_grad()
def token_ranks(
    model: LanguageModel, ids: torch.Tensor, states: Sequence[int], positions: Sequence[int], targets: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Rank and probability of tokens at each state.

    Args:
        model: The model.
        ids: ``[position]``.
        states: Which states: 0 is the embedding, ``n`` the output of block ``n - 1``.
        positions: Which positions.
        targets: The tokens of interest at each position, ``[position, token]``.

    Returns:
        Ranks ``[state, position, token]`` and probabilities of the same shape.
    """
    ranks, probabilities = [], []
    size = len(positions) * int(model.logits(ids[None], positions[:1]).shape[-1])
    for logits in _readouts(model, ids, states, positions, size):
        values = logits.gather(-1, targets)
        ranks.append(1 + (logits[:, :, None] > values[:, None, :]).sum(1))
        probabilities.append((values - logits.logsumexp(-1, keepdim=True)).exp())
    return torch.stack(ranks), torch.stack(probabilities)


@torch.no_grad()
def readout_gap(model: LanguageModel, ids: torch.Tensor, positions: Sequence[int]) -> float:
    """Largest difference between the replayed readout of the last state and the model's own logits."""
    own = model.logits(ids[None], positions)[0]
    return float((_last_readout(model, ids, positions) - own).abs().max())


def _last_readout(model: LanguageModel, ids: torch.Tensor, positions: Sequence[int]) -> torch.Tensor:
    return model.read_out(ids, model.residual_states(ids)[-1:], positions)[0]


def _readouts(
    model: LanguageModel, ids: torch.Tensor, states: Sequence[int], positions: Sequence[int], size: int
) -> Iterator[torch.Tensor]:
    """Logits ``[position, vocab]`` of one state after the other, computed in chunks that fit into memory."""
    residual = model.residual_states(ids)
    at_once = max(1, _NUMBERS_AT_ONCE // max(1, size))
    for start in range(0, len(states), at_once):
        chosen = list(states[start : start + at_once])
        yield from model.read_out(ids, residual[chosen], positions)
