"""The logit lens: what the model would say if each layer were its last."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import grid, style
from ecco_reports.charts.lines import HEIGHT, PROBABILITY, Race, layer_lines

SHARES = 10_000
"""Probabilities are stored as integers of 0.01 %."""
HUNDREDTHS = 100
"""Bits and nats are stored as integers of 0.01."""
NARROW, WIDE, LETTER = 44, 68, 6.3
"""Least and greatest width of a position in pixels, and the width of a letter: nine tokens of ten fit."""
ROOMY = 360
"""A grid that stays within so many pixels may have wider columns: names of classes are longer than tokens."""


@dataclass(frozen=True)
class LensCell:
    """The prediction read out at one layer and one position.

    Attributes:
        candidates: Labels and probabilities, most probable first.
        target_probability: Probability of the token that came next; None at the end of the text.
        target_rank: Rank of that token, from 1.
        entropy: Entropy of the distribution, in bits.
        kl: Kullback-Leibler divergence of the final layer from this one, in nats.
    """

    candidates: Sequence[tuple[str, float]]
    target_probability: float | None
    target_rank: int | None
    entropy: float
    kl: float


@dataclass(frozen=True)
class LensWords:
    """How a lens speaks of its columns, and of what was right in them.

    Attributes:
        columns: Title above the columns; None where their labels say enough.
        at: Leads from a layer to the label of a column: "layer 3, after ·city".
        right: What was right in a column.
        briefly: The same, short enough for a tooltip.
    """

    columns: str | None = "the model has read"
    at: str = "after"
    right: str = "the token that came next"
    briefly: str = "came next"


_NEXT_TOKEN = LensWords()


def lens_grid(
    layers: Sequence[str],
    inputs: Sequence[str],
    targets: Sequence[str | None],
    cells: Sequence[Sequence[LensCell]],
    words: LensWords = _NEXT_TOKEN,
) -> alt.LayerChart:
    """Layers bottom to top, positions left to right, in each cell the token that the layer would say.

    An orange frame marks, in each column, the first layer from which on the token that came next stays in first place.

    Args:
        layers: Names of the rows, bottom to top.
        inputs: Label of the token at each position.
        targets: Label of the token that came next, or None where the text ends.
        cells: ``[layer][position]``.
        words: What columns and targets are called, where they are not tokens and those that follow them.
    """
    catalogue = grid.Catalogue()
    rows = [_row(layer, row, catalogue) for layer, row in enumerate(cells)]
    column = _column(inputs, cells)
    chart = _cells(layers, inputs, cells, words)
    right = words.right if any(target is not None for target in targets) else None
    title: dict[str, Any] = {}
    if right is not None:
        title["title"] = style.footnote(f"Bold: {right}. Framed: from this layer on it stays first.")
        below = grid.feet("p", "feet", len(inputs), right)
        chart = alt.LayerChart(layer=[below, chart]).resolve_axis(x="independent")
    chart = chart.add_params(
        _measures(right),
        style.names("layers", layers),
        *_labels(inputs, targets, catalogue, int((column - 4) / LETTER)),
    )
    chart.datasets = {
        "cells": rows,
        "settled": [{"l": layer, "p": position} for layer, position in settled(cells)],
        "columns": [{"p": position} for position in range(len(inputs))],
    }
    return style.themed(
        chart,
        f"The first choice of {len(layers)} layers at {len(inputs)} places.",
        width=alt.Step(column),
        height=alt.Step(style.ROW + 2),
        **title,
    )


def _cells(
    layers: Sequence[str], inputs: Sequence[str], cells: Sequence[Sequence[LensCell]], words: LensWords
) -> alt.LayerChart:
    """Tiles, words and frames, and the invisible marks above them that answer."""
    top_k = max(len(cell.candidates) for row in cells for cell in row)
    scales = {
        "entropy": _largest(cell.entropy for row in cells for cell in row),
        "kl": _largest(cell.kl for row in cells for cell in row),
    }
    base = _base(len(layers), len(inputs), words)
    text: dict[str, Any] = {"baseline": "middle", "aria": False, "tooltip": None}
    known = alt.Chart(alt.NamedData("settled")).encode(x=base.encoding.x, y=base.encoding.y)
    shade, colour = _colour(scales)
    return alt.LayerChart(
        layer=[
            grid.tiles(base.transform_calculate(shade=shade), colour),
            base.transform_filter("datum.r !== 1").mark_text(**text).encode(text="top:N"),
            base.transform_filter("datum.r === 1").mark_text(fontWeight="bold", **text).encode(text="top:N"),
            grid.frames(known),
            _answers(base, top_k, words),
        ]
    )


def settled(cells: Sequence[Sequence[LensCell]]) -> list[tuple[int, int]]:
    """Where it becomes known: per position the first layer from which on the target's rank is 1 up to the last."""
    places = []
    for position in range(len(cells[0])):
        first = None
        for layer in reversed(range(len(cells))):
            if cells[layer][position].target_rank != 1:
                break
            first = layer
        if first is not None:
            places.append((first, position))
    return places


