"""What the model said, one step at a time: what it chose, and what it could have chosen.

``results`` is what is stored, ``computing`` looks at every step again, ``words`` and ``figures`` are what a page shows.
``between`` lays two models' results side by side; ``tracing`` keeps what later comparisons need, and
``shifts`` draws them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, ClassVar

from ecco_reports.analyses import Analysis, Between
from ecco_reports.analyses.generation.between import between_of
from ecco_reports.analyses.generation.computing import generated
from ecco_reports.analyses.generation.figures import figures_of, table_of
from ecco_reports.analyses.generation.results import FollowedBeam, GenerationParams, GenerationResult, Named, Step
from ecco_reports.analyses.generation.shifts import figures_of_drift
from ecco_reports.analyses.generation.tracing import GenerationTrace, drift_of, trace_of
from ecco_reports.analyses.generation.words import MEASURES, checks_of, metrics_of, summary_of
from ecco_reports.analyses.measures import Drift, Measure
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts
from ecco_reports.records import Check, Family, Metric, Prompt, Table

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure

__all__ = ["FollowedBeam", "Generation", "GenerationParams", "GenerationResult", "Named", "Step"]

# Bytes held for every logit of the steps: its probability, and what sorting it takes; as much again for what the
# decoding settings make of it.
_BYTES_PER_LOGIT = 20


class Generation(Analysis[GenerationParams, GenerationResult]):
    """The generation room."""

    name: ClassVar[str] = "generation"
    version: ClassVar[int] = 4
    title: ClassVar[str] = "Candidates, step by step"
    question: ClassVar[str] = "What did the model say, and what else could it have said at each step?"
    requires: ClassVar[frozenset[Capability]] = frozenset({Capability.GENERATION})
    Params = GenerationParams
    Result = GenerationResult
    measures: ClassVar[Mapping[str, Measure]] = MEASURES
    Traced = GenerationTrace

    def problems(
        self, params: GenerationParams, prompt: Prompt, facts: ModelFacts
    ) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Nothing but the length and the way of writing can be wrong, and those are looked at for every analysis."""
        return iter(())

    def work(self, params: GenerationParams, extent: Extent) -> Work:
        """Nothing beside the shared pass but one over each further beam, after which the shared one is run again."""
        writes = extent.family in (Family.CAUSAL, Family.ENCODER_DECODER, None)
        size = None if extent.outcomes is None else extent.written * extent.outcomes * _BYTES_PER_LOGIT
        changed = writes and params.decoding.reshapes
        return Work(
            passes=params.beams if writes and params.beams > 1 else 0,
            memory=None if size is None else size * (2 if changed else 1),
        )

    def run(self, model: LanguageModel, prompt: Prompt, params: GenerationParams) -> GenerationResult:
        """Lets the model speak, then looks at every step again."""
        return generated(model, model.read(prompt, params.decoding), prompt, params)

    def proof(self, result: GenerationResult) -> Sequence[Check]:
        """Two ways to the same numbers; and a greedy choice is always the most probable one."""
        return list(checks_of(result))

    def metrics(self, result: GenerationResult) -> Mapping[str, Metric]:
        """Confidence in what was said."""
        return metrics_of(result)

    def summary(self, result: GenerationResult) -> str:
        """What was said, in words."""
        return summary_of(result)

    def charts(self, result: GenerationResult) -> Sequence[Figure]:
        """The steps, and the candidates of the step one chooses; the beams side by side."""
        return figures_of(result, summary_of(result))

    def table(self, result: GenerationResult) -> Table:
        """One row per candidate and step."""
        return table_of(result)

    def between(self, first: GenerationResult, second: GenerationResult, names: tuple[str, str]) -> Between | None:
        """What two models said of the same prompt, and how probable it was for each."""
        return between_of(first, second, names)

    def trace(self, result: GenerationResult) -> GenerationTrace:
        """What was said, and the first candidates of each step."""
        return trace_of(result)

    def drift(self, before: GenerationTrace, after: GenerationTrace) -> Drift:
        """Whether the same is said, and how far the distributions are apart."""
        return drift_of(before, after)

    def drift_figures(
        self, before: GenerationTrace, after: GenerationTrace, names: tuple[str, str]
    ) -> Sequence[Figure]:
        """The candidates of the first step, before and after."""
        return figures_of_drift(before, after, names)
