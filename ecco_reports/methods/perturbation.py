"""Attribution by leaving things out: occlusion and Shapley values, from nothing but scores.

A *unit* is a part of the input that is kept or dropped as a whole, a *coalition* says which units are kept. What is
asked of a model is a scorer: coalitions in, scores out; ``methods.variants`` has those of models. Needs no torch.

Sources: Zeiler & Fergus 2014, section 4.2 (occlusion); Shapley 1953; Strumbelj & Kononenko 2010 and 2014 (Shapley
values as explanations of a prediction); Castro et al. 2009 (their estimation from random orders); Mitchell et al. 2022,
section 4 (each order paired with its reverse).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np


@dataclass(frozen=True)
class Scored:
    """What a model says after coalitions.

    Attributes:
        values: ``[coalition, target]``.
        bounds: Where a value is only an upper bound of the true one, ``[coalition, target]``.
    """

    values: np.ndarray
    bounds: np.ndarray


Scorer: TypeAlias = Callable[[np.ndarray], Scored]
"""Scores coalitions ``[coalition, unit]`` of booleans, true where a unit is kept."""


@dataclass(frozen=True)
class Effects:
    """What the units do for the targets.

    Attributes:
        contributions: ``[target, unit]``.
        standard_errors: Of the contributions, ``[target, unit]``; 0 where nothing was drawn.
        at_least: Where the true contribution may be larger, because a score was an upper bound, ``[target, unit]``.
        full: Scores with all units, ``[target]``.
        full_bounds: Where ``full`` is only an upper bound, ``[target]``.
        empty: Scores without any unit, ``[target]``; None where that was not asked for.
        orders: Random orders drawn; 0 where none were needed.
        variants: Different coalitions that were looked at.
        bounds: How many of their scores are only upper bounds.
    """

    contributions: np.ndarray
    standard_errors: np.ndarray
    at_least: np.ndarray
    full: np.ndarray
    full_bounds: np.ndarray
    empty: np.ndarray | None
    orders: int
    variants: int
    bounds: int


class Remembered:
    """A scorer that is asked about each coalition once.

    Args:
        scorer: What is asked; it gets all new coalitions of a call together.
    """

    def __init__(self, scorer: Scorer) -> None:
        self._scorer = scorer
        self._known: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}

    def __call__(self, kept: np.ndarray) -> Scored:
        """Scores of coalitions ``[coalition, unit]``."""
        keys = [row.tobytes() for row in np.packbits(kept, axis=1)]
        first = {key: index for index, key in reversed([*enumerate(keys)]) if key not in self._known}
        if first:
            found = self._scorer(kept[list(first.values())])
            self._known.update(zip(first, zip(found.values, found.bounds, strict=True), strict=True))
        values, bounds = zip(*(self._known[key] for key in keys), strict=True)
        return Scored(np.stack(values), np.stack(bounds))

    @property
    def asked(self) -> int:
        """How many different coalitions were scored."""
        return len(self._known)

    @property
    def bounds(self) -> int:
        """How many of their scores are only upper bounds."""
        return sum(int(bounds.sum()) for _, bounds in self._known.values())


def occlusion(scores: Scorer, units: int) -> Effects:
    """What is lost with each unit: ``score(everything) - score(everything but the unit)``.

    Costs ``units + 1`` scores.

    Args:
        scores: The scorer.
        units: How many units there are.
    """
    kept = np.concatenate([np.ones((1, units), bool), ~np.eye(units, dtype=bool)])
    found = scores(kept)
    contributions = (found.values[0] - found.values[1:]).T
    return Effects(
        contributions=contributions,
        standard_errors=np.zeros_like(contributions),
        at_least=found.bounds[1:].T,
        full=found.values[0],
        full_bounds=found.bounds[0],
        empty=None,
        orders=0,
        variants=len(kept),
        bounds=int(found.bounds.sum()),
    )


def shapley(scores: Scorer, units: int, samples: int, seed: int) -> Effects:
    """The mean gain from a unit over all orders in which units can come in, or over random ones.

    The gains along one order add up to ``score(everything) - score(nothing)`` whatever the order is, so the
    contributions always do (efficiency). With few units all coalitions are scored, which is exact and no dearer than
    drawing would be; see ``is_exact``. Else orders are drawn, each with its reverse, and the standard errors come from
    the means of these pairs. Costs ``shapley_variants(units, samples)`` scores at most.

    Args:
        scores: The scorer.
        units: How many units there are.
        samples: Random orders to draw, at least 4; an odd number is rounded up.
        seed: Of the draw.
    """
    return _over_all(scores, units) if is_exact(units, samples) else _over_drawn(scores, units, samples, seed)


def is_exact(units: int, samples: int) -> bool:
    """Whether scoring every coalition costs no more than ``samples`` random orders."""
    return units < 2 or (units <= 62 and 2**units <= _drawn_variants(units, samples))


def shapley_variants(units: int, samples: int) -> int:
    """The most coalitions that ``shapley`` scores."""
    return int(2**units) if is_exact(units, samples) else _drawn_variants(units, samples)


def _drawn_variants(units: int, samples: int) -> int:
    """Both ends, which all orders share, and what lies between them in each order."""
    return 2 + 2 * _pairs(samples) * (units - 1)


def _pairs(samples: int) -> int:
    return (samples + 1) // 2


def _over_all(scores: Scorer, units: int) -> Effects:
    """Shapley's formula: each gain weighs ``size! (units - size - 1)! / units!``."""
    coalitions = np.arange(2**units)
    kept = (coalitions[:, None] >> np.arange(units)) % 2 == 1
    found = scores(kept)
    sizes = kept.sum(1)
    weights = np.array([1 / (units * math.comb(units - 1, size)) for size in range(units)])
    contributions = np.zeros((found.values.shape[1], units))
    for unit in range(units):
        without = coalitions[~kept[:, unit]]
        gains = found.values[without + 2**unit] - found.values[without]
        contributions[:, unit] = weights[sizes[without]] @ gains
    return _effects(found, contributions, np.zeros_like(contributions), (len(kept) - 1, 0), 0, kept)


