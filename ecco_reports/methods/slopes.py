"""Derivatives of scores with respect to input embeddings, for all targets at once, in passes of bounded size.

In: a model, a reading, targets, points ``[point, position, width]``. Out: weighted sums of gradients, and their
projections on a direction. One vectorised backward pass serves a chunk of targets; it begins below the head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import torch

from ecco_reports.errors import NumericalError
from ecco_reports.methods.targets import Score, Target, owners_of, places_of, score_targets
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.finite import all_finite
from ecco_reports.models.memory import Memory
from ecco_reports.models.reading import Reading

# A vectorised backward pass holds the activations of its points x targets x positions at once. Beyond a thousand or two
# rows of a matrix product nothing is gained; in a large model they would take more memory than its weights.
_TOKENS_AT_ONCE = 2048
_STATES_AT_ONCE = 20_000_000

Points: TypeAlias = Callable[[Sequence[int]], torch.Tensor]
"""Embeddings at some of the points of a path or a cloud, by their numbers: ``[point, position, width]``."""


@dataclass(frozen=True)
class Slopes:
    """Derivatives of all targets at the points of a path.

    Attributes:
        total: Weighted sums of the gradients over the points, ``[sum, target, position, width]``.
        along: Derivative along the path at each point, ``[point, target]``.
        scores: ``[point, target]``.
    """

    total: torch.Tensor
    along: torch.Tensor
    scores: torch.Tensor


@dataclass(frozen=True)
class Scores:
    """The passes of a model that some targets need: those after all they can depend on is cut off."""

    model: LanguageModel
    reading: Reading
    targets: Sequence[Target]
    score: Score

    @property
    def places(self) -> list[int]:
        """Where the targets are read."""
        return places_of(self.targets)

    @property
    def length(self) -> int:
        """How many positions can move any of the targets."""
        return max(self.reading.reach(place) for place in self.places) + 1

    def at_once(self, length: int, width: int) -> int:
        """How many texts of this length are taken back at once, by the size of the states of their residual stream."""
        tokens = min(_TOKENS_AT_ONCE, _STATES_AT_ONCE // (max(1, self.model.layers) * width))
        return max(1, tokens // length)

    def scores(self, points: torch.Tensor) -> torch.Tensor:
        """The targets' scores at points ``[point, position, width]``: ``[point, target]``."""

        def of(rows: Sequence[int]) -> torch.Tensor:
            logits = self.model.logits_from_embeddings(self.reading, points[list(rows), : self.length], self.places)
            return score_targets(logits, self.targets, self.score)

        return torch.cat(list(self.model.memory.chunks("the scores", "point", range(len(points)), len(points), of)))

    def scores_and_slopes(self, points: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Scores ``[point, target]``, the origin of the logits, and the derivative of the sum of all scores by it."""
        logits, origin = self.model.logits_and_origin(self.reading, points, self.places)
        values = score_targets(logits, self.targets, self.score)
        (slopes,) = torch.autograd.grad(values.sum(), origin, retain_graph=True)
        return values, origin, slopes


def weighted_gradients(scorer: Scores, points: Points, weights: torch.Tensor, direction: torch.Tensor) -> Slopes:
    """Gradients of every target at every point, in weighted sums, and their projections on a direction.

    Rows of a batch do not see each other, so one backward pass serves all points of a chunk.

    Args:
        scorer: Gives the scores.
        points: Where the gradients are taken.
        weights: ``[sum, point]``.
        direction: ``[position, width]``.

    Raises:
        NumericalError: A gradient is not finite.
    """
    length, (positions, width) = scorer.length, direction.shape
    memory, owners = scorer.model.memory, owners_of(scorer.targets)
    at_once = scorer.at_once(length * len(scorer.targets), width)

    def of(rows: Sequence[int]) -> Slopes:
        inputs = points(rows)[:, :length].detach().requires_grad_(True)
        with torch.enable_grad():
            values, origin, slopes = scorer.scores_and_slopes(inputs)
        most = scorer.at_once(length * len(rows), width)
        pulled = _pulled_back(slopes, origin, inputs, owners, memory, most).to(values.dtype)
        return Slopes(
            torch.einsum("tpnw,sp->stnw", pulled, weights[:, list(rows)].to(values)),
            torch.einsum("tpnw,nw->pt", pulled, direction[:length].to(values)),
            values.detach(),
        )

    parts = iter(memory.chunks("the gradients", "point", range(weights.shape[1]), at_once, of))
    first = next(parts)
    total, along, scores = first.total, [first.along], [first.scores]
    for part in parts:
        total = total + part.total
        along.append(part.along)
        scores.append(part.scores)
    padded = torch.nn.functional.pad(total, (0, 0, 0, positions - length))
    if not all_finite(padded):
        raise _no_gradient(scorer, padded[0])
    return Slopes(padded, torch.cat(along), torch.cat(scores))


def _no_gradient(scorer: Scores, vectors: torch.Tensor) -> NumericalError:
    """The error for gradients ``[target, position, width]`` that are not finite: the first target and position."""
    target, position = (~vectors.isfinite().all(-1)).nonzero()[0].tolist()
    reading, source = scorer.reading, scorer.model.facts.spec.source
    said = scorer.model.outcome(reading, scorer.targets[target].token).label
    return NumericalError(
        source,
        f"{source}: the gradient of {said!r} (target {target}) by position {position} "
        f"({reading.passage.tokens[position].label!r}) is no finite number, although the score is one. In half "
        "precision this is often an overflow: try dtype: float32. Occlusion and Shapley values need no gradients.",
        position=position,
    )


def _pulled_back(
    slopes: torch.Tensor,
    origin: torch.Tensor,
    inputs: torch.Tensor,
    owners: Sequence[int],
    memory: Memory,
    at_once: int,
) -> torch.Tensor:
    """Takes the slopes of each target from the origin of its logits to the inputs, several targets in one pass.

    Args:
        slopes: Derivative of the sum of all targets by the origin, ``[point, place, ...]``.
        origin: Where the logits come from, ``[point, place, ...]``.
        inputs: ``[point, position, width]``.
        owners: The target that each place of the origin serves, and no other one.
        memory: Goes on with fewer targets where they are too many.
        at_once: How many targets to begin with.

    Returns:
        ``[target, point, position, width]``.
    """

    def of(chosen: Sequence[int]) -> torch.Tensor:
        seeds = slopes.new_zeros(len(chosen), *slopes.shape)
        for row, target in enumerate(chosen):
            own = [place for place, owner in enumerate(owners) if owner == target]
            seeds[row, :, own] = slopes[:, own]
        # The graph is kept, as it is needed again: for the next targets, or for fewer of these.
        (part,) = torch.autograd.grad(origin, inputs, seeds, is_grads_batched=True, retain_graph=True)
        return part

    return torch.cat(list(memory.chunks("the gradients", "target", range(owners[-1] + 1), at_once, of)))
