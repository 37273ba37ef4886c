"""The score of an output while parts of the input are taken out, or put back, in the order of rankings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import style
from ecco_reports.charts.faithfulness import chosen_output

HEIGHT = 280
WAYS: Mapping[str, str] = {
    "deletion": "removed, most important first",
    "least": "removed, least important first",
    "insertion": "put back, most important first",
}
"""The three ways of going through a ranking, and what the drop-down calls them."""


@dataclass(frozen=True)
class Curves:
    """The curves of one target.

    Attributes:
        deletion: ``[method, count]``.
        insertion: ``[method, count]``.
        last: The last of the first units at each count, as an index into the units, ``[method, count]``; -1 for none.
        following: The first of the others, which goes last where the least important go first, ``[method, count]``.
        random_deletion: Low, mean, high of the random orders, ``[3, count]``.
        random_insertion: The same, ``[3, count]``.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    last: np.ndarray
    following: np.ndarray
    random_deletion: np.ndarray
    random_insertion: np.ndarray


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
        *chosen_output("target", outputs),
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
        height=HEIGHT,
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
        {
            "t": output,
            "m": method,
            "d": _shorts(deletion),
            "i": _shorts(insertion),
            "u": last.tolist(),
            "w": next_ones.tolist(),
        }
        for method, (deletion, insertion, last, next_ones) in enumerate(
            zip(curves.deletion, curves.insertion, curves.last, curves.following, strict=True)
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
        .transform_calculate(
            v="way == 'deletion' ? datum.d : datum.i",
            k="sequence(length(counts))",
            u="way == 'least' ? datum.w : datum.u",
        )
        .transform_flatten(["k", "v", "u"])
        .transform_calculate(
            x=turned,
            method="methods[datum.m]",
            last="datum.u < 0 ? 'none' : units[datum.u]",
            done=f"(way == 'insertion' ? 'put back: ' : 'removed: ') + format({turned}, 'd') + ' of ' + number",
        )
        .transform_calculate(
            says=f"datum.method + ', {thing}s ' + datum.done + (datum.u < 0 ? '' : ' (last ' + datum.last + ')') + "
            f"': {measured} ' + format(datum.v, '.3f')"
        )
        .encode(
            x=x,
            y=_upwards("v", measured),
            color=alt.Color("m:O", legend=legend, scale=alt.Scale(domain=numbers, range=colours)),
            opacity=alt.condition("forward < 0 || datum.m == forward", alt.value(1), alt.value(0.12)),
        )
    )
    line = base.mark_line(strokeWidth=2.25, aria=False, tooltip=None).encode(
        strokeDash=alt.StrokeDash("m:O", legend=legend, scale=alt.Scale(domain=numbers, range=dashes))
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


def _shorts(values: np.ndarray) -> list[Any]:
    """Numbers with as many digits as a reader can see."""
    if values.ndim > 1:
        return [_shorts(row) for row in values]
    return [float(f"{value:.3g}") for value in values.tolist()]
