"""What every input did for every output, as one matrix."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style

SPACIOUS = 14
"""Up to so many inputs, cells are wide enough to hold their numbers."""


@dataclass(frozen=True)
class Explanation:
    """What one method says of all outputs.

    Attributes:
        method: What the drop-down calls it.
        scores: ``[output, input]`` in ``unit``; NaN where the input comes after the output, or the method says nothing.
        unit: What a score is.
        signed: Whether scores can be negative.
        errors: Standard errors of the scores, ``[output, input]``; None where they have none.
        at_least: Where the true score may be larger, ``[output, input]``; None where it nowhere is.
        before: Which share of an output's magnitudes lies before the border of the inputs, ``[output]``; NaN where that
            is no question, None where there is no border.
    """

    method: str
    scores: np.ndarray
    unit: str
    signed: bool
    errors: np.ndarray | None = None
    at_least: np.ndarray | None = None
    before: np.ndarray | None = None


def contribution_matrix(
    inputs: Sequence[str],
    outputs: Sequence[str],
    explanations: Sequence[Explanation],
    *,
    positions: Sequence[int] | None = None,
    border: int = 0,
    input_name: str = "input token",
) -> alt.LayerChart:
    """Outputs as rows, inputs as columns; orange raises, blue lowers, nothing stands where an input comes too late.

    Args:
        inputs: Labels of the columns.
        outputs: Labels of the rows, first one on top.
        explanations: One per method; a drop-down chooses one, the first at first.
        positions: Where the inputs stand in the text; None counts them from 0.
        border: How many of the inputs an encoder reads, if the others are a decoder's; a line parts the two.
        input_name: What an input is.
    """
    numbers = len(inputs) <= SPACIOUS
    alpha = style.TEXT_ALPHA if numbers else style.BARE_ALPHA
    columns = grid.columns("i", "inputs", len(inputs), input_name)
    base = _cells(explanations).encode(
        x=columns,
        y=grid.rows("o", "outputs", len(outputs), "output", upwards=False, labelLimit=190, labelFontSize=12),
    )
    layers = [grid.tiles(base, _colour(explanations, alpha))]
    if numbers:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(text="number:N"))
    if border:
        layers.append(grid.line_before(border, columns))
    layers.append(grid.answers(base, [*_tooltip(explanations), *grid.of_streams(border)]))
    chart = alt.LayerChart(layer=layers, datasets={"cells": list(_rows(explanations))}).add_params(
        grid.choice("chosen", [each.method for each in explanations], "Method "),
        _scope(),
        style.names("inputs", inputs),
        style.names("outputs", outputs),
        style.names("units", [each.unit for each in explanations]),
        alt.param(name="signs", value=["+" if each.signed else "" for each in explanations]),
        alt.param(name="tops", value=[float(f"{_largest(each.scores):.4g}") for each in explanations]),
        alt.param(name="border", value=border),
        alt.param(name="positions", value=list(range(len(inputs)) if positions is None else positions)),
    )
    return style.themed(
        chart,
        f"{_unit(explanations)} of {len(inputs)} {input_name}s for {len(outputs)} outputs.",
        width=alt.Step(46 if numbers else 24),
        height=alt.Step(26 if numbers else style.ROW),
    )


def _unit(explanations: Sequence[Explanation]) -> str:
    """The unit of all of them, or a word for different ones."""
    units = {each.unit for each in explanations}
    return units.pop() if len(units) == 1 else "score"


def _cells(explanations: Sequence[Explanation]) -> alt.Chart:
    """One row of data per cell of the chosen method, with what is shown and said of it."""
    more = _known_beside(explanations)
    least, spoken = ("datum.least ? '≥ ' : ''", "datum.least ? 'at least ' : ''") if "least" in more else ("''", "''")
    uncertain = {"uncertain": "isValid(datum.error) ? format(datum.error, '.2g') : 'none'"} if "error" in more else {}
    cells: alt.Chart = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.m == chosen")
        .transform_calculate(i="sequence(length(datum.score))")
        .transform_flatten(["i", "score", *more])
        .transform_filter("isValid(datum.score)")
        .transform_calculate(
            input="inputs[datum.i]",
            position="positions[datum.i]",
            output="outputs[datum.o]",
            unit="units[chosen]",
            shade="datum.score / (scope == 'row' ? datum.largest : tops[chosen])",
            number=f"({least}) + (abs(datum.score) < tops[chosen] / 1000 ? '0' : "
            "format(datum.score, signs[chosen] + '.2f'))",
            written="format(datum.score, signs[chosen] + '.4~g')",
            says=f"inputs[datum.i] + ' for ' + outputs[datum.o] + ': ' + ({spoken}) + "
            "format(datum.score, signs[chosen] + '.3g')",
            **uncertain,
        )
        .transform_calculate(**grid.told_of_streams("before"))
    )
    return cells


def _known_beside(explanations: Sequence[Explanation]) -> list[str]:
    """What is known of a cell beside its score, by any of the methods."""
    known = {"error": any(each.errors is not None for each in explanations)}
    known["least"] = any(each.at_least is not None for each in explanations)
    return [name for name, some in known.items() if some]


def _tooltip(explanations: Sequence[Explanation]) -> list[alt.Tooltip]:
    shown = [
        alt.Tooltip("input:N", title="input"),
        alt.Tooltip("position:Q", title="position"),
        alt.Tooltip("output:N", title="output"),
        alt.Tooltip("written:N", title="score"),
        alt.Tooltip("unit:N", title="unit"),
    ]
    with_errors = "error" in _known_beside(explanations)
    return [*shown, alt.Tooltip("uncertain:N", title="standard error")] if with_errors else shown


def _scope() -> alt.Parameter:
    """The drop-down that says with what a colour is compared."""
    return alt.param(
        name="scope",
        value="all",
        bind=alt.binding_select(
            options=["all", "row"], labels=["all outputs together", "each output by itself"], name="Colours compare "
        ),
    )


def _colour(explanations: Sequence[Explanation], alpha: float) -> alt.Color:
    signed = any(each.signed for each in explanations)
    return alt.Color(
        "shade:Q",
        scale=alt.Scale(
            domain=[-1, 0, 1] if signed else [0, 1],
            range=style.diverging(alpha) if signed else style.ramp(style.RAISE, alpha),
            interpolate="rgb",
            clamp=True,
        ),
        legend=grid.legend(
            title=f"{_unit(explanations)}, as a share of the largest",
            labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.0%')" if signed else "datum.label",
            format=".0%",
            values=[-1, -0.5, 0, 0.5, 1] if signed else [0, 0.5, 1],
        ),
    )


def _rows(explanations: Sequence[Explanation]) -> Iterator[dict[str, Any]]:
    """One row per method and output: its scores as an array, because keys would weigh more than numbers."""
    beside = _known_beside(explanations)
    for method, each in enumerate(explanations):
        for output, scores in enumerate(np.asarray(each.scores, dtype=float)):
            rounded = [float(f"{score:.3g}") if math.isfinite(score) else None for score in scores.tolist()]
            while rounded and rounded[-1] is None:
                rounded.pop()
            row = {"m": method, "o": output, "score": rounded, "largest": float(f"{_largest(scores):.4g}")}
            if each.before is not None and math.isfinite(each.before[output]):
                row["before"] = round(100 * float(each.before[output]))
            row |= {name: _beside(each, name, output, len(rounded)) for name in beside}
            yield row


def _beside(each: Explanation, name: str, output: int, count: int) -> list[float]:
    """What is known beside the first few scores of an output; nothing of a method that does not know it."""
    values = {"error": each.errors, "least": each.at_least}[name]
    return [] if values is None else [float(f"{number:.2g}") for number in values[output, :count].tolist()]


def _largest(scores: np.ndarray) -> float:
    """The largest magnitude, or 1 where there is nothing to compare."""
    finite = np.abs(scores[np.isfinite(scores)])
    return float(finite.max()) or 1.0 if finite.size else 1.0
