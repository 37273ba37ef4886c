"""What an experiment asks for, one result at a time, and what each result is found by in the store.

In: an experiment, and what is known of its models. Out: tasks, and batches of those of one model. Never: files.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ecco_reports.analyses import AnyAnalysis, DecodingParams
from ecco_reports.models.base import ModelFacts
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import SCHEMA_VERSION, Decoding, Prompt, Record, Sampling, digest
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment


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


def expand(
    experiment: Experiment, analyses: Registry[AnyAnalysis], facts: Mapping[ModelSpec, ModelFacts]
) -> Iterator[Task]:
    """Every task of an experiment whose model is known, in the order of its page.

    Args:
        experiment: The experiment.
        analyses: The analyses that exist.
        facts: What is known of models.
    """
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


def sampling_seed(experiment_seed: int, text: str, sampling: Sampling) -> int:
    """The seed of a draw, where the experiment does not give one.

    It depends on nothing but the experiment's seed, the text and how tokens are drawn: all analyses of a text see the
    same continuation, however many workers there are, and a longer continuation begins like a shorter one.
    """
    settings = sampling.model_dump(mode="json", exclude={"seed"})
    return int(digest({"seed": experiment_seed, "text": text, "sampling": settings})[:16], 16) >> 1
