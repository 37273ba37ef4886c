"""Which neurons fire together, and at which tokens: activations taken apart into non-negative factors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.measures import Drift, Measure, as_metrics
from ecco_reports.analyses.neuron_factors.catalogue import MEASURES
from ecco_reports.analyses.neuron_factors.results import (
    NeuronFactorsResult,
    StackFactors,
    factor_words,
    in_words,
)
from ecco_reports.analyses.neuron_factors.settings import NeuronFactorsParams, problems
from ecco_reports.analyses.neuron_factors.tracing import NeuronFactorsTrace, trace_of
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Family, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["NeuronFactors", "NeuronFactorsParams", "NeuronFactorsResult", "NeuronFactorsTrace"]

_AT_REST = 1e-3
_ADDS_UP = 1e-3
_FLOAT = 4


class NeuronFactors(Analysis[NeuronFactorsParams, NeuronFactorsResult]):
    """The room of neurons that fire together."""

    name: ClassVar[str] = "neuron_factors"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Neuron factors"
    question: ClassVar[str] = "Which neurons fire together, and at which words?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.NEURONS})
    Params = NeuronFactorsParams
    Result = NeuronFactorsResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = NeuronFactorsTrace

    def problems(
        self, params: NeuronFactorsParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Layers out of range, and fewer tokens than so many factors need."""
        return problems(params, prompt, facts)

    def work(self, params: NeuronFactorsParams, extent: Extent) -> Work:
        """A pass for each stack; in memory the activations, the matrix made of them, and its factors."""
        both = extent.family is Family.ENCODER_DECODER and params.stack == "both"
        passes = 2 if both else 1
        # How many layers an encoder has is not known here; it may have more than its decoder.
        encoder = extent.family is Family.ENCODER_DECODER and params.stack != "decoder"
        if encoder or extent.layers is None or extent.neurons is None:
            return Work(passes=passes, memory=None)
        neurons = extent.layers * extent.neurons
        rows = neurons * (2 if params.negative == "split" else 1)
        most = max((*params.counts, *([] if params.n_components == "auto" else [params.n_components])))
        matrix = extent.length * _FLOAT * rows
        # The matrix, twice: put together from its parts, later with a copy that has the tokens first. Beside it one
        # layer while it is taken apart, or the weights as they were, as they are, and what moves them.
        layer = 6 * extent.neurons * extent.length * _FLOAT
        held = neurons * extent.length * extent.itemsize + 2 * matrix + max(layer, 12 * rows * most * _FLOAT)
        return Work(passes=passes, memory=held)

    def run(self, model: LanguageModel, prompt: Prompt, params: NeuronFactorsParams) -> NeuronFactorsResult:
        """Takes the activations of each stack apart."""
        from ecco_reports.analyses.neuron_factors.computing import compute

        return compute(model, prompt, params)

    def proof(self, result: NeuronFactorsResult) -> Sequence[Check]:
        """The factors are at rest, what they explain and what is left add up, and no bound is broken."""
        return [check for stack in result.stacks for check in _checks(stack)]

    def metrics(self, result: NeuronFactorsResult) -> Mapping[str, Metric]:
        """How much is left unexplained, and how distinct the factors are; the worse of two stacks."""
        if not result.stacks:
            return {}
        values = {
            "relative_error": max(stack.error for stack in result.stacks),
            "n_components": max(stack.count for stack in result.stacks),
            "largest_cosine": max(stack.likeness for stack in result.stacks),
        }
        return as_metrics(MEASURES, values)

    def summary(self, result: NeuronFactorsResult) -> str:
        """How much is explained, and what the largest factor is about."""
        return " ".join([*(_found(result, stack) for stack in result.stacks), *result.left_out])

    def charts(self, result: NeuronFactorsResult) -> Sequence[Figure]:
        """The text with its factors, the neurons and the layers that carry them, the scree."""
        from ecco_reports.analyses.neuron_factors.figures import figures_of

        return list(figures_of(result))

    def table(self, result: NeuronFactorsResult) -> Table:
        """One row per token."""
        from ecco_reports.analyses.neuron_factors.figures import table_of

        return table_of(result)

    def between(
        self, first: NeuronFactorsResult, second: NeuronFactorsResult, names: tuple[str, str]
    ) -> Between | None:
        """Factors of two models, matched over the words that both have read."""
        from ecco_reports.analyses.neuron_factors.comparing import between

        return between(first, second, names)

    def trace(self, result: NeuronFactorsResult) -> NeuronFactorsTrace:
        """How strong each factor is at the words of the prompt."""
        return trace_of(result)

    def drift(self, before: NeuronFactorsTrace, after: NeuronFactorsTrace) -> Drift:
        """How alike matched factors are, and how many were lost."""
        from ecco_reports.analyses.neuron_factors.drifting import drift_of

        return drift_of(before, after)

    def drift_figures(
        self, before: NeuronFactorsTrace, after: NeuronFactorsTrace, names: tuple[str, str]
    ) -> Sequence[Figure]:
        """How alike each factor and its partner are."""
        from ecco_reports.analyses.neuron_factors.drifting import figures_of

        return list(figures_of(before, after, names))


def _found(result: NeuronFactorsResult, stack: StackFactors) -> str:
    """One stack in a sentence or two."""
    where = f"In the {stack.stack}, " if stack.stack else ""
    factors = "1 factor" if stack.count == 1 else f"{stack.count} factors"
    explain = "explains" if stack.count == 1 else "explain"
    explained = f"{where}{factors} {explain} {1 - stack.error**2:.0%} of what the neurons do"
    words = in_words(factor_words(result.passage, stack, 0))
    largest = f"the largest ({float(stack.shares[0]):.0%}) is strongest at {words}" if words else "none stands out"
    rest = "" if stack.converged else f" They were not at rest after {stack.iterations} sweeps: raise max_iterations."
    start = explained if where else explained[0].upper() + explained[1:]
    return f"{start}; {largest}.{rest}"


def _checks(stack: StackFactors) -> Iterator[Check]:
    of = f" ({stack.stack})" if stack.stack else ""
    yield Check(
        name=f"factors at rest{of}",
        residual=stack.movement,
        tolerance=_AT_REST,
        meaning="How far the best step of a factor, while the others stay, would still move it, relative to its "
        f"length: nought at an optimum. It took {stack.iterations} sweeps.",
    )
    yield Check(
        name=f"shares add up{of}",
        residual=abs(float(stack.shares.sum()) + stack.error**2 - 1),
        tolerance=_ADDS_UP,
        meaning="What the factors explain and what they leave, measured apart, must make up all that the neurons did: "
        "the sum of the shares and of the squared error, minus 1.",
    )
    yield Check(
        name=f"not better than possible{of}",
        residual=max(0.0, stack.floor - stack.error),
        tolerance=1e-5,
        meaning=f"No {stack.count} parts can leave less than {stack.floor:.3f}, which singular values tell without any "
        f"search; these leave {stack.error:.3f}. What is measured is how far they are below it.",
    )
    if stack.scree is not None and len(stack.scree.errors) > 1:
        errors = stack.scree.errors
        yield Check(
            name=f"more factors, less error{of}",
            residual=max(0.0, *(after - before for before, after in pairwise(errors))),
            tolerance=_ADDS_UP,
            meaning="The largest rise of the error where the scree should fall: above nought only where a search ended "
            "in a poor place.",
        )
