"""Candidates before and after: two bars for each, one below the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from ecco_reports.charts import style

LABEL_WIDTH, WIDEST_LABEL, LETTER, VALUE_WIDTH = 116, 240, 7, 92
"""Room for the labels, as much more as long ones need up to a limit, and room for the numbers."""
WIDTH, BAR = 520, 13
GAP = 0.22
"""The share of a row that lies between two candidates."""
_COLOURS = (style.SERIES[6], style.BELIEF)
"""What was is grey, what is has a colour, as in other comparisons."""
_SIDES = ("before", "after")


@dataclass(frozen=True)
class Shift:
    """A candidate.

    Attributes:
        label: What it is.
        before: Its probability; None where it is not known.
        after: The same.
        asked: Whether the prompt asks about it.
    """

    label: str
    before: float | None
    after: float | None
    asked: bool = False


def shifts_chart(shifts: Sequence[Shift]) -> alt.LayerChart:
    """Two bars for each candidate; labels lie inside the plot.

    Args:
        shifts: At least one, from the top.
    """
    bars = [bar for row, shift in enumerate(shifts) for bar in _bars(row, shift)]
    room = max(LABEL_WIDTH, min(WIDEST_LABEL, max(len(bar["token"]) for bar in bars) * LETTER + 12))
    base = alt.Chart(alt.NamedData("bars")).encode(
        y=alt.Y("k:O", axis=None, scale=alt.Scale(domain=list(range(len(shifts))), paddingInner=GAP)),
        yOffset=alt.YOffset("side:N", sort=list(_SIDES), scale=alt.Scale(domain=list(_SIDES))),
    )
    x = alt.X(
        "p:Q",
        title="probability of each candidate",
        scale=alt.Scale(domain=[0, 1], range=[room, WIDTH - VALUE_WIDTH]),
        axis=alt.Axis(format="%", tickCount=5, domain=False, ticks=False),
    )
    colour = alt.Color(
        "side:N",
        scale=alt.Scale(domain=list(_SIDES), range=list(_COLOURS)),
        legend=alt.Legend(orient="top", title=None, symbolType="square", labelFontSize=12),
    )
    marks = base.mark_bar(cornerRadiusEnd=2).encode(
        x=x,
        x2=alt.datum(0),
        color=colour,
        description="says:N",
        tooltip=[
            alt.Tooltip("token:N", title="title"),
            alt.Tooltip("side:N", title="when"),
            alt.Tooltip("note:N", title="probability"),
        ],
    )
    labels = (
        alt.Chart(alt.NamedData("bars"))
        .transform_filter("datum.side === 'before'")
        .mark_text(align="right", baseline="middle", limit=room - 12, fontSize=12, aria=False)
        .encode(
            y=alt.Y("k:O", axis=None),
            x=alt.value(room - 8),
            text="token:N",
            opacity=alt.when("datum.asked").then(alt.value(1)).otherwise(alt.value(0.8)),
        )
    )
    values = base.mark_text(align="left", baseline="middle", dx=6, fontSize=11, aria=False).encode(x=x, text="note:N")
    # A number rather than a step: beside labels without an offset, Vega-Lite takes a step for a second range of y.
    chart = alt.LayerChart(layer=[marks, labels, values], datasets={"bars": bars}).properties(
        width=WIDTH, height=round(len(shifts) * len(_SIDES) * BAR / (1 - GAP))
    )
    return style.themed(chart, f"Probability of {len(shifts)} candidates, before and after.")


def _bars(row: int, shift: Shift) -> list[dict[str, Any]]:
    label = style.shown(shift.label)
    asked = ", the target" if shift.asked else ""
    return [
        {
            "k": row,
            "side": side,
            "token": label,
            "p": round(value or 0.0, 5),
            "note": note,
            "says": f"{style.isolated(label)}{asked}, {side}: {note}",
            **({"asked": True} if shift.asked else {}),
        }
        for side, value in zip(_SIDES, (shift.before, shift.after), strict=True)
        for note in [_note(value) + ("  target" if shift.asked and side == "before" else "")]
    ]


def _note(value: float | None) -> str:
    """The number beside a bar."""
    if value is None:
        return "not listed"
    return "<\u20090.1\u00a0%" if 0 < value < 0.0005 else f"{100 * value:.1f}\u00a0%"
