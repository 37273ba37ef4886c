"""From experiments to the work that is left to do.

In: experiments, the store, and what is known of the models without loading them. Out: a plan: every task in the order
of the pages, and batches of those whose result is missing. Never: loading a model, computing, writing.

All that can be known to fail is said here, for all experiments at once, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from ecco_reports.analyses import ANALYSES, AnyAnalysis, DecodingParams
from ecco_reports.analyses.preflight import family_problems, length_problems
from ecco_reports.errors import ExperimentError, ModelLoadError, OutOfReachError, Problem
from ecco_reports.models.api.cost import Cost, Question, estimate, units_of
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan.effort import Effort, effort_of
from ecco_reports.plan.tasks import Batch, Task, batches_of, expand, sampling_seed
from ecco_reports.records import Decoding, Family, canonical_json
from ecco_reports.registry import Registry
from ecco_reports.store import Store

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment

__all__ = ["Batch", "OutOfReach", "Plan", "Task", "Workload", "batches_of", "make_plan", "objections", "sampling_seed"]

FactsOf: TypeAlias = Callable[[ModelSpec], ModelFacts]


@dataclass(frozen=True)
class Workload:
    """How much one model has to do, and how much of that is done; equal tasks count once.

    Attributes:
        spec: The model.
        tasks: Number of results that the experiments ask for.
        prompts: Number of different texts among them.
        stored: How many of the results are stored.
        cost: What the missing ones would cost at a server; None for a local model.
        effort: Passes and memory of the missing ones; None behind a server.
    """

    spec: ModelSpec
    tasks: int
    prompts: int
    stored: int
    cost: Cost | None = None
    effort: Effort | None = None

    @property
    def missing(self) -> int:
        """How many results are to be computed."""
        return self.tasks - self.stored


@dataclass(frozen=True)
class OutOfReach:
    """A model that may be on the hub, which cannot be asked now: nothing is known of it, not even a key.

    Attributes:
        spec: The model.
        results: How many results the experiments want of it; equal ones count once.
        problems: Every place that names it, with the reason.
    """

    spec: ModelSpec
    results: int
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class Plan:
    """What the experiments ask for, and what of it is to be computed.

    Attributes:
        experiments: The experiments, in the order they were given.
        tasks: Every task, in the order of the pages: experiment, model, prompt, analysis.
        batches: The tasks whose results are missing, each key once, one batch per model.
        stored: Keys of the results that are there.
        costs: What the missing results of models behind servers would cost at most.
        efforts: What the missing results of the other models cost.
        out_of_reach: The models whose tasks could not be planned.
    """

    experiments: tuple[Experiment, ...]
    tasks: tuple[Task, ...]
    batches: tuple[Batch, ...]
    stored: frozenset[str]
    costs: Mapping[ModelSpec, Cost] = field(default_factory=dict)
    efforts: Mapping[ModelSpec, Effort] = field(default_factory=dict)
    out_of_reach: tuple[OutOfReach, ...] = ()

    @property
    def workloads(self) -> tuple[Workload, ...]:
        """One line per model for people who want to know what will happen."""
        by_spec: dict[ModelSpec, dict[str, Task]] = {}
        for task in self.tasks:
            by_spec.setdefault(task.spec, {}).setdefault(task.key, task)
        return tuple(
            Workload(
                spec=spec,
                tasks=len(tasks),
                prompts=len({task.prompt.text for task in tasks.values()}),
                stored=len(self.stored & tasks.keys()),
                cost=self.costs.get(spec),
                effort=self.efforts.get(spec),
            )
            for spec, tasks in by_spec.items()
        )


@dataclass(frozen=True)
class Objection:
    """Why a task cannot work.

    Attributes:
        path: Inside the analysis' params, or inside the prompt when it begins with ``"prompt"``.
        message: What is wrong.
        hint: What to write instead; may be empty.
    """

    path: tuple[str | int, ...]
    message: str
    hint: str = ""

    def problem(self, task: Task, experiment: Experiment) -> Problem:
        """The objection as a place in the experiment's file."""
        if self.path[:1] == ("prompt",):
            path: tuple[str | int, ...] = ("prompts", task.prompt.name, *self.path[1:])
        else:
            path = (*task.path, *self.path)
        return experiment.problem(path, self.message, self.hint)


