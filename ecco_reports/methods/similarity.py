"""How alike two sets of vectors for the same tokens are, whatever their widths: CKA and canonical correlations.

In: states ``[token, width]`` of two layers, or of two models, token by token. Out: one number each, or a grid of them.
Light: numpy only. All of it is computed in double precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

FEWEST_TOKENS = 4
"""The unbiased estimator divides by ``n - 3``."""

TOKENS_PER_DIRECTION = 4
"""Canonical correlations are taken of so many times fewer directions than there are tokens.

As many directions as tokens span everything, and then any two sets of vectors correlate perfectly.
"""

VARIANCE_KEPT = 0.99
"""The share of variance that SVCCA keeps (Raghu et al. 2017, section 2)."""

_RANK = 1e-6
"""Directions below this share of the largest singular value are rounding of states in single precision."""


def cka(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """Centred kernel alignment of two sets of vectors, with the linear kernel.

    Source: Kornblith et al. (2019), section 3; debiased as by Nguyen et al. (2021).

    Args:
        first: ``[token, width]``.
        second: ``[token, other width]``.
        debiased: Whether the three HSIC are estimated without bias; the result may then be slightly negative.

    Returns:
        1 for vectors that are the same up to rotation, shift and scale; 0 without any relation, but for the bias.
    """
    return float(cka_grid([first], [second], debiased)[0, 0])


def cka_grid(first: Sequence[np.ndarray], second: Sequence[np.ndarray], debiased: bool = True) -> np.ndarray:
    """``cka`` of every set of a list with every set of another, ``[first, second]``."""
    one, other = (np.stack([_centred_gram(states, debiased).ravel() for states in sets]) for sets in (first, second))
    sizes = np.outer(_lengths(one), _lengths(other))
    grid: np.ndarray = np.divide(one @ other.T, sizes, out=np.zeros(sizes.shape), where=sizes > 0)
    return grid


def cka_of_grams(first: np.ndarray, second: np.ndarray) -> float:
    """Debiased ``cka`` of two sets of vectors of which only the inner products are known, ``[token, token]``.

    CKA needs no more than these (Kornblith et al. 2019, section 3). A shift of all vectors, and the diagonal, make no
    difference.

    Raises:
        ValueError: There are fewer than 4 tokens.
    """
    one, other = (_debiased(np.array(gram, dtype=np.float64)).ravel() for gram in (first, second))
    size = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / size if size else 0.0


def hsic(first: np.ndarray, second: np.ndarray, debiased: bool = True) -> float:
    """The Hilbert-Schmidt independence criterion with the linear kernel.

    Source: Song et al. (2012), ``HSIC_1`` (unbiased) and ``HSIC_0`` (biased) of section 2. The unbiased one is computed
    as the inner product of two Gram matrices that were centred without their diagonals (Székely and Rizzo 2014), which
    is the same number and loses fewer digits.
    """
    n = len(first)
    product = float((_centred_gram(first, debiased) * _centred_gram(second, debiased)).sum())
    return product / (n * (n - 3) if debiased else (n - 1) ** 2)


def cka_of_batches(batches: Iterable[tuple[np.ndarray, np.ndarray]]) -> float:
    """Debiased CKA of a text too long to be held at once, from parts of it.

    The three HSIC are averaged over the parts before they are divided: each is unbiased, so the averages tend to those
    of the whole. Source: Nguyen et al. (2021), minibatch CKA.

    Args:
        batches: Pairs of ``[token, width]`` and ``[token, other width]``, of at least 4 tokens each.
    """
    sums = np.zeros(3)
    for first, second in batches:
        sums += hsic(first, second), hsic(first, first), hsic(second, second)
    size = float(np.sqrt(max(sums[1], 0.0) * max(sums[2], 0.0)))
    return float(sums[0]) / size if size else 0.0


@dataclass(frozen=True)
class Subspace:
    """The leading directions of a set of vectors.

    Attributes:
        basis: How they come and go over the tokens: orthonormal, ``[token, direction]``.
        projected: What each neuron of the centred vectors is along each of them, ``[direction, width]``.
        shares: What share of the variance lies in the first, the first two and so on, ``[direction]``.
        rank: How many directions there are at all.
    """

    basis: np.ndarray
    projected: np.ndarray
    shares: np.ndarray
    rank: int

    @property
    def directions(self) -> int:
        """How many were kept."""
        return int(self.basis.shape[1])

    def holding(self, variance: float = VARIANCE_KEPT) -> Subspace:
        """The fewest of them that hold a share of the variance; all where they do not hold it."""
        count = int(np.searchsorted(self.shares, variance - 1e-12)) + 1
        return replace(self, basis=self.basis[:, :count], projected=self.projected[:count], shares=self.shares[:count])

    def shuffled(self, order: np.ndarray) -> Subspace:
        """That of the same vectors with their tokens in another order."""
        return replace(self, basis=self.basis[order])


def subspace(states: np.ndarray) -> Subspace:
    """The leading directions of a set of vectors ``[token, width]``, as many as so many tokens allow."""
    centred = _centred(states)
    basis, sizes, _ = np.linalg.svd(centred, full_matrices=False)
    rank = int((sizes > _RANK * sizes[0]).sum()) if sizes[0] > 0 else 0
    count = min(rank, max(1, (len(states) - 1) // TOKENS_PER_DIRECTION))
    kept, variances = basis[:, :count], sizes**2
    return Subspace(kept, kept.T @ centred, np.cumsum(variances[:count]) / (variances.sum() or 1.0), rank)


def correlations(first: Subspace, second: Subspace) -> np.ndarray:
    """The canonical correlations of two subspaces, largest first (Björck and Golub 1973)."""
    return np.clip(np.linalg.svd(first.basis.T @ second.basis, compute_uv=False), 0.0, 1.0)


def mean_cca(first: Subspace, second: Subspace) -> float:
    """The mean canonical correlation; of subspaces that hold 99 % of the variance it is SVCCA (Raghu et al. 2017)."""
    found = correlations(first, second)
    return float(found.mean()) if found.size else 0.0


def pwcca(first: Subspace, second: Subspace) -> float:
    """The mean canonical correlation, where each direction counts as much as it matters to the first set.

    A direction matters as much as the neurons of the first set project onto it, in sum of absolute values. It is not
    symmetric. Source: Morcos et al. (2018), projection weighting in section 2.
    """
    turned, found, _ = np.linalg.svd(first.basis.T @ second.basis, full_matrices=False)
    if not found.size:
        return 0.0
    weights = np.abs(turned.T @ first.projected).sum(1)
    return float(weights @ np.clip(found, 0.0, 1.0) / weights.sum())


def _centred(states: np.ndarray) -> np.ndarray:
    numbers = np.asarray(states, dtype=np.float64)
    centred: np.ndarray = numbers - numbers.mean(0)
    return centred


def _centred_gram(states: np.ndarray, debiased: bool) -> np.ndarray:
    """Inner products of all pairs of vectors, centred; without those of vectors with themselves if debiased."""
    centred = _centred(states)
    gram: np.ndarray = centred @ centred.T
    return _debiased(gram) if debiased else gram


def _debiased(gram: np.ndarray) -> np.ndarray:
    """Inner products centred without the diagonal, in place."""
    count = len(gram)
    if count < FEWEST_TOKENS:
        raise ValueError(f"debiased CKA needs at least {FEWEST_TOKENS} tokens, not {count}")
    np.fill_diagonal(gram, 0.0)
    means = gram.sum(0) / (count - 2)
    means -= means.sum() / (2 * (count - 1))
    gram -= means[:, None] + means[None, :]
    np.fill_diagonal(gram, 0.0)
    return gram


def _lengths(rows: np.ndarray) -> np.ndarray:
    lengths: np.ndarray = np.sqrt((rows**2).sum(1))
    return lengths
