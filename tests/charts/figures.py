"""Figures whose numbers are known on paper, and labels that try to be more than text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import vl_convert

from ecco_reports.charts.beams import BeamRow, beams_chart
from ecco_reports.charts.bundle import VEGA_LITE
from ecco_reports.charts.candidates import Candidate, Step, candidates_chart
from ecco_reports.charts.contributions import Explanation, contribution_matrix
from ecco_reports.charts.effects import ForestRow, Move, forest, moves
from ecco_reports.charts.faithfulness import Bar, trust_chart
from ecco_reports.charts.figure import ChartFigure, FactorRow, FactorStrip, StripRow, StripToken, TokenStrip
from ecco_reports.charts.lens import LensCell, lens_grid, lens_lines
from ecco_reports.charts.lines import Race
from ecco_reports.charts.methods import Measure, agreement_matrix, methods_grid
from ecco_reports.charts.orders import order_grid
from ecco_reports.charts.ranks import rank_grid, rank_lines
from ecco_reports.charts.removals import Curves, removal_curves
from ecco_reports.charts.trend import CommitMark, TrendLine, TrendPoint, trend_chart

HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "\"double\" 'single' `tick`",
    "back\\slash \\u0041 \\",
    "datum.value",
    "datum.label + width",
    "a.b[0]['c']",
    "{{ 7 * 7 }} {% raw %}",
    "${1+1}",
    "*star* _under_ | [link](x)",
    "&amp; &lt;",
    "·שלום",
    "·مرحبا",
    "·東京",
    "😀",
    "̈",
    "\u2028\u2029",
    "http://example.org/x.png",
    "signal",
    "1",
    "null",
    "__proto__",
)
LAYERS = ("embedding", "0", "1")


def lens_cells(positions: Sequence[str], layers: int = 3, top_k: int = 3) -> list[list[LensCell]]:
    """Cells whose top token is the token itself; the last one is certain of the next token from layer 1 on."""
    cells = []
    for layer in range(layers):
        row = []
        for index, label in enumerate(positions):
            known = layer >= 1 and index + 1 < len(positions)
            top = positions[index + 1] if known else label
            rest = [(f"other{rank}", 0.1 / rank) for rank in range(1, top_k)]
            last = index + 1 == len(positions)
            row.append(
                LensCell(
                    [(top, 0.25 * (layer + 1)), *rest],
                    None if last else 0.25 * (layer + 1) if known else 0.0123,
                    None if last else 1 if known else 7,
                    1.5 - 0.5 * layer,
                    2.0 - layer,
                )
            )
        cells.append(row)
    return cells


def lens(labels: Sequence[str]) -> ChartFigure:
    return ChartFigure(
        "lens",
        "What each layer believes",
        "Read from the bottom up.",
        "Each layer's most probable next token.",
        lens_grid(LAYERS, labels, [*labels[1:], None], lens_cells(labels)),
    )


def charts(labels: Sequence[str]) -> dict[str, ChartFigure]:
    """One figure of each kind over some labels."""
    count = len(labels)
    ranks = np.array([[10 ** (2 - layer)] * count for layer in range(3)])
    scores = np.tril(np.linspace(-1, 2, count * count).reshape(count, count), -1)
    scores[np.triu_indices(count, 1)] = math.nan
    steps = [
        Step(
            5 + index,
            label,
            [Candidate(other, 0.5 / (1 + rank), 0.4 / rank if rank else 0.0) for rank, other in enumerate(labels[:4])],
            9,
            0.01,
            6.64,
            1.25,
            chance=0.03,
            possible=12,
        )
        for index, label in enumerate(labels)
    ]
    beams = [BeamRow(f"row {place}", labels, [-0.1 * (1 + place)] * len(labels), place or None) for place in (0, 1)]
    bars = [Bar(0.5, -0.25, 0.0, 0.25, (0.25, 0.75), 99, "better") for _ in labels]
    curve = np.linspace(1, 0, count + 1)
    falling = Curves(
        deletion=np.stack([curve**power for power in range(1, 1 + len(labels[:8]))]),
        insertion=np.stack([curve[::-1]] * len(labels[:8])),
        last=np.tile(np.arange(-1, count), (len(labels[:8]), 1)),
        following=np.tile([*range(count), -1], (len(labels[:8]), 1)),
        random_deletion=np.stack([curve - 0.1, curve, curve + 0.1]),
        random_insertion=np.stack([curve[::-1]] * 3),
    )
    made = {
        "lens": lens(labels).chart,
        "lens_lines": lens_lines(LAYERS, [Race("", labels[:8], np.linspace(0, 1, 3 * len(labels[:8])).reshape(3, -1))]),
        "candidates": candidates_chart(steps),
        "beams": beams_chart(beams),
        "matrix": contribution_matrix(labels, labels, [Explanation("ig", scores, "nats", True)]),
        "saliency": contribution_matrix(labels, labels, [Explanation("saliency", np.abs(scores), "share", False)]),
        "trust": trust_chart(labels, [("Gap", "higher is better")], ["first"], [[bars]], "nats", ["100 random orders"]),
        "removal_lines": removal_curves(labels[:8], labels, ["first"], range(count + 1), [falling], "nats", "token"),
        "orders": order_grid(["a", "b"], labels, ["first"], np.array([[np.arange(count) + 1] * 2]), "token"),
        "methods": methods_grid(labels[:3], labels, labels[:2], beside(count), ["nats"] * 3, [True, True, False]),
        "agreement": agreement_matrix(labels, labels[:2], measures(count)),
        "forest": forest([effect(label) for label in labels]),
        "moves": moves([Move(label, -0.1, -2.0, "worse") for label in labels], ("before", "after")),
        "trend": trend_chart([CommitMark(label, "2026-03-01") for label in labels], [trend(count)], "A trend."),
        "rank_grid": rank_grid(LAYERS, labels, ranks, 1000),
        "rank_lines": rank_lines(LAYERS, [Race("", labels[:8], ranks[:, :8])], 1000),
    }
    return {name: ChartFigure(name, f"The {name}", "Look.", f"A picture of {name}.", made[name]) for name in made}


def trend(commits: int) -> TrendLine:
    """A metric that is worse at each commit."""
    return TrendLine("metric", [TrendPoint(at, -at, 3, sign="worse" if at else "") for at in range(commits)], [])


def effect(name: str, size: float = -0.5, mark: str = "worse") -> ForestRow:
    """An effect with an interval of one standard deviation to each side."""
    return ForestRow(name, size, size - 1, size + 1, mark, "−0.5 nats", "a sign test, p = 0.01", 12)


def beside(inputs: int) -> np.ndarray:
    """Two outputs, three methods: one grows along the text, one shrinks below nought, one says nothing of the last."""
    up = np.arange(1.0, inputs + 1)
    scores = np.stack([np.stack([up, -up[::-1], up / 100]), np.stack([up[::-1], up, up * 0])])
    scores[:, 2, -1] = math.nan
    return scores


def measures(methods: int = 3) -> list[Measure]:
    """Two measures for two outputs; of the first three methods they are known on paper, of the others one half."""
    nan = math.nan
    tau = np.full((2, max(methods, 3), max(methods, 3)), 0.5)
    tau[:, :3, :3] = [[nan, 0.5, -0.25], [0.5, nan, 1], [-0.25, 1, nan]]
    tau[1, 0, 1] = tau[1, 1, 0] = nan
    tau = tau[:, :methods, :methods]
    return [Measure("tau-b", tau, [0, 0]), Measure("overlap", np.abs(tau), [0.6, 0.3])]


def strip(labels: Sequence[str] = ("Heathrow", " is", " in", " London", ".\n", "Yes"), prompt: int = 3) -> TokenStrip:
    """Prompt and output in one flow; the first output leans on token 0 (+2), away from token 1 (-1)."""
    tokens = [
        StripToken(text, text.replace(" ", "·").replace("\n", "⏎"), index, index >= prompt)
        for index, text in enumerate(labels)
    ]
    rows = [StripRow(tokens[prompt].label, prompt, [2.0, -1.0, *[0.0] * (prompt - 2)], "probability 97.1 %, rank 1")]
    rows += [
        StripRow(tokens[at].label, at, [0.25 * (1 + index) for index in range(at)])
        for at in range(prompt + 1, len(labels))
    ]
    rows.append(StripRow("Tokyo rather than Paris", None, [-0.5, *[0.1] * (prompt - 1)]))
    return TokenStrip(
        "strip",
        "Which tokens spoke",
        "Choose an output.",
        "London leans on Heathrow.",
        tokens,
        rows,
        "nats",
        signed=True,
    )


def scene(figure: ChartFigure) -> list[dict[str, Any]]:
    """Every item that Vega would draw, with its tooltip, text and colour."""
    spec = figure.chart.to_dict(validate=False)
    if spec.get("width") == "container":
        spec["width"] = 640
    drawn = vl_convert.vegalite_to_scenegraph(vl_spec=spec, vl_version=VEGA_LITE)
    return list(_items(drawn["scenegraph"]))


def _items(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        if "items" not in node:
            yield node
        for value in node.values():
            if isinstance(value, list | dict):
                yield from _items(value)
    elif isinstance(node, list):
        for value in node:
            yield from _items(value)


def tooltips(figure: ChartFigure) -> list[dict[str, Any]]:
    """All tooltips of a figure."""
    return [item["tooltip"] for item in scene(figure) if isinstance(item.get("tooltip"), dict)]


def tile_colours(items: Sequence[dict[str, Any]]) -> list[tuple[str, float]]:
    """Hue and opacity of the cells of a grid, in the order they are drawn; nothing is ("", 0)."""
    found = []
    for item in items:
        if item.get("strokeOpacity") == 0.1 and "width" in item:
            *hue, alpha = item["fill"].removeprefix("rgba(").rstrip(")").split(", ")
            found.append((HUES[tuple(map(int, hue))] if float(alpha) > 1e-6 else "", round(float(alpha), 4)))
    return found


HUES = {(230, 97, 0): "orange", (42, 123, 214): "blue", (0, 145, 132): "teal"}


def factors(labels: Sequence[str] = ("[CLS]", "the", "·cat", "·old", "·dog", ".")) -> FactorStrip:
    """Two factors over six tokens: the first token was left out, and the last one is in none."""
    return FactorStrip(
        id="factors",
        title="Factors",
        reading="Choose one.",
        alt_text="Two factors.",
        tokens=[
            StripToken(text=label.replace("·", " "), label=label, position=index, special=index == 0)
            for index, label in enumerate(labels)
        ],
        factors=[
            FactorRow("“the” “old”", "30.0 %", [None, 1.0, 0.1, 0.5, 0.0, 0.0]),
            FactorRow("“dog” “cat”", "20.0 %", [None, 0.0, 0.6, 0.4, 1.0, 0.0]),
        ],
    )
