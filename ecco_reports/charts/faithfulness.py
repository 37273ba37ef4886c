"""How far rankings of the input can be trusted: their measures beside those of random orders, and removal curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import altair as alt
import numpy as np

from ecco_reports.charts import style

LABEL_WIDTH, NOTE_WIDTH = 132, 112
ROW, CURVE_HEIGHT = 21, 280
WAYS: Mapping[str, str] = {
    "deletion": "removed, most important first",
    "least": "removed, least important first",
    "insertion": "put back, most important first",
}
"""The three ways of going through a ranking, and what the drop-down calls them."""
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


@dataclass(frozen=True)
class Curves:
    """The curves of one target.

    Attributes:
        deletion: ``[method, count]``.
        insertion: ``[method, count]``.
        last: What is removed last at each count, as an index into the units, ``[method, count]``.
        random_deletion: Low, mean, high of the random orders, ``[3, count]``.
        random_insertion: The same, ``[3, count]``.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    last: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray


def trust_chart(
    methods: Sequence[str],
    measures: Sequence[tuple[str, str]],
    outputs: Sequence[str],
    bars: Sequence[Sequence[Sequence[Bar]]],
    unit: str,
    orders: str,
) -> alt.LayerChart:
    """Methods as rows, best first, once for each measure; the band is where random orders are.

    Args:
        methods: Names of the rows, best first.
        measures: Name of each group of rows, and a word on which way is better.
        outputs: What can be chosen: the mean of all outputs, and each one.
        bars: ``[output][measure][method]``.
        unit: What the measures are in.
        orders: What the methods are compared with: "100 random orders".
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
        *_chosen("output", outputs),
        style.names("methods", methods),
        style.names("measures", [name for name, _ in measures]),
        style.names("verdicts", [_SAID[look] for look in LOOKS]),
        alt.param(name="orders", value=orders),
    )
    return style.themed(
        chart,
        f"{len(measures)} measures of {len(methods)} methods beside those of {orders}.",
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
            name=named, verdict="verdicts[datum.k]", beaten="format(datum.b, ',') + ' of ' + orders", value=value
        )
        .transform_calculate(
            note="datum.value + ' · ' + format(datum.b, ',') + ' of ' + split(orders, ' ')[0]",
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
        base.transform_filter("isValid(datum.from)")
        .mark_rule(strokeWidth=2, opacity=0.55, aria=False, tooltip=None)
        .encode(x=_across("from", unit), x2="to", color=_colour("color"))
    )
    dot = base.mark_point(size=70, strokeWidth=2, opacity=1).encode(
        x=_across("v", unit),
        color=_colour("color"),
        fill=_colour("fill"),
        shape=alt.Shape("k:O", legend=None, scale=alt.Scale(domain=[0, 1, 2], range=["circle", "circle", "cross"])),
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


def _chosen(name: str, outputs: Sequence[str]) -> list[alt.Parameter]:
    """The drop-down of outputs, where there is a choice."""
    labels = [style.isolated(style.shown(output)) for output in outputs]
    if len(outputs) == 1:
        return [alt.param(name=name, value=0)]
    control = alt.binding_select(options=list(range(len(outputs))), labels=labels, name="Output ")
    return [alt.param(name=name, value=0, bind=control)]


def removal_curves(
    methods: Sequence[str],
    units: Sequence[str],
    outputs: Sequence[str],
    counts: Sequence[int],
    curves: Sequence[Curves],
    measured: str,
    thing: str,
) -> alt.LayerChart:
    """The score of an output while more and more of the input is taken out, or put back.

    Args:
        methods: One line each.
        units: Labels of what is taken out.
        outputs: What can be chosen.
        counts: How many units are the first ones, along the curves.
        curves: One for each output.
        measured: What the score is.
        thing: What a unit is called.
    """
    rows = [row for output, found in enumerate(curves) for row in _lines(output, found)]
    bands = [
        {"t": output, "d": _shorts(found.random_deletion), "i": _shorts(found.random_insertion)}
        for output, found in enumerate(curves)
    ]
    turned = "way == 'least' ? number - counts[datum.k] : counts[datum.k]"
    x = alt.X(
        "x:Q",
        title=f"{thing}s removed, or put back",
        scale=alt.Scale(domain=[0, len(units)], nice=False),
        axis=alt.Axis(format="d", tickMinStep=1, grid=False),
    )
    chart = alt.LayerChart(
        layer=[*_random(turned, x, measured), *_drawn(methods, turned, thing, measured, x)],
        datasets={"lines": rows, "bands": bands},
    ).add_params(
        *_chosen("target", outputs),
        alt.param(
            name="way",
            value="deletion",
            bind=alt.binding_select(options=list(WAYS), labels=list(WAYS.values()), name="Parts are "),
        ),
        alt.param(
            name="forward",
            value=-1,
            bind=alt.binding_select(
                options=[-1, *range(len(methods))], labels=["all", *map(style.shown, methods)], name="Method "
            ),
        ),
        style.names("units", units),
        style.names("methods", methods),
        alt.param(name="counts", value=list(counts)),
        alt.param(name="number", value=len(units)),
    )
    return style.themed(
        chart,
        f"{measured} while the {thing}s are removed or put back in the order of {len(methods)} methods.",
        title=style.footnote("Grey: the middle 90 % of random orders; dashed: their mean."),
        width="container",
        height=CURVE_HEIGHT,
    )


def _upwards(field: str, measured: str) -> alt.Y:
    return alt.Y(
        f"{field}:Q",
        title=measured,
        scale=alt.Scale(zero=True, nice=True),
        axis=alt.Axis(domain=False, ticks=False, tickCount=5),
    )


def _lines(output: int, curves: Curves) -> list[dict[str, Any]]:
    """One row for each method: arrays, because the names of fields would weigh more than the numbers."""
    return [
        {"t": output, "m": method, "d": _shorts(deletion), "i": _shorts(insertion), "u": last.tolist()}
        for method, (deletion, insertion, last) in enumerate(
            zip(curves.deletion, curves.insertion, curves.last, strict=True)
        )
    ]


def _random(turned: str, x: alt.X, measured: str) -> list[alt.Chart]:
    """The band of the random orders and their mean."""
    base = (
        alt.Chart(alt.NamedData("bands"))
        .transform_filter("datum.t == target")
        .transform_calculate(both="way == 'deletion' ? datum.d : datum.i")
        .transform_calculate(k="sequence(length(counts))", low="datum.both[0]", v="datum.both[1]", high="datum.both[2]")
        .transform_flatten(["k", "low", "v", "high"])
        .transform_calculate(x=turned)
    )
    return [
        base.mark_area(fill=style.INK, opacity=0.13, aria=False, tooltip=None).encode(
            x=x, y=_upwards("low", measured), y2="high"
        ),
        base.mark_line(
            stroke=style.INK, strokeDash=[5, 4], strokeWidth=1.5, opacity=0.6, aria=False, tooltip=None
        ).encode(x=x, y=_upwards("v", measured)),
    ]


def _drawn(methods: Sequence[str], turned: str, thing: str, measured: str, x: alt.X) -> list[alt.Chart]:
    """The lines of the methods, and their points, which answer."""
    numbers = list(range(len(methods)))
    legend = alt.Legend(
        orient="top",
        columns=2,
        labelExpr="methods[datum.value]",
        title=None,
        symbolType="stroke",
        symbolStrokeWidth=3,
        labelLimit=170,
    )
    colours = [style.SERIES[number % len(style.SERIES)] for number in numbers]
    dashes = [[1, 0] if number < len(style.SERIES) else [6, 3] for number in numbers]
    base = (
        alt.Chart(alt.NamedData("lines"))
        .transform_filter("datum.t == target")
        .transform_calculate(v="way == 'deletion' ? datum.d : datum.i", k="sequence(length(counts))")
        .transform_flatten(["k", "v", "u"])
        .transform_calculate(
            x=turned,
            method="methods[datum.m]",
            last="datum.u < 0 ? 'none' : units[datum.u]",
            done=f"(way == 'insertion' ? 'put back: ' : 'removed: ') + format({turned}, 'd') + ' of ' + number",
        )
        .transform_calculate(
            says=f"datum.method + ', {thing}s ' + datum.done + ': {measured} ' + format(datum.v, '.3f')"
        )
        .encode(
            x=x,
            y=_upwards("v", measured),
            color=alt.Color("m:O", legend=legend, scale=alt.Scale(domain=numbers, range=colours)),
            opacity=alt.condition("forward < 0 || datum.m == forward", alt.value(1), alt.value(0.12)),
        )
    )
    line = base.mark_line(strokeWidth=2.25, aria=False, tooltip=None).encode(
        strokeDash=alt.StrokeDash("m:O", legend=None, scale=alt.Scale(domain=numbers, range=dashes))
    )
    dot = base.mark_point(filled=True, size=38).encode(
        description="says:N",
        tooltip=[
            alt.Tooltip("method:N", title="title"),
            alt.Tooltip("done:N", title=f"{thing}s"),
            alt.Tooltip("v:Q", title=measured, format=".3f"),
            alt.Tooltip("last:N", title=f"the last {thing} of them"),
        ],
    )
    return [line, dot]


def _short(value: float) -> float:
    return float(f"{value:.4g}")


def _shorts(values: np.ndarray) -> list[Any]:
    """Numbers with as many digits as a reader can see."""
    if values.ndim > 1:
        return [_shorts(row) for row in values]
    return [float(f"{value:.3g}") for value in values.tolist()]
