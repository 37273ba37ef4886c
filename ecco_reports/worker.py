"""What happens where the executor puts it: one model is loaded, and its tasks are computed one after the other.

In: an assignment. Out: messages, light enough to travel; the results go into the store. Never: drawing, or the end of
other tasks because one has failed.
"""

from __future__ import annotations

import os
import platform
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TypeAlias

import ecco_reports
from ecco_reports.analyses import AnyAnalysis
from ecco_reports.errors import CapabilityError, ModelApiError, NumericalError, StoreError
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.memory import told
from ecco_reports.models.threads import threads_for
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import Batch, Objection, Task, objections
from ecco_reports.records import Provenance, Record
from ecco_reports.registry import Registry
from ecco_reports.store import Store

Load: TypeAlias = Callable[[ModelSpec], LanguageModel]


class Failure(Record):
    """Why a task has no result.

    Attributes:
        kind: The class of the error, such as ``CapabilityError``; ``WorkerLost`` when its process was ended from
            outside.
        message: What happened.
        traceback: Where it happened; empty where that tells nothing.
    """

    kind: str
    message: str
    traceback: str = ""


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to know.

    Attributes:
        batch: The tasks, and their model.
        store: The folder of the store.
        analyses: The analyses that exist.
        load: How the model is loaded.
        commits: Commit of each experiment's folder.
        threads: How many threads the arithmetic should use; None leaves it alone.
        run: Names the run that the assignment is a part of; all workers of a run share the limits of a server.
    """

    batch: Batch
    store: Path
    analyses: Registry[AnyAnalysis]
    load: Load
    commits: Mapping[str, str | None]
    threads: int | None
    run: str


@dataclass(frozen=True)
class Started:
    """A worker begins with a task."""

    key: str


@dataclass(frozen=True)
class Finished:
    """A worker has stored a result, or noted a failure; the result itself stays in the store."""

    key: str
    failure: Failure | None
    provenance: Provenance


@dataclass(frozen=True)
class Objected:
    """The loaded model shows that tasks cannot work; nothing of the batch was computed."""

    objections: tuple[tuple[Task, Objection], ...]


Message: TypeAlias = Started | Finished | Objected


def load_model(spec: ModelSpec) -> LanguageModel:
    """Loads a model; the first call of a local one imports torch.

    Raises:
        ModelLoadError: It cannot be had.
    """
    if spec.is_served:
        from ecco_reports.models.api import model

        return model.load(spec)
    from ecco_reports.models.huggingface import load

    return load(spec)


def work(assignment: Assignment) -> Iterator[Message]:
    """Loads the model of a batch and computes its tasks one after the other.

    Raises:
        StoreError: The store cannot be written.
    """
    tasks, store = assignment.batch.tasks, Store(assignment.store)
    began = time.perf_counter()
    try:
        model = assignment.load(assignment.batch.spec)
        model.keep_answers(store.answers, assignment.run)
        objected = tuple(_objections(tasks, model, assignment.analyses))
    except Exception as error:
        failure = _failure(told(error, assignment.batch.spec.source, "loading it"))
        for task in tasks:
            provenance = provenance_of(task, assignment, time.perf_counter() - began)
            store.put_failure(task.key, failure, provenance)
            yield Finished(task.key, failure, provenance)
        return
    if objected:
        yield Objected(objected)
        return
    with threads_for(model, assignment.threads):
        for task in tasks:
            yield Started(task.key)
            yield _compute(task, model, assignment, store)


def _objections(
    tasks: Iterable[Task], model: LanguageModel, analyses: Registry[AnyAnalysis]
) -> Iterator[tuple[Task, Objection]]:
    """What the facts of the loaded model say against tasks, which were perhaps unknown to the plan."""
    for task in tasks:
        for objection in objections(task, analyses[task.analysis], model.facts):
            yield task, objection


def _compute(task: Task, model: LanguageModel, assignment: Assignment, store: Store) -> Finished:
    """Computes and stores one result; whatever goes wrong in it becomes its failure."""
    analysis = assignment.analyses[task.analysis]
    began = time.perf_counter()
    try:
        model.demand(analysis.needs(task.params))
        result = analysis.run(model, task.prompt, task.params)
        seconds, notes = time.perf_counter() - began, model.memory.collect()
        provenance = provenance_of(task, assignment, seconds, model, notes)
        store.put(task.key, result, provenance, task.made_of)
    except StoreError:
        raise
    except Exception as error:
        failure = _failure(told(error, task.spec.source, f"the analysis {task.label}"))
        seconds, notes = time.perf_counter() - began, model.memory.collect()
        provenance = provenance_of(task, assignment, seconds, model, notes)
        store.put_failure(task.key, failure, provenance)
        return Finished(task.key, failure, provenance)
    return Finished(task.key, None, provenance)


def _failure(error: Exception) -> Failure:
    kind = type(error).__name__
    # A model that lacks something or leaves its range, or a server that refuses, is no accident: its sentence says all.
    polite = isinstance(error, CapabilityError | ModelApiError | NumericalError)
    trace = "" if polite else "".join(traceback.format_exception(error))
    return Failure(kind=kind, message=str(error) or kind, traceback=trace)


def provenance_of(
    task: Task,
    assignment: Assignment,
    seconds: float,
    model: LanguageModel | None = None,
    notes: tuple[str, ...] = (),
) -> Provenance:
    """Where a result or a failure of this assignment comes from.

    Args:
        task: The task.
        assignment: What it is a part of.
        seconds: How long it took.
        model: The model, or None where it could not be loaded.
        notes: What a reader should know of the way it was computed.
    """
    return Provenance(
        created=_now(),
        seconds=round(seconds, 6),
        device=model.device if model else task.spec.device,
        dtype=model.facts.spec.dtype if model else task.spec.dtype,
        seed=task.seed,
        commit=assignment.commits[task.experiment],
        versions={**_versions(), **(model.served if model else {})},
        notes=(*(model.facts.notes if model else ()), *notes),
    )


def _now() -> str:
    """The time in UTC, or the one that a reproducible build prescribes."""
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    moment = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return moment.isoformat(timespec="seconds")


def _versions() -> dict[str, str]:
    found = {"ecco_reports": ecco_reports.__version__, "python": platform.python_version()}
    for package in ("torch", "transformers", "numpy"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
