"""Computes what a plan lacks, and hands back every outcome in the order of the pages.

In: a plan, an executor, the store. Out: a run: one outcome per task, a result or the failure that stands in its place.
Never: drawing, judging, or losing what was finished: each result is stored by its worker the moment it is there.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.checkout import commit_of
from ecco_reports.errors import ExperimentError
from ecco_reports.executors.base import Executor, Lost
from ecco_reports.plan import Batch, Plan, Task, batches_of
from ecco_reports.records import Provenance, Record
from ecco_reports.registry import Registry
from ecco_reports.store import Store
from ecco_reports.worker import Assignment, Failure, Load, Message, Objected, Started, load_model, provenance_of, work

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment

__all__ = ["NOT_RUN", "Failure", "Outcome", "Progress", "Run", "Silent", "execute", "recall"]

NOT_RUN = "NotRun"
"""The kind of the failure that stands for a result that nobody has computed yet."""


@dataclass(frozen=True)
class Outcome:
    """What became of a task: either a result or a failure.

    Attributes:
        task: The task.
        result: What the analysis found.
        failure: Why it found nothing.
        provenance: Where the result or the failure comes from.
        fresh: Whether this run computed it; else it was stored.
    """

    task: Task
    result: Record | None
    failure: Failure | None
    provenance: Provenance | None
    fresh: bool


@dataclass(frozen=True)
class Run:
    """The outcomes of a plan, in the order of its tasks."""

    experiments: tuple[Experiment, ...]
    outcomes: tuple[Outcome, ...]

    def of(self, experiment: str) -> tuple[Outcome, ...]:
        """The outcomes of the experiment of that name."""
        return tuple(outcome for outcome in self.outcomes if outcome.task.experiment == experiment)

    @property
    def results(self) -> tuple[Outcome, ...]:
        """The outcomes that have a result."""
        return tuple(outcome for outcome in self.outcomes if outcome.result is not None)

    @property
    def failures(self) -> tuple[Outcome, ...]:
        """The outcomes that have none."""
        return tuple(outcome for outcome in self.outcomes if outcome.result is None)

    @property
    def missing(self) -> tuple[Outcome, ...]:
        """The failures that only mean that nobody has computed it yet; see ``recall``."""
        return tuple(outcome for outcome in self.failures if outcome.failure and outcome.failure.kind == NOT_RUN)


class Progress(Protocol):
    """Somebody who wants to see the work go on. All is called in the caller's process and thread."""

    def planned(self, tasks: int) -> None:
        """So many results will be computed."""

    def started(self, task: Task) -> None:
        """A result is being computed now."""

    def finished(self, outcome: Outcome) -> None:
        """It is there, or has failed."""


class Silent:
    """Progress that nobody sees."""

    def planned(self, tasks: int) -> None:
        """Says nothing."""

    def started(self, task: Task) -> None:
        """Says nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Says nothing."""


def execute(
    plan: Plan,
    executor: Executor,
    store: Store,
    progress: Progress | None = None,
    *,
    analyses: Registry[AnyAnalysis] = ANALYSES,
    load: Load = load_model,
) -> Run:
    """Computes what is missing and collects what is there.

    A task that fails leaves the others alone. Ctrl-C goes through at once; everything finished by then is stored.

    Args:
        plan: What to do.
        executor: Where to do it.
        store: Where results are and go to.
        progress: Who is told about it.
        analyses: The analyses that exist.
        load: How a model is loaded.

    Raises:
        ExperimentError: A model is out of reach, or a loaded one shows that something cannot work which could not be
            known before.
        StoreError: The store cannot be read or written.
    """
    _demand_within_reach(plan)
    collector = _Collector(plan, store, progress or Silent(), analyses)
    missing = collector.recall()
    commits = {experiment.name: commit_of(experiment.path.parent) for experiment in plan.experiments} if missing else {}
    name = uuid.uuid4().hex
    while missing:
        batches = _spread(batches_of(missing), executor.jobs)
        assignments = [
            Assignment(batch, store.folder, analyses, load, commits, executor.threads, name) for batch in batches
        ]
        lost = executor.run(work, assignments, collector.receive)
        missing = [task for loss in lost for task in collector.mourn(loss)]
    return collector.run()


