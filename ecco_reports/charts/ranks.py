"""Ranks by layer: how far each layer is from saying a token."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.lines import HEIGHT, Measure, Race, layer_lines


@dataclass(frozen=True)
class RankWords:
    """What the columns of a grid of ranks are.

    Attributes:
        thing: What a column is.
        inputs: Label of what the model had read last at each; empty where that says nothing.
        best: What each layer would rather have said there, best first, ``[layer][output]``; empty where unknown.
    """

    thing: str = "generated token"
    inputs: Sequence[str] = ()
    best: Sequence[Sequence[Sequence[str]]] = ()


_GENERATED = RankWords()


def rank_grid(
    layers: Sequence[str],
    outputs: Sequence[str],
    ranks: np.ndarray,
    vocab: int,
    words: RankWords = _GENERATED,
) -> alt.LayerChart:
    """Layers bottom to top, what was said left to right, in each cell its rank.

    Args:
        layers: Names of the rows, bottom to top.
        outputs: Labels of the columns.
        ranks: ``[layer, output]``, from 1.
        vocab: How many outcomes there are, the worst rank.
        words: What columns are called, and what else is known of them.
    """
    catalogue = grid.Catalogue()
    cells: list[dict[str, Any]] = [{"l": layer, "r": row} for layer, row in enumerate(np.asarray(ranks).tolist())]
    for row, better in zip(cells, words.best, strict=False):
        row["k"] = [[catalogue.number(label) for label in labels] for labels in better]
    base = _base(len(layers), outputs, words)
    first = base.transform_filter("datum.r == 1")
    number = "datum.r < 1e4 ? format(datum.r, ',') : format(datum.r / 1e3, '.0f') + 'k'"
    text = (
        base.transform_filter("datum.r > 1")
        .transform_calculate(number=number)
        .mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None)
        .encode(text="number:N")
    )
    one = first.mark_text(text="1", baseline="middle", fontSize=12, fontWeight="bold", aria=False, tooltip=None)
    layered = [grid.tiles(base, _colour(vocab)), grid.frames(first), text, one, grid.answers(base, _tooltip(words))]
    chart = alt.LayerChart(layer=layered)
    datasets = {"cells": cells}
    if words.inputs:
        datasets["columns"] = [{"o": output} for output in range(len(outputs))]
        below = grid.feet("o", "inputs", len(outputs), "the model has read", labelAngle=-45, labelLimit=110)
        chart = alt.LayerChart(layer=[below, chart]).resolve_axis(x="independent")
    chart.datasets = datasets
    chart = chart.add_params(
        style.names("layers", layers),
        style.names("outputs", outputs),
        style.names("inputs", words.inputs),
        alt.param(name="tokens", value=catalogue.labels),
    )
    return style.themed(
        chart,
        f"Rank at {len(layers)} layers of what was said, for each {words.thing}; {vocab:,} ranks in all.",
        title=style.footnote("Framed: rank 1, this is what the layer would say."),
        width=alt.Step(44),
        height=alt.Step(style.ROW),
    )


def _base(layers: int, outputs: Sequence[str], words: RankWords) -> alt.Chart:
    """The cells, one row each, in their places, and what they say."""
    says = "'layer ' + layers[datum.l] + ', ' + outputs[datum.o] + ': rank ' + format(datum.r, ',')"
    told = {"token": "outputs[datum.o]", "layer": "layers[datum.l]", "says": says}
    if words.inputs:
        told["input"] = "inputs[datum.o]"
    for rank in range(len(words.best[0][0]) if words.best else 0):
        told[f"c{rank}"] = f"tokens[datum.k[{rank}]]"
    return (
        grid.flattened("o", ["r", "k"] if words.best else ["r"])
        .transform_calculate(**told)
        .encode(
            x=grid.columns("o", "outputs", len(outputs), words.thing),
            y=grid.rows("l", "layers", layers, "layer", upwards=True),
        )
    )


def _tooltip(words: RankWords) -> list[alt.Tooltip]:
    tooltip = [alt.Tooltip("token:N", title="title")]
    if words.inputs:
        tooltip.append(alt.Tooltip("input:N", title="after"))
    tooltip += [alt.Tooltip("layer:N", title="layer"), alt.Tooltip("r:Q", title="rank", format=",")]
    count = len(words.best[0][0]) if words.best else 0
    return [*tooltip, *(alt.Tooltip(f"c{rank}:N", title=f"rank {rank + 1} here") for rank in range(count))]


def rank_lines(layers: Sequence[str], races: Sequence[Race], vocab: int) -> alt.LayerChart:
    """Ranks of a few tokens, layer by layer, at one place or at several; first place is on top.

    Args:
        layers: Names along the x axis, first one on the left.
        races: The tokens at each place, their values ranks from 1.
        vocab: Size of the vocabulary, the worst rank.
    """
    chart = layer_lines(layers, races, rank_measure(vocab))
    description = f"Rank of {len(races[0].names)} watched tokens at {len(layers)} layers; rank 1 is on top."
    return style.themed(chart, description, width="container", height=HEIGHT)


def rank_measure(vocab: int) -> Measure:
    """Height as the logarithm of a rank, 1 on top.

    Args:
        vocab: The worst rank.
    """
    worst = max(vocab, 2)
    return Measure(
        y=alt.Y(
            "v:Q",
            title="rank",
            scale=alt.Scale(type="log", domain=[worst, 1], nice=False),
            axis=alt.Axis(values=_decades(vocab), format="~s", domain=False, ticks=False),
        ),
        tooltip=alt.Tooltip("v:Q", title="rank", format=","),
        stored=int,
        said="'rank ' + format(datum.v, ',')",
        pixel=lambda rank: math.log(rank) / math.log(worst) * HEIGHT,
        value_at=lambda pixel: float(f"{worst ** (pixel / HEIGHT):.6g}"),
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
