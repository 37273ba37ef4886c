"""Where a series of numbers steps from one level to another, and where it only wavers.

In: numbers in the order of the commits. Out: the levels between the steps. Never: what the numbers mean.

A series is fitted by a constant on each of a few stretches, so that the absolute distances to these constants plus a
price for every step are least: a Potts functional, whose exact minimum dynamic programming finds (Friedrich, Kempe,
Liebscher and Winkler, Complexity penalized M-estimation: fast computation, 2008, sections 2 and 4). Absolute distances,
and stretches of at least two commits, keep a single outlier from being a step.

The price grows with the logarithm of the number of commits, as that of the Bayesian information criterion does. Its two
constants were set so that noise without a step (normal, Laplace, Student's t with 3 degrees of freedom, 6 to 100
commits) gets one in about 4 % of the series. How much a series wavers is told by the median and the upper quartile of
its changes from commit to commit, which a few steps do not move.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

SHORTEST = 2
"""Commits of a level: a single one may be an outlier."""

FEWEST = 5
"""Commits below which no step is looked for: too few to know how much the series wavers."""

MOST = 400
"""The latest commits that are looked at; the work grows with the square of their number."""

_PRICE, _PRICE_PER_LOG = 3.8, 0.6
_MIDDLE, _UPPER = 0.6745 * math.sqrt(2), 1.1503 * math.sqrt(2)
"""The median, and the upper quartile, of absolute changes between neighbours, for normal noise of deviation 1."""


@dataclass(frozen=True)
class Level:
    """A stretch of a series on which it keeps its value.

    Attributes:
        start: Index of its first number.
        stop: Index after its last one.
        value: Its median.
    """

    start: int
    stop: int
    value: float


def levels(values: Sequence[float], noise: float = 0.0) -> tuple[Level, ...]:
    """The levels of a series, in order; one where there is no step.

    Args:
        values: Finite numbers, at least one.
        noise: A difference that means nothing. A lasting step that is larger is found on its third commit at the
            latest where the series does not waver otherwise.
    """
    series = np.asarray(values[-MOST:], dtype=float)
    first, count = len(values) - len(series), len(series)
    bounds = [0, count]
    if count >= FEWEST and np.ptp(series) > 0:
        bounds = _bounds(_costs(series) / _waver(series, noise), _PRICE + _PRICE_PER_LOG * math.log(count))
    bounds = _without_noise(series, bounds, noise)
    found = [Level(first + start, first + stop, _middle(series[start:stop])) for start, stop in pairwise(bounds)]
    # What is older than the commits that were looked at belongs to the first level, as far as anybody knows.
    return (Level(0, found[0].stop, found[0].value), *found[1:])


def waver(values: Sequence[float], noise: float = 0.0) -> float:
    """How much a series changes from commit to commit without a step, as a standard deviation."""
    series = np.asarray(values[-MOST:], dtype=float)
    return _waver(series, noise) if len(series) > 1 else noise / 3


def _without_noise(series: np.ndarray, bounds: list[int], noise: float) -> list[int]:
    """The bounds without those between levels that are no further apart than the noise, the nearest joined first."""
    while len(bounds) > 2:
        middles = [_middle(series[start:stop]) for start, stop in pairwise(bounds)]
        apart = [abs(after - before) for before, after in pairwise(middles)]
        nearest = int(np.argmin(apart))
        if apart[nearest] > noise * (1 + 1e-9):
            break
        bounds = [*bounds[: nearest + 1], *bounds[nearest + 2 :]]
    return bounds


def _middle(stretch: np.ndarray) -> float:
    return float(np.median(stretch))


def _waver(series: np.ndarray, noise: float) -> float:
    changes = np.abs(np.diff(series))
    # The quartile is for numbers that are mostly equal and now and then flip, whose median change is zero.
    middle, upper = float(np.median(changes)), float(np.quantile(changes, 0.75, method="lower"))
    return max(middle / _MIDDLE, upper / _UPPER, noise / 3, 1e-9 * float(np.abs(series).max()), 1e-300)


def _costs(series: np.ndarray) -> np.ndarray:
    """``[start, stop]``: the sum of absolute distances to the median of each stretch.

    Growing by one number, an odd stretch keeps its median as one of the two middle numbers, and an even one takes as
    its median the number, if it falls between the middle ones, or else the nearer of those: so each cost follows from
    the one before.
    """
    count = len(series)
    costs = np.zeros((count + 1, count + 1))
    numbers = series.tolist()
    for start in range(count):
        ordered: list[float] = []
        cost = 0.0
        for stop, number in enumerate(numbers[start:], start + 1):
            middle, odd = divmod(len(ordered), 2)
            if odd:
                cost += abs(number - ordered[middle])
            elif ordered:
                cost += max(ordered[middle - 1] - number, number - ordered[middle], 0.0)
            bisect.insort(ordered, number)
            costs[start, stop] = cost
    return costs


def _bounds(costs: np.ndarray, price: float) -> list[int]:
    """Where the levels of the cheapest fit begin, and where the last one ends."""
    count = len(costs) - 1
    best = np.full(count + 1, np.inf)
    best[0] = -price
    came_from = np.zeros(count + 1, dtype=int)
    for stop in range(SHORTEST, count + 1):
        total = best[: stop - SHORTEST + 1] + costs[: stop - SHORTEST + 1, stop] + price
        came_from[stop] = int(np.argmin(total))
        best[stop] = total[came_from[stop]]
    bounds = [count]
    while bounds[-1] > 0:
        bounds.append(int(came_from[bounds[-1]]))
    return bounds[::-1]
