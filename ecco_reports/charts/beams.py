"""Continuations side by side, token by token: the beams that a search followed, or what several models said."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import grid, style

NARROWEST, WIDEST, LETTER = 44, 120, 7
"""Width of a column in pixels: as much as its longest label needs, between these; and of one letter."""
ROW = 28


@dataclass(frozen=True)
class BeamRow:
    """One continuation.

    Attributes:
        name: What stands before it.
        labels: Its tokens.
        logprobs: Natural log-probability of each after those before it.
        parts: The first step at which it differs from the first row, or None.
    """

    name: str
    labels: Sequence[str]
    logprobs: Sequence[float]
    parts: int | None = None


def beams_chart(rows: Sequence[BeamRow], things: str = "beams") -> alt.LayerChart:
    """One row per continuation, one column per step; a cell is a token and how probable it was there.

    Args:
        rows: At least one, from the top; they may differ in length.
        things: What they are.
    """
    steps = max(len(row.labels) for row in rows)
    longest = max(len(label) for row in rows for label in row.labels) * LETTER + 14
    column = max(NARROWEST, min(WIDEST, longest))
    cells = [cell for number, row in enumerate(rows) for cell in _cells(number, row)]
    base = alt.Chart(alt.NamedData("cells")).encode(
        x=grid.columns("s", "steps", steps, "step", labelAngle=0, labelFontSize=11),
        y=grid.rows("b", "beams", len(rows), "", upwards=False, labelFontSize=11, labelLimit=220),
    )
    text = base.mark_text(baseline="middle", fontSize=12, limit=column - 6, aria=False, tooltip=None).encode(
        text="token:N"
    )
    colour = alt.Color(
        "p:Q",
        title="probability of the token",
        scale=alt.Scale(domain=[0, 1], range=style.ramp(style.BELIEF)),
        legend=grid.legend(format="%", tickCount=4),
    )
    tooltip = [
        alt.Tooltip("token:N", title="title"),
        alt.Tooltip("row:Q", title="row"),
        alt.Tooltip("step:Q", title="step"),
        alt.Tooltip("p:Q", title="probability", format=".2%"),
        alt.Tooltip("lp:Q", title="log-probability (nats)", format=".3f"),
    ]
    layers = [
        grid.tiles(base, colour),
        grid.frames(base.transform_filter("datum.parts")),
        text,
        grid.answers(base, tooltip),
    ]
    chart = alt.LayerChart(layer=layers, datasets={"cells": cells}).properties(
        width=alt.Step(column), height=alt.Step(ROW)
    )
    chart = chart.add_params(
        style.names("steps", [str(step) for step in range(1, steps + 1)]),
        style.names("beams", [row.name for row in rows]),
    )
    return style.themed(chart, f"{len(rows)} {things} of up to {steps} tokens, one below the other.")


def _cells(number: int, row: BeamRow) -> list[dict[str, Any]]:
    return [
        {
            "b": number,
            "s": step,
            "row": number + 1,
            "step": step + 1,
            "token": style.shown(label),
            "p": round(math.exp(logprob), 4),
            "lp": round(logprob, 3),
            **({"parts": True} if step == row.parts else {}),
            "says": f"row {number + 1}, step {step + 1}: {style.isolated(style.shown(label))}, {math.exp(logprob):.1%}",
        }
        for step, (label, logprob) in enumerate(zip(row.labels, row.logprobs, strict=True))
    ]
