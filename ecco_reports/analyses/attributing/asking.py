"""What can be said of attributions before any are computed: what cannot work, and what they will cost.

In: params, a prompt, what is known of a model without loading it. Out: problems, numbers of texts, work. Light: no
torch.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecco_reports.analyses.attributing.settings import (
    ATTENTIONS,
    BY_CAPTUM,
    GRADIENTS,
    AttributionParams,
    Method,
    captum_is_missing,
)
from ecco_reports.analyses.explained import answer_span
from ecco_reports.analyses.preflight import FoundProblem, target_problems
from ecco_reports.analyses.units import runs_named
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.methods.perturbation import shapley_variants
from ecco_reports.models.base import ModelFacts
from ecco_reports.records import Family, Prompt, Token

# As in ``methods.gradients`` and ``methods.slopes``, which import torch; a test compares them.
LADDER = (32, 64, 128, 256)
PARTS = 8
TOKENS_AT_ONCE, STATES_AT_ONCE = 2048, 20_000_000
# Finite differences: two passes for each step that is tried, by the size of a number.
_STEPS = {8: 2, 4: 4, 2: 1}
# What finding out how to hide positions takes at most: four passes for each of three ways.
_BLINDING = 12
# What a causal model reads to remember the beginning of a text, and to prove that it does; of one that is long enough.
_REMEMBERING = 2
LONG = 32


def problems_of(params: AttributionParams, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """What cannot work for a prompt and a model although the YAML is well formed."""
    yield from _target_problems(params, prompt, facts)
    for index, method in enumerate(params.methods):
        if method in BY_CAPTUM and captum_is_missing():
            what = f"{method} is computed by captum, which is not installed."
            yield ("methods", index), what, "Run pip install 'ecco-reports[captum]', or leave the method out."
    layer, count = params.attention_layer, facts.layers
    if isinstance(layer, int) and count is not None and not -count <= layer < count:
        what = f"layer {layer} is out of range: the model has {count} layers."
        yield ("attention_layer",), what, f"Write 0 to {count - 1}, last or mean."
    if params.ignore and facts.tokenize is not None:
        yield from _ignore_problems(params, prompt, facts.tokenize.encode(prompt).tokens)


def _target_problems(params: AttributionParams, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A target that the model cannot say, or none although it is asked for."""
    if facts.family is Family.QUESTION_ANSWERING:
        yield from _answer_problems(prompt, facts)
    else:
        yield from target_problems(prompt, facts)
    if params.targets == "given" and prompt.target is None:
        yield (
            ("targets",),
            f"targets: given explains the target of a prompt, and prompt {prompt.name!r} has none.",
            "Give the prompt a target, or leave targets out to explain what the model says.",
        )
    if prompt.foil is not None and prompt.target is None:
        yield (
            ("prompt", "foil"),
            "a foil needs a target to be compared with.",
            "Write target: as well: the explanation is why the target rather than the foil.",
        )


