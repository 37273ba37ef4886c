"""In which order rankings take out the parts of the input: one row for each ranking."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.faithfulness import chosen_output

_CELL = 30


def order_grid(
    methods: Sequence[str], units: Sequence[str], outputs: Sequence[str], places: np.ndarray, thing: str
) -> alt.LayerChart:
    """Methods as rows, parts of the input as columns; the number is the place in the ranking, and 1 goes first.

    Args:
        methods: Labels of the rows, first one on top.
        units: Labels of the columns.
        outputs: What can be chosen.
        places: ``[output, method, unit]``, from 1.
        thing: What a column is.
    """
    cells = [
        {"t": output, "m": method, "p": row}
        for output, table in enumerate(places.tolist())
        for method, row in enumerate(table)
    ]
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.t == target")
        .transform_calculate(u="sequence(length(datum.p))")
        .transform_flatten(["u", "p"])
        .transform_calculate(
            method="methods[datum.m]",
            unit="units[datum.u]",
            says="methods[datum.m] + ', ' + units[datum.u] + ': place ' + datum.p",
        )
        .encode(
            x=grid.columns("u", "units", len(units), thing),
            y=grid.rows("m", "methods", len(methods), "method", upwards=False, labelLimit=150),
        )
    )
    colour = alt.Color(
        "p:Q",
        legend=None,
        scale=alt.Scale(
            domain=[1, max(len(units), 2)], range=style.ramp(style.RAISE)[::-1], interpolate="rgb", type="sqrt"
        ),
    )
    number = base.mark_text(baseline="middle", fontSize=11, aria=False, tooltip=None).encode(text="p:Q")
    tooltip = [
        alt.Tooltip("unit:N", title="title"),
        alt.Tooltip("method:N", title="method"),
        alt.Tooltip("p:Q", title="place"),
    ]
    chart = alt.LayerChart(
        layer=[grid.tiles(base, colour), number, grid.answers(base, tooltip)], datasets={"cells": cells}
    ).add_params(*chosen_output("target", outputs), style.names("methods", methods), style.names("units", units))
    return style.themed(
        chart,
        f"The places of {len(units)} {thing}s in the rankings of {len(methods)} methods.",
        width=alt.Step(_CELL),
        height=alt.Step(style.ROW),
    )
