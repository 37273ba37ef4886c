"""Attribution by gradients: saliency, input x gradient, integrated gradients, SmoothGrad, for all targets at once.

In a causal model the score of a token does not depend on later positions, so one pass over the whole text serves every
generated token: the naive way runs a prefix per token. The derivatives of all targets then come from one vectorised
backward pass per chunk of targets, which begins below the head: the head is differentiated once for all of them.

Sources: Simonyan et al. 2013 (saliency); Shrikumar et al. 2016 (input x gradient); Sundararajan et al. 2017, section 3
(integrated gradients) and proposition 1 (completeness); Smilkov et al. 2017, section 3 (SmoothGrad).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ecco_reports.methods.slopes import Points, Scores, Slopes, weighted_gradients
from ecco_reports.methods.targets import Score, Target
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.reading import Reading

STEP_LADDER = (32, 64, 128, 256)
"""Nodes that integrated gradients tries, one after the other, for the targets that are not exact enough."""

# Rounding hides small steps (a half-precision score is known to two or three digits), and large ones step over the
# kinks of a ReLU: the next step is tried where the one before leaves more than a trace of a difference.
_FINITE_DIFFERENCE_STEPS = {
    torch.float64: (1e-3, 1e-4),
    torch.float32: (1e-2, 3e-3, 1e-3, 3e-4),
    torch.bfloat16: (1e-1,),
    torch.float16: (1e-1,),
}
_TRACE = 0.01
# A path on which the trapezoids miss more than this share of all ups and downs has features between the nodes.
_UNRESOLVED = 0.2
# SmoothGrad: how many equal parts its draws are kept apart in, from which their spread is known, and how many of the
# draws are proved by finite differences, which cost at least two passes each.
PARTS = 8
_PROVED = 8


@dataclass(frozen=True)
class Attributions:
    """Contributions of input positions to targets, with what proves them.

    Attributes:
        vectors: Per embedding dimension, ``[target, position, width]``, signed, in float32 or the model's own float64.
        scores: The targets' scores at the input, ``[target]``.
        baseline_scores: The targets' scores at the baseline, ``[target]``; equal to ``scores`` for plain gradients.
        residuals: How far the proof is from holding, relative, ``[target]``.
        steps: Interpolation nodes or noisy inputs used for each target, ``[target]``; 1 for plain gradients.
    """

    vectors: torch.Tensor
    scores: torch.Tensor
    baseline_scores: torch.Tensor
    residuals: torch.Tensor
    steps: torch.Tensor


@dataclass(frozen=True)
class Smoothed(Attributions):
    """Contributions that chance had a part in.

    Attributes:
        parts: What equal parts of the draws say by themselves, ``[part, target, position, width]``.
    """

    parts: torch.Tensor


def gradients(
    model: LanguageModel, reading: Reading, inputs: torch.Tensor, targets: Sequence[Target], score: Score
) -> Attributions:
    """The gradient of each target's score with respect to the input embeddings.

    The proof is a derivative taken another way: the scores' slope along the line through the origin and the input, by
    central differences, against the sum of input x gradient (Euler's relation for the directional derivative). A wrong
    gradient misses it with every step, a right one is only hidden by rounding or by a kink at some: the smallest miss
    counts.

    Args:
        model: The model.
        reading: What it reads.
        inputs: Input embeddings ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.

    Returns:
        Gradients as ``vectors``.
    """
    scorer = Scores(model, reading, targets, score)
    slopes = weighted_gradients(scorer, lambda _: inputs[None], inputs.new_ones(1, 1), inputs)
    gaps = _finite_difference_gaps(scorer, inputs[None], inputs, slopes)
    ones = torch.ones(len(targets), dtype=torch.long)
    return Attributions(slopes.total[0], slopes.scores[0], slopes.scores[0], gaps, ones)


def smooth_grad(
    model: LanguageModel,
    reading: Reading,
    inputs: torch.Tensor,
    targets: Sequence[Target],
    score: Score,
    noise: float,
    samples: int,
    seed: int,
) -> Smoothed:
    """The mean gradient over inputs with Gaussian noise.

    The noise has the same size in all dimensions of all positions. Each draw has random numbers of its own, so that
    they are the same whatever else is computed, on any device. The proof is that of ``gradients`` for the mean score of
    the first eight noisy inputs.

    Args:
        model: The model.
        reading: What it reads.
        inputs: Input embeddings ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.
        noise: Standard deviation of the noise, as a share of the standard deviation of all numbers of ``inputs``.
        samples: How many noisy inputs; from eight on rounded up to a multiple of it.
        seed: Of the noise.

    Returns:
        Mean gradients as ``vectors``, scores without noise, and the means of equal ``parts`` of the draws.
    """
    parts = min(samples, PARTS)
    size = -(-samples // parts)
    deviation = noise * inputs.std()

    def points(rows: Sequence[int]) -> torch.Tensor:
        drawn = [np.random.default_rng([seed, row]).standard_normal(tuple(inputs.shape)) for row in rows]
        return inputs + deviation * torch.from_numpy(np.stack(drawn)).to(inputs)

    scorer = Scores(model, reading, targets, score)
    weights = torch.eye(parts).repeat_interleave(size, dim=1).to(inputs) / size
    slopes = weighted_gradients(scorer, points, weights, inputs)
    with torch.no_grad():
        scores = scorer.scores(inputs[None])[0]
    gaps = _finite_difference_gaps(scorer, points(range(min(parts * size, _PROVED))), inputs, slopes)
    steps = torch.full((len(targets),), parts * size)
    return Smoothed(slopes.total.mean(0), scores, scores, gaps, steps, slopes.total)


def _finite_difference_gaps(
    scorer: Scores, points: torch.Tensor, direction: torch.Tensor, slopes: Slopes
) -> torch.Tensor:
    """How far the mean slope at the first points is from central differences of the mean score, ``[target]``.

    Args:
        scorer: Gives the scores.
        points: ``[point, position, width]``.
        direction: Along which the slopes are, ``[position, width]``.
        slopes: At these points, and perhaps more.
    """
    scores, along = (found[: len(points)].mean(0) for found in (slopes.scores, slopes.along))
    gaps = torch.full_like(scores, torch.inf)
    for step in _FINITE_DIFFERENCE_STEPS[points.dtype]:
        with torch.no_grad():
            moved = scorer.scores(torch.cat([points + step * direction, points - step * direction]))
        ahead, behind = moved.reshape(2, len(points), -1).mean(1)
        measured = (ahead - behind) / (2 * step)
        rounding = torch.finfo(points.dtype).eps * scores.abs().clamp_min(1.0) / step
        scale = torch.maximum(torch.maximum(measured.abs(), rounding), relative_floor(scores))
        gaps = torch.minimum(gaps, (along - measured).abs() / scale)
        if bool((gaps <= _TRACE).all()):
            break
    return gaps


def integrated_gradients(
    model: LanguageModel,
    reading: Reading,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[Target],
    score: Score,
    tolerance: float,
    ladder: Sequence[int] = STEP_LADDER,
) -> Attributions:
    """Integrated gradients along the straight line from a baseline, with as many nodes as completeness needs.

    Gauss-Legendre nodes; a target whose attributions miss ``score(input) - score(baseline)`` by more than
    ``tolerance`` is computed again with the next number of nodes. A sum may also come out right by luck: a zero
    baseline is a singular point of a model that normalises its embeddings at once, and most of the path's change lies
    between the first node and zero. So the same is asked between each node and the next, where chance cannot help.

    Args:
        model: The model.
        reading: What it reads.
        inputs: Input embeddings ``[position, width]``.
        baseline: Embeddings that stand for "nothing", ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.
        tolerance: The relative completeness gap that is good enough.
        ladder: Numbers of nodes to try.

    Returns:
        Attributions whose ``residuals`` are the relative completeness gaps; where the nodes do not resolve the path,
        what the gaps between one node and the next add up to, if that is more.
    """
    with torch.no_grad():
        ends = Scores(model, reading, targets, score).scores(torch.stack([inputs, baseline]))
    path = inputs - baseline

    def on_the_path(where: torch.Tensor) -> Points:
        return lambda rows: baseline + where[list(rows)].to(inputs)[:, None, None] * path

    vectors = torch.zeros(len(targets), *inputs.shape, dtype=ends.dtype, device=inputs.device)
    residuals = torch.full_like(ends[0], torch.inf)
    steps = torch.zeros(len(targets), dtype=torch.long)
    open_targets = list(range(len(targets)))
    for nodes in ladder:
        where, weights = _gauss_legendre(nodes, ends)
        scorer = Scores(model, reading, [targets[index] for index in open_targets], score)
        slopes = weighted_gradients(scorer, on_the_path(where), weights[None], path)
        vectors[open_targets] = slopes.total[0] * path
        residuals[open_targets] = _incompleteness(slopes, where, weights, ends[:, open_targets], inputs.dtype)
        steps[open_targets] = nodes
        open_targets = [index for index in open_targets if not residuals[index] <= tolerance]
        if not open_targets:
            break
    return Attributions(vectors, ends[0], ends[1], residuals, steps)


def relative_floor(scores: torch.Tensor) -> torch.Tensor:
    """The smallest change of a score that a relative error is measured against: 1 % of the score, at least 0.01."""
    return 0.01 * scores.abs().clamp_min(1.0)


def _gauss_legendre(nodes: int, like: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Nodes and weights on [0, 1], which integrate polynomials up to degree ``2 nodes - 1`` exactly."""
    where, weights = np.polynomial.legendre.leggauss(nodes)
    return torch.from_numpy((where + 1) / 2).to(like), torch.from_numpy(weights / 2).to(like)


def _incompleteness(
    slopes: Slopes, where: torch.Tensor, weights: torch.Tensor, ends: torch.Tensor, dtype: torch.dtype
) -> torch.Tensor:
    """How far slopes are from adding up to the change of the score, relative, ``[target]``.

    Args:
        slopes: At the nodes.
        where: The nodes, on [0, 1].
        weights: Their weights.
        ends: The scores at the input and at the baseline, ``[2, target]``.
        dtype: What the model computes in.
    """
    difference = ends[0] - ends[1]
    scale = torch.maximum(difference.abs(), relative_floor(ends[0]))
    gaps = ((weights[:, None] * slopes.along).sum(0) - difference).abs() / scale
    widths = torch.cat([where.new_zeros(1), where, where.new_ones(1)]).diff()[:, None]
    slope = torch.cat([slopes.along[:1], slopes.along, slopes.along[-1:]])
    rises = torch.cat([ends[1:], slopes.scores, ends[:1]]).diff(dim=0)
    misses = (rises - widths * (slope[1:] + slope[:-1]) / 2).abs().sum(0)
    # Half precision moves every score by more than it changes from node to node: there only the sum can be judged.
    precise = torch.finfo(dtype).eps < 1e-4
    unresolved = (misses > _UNRESOLVED * torch.maximum(rises.abs().sum(0), scale)) & precise
    return torch.where(unresolved, torch.maximum(gaps, misses / scale), gaps)
