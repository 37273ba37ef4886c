"""Lists what a gate may watch: every metric that is known before anything is computed.

In: the analyses, or experiments that use them. Out: a line for each metric. The sentences that a gate may expect stand
in ``experiment.sentences``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.analyses.measures import Measure
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment


@dataclass(frozen=True)
class Listed:
    """A metric as a gate names it.

    Attributes:
        analysis: The analysis that has it.
        label: What stands before the dot: the label of an entry, or the name of the analysis.
        name: What stands behind it.
        measure: What is known of it.
        experiments: The experiments that have such an entry; empty where no experiment was asked about.
    """

    analysis: str
    label: str
    name: str
    measure: Measure
    experiments: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """What a gate writes."""
        return f"{self.label}.{self.name}"


def of_analyses(analyses: Registry[AnyAnalysis] = ANALYSES) -> Iterator[Listed]:
    """Every metric of every analysis, under the name that an entry without a label has."""
    for analysis in analyses:
        for name, measure in analyses[analysis].measures.items():
            yield Listed(analysis, analysis, name, measure)


def of_experiments(experiments: Iterable[Experiment], analyses: Registry[AnyAnalysis] = ANALYSES) -> Iterator[Listed]:
    """Every metric of every entry, in the order of the files; entries of one label and analysis stand together."""
    having: dict[tuple[str, str], list[str]] = {}
    for experiment in experiments:
        for entry in experiment.analyses:
            having.setdefault((entry.label, entry.analysis), []).append(experiment.name)
    for (label, analysis), names in having.items():
        for name, measure in analyses[analysis].measures.items():
            yield Listed(analysis, label, name, measure, tuple(names))
