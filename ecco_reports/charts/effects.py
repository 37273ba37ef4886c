"""What changed between two versions of a model: effects over all prompts, and one number per prompt before and after.

In: plain labels and numbers. Out: Altair charts. A mark is told by its shape, its colour and its word.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import style

EDGE = 3.0
"""Effects beyond so many standard deviations are drawn at the edge; the tooltip has the number."""
DECADES = 8
"""How far down the logarithmic scale of probabilities goes: smaller ones are drawn at its end."""

LOOKS: Mapping[str, tuple[str, str]] = {
    "worse": ("triangle-down", style.RAISE),
    "better": ("triangle-up", style.BELIEF),
    "changed": ("diamond", style.SERIES[3]),
    "not significant": ("circle", style.SERIES[6]),
    "same": ("square", style.SERIES[6]),
}
"""Shape and colour of each mark that a number can have."""


@dataclass(frozen=True)
class ForestRow:
    """One effect.

    Attributes:
        name: What was measured.
        size: In standard deviations of the paired differences, turned so that better is to the right.
        low: Lower end of its interval, in the same unit, or None.
        high: Upper end.
        mark: A key of ``LOOKS``.
        difference: The difference in words, with its unit and interval.
        chance: The test and its adjusted p-value in words.
        samples: How many prompts.
    """

    name: str
    size: float
    low: float | None
    high: float | None
    mark: str
    difference: str
    chance: str
    samples: int


def forest(rows: Sequence[ForestRow]) -> alt.LayerChart:
    """Effects with their intervals, one below the other."""
    beyond = any(abs(end) > EDGE for row in rows for end in (row.size, row.low, row.high) if end is not None)
    reach = min(EDGE, 1.1 * max((abs(end) for row in rows for end in (row.size, row.low, row.high) if end), default=1))
    names = style.names("metrics", [row.name for row in rows])
    data = [_drawn(index, row) for index, row in enumerate(rows)]
    scale = alt.Scale(domain=[-reach, reach], clamp=True, nice=False)
    base = alt.Chart(alt.NamedData("effects")).transform_calculate(
        metric="metrics[datum.i]",
        size="replace(format(datum.d, '.2f'), '-', '\u2212')",
        says="metrics[datum.i] + ', ' + datum.mark + ': ' + datum.difference + ', ' + datum.chance",
    )
    axis = alt.Axis(
        tickCount=5, domain=False, labelExpr="datum.value ? replace(format(datum.value, '+~g'), '-', '\u2212') : '0'"
    )
    y, legend = _rows("i", "metrics", len(rows), 230), _legend(row.mark for row in rows)
    x = alt.X("d:Q", title=None, scale=scale, axis=axis)
    zero = (
        alt.Chart(alt.InlineData([{"x": 0}]))
        .mark_rule(color=style.INK, opacity=0.55, aria=False, tooltip=None)
        .encode(x=alt.X("x:Q", scale=scale))
    )
    bars = (
        base.transform_filter("isValid(datum.low)")
        .mark_rule(strokeWidth=2, opacity=0.75, aria=False, tooltip=None)
        .encode(x=alt.X("low:Q", scale=scale, title=None), x2="high:Q", y=y, color=_colour(legend))
    )
    points = base.mark_point(filled=True, size=90, opacity=1).encode(
        x=x,
        y=y,
        color=_colour(legend),
        shape=_shape(legend),
        description="says:N",
        tooltip=_told(
            {
                "metric:N": "title",
                "mark:N": "mark",
                "difference:N": "difference",
                "size:N": "effect size",
                "chance:N": "test",
                "n:Q": "prompts",
            }
        ),
    )
    chart = alt.LayerChart(layer=[zero, bars, points], datasets={"effects": data}).add_params(names)
    note = ["in standard deviations", "← worse, apart, or less", "→ better, or more"]
    note += [f"beyond {EDGE:g}: at the edge"] if beyond else []
    return style.themed(
        chart,
        f"{len(rows)} effects with their intervals.",
        title=style.footnote(note),
        width="container",
        height=max(1, len(rows)) * (style.ROW + 2),
    )


def _drawn(index: int, row: ForestRow) -> dict[str, Any]:
    """A row as the chart has it."""
    return {
        "i": index,
        "d": _digits(row.size),
        "low": None if row.low is None else _digits(row.low),
        "high": None if row.high is None else _digits(row.high),
        "mark": row.mark,
        "difference": style.shown(row.difference),
        "chance": style.shown(row.chance),
        "n": row.samples,
    }


@dataclass(frozen=True)
class Move:
    """The probability of the target for one prompt.

    Attributes:
        name: The prompt.
        before: Natural logarithm of the probability, of the baseline.
        after: Of the candidate.
        mark: A key of ``LOOKS``.
    """

    name: str
    before: float
    after: float
    mark: str


def moves(rows: Sequence[Move], names: tuple[str, str]) -> alt.LayerChart:
    """The probability of the target for each prompt, before and after; the scale can be made logarithmic.

    Args:
        rows: The prompts, in the order in which they stand below each other.
        names: What the page calls the two.
    """
    lowest = min((min(row.before, row.after) for row in rows), default=-1.0)
    decades = max(1, min(DECADES, math.ceil(-lowest / math.log(10))))
    data = [
        {"i": index, "before": _digits(row.before), "after": _digits(row.after), "mark": row.mark}
        for index, row in enumerate(rows)
    ]
    place = "way == 1 ? max(0, 1 + datum.{0} / LN10 / decades) : exp(datum.{0})"
    base = alt.Chart(alt.NamedData("moves")).transform_calculate(
        x=place.format("before"),
        x2=place.format("after"),
        prompt="prompts[datum.i]",
        early=style.percent("exp(datum.before)"),
        late=style.percent("exp(datum.after)"),
    )
    base = base.transform_calculate(
        says="datum.prompt + ', ' + datum.mark + ': ' + datum.early + ' before, ' + datum.late + ' after'"
    )
    axis, scale = _probability_axis(), alt.Scale(domain=[0, 1], nice=False)
    y = _rows("i", "prompts", len(rows), 150)
    tooltip = _told({"prompt:N": "title", "mark:N": "mark", "early:N": "before", "late:N": "after"})
    legend = _legend(row.mark for row in rows)
    line = base.mark_rule(strokeWidth=2.5, opacity=0.6, aria=False, tooltip=None).encode(
        x=alt.X("x:Q", scale=scale, axis=axis, title=None), x2="x2:Q", y=y, color=_colour(legend)
    )
    start = base.mark_point(filled=False, size=55, strokeWidth=1.5, opacity=1, aria=False).encode(
        x=alt.X("x:Q", scale=scale, title=None), y=y, color=_colour(legend), tooltip=tooltip
    )
    end = base.mark_point(filled=True, size=75, opacity=1).encode(
        x=alt.X("x2:Q", scale=scale, title=None),
        y=y,
        color=_colour(legend),
        shape=_shape(legend),
        description="says:N",
        tooltip=tooltip,
    )
    chart = alt.LayerChart(layer=[line, start, end], datasets={"moves": data}).add_params(
        style.names("prompts", [row.name for row in rows]),
        alt.param(
            name="way",
            value=0,
            bind=alt.binding_select(options=[0, 1], labels=["linear", "logarithmic"], name="Scale "),
        ),
        alt.param(name="decades", value=decades),
    )
    note = f"Hollow: {style.isolated(style.shown(names[0]))}. Filled: {style.isolated(style.shown(names[1]))}."
    return style.themed(
        chart,
        f"Probability of the target for {len(rows)} prompts, before and after.",
        title=style.footnote(note),
        width="container",
        height=max(1, len(rows)) * style.ROW,
    )


def _probability_axis() -> alt.Axis:
    """Percentages, on the scale that the reader has chosen."""
    return alt.Axis(
        values=alt.ExprRef("way == 1 ? sequence(0, 1.001, 1 / decades) : [0, 0.25, 0.5, 0.75, 1]"),
        labelExpr="way == 1 ? format(100 * pow(10, (datum.value - 1) * decades), '~g') + '\u00a0%' "
        ": format(100 * datum.value, '.0f') + '\u00a0%'",
        domain=False,
        labelOverlap=True,
    )


def _told(fields: Mapping[str, str]) -> list[alt.Tooltip]:
    """A tooltip of fields and what they are called."""
    return [alt.Tooltip(field, title=title) for field, title in fields.items()]


def _rows(field: str, names: str, count: int, limit: int) -> alt.Y:
    axis = style.label_axis(names, labelLimit=limit, grid=True)
    return alt.Y(f"{field}:O", title=None, axis=axis, scale=alt.Scale(type="band", domain=list(range(count))))


def _legend(marks: Iterable[str]) -> alt.Legend:
    """Shape, colour and word of the marks that are there; the same for all layers, so that they become one legend."""
    present = set(marks)
    return alt.Legend(orient="top", title=None, columns=3, values=[mark for mark in LOOKS if mark in present])


def _colour(legend: alt.Legend) -> alt.Color:
    colours = [colour for _, colour in LOOKS.values()]
    return alt.Color("mark:N", legend=legend, scale=alt.Scale(domain=list(LOOKS), range=colours))


def _shape(legend: alt.Legend) -> alt.Shape:
    shapes = [shape for shape, _ in LOOKS.values()]
    return alt.Shape("mark:N", legend=legend, scale=alt.Scale(domain=list(LOOKS), range=shapes))


def _digits(value: float) -> float:
    return float(f"{value:.4g}")
