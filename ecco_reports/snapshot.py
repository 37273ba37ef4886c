"""What is kept of a run to hold later runs against: metrics and traces, no arrays; small enough to commit.

In: a run. Out: one snapshot per experiment. Never: files (``baselines`` writes and reads them), drawing, torch.

A comparison never sees anything else: two runs, a run and a baseline that somebody blessed a year ago, and two models
of one experiment are all two snapshots.

A number that is missing is data: what an analysis cannot compute of its own result is said in the entry, with the
reason, and every other number is kept.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.checkout import changes_in, commit_of
from ecco_reports.records import Prompt, Record, digest
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.runner import Outcome, Run

SNAPSHOT_SCHEMA = 1
"""Raised when the fields below change their meaning; older files are then refused by name."""

DIGITS = 6
"""Significant digits of a metric: a million times finer than any gate, and the same on most machines."""

ALL_OF_THEM, TRACE = "", "trace"
"""What ``Entry.unmeasured`` calls the metrics as a whole, and the trace."""


class TracedModel(Record):
    """A model, as far as a comparison has to know it.

    Attributes:
        source: What its name stands for.
        identity: Digest of what its results depend on: revision or hashes of files.
        tokenizer: Digest of its tokenizer's files; empty where nobody knows them.
        dtype: Its floating point type.
    """

    source: str
    identity: str
    tokenizer: str
    dtype: str


class Entry(Record):
    """What became of one task.

    Attributes:
        model: Name of the model.
        prompt: Name of the prompt.
        label: As the experiment calls the analysis.
        analysis: Name of the analysis.
        version: Its version: other versions give other numbers.
        settings: Digest of its settings, decoding and seed included.
        key: What the result is found by in the store.
        failure: Why there is no result; None where there is one.
        lacking: Whether there is none only because the model cannot do what was asked.
        metrics: The finite numbers of the result, by name.
        unmeasured: Why a number is absent that should be there, by name; ``""`` stands for all of them, and ``"trace"``
            for the trace.
        trace: What the analysis keeps for comparisons, or None.
        unproven: The checks that did not pass, a sentence each.
    """

    model: str
    prompt: str
    label: str
    analysis: str
    version: int
    settings: str
    key: str
    failure: str | None = None
    lacking: bool = False
    metrics: Mapping[str, float] = {}
    unmeasured: Mapping[str, str] = {}
    trace: Mapping[str, Any] | None = None
    unproven: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """Model, prompt and label."""
        return self.model, self.prompt, self.label


class Snapshot(Record):
    """An experiment at one moment.

    Attributes:
        experiment: Its name.
        title: Its title.
        created: When the youngest of its results was computed, in UTC; of its failures, where it has no results.
        commit: Of the folder that holds the experiment when the snapshot was taken, or None. Results that were stored
            before may have been computed at earlier ones; as nothing that they depend on has changed since, they are
            what this commit gives.
        dirty: Whether that folder had changes that were not committed; None where nobody knows.
        versions: Of the packages that computed it, by name; several of one name where stored results are older.
        models: The models, by name.
        prompts: The prompts, by name, in the order of the page.
        entries: One per task, in the order of the page.
    """

    experiment: str
    title: str
    created: str
    commit: str | None
    dirty: bool | None
    versions: Mapping[str, str]
    models: Mapping[str, TracedModel]
    prompts: Mapping[str, Prompt]
    entries: tuple[Entry, ...]


def snapshots_of(run: Run, analyses: Registry[AnyAnalysis] = ANALYSES) -> Mapping[str, Snapshot]:
    """What is kept of a run, by the name of the experiment.

    Args:
        run: The run.
        analyses: The analyses that exist.
    """
    folders = {experiment.path.parent for experiment in run.experiments}
    checkouts = {folder: _checkout(folder) for folder in folders}
    return {
        experiment.name: _snapshot(experiment, run.of(experiment.name), checkouts[experiment.path.parent], analyses)
        for experiment in run.experiments
    }


def _checkout(folder: Path) -> tuple[str | None, bool | None]:
    """The commit of a folder, and whether anything in it is in no commit."""
    changes = changes_in(folder)
    return commit_of(folder), None if changes is None else bool(changes)


def _snapshot(
    experiment: Experiment,
    outcomes: Sequence[Outcome],
    checkout: tuple[str | None, bool | None],
    analyses: Registry[AnyAnalysis],
) -> Snapshot:
    done = [outcome for outcome in outcomes if outcome.result is not None] or outcomes
    provenances = [outcome.provenance for outcome in done if outcome.provenance is not None]
    models = {outcome.task.model: _model(outcome) for outcome in outcomes}
    versions: dict[str, set[str]] = {}
    for provenance in provenances:
        for package, version in provenance.versions.items():
            versions.setdefault(package, set()).add(version)
    return Snapshot(
        experiment=experiment.name,
        title=experiment.title,
        created=max((provenance.created for provenance in provenances), default=""),
        commit=checkout[0],
        dirty=checkout[1],
        versions={package: ", ".join(sorted(found)) for package, found in sorted(versions.items())},
        models=models,
        prompts=dict(experiment.prompts),
        entries=tuple(_entry(outcome, analyses[outcome.task.analysis]) for outcome in outcomes),
    )


def _model(outcome: Outcome) -> TracedModel:
    # Imported here, as only those who have a run need it: whoever reads snapshots knows no models.
    from ecco_reports.models.source import tokenizer_of

    task = outcome.task
    identity = task.made_of["model"]
    return TracedModel(
        source=task.spec.source,
        identity=digest(identity),
        tokenizer=tokenizer_of(identity),
        dtype=task.made_of["dtype"],
    )


def _entry(outcome: Outcome, analysis: AnyAnalysis) -> Entry:
    """The entry of an outcome. Nothing that the analysis raises goes further than this."""
    task = outcome.task
    metrics, unmeasured = _metrics(outcome, analysis)
    trace, untraced = _trace(outcome, analysis)
    return Entry(
        model=task.model,
        prompt=task.prompt.name,
        label=task.label,
        analysis=task.analysis,
        version=task.made_of["version"],
        settings=digest({"params": task.made_of["params"], "seed": task.made_of["seed"]}),
        key=task.key,
        failure=outcome.failure.message if outcome.failure else None,
        lacking=outcome.failure is not None and outcome.failure.kind == "CapabilityError",
        metrics=dict(sorted(metrics.items())),
        unmeasured=unmeasured | untraced,
        trace=trace,
        unproven=_unproven(outcome, analysis),
    )


def _metrics(outcome: Outcome, analysis: AnyAnalysis) -> tuple[dict[str, float], dict[str, str]]:
    """The finite metrics of a result, rounded, and why the others are none."""
    if outcome.result is None:
        return {}, {}
    try:
        found = {name: float(metric.value) for name, metric in analysis.metrics(outcome.result).items()}
    except Exception as error:
        return {}, {ALL_OF_THEM: f"the metrics of this result cannot be computed: {_said(error)}"}
    finite = {name: rounded(value) for name, value in found.items() if math.isfinite(value)}
    return finite, {name: f"it is not a finite number but {found[name]}" for name in found.keys() - finite.keys()}


def _trace(outcome: Outcome, analysis: AnyAnalysis) -> tuple[Mapping[str, Any] | None, dict[str, str]]:
    """The trace of a result as JSON holds it, and why there is none."""
    if outcome.result is None:
        return None, {}
    try:
        trace = analysis.trace(outcome.result)
        if trace is None:
            return None, {}
        values = trace.model_dump(mode="json", exclude_defaults=True, exclude_computed_fields=True)
        written: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    except Exception as error:
        return None, {TRACE: f"its trace cannot be kept: {_said(error)}"}
    return written, {}


def _unproven(outcome: Outcome, analysis: AnyAnalysis) -> tuple[str, ...]:
    """The checks of a result that did not pass, a sentence each."""
    if outcome.result is None:
        return ()
    try:
        return tuple(
            f"{check.name}: the residual {check.residual:.3g} is above its tolerance {check.tolerance:.3g}"
            for check in analysis.proof(outcome.result)
            if not check.passed
        )
    except Exception as error:
        return (f"the proof of this result cannot be computed: {_said(error)}",)


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())


def rounded(value: float) -> float:
    """A finite number to as many digits as a snapshot keeps; never minus zero."""
    return float(f"{value:.{DIGITS}g}") + 0.0
