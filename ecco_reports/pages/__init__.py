"""A finished run as pages: Markdown, and the charts and data files that belong to it.

In: a run and its verdicts. Out: pages, and what could not be drawn. Never: files written, models, torch.

    gallery             index.md                       a card per experiment
    overview            experiments/index.md           a line per prompt and model
    experiment          experiments/NAME.md            everything about it
    comparisons         comparisons/NAME.md            what changed since the baseline, where there is one
    how to read         how-to-read/ANALYSIS.md        a lesson per kind of analysis, on a figure of this run
    reference           reference/analyses.md          the analyses and their settings

All text from users and models is escaped by the Jinja environment itself (``escape.escaped``), so a template cannot
forget it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.pages.arranging import Arranger
from ecco_reports.pages.comparing import ComparisonView, Hand, compared, names_of
from ecco_reports.pages.drawings import Drawings, KeptDrawings, draw_thumbnail
from ecco_reports.pages.lessons import Lesson, lesson
from ecco_reports.pages.press import Page, Press, environment
from ecco_reports.pages.sections import ROWS_SHOWN, Report, Section, Verdict
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.experiment import Experiment
    from ecco_reports.gates import Verdicts
    from ecco_reports.runner import Run

__all__ = [
    "KeptDrawings",
    "Page",
    "Pages",
    "Trouble",
    "comparison_paths",
    "environment",
    "render",
    "render_comparisons",
]

FAVOURITE = "heathrow"
"""The experiment whose figures the lessons use if it is there: it is the one that the prose was written beside."""


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
    comparisons: Sequence[Comparison] = (),
) -> Pages:
    """Makes the pages of a run.

    Args:
        run: What was computed.
        verdicts: What the gates say of it.
        templates: Folders whose templates come before those of the package, the first before the second.
        drawings: Who draws; ``KeptDrawings`` spares the figures that have not changed.
        analyses: The analyses that exist.
        comparisons: Of its experiments with their baselines.

    Raises:
        RenderError: A template is wrong, so that a page as a whole cannot be made.
    """
    drawings = drawings or Drawings()
    arranger = Arranger(analyses, drawings)
    names = [one.name for one in run.experiments]
    views = compared(comparisons, verdicts, Hand(analyses, drawings), names)
    reports = [_report(arranger, one, run, verdicts, views) for one in run.experiments]
    lessons = [lesson(name, analyses[name], _example(reports, name)) for name in analyses]
    pictures = {report.experiment.name: picture for report in reports if (picture := _thumbnail(report, drawings))}
    draw = Press(environment(templates))
    pages = [
        _gallery(draw, reports, pictures),
        draw.page("overview.md.jinja", "experiments/index.md", "All experiments", reports=reports),
        *(_experiment(draw, report, pictures.get(report.experiment.name, "")) for report in reports),
        *_comparisons(draw, views),
        *_teaching(draw, lessons),
    ]
    return Pages(tuple(pages), (*_problems(reports), *_undrawn(views)))


def render_comparisons(
    comparisons: Sequence[Comparison],
    verdicts: Verdicts | None = None,
    templates: Iterable[Path] = (),
    drawings: Drawings | None = None,
    *,
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> Pages:
    """Makes the pages of comparisons alone, without those of any run.

    Args:
        comparisons: What was found, at least one.
        verdicts: What the gates say of it.
        templates: Folders whose templates come before those of the package.
        drawings: Who draws.
        analyses: The analyses that exist.

    Raises:
        RenderError: A template is wrong.
    """
    views = compared(comparisons, verdicts, Hand(analyses, drawings or Drawings()))
    draw = Press(environment(templates))
    front = draw.page("compared.md.jinja", "index.md", "Comparison", views=views)
    lessons = [lesson(name, analyses[name], None) for name in analyses]
    return Pages((front, *_comparisons(draw, views), *_teaching(draw, lessons)), tuple(_undrawn(views)))


def comparison_paths(comparisons: Sequence[Comparison]) -> tuple[str, ...]:
    """Where the pages of comparisons lie below the docs folder, in their order."""
    return tuple(f"comparisons/{name}.md" for name in names_of(comparisons))


def _comparisons(draw: Press, views: Sequence[ComparisonView]) -> Iterator[Page]:
    """The list of comparisons and their pages; nothing where there are none."""
    if views:
        yield draw.page("comparisons.md.jinja", "comparisons/index.md", "Comparisons", views=views)
    for view in views:
        yield draw.page(
            "comparison.md.jinja", view.path, f"What changed: {view.title}", view.files, view=view, alone=False
        )


def _teaching(draw: Press, lessons: Sequence[Lesson]) -> Iterator[Page]:
    yield draw.page("lessons.md.jinja", "how-to-read/index.md", "How to read the charts", lessons=lessons)
    yield from (_lesson(draw, one) for one in lessons)
    yield draw.page("analyses.md.jinja", "reference/analyses.md", "Analyses", lessons=lessons)


def _undrawn(views: Iterable[ComparisonView]) -> Iterator[Trouble]:
    for view in views:
        for anchor, trouble in view.troubles:
            yield Trouble(view.path, anchor, trouble.message)


def _report(
    arranger: Arranger,
    experiment: Experiment,
    run: Run,
    verdicts: Verdicts | None,
    views: Sequence[ComparisonView],
) -> Report:
    readings = arranger.readings(experiment, run.of(experiment.name))
    meetings = arranger.meetings(experiment, readings)
    mine = tuple(view for view in views if view.comparison.after.experiment == experiment.name)
    return Report(experiment, readings, _verdicts(verdicts, experiment.name), meetings, mine)


def _gallery(draw: Press, reports: list[Report], pictures: Mapping[str, str]) -> Page:
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


def _experiment(draw: Press, report: Report, picture: str) -> Page:
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


def _lesson(draw: Press, one: Lesson) -> Page:
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
