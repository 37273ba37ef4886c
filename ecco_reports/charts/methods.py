"""Several explanations of one output, one below the other, and how far each two of them agree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style

STEPS = 1000
"""A score is stored as an integer share of its row's largest magnitude."""
SPACIOUS = 14
"""Up to so many inputs, cells are wide enough to hold their shares."""


@dataclass(frozen=True)
class Measure:
    """One way to say how far two rankings agree.

    Attributes:
        title: What the drop-down calls it.
        values: ``[output, method, method]``; NaN where it is not defined.
        chance: What two random rankings would have, ``[output]``.
    """

    title: str
    values: np.ndarray
    chance: Sequence[float]


def methods_grid(
    methods: Sequence[str],
    inputs: Sequence[str],
    outputs: Sequence[str],
    scores: np.ndarray,
    units: Sequence[str],
    signed: Sequence[bool],
    *,
    positions: Sequence[int] | None = None,
    border: int = 0,
    before: np.ndarray | None = None,
    input_name: str = "input token",
    row_name: str = "method",
) -> alt.LayerChart:
    """Methods as rows over the same inputs, for one output at a time; each row in shades of its own largest score.

    Args:
        methods: Labels of the rows, first one on top.
        inputs: Labels of the columns.
        outputs: What one can choose from.
        scores: ``[output, method, input]``; NaN where a method says nothing of an input.
        units: What a score is, method by method.
        signed: Whether it can be negative, method by method.
        positions: Where the inputs stand in the text; None counts them from 0.
        border: How many of the inputs an encoder reads, if the others are a decoder's; a line parts the two.
        before: Which share of a row's magnitudes lies before that line, ``[output, method]``; NaN where that is no
            question.
        input_name: What an input is.
        row_name: What a row is.
    """
    numbers = len(inputs) <= SPACIOUS
    columns = grid.columns("i", "inputs", len(inputs), input_name)
    base = _cells().encode(
        x=columns, y=grid.rows("m", "methods", len(methods), row_name, upwards=False, labelLimit=190, labelFontSize=12)
    )
    layers = [grid.tiles(base, _share_colour(style.TEXT_ALPHA if numbers else style.BARE_ALPHA))]
    if numbers:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(text="number:N"))
    if border:
        layers.append(grid.line_before(border, columns))
    tooltip = [
        alt.Tooltip("input:N", title="title"),
        alt.Tooltip("position:Q", title="position"),
        alt.Tooltip("method:N", title=row_name),
        alt.Tooltip("output:N", title="for"),
        alt.Tooltip("score:N", title="score"),
        alt.Tooltip("unit:N", title="unit"),
        alt.Tooltip("part:N", title="of the row's total"),
        alt.Tooltip("place:N", title="place by size"),
        *grid.of_streams(border),
    ]
    layers.append(grid.answers(base, tooltip))
    rows = [
        _row(o, m, scores[o, m]) | {"signed": signed[m]} | _before(before, o, m)
        for o in range(len(outputs))
        for m in range(len(methods))
    ]
    chart = alt.LayerChart(layer=layers, datasets={"cells": rows}).add_params(
        grid.choice("chosen", outputs, "Output "),
        style.names("inputs", inputs),
        style.names("outputs", outputs),
        style.names("methods", methods),
        style.names("units", units),
        alt.param(name="border", value=border),
        alt.param(name="positions", value=list(range(len(inputs)) if positions is None else positions)),
    )
    return style.themed(
        chart,
        f"Scores of {len(inputs)} {input_name}s by {len(methods)} {row_name}s for one of {len(outputs)} outputs.",
        width=alt.Step(46 if numbers else 24),
        height=alt.Step(28),
    )


def _cells() -> alt.Chart:
    """One row of data per cell of the chosen output, with what is shown and said of it."""
    chosen = alt.Chart(alt.NamedData("cells")).transform_filter("datum.o == chosen")
    cells = chosen.transform_calculate(i="sequence(length(datum.s))").transform_flatten(["i", "s"])
    sign = "(datum.s > 0 ? '+' : datum.s < 0 ? '\u2212' : '')"
    amount = f"abs(datum.s) * datum.largest / {STEPS}"
    shown: alt.Chart = (
        cells.transform_filter("isValid(datum.s)")
        .transform_calculate(size="abs(datum.s)")
        .transform_window(rank="rank()", sort=[alt.SortField("size", order="descending")], groupby=["m"])
        .transform_calculate(
            shade=f"datum.s / {STEPS}",
            share="datum.total ? abs(datum.s) / datum.total : 0",
            input="inputs[datum.i]",
            position="positions[datum.i]",
            method="methods[datum.m]",
            output="outputs[datum.o]",
            unit="units[datum.m]",
            score=f"(datum.signed ? {sign} : '') + format({amount}, '.3~g')",
            place="datum.s ? format(datum.rank, 'd') + ' of ' + format(datum.count, 'd') : 'none: nothing was moved'",
        )
        .transform_calculate(
            part="format(100 * datum.share, '.1f') + '\u00a0%'",
            number=f"datum.share < 0.005 ? '0' : (datum.signed ? {sign} : '') + format(100 * datum.share, '.0f') + '%'",
            says="methods[datum.m] + ', ' + inputs[datum.i] + ' for ' + outputs[datum.o] + ': ' + datum.score",
        )
        .transform_calculate(**grid.told_of_streams("before"))
    )
    return shown


