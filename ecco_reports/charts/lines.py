"""Lines over the layers of a model, each named where it ends."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import style

HEIGHT = 240
LABEL_WIDTH = 128
LABEL_GAP = 16
"""Pixels between the middles of two names."""


@dataclass(frozen=True)
class Race:
    """A few lines that belong together: what competes at one place.

    Attributes:
        place: What the drop-down calls it, where there are several.
        names: Label of each line; a name that runs at several places has one colour at all of them.
        values: ``[layer, name]``.
    """

    place: str
    names: Sequence[str]
    values: np.ndarray


@dataclass(frozen=True)
class Measure:
    """What the height of a line means.

    Attributes:
        y: The vertical channel, with a scale whose domain is fixed; it shows the field ``v``.
        tooltip: The number in the tooltip.
        stored: A value as it is kept: no digits that nobody sees.
        said: A value in words.
        pixel: Height of a value, in pixels below the top.
        value_at: The inverse of that.
    """

    y: alt.Y
    tooltip: alt.Tooltip
    stored: Callable[[float], float | int]
    said: Callable[[float], str]
    pixel: Callable[[float], float]
    value_at: Callable[[float], float]


PROBABILITY = Measure(
    y=alt.Y(
        "v:Q",
        title="probability",
        scale=alt.Scale(domain=[0, 1], nice=False),
        axis=alt.Axis(format="%", tickCount=5, domain=False, ticks=False),
    ),
    tooltip=alt.Tooltip("v:Q", title="probability", format=".2%"),
    stored=lambda value: round(value, 5),
    said=lambda value: f"{value:.1%}",
    pixel=lambda value: (1 - value) * HEIGHT,
    value_at=lambda pixel: round(1 - pixel / HEIGHT, 4),
)


def layer_lines(layers: Sequence[str], races: Sequence[Race], measure: Measure) -> alt.LayerChart:
    """Lines with direct labels; one of them can be brought forward by a click or the drop-down.

    Args:
        layers: Names along the x axis, first one on the left.
        races: The lines of each place; a drop-down chooses between several.
        measure: What height means.
    """
    names = list(dict.fromkeys(name for race in races for name in race.names))
    points, ends = [], []
    for number, race in enumerate(races):
        lines = [names.index(name) for name in race.names]
        table = np.asarray(race.values, dtype=float).tolist()
        for layer, row in enumerate(table):
            shown = [_point(layers[layer], race.names[line], value, measure) for line, value in enumerate(row)]
            points += [{"g": number, "n": n, "l": layer, **point} for n, point in zip(lines, shown, strict=True)]
        ends += [
            {"g": number, "n": n, "l": len(layers) - 1, "name": style.shown(names[n]), "v": value}
            for n, value in zip(lines, _label_heights(table[-1], measure), strict=True)
        ]
    chart = _drawn(names, points, ends, _across(layers), measure, filtered=len(races) > 1)
    if len(races) > 1:
        chart = chart.add_params(_place([race.place for race in races]))
    return chart.add_params(style.names("layers", layers))


@dataclass(frozen=True)
class DepthLine:
    """One line over the depth of its own model.

    Attributes:
        name: Its label.
        layers: Names of the layers.
        depths: How deep each of them is, from 0 (the embedding) to 1 (the last layer).
        values: One for each layer.
    """

    name: str
    layers: Sequence[str]
    depths: Sequence[float]
    values: Sequence[float]


def depth_lines(lines: Sequence[DepthLine], measure: Measure) -> alt.LayerChart:
    """Lines of models that need not have the same number of layers, over their relative depth."""
    points = [
        {"n": number, "l": round(depth, 4), **_point(layer, line.name, value, measure)}
        for number, line in enumerate(lines)
        for layer, depth, value in zip(line.layers, line.depths, line.values, strict=True)
    ]
    heights = _label_heights([line.values[-1] for line in lines], measure)
    ends = [
        {"n": number, "l": round(line.depths[-1], 4), "name": style.shown(line.name), "v": height}
        for number, (line, height) in enumerate(zip(lines, heights, strict=True))
    ]
    x = alt.X(
        "l:Q",
        title="depth: share of the model's layers that have run",
        axis=alt.Axis(format="%", tickCount=5),
        scale=alt.Scale(domain=[0, 1], range=[8, alt.ExprRef(f"width - {LABEL_WIDTH}")]),
    )
    return _drawn([line.name for line in lines], points, ends, x, measure, filtered=False)


def _point(layer: str, name: str, value: float, measure: Measure) -> dict[str, Any]:
    where, who = style.shown(layer), style.shown(name)
    return {
        "v": measure.stored(value),
        "layer": where,
        "name": who,
        "says": f"layer {where}, {style.isolated(who)}: {measure.said(value)}",
    }


def _label_heights(values: Sequence[float], measure: Measure) -> list[float]:
    """Where names stand so that they do not overlap, as values."""
    return [measure.value_at(pixel) for pixel in spread_out([measure.pixel(value) for value in values])]


def _drawn(
    names: Sequence[str],
    points: Sequence[Mapping[str, Any]],
    ends: Sequence[Mapping[str, Any]],
    x: alt.X,
    measure: Measure,
    filtered: bool,
) -> alt.LayerChart:
    """Lines, points that answer, and names at the ends; of one place only, where the drop-down names one."""
    forward = _forward(names)
    y = measure.y
    colour = alt.Color("n:O", legend=None, scale=alt.Scale(domain=list(range(len(names))), range=_colours(len(names))))
    visible = alt.when(forward).then(alt.value(1)).otherwise(alt.value(0.15))

    def data(name: str) -> alt.Chart:
        chart = alt.Chart(alt.NamedData(name))
        return chart.transform_filter("datum.g === place") if filtered else chart

    base = data("points").encode(x=x, y=y, color=colour, opacity=visible)
    dot = (
        base.mark_point(filled=True, size=44, opacity=1, cursor="pointer")
        .encode(
            tooltip=[alt.Tooltip("name:N", title="title"), alt.Tooltip("layer:N", title="layer"), measure.tooltip],
            description="says:N",
        )
        .add_params(forward)
        .properties(name="line_points")
    )
    end = data("ends").encode(x=x, y=y, opacity=visible)
    swatch = end.mark_text(text="●", align="left", baseline="middle", dx=10, fontSize=10, aria=False)
    label = end.mark_text(align="left", baseline="middle", dx=22, fontSize=12, limit=LABEL_WIDTH - 26, aria=False)
    return alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=2.25, aria=False),
            dot,
            swatch.encode(color=colour),
            label.encode(text="name:N"),
        ],
        datasets={"points": list(points), "ends": list(ends)},
    )


def _place(labels: Sequence[str]) -> alt.Parameter:
    """The drop-down of places, which begins with the last."""
    shown = [style.isolated(style.shown(label)) for label in labels]
    bind = alt.binding_select(options=list(range(len(labels))), labels=shown, name="Place ")
    return alt.param(name="place", value=len(labels) - 1, bind=bind)


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


def spread_out(heights: Sequence[float]) -> list[float]:
    """Heights moved apart, as little as need be, until no two are nearer than ``LABEL_GAP``; the order stays.

    As far as there is room, none is lower than the axis, where the names of the layers stand.
    """
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
    floor = float(HEIGHT)
    for index in reversed(order):
        spread[index] = min(spread[index], floor)
        floor = spread[index] - LABEL_GAP
    return spread


def _colours(count: int) -> list[str]:
    return [style.SERIES[index % len(style.SERIES)] for index in range(count)]