def lens_lines(layers: Sequence[str], races: Sequence[Race]) -> alt.LayerChart:
    """Probability of a few tokens, layer by layer, at one place or at several.

    Args:
        layers: Names along the x axis, first one on the left.
        races: The tokens at each place; the first is the one that the chart is about.
    """
    chart = layer_lines(layers, races, PROBABILITY)
    description = f"Probability of {len(races[0].names)} tokens at {len(layers)} layers."
    return style.themed(chart, description, width="container", height=HEIGHT)


def _row(layer: int, cells: Sequence[LensCell], catalogue: grid.Catalogue) -> dict[str, Any]:
    """One layer: arrays over the positions, which the chart flattens, because keys would weigh more than numbers."""
    return {
        "l": layer,
        "k": [[catalogue.number(label) for label, _ in cell.candidates] for cell in cells],
        "v": [[round(probability * SHARES) for _, probability in cell.candidates] for cell in cells],
        "q": [None if cell.target_probability is None else round(cell.target_probability * SHARES) for cell in cells],
        "r": [cell.target_rank for cell in cells],
        "e": [_hundredths(cell.entropy) for cell in cells],
        "d": [_hundredths(cell.kl) for cell in cells],
    }


def _hundredths(value: float) -> int | None:
    return round(value * HUNDREDTHS) if math.isfinite(value) else None


