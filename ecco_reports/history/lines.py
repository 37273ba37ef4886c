"""What is kept of a commit: for each model, analysis and metric the mean over prompts, and what the gates said.

In: a snapshot, with its comparison and its verdicts where there are any. Out: a line, a few kilobytes of JSON. Never:
files (``files`` writes and reads them), traces, arrays.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Self

import numpy as np
from pydantic import AfterValidator, Field, FiniteFloat

import ecco_reports
from ecco_reports.comparison import Comparison, lost
from ecco_reports.errors import HistoryError
from ecco_reports.gates import Kind, Verdict, Verdicts
from ecco_reports.records import Prompt, Record, digest
from ecco_reports.snapshot import Entry, Snapshot, rounded

LINE_SCHEMA = 1
"""Raised when the fields below change their meaning; lines of another schema are left out by name."""

_SAME = 1e-3
"""Relative difference up to which two means of one commit are those of one run on two machines."""


def _moment(text: str) -> str:
    if datetime.fromisoformat(text).tzinfo is None:
        raise ValueError("a time needs its distance from UTC")
    return text


class Mean(Record):
    """A metric over the prompts of an experiment.

    Attributes:
        mean: Its mean.
        samples: How many prompts have it.
    """

    mean: FiniteFloat
    samples: Annotated[int, Field(ge=1)]


class Asked(Record):
    """What stands under a label.

    Attributes:
        analysis: Name of the analysis.
        question: Digest of its version and settings and of the prompts: with another one, means are of something else.
    """

    analysis: str
    question: str


class Line(Record):
    """An experiment at one commit.

    Attributes:
        experiment: Its name.
        title: Its title.
        commit: The commit, in full.
        time: When it was made, as RFC 3339 has it.
        branch: The branch; empty where nobody said.
        run: Address of the run that computed it; empty where nobody said.
        version: Of ecco-reports.
        asked: What stands under each label.
        means: By model, label and metric.
        verdicts: How many gates ended how.
        failing: The gates that failed, with what they are about.
        lost: The prompts whose answer the baseline has and this commit has not; None where there is no baseline.
        failures: How many results are missing.
    """

    experiment: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    title: str
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    time: Annotated[str, AfterValidator(_moment)]
    branch: str = ""
    run: str = ""
    version: str = ""
    asked: Mapping[str, Asked]
    means: Mapping[str, Mapping[str, Mapping[str, Mean]]]
    verdicts: Mapping[str, Annotated[int, Field(ge=0)]] = {}
    failing: tuple[str, ...] = ()
    lost: tuple[str, ...] | None = None
    failures: Annotated[int, Field(ge=0)] = 0

    @property
    def moment(self) -> datetime:
        """When the commit was made, in UTC."""
        return datetime.fromisoformat(self.time).astimezone(UTC)

    @property
    def short(self) -> str:
        """The commit, as people write it."""
        return self.commit[:7]

    def says_the_same(self, other: Self) -> bool:
        """Whether two lines of one commit have the same content, to rounding; when and where it ran does not count."""
        places = {"time", "branch", "run", "version", "title", "means"}
        if self.model_dump(exclude=places) != other.model_dump(exclude=places):
            return False
        mine, theirs = _flat(self), _flat(other)
        return mine.keys() == theirs.keys() and all(
            mean.samples == theirs[place].samples
            and math.isclose(mean.mean, theirs[place].mean, rel_tol=_SAME, abs_tol=1e-6)
            for place, mean in mine.items()
        )


def _flat(line: Line) -> dict[tuple[str, str, str], Mean]:
    return {
        (model, label, name): mean
        for model, labels in line.means.items()
        for label, metrics in labels.items()
        for name, mean in metrics.items()
    }


def line_of(
    snapshot: Snapshot,
    *,
    time: str | None = None,
    branch: str = "",
    run: str = "",
    comparison: Comparison | None = None,
    verdicts: Verdicts | None = None,
) -> Line:
    """The line of a snapshot.

    Args:
        snapshot: What was found.
        time: When its commit was made; by default when the youngest of its results was computed.
        branch: The branch it is on.
        run: Address of the run.
        comparison: With its baseline.
        verdicts: What the gates say.

    Raises:
        HistoryError: It is of no commit, or it has no result.
    """
    if snapshot.commit is None:
        raise HistoryError(
            f"{snapshot.experiment} is in no commit, so it has no place in a history: commit it first, in a git "
            "repository."
        )
    results = [entry for entry in snapshot.entries if entry.failure is None]
    if not results:
        raise HistoryError(f"{snapshot.experiment} has no result: run it first, with ecco-reports run.")
    gates = [one for one in verdicts.of_experiment(snapshot.experiment) if one.kind is Kind.GATE] if verdicts else []
    statuses = [gate.status.value for gate in gates]
    return Line(
        experiment=snapshot.experiment,
        title=snapshot.title,
        commit=snapshot.commit,
        time=time or snapshot.created,
        branch=branch,
        run=run,
        version=ecco_reports.__version__,
        asked=_asked(snapshot.entries, snapshot.prompts),
        means=_means(results),
        verdicts={status: statuses.count(status) for status in sorted(set(statuses))},
        failing=tuple(sorted({_called(gate) for gate in gates if gate.failed})),
        lost=None if comparison is None else tuple(sorted({fact.prompt.name for fact in lost(comparison)})),
        failures=len(snapshot.entries) - len(results),
    )


def _asked(entries: Iterable[Entry], prompts: Mapping[str, Prompt]) -> dict[str, Asked]:
    by_label: dict[str, list[Entry]] = {}
    for entry in entries:
        by_label.setdefault(entry.label, []).append(entry)
    return {
        label: Asked(
            analysis=found[0].analysis,
            question=digest(
                {
                    "analyses": sorted({(entry.analysis, entry.version, entry.settings) for entry in found}),
                    "prompts": {entry.prompt: prompts[entry.prompt].model_dump(mode="json") for entry in found},
                }
            )[:16],
        )
        for label, found in by_label.items()
    }


def _means(results: Iterable[Entry]) -> dict[str, dict[str, dict[str, Mean]]]:
    values: dict[str, dict[str, dict[str, list[float]]]] = {}
    for entry in results:
        for name, value in entry.metrics.items():
            if math.isfinite(value):
                metrics = values.setdefault(entry.model, {}).setdefault(entry.label, {})
                metrics.setdefault(name, []).append(value)
    return {
        model: {
            label: {
                name: Mean(mean=rounded(float(np.mean(found))), samples=len(found)) for name, found in metrics.items()
            }
            for label, metrics in labels.items()
        }
        for model, labels in values.items()
    }


def _called(gate: Verdict) -> str:
    """A gate, with what it is about, as it is called from one commit to the next."""
    about = "".join((f" of {gate.prompt}" if gate.prompt else "", f" ({gate.model})" if gate.model else ""))
    return f"{gate.name}{about}"
