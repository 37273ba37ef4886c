"""What carries factors, how many there should be, and which factors of two models belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.factor_strip import colour

SPACIOUS = 14
"""Up to so many columns, cells are wide enough to hold their numbers."""
THOUSANDTHS = 1000
LETTER = 6.6
"""Width of a letter of a neuron's name in pixels."""


def factor_layers(factors: Sequence[str], layers: Sequence[str], shares: np.ndarray) -> alt.LayerChart:
    """Factors as rows, layers as columns: how much of a factor lies in each layer.

    Args:
        factors: Labels of the rows.
        layers: Labels of the columns.
        shares: ``[factor, layer]``, each row with a sum of 1.
    """
    return _grid(
        factors,
        layers,
        shares,
        row_title="factor",
        column_title="layer",
        column_axis={"labelAngle": 0},
        shown="format(datum.share, '.0%')",
        says="'factor ' + rows[datum.r] + ', layer ' + columns[datum.c] + ': ' + format(datum.share, '.1%')",
        legend=grid.legend(title="share of the factor", format=".0%"),
        largest=float(shares.max()) or 1.0,
        description=f"Share of {len(factors)} factors in each of {len(layers)} layers.",
    )


def factor_matches(
    rows: Sequence[str],
    columns: Sequence[str],
    cosines: np.ndarray,
    pairs: Sequence[tuple[int, int]],
    names: Sequence[str],
) -> alt.LayerChart:
    """Factors of one model as rows, those of another as columns: how alike they are, and a frame around each pair.

    Args:
        rows: Labels of the first model's factors.
        columns: Labels of the second's.
        cosines: ``[row, column]``.
        pairs: Rows and columns that belong together.
        names: What the two models are called.
    """
    return _grid(
        rows,
        columns,
        cosines,
        row_title=names[0],
        column_title=names[1],
        column_axis={},
        shown="format(datum.share, '.2f')",
        says="rows[datum.r] + ' and ' + columns[datum.c] + ': cosine ' + format(datum.share, '.2f')",
        legend=grid.legend(title="cosine over the text", format=".1f"),
        largest=1.0,
        description=f"Cosines of {len(rows)} factors with {len(columns)} others.",
        framed=pairs,
    )


def _grid(
    rows: Sequence[str],
    columns: Sequence[str],
    values: np.ndarray,
    *,
    row_title: str,
    column_title: str,
    column_axis: Mapping[str, Any],
    shown: str,
    says: str,
    legend: alt.Legend,
    largest: float,
    description: str,
    framed: Sequence[tuple[int, int]] = (),
) -> alt.LayerChart:
    """A grid of shares with the numbers in its cells, where there is room for them."""
    numbers = len(columns) <= SPACIOUS
    data = [{"r": number, "v": np.rint(row * THOUSANDTHS).astype(int).tolist()} for number, row in enumerate(values)]
    base = (
        grid.flattened("c", ["v"])
        .transform_calculate(share=f"datum.v / {THOUSANDTHS}")
        .transform_calculate(shown=shown, says=says)
        .encode(
            x=grid.columns("c", "columns", len(columns), column_title, **column_axis),
            y=grid.rows("r", "rows", len(rows), row_title, upwards=False, labelLimit=190, labelFontSize=12),
        )
    )
    alpha = style.TEXT_ALPHA if numbers else style.BARE_ALPHA
    scale = alt.Scale(domain=[0, largest], range=style.ramp(style.BELIEF, alpha), interpolate="rgb", clamp=True)
    layers = [grid.tiles(base, alt.Color("share:Q", scale=scale, legend=legend))]
    if numbers:
        layers.append(base.mark_text(baseline="middle", fontSize=10, aria=False, tooltip=None).encode(text="shown:N"))
    if framed:
        pairs = " || ".join(f"(datum.r == {row} && datum.c == {column})" for row, column in framed)
        layers.append(grid.frames(base.transform_filter(pairs)))
    layers.append(grid.answers(base, [alt.Tooltip("says:N", title="title")]))
    chart = alt.LayerChart(layer=layers, datasets={"cells": data}).add_params(
        style.names("rows", rows), style.names("columns", columns)
    )
    return style.themed(chart, description, width=alt.Step(46 if numbers else 24), height=alt.Step(26))


