"""Every state compared with every other, by all measures: of one model, or of two.

In: vectors ``[state, token, width]``, numpy alone. Out: grids of numbers, and what they would be by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses.hidden_states.settings import Measure
from ecco_reports.methods.similarity import VARIANCE_KEPT, Subspace, cka_grid, mean_cca, pwcca, subspace

SHUFFLES = 20
"""How many shuffled pairs of neighbours say what a measure makes of chance."""


@dataclass(frozen=True)
class Side:
    """The states of one model, prepared for all measures."""

    states: Sequence[np.ndarray]
    whole: Sequence[Subspace]
    most: Sequence[Subspace]

    @classmethod
    def of(cls, states: np.ndarray) -> Side:
        """From vectors ``[state, token, width]``."""
        return cls(tuple(states), [subspace(one) for one in states], [subspace(one, VARIANCE_KEPT) for one in states])

    def directions(self) -> dict[Measure, np.ndarray]:
        """How many directions of each state are compared, by measure of canonical correlations."""
        whole = np.array([one.directions for one in self.whole])
        return {"cca": whole, "svcca": np.array([one.directions for one in self.most]), "pwcca": whole}


def similarity_grid(measure: Measure, first: Side, second: Side) -> np.ndarray:
    """How alike every state of one side and every state of the other are, ``[first, second]``."""
    if measure in ("cka", "cka_biased"):
        return cka_grid(first.states, second.states, debiased=measure == "cka")
    of_pair: Callable[[Subspace, Subspace], float] = pwcca if measure == "pwcca" else mean_cca
    ours, theirs = (first.most, second.most) if measure == "svcca" else (first.whole, second.whole)
    return np.array([[of_pair(one, other) for other in theirs] for one in ours])


def by_chance(measures: Sequence[Measure], states: np.ndarray) -> dict[Measure, float]:
    """What the measures say on average of neighbouring states if the tokens of one of them are shuffled.

    All that is alike then is chance, and what few tokens make alike. The shuffles are the same each time.
    """
    drawn = np.random.default_rng(0)
    found: dict[Measure, list[float]] = {measure: [] for measure in measures}
    pairs = len(states) - 1
    for shuffle in range(max(SHUFFLES, pairs)):
        lower = shuffle % pairs
        mixed = states[lower + 1][drawn.permutation(states.shape[1])]
        one, other = Side.of(states[lower : lower + 1]), Side.of(mixed[None])
        for measure in measures:
            found[measure].append(float(similarity_grid(measure, one, other)[0, 0]))
    return {measure: float(np.mean(values)) for measure, values in found.items()}


def self_gap(grids: Mapping[Measure, np.ndarray], states: np.ndarray) -> float:
    """How far grids of one model are from what must hold: 1 on the diagonal, and symmetry but for PWCCA.

    A state in which all tokens are the same resembles nothing, itself included.
    """
    varied = np.array([bool((state != state[0]).any()) for state in states])
    worst = 0.0
    for measure, grid in grids.items():
        worst = max(worst, float(np.abs(np.diag(grid) - varied).max()))
        if measure != "pwcca":
            worst = max(worst, float(np.abs(grid - grid.T).max()))
    return worst
