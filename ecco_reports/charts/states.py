"""The residual stream by layer: how far each token's vector moves, and in which dimensions it is large."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style

THOUSANDTHS = 1000
_NOTHING = "nothing came before"
_SHOWN = {"change": "how much the layer changed it", "turn": "how far the layer turned it", "norm": "its length"}


def movement_grid(
    layers: Sequence[str],
    tokens: Sequence[str],
    norms: np.ndarray,
    changes: np.ndarray,
    cosines: np.ndarray,
    border: int = 0,
) -> alt.LayerChart:
    """Layers bottom to top, tokens left to right; how much each layer changed each token's vector, or how long it is.

    Args:
        layers: Names of the rows, bottom to top; the first one, which nothing came before, has lengths only.
        tokens: Labels of the columns.
        norms: ``[layer, token]``.
        changes: Relative to the length before, ``[layer - 1, token]``.
        cosines: With the vector before, ``[layer - 1, token]``.
        border: Before which column a line stands; 0 for none.
    """
    base = _movement_cells().encode(
        x=grid.columns("t", "heads", len(tokens), None),
        y=grid.rows("l", "layers", len(layers), "layer", upwards=True),
    )
    parts = [grid.tiles(base.transform_calculate(shade=_shade(norms)), _movement_colour(norms))]
    if border:
        parts.append(_line_before(border, len(tokens)))
    tooltip = [
        alt.Tooltip("place:N", title="title"),
        alt.Tooltip("change:N", title="changed by"),
        alt.Tooltip("turn:N", title="turned by"),
        alt.Tooltip("cosine:N", title="cosine with the layer before"),
        alt.Tooltip("length:N", title="length"),
    ]
    rows = [_movement_row(row, norms, changes, cosines) for row in range(len(layers))]
    chart = alt.LayerChart(layer=[*parts, grid.answers(base, tooltip)], datasets={"cells": rows}).add_params(
        choice("shows", "Colour shows ", _SHOWN),
        style.names("layers", layers),
        style.names("tokens", tokens),
        style.names("heads", [style.fitting(label, 14) for label in tokens]),
    )
    about = f"How {len(layers)} layers change the vectors of {len(tokens)} tokens."
    return style.themed(chart, about, width=alt.Step(26), height=alt.Step(style.ROW))


def dimension_grid(
    layers: Sequence[str],
    dimensions: Sequence[str],
    tokens: Sequence[str],
    values: np.ndarray,
    times: np.ndarray,
    peaks: np.ndarray,
    threshold: float,
) -> alt.LayerChart:
    """Layers bottom to top, dimensions left to right; how far the largest number stands out, framed where it is enough.

    Args:
        layers: Names of the rows, bottom to top.
        dimensions: Labels of the columns.
        tokens: Labels of all tokens.
        values: The number where it stands out most, ``[layer, dimension]``.
        times: Its magnitude relative to the root mean square of its vector, ``[layer, dimension]``.
        peaks: At which token that is, ``[layer, dimension]``.
        threshold: From which multiple on a number stands out.
    """
    largest = max(float(times.max(initial=0.0)), threshold)
    base = _dimension_cells(largest).encode(
        x=grid.columns("d", "dimensions", len(dimensions), "dimension"),
        y=grid.rows("l", "layers", len(layers), "layer", upwards=True),
    )
    colour = alt.Color(
        "shade:Q",
        scale=alt.Scale(domain=[0, 1], range=style.ramp(style.LOWER), interpolate="rgb", clamp=True),
        legend=grid.legend(
            title="times the root mean square of its vector",
            values=[0, 0.5, 1],
            labelExpr=f"format(datum.value * {largest:.4g}, '.1~f')",
        ),
    )
    tooltip = [
        alt.Tooltip("place:N", title="title"),
        alt.Tooltip("value:N", title="number"),
        alt.Tooltip("times:N", title="times the root mean square"),
        alt.Tooltip("token:N", title="at token"),
    ]
    text: dict[str, Any] = {"baseline": "middle", "fontSize": 10, "aria": False, "tooltip": None}
    parts = [
        grid.tiles(base, colour),
        base.mark_text(**text).encode(text="number:N"),
        grid.frames(base.transform_filter(f"datum.m >= {threshold:g}")),
        grid.answers(base, tooltip),
    ]
    rows = [
        {
            "l": row,
            "v": [_digits(value) for value in values[row].tolist()],
            "m": [round(value, 2) for value in times[row].tolist()],
            "p": peaks[row].tolist(),
        }
        for row in range(len(layers))
    ]
    chart = alt.LayerChart(layer=parts, datasets={"cells": rows}).add_params(
        style.names("layers", layers),
        style.names("dimensions", dimensions),
        style.names("tokens", tokens),
    )
    return style.themed(
        chart,
        f"The largest numbers of {len(layers)} layers in {len(dimensions)} dimensions.",
        width=alt.Step(40),
        height=alt.Step(style.ROW + 2),
        title=style.footnote(f"Framed: at least {threshold:g} times the root mean square of its vector."),
    )


def choice(name: str, label: str, options: Mapping[Any, str]) -> alt.Parameter:
    """A drop-down whose first option is chosen."""
    control = alt.binding_select(options=list(options), labels=list(options.values()), name=label)
    return alt.param(name=name, value=next(iter(options)), bind=control)


def _movement_row(row: int, norms: np.ndarray, changes: np.ndarray, cosines: np.ndarray) -> dict[str, Any]:
    """One layer as arrays over the tokens; cosines in thousandths."""
    nothing: list[None] = [None] * norms.shape[1]
    return {
        "l": row,
        "n": [_digits(value) for value in norms[row].tolist()],
        "c": [_digits(value) for value in changes[row - 1].tolist()] if row else nothing,
        "a": [round(value * THOUSANDTHS) for value in cosines[row - 1].tolist()] if row else nothing,
    }


_ANGLE = f"acos(datum.a / {THOUSANDTHS}) * 180 / PI"


def _movement_cells() -> alt.Chart:
    return (
        grid.flattened("t", ["n", "c", "a"])
        .transform_calculate(
            place="'layer ' + layers[datum.l] + ', ' + tokens[datum.t]",
            length="format(datum.n, '.4~g')",
            change=f"isValid(datum.c) ? format(datum.c, '.1%') : '{_NOTHING}'",
            turn=f"isValid(datum.a) ? format({_ANGLE}, '.0f') + '°' : '{_NOTHING}'",
            cosine=f"isValid(datum.a) ? format(datum.a / {THOUSANDTHS}, '.3f') : '{_NOTHING}'",
        )
        .transform_calculate(
            says="datum.place + ': length ' + datum.length + (isValid(datum.c) ? ', changed by ' + datum.change : '')"
        )
    )


def _logarithms(norms: np.ndarray) -> tuple[float, float]:
    """The logarithm of the smallest length, and how far it is from there to that of the largest."""
    some = norms[norms > 0]
    if not some.size:
        return 0.0, 1.0
    start, end = math.log(float(some.min())), math.log(float(some.max()))
    return start, (end - start) or 1.0


def _shade(norms: np.ndarray) -> str:
    """A cell's shade, 0 to 1; a change of 100 % is in the middle, and so is a turn by 45 degrees."""
    start, span = _logarithms(norms)
    return (
        "shows == 'change' ? (isValid(datum.c) ? datum.c / (1 + datum.c) : 0)"
        f" : shows == 'turn' ? (isValid(datum.a) ? {_ANGLE} / 90 : 0)"
        f" : (datum.n > 0 ? (log(datum.n) - {start:.4g}) / {span:.4g} : 0)"
    )


