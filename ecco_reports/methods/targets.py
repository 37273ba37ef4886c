"""What is explained: scores of chosen outcomes at chosen places of a reading.

A target is one number that a model computes: the log-probability, logit or probability of an outcome at a place (a
token that comes next or fills a mask, a class, the start of an answer), or the difference between two of them ("Tokyo
rather than Paris"), which for log-probabilities equals that of the logits. What is said in several places at once, such
as the start and the end of an answer, is one target too: log-probabilities and logits are added, probabilities
multiplied.
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
        also: What is said elsewhere and belongs to it; with foils of their own, if there is one.
    """

    place: int
    token: int
    foil: int | None = None
    also: tuple[Target, ...] = ()

    @property
    def terms(self) -> tuple[Target, ...]:
        """The outcomes it is made of, each at one place."""
        return (self, *self.also)


def places_of(targets: Sequence[Target]) -> list[int]:
    """The places that targets are read at: those of their terms, in order."""
    return [term.place for target in targets for term in target.terms]


def owners_of(targets: Sequence[Target]) -> list[int]:
    """For each of ``places_of``, the index of the target it belongs to."""
    return [index for index, target in enumerate(targets) for _ in target.terms]


def score_targets(logits: torch.Tensor, targets: Sequence[Target], score: Score) -> torch.Tensor:
    """The scores of targets whose ``places_of`` are the places of ``logits``, in order.

    Args:
        logits: ``[batch, place, outcome]``.
        targets: The targets.
        score: What counts.

    Returns:
        ``[batch, target]``.
    """
    terms = [term for target in targets for term in target.terms]
    values = logits if score == "logit" else logits.log_softmax(-1)
    chosen = _taken(values, [term.token for term in terms], targets, score)
    if all(target.foil is None for target in targets):
        return chosen
    against = _taken(values, [term.token if term.foil is None else term.foil for term in terms], targets, score)
    contrast = [float(target.foil is not None) for target in targets]
    return chosen - torch.tensor(contrast, device=logits.device, dtype=values.dtype) * against


def _taken(values: torch.Tensor, outcomes: list[int], targets: Sequence[Target], score: Score) -> torch.Tensor:
    """The values of one outcome at each place, put together for each target, ``[batch, target]``."""
    numbers = torch.tensor(outcomes, device=values.device).expand(values.shape[:-1])
    found = values.gather(-1, numbers[..., None])[..., 0]
    if len(outcomes) > len(targets):
        owners = torch.tensor(owners_of(targets), device=values.device)
        found = found.new_zeros(len(found), len(targets)).index_add(1, owners, found)
    return found.exp() if score == "probability" else found
