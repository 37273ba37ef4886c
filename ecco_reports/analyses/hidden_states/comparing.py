"""Every state compared with every other, by all measures: of one model, or of two.

In: vectors ``[state, token, width]``, numpy alone. Out: grids of numbers, and what they would be by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses.hidden_states.settings import Measure
from ecco_reports.methods.similarity import Subspace, cka_grid, mean_cca, pwcca, subspace

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
        whole = [subspace(one) for one in states]
        return cls(tuple(states), whole, [one.holding() for one in whole])

    def shuffled(self, index: int, order: np.ndarray) -> Side:
        """One of its states alone, its tokens in another order."""
        whole, most = self.whole[index].shuffled(order), self.most[index].shuffled(order)
        return Side([self.states[index][order]], [whole], [most])

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


def by_chance(
    measures: Sequence[Measure], first: Side, second: Side, pairs: Sequence[tuple[int, int]]
) -> dict[Measure, float]:
    """What the measures say on average of pairs of states if the tokens of the second of each pair are shuffled.

    All that is alike then is chance, and what few tokens make alike. The shuffles are the same each time.

    Args:
        measures: Which.
        first: The states of one model.
        second: Those of another, or the same.
        pairs: Which states are paired; each pair is drawn about as often as the others.
    """
    drawn = np.random.default_rng(0)
    tokens = len(first.states[0])
    found: dict[Measure, list[float]] = {measure: [] for measure in measures}
    for shuffle in range(max(SHUFFLES, len(pairs))):
        one, other = pairs[shuffle % len(pairs)]
        kept = first.shuffled(one, np.arange(tokens))
        mixed = second.shuffled(other, drawn.permutation(tokens))
        for measure in measures:
            found[measure].append(float(similarity_grid(measure, kept, mixed)[0, 0]))
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