def _column(inputs: Sequence[str], cells: Sequence[Sequence[LensCell]]) -> int:
    """A width of the columns that suits the labels."""
    labels = [*inputs, *(cell.candidates[0][0] for row in cells for cell in row)]
    usual = sorted(map(len, labels))[len(labels) * 9 // 10]
    return round(max(NARROW, min(max(WIDE, ROOMY // len(inputs)), LETTER * usual + 10)))


def _base(layers: int, positions: int, words: LensWords) -> alt.Chart:
    """The cells, one row each, in their places."""
    return (
        grid.flattened("p", ["k", "v", "q", "r", "e", "d"])
        .transform_calculate(top="cut[datum.k[0]] || tokens[datum.k[0]]")
        .encode(
            x=grid.columns("p", "heads", positions, words.columns, labelAngle=0, labelLimit=0),
            y=grid.rows("l", "layers", layers, "layer", upwards=True),
        )
    )


def _colour(scales: Mapping[str, float]) -> tuple[str, alt.Color]:
    """The expression of a cell's shade, 0 to 1, for the measure that the drop-down names, and the channel of it."""
    shade = (
        f"shows == 'next' ? (isValid(datum.q) ? datum.q / {SHARES} : 0)"
        f" : shows == 'entropy' ? (isValid(datum.e) ? datum.e : 1e9) / {scales['entropy'] * HUNDREDTHS:g}"
        f" : shows == 'kl' ? (isValid(datum.d) ? datum.d : 1e9) / {scales['kl'] * HUNDREDTHS:g}"
        f" : datum.v[0] / {SHARES}"
    )
    legend = (
        f"shows == 'entropy' ? format(datum.value * {scales['entropy']:g}, '.1f') + ' bits'"
        f" : shows == 'kl' ? format(datum.value * {scales['kl']:g}, '.1f') + ' nats'"
        " : format(datum.value, '.0%')"
    )
    return shade, alt.Color(
        "shade:Q",
        scale=alt.Scale(domain=[0, 1], range=style.ramp(style.BELIEF), interpolate="rgb", clamp=True),
        legend=grid.legend(title=None, values=[0, 0.5, 1], labelExpr=legend),
    )


def _answers(base: alt.Chart, top_k: int, words: LensWords) -> alt.Chart:
    """What a cell says: the candidates as a list, then what was right, entropy and divergence."""
    candidates = {
        f"c{rank}": f"length(datum.k) > {rank} ? {style.percent(f'datum.v[{rank}] / {SHARES}', pad=True)}"
        f" + '  ' + tokens[datum.k[{rank}]] : ''"
        for rank in range(top_k)
    }
    known = "isValid(datum.q)"
    says = "datum.place + ': ' + tokens[datum.k[0]] + ' ' + format(datum.v[0] / 100, '.1f') + ' %'"
    return grid.answers(
        base.transform_calculate(
            place=f"'layer ' + layers[datum.l] + ', {words.at} ' + inputs[datum.p]",
            next=f"{known} ? {style.percent(f'datum.q / {SHARES}', pad=True)}"
            " + '  ' + targets[datum.p] + ', rank ' + format(datum.r, ',') : 'the text ends here'",
            entropy=f"isValid(datum.e) ? format(datum.e / {HUNDREDTHS}, '.2f') + ' bits' : '∞'",
            kl=f"isValid(datum.d) ? format(datum.d / {HUNDREDTHS}, '.2f') + ' nats' : '∞'",
            **candidates,
        ).transform_calculate(says=says),
        [
            alt.Tooltip("place:N", title="title"),
            *(alt.Tooltip(f"c{rank}:N", title=str(rank + 1)) for rank in range(top_k)),
            alt.Tooltip("next:N", title=words.briefly),
            alt.Tooltip("entropy:N", title="entropy"),
            alt.Tooltip("kl:N", title="KL to final"),
        ],
    )


def _labels(
    inputs: Sequence[str], targets: Sequence[str | None], catalogue: grid.Catalogue, letters: int
) -> list[alt.Parameter]:
    """All labels as parameters: whole ones for tooltips, and those that are too long for a column cut short."""
    followers = [" " if target is None else target for target in targets]
    return [
        style.names("inputs", inputs),
        style.names("targets", followers),
        style.names("heads", [style.fitting(label, letters) for label in inputs]),
        style.names("feet", [style.fitting(label, letters) for label in followers]),
        alt.param(name="tokens", value=catalogue.labels),
        alt.param(name="cut", value=catalogue.cut(letters)),
    ]


def _measures(right: str | None) -> alt.Parameter:
    """The drop-down that says what colour means; ``right`` is what was right, if that is known."""
    options = {"top": "probability of the first choice"}
    if right is not None:
        options["next"] = f"probability of {right}"
    options |= {"entropy": "entropy of the prediction", "kl": "KL divergence to the final layer"}
    return alt.param(
        name="shows",
        value="top",
        bind=alt.binding_select(options=list(options), labels=list(options.values()), name="Colour shows "),
    )


def _largest(values: Iterable[float]) -> float:
    """The largest finite value, rounded up to what is shown, or 1 where all are nought."""
    return math.ceil(max(filter(math.isfinite, values), default=0) * HUNDREDTHS) / HUNDREDTHS or 1.0
