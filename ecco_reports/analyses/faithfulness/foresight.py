"""What is known before anything runs: what cannot be tested, and how many texts a test takes.

In: params, a prompt, what is known of a model without loading it. Out: problems and numbers. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from ecco_reports.analyses.attributing import asking
from ecco_reports.analyses.faithfulness.settings import FaithfulnessParams
from ecco_reports.analyses.preflight import FoundProblem
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.errors import CapabilityError
from ecco_reports.methods.faithfulness import Grid, random_orders, removal_texts
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
    yield from asking.problems_of(params.attribution, prompt, facts)
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
    tested = sum(_texts(params, units, targets).values())
    return asking.variants_of(params.attribution, units) + tested + SCORED_AGAIN * bool(tested)


def work_of(params: FaithfulnessParams, extent: Extent) -> Work:
    """What the methods cost, and the texts of their test; the whole text is scored once more as the model's own."""
    explaining = params.attribution
    masks = extent.written if extent.family is Family.MASKED else 0
    work, units = asking.work_of(explaining, extent), asking.unit_count(explaining, extent) - masks
    texts = _texts(params, units, asking.target_count(explaining, extent))
    if params.replacement == "delete":
        # What is deleted is not read: so much shorter is a text that keeps so many units.
        passes = sum(count * (1 - (units - kept) / extent.length) for kept, count in texts.items())
    else:
        passes = sum(texts.values())
    return replace(work, passes=work.passes + passes + (SCORED_AGAIN + 1) * bool(texts))


def _texts(params: FaithfulnessParams, units: int, targets: int) -> Mapping[int, int]:
    """How many texts a test scores at most, by how many units they keep."""
    if units < 2:
        return {}
    grid = Grid.of(units, params.shares, params.steps)
    orders = random_orders(units, params.random_rankings, params.seed)
    return removal_texts(grid, len(params.methods) * targets, orders)


def target_count(params: FaithfulnessParams) -> int:
    """How many targets there are at most, where nothing is known but the settings."""
    return 1 if params.targets == "given" else params.max_new_tokens + (params.targets == "all")
