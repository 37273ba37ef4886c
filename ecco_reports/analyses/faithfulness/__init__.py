"""Which attribution method deserves trust here: does the prediction fall when what a method names first is taken out?

The attributions come from ``analyses.attributing``, the science of testing them from ``methods.faithfulness``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.faithfulness.catalogue import MEASURES
from ecco_reports.analyses.faithfulness.computing import examine
from ecco_reports.analyses.faithfulness.foresight import needs_of, problems_of, target_count, variants_of, work_of
from ecco_reports.analyses.faithfulness.results import FaithfulnessResult
from ecco_reports.analyses.faithfulness.settings import FaithfulnessParams
from ecco_reports.analyses.faithfulness.tracing import FaithfulnessTrace, trace_of
from ecco_reports.analyses.faithfulness.words import checks, metrics_of, summary_of
from ecco_reports.analyses.measures import Drift, Measure
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["Faithfulness", "FaithfulnessParams", "FaithfulnessResult", "FaithfulnessTrace"]


class Faithfulness(Analysis[FaithfulnessParams, FaithfulnessResult]):
    """The room that tests attributions."""

    name: ClassVar[str] = "faithfulness"
    version: ClassVar[int] = 1
    title: ClassVar[str] = "Faithfulness of attributions"
    question: ClassVar[str] = "Which attribution method names what the prediction really hangs on?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION})
    Params = FaithfulnessParams
    Result = FaithfulnessResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = FaithfulnessTrace

    def needs(self, params: FaithfulnessParams) -> frozenset[Capability]:
        """What a model must be able to do to read a prompt without a part; ``run`` sees which methods it can do."""
        return self.requires | needs_of(params)

    def variants(self, params: FaithfulnessParams, units: int) -> int:
        """How many variants of a prompt with so many units are scored, at most: each is one pass over the text."""
        return variants_of(params, units, target_count(params))

    def work(self, params: FaithfulnessParams, extent: Extent) -> Work:
        """What the methods cost, and the texts that test them."""
        return work_of(params, extent)

    def problems(
        self, params: FaithfulnessParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """A target that the model cannot say, an answer that deleting would move, a prompt of a single part."""
        yield from problems_of(params, prompt, facts)

    def run(self, model: LanguageModel, prompt: Prompt, params: FaithfulnessParams) -> FaithfulnessResult:
        """Explains every target by every method, then takes out what each names first."""
        return examine(model, prompt, params)

    def proof(self, result: FaithfulnessResult) -> Sequence[Check]:
        """That texts with parts taken out are scored rightly."""
        return list(checks(result))

    def metrics(self, result: FaithfulnessResult) -> Mapping[str, Metric]:
        """What the first method reaches."""
        return metrics_of(result)

    def summary(self, result: FaithfulnessResult) -> str:
        """Which methods can be told from chance."""
        return summary_of(result)

    def charts(self, result: FaithfulnessResult) -> Sequence[Figure]:
        """Methods beside random orders, the curves that this comes from, and what each method ranks where."""
        from ecco_reports.analyses.faithfulness.figures import figures_of

        return list(figures_of(result))

    def table(self, result: FaithfulnessResult) -> Table:
        """One row per method and output."""
        from ecco_reports.analyses.faithfulness.figures import COLUMNS, table_rows

        return Table(
            columns=COLUMNS,
            rows=tuple(table_rows(result)),
            caption="One row per method and output, then the means of the random orders. The gap's interval is that of "
            "a mean over outputs (bootstrap), and of random orders the range of their middle 90 %.",
        )

    def between(self, first: FaithfulnessResult, second: FaithfulnessResult, names: tuple[str, str]) -> Between | None:
        """Which methods can be told from chance in both models, in one, in none."""
        from ecco_reports.analyses.faithfulness.comparing import between

        return between(first, second, names)

    def trace(self, result: FaithfulnessResult) -> FaithfulnessTrace:
        """Verdict, measures and order of every method."""
        return trace_of(result)

    def drift(self, before: FaithfulnessTrace, after: FaithfulnessTrace) -> Drift:
        """How far words go in the same order, and whose verdict has changed."""
        from ecco_reports.analyses.faithfulness.drifting import drift_of

        return drift_of(before, after)

    def drift_figures(
        self, before: FaithfulnessTrace, after: FaithfulnessTrace, names: tuple[str, str]
    ) -> Sequence[Figure]:
        """What each method reached before and reaches now."""
        from ecco_reports.analyses.faithfulness.drifting import figures_of

        return list(figures_of(before, after, names))
