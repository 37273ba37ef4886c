"""Lines over the layers of a model, each named where it ends."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import style

HEIGHT = 240
LABEL_WIDTH = 128
LABEL_GAP = 16
"""Pixels between the middles of two names."""


def layer_lines(
    layers: Sequence[str],
    names: Sequence[str],
    rows: Sequence[dict[str, Any]],
    y: alt.Y,
    tooltip: alt.Tooltip,
    value_at: Callable[[float], float],
    ends: Sequence[float],
) -> alt.LayerChart:
    """Lines with direct labels; one of them can be brought forward by a click or the drop-down.

    Args:
        layers: Names along the x axis.
        names: Label of each line.
        rows: The points: ``n`` (line), ``l`` (layer), ``name``, ``says`` and what ``y`` and ``tooltip`` refer to.
        y: The vertical channel, with a scale whose domain is fixed.
        tooltip: The number in the tooltip.
        value_at: The inverse of the vertical scale: from pixels below the top to a value.
        ends: Height of each line's last point, in pixels below the top.
    """
    forward = _forward(names)
    x = _across(layers)
    colour = alt.Color("n:O", legend=None, scale=alt.Scale(domain=list(range(len(names))), range=_colours(len(names))))
    visible = alt.when(forward).then(alt.value(1)).otherwise(alt.value(0.15))
    points = alt.Chart(alt.NamedData("points")).encode(x=x, y=y, color=colour, opacity=visible)
    line = points.mark_line(strokeWidth=2.25, aria=False)
    dot = (
        points.mark_point(filled=True, size=44, opacity=1, cursor="pointer")
        .encode(
            tooltip=[
                alt.Tooltip("name:N", title="title"),
                alt.Tooltip("layer:N", title="layer"),
                tooltip,
            ],
            description="says:N",
        )
        .add_params(forward)
        .properties(name="line_points")
    )
    end = alt.Chart(alt.NamedData("ends")).encode(x=x, y=y, opacity=visible)
    swatch = end.mark_text(text="●", align="left", baseline="middle", dx=10, fontSize=10, aria=False).encode(
        color=colour
    )
    label = end.mark_text(
        align="left", baseline="middle", dx=22, fontSize=12, limit=LABEL_WIDTH - 26, aria=False
    ).encode(text="name:N")
    spread = [
        {"n": number, "l": len(layers) - 1, "name": style.shown(name), y_field(y): value_at(pixel)}
        for number, (name, pixel) in enumerate(zip(names, spread_out(ends), strict=True))
    ]
    chart = alt.LayerChart(layer=[line, dot, swatch, label], datasets={"points": list(rows), "ends": spread})
    return chart.add_params(style.names("layers", layers))


def _forward(names: Sequence[str]) -> alt.Parameter:
    """The choice of one line; nothing chosen means all."""
    return alt.selection_point(
        name="line",
        fields=["n"],
        on="click",
        toggle=False,
        clear="dblclick",
        empty=True,
        bind=style.bound(
            "n",
            alt.binding_select(
                options=[None, *range(len(names))],
                labels=["all", *(style.isolated(style.shown(name)) for name in names)],
                name="Line ",
            ),
        ),
    )


def _across(layers: Sequence[str]) -> alt.X:
    """The layers from left to right, with room for the names behind the last."""
    return alt.X(
        "l:O",
        title="layer",
        axis=style.label_axis("layers", labelAngle=-40 if len(layers) > 8 else 0, domain=True, labelLimit=90),
        scale=alt.Scale(
            type="point",
            domain=list(range(len(layers))),
            range=[8, alt.ExprRef(f"width - {LABEL_WIDTH}")],
        ),
    )


def y_field(y: alt.Y) -> str:
    """The field that a vertical channel shows."""
    return str(y["shorthand"]).partition(":")[0]


def spread_out(heights: Sequence[float]) -> list[float]:
    """Heights moved apart, as little as need be, until no two are nearer than ``LABEL_GAP``; the order stays."""
    order = np.argsort(np.asarray(heights, dtype=float), kind="stable")
    clusters: list[tuple[list[int], float]] = []
    for index in order:
        members, middle = [int(index)], float(heights[index])
        while clusters and middle - clusters[-1][1] < LABEL_GAP * (len(members) + len(clusters[-1][0])) / 2:
            above, above_middle = clusters.pop()
            middle = (above_middle * len(above) + middle * len(members)) / (len(above) + len(members))
            members = above + members
        clusters.append((members, middle))
    spread = [0.0] * len(heights)
    for members, middle in clusters:
        for place, index in enumerate(members):
            spread[index] = middle + LABEL_GAP * (place - (len(members) - 1) / 2)
    return spread


def _colours(count: int) -> list[str]:
    return [style.SERIES[index % len(style.SERIES)] for index in range(count)]
