"""Judges a run: the gates its experiments set, and the proofs its results carry.

In: a run. Out: verdicts, one for each gate and each result it watches, and one for each proof. Never: a silent pass:
a gate that nothing answers to is an error.

A metric describes one result. A gate that says ``against: baseline`` asks about two, and ends as ``no-baseline``
where there is nothing to hold the run against, and as ``not-comparable`` where there is: its metric speaks of one
result alone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.errors import did_you_mean
from ecco_reports.records import Metric
from ecco_reports.registry import Registry
from ecco_reports.runner import Outcome, Run

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment, Gate


class Status(StrEnum):
    """How a gate or a proof ended."""

    PASS = "pass"
    FAIL = "fail"
    NO_BASELINE = "no-baseline"
    NOT_COMPARABLE = "not-comparable"
    NOT_RUN = "not-run"
    ERROR = "error"


class Kind(StrEnum):
    """What was judged."""

    GATE = "gate"
    PROOF = "proof"


@dataclass(frozen=True)
class Verdict:
    """How one gate ended for one result, or one proof.

    Attributes:
        kind: A gate of the experiment or a proof of the result.
        status: How it ended.
        experiment: Name of the experiment.
        name: The metric as the gate names it, or the name of the check.
        message: One sentence that says so with its numbers.
        outcome: What was judged; None where a gate found nothing to judge.
        value: What was measured, where something was.
        minimum: The least value that passes.
        maximum: The largest value that passes; for a proof its tolerance.
    """

    kind: Kind
    status: Status
    experiment: str
    name: str
    message: str
    outcome: Outcome | None = field(default=None, repr=False)
    value: float | None = None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def failed(self) -> bool:
        """Whether it must stop a release.

        A task without a result counts as a failed task, not as a failed gate; a first run, which has no baseline,
        is reported and goes through.
        """
        return self.status in {Status.FAIL, Status.ERROR, Status.NOT_COMPARABLE}


@dataclass(frozen=True)
class Verdicts:
    """All verdicts of a run.

    Attributes:
        all: Gates in the order of the experiments, then proofs in the order of the pages.
        failed_tasks: How many tasks have no result.
    """

    all: tuple[Verdict, ...]
    failed_tasks: int

    @property
    def failed(self) -> tuple[Verdict, ...]:
        """Those that must stop a release."""
        return tuple(verdict for verdict in self.all if verdict.failed)

    @property
    def exit_code(self) -> int:
        """4 when a task failed, else 3 when a gate or a proof failed, else 0.

        The failed task comes first: while results are missing, nobody knows how the gates would end.
        """
        return 4 if self.failed_tasks else 3 if self.failed else 0

    def of(self, outcome: Outcome) -> tuple[Verdict, ...]:
        """What was judged about one outcome."""
        place = outcome.task.place
        return tuple(verdict for verdict in self.all if verdict.outcome and verdict.outcome.task.place == place)

    def of_experiment(self, name: str) -> tuple[Verdict, ...]:
        """What was judged about one experiment."""
        return tuple(verdict for verdict in self.all if verdict.experiment == name)


def judge(run: Run, baseline: Run | None = None, *, analyses: Registry[AnyAnalysis] = ANALYSES) -> Verdicts:
    """Evaluates every gate and every proof of a run.

    Args:
        run: What is judged.
        baseline: What it is held against, by gates that ask for it.
        analyses: The analyses that exist.
    """
    verdicts: list[Verdict] = []
    for experiment in run.experiments:
        outcomes = run.of(experiment.name)
        metrics = {outcome.task.place: _metrics(outcome, analyses) for outcome in outcomes}
        for gate in experiment.gates:
            verdicts.extend(_gate(experiment, gate, outcomes, metrics, baseline))
    for outcome in run.results:
        verdicts.extend(_proofs(outcome, analyses))
    return Verdicts(tuple(verdicts), len(run.failures))


def _metrics(outcome: Outcome, analyses: Registry[AnyAnalysis]) -> Mapping[str, Metric] | str:
    """The metrics of a result by name, or why there are none."""
    if outcome.result is None:
        return {}
    try:
        return analyses[outcome.task.analysis].metrics(outcome.result)
    except Exception as error:
        return f"the metrics of this result cannot be computed: {type(error).__name__}: {error}"


def _gate(
    experiment: Experiment,
    gate: Gate,
    outcomes: tuple[Outcome, ...],
    metrics: Mapping[tuple[str, str, str, str], Mapping[str, Metric] | str],
    baseline: Run | None,
) -> Iterator[Verdict]:
    """One verdict for each outcome that the gate watches, or an error when there is none."""
    found = False
    known: set[str] = set()
    for outcome in outcomes:
        label = outcome.task.label
        mine = metrics[outcome.task.place]
        known.update(f"{label}.{name}" for name in mine if not isinstance(mine, str))
        if not gate.metric.startswith(f"{label}."):
            continue
        name = gate.metric.removeprefix(f"{label}.")
        if outcome.failure is not None:
            found = True
            yield _say(experiment, gate, Status.NOT_RUN, f"its task failed: {outcome.failure.message}", outcome)
        elif isinstance(mine, str):
            found = True
            yield _say(experiment, gate, Status.ERROR, mine, outcome)
        elif name in mine:
            found = True
            yield _measure(experiment, gate, outcome, mine[name].value, baseline)
    if not found:
        message = f"no result carries the metric {gate.metric!r}. {did_you_mean(gate.metric, sorted(known))}"
        yield _say(experiment, gate, Status.ERROR, message)


def _measure(experiment: Experiment, gate: Gate, outcome: Outcome, value: float, baseline: Run | None) -> Verdict:
    """Holds one value against the gate."""
    if gate.against is not None:
        status = Status.NO_BASELINE if baseline is None else Status.NOT_COMPARABLE
        reason = "there is no baseline" if baseline is None else "this metric describes one result, not a pair"
        return _say(experiment, gate, status, f"it asks for a comparison, and {reason}", outcome, value)
    if gate.min is None and gate.max is None:
        return _say(experiment, gate, Status.ERROR, "the gate says neither min nor max", outcome, value)
    if not math.isfinite(value):
        return _say(experiment, gate, Status.FAIL, "the value is not a finite number", outcome, value)
    if gate.min is not None and value < gate.min:
        return _say(experiment, gate, Status.FAIL, f"{value:.6g} is less than {gate.min:.6g}", outcome, value)
    if gate.max is not None and value > gate.max:
        return _say(experiment, gate, Status.FAIL, f"{value:.6g} is more than {gate.max:.6g}", outcome, value)
    return _say(experiment, gate, Status.PASS, f"{value:.6g} is within its bounds", outcome, value)


def _say(
    experiment: Experiment,
    gate: Gate,
    status: Status,
    message: str,
    outcome: Outcome | None = None,
    value: float | None = None,
) -> Verdict:
    return Verdict(Kind.GATE, status, experiment.name, gate.metric, message, outcome, value, gate.min, gate.max)


def _proofs(outcome: Outcome, analyses: Registry[AnyAnalysis]) -> Iterator[Verdict]:
    """One verdict for each check that a result carries."""
    experiment = outcome.task.experiment
    try:
        checks = analyses[outcome.task.analysis].proof(outcome.result)
    except Exception as error:
        message = f"the proof of this result cannot be computed: {type(error).__name__}: {error}"
        yield Verdict(Kind.PROOF, Status.ERROR, experiment, outcome.task.label, message, outcome)
        return
    for check in checks:
        status = Status.PASS if check.passed else Status.FAIL
        relation = "is within" if check.passed else "is above"
        message = f"the residual {check.residual:.3g} {relation} its tolerance {check.tolerance:.3g}: {check.meaning}"
        yield Verdict(
            Kind.PROOF, status, experiment, check.name, message, outcome, check.residual, maximum=check.tolerance
        )
