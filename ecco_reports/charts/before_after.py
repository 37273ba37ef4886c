"""Numbers of a baseline and of a candidate beside each other, row by row: small enough for a page of twenty."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style

BAR = 9
"""Height of a bar in pixels."""
LETTER = 6.8
"""Width of a letter of a label in pixels."""
MOST_LETTERS = 21
NOTE_WIDTHS = (46, 100)
"""Room for one number, and for two with an arrow between them."""
_COLOURS = (style.SERIES[6], style.BELIEF)
"""What was is grey, what is has a colour."""


@dataclass(frozen=True)
class Scale:
    """What the length of a bar means.

    Attributes:
        title: Below the axis.
        percent: Whether numbers are shares, to be written as per cent.
        whole: Where the axis ends at least; None leaves that to the numbers.
    """

    title: str
    percent: bool = False
    whole: float | None = None

    def written(self, number: str) -> str:
        """A Vega expression that writes a number."""
        return f"replace(format({number}, '{'.0%' if self.percent else '.2f'}'), '-', '\u2212')"


def paired_bars(
    labels: Sequence[str],
    sides: Sequence[str],
    outputs: Sequence[str],
    values: np.ndarray,
    scale: Scale,
    row_name: str,
    choosing: str = "Output ",
) -> alt.LayerChart:
    """One row per label, one bar per side in it, and the numbers on the right.

    Args:
        labels: Names of the rows, from the top.
        sides: What is held against each other: one or two names.
        outputs: What one can choose from; the first stands there at first.
        values: ``[output, side, row]``; NaN where there is none.
        scale: What a length means.
        row_name: What a row is.
        choosing: What stands before the drop-down.
    """
    rows = [
        {"o": output, "r": row} | _known(values[output, :, row])
        for output in range(len(outputs))
        for row in range(len(labels))
    ]
    height = BAR * len(sides) + 7
    y = alt.Y("r:O", axis=None, scale=alt.Scale(domain=list(range(len(labels))), paddingInner=0.25, paddingOuter=0.1))
    said = _said(len(sides), scale).encode(y=y)
    told = {"name": row_name, "output": choosing.strip().lower()}
    room = LETTER * min(MOST_LETTERS, max((len(label) for label in labels), default=0)) + 14
    layers = [_label(said, room), _bars(said, room, values, scale), _note(said), _answers(said, sides, told)]
    chart = alt.LayerChart(layer=layers, datasets={"pairs": rows}).add_params(
        grid.choice("chosen", outputs, choosing),
        style.names("rows", labels),
        style.names("short", [style.fitting(label, MOST_LETTERS) for label in labels]),
        style.names("sides", sides),
        style.names("outputs", outputs),
    )
    colours = alt.Scale(range=list(_COLOURS[-len(sides) :]), domain=list(range(len(sides))))
    return style.themed(
        chart.encode(
            color=alt.Color(
                "side:O",
                scale=colours,
                legend=alt.Legend(orient="top", title=None, labelExpr="sides[datum.value]", symbolType="square")
                if len(sides) > 1
                else None,
            )
        ),
        f"{scale.title} of {len(labels)} {row_name}s, {' and '.join(map(style.shown, sides))}.",
        width="container",
        height=height * len(labels),
    )


def _known(values: np.ndarray) -> dict[str, float]:
    """The numbers of a row that there are, with three digits."""
    found = {f"v{side}": float(f"{value:.3g}") for side, value in enumerate(values.tolist()) if math.isfinite(value)}
    return {name: value or 0.0 for name, value in found.items()}


def _said(sides: int, scale: Scale) -> alt.Chart:
    """The rows of the chosen output, with what is written and said of them."""
    numbers = {f"w{side}": f"isValid(datum.v{side}) ? {scale.written(f'datum.v{side}')} : '–'" for side in range(sides)}
    told = " + ', ' + ".join(f"sides[{side}] + ' ' + datum.w{side}" for side in range(sides))
    return (
        alt.Chart(alt.NamedData("pairs"))
        .transform_filter("datum.o == chosen")
        .transform_calculate(name="rows[datum.r]", label="short[datum.r]", output="outputs[datum.o]", **numbers)
        .transform_calculate(
            note=" + ' → ' + ".join(f"datum.w{side}" for side in range(sides)), says=f"datum.name + ': ' + {told}"
        )
    )


def _bars(said: alt.Chart, room: float, values: np.ndarray, scale: Scale) -> alt.Chart:
    sides = values.shape[1]
    known = values[np.isfinite(values)]
    bare: dict[str, Any] = {"domain": False, "ticks": False}
    apart: dict[str, Any] = {"tickCount": 4, "labelOverlap": "greedy", "labelSeparation": 8}
    low, high = float(known.min(initial=0.0)), float(known.max(initial=0.0))
    domain = [min(low, 0.0), max(high, scale.whole or 0.0) or 1.0]
    bars: alt.Chart = (
        said.transform_fold([f"v{side}" for side in range(sides)], as_=["key", "value"])
        .transform_filter("isValid(datum.value)")
        .transform_calculate(side="toNumber(slice(datum.key, 1))")
        .mark_bar(cornerRadius=1, aria=False, tooltip=None)
        .encode(
            x=alt.X(
                "value:Q",
                title=scale.title,
                scale=alt.Scale(domain=domain, range=[room, alt.ExprRef(f"width - {NOTE_WIDTHS[sides - 1]}")]),
                axis=alt.Axis(format=".0%" if scale.percent else "~g", **bare, **apart),
            ),
            yOffset=alt.YOffset("side:O", scale=alt.Scale(domain=list(range(sides)))),
        )
    )
    return bars


def _label(said: alt.Chart, room: float) -> alt.Chart:
    marks: alt.Chart = said.mark_text(
        align="right", baseline="middle", fontSize=12, limit=room, color=style.INK, aria=False, tooltip=None
    ).encode(x=alt.value(room - 8), text="label:N", color=alt.value(style.INK))
    return marks


def _note(said: alt.Chart) -> alt.Chart:
    marks: alt.Chart = said.mark_text(align="right", baseline="middle", aria=False, tooltip=None).encode(
        x=alt.value(alt.ExprRef("width - 2")), text="note:N", color=alt.value(style.INK)
    )
    return marks


def _answers(said: alt.Chart, sides: Sequence[str], titles: Mapping[str, str]) -> alt.Chart:
    """Invisible rows above all others, which hold tooltip and spoken sentence."""
    numbers = [alt.Tooltip(f"w{side}:N", title=style.shown(name)) for side, name in enumerate(sides)]
    marks: alt.Chart = said.mark_bar(fill="transparent", stroke=None, style=grid.ANSWERS).encode(
        x=alt.value(0),
        x2=alt.value(alt.ExprRef("width")),
        color=alt.value("transparent"),
        description="says:N",
        tooltip=[*(alt.Tooltip(f"{field}:N", title=title) for field, title in titles.items()), *numbers],
    )
    return marks
