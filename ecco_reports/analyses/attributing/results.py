"""What attribution finds, as it is stored."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ecco_reports.analyses.attributing.settings import PERTURBATIONS, BaselineName, Method, Replacement, ScoreName
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.units import Grain, Unit
from ecco_reports.records import Array, Passage, Record, joined_label, joined_text


class Perturbed(Record):
    """What only a method has that leaves parts of the prompt out.

    Attributes:
        standard_errors: Of the contributions, ``[target, position]``; 0 where nothing was drawn.
        at_least: Where the true contribution may be larger, ``[target, position]``: a server told only that a score was
            below the last one of its list.
        gaps: Difference between the score of the whole text, computed as the variants are, and the model's own,
            relative to a score of at least 1, ``[target]``.
        tolerance: The largest such gap that passes.
        orders: Random orders drawn; 0 where none were needed.
        bounds: Of how many scores the server told only an upper bound.
    """

    standard_errors: Array
    at_least: Array
    gaps: Array
    tolerance: float
    orders: int
    bounds: int


class MethodResult(Record):
    """What one method says.

    Attributes:
        method: Its name.
        contributions: ``[target, position]``; 0 after the target's ``after``. What a unit of several tokens contributes
            is divided evenly among them, so that sums are right.
        scores: The targets' scores at the input, ``[target]``.
        baseline_scores: At the baseline, or with nothing left of the prompt, ``[target]``; equal to ``scores`` where
            the method has neither.
        residuals: Relative error of the method's own proof, ``[target]``.
        steps: Interpolation steps used, or variants of the prompt scored, ``[target]``.
        leak: Largest gradient at a position after a target; 0 for a causal model.
        perturbed: More, if the method leaves parts of the prompt out.
    """

    method: Method
    contributions: Array
    scores: Array
    baseline_scores: Array
    residuals: Array
    steps: Array
    leak: float
    perturbed: Perturbed | None = None


class AttributionResult(Record):
    """Contributions of the input tokens to each target, by each method.

    Attributes:
        passage: The prompt and the continuation.
        explained: The targets; none where nothing was said and no target was given.
        methods: One per method asked for that the model can do.
        left_out: What was asked for and could not be done, a sentence each.
        score: As in the params.
        baseline: As in the params.
        aggregation: As in the params.
        normalize: As in the params.
        tolerance: The completeness gap that passes, which rounding may set.
        grain: Whether units are tokens or words.
        units: The positions of each unit that was left out; empty where no method leaves anything out.
        replacement: As in the params.
        tokenized_anew: Whether what is left of a prompt was tokenized again, by a server.
        dtype: The model's floating point type.
    """

    passage: Passage
    explained: tuple[Explained, ...]
    methods: tuple[MethodResult, ...]
    left_out: tuple[str, ...]
    score: ScoreName
    baseline: BaselineName
    aggregation: Literal["sum", "l2"]
    normalize: bool
    tolerance: float
    grain: Grain
    units: tuple[Unit, ...]
    replacement: Replacement
    tokenized_anew: bool
    dtype: str

    def columns(self, method: MethodResult) -> tuple[Unit, ...]:
        """What a method gives a number to, as positions: single tokens, or the units it left out."""
        if method.method in PERTURBATIONS:
            return self.units
        return tuple((position,) for position in range(len(self.passage.tokens)))

    def by_column(self, method: MethodResult) -> np.ndarray:
        """The contributions as they were computed, ``[target, column]``."""
        columns = [method.contributions[:, list(column)].sum(-1) for column in self.columns(method)]
        return np.stack(columns, -1) if columns else np.zeros((len(self.explained), 0))

    def label(self, column: Unit) -> str:
        """How a column is called."""
        return joined_label([self.passage.tokens[position] for position in column])

    def word(self, column: Unit) -> str:
        """How a sentence speaks of a column."""
        return joined_text([self.passage.tokens[position] for position in column]).strip() or self.label(column)