def make_plan(
    experiments: Sequence[Experiment],
    store: Store,
    *,
    analyses: Registry[AnyAnalysis] = ANALYSES,
    facts_of: FactsOf = facts_of,
) -> Plan:
    """Decides what is to be computed.

    What is wanted of a model that only the hub has, while the hub cannot be asked, is checked as far as that goes
    without knowing the model.

    Args:
        experiments: What is asked for; their names differ.
        store: Where results may be already.
        analyses: The analyses that exist.
        facts_of: What is known of a model without loading it.

    Raises:
        ExperimentError: Something cannot work; holds all problems of all experiments.
        StoreError: The store cannot be read.
    """
    models = _looked_up(experiments, facts_of)
    asked = [(experiment, task) for experiment in experiments for task in expand(experiment, analyses, models.facts)]
    tasks = tuple(task for _, task in asked if task.spec not in models.missed)
    stored = frozenset(key for key in dict.fromkeys(task.key for task in tasks) if store.has(key))
    problems = [*models.problems]
    for experiment, task in asked:
        # A stored result has passed: its key covers everything that an objection can depend on.
        if task.key not in stored:
            found = objections(task, analyses[task.analysis], models.facts[task.spec])
            problems.extend(objection.problem(task, experiment) for objection in found)
    batches = batches_of(task for task in tasks if task.key not in stored)
    costs = {batch.spec: _cost(batch, analyses, store) for batch in batches if batch.spec.is_served}
    problems.extend(_too_expensive(experiments, costs))
    if problems:
        raise ExperimentError(sorted(set(problems)))
    efforts = {
        batch.spec: effort_of(batch.tasks, analyses, models.facts[batch.spec])
        for batch in batches
        if not batch.spec.is_served
    }
    out_of_reach = tuple(
        OutOfReach(spec, len({task.key for _, task in asked if task.spec == spec}), tuple(places))
        for spec, places in models.missed.items()
    )
    return Plan(tuple(experiments), tasks, batches, stored, costs, efforts, out_of_reach)


def objections(task: Task, analysis: AnyAnalysis, facts: ModelFacts) -> Iterator[Objection]:
    """Why a task cannot work, as far as ``facts`` can tell."""
    about = task.params, task.prompt, facts
    if unfit := list(length_problems(*about)) or list(family_problems(*about)):
        # What an analysis would find at the positions of such a prompt means nothing.
        yield from (Objection(*problem) for problem in unfit)
        return
    for path, message, hint in analysis.problems(task.params, task.prompt, facts):
        yield Objection(path, message, hint)


def _cost(batch: Batch, analyses: Registry[AnyAnalysis], store: Store) -> Cost:
    """What the tasks of a model behind a server would cost at most."""
    questions = [
        Question(
            prompt=task.prompt,
            decoding=task.params.decoding if isinstance(task.params, DecodingParams) else Decoding(),
            variants=analyses[task.analysis].variants(task.params, units_of(task.prompt)),
        )
        for task in batch.tasks
    ]
    return estimate(batch.spec, questions, store.answers)


def _too_expensive(experiments: Iterable[Experiment], costs: Mapping[ModelSpec, Cost]) -> Iterator[Problem]:
    """A problem for every model that would be asked for more than its limits allow."""
    for experiment in experiments:
        for name, spec in experiment.models.items():
            if spec in costs and (excess := costs[spec].excess):
                yield experiment.problem(
                    ("models", name),
                    f"what is asked of {spec.source} {excess}.",
                    "Ask for less (fewer prompts, fewer tokens, fewer permutations), or raise the limit.",
                )


@dataclass(frozen=True)
class _Models:
    """The models of some experiments.

    Attributes:
        facts: What is known of them; of one that is out of reach, what the experiment says.
        problems: Every place that names a model which is none.
        missed: Every place of a model that nobody who knows it can be asked about.
    """

    facts: Mapping[ModelSpec, ModelFacts]
    problems: Sequence[Problem]
    missed: Mapping[ModelSpec, Sequence[Problem]]


def _looked_up(experiments: Sequence[Experiment], facts_of: FactsOf) -> _Models:
    """Asks for the facts of every model that is used, once."""
    facts: dict[ModelSpec, ModelFacts] = {}
    refusals: dict[ModelSpec, ModelLoadError] = {}
    problems: list[Problem] = []
    missed: dict[ModelSpec, list[Problem]] = {}
    for experiment in experiments:
        used = {name for entry in experiment.analyses for name in entry.models}
        for name, spec in experiment.models.items():
            if name not in used:
                continue
            if spec not in facts and spec not in refusals:
                try:
                    facts[spec] = facts_of(spec)
                except ModelLoadError as error:
                    refusals[spec] = error
            if (refusal := refusals.get(spec)) is not None:
                out_of_reach = isinstance(refusal, OutOfReachError)
                places = missed.setdefault(spec, []) if out_of_reach else problems
                places.append(experiment.problem(("models", name), str(refusal)))
    return _Models(facts | {spec: _said_of(spec) for spec in missed}, problems, missed)


def _said_of(spec: ModelSpec) -> ModelFacts:
    """What an experiment says of a model that nobody can be asked about."""
    family = Family(spec.family) if spec.family else None
    return ModelFacts(spec, {"unknown": canonical_json(spec.model_dump(mode="json"))}, family=family)
