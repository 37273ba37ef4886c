"""Beams side by side: the continuations that a search followed, token by token, with their scores."""

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
    """One beam.

    Attributes:
        labels: Its tokens.
        logprobs: Natural log-probability of each after those before it.
        score: What the search ranks it by.
        total: Natural log-probability of all of them together.
        parts: The first step at which it differs from the best one, or None.
    """

    labels: Sequence[str]
    logprobs: Sequence[float]
    score: float
    total: float
    parts: int | None


def beams_chart(beams: Sequence[BeamRow]) -> alt.LayerChart:
    """One row per beam, the best on top, one column per step; a cell is a token and how probable it was there.

    Args:
        beams: At least one, the best first; they may differ in length.
    """
    steps = max(len(beam.labels) for beam in beams)
    longest = max(len(label) for beam in beams for label in beam.labels) * LETTER + 14
    column = max(NARROWEST, min(WIDEST, longest))
    cells = [cell for row, beam in enumerate(beams) for cell in _cells(row, beam)]
    base = alt.Chart(alt.NamedData("cells")).encode(
        x=grid.columns("s", "steps", steps, "step", labelAngle=0, labelFontSize=11),
        y=grid.rows("b", "beams", len(beams), "", upwards=False, labelFontSize=11, labelLimit=220),
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
        alt.Tooltip("beam:Q", title="beam"),
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
        style.names("beams", [_name(number, beam) for number, beam in enumerate(beams, start=1)]),
    )
    return style.themed(chart, f"{len(beams)} beams of up to {steps} tokens, the best on top.")


def _name(number: int, beam: BeamRow) -> str:
    """What stands before a row."""
    return f"{number}\u2003score {beam.score:.3f}\u2003sum {beam.total:.2f}".replace("-", "\u2212")


def _cells(row: int, beam: BeamRow) -> list[dict[str, Any]]:
    return [
        {
            "b": row,
            "s": step,
            "beam": row + 1,
            "step": step + 1,
            "token": style.shown(label),
            "p": round(math.exp(logprob), 4),
            "lp": round(logprob, 3),
            **({"parts": True} if step == beam.parts else {}),
            "says": f"beam {row + 1}, step {step + 1}: {style.isolated(style.shown(label))}, {math.exp(logprob):.1%}",
        }
        for step, (label, logprob) in enumerate(zip(beam.labels, beam.logprobs, strict=True))
    ]
