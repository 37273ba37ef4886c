"""What every input did for every output, as one matrix."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import style

SPACIOUS = 14
"""Up to so many inputs, cells are wide enough to hold their numbers."""


def contribution_matrix(
    inputs: Sequence[str], outputs: Sequence[str], scores: np.ndarray, unit: str, signed: bool
) -> alt.LayerChart:
    """Outputs as rows, inputs as columns; orange raises, blue lowers, nothing stands where an input comes too late.

    Args:
        inputs: Labels of the columns.
        outputs: Labels of the rows, first one on top.
        scores: ``[output, input]`` in ``unit``; NaN where the input comes after the output.
        unit: What a score is.
        signed: Whether scores can be negative.
    """
    cells = _cells(inputs, outputs, np.asarray(scores, dtype=float), signed)
    numbers = len(inputs) <= SPACIOUS
    alpha = style.TEXT_ALPHA if numbers else style.BARE_ALPHA
    scope = alt.param(
        name="scope",
        value="all",
        bind=alt.binding_select(
            options=["all", "row"], labels=["all outputs together", "each output by itself"], name="Colours compare "
        ),
    )
    domain = [-1, -1e-9, 1e-9, 1] if signed else [0, 1]
    colours = style.diverging(alpha) if signed else style.ramp(style.RAISE, alpha)
    base = (
        alt.Chart(alt.NamedData("cells"))
        .transform_calculate(shade="scope == 'row' ? datum.own : datum.all")
        .encode(
            x=alt.X(
                "i:O",
                title="input token",
                axis=style.label_axis("inputs", orient="top", labelAngle=-45, labelLimit=110, labelFontSize=12),
                scale=alt.Scale(domain=list(range(len(inputs))), paddingInner=0.06),
            ),
            y=alt.Y(
                "o:O",
                title="output",
                axis=style.label_axis("outputs", labelLimit=190, labelFontSize=12),
                scale=alt.Scale(domain=list(range(len(outputs))), paddingInner=0.06),
            ),
        )
    )
    tiles = base.mark_rect(cornerRadius=2, stroke=style.INK, strokeOpacity=0.1, strokeWidth=1).encode(
        color=alt.Color(
            "shade:Q",
            scale=alt.Scale(domain=domain, range=colours, interpolate="rgb", clamp=True),
            legend=alt.Legend(
                title=f"{unit}, as a share of the largest",
                orient="bottom",
                gradientLength=220,
                format="+.0%" if signed else ".0%",
                values=[-1, -0.5, 0, 0.5, 1] if signed else [0, 0.5, 1],
                titleLimit=400,
            ),
        ),
        description="says:N",
        tooltip=[
            alt.Tooltip("input:N", title="input"),
            alt.Tooltip("i:Q", title="position"),
            alt.Tooltip("output:N", title="output"),
            alt.Tooltip("score:Q", title=unit, format="+.4g" if signed else ".4g"),
        ],
    )
    layers: list[alt.Chart] = [tiles]
    if numbers:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False).encode(text="short:N"))
    chart = alt.layer(
        *layers,
        datasets={"cells": cells},
    ).add_params(scope, style.names("inputs", inputs), style.names("outputs", outputs))
    return style.themed(
        chart,
        f"{unit} of {len(inputs)} input tokens for {len(outputs)} outputs.",
        width=alt.Step(46 if numbers else 24),
        height=alt.Step(26 if numbers else style.ROW),
    )


def _cells(inputs: Sequence[str], outputs: Sequence[str], scores: np.ndarray, signed: bool) -> list[dict[str, Any]]:
    largest = _largest(scores)
    sign = "+" if signed else ""
    cells = []
    for output, row in enumerate(scores):
        own = _largest(row)
        for index, score in enumerate(row):
            if math.isnan(score):
                continue
            reading = f"{score:{sign}.2g}" if abs(score) < 0.095 else f"{score:{sign}.2f}"
            cells.append(
                {
                    "i": index,
                    "o": output,
                    "input": style.shown(inputs[index]),
                    "output": style.shown(outputs[output]),
                    "score": float(f"{score:.4g}"),
                    "short": "0" if abs(score) < largest / 1000 else f"{score:{sign}.2f}".replace("-", "\u2212"),
                    "all": round(score / largest, 3),
                    "own": round(score / own, 3),
                    "says": f"{style.isolated(style.shown(inputs[index]))} for "
                    f"{style.isolated(style.shown(outputs[output]))}: {reading}",
                }
            )
    return cells


def _largest(scores: np.ndarray) -> float:
    """The largest magnitude, or 1 where there is nothing to compare."""
    finite = np.abs(scores[np.isfinite(scores)])
    return float(finite.max()) or 1.0 if finite.size else 1.0