def factor_neurons(factors: Sequence[str], neurons: Sequence[Sequence[tuple[str, float, float]]]) -> alt.LayerChart:
    """The neurons that carry a factor, as bars; a drop-down says which factor.

    Args:
        factors: Labels of the factors.
        neurons: For each factor, those that carry most of it, first the one that carries most: what it is called, its
            activation at the factor's strongest token, and its share of the factor.
    """
    rows: list[dict[str, Any]] = [
        {"f": number, "n": name, "i": rank, "w": float(f"{weight:.3g}"), "s": float(f"{share:.3g}")}
        for number, carried in enumerate(neurons)
        for rank, (name, weight, share) in enumerate(carried)
    ]
    room = LETTER * max((len(row["n"]) for row in rows), default=0) + 12
    most = max((len(carried) for carried in neurons), default=0)
    largest = max((row["s"] for row in rows), default=0.0) or 1.0
    chosen = alt.param(
        name="factor",
        value=0,
        bind=alt.binding_select(
            options=list(range(len(factors))),
            labels=[style.isolated(style.shown(name)) for name in factors],
            name="Factor ",
        ),
    )
    base = (
        alt.Chart(alt.NamedData("neurons"))
        .transform_filter("datum.f == factor")
        .transform_calculate(says="datum.n + ': ' + format(datum.s, '.2%') + ' of the factor'")
        .encode(
            y=alt.Y(
                "i:O",
                title=None,
                scale=alt.Scale(domain=list(range(most))),
                axis=None,
            )
        )
    )
    hues = alt.Color(
        "f:O",
        legend=None,
        scale=alt.Scale(domain=list(range(len(factors))), range=[colour(number) for number in range(len(factors))]),
    )
    bars = base.mark_bar(cornerRadius=2, height={"band": 0.7}).encode(
        x=alt.X(
            "s:Q",
            title="share of the factor",
            axis=alt.Axis(format=".1%", tickCount=5),
            scale=alt.Scale(domain=[0, largest * 1.12], range=[room, alt.ExprRef("width")]),
        ),
        color=hues,
        description="says:N",
        tooltip=[
            alt.Tooltip("n:N", title="title"),
            alt.Tooltip("s:Q", title="share of the factor", format=".2%"),
            alt.Tooltip("w:Q", title="activation at its strongest token", format=".3g"),
        ],
    )
    names = base.mark_text(align="left", baseline="middle", fontSize=12, aria=False, tooltip=None).encode(
        x=alt.value(0), text="n:N"
    )
    weights = base.mark_text(align="left", baseline="middle", dx=5, aria=False, tooltip=None).encode(
        x=bars.encoding.x, text=alt.Text("w:Q", format=".3~g")
    )
    chart = alt.LayerChart(layer=[bars, names, weights], datasets={"neurons": rows}).add_params(chosen)
    return style.themed(
        chart, f"The neurons that carry each of {len(factors)} factors.", width="container", height=22 * most + 4
    )


def scree(counts: Sequence[int], errors: Sequence[float], floors: Sequence[float], shown: int) -> alt.LayerChart:
    """The error by the number of factors, above the smallest that so many parts of any sign can have.

    Args:
        counts: Numbers of factors.
        errors: The relative error of each.
        floors: The smallest possible one of each.
        shown: The number that the page shows, which is marked.
    """
    labels = ("non-negative factors", "best possible, of any sign")
    rows = [
        {"n": count, "e": round(float(value), 4), "line": label, "on": int(count == shown and label == labels[0])}
        for label, values in zip(labels, (errors, floors), strict=True)
        for count, value in zip(counts, values, strict=True)
    ]
    low = max(0.0, float(min(floors)) - 0.05)
    base = alt.Chart(alt.InlineData(rows)).encode(
        x=alt.X("n:Q", title="number of factors", axis=alt.Axis(values=list(counts), format="d")),
        y=alt.Y(
            "e:Q", title="relative error", scale=alt.Scale(domain=[low, 1 if errors[0] > 0.9 else errors[0] + 0.05])
        ),
        color=alt.Color(
            "line:N",
            title=None,
            scale=alt.Scale(domain=list(labels), range=[style.RAISE, style.SERIES[6]]),
            legend=alt.Legend(orient="bottom"),
        ),
    )
    says = base.transform_calculate(says="datum.line + ', ' + datum.n + ': ' + format(datum.e, '.3f')")
    points = says.mark_point(filled=True, size=50, opacity=1).encode(
        description="says:N", tooltip=[alt.Tooltip("says:N", title="title")]
    )
    ring = base.transform_filter("datum.on").mark_point(filled=False, size=240, strokeWidth=2, aria=False, tooltip=None)
    chart = alt.LayerChart(layer=[base.mark_line(strokeWidth=2, aria=False, tooltip=None), points, ring])
    return style.themed(chart, f"Error of {len(counts)} numbers of factors.", width="container", height=220)
