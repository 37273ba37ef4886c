"""Arranges a finished run for its pages: outcomes become sections, sections readings.

In: outcomes. Out: the views of ``sections``, with the files that belong to them. Never: Markdown, writing, torch.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.pages.drawings import Drawing, Drawings, draw_section
from ecco_reports.pages.escape import slugs
from ecco_reports.pages.sections import Continuation, Reading, Section, Trouble
from ecco_reports.pages.tables import csv_bytes, json_bytes
from ecco_reports.records import Check, Metric, Passage, Provenance, Record
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
        files[f"{folder}{anchor}.csv"] = csv_bytes(table)
        files[f"{folder}{anchor}.json"] = json_bytes(facts, table)
        return replace(
            empty,
            summary=analysis.summary(result),
            figures=drawing.figures,
            checks=checks,
            metrics=metrics,
            table=table,
            csv=f"../{folder}{anchor}.csv",
            json=f"../{folder}{anchor}.json",
            files=files,
            result=result,
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
