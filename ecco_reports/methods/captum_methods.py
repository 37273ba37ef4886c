"""Methods of the captum library, on our own passes: DeepLift, GradientSHAP, LIME, Kernel SHAP.

In: what the methods of our own take. Out: the same. captum is an extra of this package; it is imported where it is
used. It explains one target at a time and draws from the global generators, which are given back as they were.

Sources: Shrikumar et al. 2017, section 3 (DeepLift's rescale rule); Lundberg & Lee 2017, section 4 (Kernel SHAP), and
Erion et al. 2021, section 2 (the expectation of gradients that GradientSHAP estimates); Ribeiro et al. 2016, section 3
(LIME). captum has rules of DeepLift for modules such as ReLU, tanh and softmax; what a transformer computes by
functions or by other modules (attention, GELU, norms) is followed by its gradient, and contributions do not add up.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.gradients import PARTS, Attributions, Smoothed, relative_floor
from ecco_reports.methods.perturbation import Effects, Scorer, occlusion, shapley
from ecco_reports.methods.targets import Score, Target, places_of, score_targets
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.reading import Reading

# captum's own default: the penalty of LIME's linear model on the size of its weights.
_LASSO = 0.01
_TEXTS_AT_ONCE = 16
# How much the whole text and the empty one weigh in Kernel SHAP, in theory infinitely. Against captum's million, a few
# hundred texts that a line does not fit push the sum off by a thousandth.
_ENDS = 1e9


@dataclass(frozen=True)
class Surrogate(Effects):
    """What the units do according to a linear model of the scores.

    Attributes:
        misfit: The share of the variance of the scores that the linear model does not explain, ``[target]``.
    """

    misfit: np.ndarray


class _Speaker(nn.Module):
    """A model as captum wants it: embeddings ``[batch, position, width]`` in, scores ``[batch, target]`` out."""

    def __init__(
        self, model: LanguageModel, reading: Reading, inputs: torch.Tensor, targets: Sequence[Target], score: Score
    ) -> None:
        super().__init__()
        self.inside = model.module
        self._asked = (model, reading, targets, score)
        self._dtype = inputs.dtype  # captum's own points are in single precision at least.

    def forward(self, embeddings: torch.Tensor) -> torch.Tensor:
        model, reading, targets, score = self._asked
        length = max(map(reading.reach, places_of(targets))) + 1
        logits = model.logits_from_embeddings(reading, embeddings[:, :length].to(self._dtype), places_of(targets))
        return score_targets(logits, targets, score)


def deep_lift(
    model: LanguageModel,
    reading: Reading,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[Target],
    score: Score,
) -> Attributions:
    """DeepLift by the rescale rule, against a baseline.

    Args:
        model: The model.
        reading: What it reads.
        inputs: Input embeddings ``[position, width]``.
        baseline: Embeddings that stand for "nothing", ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.

    Returns:
        Attributions whose ``residuals`` are captum's convergence deltas, relative to the change of the score.

    Raises:
        CapabilityError: A part of the model runs more than once in a pass, which captum's rules do not allow.
    """
    from captum.attr import DeepLift

    speaker = _Speaker(model, reading, inputs, targets, score)
    method = DeepLift(speaker)

    def of(chosen: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        points = inputs.detach().expand(len(chosen), -1, -1).clone()
        nothing = baseline.expand_as(points).clone()
        found, deltas = method.attribute(points, nothing, target=[*chosen], return_convergence_delta=True)
        return found.detach(), deltas.detach()

    try:
        with _quietly(0):
            parts = [*model.memory.chunks("DeepLift", "target", range(len(targets)), _TEXTS_AT_ONCE, of)]
    except RuntimeError as error:
        if "being used more than once" not in str(error):
            raise
        source = model.facts.spec.source
        raise CapabilityError(source, f"captum cannot follow {source}, a part of which runs twice in a pass.") from None
    with torch.no_grad():
        scores, elsewhere = speaker(torch.stack([inputs, baseline]))
    deltas = torch.cat([part for _, part in parts])
    scale = torch.maximum((scores - elsewhere).abs(), relative_floor(scores))
    ones = torch.ones(len(targets), dtype=torch.long)
    vectors = torch.cat([part for part, _ in parts]).to(scores.dtype)
    return Attributions(vectors, scores, elsewhere, deltas.abs() / scale, ones)


def has_rules(model: LanguageModel) -> bool:
    """Whether captum has a rule of DeepLift for any part of a model; else DeepLift is its gradient times the change."""
    from captum.attr._core.deep_lift import SUPPORTED_NON_LINEAR

    return any(type(part) in SUPPORTED_NON_LINEAR for part in model.module.modules())


def gradient_shap(
    model: LanguageModel,
    reading: Reading,
    inputs: torch.Tensor,
    baseline: torch.Tensor,
    targets: Sequence[Target],
    score: Score,
    samples: int,
    seed: int,
) -> Smoothed:
    """Gradients at random points between a baseline and the input: integrated gradients, estimated by chance.

    No noise is added to the input, so that contributions should add up to the change of the score.

    Args:
        model: The model.
        reading: What it reads.
        inputs: Input embeddings ``[position, width]``.
        baseline: Embeddings that stand for "nothing", ``[position, width]``.
        targets: What is explained.
        score: What counts as a target's score.
        samples: How many points; from eight on rounded up to a multiple of it. All targets have the same.
        seed: Of the points.

    Returns:
        Attributions whose ``residuals`` are the mean of captum's convergence deltas in standard errors of that mean:
        how surprising the miss would be if the contributions added up on average.
    """
    from captum.attr import GradientShap

    parts = min(samples, PARTS)
    size = -(-samples // parts)
    speaker = _Speaker(model, reading, inputs, targets, score)
    method = GradientShap(speaker)

    def of(chosen: Sequence[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
        ((part, target),) = chosen
        with _quietly(seed * PARTS + part):
            found, deltas = method.attribute(
                inputs.detach()[None], baseline[None], size, target=target, return_convergence_delta=True
            )
        return found.detach()[0], deltas.detach()

    asked = [(part, target) for part in range(parts) for target in range(len(targets))]
    found = [*model.memory.chunks("GradientSHAP", "part of the draws", asked, 1, of)]
    vectors = torch.stack([vectors for vectors, _ in found]).reshape(parts, len(targets), *inputs.shape)
    deltas = torch.stack([deltas for _, deltas in found]).reshape(parts, len(targets), size)
    with torch.no_grad():
        scores, elsewhere = speaker(torch.stack([inputs, baseline]))
    vectors = vectors.to(scores.dtype)
    misses = deltas.transpose(0, 1).flatten(1).to(scores.dtype)
    rounding = torch.finfo(inputs.dtype).eps * 10 * scores.abs().clamp_min(1.0)
    error = misses.std(-1) / (parts * size) ** 0.5 + rounding
    steps = torch.full((len(targets),), parts * size)
    return Smoothed(vectors.mean(0), scores, elsewhere, misses.mean(-1).abs() / error, steps, vectors)


def lime(scores: Scorer, units: int, variants: int, seed: int) -> Surrogate:
    """The weights of a sparse linear model of the scores of random variants, near ones counting more.

    Each unit is kept with probability one half; a variant's weight falls with its cosine distance from the whole text
    (captum's defaults, the penalty of 0.01 on the weights included).

    Args:
        scores: The scorer.
        units: How many units there are.
        variants: How many texts are scored.
        seed: Of the draw.
    """
    from captum._utils.models.linear_model import SkLearnLasso
    from captum.attr import Lime
    from captum.attr._core.lime import get_exp_kernel_similarity_function

    if not units:
        return _exactly(occlusion(scores, units))
    kernel, weights = get_exp_kernel_similarity_function(), list[float]()

    def similarity(*args: Any, **kwargs: Any) -> float:
        weights.append(float(kernel(*args, **kwargs)))
        return weights[-1]

    linear = SkLearnLasso(alpha=_LASSO)
    asked = _Asked(scores, units)
    found, misfit = [], []
    for target in range(asked.targets):
        weights.clear()
        method = Lime(asked, interpretable_model=linear, similarity_func=similarity)
        found.append(asked.attribute(method, target, variants, seed))
        said = asked.last @ found[-1] + float(linear.bias())
        values = asked.scored(asked.last).values[:, target]
        misfit.append(_unexplained(values, said, np.array(weights)))
    return asked.surrogate(found, misfit, variants, None)


def kernel_shap(scores: Scorer, units: int, variants: int, seed: int) -> Surrogate:
    """Shapley values from a linear model of the scores of random variants, drawn by Shapley's kernel.

    The whole text and the empty one are among them with so large a weight that the values add up to what lies between.
    With one unit there is nothing to draw.

    Args:
        scores: The scorer.
        units: How many units there are.
        variants: How many texts are scored.
        seed: Of the draw.
    """
    from captum.attr import KernelShap

    if units < 2:
        return _exactly(shapley(scores, units, 4, seed))
    asked = _Asked(scores, units)
    found, misfit = [], []
    for target in range(asked.targets):
        method = KernelShap(asked)
        method.interpretable_model, method.inf_weight = _InDouble(method.interpretable_model), _ENDS
        found.append(asked.attribute(method, target, variants, seed))
        kept = asked.last[2:]
        values, empty = asked.scored(kept).values[:, target], asked.scored(np.zeros((1, units), bool)).values[0, target]
        misfit.append(_unexplained(values, kept @ found[-1] + empty, np.ones(len(kept))))
    return asked.surrogate(found, misfit, variants, asked.scored(np.zeros((1, units), bool)).values[0])


def _exactly(effects: Effects) -> Surrogate:
    """What needs no linear model."""
    return Surrogate(**vars(effects), misfit=np.zeros(len(effects.full)))


@dataclass(frozen=True)
class _InDouble:
    """A linear model of captum's that is fitted in double precision, which large weights need."""

    linear: Any

    def fit(self, train_data: Any) -> Any:
        """Fits batches of coalitions, scores and weights."""
        return self.linear.fit([tuple(part.double() for part in batch) for batch in train_data])

    def representation(self) -> torch.Tensor:
        """The coefficients."""
        coefficients: torch.Tensor = self.linear.representation()
        return coefficients


class _Asked:
    """A scorer as captum wants it: rows of zeros and ones in, scores ``[variant, target]`` out.

    Attributes:
        targets: How many targets there are.
        last: The coalitions that were asked about last.
    """

    def __init__(self, scores: Scorer, units: int) -> None:
        self.scored = scores
        self.units = units
        self._whole = np.ones((1, units), bool)
        self._full = scores(self._whole)
        self.targets = self._full.values.shape[1]
        self.last = self._whole

    def __call__(self, kept: torch.Tensor) -> torch.Tensor:
        self.last = kept.numpy() > 0.5
        return torch.from_numpy(self.scored(self.last).values)

    def attribute(self, method: Any, target: int, variants: int, seed: int) -> np.ndarray:
        """What a method says of the units, all variants being asked about at once."""
        with _quietly(seed):
            found = method.attribute(
                torch.ones(1, self.units), target=target, n_samples=variants, perturbations_per_eval=variants
            )
        return np.asarray(found[0].double().numpy())

    def surrogate(
        self, found: Sequence[np.ndarray], misfit: Sequence[float], variants: int, empty: np.ndarray | None
    ) -> Surrogate:
        """The answer for all targets."""
        contributions = np.array(found).reshape(self.targets, self.units)
        kept = np.unique(np.concatenate([self._whole, self.last]), axis=0)
        return Surrogate(
            contributions=contributions,
            standard_errors=np.zeros_like(contributions),
            at_least=np.zeros(contributions.shape, bool),
            full=self._full.values[0],
            full_bounds=self._full.bounds[0],
            empty=empty,
            orders=variants,
            variants=len(kept),
            bounds=int(self.scored(kept).bounds.sum()),
            misfit=np.array(misfit),
        )


def _unexplained(values: np.ndarray, said: np.ndarray, weights: np.ndarray) -> float:
    """The share of the weighted variance of values that is left when what is said of them is taken away."""
    around = values - np.average(values, weights=weights)
    total = float((weights * around**2).sum())
    left = float((weights * (values - said) ** 2).sum())
    return left / total if total > 0 else 0.0


@contextmanager
def _quietly(seed: int) -> Iterator[None]:
    """Inside, the global generators begin at a seed, and captum does not warn of its hooks."""
    state = np.random.get_state()
    with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        torch.manual_seed(seed)
        np.random.seed(seed % 2**32)
        try:
            yield
        finally:
            np.random.set_state(state)
