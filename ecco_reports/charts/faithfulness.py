"""How far rankings of the input can be trusted: their measures beside those of random orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt

from ecco_reports.charts import style

LABEL_WIDTH, NOTE_WIDTH = 132, 112
ROW = 21
LOOKS = ("better", "chance", "worse")
"""What a method can be, compared with chance."""
_SAID: Mapping[str, str] = {
    "better": "better than chance",
    "chance": "not to be told from chance",
    "worse": "worse than chance",
}


@dataclass(frozen=True)
class Bar:
    """One measure of one method.

    Attributes:
        value: The measure.
        low: The lower end of the middle 90 per cent of the random orders.
        mean: The mean of the random orders.
        high: The upper end.
        interval: Of the value, if it is a mean over outputs.
        beaten: How many random orders it is better than.
        verdict: One of ``LOOKS``.
    """

    value: float
    low: float
    mean: float
    high: float
    interval: tuple[float, float] | None
    beaten: int
    verdict: str


def trust_chart(
    methods: Sequence[str],
    measures: Sequence[tuple[str, str]],
    outputs: Sequence[str],
    bars: Sequence[Sequence[Sequence[Bar]]],
    unit: str,
    orders: Sequence[str],
) -> alt.LayerChart:
    """Methods as rows, best first, once for each measure; the band is where random orders are.

    Args:
        methods: Names of the rows, best first.
        measures: Name of each group of rows, and a word on which way is better.
        outputs: What can be chosen: the mean of all outputs, and each one.
        bars: ``[output][measure][method]``.
        unit: What the measures are in.
        orders: What the methods are compared with, for each measure: "100 random orders".
    """
    step = len(methods) + 1
    rows = [
        _bar(output, measure * step + 1 + row, bar)
        for output, groups in enumerate(bars)
        for measure, group in enumerate(groups)
        for row, bar in enumerate(group)
    ]
    count = step * len(measures)
    y = alt.Y("r:O", axis=None, scale=alt.Scale(domain=list(range(count)), paddingInner=0, paddingOuter=0.1))
    layers = [*_headings(measures, methods, step, y), *_marks(_said(step), y, unit)]
    chart = alt.LayerChart(layer=layers, datasets={"bars": rows}).add_params(
        *chosen_output("output", outputs),
        style.names("methods", methods),
        style.names("measures", [name for name, _ in measures]),
        style.names("verdicts", [_SAID[look] for look in LOOKS]),
        style.names("orders", orders),
    )
    return style.themed(
        chart,
        f"{len(measures)} measures of {len(methods)} methods beside those of random orders.",
        title=style.footnote(
            [
                "Grey: the middle 90 % of random orders, and their mean.",
                "Filled: better than chance. Hollow: not to be told from it. Cross: worse.",
            ]
        ),
        width="container",
        height=ROW * count,
    )


def _bar(output: int, row: int, bar: Bar) -> dict[str, Any]:
    data = {
        "g": output,
        "r": row,
        "v": _short(bar.value),
        "low": _short(bar.low),
        "mean": _short(bar.mean),
        "high": _short(bar.high),
        "b": bar.beaten,
        "k": LOOKS.index(bar.verdict),
    }
    if bar.interval is not None:
        data |= {"from": _short(bar.interval[0]), "to": _short(bar.interval[1])}
    return data


def _said(step: int) -> alt.Chart:
    """The chosen rows, with what is written and said of them; ``step`` rows belong to a measure."""
    named = f"measures[floor(datum.r / {step})] + ', ' + methods[datum.r % {step} - 1]"
    value = "replace(format(datum.v, '.2f'), '-', '\u2212')"
    return (
        alt.Chart(alt.NamedData("bars"))
        .transform_filter("datum.g == output")
        .transform_calculate(
            name=named,
            verdict="verdicts[datum.k]",
            others=f"orders[floor(datum.r / {step})]",
            value=value,
        )
        .transform_calculate(beaten="format(datum.b, ',') + ' of ' + datum.others")
        .transform_calculate(
            note="datum.value + ' · ' + format(datum.b, ',') + ' of ' + split(datum.others, ' ')[0]",
            says="datum.name + ': ' + datum.value + ', better than ' + datum.beaten + ', ' + datum.verdict",
        )
    )


def _marks(rows: alt.Chart, y: alt.Y, unit: str) -> list[alt.Chart]:
    """The band of the random orders, their mean, the interval of the value, the value, and the numbers."""
    base = rows.encode(y=y)
    band = base.mark_rect(fill=style.INK, opacity=0.13, aria=False, tooltip=None).encode(
        x=_across("low", unit), x2="high"
    )
    middle = base.mark_tick(color=style.INK, opacity=0.55, thickness=1.5, size=ROW, aria=False, tooltip=None).encode(
        x=_across("mean", unit)
    )
    spread = (
        base.transform_calculate(
            start="isValid(datum.from) ? datum.from : datum.v", end="isValid(datum.to) ? datum.to : datum.v"
        )
        .mark_rule(strokeWidth=2, opacity=0.55, aria=False, tooltip=None)
        .encode(x=_across("start", unit), x2="end", color=_colour("color"))
    )
    dot = base.mark_point(size=70, strokeWidth=2, opacity=1).encode(
        x=_across("v", unit),
        color=_colour("color"),
        fill=_colour("fill"),
        shape=alt.Shape("k:N", legend=None, scale=alt.Scale(domain=[0, 1, 2], range=["circle", "circle", "cross"])),
        description="says:N",
        tooltip=[
            alt.Tooltip("name:N", title="title"),
            alt.Tooltip("v:Q", title=unit, format=".3f"),
            alt.Tooltip("beaten:N", title="better than"),
            alt.Tooltip("mean:Q", title="random orders, mean", format=".3f"),
            alt.Tooltip("verdict:N", title="that is"),
        ],
    )
    note = base.mark_text(align="left", baseline="middle", aria=False, tooltip=None).encode(
        x=alt.value(alt.ExprRef(f"width - {NOTE_WIDTH - 10}")), text="note:N"
    )
    return [band, middle, spread, dot, note]


def _across(field: str, unit: str) -> alt.X:
    """A measure from left to right, with room for names on the left and numbers on the right."""
    return alt.X(
        f"{field}:Q",
        title=unit,
        scale=alt.Scale(nice=True, zero=True, range=[LABEL_WIDTH, alt.ExprRef(f"width - {NOTE_WIDTH}")]),
        axis=alt.Axis(domain=False, ticks=False, tickCount=4),
    )


def _colour(channel: Literal["color", "fill"]) -> Any:
    """What a verdict looks like: the dot is filled where it is better than chance."""
    inks = [style.BELIEF, style.SERIES[6], style.RAISE]
    if channel == "fill":
        return alt.Fill("k:O", legend=None, scale=alt.Scale(domain=[0, 1, 2], range=[inks[0], "transparent", inks[2]]))
    return alt.Color("k:O", legend=None, scale=alt.Scale(domain=[0, 1, 2], range=inks))


def _headings(measures: Sequence[tuple[str, str]], methods: Sequence[str], step: int, y: alt.Y) -> list[alt.Chart]:
    """The names of measures above their rows, and of methods on the left of theirs."""
    titles = [{"r": index * step, "text": f"{name}: {better}"} for index, (name, better) in enumerate(measures)]
    labels = [
        {"r": index * step + 1 + row, "text": style.shown(method)}
        for index in range(len(measures))
        for row, method in enumerate(methods)
    ]
    heading = alt.Chart(alt.InlineData(titles)).mark_text(
        align="left", baseline="middle", fontSize=12, fontWeight="bold", dy=3, aria=False
    )
    label = alt.Chart(alt.InlineData(labels)).mark_text(
        align="right", baseline="middle", limit=LABEL_WIDTH - 10, aria=False
    )
    return [
        heading.encode(x=alt.value(0), y=y, text="text:N"),
        label.encode(x=alt.value(LABEL_WIDTH - 8), y=y, text="text:N"),
    ]


def chosen_output(name: str, outputs: Sequence[str]) -> list[alt.Parameter]:
    """The drop-down of outputs, where there is a choice."""
    labels = [style.isolated(style.shown(output)) for output in outputs]
    if len(outputs) == 1:
        return [alt.param(name=name, value=0)]
    control = alt.binding_select(options=list(range(len(outputs))), labels=labels, name="Output ")
    return [alt.param(name=name, value=0, bind=control)]


def _short(value: float) -> float:
    return float(f"{value:.4g}")
