"""From experiments to the work that is left to do.

In: experiments, the store, and what is known of the models without loading them. Out: a plan: every task in the order
of the pages, and batches of those whose result is missing. Never: loading a model, computing, writing.

All that can be known to fail is said here, for all experiments at once, before anything is computed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any, TypeAlias

from ecco_reports.analyses import ANALYSES, AnyAnalysis, DecodingParams
from ecco_reports.analyses.preflight import family_problems, length_problems
from ecco_reports.errors import ExperimentError, ModelLoadError, Problem
from ecco_reports.models.api.cost import Cost, Question, estimate, units_of
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import SCHEMA_VERSION, Decoding, Prompt, Record, Sampling, digest
from ecco_reports.registry import Registry
from ecco_reports.store import Store

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment

FactsOf: TypeAlias = Callable[[ModelSpec], ModelFacts]


@dataclass(frozen=True)
class Task:
    """One analysis of one prompt by one model.

    Attributes:
        experiment: Name of the experiment that asks for it.
        model: Name of the model in that experiment.
        spec: The model.
        prompt: The prompt.
        analysis: Name of the analysis.
        label: What the experiment calls this use of the analysis.
        params: The settings, with decoding shared and seeds resolved.
        key: What the result is found by in the store.
        seed: Seed of what is drawn while computing; 0 where nothing is.
        path: Where its settings stand in the experiment file.
        made_of: What the key is the digest of.
    """

    experiment: str
    model: str
    spec: ModelSpec
    prompt: Prompt
    analysis: str
    label: str
    params: Record
    key: str
    seed: int = 0
    path: tuple[str | int, ...] = ()
    made_of: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def place(self) -> tuple[str, str, str, str]:
        """Experiment, model, prompt and label: where it stands in the pages, whatever it is computed from."""
        return self.experiment, self.model, self.prompt.name, self.label


@dataclass(frozen=True)
class Batch:
    """Tasks of one model whose results are missing; tasks of one text stand together."""

    spec: ModelSpec
    tasks: tuple[Task, ...]

    def split(self, parts: int) -> tuple[Batch, ...]:
        """The same tasks as at most ``parts`` batches of nearly equal size; a text is never divided.

        Neither is the work of a server, whose answers and limits all tasks share.
        """
        if self.spec.is_served:
            return (self,)
        pieces: list[list[Task]] = [[]]
        for _, together in groupby(self.tasks, key=lambda task: task.prompt.text):
            group = list(together)
            target = len(self.tasks) * len(pieces) / parts
            done = sum(map(len, pieces))
            # A group goes to the piece that its middle falls into.
            if pieces[-1] and len(pieces) < parts and done + len(group) / 2 > target:
                pieces.append([])
            pieces[-1].extend(group)
        return tuple(Batch(self.spec, tuple(piece)) for piece in pieces if piece)


@dataclass(frozen=True)
class Workload:
    """How much one model has to do, and how much of that is done; equal tasks count once.

    Attributes:
        spec: The model.
        tasks: Number of results that the experiments ask for.
        prompts: Number of different texts among them.
        stored: How many of the results are stored.
        cost: What the missing ones would cost at a server; None for a local model.
    """

    spec: ModelSpec
    tasks: int
    prompts: int
    stored: int
    cost: Cost | None = None

    @property
    def missing(self) -> int:
        """How many results are to be computed."""
        return self.tasks - self.stored


@dataclass(frozen=True)
class Plan:
    """What the experiments ask for, and what of it is to be computed.

    Attributes:
        experiments: The experiments, in the order they were given.
        tasks: Every task, in the order of the pages: experiment, model, prompt, analysis.
        batches: The tasks whose results are missing, each key once, one batch per model.
        stored: Keys of the results that are there.
        costs: What the missing results of models behind servers would cost at most.
    """

    experiments: tuple[Experiment, ...]
    tasks: tuple[Task, ...]
    batches: tuple[Batch, ...]
    stored: frozenset[str]
    costs: Mapping[ModelSpec, Cost] = field(default_factory=dict)

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

    Args:
        experiments: What is asked for; their names differ.
        store: Where results may be already.
        analyses: The analyses that exist.
        facts_of: What is known of a model without loading it.

    Raises:
        ExperimentError: Something cannot work; holds all problems of all experiments.
        StoreError: The store cannot be read.
    """
    facts, problems = _all_facts(experiments, facts_of)
    tasks: list[Task] = []
    stored: set[str] = set()
    checked: set[str] = set()
    for experiment in experiments:
        for task in _expand(experiment, analyses, facts):
            tasks.append(task)
            if task.key not in checked:
                checked.add(task.key)
                if store.has(task.key):
                    stored.add(task.key)
            # A stored result has passed: its key covers everything that an objection can depend on.
            if task.key not in stored:
                found = objections(task, analyses[task.analysis], facts[task.spec])
                problems.extend(objection.problem(task, experiment) for objection in found)
    batches = batches_of(task for task in tasks if task.key not in stored)
    costs = {batch.spec: _cost(batch, analyses, store) for batch in batches if batch.spec.is_served}
    problems.extend(_too_expensive(experiments, costs))
    if problems:
        raise ExperimentError(sorted(set(problems)))
    return Plan(tuple(experiments), tuple(tasks), batches, frozenset(stored), costs)