def _answer_problems(prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """An answer that does not stand in the passage, from the beginning of a token to the end of one."""
    if facts.tokenize is None:
        return
    tokens = facts.tokenize.encode(prompt).tokens
    for name, word in (("target", prompt.target), ("foil", prompt.foil)):
        if word is not None and answer_span(tokens, word) is None:
            what = f"{word!r} is no part of the passage, in which this model looks for its answer, in whole tokens."
            yield ("prompt", name), what, "Write words as they stand under text_pair."


def _ignore_problems(params: AttributionParams, prompt: Prompt, tokens: tuple[Token, ...]) -> Iterator[FoundProblem]:
    """Tokens to be left out of the page that are not in the prompt."""
    for index, name in enumerate(params.ignore):
        if isinstance(name, str) and not any(runs_named(tokens, name)):
            what = f"{name!r} is no token of the prompt {prompt.name!r}, nor several that follow one another."
            yield ("ignore", index), what, "Write whole tokens as the page shows them, or their positions."
        elif isinstance(name, int) and not -len(tokens) <= name < len(tokens):
            what = f"position {name} is out of range: the prompt {prompt.name!r} has {len(tokens)} tokens."
            yield ("ignore", index), what, f"Write 0 to {len(tokens) - 1}, or -1 to -{len(tokens)} from its end."


def variants_of(params: AttributionParams, units: int) -> int:
    """How many variants of a prompt with so many units are scored at most; each is one pass, for all targets."""
    counts: dict[Method, int] = {
        "occlusion": units + 1,
        "shapley": shapley_variants(units, params.samples),
        # Both, and the whole text beside them.
        "lime": params.variants + 1,
        "kernel_shap": params.variants + 1 if units > 1 else 2,
    }
    total = sum(counts[method] for method in counts if method in params.methods)
    # What one method has scored the others do not score again, and there are no more than all combinations.
    return min(total, 2**units) if units < 62 else total


def work_of(params: AttributionParams, extent: Extent) -> Work:
    """What the methods cost at most: the prompt may have a target of its own, and steps are added where they must."""
    targets = target_count(params, extent)
    passes = backwards = readouts = 0
    if {*params.methods} & {"saliency", "input_x_gradient"}:
        passes += 1 + 2 * _steps(extent)
        backwards += targets
    for method in params.methods:
        if method in ("integrated_gradients", "smooth_grad", "deep_lift", "gradient_shap"):
            forwards, pulled = _gradient_passes(method, params, extent, targets)
            passes += forwards
            backwards += pulled
    if ATTENTIONS & {*params.methods}:
        passes += 3 if extent.family is Family.ENCODER_DECODER else 1
        readouts += extent.read + 1 if extent.family is Family.CLASSIFICATION else 0
    if params.perturbs:
        passes += variants_of(params, unit_count(params, extent)) + _preparation(params, extent)
    return Work(passes=passes, backwards=backwards, readouts=readouts, memory=_memory(params, extent, targets))


def _preparation(params: AttributionParams, extent: Extent) -> int:
    """What is read before any variant is."""
    if params.replacement == "attention":
        return _BLINDING
    return _REMEMBERING if extent.family is Family.CAUSAL and extent.length > LONG else 0


def _steps(extent: Extent) -> int:
    return _STEPS.get(extent.itemsize, 1)


def target_count(params: AttributionParams, extent: Extent) -> int:
    """How many targets there can be; an answer counts as a whole, by its start and by its end."""
    answer = extent.family is Family.QUESTION_ANSWERING
    given, said = (3 if answer else 1), (3 if answer else extent.written)
    return (given if params.targets != "generated" else 0) + (said if params.targets != "given" else 0)


def unit_count(params: AttributionParams, extent: Extent) -> int:
    """How many units a prompt can have."""
    by_words = params.units in ("word", "sentence") or (params.units == "auto" and extent.family is None)
    return min(extent.words, extent.read) if by_words else extent.read


def _gradient_passes(method: Method, params: AttributionParams, extent: Extent, targets: int) -> tuple[int, int]:
    """Forward and backward passes of the gradient methods that follow more than one gradient."""
    if method == "integrated_gradients":
        return 2 + sum(LADDER), sum(LADDER) * targets
    if method == "deep_lift":
        # Each target with its baseline; captum asks for the scores of both once more.
        return 4 * targets + 2, 2 * targets
    draws = PARTS * -(-params.samples // PARTS) if params.samples > PARTS else params.samples
    if method == "smooth_grad":
        return draws + 1 + 2 * min(draws, PARTS) * _steps(extent), draws * targets
    return 3 * draws * targets + 2, draws * targets


def _memory(params: AttributionParams, extent: Extent, targets: int) -> int | None:
    """What gradients hold at their peak: the states of the texts that are taken back at once, and their vectors."""
    if not GRADIENTS & {*params.methods}:
        return 0
    if extent.layers is None or extent.width is None:
        return None
    neurons = extent.neurons or 4 * extent.width
    tokens = max(min(TOKENS_AT_ONCE, STATES_AT_ONCE // (extent.layers * extent.width)), extent.length)
    # In each block the inputs of its matrices and norms, and what its nonlinearity is made of.
    graph = tokens * extent.layers * (8 * extent.width + 4 * neurons)
    drawn = PARTS if {"smooth_grad", "gradient_shap"} & {*params.methods} else 0
    vectors = (3 + drawn) * targets * extent.length * extent.width
    return (graph + vectors) * max(extent.itemsize, 4)
