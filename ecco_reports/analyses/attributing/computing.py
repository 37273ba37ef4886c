"""Computes attributions: reads the prompt, then asks each method that the model can do.

In: a model, a prompt, params. Out: the result. Imports torch only where it computes.
"""

from __future__ import annotations

from collections.abc import Sequence

from ecco_reports.analyses.attributing.attributor import Attributor, targets_of
from ecco_reports.analyses.attributing.results import AttributionResult
from ecco_reports.analyses.attributing.settings import (
    ATTENTIONS,
    BY_CAPTUM,
    METHOD_TITLES,
    PERTURBATIONS,
    AttributionParams,
    Method,
    captum_is_missing,
)
from ecco_reports.analyses.explained import Explained, explained_of
from ecco_reports.analyses.units import Grain, positions_named, units_of
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Prompt

__all__ = ["Attributor", "attribute", "targets_of"]

# Below this completeness gap more steps add rounding and nothing else.
_ROUNDING = {"float64": 0.0, "float32": 0.0, "bfloat16": 0.1, "float16": 0.02}


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
    attributor = Attributor(model, reading, explained, units, params, tolerance, grain)
    results, failed = attributor.by_methods(methods) if explained else ((), ())
    return AttributionResult(
        passage=reading.passage,
        explained=explained,
        methods=results,
        left_out=(*left_out, *too_much, *failed),
        score=params.score,
        baseline=params.baseline,
        aggregation=params.aggregation,
        normalize=params.normalize,
        tolerance=tolerance,
        grain=grain,
        units=units,
        ignored=_ignored(reading, params),
        replacement=params.replacement,
        noise=params.noise,
        tokenized_anew=Capability.LOGITS not in model.capabilities,
        dtype=dtype,
    )


def _grain(model: LanguageModel, params: AttributionParams) -> Grain:
    """What a unit is: by itself a word where the tokens are those of a server, which reads text."""
    if params.units != "auto":
        return params.units
    return "token" if Capability.LOGITS in model.capabilities else "word"


def _ignored(reading: Reading, params: AttributionParams) -> tuple[int, ...]:
    """The positions that the page leaves out; negative ones count from the end of what was given to read."""
    passage = reading.passage
    given, found = passage.encoder_length or passage.prompt_length, set[int]()
    for name in params.ignore:
        if isinstance(name, str):
            found |= positions_named(passage.tokens, name)
        else:
            found.add(name if name >= 0 else given + name)
    return tuple(sorted(found & {*range(len(passage.tokens))}))


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
    if method in BY_CAPTUM and captum_is_missing():
        return "captum, which computes it, is not installed; write pip install 'ecco-reports[captum]'."
    if method in PERTURBATIONS:
        return _obstacle_to_leaving_out(model, params)
    if method not in ATTENTIONS:
        return _missing(model, Capability.GRADIENTS)
    of_a_class = model.family is Family.CLASSIFICATION
    return _missing(model, Capability.ATTENTION) or (_missing(model, Capability.LAYER_READOUT) if of_a_class else "")


def _obstacle_to_leaving_out(model: LanguageModel, params: AttributionParams) -> str:
    """Why a model cannot read a prompt without a part, as a sentence; empty if it can."""
    if params.replacement == "delete":
        if model.family is Family.QUESTION_ANSWERING:
            return "deleting parts of the text can take away the answer itself; write replacement: baseline."
        if Capability.GRADIENTS in model.capabilities:
            return ""
        if not (missing := _missing(model, Capability.SCORES)) and params.score != "logprob":
            return f"{model.facts.spec.source} tells log-probabilities only; write score: logprob."
        return missing
    return _missing(model, Capability.LOGITS if params.replacement == "attention" else Capability.GRADIENTS)


def _missing(model: LanguageModel, capability: Capability) -> str:
    """That a model lacks a capability, and why; empty if it has it."""
    if capability in model.capabilities:
        return ""
    why = model.reasons.get(capability)
    return f"{model.facts.spec.source} has no {capability}{f' ({why})' if why else ''}."


def _explainable(model: LanguageModel, explained: Sequence[Explained]) -> tuple[tuple[Explained, ...], tuple[str, ...]]:
    """The targets that can be scored, and a sentence about each that cannot."""
    if Capability.GRADIENTS in model.capabilities:
        return tuple(explained), ()
    source = model.facts.spec.source
    possible = tuple(one for one in explained if one.said is not None and one.foil is None)
    left_out = tuple(
        f"{one.word}: only what {source} says itself can be scored." for one in explained if one not in possible
    )
    if left_out and not possible:
        raise CapabilityError(source, f"{source} cannot explain {' '.join(left_out)}")
    return possible, left_out
