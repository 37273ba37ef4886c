"""Computes attributions: reads the prompt, then asks each method that the model can do.

In: a model, a prompt, params. Out: the result. Imports torch only where it computes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, Drawn, MethodResult, Perturbed
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, PERTURBATIONS, AttributionParams, Method
from ecco_reports.analyses.explained import Explained, explained_of
from ecco_reports.analyses.units import Grain, Unit, fixed_positions, units_of
from ecco_reports.errors import CapabilityError
from ecco_reports.methods.perturbation import Effects, Remembered, Scorer, occlusion, shapley
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Prompt

if TYPE_CHECKING:
    import torch

    from ecco_reports.methods.gradients import Attributions
    from ecco_reports.methods.targets import Target

# Below this completeness gap more steps add rounding and nothing else.
_ROUNDING = {"float64": 0.0, "float32": 0.0, "bfloat16": 0.1, "float16": 0.02}
# The score of the whole text among other texts in a batch, against its score alone.
_BATCHING = {"float64": 1e-5, "float32": 1e-4, "bfloat16": 5e-2, "float16": 1e-2}
# A server batches, and rounds, as it likes.
_SERVER = 0.05


def attribute(model: LanguageModel, prompt: Prompt, params: AttributionParams) -> AttributionResult:
    """Explains every target by every method.

    Raises:
        CapabilityError: The model can do none of the methods, or explain none of the targets.
    """
    methods, left_out = _possible(model, params)
    reading = model.read(prompt, params.decoding)
    explained, too_much = _explainable(model, explained_of(prompt, params.targets, reading, model))
    dtype = model.facts.spec.dtype
    tolerance = max(params.tolerance, _ROUNDING[dtype])
    grain = _grain(model, params)
    units = units_of(reading, grain)
    task = Attributor(model, reading, explained, units, params, tolerance)
    return AttributionResult(
        passage=reading.passage,
        explained=explained,
        methods=tuple(task.by_methods(methods)) if explained else (),
        left_out=(*left_out, *too_much),
        score=params.score,
        baseline=params.baseline,
        aggregation=params.aggregation,
        normalize=params.normalize,
        tolerance=tolerance,
        grain=grain,
        units=units,
        ignored=(),
        replacement=params.replacement,
        noise=params.noise,
        tokenized_anew=Capability.LOGITS not in model.capabilities,
        dtype=dtype,
    )


def _takes_embeddings(model: LanguageModel) -> bool:
    return Capability.GRADIENTS in model.capabilities


def _grain(model: LanguageModel, params: AttributionParams) -> Grain:
    """What a unit is: by itself a word where the tokens are those of a server, which reads text."""
    if params.units != "auto":
        return params.units
    return "token" if Capability.LOGITS in model.capabilities else "word"


def _possible(model: LanguageModel, params: AttributionParams) -> tuple[tuple[Method, ...], tuple[str, ...]]:
    """The methods that a model can do, and why it cannot do the others."""
    reasons = {method: _obstacle(model, params, method) for method in params.methods}
    possible = tuple(method for method, reason in reasons.items() if not reason)
    left_out = tuple(f"{METHOD_TITLES[method]}: {reason}" for method, reason in reasons.items() if reason)
    if not possible:
        source = model.facts.spec.source
        raise CapabilityError(source, f"{source} cannot do this. {' '.join(left_out)}")
    return possible, left_out


def _obstacle(model: LanguageModel, params: AttributionParams, method: Method) -> str:
    """Why a model cannot do a method, as a sentence; empty if it can."""
    deletes = method in PERTURBATIONS and params.replacement == "delete"
    if deletes and model.family is Family.QUESTION_ANSWERING:
        return "deleting parts of the text can take away the answer itself; write replacement: baseline."
    if _takes_embeddings(model):
        return ""
    if not deletes:
        return _missing(model, Capability.GRADIENTS)
    if Capability.SCORES not in model.capabilities:
        return _missing(model, Capability.SCORES)
    if params.score != "logprob":
        return f"{model.facts.spec.source} tells log-probabilities only; write score: logprob."
    return ""


def _missing(model: LanguageModel, capability: Capability) -> str:
    why = model.reasons.get(capability)
    return f"{model.facts.spec.source} has no {capability}{f' ({why})' if why else ''}."


def _explainable(model: LanguageModel, explained: Sequence[Explained]) -> tuple[tuple[Explained, ...], tuple[str, ...]]:
    """The targets that can be scored, and a sentence about each that cannot."""
    if _takes_embeddings(model):
        return tuple(explained), ()
    source = model.facts.spec.source
    possible = tuple(one for one in explained if one.said is not None and one.foil is None)
    left_out = tuple(
        f"{one.word}: only what {source} says itself can be scored." for one in explained if one not in possible
    )
    if left_out and not possible:
        raise CapabilityError(source, f"{source} cannot explain {' '.join(left_out)}")
    return possible, left_out


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
    """

    model: LanguageModel
    reading: Reading
    explained: Sequence[Explained]
    units: Sequence[Unit]
    params: AttributionParams
    tolerance: float

    def by_methods(self, methods: Sequence[Method]) -> Iterator[MethodResult]:
        """What each method says, in order."""
        slopes = dict(self._by_gradients([method for method in methods if method not in PERTURBATIONS]))
        effects = dict(self._by_perturbation([method for method in methods if method in PERTURBATIONS]))
        yield from (slopes[method] if method in slopes else effects[method] for method in methods)

    @property
    def targets(self) -> list[Target]:
        """What is explained, as numbers."""
        from ecco_reports.methods.targets import Target

        return [Target(one.place, one.outcome, one.foil_outcome) for one in self.explained]

    def _baseline(self, inputs: torch.Tensor) -> torch.Tensor:
        """Embeddings without information; the template and the masks keep theirs."""
        import torch

        from ecco_reports.methods.baselines import baseline_embeddings

        fixed = fixed_positions(self.reading)
        keep = torch.tensor([position in fixed for position in range(len(self.reading.passage.tokens))])
        with torch.no_grad():
            return baseline_embeddings(self.model, self.params.baseline, inputs, keep=keep)

    def _by_gradients(self, methods: Sequence[Method]) -> Iterator[tuple[Method, MethodResult]]:
        """The methods that follow gradients; the two that need plain ones share them."""
        if not methods:
            return
        import torch

        from ecco_reports.methods.gradients import gradients, integrated_gradients

        with torch.no_grad():
            inputs = self.model.embed(self.reading)
        score = self.params.score
        if {*methods} - {"integrated_gradients"}:
            plain = gradients(self.model, self.reading, inputs, self.targets, score)
        for method in methods:
            if method == "integrated_gradients":
                found = integrated_gradients(
                    self.model, self.reading, inputs, self._baseline(inputs), self.targets, score, self.tolerance
                )
                yield method, self._sloped(method, found, found.vectors)
            else:
                vectors = plain.vectors * inputs if method == "input_x_gradient" else plain.vectors
                yield method, self._sloped(method, plain, vectors)

    def _sloped(self, method: Method, found: Attributions, vectors: torch.Tensor) -> MethodResult:
        """One number per target and position from vectors ``[target, position, width]``."""
        import torch

        if self.params.aggregation == "l2":
            values = vectors.norm(dim=-1)
        else:
            values = vectors.abs().sum(-1) if method == "saliency" else vectors.sum(-1)
        after = torch.tensor([one.after for one in self.explained], device=vectors.device)
        beyond = torch.arange(vectors.shape[1], device=vectors.device) > after[:, None]
        return MethodResult(
            method=method,
            contributions=values.masked_fill(beyond, 0.0).cpu().numpy(),
            scores=found.scores.cpu().numpy(),
            baseline_scores=found.baseline_scores.cpu().numpy(),
            residuals=found.residuals.cpu().numpy(),
            steps=found.steps.cpu().numpy(),
            leak=float(vectors.abs().amax(-1).masked_fill(~beyond, 0.0).max()),
        )

    def _by_perturbation(self, methods: Sequence[Method]) -> Iterator[tuple[Method, MethodResult]]:
        """The methods that leave parts out; what one has scored the other does not score again."""
        if not methods:
            return
        scorer, own, tolerance = self.scorer()
        scores, count = Remembered(scorer), len(self.units)
        for method in methods:
            if method == "occlusion":
                effects = occlusion(scores, count)
            else:
                effects = shapley(scores, count, self.params.samples, self.params.seed)
            yield method, self._perturbed(method, effects, own, tolerance)

    def scorer(self) -> tuple[Scorer, np.ndarray, float]:
        """How variants are scored, the model's own scores of the whole text, and how far the two may differ."""
        from ecco_reports.methods.variants import Perturbed as Variants
        from ecco_reports.methods.variants import by_model, own_scores

        dtype = self.model.facts.spec.dtype
        if not _takes_embeddings(self.model):
            said = [one.said for one in self.explained if one.said is not None]
            own = np.array([self.reading.spoken[one].logprob for one in said])
            local = Capability.LOGITS in self.model.capabilities
            return by_model(self.model, self.reading, self.units, said), own, _BATCHING[dtype] if local else _SERVER
        variants = Variants(self.model, self.reading, self.units, self.targets, self.params.score)
        own = own_scores(self.model, self.reading, self.targets, self.params.score)
        if self.params.replacement == "delete":
            return variants.deleting(), own, _BATCHING[dtype]
        return variants.replacing(self._baseline(self.model.embed(self.reading))), own, _BATCHING[dtype]

    def _perturbed(self, method: Method, effects: Effects, own: np.ndarray, tolerance: float) -> MethodResult:
        """The result of a method whose numbers are of units."""
        full, empty = effects.full, effects.empty
        misses = np.where(effects.full_bounds, np.maximum(own - full, 0.0), np.abs(full - own))
        gaps = misses / np.maximum(1.0, np.abs(own))
        residuals = gaps
        if empty is not None:
            # The floor is the one of integrated gradients: where a text changes next to nothing.
            scale = np.maximum(np.abs(full - empty), 0.01 * np.maximum(1.0, np.abs(full)))
            residuals = np.abs(effects.contributions.sum(-1) - (full - empty)) / scale
        return MethodResult(
            method=method,
            contributions=self._spread(effects.contributions),
            scores=full,
            baseline_scores=full if empty is None else empty,
            residuals=residuals,
            steps=np.full(len(full), effects.variants),
            leak=0.0,
            perturbed=Perturbed(
                at_least=self._spread(effects.at_least) > 0, gaps=gaps, tolerance=tolerance, bounds=effects.bounds
            ),
            drawn=Drawn(
                draws=effects.orders, standard_errors=self._spread(effects.standard_errors), seed=self.params.seed
            )
            if effects.orders
            else None,
        )

    def _spread(self, values: np.ndarray) -> np.ndarray:
        """Numbers of units, ``[target, unit]``, divided evenly among their tokens: ``[target, position]``."""
        spread = np.zeros((len(values), len(self.reading.passage.tokens)))
        for unit, positions in enumerate(self.units):
            spread[:, list(positions)] = values[:, unit, None] / len(positions)
        return spread
