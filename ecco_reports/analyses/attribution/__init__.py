"""Which parts of the input moved what the model said: gradients, occlusion, Shapley values.

The numbers come from ``analyses.attributing``; ``words`` and ``figures`` are what the page shows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.attributing.asking import problems_of, variants_of, work_of
from ecco_reports.analyses.attributing.computing import attribute
from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import AttributionParams
from ecco_reports.analyses.attribution.catalogue import MEASURES
from ecco_reports.analyses.attribution.proofs import checks, metrics_of
from ecco_reports.analyses.attribution.rows import table_of
from ecco_reports.analyses.attribution.tracing import AttributionTrace, trace_of
from ecco_reports.analyses.attribution.words import summary_of
from ecco_reports.analyses.measures import Drift, Measure
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["Attribution", "AttributionParams", "AttributionResult", "AttributionTrace", "MethodResult"]


class Attribution(Analysis[AttributionParams, AttributionResult]):
    """The attribution room."""

    name: ClassVar[str] = "attribution"
    version: ClassVar[int] = 2
    title: ClassVar[str] = "Input attribution"
    question: ClassVar[str] = "Which parts of the input moved what the model said, and which way?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION})
    Params = AttributionParams
    Result = AttributionResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = AttributionTrace

    def needs(self, params: AttributionParams) -> frozenset[Capability]:
        """What a model must be able to do for any of the methods; ``run`` sees which of them it can do."""
        without = params.perturbs and params.replacement in ("delete", "attention")
        return self.requires if without or params.attends else self.requires | {Capability.GRADIENTS}

    def variants(self, params: AttributionParams, units: int) -> int:
        """How many variants of a prompt with so many units are scored, at most."""
        return variants_of(params, units)

    def work(self, params: AttributionParams, extent: Extent) -> Work:
        """What the methods cost together: they share gradients, and the scores of variants."""
        return work_of(params, extent)

    def problems(
        self, params: AttributionParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A target that the model cannot say, a library that is not installed, a token or layer that is not there."""
        return problems_of(params, prompt, facts)

    def run(self, model: LanguageModel, prompt: Prompt, params: AttributionParams) -> AttributionResult:
        """Lets the model read the prompt, then explains every target by every method."""
        return attribute(model, prompt, params)

    def proof(self, result: AttributionResult) -> Sequence[Check]:
        """Sums that must come out, derivatives and scores measured another way, and causality."""
        return list(checks(result))

    def metrics(self, result: AttributionResult) -> Mapping[str, Metric]:
        """How concentrated the explanation of the first target is, by the first method."""
        return metrics_of(result)

    def summary(self, result: AttributionResult) -> str:
        """What moved the first target most, which methods disagree, and what could not be done."""
        return summary_of(result)

    def charts(self, result: AttributionResult) -> Sequence[Figure]:
        """The text to choose outputs in, methods beside and against each other, and the matrix of each method."""
        from ecco_reports.analyses.attribution.figures import figures_of

        return list(figures_of(result))

    def table(self, result: AttributionResult) -> Table:
        """One row per method, target and input token, word or sentence."""
        return table_of(result)

    def between(self, first: AttributionResult, second: AttributionResult, names: tuple[str, str]) -> Between | None:
        """Whether two models give the same reasons, method by method, over the parts of the prompt that both have."""
        from ecco_reports.analyses.attribution.between import between_of

        return between_of(first, second, names)

    def trace(self, result: AttributionResult) -> AttributionTrace:
        """The contributions of the words of the prompt, by method and output."""
        return trace_of(result)

    def drift(self, before: AttributionTrace, after: AttributionTrace) -> Drift:
        """Whether the new model gives the same reasons."""
        from ecco_reports.analyses.attribution.drifting import drift_of

        return drift_of(before, after)

    def drift_figures(
        self, before: AttributionTrace, after: AttributionTrace, names: tuple[str, str]
    ) -> Sequence[Figure]:
        """The reasons before and after, word by word."""
        from ecco_reports.analyses.attribution.moves import figures_of

        return list(figures_of(before, after, names))
