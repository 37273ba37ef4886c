"""Arranges a finished run for its pages: outcomes become sections, sections readings.

In: outcomes. Out: the views of ``sections``, with the files that belong to them. Never: Markdown, writing, torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations, groupby
from typing import TYPE_CHECKING, Any

from ecco_reports.analyses import AnyAnalysis, Between
from ecco_reports.pages.drawings import Drawing, Drawings, draw_section
from ecco_reports.pages.escape import slugs
from ecco_reports.pages.sections import Continuation, Meeting, Reading, Section, Trouble
from ecco_reports.pages.tables import csv_bytes, json_bytes
from ecco_reports.records import Check, Metric, Passage, Provenance, Record, Table
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.plan import Task
    from ecco_reports.runner import Outcome

log = logging.getLogger(__name__)


class Arranger:
    """Turns outcomes into readings.

    Args:
        analyses: The analyses that exist.
        drawings: Who draws.
    """

    def __init__(self, analyses: Registry[AnyAnalysis], drawings: Drawings) -> None:
        self._analyses = analyses
        self._drawings = drawings

    def readings(self, experiment: Experiment, outcomes: Sequence[Outcome]) -> tuple[Reading, ...]:
        """The outcomes of one experiment by prompt and model; within a reading they keep their order."""
        models, prompts = slugs(experiment.models), slugs(experiment.prompts)
        groups: dict[tuple[str, str], list[Outcome]] = {}
        for prompt in experiment.prompts:
            groups |= {(prompt, model): [] for model in experiment.models}
        for outcome in outcomes:
            groups[outcome.task.prompt.name, outcome.task.model].append(outcome)
        return tuple(
            self._reading(experiment.name, prompts[prompt], models[model], members)
            for (prompt, model), members in groups.items()
            if members
        )

    def _reading(self, experiment: str, prompt: str, model: str, outcomes: Sequence[Outcome]) -> Reading:
        anchor = f"{prompt}-{model}"
        labels = slugs(outcome.task.label for outcome in outcomes)
        sections = tuple(
            self.section(outcome, experiment, f"{anchor}-{labels[outcome.task.label]}") for outcome in outcomes
        )
        task = outcomes[0].task
        return Reading(
            anchor=anchor,
            prompt_anchor=f"prompt-{prompt}",
            prompt=task.prompt,
            model=task.model,
            source=task.spec.described,
            sections=sections,
            continuations=_continuations(outcomes),
        )

    def meetings(self, experiment: Experiment, readings: Sequence[Reading]) -> tuple[Meeting, ...]:
        """What the results of two models say about each other, for each prompt that several of them read.

        Nothing of an experiment that names a baseline: its models are compared on a page of their own.
        """
        if experiment.baseline is not None:
            return ()
        models = slugs(experiment.models)
        met = []
        for _, members in groupby(readings, key=lambda reading: reading.prompt.name):
            for one, other in combinations(members, 2):
                anchor = f"{one.anchor}-and-{models[other.model]}"
                sections = tuple(self._compared(one, other, anchor, experiment.name))
                if sections:
                    met.append(Meeting(anchor, one.prompt, (one.model, other.model), sections))
        return tuple(met)

    def _compared(self, one: Reading, other: Reading, anchor: str, experiment: str) -> Iterator[Section]:
        """The sections of two readings whose analyses can say something about both."""
        beside = {section.label: section for section in other.sections if section.result is not None}
        names = slugs(section.label for section in one.sections)
        for section in one.sections:
            partner = beside.get(section.label)
            if section.result is None or partner is None or partner.analysis.name != section.analysis.name:
                continue
            empty = Section(
                f"{anchor}-{names[section.label]}",
                section.analysis,
                section.label,
                section.task,
                models=(one.model, other.model),
            )
            try:
                between = section.analysis.between(section.result, partner.result, (one.model, other.model))
                if between is not None:
                    yield self._side_by_side(empty, between, partner, experiment)
            except Exception as error:  # As for one result: what cannot be drawn must not take the page with it.
                log.debug("comparing %s failed", empty.anchor, exc_info=True)
                message = f"Both results are there, but they could not be compared: {error}"
                yield replace(empty, trouble=Trouble(type(error).__name__, message), undrawn=True)

    def _side_by_side(self, empty: Section, between: Between, partner: Section, experiment: str) -> Section:
        """What two results say about each other, as a section."""
        folder, anchor = f"assets/experiments/{experiment}/", empty.anchor

        def draw() -> Drawing:
            return draw_section(between.figures, anchor, folder)

        drawing = self._drawings.section([empty.task.key, partner.task.key, anchor, folder, *empty.models], draw)
        checks = tuple(between.checks)
        facts = {
            "experiment": experiment,
            "models": list(empty.models),
            "prompt": empty.task.prompt.model_dump(mode="json"),
            "analysis": empty.analysis.name,
            "label": empty.label,
            "checks": [check.model_dump(mode="json") | {"passed": check.passed} for check in checks],
            "keys": [empty.task.key, partner.task.key],
        }
        files = {path: content.encode() for path, content in (drawing.files or {}).items()}
        return _with_data(
            replace(empty, summary=between.summary, figures=drawing.figures, checks=checks),
            between.table,
            facts,
            files,
            folder,
        )

    def section(self, outcome: Outcome, experiment: str, anchor: str) -> Section:
        """One outcome as a section; whatever goes wrong while drawing becomes a box in its place."""
        task = outcome.task
        empty = Section(anchor, self._analyses[task.analysis], task.label, task, provenance=outcome.provenance)
        if outcome.failure is not None:
            return replace(empty, trouble=Trouble(outcome.failure.kind, outcome.failure.message))
        if outcome.result is None:
            return replace(empty, trouble=Trouble("not run", "The run ended before this was computed."))
        try:
            return self._filled(empty, outcome.result, experiment)
        except Exception as error:  # One figure that cannot be drawn must not take the page with it.
            log.debug("drawing %s failed", anchor, exc_info=True)
            message = f"The result is there, but it could not be drawn: {error}"
            return replace(empty, trouble=Trouble(type(error).__name__, message), undrawn=True)

    def _filled(self, empty: Section, result: Record, experiment: str) -> Section:
        analysis, anchor = empty.analysis, empty.anchor
        folder = f"assets/experiments/{experiment}/"

        def draw() -> Drawing:
            return draw_section(analysis.charts(result), anchor, folder)

        drawing = self._drawings.section([empty.task.key, anchor, folder], draw)
        checks, metrics, table = tuple(analysis.proof(result)), dict(analysis.metrics(result)), analysis.table(result)
        facts = _facts(empty.task, experiment, checks, metrics, empty.provenance)
        files = {path: content.encode() for path, content in (drawing.files or {}).items()}
        filled = replace(
            empty,
            summary=analysis.summary(result),
            figures=drawing.figures,
            checks=checks,
            metrics=metrics,
            result=result,
        )
        return _with_data(filled, table, facts, files, folder)


def _with_data(
    section: Section, table: Table, facts: Mapping[str, Any], files: Mapping[str, bytes], folder: str
) -> Section:
    """A section with its table and the two files that hold all of its rows."""
    path = f"{folder}{section.anchor}"
    return replace(
        section,
        table=table,
        csv=f"../{path}.csv",
        json=f"../{path}.json",
        files={**files, f"{path}.csv": csv_bytes(table), f"{path}.json": json_bytes(facts, table)},
    )


def _continuations(outcomes: Sequence[Outcome]) -> tuple[Continuation, ...]:
    """The texts that results explain, in the order of the entries; one that goes on after another stands for both."""
    found: list[Continuation] = []
    for outcome in outcomes:
        passage = getattr(outcome.result, "passage", None)
        if not isinstance(passage, Passage):
            continue
        label = outcome.task.label
        for index, known in enumerate(found):
            shorter, longer = sorted((known.passage, passage), key=lambda one: len(one.tokens))
            if longer.tokens[: len(shorter.tokens)] == shorter.tokens:
                found[index] = Continuation(longer, (*known.labels, label))
                break
        else:
            found.append(Continuation(passage, (label,)))
    return tuple(found)


def _facts(
    task: Task, experiment: str, checks: Sequence[Check], metrics: Mapping[str, Metric], provenance: Provenance | None
) -> dict[str, Any]:
    return {
        "experiment": experiment,
        "model": {"name": task.model} | task.spec.model_dump(mode="json"),
        "prompt": task.prompt.model_dump(mode="json"),
        "analysis": task.analysis,
        "label": task.label,
        "params": task.params.model_dump(mode="json"),
        "metrics": {name: metric.model_dump(mode="json") for name, metric in metrics.items()},
        "checks": [check.model_dump(mode="json") | {"passed": check.passed} for check in checks],
        "key": task.key,
        "provenance": provenance.model_dump(mode="json") if provenance else None,
    }
