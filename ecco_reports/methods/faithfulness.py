"""How well a ranking of the parts of a text names what a prediction hangs on: take out the first, or keep only them.

In: rankings of units and a scorer of coalitions, as in ``methods.perturbation``. Out: curves, their summaries, and how
they compare with those of random rankings. Needs no torch.

Sources: DeYoung et al. 2020, section 4.2 (comprehensiveness and sufficiency, and their mean over several shares of the
text); Samek et al. 2017, section III (most relevant first, least relevant first, and random orders beside them);
Petsiuk et al. 2018, section 4.3 (deletion and insertion curves and the area under them).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from ecco_reports.methods.perturbation import Scored, Scorer

EVERY_ORDER_UP_TO = 6
"""With so few units all orders (720) are looked at, which takes no more than 64 texts."""
SMALL = 0.05
"""So little luck, or less, tells a ranking from chance: that of one random ranking in twenty."""
MIDDLE = (SMALL, 1 - SMALL)
"""The part of the random rankings that is shown: beyond either end of it lies one in twenty."""
_ROUNDING = 1e-9
_RESAMPLED = 2000


@dataclass(frozen=True)
class Grid:
    """How many units are taken out, or kept, at each point of a curve.

    Attributes:
        units: How many there are.
        counts: Ascending, from 0 to ``units``; with every count also what is left of it, so that a curve can be read
            from either end.
        shares: The counts among them over which comprehensiveness and sufficiency are averaged.
    """

    units: int
    counts: tuple[int, ...]
    shares: tuple[int, ...]

    @classmethod
    def of(cls, units: int, percents: Sequence[float], steps: int) -> Grid:
        """The counts for a text.

        Args:
            units: How many units it has.
            percents: Shares of the units for comprehensiveness and sufficiency, in per cent. A share is rounded up, so
                that it is one unit at least; shares that come to the same count are one.
            steps: Points of a curve after the first; with fewer units than that there is one for every unit.
        """
        shares = {math.ceil(percent * units / 100 - _ROUNDING) for percent in percents}
        even = {round(step * units / min(steps, units)) for step in range(min(steps, units) + 1)}
        found = even | shares
        return cls(units, tuple(sorted(found | {units - count for count in found})), tuple(sorted(shares)))

    @property
    def chosen(self) -> list[int]:
        """Where the shares stand among the counts."""
        return [self.counts.index(count) for count in self.shares]


@dataclass(frozen=True)
class Measures:
    """What sums up a pair of curves; all arrays have the shape of the curves without their last axis.

    Attributes:
        comprehensiveness: Mean over the shares of ``score(everything) - score(without the first)``; higher is better.
        sufficiency: Mean over the shares of ``score(everything) - score(only the first)``; lower is better.
        deletion: Area under the deletion curve; lower is better.
        insertion: Area under the insertion curve; higher is better.
    """

    comprehensiveness: np.ndarray
    sufficiency: np.ndarray
    deletion: np.ndarray
    insertion: np.ndarray

    @property
    def gap(self) -> np.ndarray:
        """The area between removing the least important first and the most important first; higher is better.

        Removing the least important first leaves the same texts, in reverse, as inserting the most important first.
        """
        between: np.ndarray = self.insertion - self.deletion
        return between


@dataclass(frozen=True)
class Standing:
    """Where a number stands among those of random rankings.

    Attributes:
        better: How many of the random rankings it is better than.
        level: How many do just as well.
        orders: How many there are.
        exact: Whether they are all the orders there are, not some that were drawn.
        mean: Their mean.
        low: The end of the middle 90 per cent of them, below. Beyond either end ``luck`` or ``bad_luck`` is ``SMALL``.
        high: The same above.
        z: By how many of their standard deviations it is better than their mean; None where they are all alike.
    """

    better: int
    level: int
    orders: int
    exact: bool
    mean: float
    low: float
    high: float
    z: float | None

    @property
    def luck(self) -> float:
        """How probable it is that a random ranking does as well or better.

        Of drawn rankings the one that is asked about counts as another draw, without which a share of 0 could be found
        (Phipson and Smyth 2010).
        """
        as_good = self.orders - self.better
        return as_good / self.orders if self.exact else (1 + as_good) / (1 + self.orders)

    @property
    def bad_luck(self) -> float:
        """How probable it is that a random ranking does as badly or worse."""
        as_bad = self.better + self.level
        return as_bad / self.orders if self.exact else (1 + as_bad) / (1 + self.orders)


def ranked(values: np.ndarray, chance: np.random.Generator) -> np.ndarray:
    """Units from the largest value to the smallest, ``[unit]``; where values are equal, chance decides.

    The order of the text must not decide: a method that finds nothing would be credited with it.
    """
    return np.lexsort((chance.permutation(len(values)), -values))


def random_orders(units: int, number: int, seed: int) -> np.ndarray:
    """Random rankings, each followed by its reverse, ``[order, unit]``; all of them where they are few.

    A ranking and its reverse need the same texts, so the second costs nothing. As the two have gaps of opposite sign,
    the gaps of all are spread evenly around 0, as those of all orders are.

    Args:
        units: How many units there are.
        number: How many rankings to draw; an odd number is rounded up.
        seed: Of the draw.
    """
    if units <= EVERY_ORDER_UP_TO:
        return np.array([*permutations(range(units))])
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(units), ((number + 1) // 2, 1)), axis=1)
    return np.stack([drawn, drawn[:, ::-1]], 1).reshape(-1, units)


def removals(orders: np.ndarray, grid: Grid) -> np.ndarray:
    """Which units are kept when the first ones are taken out, and when only they are kept.

    Args:
        orders: Rankings, ``[order, unit]``.
        grid: How many are the first.

    Returns:
        ``[order, way, count, unit]`` of booleans; way 0 takes the first out, way 1 keeps only them.
    """
    places = np.argsort(orders, axis=1)
    first = places[:, None, :] < np.array(grid.counts)[:, None]
    return np.stack([~first, first], 1)


def removal_scores(scores: Scorer, orders: np.ndarray, grid: Grid) -> Scored:
    """The scores along the curves of rankings, ``[order, way, count, target]``; see ``removals``."""
    kept = removals(orders, grid)
    found = scores(kept.reshape(-1, grid.units))
    shape = (*kept.shape[:-1], -1)
    return Scored(found.values.reshape(shape), found.bounds.reshape(shape))


def removal_texts(grid: Grid, rankings: int, orders: np.ndarray) -> Mapping[int, int]:
    """The most texts that the curves of rankings, of random ones, and leaving out each unit need, by what is kept.

    A ranking has two texts of each length, its first units and its last. There are no more texts of a length than ways
    to choose so many units.

    Args:
        grid: Where curves are measured.
        rankings: How many rankings are tested.
        orders: The random ones they are compared with, ``[order, unit]``.

    Returns:
        How many texts there are at most, by how many units each of them keeps.
    """
    units = grid.units
    drawn = np.unique(removals(orders, grid).reshape(-1, units), axis=0).sum(1)
    wanted = {kept: int((drawn == kept).sum()) + 2 * rankings for kept in grid.counts}
    wanted[units - 1] = wanted.get(units - 1, 0) + units
    return {kept: min(math.comb(units, kept), texts) for kept, texts in wanted.items()}


def measures_of(deletion: np.ndarray, insertion: np.ndarray, grid: Grid) -> Measures:
    """Sums up curves ``[..., count]``: scores without the first units, and with only them."""
    full = deletion[..., :1]
    shares = np.array(grid.counts) / grid.units
    return Measures(
        comprehensiveness=(full - deletion[..., grid.chosen]).mean(-1),
        sufficiency=(full - insertion[..., grid.chosen]).mean(-1),
        deletion=np.trapezoid(deletion, shares),
        insertion=np.trapezoid(insertion, shares),
    )


def standing_of(value: float, random: np.ndarray, higher_is_better: bool, exact: bool) -> Standing:
    """Compares a number with those of random rankings ``[order]``."""
    sign = 1.0 if higher_is_better else -1.0
    spread = float(random.std())
    rounding = _ROUNDING * max(1.0, float(np.abs(random).max()))
    ahead = sign * (value - random)
    ordered, few = np.sort(random), _beyond(len(random), exact)
    return Standing(
        better=int((ahead > rounding).sum()),
        level=int((np.abs(ahead) <= rounding).sum()),
        orders=len(random),
        exact=exact,
        mean=float(random.mean()),
        low=float(ordered[few]),
        high=float(ordered[-1 - few]),
        z=sign * (value - float(random.mean())) / spread if spread > rounding else None,
    )


def _beyond(orders: int, exact: bool) -> int:
    """How many random rankings lie beyond either end of their middle: so many that one more there is not told by luck.

    The ranking that is asked about is one of all orders, and one more beside drawn ones.
    """
    share = SMALL * orders if exact else SMALL * (orders + 1) - 1
    return min(max(math.floor(share + _ROUNDING), 0), (orders - 1) // 2)


def interval_of(values: np.ndarray, seed: int) -> tuple[float, float]:
    """The middle 95 per cent of the means of ``values`` drawn anew with replacement (percentile bootstrap)."""
    drawn = np.random.default_rng(seed).integers(len(values), size=(_RESAMPLED, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return float(low), float(high)
