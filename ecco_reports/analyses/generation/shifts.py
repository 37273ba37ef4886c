"""The figure of what moved at the first step: candidates before and after.

In: two traces. Out: a figure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses.generation.tracing import GenerationTrace, drift_of, shown_candidates
from ecco_reports.analyses.tracing import word
from ecco_reports.analyses.voice import share

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure

_CANDIDATES = 8
"""How many candidates are drawn."""


def figures_of_drift(before: GenerationTrace, after: GenerationTrace, names: tuple[str, str]) -> Sequence[ChartFigure]:
    """The candidates of the first step before and after; nothing where one of them has none."""
    sides = [trace.steps[0].candidates for trace in (before, after) if trace.steps]
    if len(sides) < 2 or not all(sides):
        return ()
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.shifts import Shift, shifts_chart

    labels = shown_candidates(before, after, _CANDIDATES)
    asked = {one.label for one in (before.target, after.target) if one}
    known = [_known(trace) for trace in (before, after)]
    rows = [Shift(label, known[0].get(label), known[1].get(label), label in asked) for label in labels]
    least = [share(min(side.values())).removeprefix("under ") for side in sides]
    firsts = [f"“{word(trace.steps[0].label)}” ({share(trace.steps[0].probability)})" for trace in (before, after)]
    return (
        ChartFigure(
            id="drift-candidates",
            title="Candidates of the first step, before and after",
            reading=f"Two bars for each candidate: the upper one before ({names[0]}), the lower after ({names[1]}). "
            f"Candidates that are not listed have under {least[0]} before, and under {least[1]} after.",
            alt_text=drift_of(before, after).finding
            or f"The first step was {firsts[0]} before, and is {firsts[1]} after.",
            chart=shifts_chart(rows),
        ),
    )


def _known(trace: GenerationTrace) -> Mapping[str, float]:
    """What is known of the first step's candidates, the words that the prompt names included."""
    named = {one.label: one.probability for one in (trace.target, trace.foil) if one is not None}
    return named | dict(trace.steps[0].candidates)
