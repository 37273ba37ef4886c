"""The ways of tokens through the layers of a model, seen along the directions in which their vectors differ most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np

from ecco_reports.charts import grid, style
from ecco_reports.charts.states import choice

FEW = 80
"""Up to so many tokens, each is named where its way ends."""


def token_ways(
    layers: Sequence[str], tokens: Sequence[str], coordinates: np.ndarray, explained: Sequence[float]
) -> alt.LayerChart:
    """Every token's way through the layers along two principal components; one token can be followed.

    Args:
        layers: Names of the states, in order.
        tokens: Labels of the tokens.
        coordinates: ``[state, token, component]``, two components or three.
        explained: The share of variance along each component.
    """
    forward = _followed(tokens)
    shares = [f"component {number + 1} ({share:.0%} of the variance)" for number, share in enumerate(explained)]
    third = len(shares) > 2
    points = _points(shares, coordinates)
    chosen = alt.ParameterPredicate(param="token", empty=False)
    way = points.mark_line(strokeWidth=1.25, color=style.INK, aria=False, tooltip=None).encode(
        detail="t:N", order="s:Q", opacity=alt.when(chosen).then(alt.value(0.6)).otherwise(alt.value(0.1))
    )
    dots = (
        points.mark_point(filled=True, size=46, cursor="pointer")
        .encode(
            color=_by_layer(len(layers)),
            opacity=alt.when(forward).then(alt.value(0.9)).otherwise(alt.value(0.08)),
            tooltip=[alt.Tooltip("token:N", title="title"), alt.Tooltip("layer:N", title="layer")],
            description="says:N",
        )
        .add_params(forward)
        .properties(name="ways")
    )
    text: dict[str, Any] = {"align": "left", "dx": 7, "fontSize": 9.5, "aria": False, "tooltip": None}
    steps = points.transform_filter(chosen).mark_text(dy=8, **text).encode(text="layer:N")
    named = alt.when(forward if len(tokens) <= FEW else chosen).then(alt.value(1)).otherwise(alt.value(0))
    ends = points.transform_filter("datum.s == upto").mark_text(**text).encode(text="token:N", opacity=named)
    last = len(layers) - 1
    slider = alt.binding_range(min=0, max=last, step=1, name="Up to state (0: embedding) ")
    controls = [alt.param(name="upto", value=last, bind=slider)]
    if third:
        controls.append(choice("up", "Upwards ", {2: shares[1], 3: shares[2]}))
    chart = alt.LayerChart(layer=[way, dots, steps, ends], datasets={"cells": _rows(coordinates)}).add_params(
        *controls, style.names("layers", layers), style.names("tokens", tokens)
    )
    about = f"The ways of {len(tokens)} tokens through {len(layers)} states."
    return style.themed(chart, about, width="container", height=380)


def _rows(coordinates: np.ndarray) -> list[dict[str, Any]]:
    """One token each, as arrays over the states, with as many digits as a pixel needs."""
    size = float(np.abs(coordinates).max(initial=0.0)) or 1.0
    places = 3 - math.ceil(math.log10(size))
    names = "xyz"[: coordinates.shape[-1]]
    rounded = np.round(coordinates.astype(float), places).transpose(1, 2, 0).tolist()
    return [{"t": token} | dict(zip(names, way, strict=True)) for token, way in enumerate(rounded)]


def _points(shares: Sequence[str], coordinates: np.ndarray) -> alt.Chart:
    """The dots in their places; the frame stays the same whatever is chosen."""
    third, axis = len(shares) > 2, alt.Axis(tickCount=6, domain=False)
    return (
        grid.flattened("s", ["x", "y", "z"][: len(shares)])
        .transform_filter("datum.s <= upto")
        .transform_calculate(
            rise="up == 3 ? datum.z : datum.y" if third else "datum.y",
            token="tokens[datum.t]",
            layer="layers[datum.s]",
            says="tokens[datum.t] + ', layer ' + layers[datum.s]",
        )
        .encode(
            x=alt.X("x:Q", title=shares[0], scale=_frame(coordinates[..., 0]), axis=axis),
            y=alt.Y(
                "rise:Q",
                title="the component chosen above" if third else shares[1],
                scale=_frame(coordinates[..., 1:]),
                axis=axis,
            ),
        )
    )


def _frame(values: np.ndarray) -> alt.Scale:
    """From the least to the largest value, and a little around them."""
    least, most = float(values.min(initial=0.0)), float(values.max(initial=0.0))
    margin = 0.04 * (most - least) or 1.0
    return alt.Scale(domain=[float(f"{least - margin:.4g}"), float(f"{most + margin:.4g}")])


def _by_layer(count: int) -> alt.Color:
    """Blue at the bottom, orange at the top."""
    last = count - 1
    return alt.Color(
        "s:Q",
        scale=alt.Scale(domain=[0, last], range=[style.LOWER, style.RAISE], interpolate="rgb"),
        legend=alt.Legend(
            orient="bottom",
            gradientLength=220,
            title="layer",
            values=sorted({0, last // 2, last}),
            labelExpr="layers[datum.value]",
        ),
    )


def _followed(tokens: Sequence[str]) -> alt.Parameter:
    """The choice of one token; nothing chosen means all."""
    labels = [f"{style.isolated(style.shown(label))} ({index})" for index, label in enumerate(tokens)]
    control = alt.binding_select(options=[None, *range(len(tokens))], labels=["all", *labels], name="Token ")
    return alt.selection_point(
        name="token",
        fields=["t"],
        on="click",
        toggle=False,
        clear="dblclick",
        empty=True,
        bind=style.bound("t", control),
    )
