"""What is explained: scores of chosen outcomes at chosen places of a reading.

A target is one number that a model computes: the log-probability, logit or probability of an outcome at a place (a
token that comes next or fills a mask, a class, the start of an answer), or the difference between two of them ("Tokyo
rather than Paris"), which for log-probabilities equals that of the logits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch

Score = Literal["logprob", "logit", "probability"]


@dataclass(frozen=True)
class Target:
    """An outcome at a place, perhaps against another one.

    Attributes:
        place: The place, as in ``Reading``.
        token: The number of the outcome that is explained; for most models a token.
        foil: The outcome to contrast it with, or None.
    """

    place: int
    token: int
    foil: int | None = None


def score_targets(logits: torch.Tensor, targets: Sequence[Target], score: Score) -> torch.Tensor:
    """The scores of targets whose places are the places of ``logits``, in order.

    Args:
        logits: ``[batch, target, outcome]``: for each target the logits at its place.
        targets: The targets.
        score: What counts.

    Returns:
        ``[batch, target]``.
    """
    device = logits.device
    tokens = torch.tensor([target.token for target in targets], device=device).expand(logits.shape[:-1])
    values = _normalized(logits, score)
    chosen = values.gather(-1, tokens[..., None])[..., 0]
    if all(target.foil is None for target in targets):
        return chosen
    foils = torch.tensor([target.token if target.foil is None else target.foil for target in targets], device=device)
    contrast = torch.tensor([float(target.foil is not None) for target in targets], device=device, dtype=values.dtype)
    return chosen - contrast * values.gather(-1, foils.expand(logits.shape[:-1])[..., None])[..., 0]


def _normalized(logits: torch.Tensor, score: Score) -> torch.Tensor:
    if score == "logprob":
        return logits.log_softmax(-1)
    return logits.softmax(-1) if score == "probability" else logits
