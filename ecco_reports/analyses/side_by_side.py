"""What layers of two models say about the same words, over the depth of each.

In: ranks and probabilities of words by layer, of two models. Out: a ``Between``. Models need not have the same number
of layers: layer ``n`` of ``L`` lies at the depth ``(n + 1) / L``, and the embedding at 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses import Between
from ecco_reports.analyses.layers import layer_in_words, layer_name
from ecco_reports.analyses.voice import share
from ecco_reports.records import Family, Table

_WORDS = 3
"""How many words of each model are drawn; the table has all of them."""
_NO_KL = (
    "The two distributions are not compared as wholes: a KL divergence needs equal vocabularies, and only chosen words "
    "are stored."
)


@dataclass(frozen=True)
class Side:
    """What one model says of some words.

    Attributes:
        family: What kind of model it is.
        words: As sentences speak of them.
        labels: As charts show them.
        states: The states of the rows.
        depth: How many layers the model has.
        outcomes: The worst rank.
        ranks: ``[state, word]``.
        probabilities: ``[state, word]``.
    """

    family: Family
    words: Sequence[str]
    labels: Sequence[str]
    states: Sequence[int]
    depth: int
    outcomes: int
    ranks: np.ndarray
    probabilities: np.ndarray

    @property
    def depths(self) -> list[float]:
        """The relative depth of each row."""
        return [state / self.depth for state in self.states]


def side_by_side(first: Side, second: Side, names: tuple[str, str]) -> Between | None:
    """Two models' ranks and probabilities of the same words; None where there is nothing to compare.

    Args:
        first: Of one model.
        second: Of the other.
        names: What the page calls them.
    """
    if first.family is not second.family or not first.words or not second.words:
        return None
    from ecco_reports.charts.figure import ChartFigure
    from ecco_reports.charts.lines import HEIGHT, PROBABILITY, DepthLine, Measure, depth_lines
    from ecco_reports.charts.ranks import rank_measure
    from ecco_reports.charts.style import themed

    sides = (first, second)
    told = f"{_settles(first, names[0])}; {_settles(second, names[1])}."
    summary = told[0].upper() + told[1:]
    worst = max(first.outcomes, second.outcomes)

    def figure(kind: str, measure: Measure, reading: str) -> ChartFigure:
        lines = [
            DepthLine(
                name,
                label,
                [layer_name(state) for state in side.states],
                side.depths,
                (side.ranks if kind == "rank" else side.probabilities)[:, column].tolist(),
            )
            for name, side in zip(names, sides, strict=True)
            for column, label in enumerate(side.labels[:_WORDS])
        ]
        chart = themed(
            depth_lines(lines, measure),
            f"The {kind} of {len(lines)} words over the depth of two models.",
            width="container",
            height=HEIGHT,
        )
        return ChartFigure(
            f"depth-{kind}", f"{kind.capitalize()} over the depth of both models", reading, summary, chart
        )

    ranks = figure(
        "rank",
        rank_measure(worst),
        "Each line is one word in one model (the second is dashed), from the embedding on the left to the last layer "
        "on the right; rank 1 is on top. Depth is the share of its own layers that a model has run, so that models of "
        f"different size can lie over each other. {_NO_KL}",
    )
    shares = figure(
        "probability",
        PROBABILITY,
        "The same words by their probability. A line that rises further to the left belongs to a model that decides "
        "earlier, as far as the lens can see.",
    )
    return Between(summary, (ranks, shares), (), _table(sides, names))


def _settles(side: Side, name: str) -> str:
    """Where the first word of a side becomes the first choice for good, in a clause."""
    word, ranks = side.words[0], side.ranks[:, 0]
    end = f"and ends at rank {ranks[-1]:,} (probability {share(side.probabilities[-1, 0])})"
    row = settled(ranks)
    model = f"in {name} ({side.depth} layers), “{word}” is"
    if row is None:
        return f"{model} never the first choice for good {end}"
    where = f"{layer_in_words(side.states[row])} on, at {side.depths[row]:.0%} of the depth"
    return f"{model} the first choice from {where}, {end}"


def settled(ranks: np.ndarray) -> int | None:
    """The first row from which the rank stays 1, or None."""
    if ranks[-1] != 1:
        return None
    wrong = np.flatnonzero(ranks != 1)
    return int(wrong[-1]) + 1 if wrong.size else 0


def _table(sides: Sequence[Side], names: Sequence[str]) -> Table:
    return Table(
        columns=("model", "layer", "depth", "token", "rank", "probability"),
        rows=tuple(
            (
                name,
                layer_name(state),
                round(side.depths[row], 4),
                label,
                int(side.ranks[row, column]),
                float(side.probabilities[row, column]),
            )
            for name, side in zip(names, sides, strict=True)
            for row, state in enumerate(side.states)
            for column, label in enumerate(side.labels)
        ),
        caption="One row per model, layer and word; depth is the share of the model's layers that have run.",
    )
