"""Histories as pages: what stepped, between which commits, and where everything stands.

In: histories. Out: pages with their charts and files, and a feed. Never: finding steps (``history``), files written.

    list          history/index.md      the experiments, and the latest regressions
    experiment    history/NAME.md       its metrics over commits, the most worrying first
    feed          history/feed.xml      for feed readers
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.comparison import Mark
from ecco_reports.comparison.words import SIGNS, Sign, amount, direction
from ecco_reports.history import History, Line, Regression, Step, Trend, anchor, feed, regressions, trends
from ecco_reports.pages.drawings import Drawings, Drawn
from ecco_reports.pages.press import Page, Press, environment
from ecco_reports.pages.tables import csv_bytes
from ecco_reports.pages.trend_charts import drawn, encoded, made_from
from ecco_reports.records import Table
from ecco_reports.registry import Registry

FEED = "history/feed.xml"
"""Where the feed lies, from the root of the site."""

STEPS_DRAWN = 24
"""Metrics with steps that have a chart of their own; the others stand with the steady ones."""
STEADY_POINTS = 6_000
"""Points of the chart of all steady metrics together; what is more is left to the files."""
SHOWN = 25
"""Commits and regressions that stand on a page; the files have all."""

_ENDED = {Mark.WORSE: "for the worse", Mark.CHANGED: "neither better nor worse", Mark.BETTER: "for the better"}


@dataclass(frozen=True)
class StepView:
    """A step as a page shows it.

    Attributes:
        word: The mark.
        sign: How it looks.
        said: What happened, in words.
        last: The last commit before.
        first: The first commit after.
    """

    word: str
    sign: Sign
    said: str
    last: Line
    first: Line


@dataclass(frozen=True)
class TrendView:
    """A metric that stepped.

    Attributes:
        trend: The metric.
        anchor: Where it stands on the page.
        meaning: What it is, and which way is better.
        steps: Its steps, the latest first.
        breaks: The commits from which on something else was asked.
        figures: Its chart.
        points: Its latest numbers, the latest first: the commit, the mean in words, how many prompts.
    """

    trend: Trend
    anchor: str
    meaning: str
    steps: tuple[StepView, ...]
    breaks: tuple[Line, ...]
    figures: tuple[Drawn, ...]
    points: tuple[tuple[Line, str, int], ...]


@dataclass(frozen=True)
class HistoryView:
    """The history of an experiment as a page shows it.

    Attributes:
        history: The history.
        lines: The commits of its main branch, the latest first.
        regressions: What got worse, the youngest first.
        headline: What there is to know, in a sentence.
        moved: The metrics that stepped, the most worrying first.
        steady: The chart of the others.
        steadies: The others: the metric, its model, where it stands, how many commits have it.
        files: What the page needs, by path from the root of the site.
        csv: The file with all numbers, from the page.
    """

    history: History
    lines: tuple[Line, ...]
    regressions: tuple[Regression, ...]
    headline: str
    moved: tuple[TrendView, ...]
    steady: tuple[Drawn, ...]
    steadies: tuple[tuple[str, str, str, int], ...]
    files: dict[str, bytes]
    csv: str

    @property
    def elsewhere(self) -> str:
        """How many commits of other branches are left out, in words; empty where none is."""
        number = len(self.history.lines) - len(self.lines)
        return f"{number} commit{'' if number == 1 else 's'} of other branches left out" if number else ""

    @property
    def several(self) -> bool:
        """Whether there are several models."""
        return len({model for line in self.lines for model in line.means}) > 1

    @property
    def latest(self) -> Line:
        """The latest commit."""
        return self.lines[0]


def render_histories(
    histories: Iterable[History],
    templates: Iterable[Path] = (),
    drawings: Drawings | None = None,
    *,
    base_url: str = "",
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> tuple[Page, ...]:
    """Makes the pages of histories, and their feed; none where there is no commit yet.

    Args:
        histories: What is known of earlier commits.
        templates: Folders whose templates come before those of the package.
        drawings: Who draws.
        base_url: Address of the site, with a slash at its end, for the links of the feed; empty where nobody knows it.
        analyses: The analyses that exist.

    Raises:
        RenderError: A template is wrong, or a chart cannot be drawn.
    """
    known = tuple(histories)
    views = [_view(one, drawings or Drawings(), analyses) for one in known if one.lines]
    if not views:
        return ()
    draw = Press(environment(templates))
    damages = [str(damage) for one in known for damage in one.damages]
    latest = sorted((one for view in views for one in view.regressions), key=lambda one: one.line.moment, reverse=True)
    index = draw.page(
        "histories.md.jinja",
        "history/index.md",
        "History",
        {FEED: feed(known, base_url=base_url, analyses=analyses)},
        views=views,
        regressions=latest[:SHOWN],
        damages=damages,
    )
    pages = [
        draw.page(
            "history.md.jinja",
            f"history/{view.history.experiment}.md",
            f"History: {view.latest.title}",
            view.files,
            view=view,
            shown=SHOWN,
        )
        for view in views
    ]
    return index, *pages


def _view(history: History, drawings: Drawings, analyses: Registry[AnyAnalysis]) -> HistoryView:
    lines = history.mainline
    made = trends(lines, analyses)
    folder = f"assets/history/{history.experiment}/"
    moved: list[TrendView] = []
    files: dict[str, bytes] = {}
    stepped = [trend for trend in made if trend.steps]
    for trend in stepped[:STEPS_DRAWN]:
        drawing = drawings.section(made_from(lines, [trend]), partial(drawn, lines, [trend], anchor(trend), folder))
        files |= encoded(drawing)
        moved.append(_trend_view(trend, drawing.figures))
    still = [*stepped[STEPS_DRAWN:], *(trend for trend in made if not trend.steps)]
    together = still[: max(1, STEADY_POINTS // len(lines))]
    drawing = drawings.section(made_from(lines, together), partial(drawn, lines, together, "steady", folder))
    files |= encoded(drawing)
    files[f"{folder}history.csv"] = csv_bytes(_table(history))
    found = regressions(history, analyses, made)
    return HistoryView(
        history=history,
        lines=tuple(reversed(lines)),
        regressions=found,
        headline=_headline(history, made),
        moved=tuple(moved),
        steady=drawing.figures,
        steadies=tuple(
            (trend.metric, trend.model, amount(trend.points[-1].value, trend.measure), len(trend.points))
            for trend in still
        ),
        files=files,
        csv=f"../{folder}history.csv",
    )


def _trend_view(trend: Trend, figures: tuple[Drawn, ...]) -> TrendView:
    return TrendView(
        trend=trend,
        anchor=anchor(trend),
        meaning=f"{trend.measure.meaning[:1].upper()}{trend.measure.meaning[1:]}; {direction(trend.measure)}.",
        steps=tuple(_step_view(trend, step) for step in reversed(trend.steps)),
        breaks=tuple(trend.points[index].line for index in trend.breaks),
        figures=figures,
        points=tuple(
            (point.line, amount(point.value, trend.measure), point.samples)
            for point in list(reversed(trend.points))[:SHOWN]
        ),
    )


def _step_view(trend: Trend, step: Step) -> StepView:
    was, now = amount(step.before, trend.measure), amount(step.after, trend.measure)
    said = f"from {was} to {now}" + ("" if step.lasting else "; the next commit will tell whether it stays")
    return StepView(step.mark.value, SIGNS[step.mark], said, step.last.line, step.first.line)


def _headline(history: History, made: Sequence[Trend]) -> str:
    """How many metrics stepped, and how the latest of these steps went."""
    commits = len(history.mainline)
    ended = [trend.steps[-1].mark for trend in made if trend.steps]
    over = f"{len(made)} metric{'' if len(made) == 1 else 's'} over {commits} commit{'' if commits == 1 else 's'}"
    if not ended:
        return f"{over}: no step in any of them."
    told = [f"{_ENDED[mark]} in {ended.count(mark)}" for mark in _ENDED if mark in ended]
    return f"{over}: {len(ended)} stepped. The latest step was {', '.join(told)}."


def _table(history: History) -> Table:
    """Every number of the history, of all branches."""
    rows = [
        (line.commit, line.time, line.branch, line.run, model, label, name, mean.mean, mean.samples)
        for line in history.lines
        for model, labels in line.means.items()
        for label, metrics in labels.items()
        for name, mean in metrics.items()
    ]
    columns = ("commit", "time", "branch", "run", "model", "analysis", "metric", "mean", "prompts")
    return Table(columns=columns, rows=tuple(rows), caption="A row is a metric of a model at a commit.")
