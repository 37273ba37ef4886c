"""Layers against layers: how alike they are, by a measure that the reader chooses."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.states import THOUSANDTHS, choice

NUMBERED = 15
"""Up to so many columns, cells are wide enough to hold their numbers."""


def likeness_grid(
    rows: Sequence[str],
    columns: Sequence[str],
    grids: Mapping[str, np.ndarray],
    titles: tuple[str, str] = ("layer", "layer"),
) -> alt.LayerChart:
    """Layers against layers, the lowest ones at the bottom left; colour and number say how alike they are.

    Args:
        rows: Names of the rows, bottom to top.
        columns: Names of the columns, left to right.
        grids: By what the drop-down calls a measure, ``[row, column]``; the first is shown.
        titles: What rows and columns are.
    """
    by_key = {f"m{number}": found for number, found in enumerate(grids.values())}
    floor = f"(from == 'least' ? ({_chosen({key: _floor(found) for key, found in by_key.items()})}) : 0)"
    numbered = len(columns) <= NUMBERED
    base = _cells(by_key, floor).encode(
        x=grid.columns("c", "columns", len(columns), titles[1], orient="bottom", labelAngle=-40),
        y=grid.rows("r", "rows", len(rows), titles[0], upwards=True),
    )
    layers = [grid.tiles(base, _colour(floor, style.TEXT_ALPHA if numbered else style.BARE_ALPHA))]
    if numbered:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(text="number:N"))
    names = dict(zip(by_key, grids, strict=True))
    tooltip = [
        alt.Tooltip("place:N", title="title"),
        *(alt.Tooltip(f"t{key}:N", title=name) for key, name in names.items()),
    ]
    whole = {key: np.round(found * THOUSANDTHS).astype(int).tolist() for key, found in by_key.items()}
    data = [{"r": row} | {key: found[row] for key, found in whole.items()} for row in range(len(rows))]
    chart = alt.LayerChart(layer=[*layers, grid.answers(base, tooltip)], datasets={"cells": data}).add_params(
        choice("measure", "Alike by ", names),
        choice("from", "Colours run from ", {"zero": "0 to 1", "least": "the least alike to 1"}),
        style.names("rows", rows),
        style.names("columns", columns),
        style.names("sides", titles),
    )
    side = 36 if numbered else 20
    about = f"How alike {len(rows)} layers and {len(columns)} layers are."
    return style.themed(chart, about, width=alt.Step(side), height=alt.Step(side - 10 if numbered else side))


def _cells(by_key: Mapping[str, np.ndarray], floor: str) -> alt.Chart:
    value = _chosen({key: f"datum.{key}" for key in by_key})
    return (
        grid.flattened("c", list(by_key))
        .transform_calculate(now=f"({value}) / {THOUSANDTHS}")
        .transform_calculate(
            shade=f"(datum.now - {floor}) / (1 - {floor})",
            number="format(datum.now, '.2f')",
            place="sides[0] + ' ' + rows[datum.r] + ', ' + sides[1] + ' ' + columns[datum.c]",
            **{f"t{key}": f"format(datum.{key} / {THOUSANDTHS}, '.3f')" for key in by_key},
        )
        .transform_calculate(says="datum.place + ': ' + datum.number")
    )


def _colour(floor: str, alpha: float) -> alt.Color:
    return alt.Color(
        "shade:Q",
        scale=alt.Scale(domain=[0, 1], range=style.ramp(style.BELIEF, alpha), interpolate="rgb", clamp=True),
        legend=grid.legend(
            title=None, values=[0, 0.5, 1], labelExpr=f"format({floor} + datum.value * (1 - {floor}), '.2~f')"
        ),
    )


def _floor(found: np.ndarray) -> str:
    """Where colours may begin: at the least of a grid, in hundredths, but not below 0 nor at 1."""
    return f"{max(0.0, min(math.floor(float(found.min()) * 100) / 100, 0.99)):g}"


def _chosen(by_key: Mapping[str, str]) -> str:
    """An expression that is one of several, by the measure that the drop-down names."""
    *others, (_, last) = by_key.items()
    return "".join(f"measure == '{key}' ? {expression} : " for key, expression in others) + last
