"""Figures of what moved between two traces of words over the layers: before and after in one picture.

In: two traces. Out: figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses.layers import layer_name
from ecco_reports.analyses.tracing_ranks import LayeredWord, RanksTrace, end_of, ends_apart, shared_words, winner

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lines import Measure

_WORDS = 3
"""How many words are drawn."""
_SIDES = ("before", "after")


def depth_figures(before: RanksTrace, after: RanksTrace, names: tuple[str, str]) -> Sequence[ChartFigure]:
    """The words by probability and by rank over the depth of both models."""
    if not (before.words and after.words):
        return ()
    from ecco_reports.charts.lines import PROBABILITY
    from ecco_reports.charts.ranks import rank_measure

    whose = f"before ({names[0]}) solid, after ({names[1]}) dashed"
    return (
        _figure(
            "probability",
            (before, after),
            PROBABILITY,
            f"Each line is a word, from the embedding on the left to the last layer on the right: {whose}. Where the "
            "two lines of a colour lie on each other, nothing moved; where they part is the depth at which it did.",
        ),
        _figure(
            "rank",
            (before, after),
            rank_measure(max(before.outcomes, after.outcomes)),
            f"The same words by rank, {whose}; the scale is logarithmic, and the first choice is on top. It shows what "
            "is too small to be seen among the probabilities.",
        ),
    )


def _figure(kind: str, sides: tuple[RanksTrace, RanksTrace], measure: Measure, reading: str) -> ChartFigure:
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lines import HEIGHT, DepthLine, depth_lines
    from ecco_reports.charts.style import themed

    labels = _drawn(*sides)
    lines = [
        DepthLine(
            name,
            label,
            [layer_name(state) for state in side.states],
            side.depths,
            one.ranks if kind == "rank" else one.probabilities,
        )
        for label in labels
        for name, side in zip(_SIDES, sides, strict=True)
        for one in _of(side, label)
    ]
    what = f"The {kind} of {len(labels)} word{'s' if len(labels) > 1 else ''} over the depth, before and after."
    return ChartFigure(
        id=f"drift-{kind}",
        title=f"{kind.capitalize()} over the depth, before and after",
        reading=reading,
        alt_text=_told(*sides),
        chart=themed(depth_lines(lines, measure), what, width="container", height=HEIGHT),
    )


def _of(side: RanksTrace, label: str) -> list[LayeredWord]:
    return [one for one in side.words if one.label == label]


def _drawn(before: RanksTrace, after: RanksTrace) -> list[str]:
    """Labels of the words worth drawing: what is asked about, what is ahead at the end, then the others in order."""
    asked = [one.label for one in (before.words[0], after.words[0])]
    ahead = [winner(before.words), winner(after.words)]
    others = [one.label for one in (*before.words, *after.words)]
    return list(dict.fromkeys([*asked, *ahead, *others]))[:_WORDS]


def _told(before: RanksTrace, after: RanksTrace) -> str:
    """What the pictures show."""
    moves = [end_of(*pair) for pair in shared_words(before.words, after.words) if ends_apart(*pair)]
    if moves:
        return f"At the last layer {'; '.join(moves[:_WORDS])}."
    return "At the last layer the words stand where they stood."
