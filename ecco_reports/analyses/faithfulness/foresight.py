"""What is known before anything runs: what cannot be tested, and how many texts a test takes.

In: params, a prompt, what is known of a model without loading it. Out: problems and numbers. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Iterator

from ecco_reports.analyses.faithfulness.settings import FaithfulnessParams
from ecco_reports.analyses.preflight import FoundProblem, target_problems
from ecco_reports.errors import CapabilityError
from ecco_reports.methods.faithfulness import Grid, removal_variants
from ecco_reports.methods.perturbation import shapley_variants
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Family, Prompt

SCORED_AGAIN = 4
"""Texts that are scored a second time, by themselves: next to nothing, and spread over the lengths of a curve."""
_ANSWERS_MOVE = "deleting parts of the text can take away the answer itself"


def needs_of(params: FaithfulnessParams) -> frozenset[Capability]:
    """What a model needs to read a prompt without a part, beside having something to say of it."""
    match params.replacement:
        case "delete":
            return frozenset()  # Embeddings or scores; ``refuse`` looks which.
        case "attention":
            return frozenset({Capability.LOGITS})
    return frozenset({Capability.GRADIENTS})


def refuse(model: LanguageModel, params: FaithfulnessParams) -> None:
    """Makes sure that parts of a prompt can be taken out.

    Raises:
        CapabilityError: They cannot.
    """
    source = model.facts.spec.source
    model.demand(needs_of(params))
    if params.replacement == "delete":
        if model.family is Family.QUESTION_ANSWERING:
            raise CapabilityError(source, f"{source} cannot do this: {_ANSWERS_MOVE}; write replacement: baseline.")
        if Capability.GRADIENTS not in model.capabilities:
            model.demand(frozenset({Capability.SCORES}))


def problems_of(params: FaithfulnessParams, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """What cannot be explained, and what cannot be ranked."""
    yield from target_problems(prompt, facts)
    if params.targets == "given" and prompt.target is None:
        yield (
            ("targets",),
            f"targets: given tests the explanation of a prompt's target, and prompt {prompt.name!r} has none.",
            "Give the prompt a target, or leave targets out to explain what the model says.",
        )
    if prompt.foil is not None and prompt.target is None:
        yield (
            ("prompt", "foil"),
            "a foil needs a target to be compared with.",
            "Write target: as well: the explanation is why the target rather than the foil.",
        )
    if facts.family is Family.QUESTION_ANSWERING and params.replacement == "delete":
        yield ("replacement",), f"{facts.spec.source}: {_ANSWERS_MOVE}.", "Write replacement: baseline."
    yield from _too_few(params, prompt, facts)


def _too_few(params: FaithfulnessParams, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A prompt of one unit, which leaves nothing to rank; of sentences only a run can tell how many there are."""
    words = len(f"{prompt.text} {prompt.text_pair or ''}".split())
    if params.units == "word" or (params.units == "auto" and facts.tokenize is None):
        count, thing = words, "word"
    elif params.units == "sentence" or facts.tokenize is None:
        return
    else:
        mask = facts.tokenize.mask if facts.family is Family.MASKED else None
        tokens = facts.tokenize.encode(prompt).tokens
        count, thing = sum(not token.special and (mask is None or token.id != mask.id) for token in tokens), "token"
    if count == 1:
        what = f"a ranking needs two {thing}s at least, and prompt {prompt.name!r} has one."
        yield ("prompt",), what, "Write a longer text."


def variants_of(params: FaithfulnessParams, units: int, targets: int) -> int:
    """How many variants of a prompt are scored at most: by the methods, and by their test.

    Args:
        params: The settings.
        units: How many units the prompt has.
        targets: How many targets are explained.
    """
    if units < 2:
        return 0
    grid = Grid.of(units, params.shares, params.steps)
    count = removal_variants(grid, len(params.methods) * targets, params.random_rankings) + SCORED_AGAIN
    count += (units + 1) * ("occlusion" in params.methods)
    count += shapley_variants(units, params.samples) * ("shapley" in params.methods)
    return count + params.variants * sum(method in params.methods for method in ("lime", "kernel_shap"))


def target_count(params: FaithfulnessParams, written: int) -> int:
    """How many targets there are at most, where the model says so many things: the prompt's own one counts."""
    return 1 if params.targets == "given" else written + (params.targets == "all")