def _before(shares: np.ndarray | None, output: int, method: int) -> dict[str, int]:
    """The share of a row that lies before the border, in hundredths, where there is one."""
    if shares is None or not math.isfinite(shares[output, method]):
        return {}
    return {"before": round(100 * float(shares[output, method]))}


def _row(output: int, method: int, scores: np.ndarray) -> dict[str, Any]:
    """One method's scores of one output, as integers of which the largest is ``STEPS``."""
    known = np.abs(scores[np.isfinite(scores)])
    largest = float(known.max(initial=0.0)) or 1.0
    shares = [round(score / largest * STEPS) if math.isfinite(score) else None for score in scores.tolist()]
    while shares and shares[-1] is None:
        shares.pop()
    return {
        "o": output,
        "m": method,
        "s": shares,
        "largest": float(f"{largest:.4g}"),
        "total": sum(abs(share) for share in shares if share is not None),
        "count": int(known.size),
    }


def _share_colour(alpha: float) -> alt.Color:
    return alt.Color(
        "shade:Q",
        scale=alt.Scale(domain=[-1, 0, 1], range=style.diverging(alpha), interpolate="rgb", clamp=True),
        legend=grid.legend(
            title="share of the row's largest score",
            labelExpr="datum.value == 0 ? '0' : format(datum.value, '+.0%')",
            values=[-1, -0.5, 0, 0.5, 1],
        ),
    )


def agreement_matrix(methods: Sequence[str], outputs: Sequence[str], measures: Sequence[Measure]) -> alt.LayerChart:
    """Every method against every other: how far they agree, by the measure and for the output that are chosen.

    Args:
        methods: Labels of rows and columns.
        outputs: What one can choose from; the first stands there at first.
        measures: Ways to say how far two methods agree; the first stands there at first.
    """
    fields = [f"v{number}" for number in range(len(measures))]
    wide = max((len(method) for method in methods), default=0) * 7
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_filter("datum.o == chosen")
        .transform_calculate(b="sequence(length(datum.v0))")
        .transform_flatten(["b", *fields])
        .transform_filter("datum.a != datum.b")
        .transform_calculate(
            value=f"[{', '.join(f'datum.{field}' for field in fields)}][measure]", by_chance="datum.chance[measure]"
        )
        .transform_calculate(
            share="isValid(datum.value) ? datum.value / 100 : null",
            number="isValid(datum.value) ? replace(format(datum.value / 100, '.2f'), '-', '\u2212') : '–'",
            pair="methods[datum.a] + ' and ' + methods[datum.b]",
            name="measures[measure]",
            output="outputs[datum.o]",
            random="format(datum.by_chance / 100, '.2f')",
        )
        .transform_calculate(says="datum.pair + ', ' + datum.output + ': ' + datum.name + ' ' + datum.number")
        .encode(
            x=grid.columns("b", "methods", len(methods), None, labelLimit=max(110, wide)),
            y=grid.rows("a", "methods", len(methods), "", upwards=False, labelLimit=190, labelFontSize=12),
        )
    )
    tooltip = [
        alt.Tooltip("pair:N", title="title"),
        alt.Tooltip("name:N", title="measure"),
        alt.Tooltip("number:N", title="agreement"),
        alt.Tooltip("random:N", title="by chance"),
        alt.Tooltip("output:N", title="for"),
    ]
    colour = alt.Color(
        "share:Q",
        scale=alt.Scale(
            domain=[-1, 0, 1],
            range=[
                style.fade(style.LOWER, style.TEXT_ALPHA),
                "transparent",
                style.fade(style.BELIEF, style.TEXT_ALPHA),
            ],
            interpolate="rgb",
            clamp=True,
        ),
        legend=grid.legend(title="agreement", values=[-1, -0.5, 0, 0.5, 1]),
    )
    text = base.mark_text(baseline="middle", fontSize=12, aria=False, tooltip=None).encode(text="number:N")
    chart = alt.LayerChart(
        layer=[grid.tiles(base, colour), text, grid.answers(base, tooltip)],
        datasets={"cells": list(_agreements(len(methods), len(outputs), measures))},
    ).add_params(
        grid.choice("measure", [measure.title for measure in measures], "Measure "),
        grid.choice("chosen", outputs, "Output "),
        style.names("methods", methods),
        style.names("outputs", outputs),
        style.names("measures", [measure.title for measure in measures]),
    )
    return style.themed(
        chart,
        f"Agreement of each two of {len(methods)} methods, by {len(measures)} measures.",
        width=alt.Step(64 if len(methods) <= 8 else 46),
        height=alt.Step(34),
    )


def _agreements(methods: int, outputs: int, measures: Sequence[Measure]) -> list[dict[str, Any]]:
    """One row of data per output and method, in hundredths."""
    return [
        {"o": output, "a": method, "chance": [round(100 * measure.chance[output]) for measure in measures]}
        | {f"v{number}": _hundredths(measure.values[output, method]) for number, measure in enumerate(measures)}
        for output in range(outputs)
        for method in range(methods)
    ]


def _hundredths(values: np.ndarray) -> list[int | None]:
    return [round(100 * value) if math.isfinite(value) else None for value in values.tolist()]
