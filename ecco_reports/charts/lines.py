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
_SLANT = 62
"""Names of layers that are nearer than so many pixels are slanted, or they would touch."""
_DASHES = ((1, 0), (5, 4))


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
        said: A value in words, as an expression of Vega.
        pixel: Height of a value, in pixels below the top.
        value_at: The inverse of that.
    """

    y: alt.Y
    tooltip: alt.Tooltip
    stored: Callable[[float], float | int]
    said: str
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
    said="format(datum.v, '.1%')",
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
            points += [
                {"g": number, "n": n, "l": layer, "v": measure.stored(value)}
                for n, value in zip(lines, row, strict=True)
            ]
        ends += [
            {"g": number, "n": n, "l": len(layers) - 1, "v": value}
            for n, value in zip(lines, _label_heights(table[-1], measure), strict=True)
        ]
    data = _Data(_Look.of(names, races), points, ends, layer="layers[datum.l]", filtered=len(races) > 1)
    chart = _drawn(data, _across(layers), measure)
    if len(races) > 1:
        chart = chart.add_params(_place([race.place for race in races]))
    return chart.add_params(style.names("layers", layers))


@dataclass(frozen=True)
class DepthLine:
    """One word in one model, over the depth of that model.

    Attributes:
        model: What the page calls the model; it sets how the line is dashed.
        word: Label of the word; it sets the colour.
        layers: Names of the layers.
        depths: How deep each of them is, from 0 (the embedding) to 1 (the last layer).
        values: One for each layer.
    """

    model: str
    word: str
    layers: Sequence[str]
    depths: Sequence[float]
    values: Sequence[float]


def depth_lines(lines: Sequence[DepthLine], measure: Measure) -> alt.LayerChart:
    """Lines of models that need not have the same number of layers, over their relative depth."""
    points = [
        {"n": number, "l": round(depth, 4), "v": measure.stored(value), "at": style.shown(layer)}
        for number, line in enumerate(lines)
        for layer, depth, value in zip(line.layers, line.depths, line.values, strict=True)
    ]
    heights = _label_heights([line.values[-1] for line in lines], measure)
    ends = [
        {"n": number, "l": round(line.depths[-1], 4), "v": height}
        for number, (line, height) in enumerate(zip(lines, heights, strict=True))
    ]
    x = alt.X(
        "l:Q",
        title="depth: share of the model's layers that have run",
        axis=alt.Axis(format="%", tickCount=5),
        scale=alt.Scale(domain=[0, 1], range=[8, alt.ExprRef(f"width - {LABEL_WIDTH}")]),
    )
    words, models = (
        list(dict.fromkeys(each)) for each in zip(*((line.word, line.model) for line in lines), strict=True)
    )
    look = _Look(
        [f"{line.model}: {line.word}" for line in lines],
        [style.SERIES[words.index(line.word) % len(style.SERIES)] for line in lines],
        [_DASHES[models.index(line.model) % len(_DASHES)] for line in lines],
    )
    return _drawn(_Data(look, points, ends, layer="datum.at", filtered=False), x, measure)


@dataclass(frozen=True)
class _Look:
    """How lines are told apart.

    Attributes:
        names: Label of each.
        colours: Colour of each.
        dashes: Dashes and gaps of each, in pixels.
    """

    names: Sequence[str]
    colours: Sequence[str]
    dashes: Sequence[Sequence[int]]

    @classmethod
    def of(cls, names: Sequence[str], races: Sequence[Race]) -> _Look:
        """Solid lines; names that run together have different colours, as far as there are enough."""
        rivals = {name: {other for race in races if name in race.names for other in race.names} for name in names}
        colours: dict[str, str] = {}
        for name in names:
            taken = [colours[other] for other in rivals[name] if other in colours]
            colours[name] = min(style.SERIES, key=taken.count)
        return cls(names, list(colours.values()), [_DASHES[0]] * len(names))


@dataclass(frozen=True)
class _Data:
    """What is drawn.

    Attributes:
        look: How lines are called and told apart.
        points: ``n`` (line), ``l`` (where on the x axis), ``v`` (value), and ``g`` (place) where there are several.
        ends: The same for the names behind the last points.
        layer: The expression of a point's layer.
        filtered: Whether only the place that the drop-down names is shown.
    """

    look: _Look
    points: Sequence[Mapping[str, Any]]
    ends: Sequence[Mapping[str, Any]]
    layer: str
    filtered: bool

    def chart(self, name: str) -> alt.Chart:
        """A chart of one of the data sets."""
        chart = alt.Chart(alt.NamedData(name)).transform_calculate(name="names[datum.n]")
        return chart.transform_filter("datum.g === place") if self.filtered else chart


def _label_heights(values: Sequence[float], measure: Measure) -> list[float]:
    """Where names stand so that they do not overlap, as values."""
    return [measure.value_at(pixel) for pixel in spread_out([measure.pixel(value) for value in values])]


def _drawn(data: _Data, x: alt.X, measure: Measure) -> alt.LayerChart:
    """Lines, points that answer, and names at the ends."""
    names, lines = data.look.names, list(range(len(data.look.names)))
    forward, y = _forward(names), measure.y
    colour = alt.Color("n:O", legend=None, scale=alt.Scale(domain=lines, range=list(data.look.colours)))
    dash = alt.StrokeDash("n:O", legend=None, scale=alt.Scale(domain=lines, range=list(data.look.dashes)))
    visible = alt.when(forward).then(alt.value(1)).otherwise(alt.value(0.15))
    base = data.chart("points").encode(x=x, y=y, color=colour, opacity=visible)
    dot = (
        base.transform_calculate(layer=data.layer)
        .transform_calculate(says=f"'layer ' + datum.layer + ', ' + isolated[datum.n] + ': ' + {measure.said}")
        .mark_point(filled=True, size=44, opacity=1, cursor="pointer")
        .encode(
            tooltip=[alt.Tooltip("name:N", title="title"), alt.Tooltip("layer:N", title="layer"), measure.tooltip],
            description="says:N",
        )
        .add_params(forward)
        .properties(name="line_points")
    )
    end = data.chart("ends").encode(x=x, y=y, opacity=visible)
    swatch = end.mark_text(text="●", align="left", baseline="middle", dx=10, fontSize=10, aria=False)
    label = end.mark_text(align="left", baseline="middle", dx=22, fontSize=12, limit=LABEL_WIDTH - 26, aria=False)
    chart = alt.LayerChart(
        layer=[
            base.mark_line(strokeWidth=2.25, aria=False).encode(strokeDash=dash),
            dot,
            swatch.encode(color=colour),
            label.encode(text="name:N"),
        ],
        datasets={"points": list(data.points), "ends": list(data.ends)},
    )
    return chart.add_params(
        style.names("names", names),
        alt.param(name="isolated", value=[style.isolated(style.shown(name)) for name in names]),
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
    narrow = f"(width - {LABEL_WIDTH}) / {max(1, len(layers) - 1)} < {_SLANT}"
    return alt.X(
        "l:O",
        title="layer",
        axis=style.label_axis(
            "layers",
            domain=True,
            labelLimit=90,
            labelAngle=alt.ExprRef(f"{narrow} ? -40 : 0"),
            labelAlign=alt.ExprRef(f"{narrow} ? 'right' : 'center'"),
            labelBaseline=alt.ExprRef(f"{narrow} ? 'middle' : 'top'"),
        ),
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