def recall(plan: Plan, store: Store, *, analyses: Registry[AnyAnalysis] = ANALYSES) -> Run:
    """The run as far as it is stored; computes nothing, and loads no model.

    A result that is not there stands as the failure that its last attempt ended with, or as one of the kind
    ``NOT_RUN``.

    Raises:
        ExperimentError: A model is out of reach, so that not even its results can be found.
        StoreError: The store cannot be read.
    """
    _demand_within_reach(plan)
    outcomes = []
    for task in plan.tasks:
        stored = store.get(task.key, analyses[task.analysis].Result)
        if stored is not None:
            outcomes.append(Outcome(task, stored.result, None, stored.provenance, fresh=False))
            continue
        noted = store.failure(task.key, Failure)
        failure = noted.result if noted else Failure(kind=NOT_RUN, message="It has not been run.")
        outcomes.append(Outcome(task, None, failure, noted.provenance if noted else None, fresh=False))
    return Run(plan.experiments, tuple(outcomes))


def _demand_within_reach(plan: Plan) -> None:
    if plan.out_of_reach:
        raise ExperimentError(sorted({problem for model in plan.out_of_reach for problem in model.problems}))


class _Collector:
    """Gathers what became of every key of a plan, while the work goes on."""

    def __init__(self, plan: Plan, store: Store, progress: Progress, analyses: Registry[AnyAnalysis]) -> None:
        self._plan = plan
        self._store = store
        self._progress = progress
        self._analyses = analyses
        self._tasks: dict[str, Task] = {}
        for task in plan.tasks:
            self._tasks.setdefault(task.key, task)
        self._started: set[str] = set()
        self._outcomes: dict[str, Outcome] = {}

    def recall(self) -> list[Task]:
        """Reads what is stored, and returns the tasks that remain: the planned ones and those found damaged."""
        planned = {task.key for batch in self._plan.batches for task in batch.tasks}
        missing = []
        for key, task in self._tasks.items():
            if key not in planned and (outcome := self._read(task, fresh=False)):
                self._outcomes[key] = outcome
            else:
                missing.append(task)
        self._progress.planned(len(missing))
        return missing

    def receive(self, message: Message) -> None:
        """Takes in what a worker says.

        Raises:
            ExperimentError: The worker objects to its tasks.
        """
        if isinstance(message, Objected):
            experiments = {experiment.name: experiment for experiment in self._plan.experiments}
            raise ExperimentError(
                sorted({found.problem(task, experiments[task.experiment]) for task, found in message.objections})
            )
        task = self._tasks[message.key]
        if isinstance(message, Started):
            self._started.add(task.key)
            self._progress.started(task)
        elif message.failure is not None:
            self._finish(Outcome(task, None, message.failure, message.provenance, fresh=True))
        else:
            self._finish(self._read(task, fresh=True) or self._unreadable(task, message.provenance))

    def mourn(self, loss: Lost[Assignment]) -> list[Task]:
        """Makes failures of what a lost worker had in hand, and returns its tasks that can be tried elsewhere.

        A worker that was lost before it started a task died of its model: then all its tasks have failed.
        """
        left = [task for task in loss.item.batch.tasks if task.key not in self._outcomes]
        victims = [task for task in left if task.key in self._started] or left
        message = f"The process that computed this was ended from outside ({loss.reason}), perhaps for want of memory."
        for task in victims:
            provenance = provenance_of(task, loss.item, 0.0)
            failure = Failure(kind="WorkerLost", message=message)
            self._store.put_failure(task.key, failure, provenance)
            self._finish(Outcome(task, None, failure, provenance, fresh=True))
        return [task for task in left if task not in victims]

    def run(self) -> Run:
        """Every outcome in page order; a key that stands in several places has the same outcome in each."""
        outcomes = []
        for task in self._plan.tasks:
            found = self._outcomes[task.key]
            outcomes.append(Outcome(task, found.result, found.failure, found.provenance, found.fresh))
        return Run(self._plan.experiments, tuple(outcomes))

    def _read(self, task: Task, *, fresh: bool) -> Outcome | None:
        stored = self._store.get(task.key, self._analyses[task.analysis].Result)
        return Outcome(task, stored.result, None, stored.provenance, fresh) if stored else None

    def _unreadable(self, task: Task, provenance: Provenance) -> Outcome:
        failure = Failure(
            kind="StoreError",
            message="The result was stored, but what came back is not what was written.",
        )
        self._store.put_failure(task.key, failure, provenance)
        return Outcome(task, None, failure, provenance, fresh=True)

    def _finish(self, outcome: Outcome) -> None:
        self._outcomes[outcome.task.key] = outcome
        self._progress.finished(outcome)


def _spread(batches: Sequence[Batch], jobs: int) -> list[Batch]:
    """Divides batches by text where there are more workers than batches, the largest pieces first."""
    if len(batches) >= jobs:
        return list(batches)
    parts = -(-jobs // len(batches))
    return [piece for batch in batches for piece in batch.split(parts)]
