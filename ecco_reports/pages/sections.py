"""What the templates see: a finished run, arranged as experiments, readings (a prompt read by a model) and sections.

In: outcomes. Out: frozen views made of plain words, numbers and drawn figures, and the files that belong to them.
Never: Markdown, files, torch.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.pages.downloads import Cell, csv_bytes, json_bytes
from ecco_reports.pages.drawings import Drawing, Drawings, Drawn, draw_section
from ecco_reports.pages.escape import entities, number, one_line, slugs
from ecco_reports.records import Check, Metric, Passage, Prompt, Provenance, Record, Table, Token

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.plan import Task
    from ecco_reports.runner import Outcome

log = logging.getLogger(__name__)

ROWS_SHOWN = 200
"""Rows of a table that stand on the page; the files beside it have all of them."""

CAPABILITY = "CapabilityError"


@dataclass(frozen=True)
class Trouble:
    """Why a section has no figures, or a page a box instead of a chart.

    Attributes:
        kind: The name of the error.
        message: What it says.
        lacking: Whether the model simply cannot do what was asked, which is nobody's fault.
    """

    kind: str
    message: str

    @property
    def lacking(self) -> bool:
        """Whether the model cannot do what was asked for."""
        return self.kind == CAPABILITY


@dataclass(frozen=True)
class Section:
    """One analysis of one prompt by one model, as a page shows it.

    Attributes:
        anchor: Its permanent id on the page.
        analysis: The room it comes from.
        label: As the experiment calls the entry.
        task: The task it reports on.
        summary: What was found; empty where there is no result.
        figures: The drawn figures, the most telling first.
        checks: The proof.
        metrics: The numbers gates may watch.
        table: The data, or None.
        csv: Address of the CSV file from the page; empty without a table.
        json: Address of the JSON file from the page; empty without a table.
        trouble: Why there is no result, or None.
        provenance: Where the result comes from, or None.
        files: What belongs into the site beside the page, by path from the site's root.
        result: What it shows, or None.
        undrawn: Whether there is a result that could not be drawn.
    """

    anchor: str
    analysis: AnyAnalysis
    label: str
    task: Task
    summary: str = ""
    figures: tuple[Drawn, ...] = ()
    checks: tuple[Check, ...] = ()
    metrics: Mapping[str, Metric] = field(default_factory=dict)
    table: Table | None = None
    csv: str = ""
    json: str = ""
    trouble: Trouble | None = None
    provenance: Provenance | None = None
    files: Mapping[str, bytes] = field(default_factory=dict)
    result: Record | None = None
    undrawn: bool = False

    @property
    def heading(self) -> str:
        """Its title on the page, with the label where the label says more than the analysis."""
        return self.analysis.title if self.label == self.analysis.name else f"{self.analysis.title}: {self.label}"

    @property
    def passed(self) -> int:
        """How many checks passed."""
        return sum(check.passed for check in self.checks)

    @property
    def rows(self) -> tuple[tuple[Cell, ...], ...]:
        """The rows of the table that the page shows."""
        return self.table.rows[:ROWS_SHOWN] if self.table else ()

    @property
    def table_html(self) -> Markup:
        """Header and body of the table; built here because a template would take ten times as long."""
        return table_html(self.table.columns, self.rows) if self.table else Markup()


@dataclass(frozen=True)
class Reading:
    """A prompt read by a model: what was asked, what the model wrote, and what was found.

    Attributes:
        anchor: Its permanent id on the page.
        prompt_anchor: The id of the prompt, which several models may have read.
        prompt: The prompt.
        model: The model's name in the experiment.
        source: What that name stands for.
        sections: One per analysis, in the order of the experiment.
        passage: Prompt and continuation as tokens, or None when no result tells.
    """

    anchor: str
    prompt_anchor: str
    prompt: Prompt
    model: str
    source: str
    sections: tuple[Section, ...]
    passage: Passage | None = None

    @property
    def written(self) -> str:
        """What the model wrote after the prompt."""
        return written(self.passage.tokens[self.passage.prompt_length :]) if self.passage else ""

    @property
    def checks(self) -> int:
        """How many checks its sections carry."""
        return sum(len(section.checks) for section in self.sections)

    @property
    def passed(self) -> int:
        """How many of them passed."""
        return sum(section.passed for section in self.sections)

    @property
    def troubles(self) -> tuple[Section, ...]:
        """Sections that could not be shown although the model can do what they need."""
        return tuple(section for section in self.sections if section.trouble and not section.trouble.lacking)


@dataclass(frozen=True)
class Verdict:
    """How a gate ended for one result.

    Attributes:
        status: How it ended.
        metric: The metric it watches.
        message: A sentence with the numbers.
        failed: Whether it must stop a release.
        task: What it was about; None where it found nothing to judge.
    """

    status: str
    metric: str
    message: str
    failed: bool
    task: Task | None

    @property
    def tone(self) -> str:
        """``sound``, ``broken`` or ``neutral``: how the status looks."""
        return "broken" if self.failed else "sound" if self.status == "pass" else "neutral"


@dataclass(frozen=True)
class Report:
    """An experiment as its page shows it.

    Attributes:
        experiment: The experiment.
        readings: Every prompt read by every model, in the order of the experiment.
        verdicts: What its gates say.
    """

    experiment: Experiment
    readings: tuple[Reading, ...]
    verdicts: tuple[Verdict, ...] = ()

    @property
    def path(self) -> str:
        """Its page, from the root of the docs."""
        return f"experiments/{self.experiment.name}.md"

    @property
    def sections(self) -> Iterator[Section]:
        """All sections of all readings."""
        return (section for reading in self.readings for section in reading.sections)

    @cached_property
    def checks(self) -> int:
        """How many checks its results carry."""
        return sum(reading.checks for reading in self.readings)

    @cached_property
    def passed(self) -> int:
        """How many of them passed."""
        return sum(reading.passed for reading in self.readings)

    @property
    def versions(self) -> tuple[tuple[tuple[str, str], ...], ...]:
        """The different sets of versions that its results were computed with."""
        origins = (section.provenance for section in self.sections if section.provenance)
        return tuple(dict.fromkeys(tuple(sorted(origin.versions.items())) for origin in origins))

    @cached_property
    def failures(self) -> int:
        """How many sections could not be shown."""
        return sum(len(reading.troubles) for reading in self.readings)

    @property
    def status(self) -> str:
        """``broken`` (something failed), ``doubtful`` (a check or a gate did not pass), ``sound``."""
        if self.failures:
            return "broken"
        bad = self.passed < self.checks or any(verdict.failed for verdict in self.verdicts)
        return "doubtful" if bad else "sound"

    @property
    def status_words(self) -> str:
        """The status in a few words."""
        if self.failures:
            return f"{self.failures} {'analysis' if self.failures == 1 else 'analyses'} failed"
        if missed := self.checks - self.passed:
            return f"{missed} of {self.checks} checks not passed"
        if gates := sum(verdict.failed for verdict in self.verdicts):
            return f"{gates} {'gate' if gates == 1 else 'gates'} not passed"
        return f"all {self.checks} checks passed" if self.checks else "nothing to check"


def arrange(experiment: Experiment, outcomes: Sequence[Outcome], drawings: Drawings) -> tuple[Reading, ...]:
    """The outcomes of one experiment as readings, in the order in which they come."""
    models = slugs(experiment.models)
    prompts = slugs(experiment.prompts)
    groups: dict[tuple[str, str], list[Outcome]] = {}
    for name in experiment.prompts:
        groups |= {(name, model): [] for model in experiment.models}
    for outcome in outcomes:
        groups[outcome.task.prompt.name, outcome.task.model].append(outcome)
    return tuple(
        _reading(experiment, prompts[prompt], f"{prompts[prompt]}-{models[model]}", members, drawings)
        for (prompt, model), members in groups.items()
        if members
    )


def _reading(
    experiment: Experiment, prompt: str, anchor: str, outcomes: Sequence[Outcome], drawings: Drawings
) -> Reading:
    labels = slugs(outcome.task.label for outcome in outcomes)
    sections = tuple(
        section(outcome, experiment.name, f"{anchor}-{labels[outcome.task.label]}", drawings) for outcome in outcomes
    )
    task = outcomes[0].task
    passage = _passage([outcome.result for outcome in outcomes if outcome.result is not None])
    return Reading(anchor, f"prompt-{prompt}", task.prompt, task.model, task.spec.source, sections, passage)


def _passage(results: Sequence[Record]) -> Passage | None:
    """The longest text that a result tells of: results that explain a continuation hold it as their passage."""
    told = [passage for result in results if isinstance(passage := getattr(result, "passage", None), Passage)]
    return max(told, key=lambda passage: len(passage.tokens), default=None)


def section(outcome: Outcome, experiment: str, anchor: str, drawings: Drawings) -> Section:
    """One outcome as a section; whatever goes wrong while drawing becomes a box in its place."""
    task = outcome.task
    empty = Section(anchor, ANALYSES[task.analysis], task.label, task, provenance=outcome.provenance)
    if outcome.failure is not None:
        return replace(empty, trouble=Trouble(outcome.failure.kind, outcome.failure.message))
    if outcome.result is None:
        return replace(empty, trouble=Trouble("not run", "The run ended before this was computed."))
    try:
        return _filled(empty, outcome.result, experiment, drawings)
    except Exception as error:  # One figure that cannot be drawn must not take the page with it.
        log.debug("drawing %s failed", anchor, exc_info=True)
        message = f"The result is there, but it could not be drawn: {error}"
        return replace(empty, trouble=Trouble(type(error).__name__, message), undrawn=True)


def _filled(empty: Section, result: Record, experiment: str, drawings: Drawings) -> Section:
    analysis, anchor = empty.analysis, empty.anchor
    folder = f"assets/experiments/{experiment}/"

    def draw() -> Drawing:
        return draw_section(analysis.charts(result), anchor, folder)

    drawing = drawings.section([empty.task.key, anchor, folder], draw)
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


def written(tokens: Sequence[Token]) -> str:
    """The text that tokens add up to; a character in several tokens stands once, where it is complete."""
    text = []
    for token in tokens:
        if not token.partial:
            text.append(token.text)
        elif token.completes is not None:
            text.append(token.completes)
    return "".join(text)


def table_html(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Markup:
    """``thead`` and ``tbody``, one row per line."""
    numeric = [
        any(isinstance(row[index], int | float) for row in rows)
        and all(row[index] is None or isinstance(row[index], int | float) for row in rows)
        for index in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col"{" class=er-num" if right else ""}>{entities(one_line(column))}</th>'
        for column, right in zip(columns, numeric, strict=True)
    )
    lines = [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    lines += ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows]
    return Markup("\n".join([*lines, "</tbody>"]))


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<td></td>"
    if isinstance(cell, bool):
        return f"<td>{'yes' if cell else 'no'}</td>"
    if isinstance(cell, str):
        return f"<td dir=auto>{entities(one_line(cell))}</td>"
    return f"<td class=er-num>{number(cell)}</td>"
