"""Trends as charts of a page.

In: the commits of a history and its trends. Out: figures as HTML, and their files. Never: words about them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.trend import CommitMark, TrendLine, TrendPoint, trend_chart
from ecco_reports.comparison.words import metric
from ecco_reports.history import Line, Trend
from ecco_reports.pages.drawings import Drawing, draw_section
from ecco_reports.records import digest


def made_from(lines: Sequence[Line], trends: Sequence[Trend]) -> list[str]:
    """Digests of all that a chart depends on."""
    commits = [(line.commit, line.time, line.run) for line in lines]
    numbers = [
        (trend.model, trend.metric, repr((trend.levels, trend.breaks)), [point.value for point in trend.points])
        for trend in trends
    ]
    steps = [(step.first.line.commit, step.mark, step.lasting) for trend in trends for step in trend.steps]
    return [digest(part) for part in (commits, numbers, steps)]


def encoded(drawing: Drawing) -> dict[str, bytes]:
    """The files of a drawing."""
    return {path: content.encode() for path, content in (drawing.files or {}).items()}


def drawn(lines: Sequence[Line], trends: Sequence[Trend], id: str, folder: str) -> Drawing:
    """The chart of one metric, or of several behind a drop-down; nothing where there is none.

    Args:
        lines: The commits, the oldest first.
        trends: The metrics.
        id: Begins the ids of the page.
        folder: Where the files go, from the root of the site, with a slash at its end.
    """
    if not trends:
        return Drawing()
    commits = [CommitMark(line.short, line.time[:10], _address(line.run)) for line in lines]
    places = {line.commit: place for place, line in enumerate(lines)}
    if len(trends) == 1:
        name = f"{trends[0].metric} of {trends[0].model}"
        said = f"{name} over {len(lines)} commits, {_numbers(trends[0])}."
    else:
        name, said = "Other metrics", f"{len(trends)} more metrics over {len(lines)} commits."
    chart = trend_chart(commits, [_line(trend, places) for trend in trends], said)
    return draw_section([ChartFigure("commits", name, "", said, chart)], id, folder)


def _numbers(trend: Trend) -> str:
    """The levels in words, for those who cannot see them."""
    return ", then ".join(f"at {level.value:.4g} for {level.stop - level.start} commits" for level in trend.levels)


def _address(text: str) -> str:
    return text if text.startswith(("https://", "http://")) else ""


def _line(trend: Trend, places: Mapping[str, int]) -> TrendLine:
    at = [places[point.line.commit] for point in trend.points]
    levels = [(at[level.start], at[level.stop - 1], level.value) for level in trend.levels]
    return TrendLine(f"{metric(trend.label, trend.name)} · {trend.model}", list(_points(trend, at)), levels)


def _points(trend: Trend, at: Sequence[int]) -> Iterator[TrendPoint]:
    steps = {step.first.line.commit: step for step in trend.steps}
    stretches = {
        index: number
        for number, (start, stop) in enumerate(pairwise([0, *trend.breaks, len(trend.points)]))
        for index in range(start, stop)
    }
    for index, point in enumerate(trend.points):
        step = steps.get(point.line.commit)
        sign, lasting = (step.mark.value, step.lasting) if step else ("", True)
        yield TrendPoint(at[index], point.value, point.samples, stretches[index], sign, lasting)
