"""What attribution finds, as it is stored."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecco_reports.analyses.attributing.settings import (
    ATTENTIONS,
    FROM_BASELINE,
    PERTURBATIONS,
    Aggregation,
    BaselineName,
    Method,
    Replacement,
    ScoreName,
)
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.units import Grain, Unit
from ecco_reports.records import Array, Passage, Record, joined_label, joined_text


def columns_of(passage: Passage, units: Sequence[Unit], grain: Grain) -> tuple[Unit, ...]:
    """The units of a text, and between and after them the single tokens that are in none, in reading order."""
    tokens = range(len(passage.tokens))
    if grain == "token":
        return tuple((position,) for position in tokens)
    inside = {position for unit in units for position in unit}
    return tuple(sorted((*units, *((position,) for position in tokens if position not in inside))))


class Drawn(Record):
    """What only a method has in which chance had a part.

    Attributes:
        draws: How many random orders, noisy inputs, points or texts were drawn.
        standard_errors: Of the contributions, ``[target, position]``, divided evenly among the tokens of a unit as
            contributions are, so that those of a column add up; None where they are not known.
        seed: What they were drawn from.
    """

    draws: int
    standard_errors: Array | None
    seed: int


class Perturbed(Record):
    """What only a method has that leaves parts of the prompt out.

    Attributes:
        at_least: Where the true contribution may be larger, ``[target, position]``: a server told only that a score was
            below the last one of its list.
        gaps: Difference between the score of the whole text, computed as the variants are, and the model's own,
            relative to a score of at least 1, ``[target]``.
        tolerance: The largest such gap that passes.
        bounds: Of how many scores the server told only an upper bound.
    """

    at_least: Array
    gaps: Array
    tolerance: float
    bounds: int


class Attended(Record):
    """What only a method has that reads attention weights.

    Attributes:
        layers: The layers whose weights were read.
        missing: The largest share of a row of weights that fell on no token, ``[target]``: that of an attention sink.
    """

    layers: tuple[int, ...]
    missing: Array


class MethodResult(Record):
    """What one method says.

    Attributes:
        method: Its name.
        contributions: ``[target, position]``; 0 after the target's ``after``. Where a method gives one number to a unit
            of several tokens, it is divided evenly among them, so that sums are right. Attention methods: weights of
            the place where the target is said, which add up to 1 for each stream of text the model reads.
        scores: The targets' scores at the input, ``[target]``.
        baseline_scores: At the baseline, or with nothing left of the prompt, ``[target]``; equal to ``scores`` where
            the method has neither.
        residuals: What the method's own proof leaves, ``[target]``: integrated gradients and DeepLift the relative
            completeness gap, GradientSHAP the same in standard errors, input x gradient, saliency and SmoothGrad the
            relative difference from finite differences, Shapley values and Kernel SHAP the relative efficiency gap,
            LIME the share of the variance that its linear model does not explain, occlusion the relative difference of
            the whole text's score, attention methods how far rows of weights are from adding up.
        steps: Interpolation steps used, draws of the gradient, or variants of the prompt scored, ``[target]``; 1 where
            one pass is enough.
        leak: Largest gradient or weight at a position after a target; 0 for a causal model.
        perturbed: More, if the method leaves parts of the prompt out.
        drawn: More, if chance had a part in it.
        attended: More, if it reads attention weights.
    """

    method: Method
    contributions: Array
    scores: Array
    baseline_scores: Array
    residuals: Array
    steps: Array
    leak: float
    perturbed: Perturbed | None = None
    drawn: Drawn | None = None
    attended: Attended | None = None


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
        grain: Whether units are tokens, words or sentences.
        units: The positions of each unit of the prompt; what the model wrote and the template are in none.
        ignored: Positions that the page leaves out.
        replacement: As in the params.
        noise: As in the params.
        tokenized_anew: Whether what is left of a prompt was tokenized again, by a server.
        dtype: The model's floating point type.
    """

    passage: Passage
    explained: tuple[Explained, ...]
    methods: tuple[MethodResult, ...]
    left_out: tuple[str, ...]
    score: ScoreName
    baseline: BaselineName
    aggregation: Aggregation
    normalize: bool
    tolerance: float
    grain: Grain
    units: tuple[Unit, ...]
    ignored: tuple[int, ...]
    replacement: Replacement
    noise: float
    tokenized_anew: bool
    dtype: str

    def columns(self, method: MethodResult) -> tuple[Unit, ...]:
        """What a method gives a number to, as positions, in reading order.

        The units it left out; for other methods these as well, and between and after them the single tokens that are in
        no unit. Where a unit is a token, each token by itself, also one that is only a part of a character.
        """
        if method.method in PERTURBATIONS:
            return self.units
        return columns_of(self.passage, self.units, self.grain)

    def by_column(self, method: MethodResult) -> np.ndarray:
        """The contributions by column, ``[target, column]``."""
        return self._summed(method.contributions, method)

    def errors_by_column(self, method: MethodResult) -> np.ndarray | None:
        """Standard errors of ``by_column``, ``[target, column]``; None where they are not known or nothing is drawn."""
        if method.drawn is None or method.drawn.standard_errors is None:
            return None
        return self._summed(method.drawn.standard_errors, method)

    def kept_columns(self, method: MethodResult) -> tuple[int, ...]:
        """The indices of the columns that are shown: all but those of ignored tokens alone."""
        ignored = {*self.ignored}
        return tuple(index for index, column in enumerate(self.columns(method)) if not ignored >= {*column})

    def is_signed(self, method: MethodResult) -> bool:
        """Whether a contribution can lower the score."""
        if method.method in PERTURBATIONS:
            return True
        plain = method.method in ATTENTIONS or method.method in ("saliency", "smooth_grad")
        return not plain and self.aggregation == "sum"

    def adds_up(self, method: MethodResult) -> bool:
        """Whether contributions should add up to ``scores - baseline_scores``."""
        of_embeddings = method.method in FROM_BASELINE and self.aggregation == "sum"
        return of_embeddings or method.method in ("shapley", "kernel_shap")

    def label(self, column: Unit) -> str:
        """How a column is called."""
        return joined_label([self.passage.tokens[position] for position in column])

    def word(self, column: Unit) -> str:
        """How a sentence speaks of a column."""
        return joined_text([self.passage.tokens[position] for position in column]).strip() or self.label(column)

    def _summed(self, values: np.ndarray, method: MethodResult) -> np.ndarray:
        sums = [values[:, list(column)].sum(-1) for column in self.columns(method)]
        return np.stack(sums, -1) if sums else np.zeros((len(self.explained), 0))