def _over_drawn(scores: Scorer, units: int, samples: int, seed: int) -> Effects:
    """Means over random orders and their reverses."""
    pairs = _pairs(samples)
    drawn = np.random.default_rng(seed).permuted(np.tile(np.arange(units), (pairs, 1)), axis=1)
    ranks = np.stack([drawn, units - 1 - drawn], 1)  # When each unit comes in, [pair, direction, unit].
    kept = ranks[:, :, None] < np.arange(units + 1)[:, None]  # After each step, [pair, direction, step, unit].
    flat = kept.reshape(-1, units)
    found = scores(flat)
    gains = np.diff(found.values.reshape(pairs, 2, units + 1, -1), axis=2)
    means = np.take_along_axis(gains, ranks[..., None], axis=2).mean(1)  # [pair, unit, target]
    errors = means.std(0, ddof=1) / math.sqrt(pairs)
    return _effects(found, means.mean(0).T, errors.T, (units, 0), 2 * pairs, flat)


def _effects(
    found: Scored,
    contributions: np.ndarray,
    standard_errors: np.ndarray,
    ends: tuple[int, int],
    orders: int,
    kept: np.ndarray,
) -> Effects:
    """Shapley values with what proves them; ``ends`` are the rows of everything and of nothing."""
    _, first = np.unique(np.packbits(kept, axis=1), axis=0, return_index=True)
    full, empty = ends
    return Effects(
        contributions=contributions,
        standard_errors=standard_errors,
        at_least=np.zeros(contributions.shape, bool),  # A bound that enters with both signs bounds nothing.
        full=found.values[full],
        full_bounds=found.bounds[full],
        empty=found.values[empty],
        orders=orders,
        variants=len(first),
        bounds=int(found.bounds[first].sum()),
    )
