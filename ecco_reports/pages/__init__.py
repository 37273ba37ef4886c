"""A finished run as pages: Markdown, and the charts and data files that belong to it.

In: a run and its verdicts. Out: pages, and what could not be drawn. Never: files written, models, torch.

    gallery             index.md                       a card per experiment
    overview            experiments/index.md           a line per prompt and model
    experiment          experiments/NAME.md            everything about it
    how to read         how-to-read/ANALYSIS.md        a lesson per kind of analysis, on a figure of this run
    reference           reference/analyses.md          the analyses and their settings

All text from users and models is escaped by the Jinja environment itself (``escape.escaped``), so a template cannot
forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.errors import RenderError
from ecco_reports.pages import escape
from ecco_reports.pages.arranging import Arranger
from ecco_reports.pages.drawings import Drawings, KeptDrawings, draw_thumbnail
from ecco_reports.pages.lessons import Lesson, lesson
from ecco_reports.pages.sections import ROWS_SHOWN, Report, Section, Verdict
from ecco_reports.registry import Registry
from ecco_reports.resources import resource

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdicts
    from ecco_reports.runner import Run

__all__ = ["KeptDrawings", "Page", "Pages", "Trouble", "render"]

FAVOURITE = "heathrow"
"""The experiment whose figures the lessons use if it is there: it is the one that the prose was written beside."""


@dataclass(frozen=True)
class Page:
    """A page of the site.

    Attributes:
        path: Where its Markdown lies below the docs folder.
        title: Its title, as written.
        markdown: Its content, front matter included.
        assets: Files that come with it, by path below the docs folder.
        picture: A small SVG that stands for it where it is shared; empty when there is none.
    """

    path: str
    title: str
    markdown: str
    assets: Mapping[str, bytes] = field(default_factory=dict)
    picture: bytes = b""


@dataclass(frozen=True)
class Trouble:
    """Something that is a box on a page because it could not be drawn.

    Attributes:
        page: Path of the page.
        anchor: Where on the page.
        message: What went wrong.
    """

    page: str
    anchor: str
    message: str


@dataclass(frozen=True)
class Pages:
    """All pages of a run.

    Attributes:
        pages: The pages, in the order of the navigation.
        problems: What could not be drawn although its result is there.
    """

    pages: tuple[Page, ...]
    problems: tuple[Trouble, ...] = ()

    def __iter__(self) -> Iterator[Page]:
        return iter(self.pages)

    def __len__(self) -> int:
        return len(self.pages)


def render(
    run: Run,
    verdicts: Verdicts | None = None,
    templates: Iterable[Path] = (),
    drawings: Drawings | None = None,
    *,
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> Pages:
    """Makes the pages of a run.

    Args:
        run: What was computed.
        verdicts: What the gates say of it.
        templates: Folders whose templates come before those of the package, the first before the second.
        drawings: Who draws; ``KeptDrawings`` spares the figures that have not changed.
        analyses: The analyses that exist.

    Raises:
        RenderError: A template is wrong, so that a page as a whole cannot be made.
    """
    drawings = drawings or Drawings()
    arranger = Arranger(analyses, drawings)
    reports = [_report(arranger, one, run, verdicts) for one in run.experiments]
    lessons = [lesson(name, analyses[name], _example(reports, name)) for name in analyses]
    pictures = {report.experiment.name: picture for report in reports if (picture := _thumbnail(report, drawings))}
    draw = _Press(environment(templates))
    pages = [
        _gallery(draw, reports, pictures),
        draw.page("overview.md.jinja", "experiments/index.md", "All experiments", reports=reports),
        *(_experiment(draw, report, pictures.get(report.experiment.name, "")) for report in reports),
        draw.page("lessons.md.jinja", "how-to-read/index.md", "How to read the charts", lessons=lessons),
        *(_lesson(draw, one) for one in lessons),
        draw.page("analyses.md.jinja", "reference/analyses.md", "Analyses", lessons=lessons),
    ]
    return Pages(tuple(pages), tuple(_problems(reports)))


def environment(templates: Iterable[Path] = ()) -> jinja2.Environment:
    """The Jinja environment: strict, and everything it prints is escaped unless our own code made it as markup."""
    folders = [*templates, resource("templates")]
    made = jinja2.Environment(
        loader=jinja2.ChoiceLoader([jinja2.FileSystemLoader(folder) for folder in folders]),
        undefined=jinja2.StrictUndefined,
        autoescape=True,
        finalize=escape.escaped,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "title_text": escape.title,
        "bidi": escape.bidi,
        "one_line": escape.one_line,
        "number": escape.number,
        "slug": escape.slug,
        "visible": _visible,
    }
    return made


def _visible(text: str) -> str:
    from ecco_reports.records import visible

    return escape.one_line(visible(text))


class _Press:
    """Templates in, pages out."""

    def __init__(self, templates: jinja2.Environment) -> None:
        self._templates = templates

    def has(self, template: str) -> bool:
        return template in self._templates.list_templates()

    def page(
        self, template: str, path: str, title: str, assets: Mapping[str, bytes] | None = None, **context: Any
    ) -> Page:
        try:
            body = self._templates.get_template(template).render(title=title, path=path, **context)
        except jinja2.TemplateError as error:
            where = f"{error.filename}:{error.lineno}: " if isinstance(error, jinja2.TemplateSyntaxError) else ""
            raise RenderError(f"{path}: the template {template} cannot be used: {where}{error}") from error
        return Page(path, title, body, dict(assets or {}))


def _report(arranger: Arranger, experiment: Experiment, run: Run, verdicts: Verdicts | None) -> Report:
    readings = arranger.readings(experiment, run.of(experiment.name))
    meetings = arranger.meetings(experiment, readings)
    return Report(experiment, readings, _verdicts(verdicts, experiment.name), meetings)


def _gallery(draw: _Press, reports: list[Report], pictures: Mapping[str, str]) -> Page:
    assets = {f"assets/experiments/{name}/thumbnail.svg": picture.encode() for name, picture in pictures.items()}
    return draw.page("gallery.md.jinja", "index.md", "Gallery", assets, reports=reports, pictured=set(pictures))


def _thumbnail(report: Report, drawings: Drawings) -> str:
    """A picture of the first section that has figures; generation comes last, its bars look alike everywhere."""
    with_figures = [section for section in report.sections if section.figures]
    for section in sorted(with_figures, key=lambda one: one.analysis.name == "generation"):
        if picture := drawings.picture([section.task.key], partial(_picture, section)):
            return picture
    return ""


def _picture(section: Section) -> str:
    return draw_thumbnail(section.analysis.charts(section.result))


def _experiment(draw: _Press, report: Report, picture: str) -> Page:
    assets = {path: content for section in report.all_sections for path, content in section.files.items()}
    page = draw.page(
        "experiment.md.jinja",
        report.path,
        report.experiment.title,
        assets,
        report=report,
        several_models=len({reading.model for reading in report.readings}) > 1,
        rows_shown=ROWS_SHOWN,
    )
    return replace(page, picture=picture.encode())


def _lesson(draw: _Press, one: Lesson) -> Page:
    own = f"analyses/{one.name}.md.jinja"
    template = own if draw.has(own) else "lesson.md.jinja"
    return draw.page(template, f"how-to-read/{one.name}.md", one.analysis.title, lesson=one)


def _example(reports: Iterable[Report], analysis: str) -> tuple[Report, Section] | None:
    """The section that teaches how to read an analysis: the favourite experiment's, else the first that has figures."""
    ordered = sorted(reports, key=lambda report: report.experiment.name != FAVOURITE)
    found = (
        (report, section)
        for report in ordered
        for section in report.sections
        if section.analysis.name == analysis and section.figures
    )
    return next(found, None)


def _verdicts(verdicts: Verdicts | None, experiment: str) -> tuple[Verdict, ...]:
    """The gates; proofs stand beside their results."""
    if verdicts is None:
        return ()
    return tuple(
        Verdict(one.status.value, one.name, one.message, one.failed, one.passed, one.model, one.prompt, one.samples)
        for one in verdicts.of_experiment(experiment)
        if one.kind == "gate"
    )


def _problems(reports: Iterable[Report]) -> Iterator[Trouble]:
    for report in reports:
        for section in report.all_sections:
            if section.trouble and section.undrawn:
                yield Trouble(report.path, section.anchor, section.trouble.message)
