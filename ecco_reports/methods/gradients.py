"""Attribution by gradients: integrated gradients, input x gradient, saliency, for all targets at once.

In a causal model the score of a token does not depend on later positions, so one pass over the whole text serves every
generated token: the naive way runs a prefix per token. The derivatives of all targets then come from one vectorised
backward pass per chunk of targets.

Sources: Simonyan et al. 2013 (saliency); Shrikumar et al. 2016 (input x gradient); Sundararajan et al. 2017, section 3
(integrated gradients) and proposition 1 (completeness).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ecco_reports.methods.targets import Score, Target, score_targets
from ecco_reports.models.base import LanguageModel

STEP_LADDER = (12, 24, 48, 96, 192, 384)
"""Nodes that integrated gradients tries, one after the other, for the targets that are not exact enough."""

# A vectorised backward pass holds the activations of its targets at once: chunks bound the memory.
_TARGETS_AT_ONCE = 16
_ROWS_AT_ONCE = 8
_FINITE_DIFFERENCE_STEP = 1e-2


@dataclass(frozen=True)
class Attributions:
    """Contributions of input positions to targets, with what proves them.

    Attributes:
        vectors: Per embedding dimension, ``[target, position, width]``, signed.
        scores: The targets' scores at the input, ``[target]``.
        baseline_scores: The targets' scores at the baseline, ``[target]``; equal to ``scores`` for plain gradients.
        residuals: How far the proof is from holding, relative, ``[target]``.
        steps: Interpolation nodes used for each target, ``[target]``; 1 for plain gradients.
    """

    vectors: torch.Tensor
    scores: torch.Tensor
    baseline_scores: torch.Tensor
    residuals: torch.Tensor
    steps: torch.Tensor


def gradients(model: LanguageModel, inputs: torch.Tensor, targets: Sequence[Target], score: Score) -> Attributions:
    """The gradient of each target's score with respect to the input embeddings.

    The proof is a derivative taken another way: the scores' slope along the line through the origin and the input, by
    central differences, against the sum of input x gradient (Euler's relation for the directional derivative).

    Args:
        model: The model.
        inputs: Input embeddings ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.

    Returns:
        Gradients as ``vectors``.
    """
    slopes, scores = _weighted_gradients(model, inputs[None], torch.ones(1), targets, score)
    ahead, behind = 1 + _FINITE_DIFFERENCE_STEP, 1 - _FINITE_DIFFERENCE_STEP
    with torch.no_grad():
        shifted = _scores(model, torch.stack([inputs * ahead, inputs * behind]), targets, score)
    measured = (shifted[0] - shifted[1]) / (ahead - behind)
    along = (slopes * inputs).sum((-1, -2))
    gaps = (along - measured).abs() / torch.maximum(measured.abs(), _floor(scores[0]))
    ones = torch.ones(len(targets), dtype=torch.long)
    return Attributions(slopes, scores[0], scores[0], gaps, ones)


def integrated_gradients(
    model: LanguageModel,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[Target],
    score: Score,
    tolerance: float,
    ladder: Sequence[int] = STEP_LADDER,
) -> Attributions:
    """Integrated gradients along the straight line from a baseline, with as many nodes as completeness needs.

    Gauss-Legendre nodes; a target whose attributions miss ``score(input) - score(baseline)`` by more than
    ``tolerance`` is computed again with the next number of nodes.

    Args:
        model: The model.
        inputs: Input embeddings ``[position, width]``.
        baseline: Embeddings that stand for "nothing", ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.
        tolerance: The relative completeness gap that is good enough.
        ladder: Numbers of nodes to try.

    Returns:
        Attributions whose ``residuals`` are the relative completeness gaps.
    """
    with torch.no_grad():
        ends = _scores(model, torch.stack([inputs, baseline]), targets, score)
    difference = ends[0] - ends[1]
    scale = torch.maximum(difference.abs(), _floor(ends[0]))
    path = inputs - baseline
    vectors = torch.zeros(len(targets), *inputs.shape, dtype=inputs.dtype, device=inputs.device)
    residuals = torch.full_like(scale, torch.inf)
    steps = torch.zeros(len(targets), dtype=torch.long)
    open_targets = list(range(len(targets)))
    for nodes in ladder:
        where, weights = _gauss_legendre(nodes, inputs)
        points = baseline + where[:, None, None] * path
        averaged, _ = _weighted_gradients(model, points, weights, [targets[index] for index in open_targets], score)
        vectors[open_targets] = averaged * path
        gaps = (vectors[open_targets].sum((-1, -2)) - difference[open_targets]).abs() / scale[open_targets]
        residuals[open_targets] = gaps
        steps[open_targets] = nodes
        open_targets = [index for index, gap in zip(open_targets, gaps.tolist(), strict=True) if not gap <= tolerance]
        if not open_targets:
            break
    return Attributions(vectors, ends[0], ends[1], residuals, steps)


def _floor(scores: torch.Tensor) -> torch.Tensor:
    """The smallest change of a score that a relative error is measured against: 1 % of the score, at least 0.01."""
    return 0.01 * scores.abs().clamp_min(1.0)


def _gauss_legendre(nodes: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nodes and weights on [0, 1], which integrate polynomials up to degree ``2 nodes - 1`` exactly."""
    where, weights = np.polynomial.legendre.leggauss(nodes)
    return torch.from_numpy((where + 1) / 2).to(like), torch.from_numpy(weights / 2).to(like)


def _scores(model: LanguageModel, points: torch.Tensor, targets: Sequence[Target], score: Score) -> torch.Tensor:
    """The targets' scores at points ``[point, position, width]``: ``[point, target]``."""
    last = max(target.position for target in targets)
    logits = model.logits_from_embeddings(points[:, : last + 1], [target.position for target in targets])
    return score_targets(logits, targets, score)


def _weighted_gradients(
    model: LanguageModel, points: torch.Tensor, weights: torch.Tensor, targets: Sequence[Target], score: Score
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weighted sums over points of the gradients of every target.

    Rows of a batch do not see each other, so the gradient of a weighted sum over the batch is, row by row, the weighted
    gradient: one backward pass serves all points of a chunk.

    Args:
        model: The model.
        points: ``[point, position, width]``.
        weights: ``[point]``.
        targets: What is explained.
        score: What counts as a target's score.

    Returns:
        ``[target, position, width]`` and the scores ``[point, target]``.
    """
    total = torch.zeros(len(targets), *points.shape[1:], dtype=points.dtype, device=points.device)
    scores = []
    for start in range(0, len(points), _ROWS_AT_ONCE):
        rows = points[start : start + _ROWS_AT_ONCE].detach().requires_grad_(True)
        with torch.enable_grad():
            values = _scores(model, rows, targets, score)
            weighted = (values * weights[start : start + _ROWS_AT_ONCE, None].to(values)).sum(0)
        total += _jacobian(weighted, rows).sum(1)
        scores.append(values.detach())
    return total, torch.cat(scores)


def _jacobian(values: torch.Tensor, inputs: torch.Tensor) -> torch.Tensor:
    """Derivatives of ``values [target]`` by ``inputs [...]``: ``[target, ...]``, several backward passes as one."""
    chunks = torch.eye(len(values), dtype=values.dtype, device=values.device).split(_TARGETS_AT_ONCE)
    parts = []
    for index, chunk in enumerate(chunks):
        (part,) = torch.autograd.grad(
            values, inputs, chunk, is_grads_batched=True, retain_graph=index < len(chunks) - 1
        )
        parts.append(part)
    return torch.cat(parts)


