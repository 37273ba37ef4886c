"""What testing attributions finds, as it is stored."""

from __future__ import annotations

import numpy as np

from ecco_reports.analyses.attributing.settings import BaselineName, Method, Replacement
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.faithfulness.settings import Measured, Ranking
from ecco_reports.analyses.units import Grain, Unit
from ecco_reports.methods.faithfulness import Grid, Measures, measures_of
from ecco_reports.records import Array, Passage, Record, joined_label, joined_text


class Examined(Record):
    """What becomes of the targets along the ranking of one method.

    Attributes:
        method: Its name.
        signed: Whether it was ranked by what raised the score, rather than by size.
        orders: The units, first to last, ``[target, unit]``.
        deletion: Scores without the first units, ``[target, count]``.
        insertion: Scores with only the first units, ``[target, count]``.
        agreement: Kendall's tau-b between its numbers and what leaving out each unit alone does, ``[target]``; None
            where one of the two ties all units.
    """

    method: Method
    signed: bool
    orders: Array
    deletion: Array
    insertion: Array
    agreement: tuple[float | None, ...]


class FaithfulnessResult(Record):
    """How well the rankings of several methods name what a prediction hangs on.

    Attributes:
        passage: The prompt and the continuation.
        explained: The targets.
        units: The positions of each unit that can be taken out, in reading order.
        grain: Whether units are tokens, words or sentences.
        methods: One per method that was tested; none where there was nothing to explain, or nothing to rank.
        left_out: What was asked for and could not be done, a sentence each.
        measured: As in the params.
        ranking: As in the params.
        replacement: As in the params.
        baseline: As in the params.
        seed: As in the params.
        counts: How many units are taken out, or kept, at the points of a curve.
        shares: The counts over which comprehensiveness and sufficiency are averaged.
        every_order: Whether the random rankings are all the orders there are.
        random: Comprehensiveness, sufficiency, and the areas under the deletion and the insertion curve of each random
            ranking, ``[measure, order, target]``.
        random_deletion: The lower end of the middle 90 per cent, the mean, and the upper end of the random rankings'
            deletion curves, ``[3, target, count]``.
        random_insertion: The same of their insertion curves.
        own: The model's own scores of the whole text, ``[target]``.
        full: The scores of the whole text among its variants, ``[target]``.
        empty: The scores with nothing left of the prompt, ``[target]``.
        again: Largest difference between the scores of some variants and those of the same variants, each scored by
            itself, ``[target]``; empty for a server.
        tolerance: How large such differences may be, relative to a score of at least 1.
        texts: How many variants of the prompt were scored.
        bounds: Of how many of their scores a server told only an upper bound.
        tokenized_anew: Whether what is left of a prompt was tokenized again, by a server.
    """

    passage: Passage
    explained: tuple[Explained, ...]
    units: tuple[Unit, ...]
    grain: Grain
    methods: tuple[Examined, ...] = ()
    left_out: tuple[str, ...] = ()
    measured: Measured
    ranking: Ranking
    replacement: Replacement
    baseline: BaselineName
    seed: int
    counts: tuple[int, ...] = ()
    shares: tuple[int, ...] = ()
    every_order: bool = False
    random: Array = np.zeros((4, 0, 0))
    random_deletion: Array = np.zeros((3, 0, 0))
    random_insertion: Array = np.zeros((3, 0, 0))
    own: Array = np.zeros(0)
    full: Array = np.zeros(0)
    empty: Array = np.zeros(0)
    again: Array = np.zeros(0)
    tolerance: float = 0.0
    texts: int = 0
    bounds: int = 0
    tokenized_anew: bool = False

    @property
    def grid(self) -> Grid:
        """Where the curves were measured."""
        return Grid(len(self.units), self.counts, self.shares)

    def measures(self, method: Examined) -> Measures:
        """The measures of a method, ``[target]``."""
        return measures_of(method.deletion, method.insertion, self.grid)

    @property
    def by_chance(self) -> Measures:
        """The measures of the random rankings, ``[order, target]``."""
        return Measures(*self.random)

    def label(self, unit: Unit) -> str:
        """How a unit is called."""
        return joined_label([self.passage.tokens[position] for position in unit])

    def word(self, unit: Unit) -> str:
        """How a sentence speaks of a unit."""
        return joined_text([self.passage.tokens[position] for position in unit]).strip() or self.label(unit)