def batches_of(tasks: Iterable[Task]) -> tuple[Batch, ...]:
    """Groups tasks by model and, within a model, by text; each key is taken once, where it comes first."""
    groups: dict[ModelSpec, dict[str, list[Task]]] = {}
    seen: set[str] = set()
    for task in tasks:
        if task.key not in seen:
            seen.add(task.key)
            groups.setdefault(task.spec, {}).setdefault(task.prompt.text, []).append(task)
    return tuple(
        Batch(spec, tuple(task for together in by_text.values() for task in together))
        for spec, by_text in groups.items()
    )


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


def sampling_seed(experiment_seed: int, text: str, sampling: Sampling) -> int:
    """The seed of a draw, where the experiment does not give one.

    It depends on nothing but the experiment's seed, the text and how tokens are drawn: all analyses of a text see the
    same continuation, however many workers there are, and a longer continuation begins like a shorter one.
    """
    settings = sampling.model_dump(mode="json", exclude={"seed"})
    return int(digest({"seed": experiment_seed, "text": text, "sampling": settings})[:16], 16) >> 1


def _all_facts(
    experiments: Sequence[Experiment], facts_of: FactsOf
) -> tuple[dict[ModelSpec, ModelFacts], list[Problem]]:
    """The facts of every model that is used, asked for once, and a problem for every place that names none."""
    facts: dict[ModelSpec, ModelFacts] = {}
    refusals: dict[ModelSpec, str] = {}
    problems: list[Problem] = []
    for experiment in experiments:
        used = {name for entry in experiment.analyses for name in entry.models}
        for name, spec in experiment.models.items():
            if name not in used:
                continue
            if spec not in facts and spec not in refusals:
                try:
                    facts[spec] = facts_of(spec)
                except ModelLoadError as error:
                    refusals[spec] = str(error)
            if spec in refusals:
                problems.append(experiment.problem(("models", name), refusals[spec]))
    return facts, problems


def _expand(
    experiment: Experiment, analyses: Registry[AnyAnalysis], facts: Mapping[ModelSpec, ModelFacts]
) -> Iterator[Task]:
    """Every task of an experiment whose model is known."""
    for model, spec in experiment.models.items():
        if spec not in facts:
            continue
        for name, prompt in experiment.prompts.items():
            entries = [entry for entry in experiment.analyses if model in entry.models and name in entry.prompts]
            spoken = next((entry.params for entry in entries if _speaks_of_decoding(entry.params)), None)
            for entry in entries:
                params, seed = _settle(entry.params, spoken, experiment.seed, prompt.text)
                made_of = _ingredients(analyses[entry.analysis], params, seed, prompt, facts[spec])
                yield Task(
                    experiment=experiment.name,
                    model=model,
                    spec=spec,
                    prompt=prompt,
                    analysis=entry.analysis,
                    label=entry.label,
                    params=params,
                    key=digest(made_of),
                    seed=seed,
                    path=tuple(entry.path),
                    made_of=made_of,
                )


def _speaks_of_decoding(params: Record) -> bool:
    return isinstance(params, DecodingParams) and not params.says_nothing_about_decoding


def _settle(params: Record, spoken: Record | None, experiment_seed: int, text: str) -> tuple[Record, int]:
    """The params with the decoding that holds for them, and the seed of what they draw (0 for nothing)."""
    if not isinstance(params, DecodingParams):
        return params, 0
    decoding = params.decoding
    if isinstance(spoken, DecodingParams) and params.says_nothing_about_decoding:
        decoding = spoken.decoding
    sampling = decoding.sampling
    if sampling is not None and sampling.seed is None:
        sampling = sampling.model_copy(update={"seed": sampling_seed(experiment_seed, text, sampling)})
    settings = {name: getattr(decoding, name) for name in Decoding.model_fields}
    settled = params.model_copy(update={**settings, "sampling": sampling})
    return settled, (sampling.seed or 0) if sampling else 0


def _ingredients(analysis: AnyAnalysis, params: Record, seed: int, prompt: Prompt, facts: ModelFacts) -> dict[str, Any]:
    """Everything that a result depends on. The device is not among it, nor is any name the experiment gives."""
    return {
        "schema": SCHEMA_VERSION,
        "analysis": analysis.name,
        "version": analysis.version,
        "params": params.model_dump(mode="json", exclude_computed_fields=True),
        "model": dict(facts.identity),
        "dtype": facts.spec.dtype,
        "prompt": prompt.model_dump(mode="json", exclude={"name", "written"}, exclude_defaults=True),
        "seed": seed,
    }
