"""Ranks by layer: how far each layer is from saying a token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.lines import HEIGHT, layer_lines


def rank_grid(
    layers: Sequence[str],
    outputs: Sequence[str],
    ranks: np.ndarray,
    vocab: int,
    thing: str = "generated token",
) -> alt.LayerChart:
    """Layers bottom to top, what was said left to right, in each cell its rank.

    Args:
        layers: Names of the rows, bottom to top.
        outputs: Labels of the columns.
        ranks: ``[layer, output]``, from 1.
        vocab: How many outcomes there are, the worst rank.
        thing: What a column is.
    """
    cells = [{"l": layer, "r": row} for layer, row in enumerate(np.asarray(ranks).tolist())]
    base = (
        grid.flattened("o", ["r"])
        .transform_calculate(
            token="outputs[datum.o]",
            layer="layers[datum.l]",
            says="'layer ' + layers[datum.l] + ', ' + outputs[datum.o] + ': rank ' + format(datum.r, ',')",
        )
        .encode(
            x=grid.columns("o", "outputs", len(outputs), thing),
            y=grid.rows("l", "layers", len(layers), "layer", upwards=True),
        )
    )
    tooltip = [
        alt.Tooltip("token:N", title="title"),
        alt.Tooltip("layer:N", title="layer"),
        alt.Tooltip("r:Q", title="rank", format=","),
    ]
    first = base.transform_filter("datum.r == 1")
    number = "datum.r < 1e4 ? format(datum.r, ',') : format(datum.r / 1e3, '.0f') + 'k'"
    text = (
        base.transform_filter("datum.r > 1")
        .transform_calculate(number=number)
        .mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None)
        .encode(text="number:N")
    )
    one = first.mark_text(text="1", baseline="middle", fontSize=12, fontWeight="bold", aria=False, tooltip=None)
    layered = [grid.tiles(base, _colour(vocab)), grid.frames(first), text, one, grid.answers(base, tooltip)]
    chart = alt.LayerChart(layer=layered, datasets={"cells": cells})
    chart = chart.add_params(style.names("layers", layers), style.names("outputs", outputs))
    return style.themed(
        chart,
        f"Rank at {len(layers)} layers of what was said, for each {thing}; {vocab:,} ranks in all.",
        title=style.footnote("Framed: rank 1, this is what the layer would say."),
        width=alt.Step(44),
        height=alt.Step(style.ROW),
    )


def rank_lines(layers: Sequence[str], tokens: Sequence[str], ranks: np.ndarray, vocab: int) -> alt.LayerChart:
    """Ranks of a few tokens at one position, layer by layer; first place is on top.

    Args:
        layers: Names along the x axis, first one on the left.
        tokens: One line each.
        ranks: ``[layer, token]``, from 1.
        vocab: Size of the vocabulary, the worst rank.
    """
    table = np.asarray(ranks).tolist()
    rows: list[dict[str, Any]] = [
        {
            "l": layer,
            "n": number,
            "rank": int(rank),
            "layer": style.shown(layers[layer]),
            "name": style.shown(tokens[number]),
            "says": f"layer {style.shown(layers[layer])}, {style.isolated(style.shown(tokens[number]))}: rank {rank:,}",
        }
        for layer, row in enumerate(table)
        for number, rank in enumerate(row)
    ]
    worst = max(vocab, 2)
    chart = layer_lines(
        layers,
        tokens,
        rows,
        alt.Y(
            "rank:Q",
            title="rank",
            scale=alt.Scale(type="log", domain=[worst, 1], nice=False),
            axis=alt.Axis(values=_decades(vocab), format="~s", domain=False, ticks=False),
        ),
        alt.Tooltip("rank:Q", title="rank", format=","),
        lambda pixel: float(f"{worst ** (pixel / HEIGHT):.6g}"),
        [math.log(rank) / math.log(worst) * HEIGHT for rank in table[-1]],
    )
    return style.themed(
        chart,
        f"Rank of {len(tokens)} watched tokens at {len(layers)} layers; rank 1 is on top.",
        width="container",
        height=HEIGHT,
    )


def _colour(vocab: int) -> alt.Color:
    return alt.Color(
        "r:Q",
        scale=alt.Scale(
            type="log",
            domain=[1, max(vocab, 2)],
            range=style.ramp(style.BELIEF)[::-1],
            interpolate="rgb",
            clamp=True,
            nice=False,
        ),
        legend=grid.legend(title="rank", values=_decades(vocab), format="~s", tickCount=6),
    )


def _decades(vocab: int) -> list[int]:
    return [10**power for power in range(max(1, math.ceil(math.log10(max(vocab, 2)))))]
