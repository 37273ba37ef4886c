"""The reasons before and after in one picture.

In: two traces. Out: a figure. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.attribution.drifting import Held, sentence
from ecco_reports.analyses.attribution.tracing import AttributionTrace
from ecco_reports.charts.before_after import Scale, paired_bars
from ecco_reports.charts.figure import ChartFigure

MOST_WORDS = 14
"""So many rows are drawn: the words that hold most, before or after."""


def figures_of(before: AttributionTrace, after: AttributionTrace, names: tuple[str, str]) -> Iterator[ChartFigure]:
    """What the words held before and hold now, by the first method; the output that moved most comes first."""
    held = Held.in_words(before, after)
    if not held.shifts:
        return
    method, shifts = next(iter(held.shifts.items()))
    order = sorted(range(len(shifts)), key=lambda number: -shifts[number].moved)
    values = np.array([[shifts[number].before, shifts[number].after] for number in order])
    largest = np.abs(values).max((0, 1))
    drawn = np.sort(np.argsort(-largest, kind="stable")[:MOST_WORDS])
    cut = f" Shown are the {len(drawn)} of {len(held.words)} words that hold most." if len(drawn) < len(largest) else ""
    sides = " A bar to the left speaks against the output." if values.min() < 0 else ""
    kept = [held.target(number).label for number in order]
    yield ChartFigure(
        id="drift-reasons",
        title="The reasons before and after",
        reading="For each word of the prompt, the share of all contributions that it held in the baseline (grey) and "
        f"holds in the candidate, by {METHOD_TITLES[method]}.{sides} What moves by less than a tenth of the longest "
        f"bar may be rounding.{cut}",
        alt_text=f"Shares of {len(drawn)} words. {sentence(held, order[0])}",
        chart=paired_bars(
            [held.label(int(number)) for number in drawn],
            names,
            kept,
            values[:, :, drawn],
            Scale("share of the contributions", percent=True),
            "word",
        ),
    )