def _movement_colour(norms: np.ndarray) -> alt.Color:
    start, span = _logarithms(norms)
    legend = (
        "shows == 'change' ? (datum.value == 0 ? '0\u00a0%' : datum.value == 1 ? '∞' : '100\u00a0%')"
        " : shows == 'turn' ? (datum.value * 90 + '°')"
        f" : format(exp({start:.4g} + datum.value * {span:.4g}), '.3~g')"
    )
    return alt.Color(
        "shade:Q",
        scale=alt.Scale(domain=[0, 1], range=style.ramp(style.BELIEF, style.BARE_ALPHA), interpolate="rgb", clamp=True),
        legend=grid.legend(title=None, values=[0, 0.5, 1], labelExpr=legend),
    )


def _dimension_cells(largest: float) -> alt.Chart:
    return (
        grid.flattened("d", ["v", "m", "p"])
        .transform_calculate(
            shade=f"datum.m / {largest:.4g}",
            number="format(datum.m, datum.m < 9.95 ? '.1f' : '.0f')",
            place="'layer ' + layers[datum.l] + ', dimension ' + dimensions[datum.d]",
            value="format(datum.v, '.4~g')",
            times="format(datum.m, '.1f')",
            token="tokens[datum.p]",
        )
        .transform_calculate(says="datum.place + ': ' + datum.value + ' at ' + datum.token")
    )


def _line_before(column: int, count: int) -> alt.Chart:
    """A line from top to bottom, on the left of a column."""
    x = grid.columns("t", "heads", count, None).copy().bandPosition(0)
    line: alt.Chart = (
        alt.Chart(alt.InlineData([{"t": column}]))
        .mark_rule(color=style.INK, strokeWidth=1.5, strokeDash=[4, 3], opacity=0.7, aria=False, tooltip=None)
        .encode(x=x)
    )
    return line


def _digits(value: float) -> float:
    """Four digits, which is what a tooltip shows."""
    return float(f"{value:.4g}")
