"""How far two rankings of the same items agree: Kendall's tau-b, Spearman's rho, rank-biased overlap, the top, signs.

In: two arrays of scores, item by item; the larger a score, the higher the item stands, and NaN is an item that is not
ranked at all. To rank by magnitude, hand over magnitudes. Out: numbers, or None where a measure is not defined. Light:
numpy only.

Ties are the rule here (inputs that moved nothing, scores that were rounded), and no measure breaks them by the order of
the items: tau-b divides them out, rho gives tied items their mean rank, and in the overlaps items tied for some places
hold an equal share of each. So the same scores always agree fully, and no measure depends on how items are listed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

Scores: TypeAlias = Sequence[float] | np.ndarray

PERSISTENCE = 0.9
"""The p of rank-biased overlap: the first ten places carry 86 % of its weight."""
_DEEP = 200
"""Places that are looked at where many rankings are compared: those beyond weigh less than 1e-9."""
_PAIRS_AT_ONCE = 4_000_000


@dataclass(frozen=True)
class Agreement:
    """How far two rankings agree, by several measures; None where one is not defined.

    Attributes:
        tau_b: Kendall's tau-b, -1 to 1; by chance 0.
        rho: Spearman's rho, -1 to 1; by chance 0.
        rbo: Rank-biased overlap, 0 to 1; by chance ``rbo_by_chance``.
        top: Share of the top k that both have, 0 to 1; by chance k divided by the number of items.
        same_sign: Share of the items at the top of either whose scores have the same sign in both.
    """

    tau_b: float | None
    rho: float | None
    rbo: float | None
    top: float | None
    same_sign: float | None


def agreement(first: Scores, second: Scores, k: int, signed: bool = False) -> Agreement:
    """All measures of two rankings, by magnitude; signs are compared where both have them.

    Args:
        first: Scores, ``[item]``.
        second: Other scores of the same items, ``[item]``.
        k: How many items are the top.
        signed: Whether both can be negative.
    """
    one, other = _pair(first, second)
    sizes = np.abs(one), np.abs(other)
    return Agreement(
        tau_b=kendall_tau_b(*sizes),
        rho=spearman_rho(*sizes),
        rbo=rank_biased_overlap(*sizes),
        top=top_overlap(*sizes, k),
        same_sign=sign_agreement(one, other, k) if signed else None,
    )


@dataclass(frozen=True)
class Agreements:
    """How far each two of several rankings agree; the fields of ``Agreement``, ``[ranking, ranking]``.

    NaN where a measure is not defined.
    """

    tau_b: np.ndarray
    rbo: np.ndarray
    top: np.ndarray
    same_sign: np.ndarray


def pairwise(rankings: np.ndarray, k: int) -> Agreements:
    """What ``agreement`` says of each two rankings, in a fraction of the time; all items must be ranked.

    Args:
        rankings: Scores, ``[ranking, item]``, finite; compared by magnitude but for their signs.
        k: How many items are the top.
    """
    count, items = rankings.shape
    if not items:
        nothing = np.full((count, count), np.nan)
        return Agreements(nothing, nothing, nothing, nothing)
    sizes = np.abs(rankings)
    held = np.stack([_held(row, np.arange(1, min(items, _DEEP) + 1)) for row in sizes])
    norms = np.sqrt((held**2).sum(1))
    common = np.einsum("aid,bid->abd", held, held, optimize=True)
    overlaps = common / (norms[:, None] * norms)
    top = np.stack([_held(row, np.array([min(k, items)]))[:, 0] for row in sizes])
    signs = np.sign(rankings)[:, None] * np.sign(rankings)
    counted = (signs != 0) & ((top[:, None] > 0) | (top > 0))
    return Agreements(
        tau_b=_taus(sizes),
        rbo=_extrapolated(overlaps, PERSISTENCE),
        top=np.minimum(top[:, None], top).sum(-1) / min(k, items),
        same_sign=_ratio(((signs > 0) & counted).sum(-1), counted.sum(-1)),
    )


def kendall_tau_b(first: Scores, second: Scores) -> float | None:
    """Pairs of items in the same order, less those in opposite order, divided by what ties leave over.

    Kendall (1945), "The treatment of ties in ranking problems": the cosine of the two vectors that hold, for every pair
    of items, the sign of the difference of their scores.

    Returns:
        -1 to 1, or None with fewer than two items, or where one ranking ties all of them.
    """
    one, other = _both_ranked(first, second)
    return _cosine(np.sign(one[:, None] - one), np.sign(other[:, None] - other))


def spearman_rho(first: Scores, second: Scores) -> float | None:
    """The correlation of ranks, where tied items have their mean rank (Spearman 1904).

    Returns:
        -1 to 1, or None with fewer than two items, or where one ranking ties all of them.
    """
    one, other = map(_ranks, _both_ranked(first, second))
    return _cosine(one - one.mean(), other - other.mean()) if len(one) else None


def rank_biased_overlap(
    first: Scores, second: Scores, p: float = PERSISTENCE, depth: int | None = None
) -> float | None:
    """How much the first d items of two rankings overlap, the mean over d with weights that fall by ``p`` each time.

    Webber, Moffat and Zobel (2010), "A Similarity Measure for Indefinite Rankings", equation 32 (RBO_ext) for lists of
    one length k: ``A_k p^k + (1-p)/p sum_d A_d p^d``, which goes on after the last place as if the overlap A_k stayed.
    With ties, A_d is that of Corsi and Urbano (2024), "The Treatment of Ties in Rank-Biased Overlap", their variant for
    two rankings of which neither is the reference: the cosine of the two vectors that say which share of the first d
    places each item holds. Without ties this is the number of common items divided by d.

    Args:
        first: Scores, ``[item]``.
        second: Other scores of the same items, ``[item]``.
        p: The weight of each place relative to the one before it.
        depth: Look at so many places only; None at as many as both have.

    Returns:
        0 (nothing in common) to 1 (the same), or None where nothing is ranked.
    """
    one, other = _pair(first, second)
    k = min(int(np.isfinite(one).sum()), int(np.isfinite(other).sum()), len(one) if depth is None else depth)
    if not k:
        return None
    depths = np.arange(1, k + 1)
    mine, theirs = _held(one, depths), _held(other, depths)
    norms = np.sqrt((mine**2).sum(0) * (theirs**2).sum(0))
    return float(_extrapolated((mine * theirs).sum(0) / norms, p))


def rbo_by_chance(count: int, p: float = PERSISTENCE) -> float:
    """The rank-biased overlap to be expected of two random orders of the same items; of few items it is large.

    Two random choices of d among n items have d²/n of them in common, so that A_d is d/n.
    """
    return float(_extrapolated(np.arange(1, count + 1) / count, p)) if count else 0.0


def top_overlap(first: Scores, second: Scores, k: int) -> float | None:
    """Which share of the first k places of two rankings is held by the same items.

    Returns:
        0 to 1, or None where nothing is ranked.
    """
    common, either = _top(first, second, k)
    return 2 * common / (common + either) if either else None


def top_jaccard(first: Scores, second: Scores, k: int) -> float | None:
    """The items at the top k of both rankings, divided by those at the top of either (Jaccard 1912).

    Returns:
        0 to 1, or None where nothing is ranked.
    """
    common, either = _top(first, second, k)
    return common / either if either else None


def sign_agreement(first: Scores, second: Scores, k: int) -> float | None:
    """Of the items that are among the k largest magnitudes of either, the share whose scores have one sign in both.

    Items with a score of 0 have no sign and are left out.

    Returns:
        0 to 1, or None where no item has a sign in both.
    """
    one, other = _pair(first, second)
    places = np.array([k])
    at_top = (_held(np.abs(one), places)[:, 0] > 0) | (_held(np.abs(other), places)[:, 0] > 0)
    signs = (np.sign(one) * np.sign(other))[at_top]
    signs = signs[np.isfinite(signs) & (signs != 0)]
    return float((signs > 0).mean()) if signs.size else None


def _pair(first: Scores, second: Scores) -> tuple[np.ndarray, np.ndarray]:
    one, other = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if one.shape != other.shape or one.ndim != 1:
        raise ValueError(f"two rankings of the same items were expected, not of {one.shape} and {other.shape}")
    return one, other


def _both_ranked(first: Scores, second: Scores) -> tuple[np.ndarray, np.ndarray]:
    one, other = _pair(first, second)
    ranked = np.isfinite(one) & np.isfinite(other)
    return one[ranked], other[ranked]


def _cosine(first: np.ndarray, second: np.ndarray) -> float | None:
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float(np.clip((first * second).sum() / scale, -1.0, 1.0)) if scale else None


def _taus(rows: np.ndarray) -> np.ndarray:
    """Tau-b of each two rows, ``[row, row]``; NaN where a row ties all its items."""
    products = np.zeros((len(rows), len(rows)))
    step = max(1, _PAIRS_AT_ONCE // rows.size)
    for start in range(0, rows.shape[1], step):  # All pairs of items at once would not fit for a long text.
        signs = np.sign(rows[:, start : start + step, None] - rows[:, None]).reshape(len(rows), -1)
        products += signs @ signs.T
    squares = products.diagonal()
    cosines: np.ndarray = np.clip(_ratio(products, np.sqrt(squares[:, None] * squares)), -1.0, 1.0)
    return cosines


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """One divided by the other; NaN where there is nothing to divide by."""
    ratio: np.ndarray = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return ratio


def _extrapolated(overlaps: np.ndarray, p: float) -> np.ndarray:
    """RBO_ext of the overlaps ``[..., depth]``."""
    weights = p ** np.arange(1, overlaps.shape[-1] + 1)
    extrapolated: np.ndarray = overlaps[..., -1] * weights[-1] + (1 - p) / p * (overlaps * weights).sum(-1)
    clipped: np.ndarray = np.clip(extrapolated, 0.0, 1.0)
    return clipped


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Mean ranks, from 1 for the largest score."""
    above, level = _above(scores)
    ranks: np.ndarray = above + (level + 1) / 2
    return ranks


def _above(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each item, how many stand above it, and how many stand level with it, itself included."""
    _, group, sizes = np.unique(-scores, return_inverse=True, return_counts=True)
    return (np.cumsum(sizes) - sizes)[group], sizes[group]


def _held(scores: np.ndarray, depths: np.ndarray) -> np.ndarray:
    """Which share of being among the first d each item has, ``[item, depth]``.

    Items that are tied for some places share those that are among the first d.
    """
    held = np.zeros((len(scores), len(depths)))
    ranked = np.isfinite(scores)
    above, level = _above(scores[ranked])
    held[ranked] = np.clip((depths - above[:, None]) / level[:, None], 0.0, 1.0)
    return held


def _top(first: Scores, second: Scores, k: int) -> tuple[float, float]:
    """How much the top k of both, and of either, hold together."""
    one, other = _pair(first, second)
    places = np.array([k])
    mine, theirs = _held(one, places), _held(other, places)
    return float(np.minimum(mine, theirs).sum()), float(np.maximum(mine, theirs).sum())
