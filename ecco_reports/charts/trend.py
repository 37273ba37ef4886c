"""Metrics over commits: a line with its levels and the places where it stepped.

In: numbers in the order of the commits, with what was found of them. Out: an Altair chart. Never: finding steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import style
from ecco_reports.charts.effects import LOOKS

HEIGHT = 220
_SIGNS = {"": ("circle", style.BELIEF)} | {sign: LOOKS[sign] for sign in ("worse", "better", "changed")}
"""Shape and colour of a commit, by what begins with it."""


@dataclass(frozen=True)
class CommitMark:
    """A commit on the axis.

    Attributes:
        name: As people write it.
        when: Its day.
        link: Where its run is; empty where nobody knows.
    """

    name: str
    when: str
    link: str = ""


@dataclass(frozen=True)
class TrendPoint:
    """A metric at a commit.

    Attributes:
        commit: Index of the commit.
        value: The mean.
        samples: Over how many prompts.
        stretch: Numbers of another stretch answer another question, and no line joins them.
        sign: ``worse``, ``better`` or ``changed`` where a level begins; else empty.
        lasting: Whether that level has borne out.
    """

    commit: int
    value: float
    samples: int
    stretch: int = 0
    sign: str = ""
    lasting: bool = True


@dataclass(frozen=True)
class TrendLine:
    """A metric over commits.

    Attributes:
        name: What the drop-down calls it, where there are several.
        points: The oldest first.
        levels: Indexes of the first and last commit of each level, and its value.
    """

    name: str
    points: Sequence[TrendPoint]
    levels: Sequence[tuple[int, int, float]]


def trend_chart(commits: Sequence[CommitMark], lines: Sequence[TrendLine], about: str) -> alt.LayerChart:
    """A metric over commits; a drop-down chooses between several.

    Args:
        commits: The commits, the oldest first.
        lines: The metrics.
        about: The sentence that a screen reader says first.
    """
    points = [
        {"g": number, "i": point.commit, "v": point.value, "n": point.samples, "s": point.stretch}
        | ({"k": point.sign, "b": point.lasting} if point.sign else {"k": ""})
        for number, line in enumerate(lines)
        for point in line.points
    ]
    levels = [
        {"g": number, "i": start, "j": stop, "v": value}
        for number, line in enumerate(lines)
        for start, stop, value in line.levels
    ]
    several = len(lines) > 1
    x = alt.X(
        "i:O",
        title="commit",
        scale=alt.Scale(type="point", domain=list(range(len(commits))), padding=0.5),
        axis=style.label_axis("commits", domain=True, labelOverlap="greedy", labelAngle=-40, labelSeparation=4),
    )
    # Neither digits that say nothing nor room below a line that never comes near zero.
    y = alt.Y("v:Q", title=None, scale=alt.Scale(zero=False, nice=True, padding=12), axis=alt.Axis(tickCount=5))
    level = _chart("levels", several).mark_rule(strokeWidth=5, opacity=0.18, color=style.INK, aria=False)
    line = _chart("points", several).mark_line(strokeWidth=1.75, color=style.BELIEF, opacity=0.8, aria=False)
    # A layer without data would have an extent without ends, of which Vega warns.
    below = [level.encode(x=x, x2="j:O", y=y)] if levels else []
    chart = alt.LayerChart(
        layer=[*below, line.encode(x=x, y=y, detail="s:N"), _dots(several, x, y)],
        datasets={"points": points, "levels": levels} if levels else {"points": points},
    ).add_params(
        style.names("commits", [commit.name for commit in commits]),
        style.names("days", [commit.when for commit in commits]),
        alt.param(name="runs", value=[commit.link for commit in commits]),
    )
    if several:
        chart = chart.add_params(_choice([line.name for line in lines]))
    return style.themed(chart, about, width="container", height=HEIGHT)


def _chart(name: str, several: bool) -> alt.Chart:
    chart = alt.Chart(alt.NamedData(name))
    return chart.transform_filter("datum.g === metric") if several else chart


def _dots(several: bool, x: alt.X, y: alt.Y) -> Any:
    """The commits: small ones, and where a level begins a sign that one can tell without its colour."""
    said = (
        "'commit ' + datum.commit + ', ' + datum.day + ': ' + format(datum.v, '.4~g') + ', ' + datum.n + ' prompts'"
        " + (datum.k === '' ? '' : ', ' + datum.k + ' from here')"
    )
    signs, (shapes, colours) = list(_SIGNS), map(list, zip(*_SIGNS.values(), strict=True))
    return (
        _chart("points", several)
        .transform_calculate(commit="commits[datum.i]", day="days[datum.i]", run="runs[datum.i]", says=said)
        .mark_point(opacity=1, strokeWidth=1.5)
        .encode(
            x=x,
            y=y,
            shape=alt.Shape("k:N", legend=None, scale=alt.Scale(domain=signs, range=shapes)),
            color=alt.Color("k:N", legend=None, scale=alt.Scale(domain=signs, range=colours)),
            fill=alt.Fill("k:N", legend=None, scale=alt.Scale(domain=signs, range=colours)),
            size=alt.condition("datum.k === ''", alt.value(26), alt.value(170)),
            fillOpacity=alt.condition("datum.k !== '' && !datum.b", alt.value(0), alt.value(1)),
            href="run:N",
            tooltip=[
                alt.Tooltip("commit:N", title="title"),
                alt.Tooltip("day:N", title="day"),
                alt.Tooltip("v:Q", title="mean", format=".5~g"),
                alt.Tooltip("n:Q", title="prompts"),
                alt.Tooltip("k:N", title="step"),
            ],
            description="says:N",
        )
        .properties(name="commits_points")
    )


def _choice(names: Sequence[str]) -> Any:
    labels = [style.isolated(style.shown(name)) for name in names]
    bind = alt.binding_select(options=list(range(len(names))), labels=labels, name="Metric ")
    return alt.param(name="metric", value=0, bind=bind)
