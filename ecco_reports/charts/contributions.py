"""What every input did for every output, as one matrix."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style

SPACIOUS = 14
"""Up to so many inputs, cells are wide enough to hold their numbers."""


def contribution_matrix(
    inputs: Sequence[str],
    outputs: Sequence[str],
    scores: np.ndarray,
    unit: str,
    signed: bool,
    *,
    positions: Sequence[int] | None = None,
    errors: np.ndarray | None = None,
    at_least: np.ndarray | None = None,
    border: int = 0,
    input_name: str = "input token",
) -> alt.LayerChart:
    """Outputs as rows, inputs as columns; orange raises, blue lowers, nothing stands where an input comes too late.

    Args:
        inputs: Labels of the columns.
        outputs: Labels of the rows, first one on top.
        scores: ``[output, input]`` in ``unit``; NaN where the input comes after the output.
        unit: What a score is.
        signed: Whether scores can be negative.
        positions: Where the inputs stand in the text; None counts them from 0.
        errors: Standard errors of the scores, ``[output, input]``; None where they have none.
        at_least: Where the true score may be larger, ``[output, input]``; None where it nowhere is.
        border: How many of the inputs an encoder reads, if the others are a decoder's; a line parts the two.
        input_name: What an input is.
    """
    table = np.asarray(scores, dtype=float)
    sign, numbers = "+" if signed else "", len(inputs) <= SPACIOUS
    columns = grid.columns("i", "inputs", len(inputs), input_name)
    more = {"error": errors, "least": at_least}
    known = {name: values for name, values in more.items() if values is not None}
    base = _cells(_largest(table), sign, known).encode(
        x=columns,
        y=grid.rows("o", "outputs", len(outputs), "output", upwards=False, labelLimit=190, labelFontSize=12),
    )
    layers = [grid.tiles(base, _colour(unit, signed, style.TEXT_ALPHA if numbers else style.BARE_ALPHA))]
    if numbers:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(text="number:N"))
    if border:
        layers.append(grid.line_before(border, columns))
    layers.append(grid.answers(base, _tooltip(unit, sign, errors is not None)))
    rows = [
        _row(index, scores_of, {name: values[index] for name, values in known.items()})
        for index, scores_of in enumerate(table)
    ]
    chart = alt.LayerChart(layer=layers, datasets={"cells": rows}).add_params(
        _scope(),
        style.names("inputs", inputs),
        style.names("outputs", outputs),
        alt.param(name="positions", value=list(range(len(inputs)) if positions is None else positions)),
    )
    return style.themed(
        chart,
        f"{unit} of {len(inputs)} {input_name}s for {len(outputs)} outputs.",
        width=alt.Step(46 if numbers else 24),
        height=alt.Step(26 if numbers else style.ROW),
    )


def _cells(largest: float, sign: str, more: Iterable[str]) -> alt.Chart:
    """One row of data per cell, with what is shown and said of it; ``more`` is known beside the score."""
    least, spoken = ("datum.least ? '≥ ' : ''", "datum.least ? 'at least ' : ''") if "least" in more else ("''", "''")
    return (
        grid.flattened("i", ["score", *more])
        .transform_filter("isValid(datum.score)")
        .transform_calculate(
            input="inputs[datum.i]",
            position="positions[datum.i]",
            output="outputs[datum.o]",
            shade=f"datum.score / (scope == 'row' ? datum.largest : {largest:.4g})",
            number=f"({least}) + (abs(datum.score) < {largest / 1000:.4g} ? '0' : format(datum.score, '{sign}.2f'))",
            says=f"inputs[datum.i] + ' for ' + outputs[datum.o] + ': ' + ({spoken}) + format(datum.score, '{sign}.3g')",
        )
    )


def _tooltip(unit: str, sign: str, with_errors: bool) -> list[alt.Tooltip]:
    shown = [
        alt.Tooltip("input:N", title="input"),
        alt.Tooltip("position:Q", title="position"),
        alt.Tooltip("output:N", title="output"),
        alt.Tooltip("score:Q", title=unit, format=f"{sign}.4g"),
    ]
    return [*shown, alt.Tooltip("error:Q", title="standard error", format=".2g")] if with_errors else shown


def _scope() -> alt.Parameter:
    """The drop-down that says with what a colour is compared."""
    return alt.param(
        name="scope",
        value="all",
        bind=alt.binding_select(
            options=["all", "row"], labels=["all outputs together", "each output by itself"], name="Colours compare "
        ),
    )


def _colour(unit: str, signed: bool, alpha: float) -> alt.Color:
    return alt.Color(
        "shade:Q",
        scale=alt.Scale(
            domain=[-1, 0, 1] if signed else [0, 1],
            range=style.diverging(alpha) if signed else style.ramp(style.RAISE, alpha),
            interpolate="rgb",
            clamp=True,
        ),
        legend=grid.legend(
            title=f"{unit}, as a share of the largest",
            labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.0%')" if signed else "datum.label",
            format=".0%",
            values=[-1, -0.5, 0, 0.5, 1] if signed else [0, 0.5, 1],
        ),
    )


def _row(index: int, scores: np.ndarray, more: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """One output: its scores as an array, which the chart flattens, because keys would weigh more than numbers."""
    rounded = [float(f"{score:.3g}") if math.isfinite(score) else None for score in scores.tolist()]
    while rounded and rounded[-1] is None:
        rounded.pop()
    row = {"o": index, "score": rounded, "largest": float(f"{_largest(scores):.4g}")}
    return row | {
        name: [float(f"{number:.2g}") for number in values[: len(rounded)].tolist()] for name, values in more.items()
    }


def _largest(scores: np.ndarray) -> float:
    """The largest magnitude, or 1 where there is nothing to compare."""
    finite = np.abs(scores[np.isfinite(scores)])
    return float(finite.max()) or 1.0 if finite.size else 1.0
