"""Asks each method what moved the targets, and shares between them what they have in common.

In: a reading, what is explained of it, params. Out: what each method says, as it is stored. Imports torch where it
computes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.attributing.results import Attended, Drawn, MethodResult, Perturbed, columns_of
from ecco_reports.analyses.attributing.settings import (
    ATTENTIONS,
    METHOD_TITLES,
    PERTURBATIONS,
    AttributionParams,
    BaselineName,
    Method,
)
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.units import Grain, Unit, fixed_positions
from ecco_reports.errors import CapabilityError
from ecco_reports.methods.perturbation import Effects, Remembered, Scorer, occlusion, shapley
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Reading

if TYPE_CHECKING:
    import torch

    from ecco_reports.methods.attention_flow import Attention
    from ecco_reports.methods.gradients import Attributions
    from ecco_reports.methods.targets import Target

# The score of the whole text among other texts in a batch, against its score alone.
_BATCHING = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
# A server batches, and rounds, as it likes.
_SERVER = 0.05
_TOKENS: dict[str, BaselineName] = {kind: kind for kind in ("zero", "mean", "eos", "pad", "mask", "unk")}


def targets_of(explained: Sequence[Explained]) -> list[Target]:
    """What is explained, as numbers."""
    from ecco_reports.methods.targets import Target

    return [
        Target(
            one.place,
            one.outcome,
            one.foil_outcome,
            () if one.end is None else (Target(one.place + 1, one.end, one.foil_end),),
        )
        for one in explained
    ]


@dataclass(frozen=True)
class Attributor:
    """What all methods of one entry share.

    Attributes:
        model: The model.
        reading: What it read and said.
        explained: What is explained.
        units: What is left out at a time.
        params: The settings.
        tolerance: The completeness gap that is good enough.
        grain: What the units are.
    """

    model: LanguageModel
    reading: Reading
    explained: Sequence[Explained]
    units: Sequence[Unit]
    params: AttributionParams
    tolerance: float
    grain: Grain = "token"

    def by_methods(self, methods: Sequence[Method]) -> tuple[tuple[MethodResult, ...], tuple[str, ...]]:
        """What each method says, in order, and a sentence about each that turned out to be impossible.

        Raises:
            CapabilityError: All of them are.
        """
        results, left_out = [], []
        for method in methods:
            try:
                results.append(self._result(method))
                left_out += self._remarks(method)
            except CapabilityError as error:
                if len(methods) == 1:
                    raise
                left_out.append(f"{METHOD_TITLES[method]}: {error}")
        if not results:
            raise CapabilityError(self.model.facts.spec.source, " ".join(left_out))
        return tuple(results), tuple(left_out)

    def _result(self, method: Method) -> MethodResult:
        if method in PERTURBATIONS:
            return self._perturbed(method)
        return self._attended(method) if method in ATTENTIONS else self._sloped(method)

    def _remarks(self, method: Method) -> list[str]:
        """What is to be said of a method that did what it could."""
        partly = self.model.partly.get(Capability.ATTENTION)
        if method == "attention_rollout" and partly:
            return [f"{METHOD_TITLES[method]} passes over layers without attention: {partly}."]
        if method != "deep_lift":
            return []
        from ecco_reports.methods.captum_methods import has_rules

        what = "captum has a rule for no part of this model, so this is the gradient times the change of the input."
        return [] if has_rules(self.model) else [f"{METHOD_TITLES[method]}: {what}"]

    @cached_property
    def targets(self) -> list[Target]:
        """What is explained, as numbers."""
        return targets_of(self.explained)

    @cached_property
    def _inputs(self) -> torch.Tensor:
        import torch

        with torch.no_grad():
            return self.model.embed(self.reading)

    def _without_information(self, kind: BaselineName) -> torch.Tensor:
        """Embeddings without information; the template and the masks keep theirs."""
        import torch

        from ecco_reports.methods.baselines import baseline_embeddings

        fixed = fixed_positions(self.reading)
        keep = torch.tensor([position in fixed for position in range(len(self.reading.passage.tokens))])
        with torch.no_grad():
            return baseline_embeddings(self.model, kind, self._inputs, keep=keep)

    @cached_property
    def _plain(self) -> Attributions:
        """The gradients that saliency and input x gradient share."""
        from ecco_reports.methods.gradients import gradients

        return gradients(self.model, self.reading, self._inputs, self.targets, self.params.score)

    def _slopes(self, method: Method) -> tuple[Attributions, torch.Tensor]:
        """What a gradient method finds, and its vectors ``[target, position, width]``."""
        from ecco_reports.methods.gradients import integrated_gradients, smooth_grad

        params = self.params
        if method in ("input_x_gradient", "saliency"):
            plain = self._plain
            return plain, plain.vectors * self._inputs if method == "input_x_gradient" else plain.vectors
        asked = (self.model, self.reading, self._inputs)
        if method == "smooth_grad":
            drawn = (params.noise, params.samples, params.seed)
            found: Attributions = smooth_grad(*asked, self.targets, params.score, *drawn)
            return found, found.vectors
        nothing = self._without_information(params.baseline)
        if method == "integrated_gradients":
            found = integrated_gradients(*asked, nothing, self.targets, params.score, self.tolerance)
            return found, found.vectors
        from ecco_reports.methods.captum_methods import deep_lift, gradient_shap

        if method == "deep_lift":
            found = deep_lift(*asked, nothing, self.targets, params.score)
        else:
            found = gradient_shap(*asked, nothing, self.targets, params.score, params.samples, params.seed)
        return found, found.vectors

    def _numbers(self, method: Method, vectors: torch.Tensor) -> torch.Tensor:
        """One number per target and position from vectors ``[..., width]``."""
        if self.params.aggregation == "l2":
            return vectors.square().sum(-1).sqrt()
        without_sign = self.params.aggregation == "absolute" or method in ("saliency", "smooth_grad")
        return vectors.abs().sum(-1) if without_sign else vectors.sum(-1)

    def _sloped(self, method: Method) -> MethodResult:
        """The result of a method that follows gradients."""
        import torch

        found, vectors = self._slopes(method)
        beyond = torch.from_numpy(self._beyond).to(vectors.device)
        return MethodResult(
            method=method,
            contributions=self._numbers(method, vectors).masked_fill(beyond, 0.0).cpu().numpy(),
            scores=found.scores.cpu().numpy(),
            baseline_scores=found.baseline_scores.cpu().numpy(),
            residuals=found.residuals.cpu().numpy(),
            steps=found.steps.cpu().numpy(),
            leak=float(vectors.abs().amax(-1).masked_fill(~beyond, 0.0).max()),
            drawn=self._drawn(method, found),
        )

    @property
    def _beyond(self) -> np.ndarray:
        """The positions that a target cannot depend on, ``[target, position]``."""
        after = np.array([one.after for one in self.explained])
        return np.arange(len(self.reading.passage.tokens)) > after[:, None]

    def _drawn(self, method: Method, found: Attributions) -> Drawn | None:
        """What chance did, with errors by the jackknife (Efron & Tibshirani 1993, chapter 11) over parts of the draws.

        It asks what each number would be without one of the parts, so that it serves norms and sums alike.
        """
        from ecco_reports.methods.gradients import Smoothed

        if not isinstance(found, Smoothed):
            return None
        count, total = len(found.parts), found.parts.sum(0)
        columns = columns_of(self.reading.passage, self.units, self.grain)
        without = []
        for part in found.parts:
            numbers = self._numbers(method, (total - part) / (count - 1)).cpu().numpy()
            without.append(np.stack([numbers[:, list(column)].sum(-1) for column in columns], -1))
        errors = np.sqrt((count - 1) * np.var(without, axis=0))
        spread = self._spread(errors, columns)
        spread[self._beyond] = 0.0
        return Drawn(draws=int(found.steps[0]), standard_errors=spread, seed=self.params.seed)

    @cached_property
    def _attention(self) -> tuple[Attention, list[list[int]]]:
        """The weights of the whole text, and where each target is said."""
        from ecco_reports.methods.attention_flow import attention_of, speaking_positions

        return attention_of(self.model, self.reading), speaking_positions(self.model, self.reading, self.targets)

    def _attended(self, method: Method) -> MethodResult:
        """The result of a method that reads attention weights."""
        from ecco_reports.methods.attention_flow import attention_rollout, raw_attention
        from ecco_reports.methods.variants import own_scores

        attention, queries = self._attention
        length, params = len(self.reading.passage.tokens), self.params
        if method == "attention_rollout":
            found = attention_rollout(attention, queries, length)
        else:
            found = raw_attention(attention, queries, length, params.attention_layer, params.attention_heads)
        scores = own_scores(self.model, self.reading, self.targets, params.score)
        return MethodResult(
            method=method,
            contributions=np.where(self._beyond, 0.0, found.weights),
            scores=scores,
            baseline_scores=scores,
            residuals=found.residuals,
            steps=np.ones(len(scores), int),
            leak=float(np.where(self._beyond, found.weights, 0.0).max(initial=0.0)),
            attended=Attended(layers=found.layers, missing=found.missing),
        )

    @cached_property
    def _remembered(self) -> tuple[Scorer, np.ndarray, float]:
        """The scorer of all methods that leave things out: what one has scored the others do not score again."""
        scorer, own, tolerance = self.scorer()
        return Remembered(scorer), own, tolerance

    def scorer(self) -> tuple[Scorer, np.ndarray, float]:
        """How variants are scored, the model's own scores of the whole text, and how far the two may differ."""
        from ecco_reports.methods.variants import Perturbed as Variants
        from ecco_reports.methods.variants import by_model, own_scores

        dtype, replacement = self.model.facts.spec.dtype, self.params.replacement
        hides = replacement == "attention"
        if Capability.GRADIENTS not in self.model.capabilities and not hides:
            said = [one.said for one in self.explained if one.said is not None]
            own = np.array([self.reading.spoken[one].logprob for one in said])
            local = Capability.LOGITS in self.model.capabilities
            return by_model(self.model, self.reading, self.units, said), own, _BATCHING[dtype] if local else _SERVER
        variants = Variants(self.model, self.reading, self.units, self.targets, self.params.score)
        own = own_scores(self.model, self.reading, self.targets, self.params.score)
        if replacement == "delete":
            return variants.deleting(), own, _BATCHING[dtype]
        if hides:
            return variants.hiding(), own, _BATCHING[dtype]
        kind = self.params.baseline if replacement == "baseline" else _TOKENS[replacement]
        return variants.replacing(self._without_information(kind)), own, _BATCHING[dtype]

    def _effects(self, method: Method) -> tuple[Effects, np.ndarray | None]:
        """What a method that leaves things out finds, and what its linear model does not explain, if it has one."""
        (scores, _, _), count, params = self._remembered, len(self.units), self.params
        if method == "occlusion":
            return occlusion(scores, count), None
        if method == "shapley":
            return shapley(scores, count, params.samples, params.seed), None
        from ecco_reports.methods.captum_methods import kernel_shap, lime

        found = (lime if method == "lime" else kernel_shap)(scores, count, params.variants, params.seed)
        return found, found.misfit

    def _perturbed(self, method: Method) -> MethodResult:
        """The result of a method whose numbers are of units."""
        effects, misfit = self._effects(method)
        _, own, tolerance = self._remembered
        full, empty = effects.full, effects.empty
        misses = np.where(effects.full_bounds, np.maximum(own - full, 0.0), np.abs(full - own))
        gaps = misses / np.maximum(1.0, np.abs(own))
        residuals = gaps if misfit is None else misfit
        if empty is not None:
            # The floor is the one of integrated gradients: where a text changes next to nothing.
            scale = np.maximum(np.abs(full - empty), 0.01 * np.maximum(1.0, np.abs(full)))
            residuals = np.abs(effects.contributions.sum(-1) - (full - empty)) / scale
        errors = self._spread(effects.standard_errors, self.units) if method == "shapley" else None
        return MethodResult(
            method=method,
            contributions=self._spread(effects.contributions, self.units),
            scores=full,
            baseline_scores=full if empty is None else empty,
            residuals=residuals,
            steps=np.full(len(full), effects.variants),
            leak=0.0,
            perturbed=Perturbed(
                at_least=self._spread(effects.at_least, self.units) > 0,
                gaps=gaps,
                tolerance=tolerance,
                bounds=effects.bounds,
            ),
            drawn=Drawn(draws=effects.orders, standard_errors=errors, seed=self.params.seed)
            if effects.orders
            else None,
        )

    def _spread(self, values: np.ndarray, columns: Sequence[Unit]) -> np.ndarray:
        """Numbers of columns, ``[target, column]``, divided evenly among their tokens: ``[target, position]``."""
        spread = np.zeros((len(values), len(self.reading.passage.tokens)))
        for column, positions in enumerate(columns):
            spread[:, list(positions)] = values[:, column, None] / len(positions)
        return spread
