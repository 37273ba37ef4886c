"""Which factors of two results belong together: factors come in no natural order, so they must be matched first.

In: loadings over the same parts of a text. Out: pairs. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from ecco_reports.analyses.alignment import aligned_units
from ecco_reports.analyses.neuron_factors.results import StackFactors
from ecco_reports.analyses.units import Unit
from ecco_reports.records import Passage

Loadings: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]


@dataclass(frozen=True)
class Matching:
    """Factors of two results, paired.

    Attributes:
        cosines: Of all pairs, ``[first, second]``.
        pairs: Those that belong together, the most alike first; as many as the result with fewer factors has.
        by_chance: The mean cosine of the pairs that are found where one text is moved along the other, over all ways to
            do so: what factors of this kind reach without anything in common.
        first_alone: Factors of the first without a partner.
        second_alone: Factors of the second without one.
    """

    cosines: Loadings
    pairs: tuple[tuple[int, int], ...]
    by_chance: float
    first_alone: tuple[int, ...]
    second_alone: tuple[int, ...]

    @property
    def mean(self) -> float:
        """The mean cosine of the pairs."""
        return float(np.mean([self.cosines[pair] for pair in self.pairs]))


def aligned_factors(first: Loadings, second: Loadings) -> Matching:
    """Pairs factors one to one so that their cosines have the largest sum (Kuhn 1955, the Hungarian method).

    Args:
        first: ``[factor, part of the text]``.
        second: The same of other factors, over the same parts.
    """
    left, right = _unit(first), _unit(second)
    cosines = left @ right.T
    rows, columns = _best(cosines)
    others = [left @ np.roll(right, shift, axis=1).T for shift in range(1, right.shape[1])]
    pairs = sorted(zip(rows.tolist(), columns.tolist(), strict=True), key=lambda pair: (-cosines[pair], pair))
    return Matching(
        cosines=cosines,
        pairs=tuple(pairs),
        by_chance=float(np.mean([other[_best(other)].mean() for other in others])) if others else 0.0,
        first_alone=tuple(sorted(set(range(len(first))) - set(rows.tolist()))),
        second_alone=tuple(sorted(set(range(len(second))) - set(columns.tolist()))),
    )


def _best(cosines: Loadings) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the best one-to-one match."""
    from scipy.optimize import linear_sum_assignment  # type: ignore[import-untyped]

    rows, columns = linear_sum_assignment(cosines, maximize=True)
    return rows, columns


def shared_units(
    first: tuple[Passage, StackFactors], second: tuple[Passage, StackFactors]
) -> tuple[tuple[Unit, Unit], ...]:
    """The parts of a prompt that both stacks have factors for at every token, as columns of their loadings."""
    found = []
    for one, other in aligned_units(first[0], second[0]):
        columns = _columns(first[1], one), _columns(second[1], other)
        if None not in columns:
            found.append(columns)
    return tuple((one, other) for one, other in found if one is not None and other is not None)


def over_units(loadings: Loadings, units: Sequence[Unit]) -> Loadings:
    """Loadings of tokens added up over the parts that they make up, ``[factor, part]``."""
    return np.stack([loadings[:, list(unit)].sum(1) for unit in units], axis=1)


def _columns(stack: StackFactors, unit: Unit) -> Unit | None:
    known = {position: column for column, position in enumerate(stack.positions)}
    return tuple(known[position] for position in unit) if all(position in known for position in unit) else None


def _unit(rows: Loadings) -> Loadings:
    lengths = np.linalg.norm(rows.astype(np.float64), axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1)
