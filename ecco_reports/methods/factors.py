"""Groups of neurons that fire together: non-negative matrix factorisation of activations.

In: activations of some layers. Out: factors, each a profile over neurons and one over tokens, in an order and a scale
that are always the same, with the residuals that say how good they are. Never: chance; the same numbers in give the
same factors out.

Lee & Seung (1999), "Learning the parts of objects by non-negative matrix factorization"; for activations Olah et al.
(2018), "The Building Blocks of Interpretability", and Alammar (2021), "Ecco" (section 3). ``W H`` approximates ``X``
``[row, token]``, a row being a neuron; all three are non-negative.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, TypeAlias

import numpy as np
import torch

Matrix: TypeAlias = np.ndarray[Any, np.dtype[np.floating[Any]]]
Negative: TypeAlias = Literal["split", "zero"]

_AT_ONCE = 256
"""Rows whose approximation is held in memory at a time."""
_SMALL_SWEEPS = 10
"""After so many sweeps over the tokens nothing more moves there than rounding."""


@dataclass(frozen=True)
class Rows:
    """What the neurons of some layers did, without a sign.

    Attributes:
        values: ``[row, token]``, non-negative; rows of nothing but noughts are left out.
        layer: The layer of each row.
        neuron: Its neuron.
        below: Whether it holds what the neuron was below zero.
        scale: What the activations of each row were multiplied with.
        negative: The share of all squared activations that was below zero.
    """

    values: Matrix
    layer: np.ndarray
    neuron: np.ndarray
    below: np.ndarray
    scale: np.ndarray
    negative: float


@dataclass(frozen=True)
class Factors:
    """An approximation of ``X`` ``[row, token]`` by the product of two non-negative matrices.

    Attributes:
        weights: ``W``, ``[row, factor]``: what a row is, by this factor, at the token that the factor is strongest at.
        loadings: ``H``, ``[factor, token]``, with a largest entry of 1 in each row.
        row_shares: The part of ``|X|^2`` that each row contributes to what a factor explains, ``[row, factor]``; not
            negative, and the factors together explain ``1 - error^2``.
        error: ``|X - W H| / |X|`` (Frobenius).
        movement: How far the best step of one factor by itself would still move it, relative to its length: nought at
            a point where the conditions of Karush, Kuhn and Tucker hold.
        iterations: Sweeps over all entries that it took.
        converged: Whether it ended because it had come to rest.
    """

    weights: Matrix
    loadings: Matrix
    row_shares: Matrix
    error: float
    movement: float
    iterations: int
    converged: bool

    @property
    def shares(self) -> np.ndarray:
        """What each factor explains of ``|X|^2``, ``[factor]``, the largest first."""
        return np.asarray(self.row_shares.sum(0))


def rows_of(
    activations: Mapping[int, torch.Tensor], positions: Sequence[int], negative: Negative, balanced: bool = False
) -> Rows:
    """The neurons of layers as rows, from below upwards.

    Args:
        activations: By layer, ``[position, neuron]``.
        positions: Which to keep, in this order.
        negative: Whether what is below zero becomes a row of its own, or counts as nought.
        balanced: Whether the rows of each layer are brought to a sum of squares of 1, so that all weigh alike.
    """
    parts: list[tuple[int, bool, np.ndarray, Matrix]] = []
    squares = np.zeros(2)
    for layer, found in sorted(activations.items()):
        signed = found[list(positions)].T.float().cpu().numpy()
        for below, half in enumerate((np.maximum(signed, 0), np.maximum(-signed, 0))):
            squares[below] += _squares(half)
            alive = np.flatnonzero(half.any(1))
            if not below or negative == "split":
                parts.append((layer, bool(below), alive, half[alive]))
    parts.sort(key=lambda part: part[:2])
    values = np.concatenate([values for *_, values in parts])
    layers = np.concatenate([np.full(len(alive), layer) for layer, _, alive, _ in parts])
    scale = np.ones(len(values), values.dtype)
    if balanced:
        for layer in activations:
            scale[layers == layer] /= float(np.linalg.norm(values[layers == layer])) or 1.0
        values *= scale[:, None]
    return Rows(
        values=values,
        layer=layers,
        neuron=np.concatenate([alive for _, _, alive, _ in parts]),
        below=np.concatenate([np.full(len(alive), below) for _, below, alive, _ in parts]),
        scale=scale,
        negative=float(squares[1] / (squares.sum() or 1.0)),
    )


class Factorization:
    """A matrix that is taken apart into several numbers of factors.

    Args:
        values: ``X``, ``[row, token]``, non-negative and not all nought.
        tolerance: The factors are at rest when none of them moves further in a sweep, relative to its length.
        most: Sweeps at most.
    """

    def __init__(self, values: Matrix, tolerance: float, most: int) -> None:
        self._values, self._tolerance, self._most = values, tolerance, most
        self._total = sum(_squares(values[first:last]) for first, last in _slices(len(values)))
        # There are few tokens, so that singular vectors come exactly, and fast, from the tokens' products.
        squares, vectors = np.linalg.eigh((values.T @ values).astype(np.float64))
        self._singular = np.sqrt(np.maximum(squares[::-1], 0))
        self._vectors = vectors[:, ::-1]

    def floor(self, count: int) -> float:
        """The smallest relative error that any ``count`` parts can have, of whatever sign (Eckart & Young 1936)."""
        return float(np.sqrt(np.square(self._singular[count:]).sum() / np.square(self._singular).sum()))

    def factors(self, count: int) -> Factors:
        """The factors, those that explain most first.

        Each factor in turn takes the best values it can have while the others stay (HALS: Cichocki & Phan 2009),
        from singular vectors. ``H`` is small and has come to rest before ``W`` moves again (Gillis & Glineur 2012),
        which takes a third of the time of sweeps over both by turns. Multiplicative updates are not at rest after as
        many sweeps, and their error is larger.
        """
        weights, loadings = self._start(count)
        by_token = np.ascontiguousarray(self._values.T)
        for sweep in range(1, self._most + 1):
            before = weights.copy()
            _improve(weights, loadings @ loadings.T, loadings @ by_token)
            squares, products = weights @ weights.T, weights @ self._values
            for _ in range(_SMALL_SWEEPS):
                _improve(loadings, squares, products)
            if _moved(before, weights) <= self._tolerance:
                return self._measured(weights.T, loadings, sweep, converged=True)
        return self._measured(weights.T, loadings, self._most, converged=False)

    def _measured(self, weights: Matrix, loadings: Matrix, iterations: int, converged: bool) -> Factors:
        """Brings factors into their order and scale, and measures them."""
        values = self._values
        largest = loadings.max(1)
        scale = np.where(largest > 0, largest, 1)
        weights, loadings = weights * scale, loadings / scale[:, None]
        row_shares = (weights * (values @ loadings.T)) / self._total
        # By what they explain; of equals, the one that begins earlier in the text first.
        order = np.lexsort((loadings.argmax(1), -row_shares.sum(0).round(6)))
        weights, loadings, row_shares = weights[:, order], loadings[order], row_shares[:, order]
        missed = sum(
            _squares(values[first:last] - weights[first:last] @ loadings) for first, last in _slices(len(values))
        )
        return Factors(
            weights=weights,
            loadings=loadings,
            row_shares=row_shares,
            error=float(np.sqrt(missed / self._total)),
            movement=max(_movement(values, weights, loadings), _movement(values.T, loadings.T, weights.T)),
            iterations=iterations,
            converged=converged,
        )

    def _start(self, count: int) -> tuple[Matrix, Matrix]:
        """Where the descent begins: the positive part, or the negative one, of each singular pair, whichever is larger.

        NNDSVDa of Boutsidis & Gallopoulos (2008), but noughts are filled with what an entry is on average, so that
        activations that are a thousand times as large give the same factors.

        Returns:
            ``[factor, row]`` and ``[factor, token]``.
        """
        values = self._values
        weights = np.zeros((count, len(values)), values.dtype)
        loadings = np.zeros((count, values.shape[1]), values.dtype)
        for number in range(min(count, len(self._singular))):
            size, right = self._singular[number], self._vectors[:, number]
            if size <= self._singular[0] * 1e-6:  # There is nothing left but rounding.
                break
            left = values @ (right / size).astype(values.dtype)
            pairs = [(np.maximum(sign * left, 0), np.maximum(sign * right, 0)) for sign in (1, -1)]
            lengths = [float(np.linalg.norm(one) * np.linalg.norm(other)) for one, other in pairs]
            better = int(lengths[1] > lengths[0])
            one, other = pairs[better]
            root = np.sqrt(size * lengths[better])
            weights[number] = root * one / np.linalg.norm(one)
            loadings[number] = root * other / np.linalg.norm(other)
        usual = np.sqrt(values.mean() / count)
        weights[weights == 0] = usual
        loadings[loadings == 0] = usual
        return weights, loadings


def elbow(counts: Sequence[int], errors: Sequence[float]) -> int:
    """The count after which more parts help least: where the curve hangs lowest below the line between its ends.

    Satopaa et al. (2011), "Finding a Kneedle in a Haystack", section III, without smoothing.
    """
    first, last = (counts[0], errors[0]), (counts[-1], errors[-1])
    slope = (last[1] - first[1]) / (last[0] - first[0]) if len(counts) > 1 else 0.0
    below = [first[1] + slope * (count - first[0]) - error for count, error in zip(counts, errors, strict=True)]
    return counts[int(np.argmax(below))]


def _slices(length: int) -> Iterator[tuple[int, int]]:
    return pairwise([*range(0, length, _AT_ONCE), length])


def _squares(values: Matrix) -> float:
    """The sum of squares, in double precision."""
    return float(np.square(values, dtype=np.float64).sum())


def _improve(parts: Matrix, squares: Matrix, products: Matrix) -> None:
    """One sweep: each part in turn becomes the best non-negative one while the others stay.

    Args:
        parts: ``[factor, n]``, changed in place.
        squares: The other side times itself, ``[factor, factor]``.
        products: The other side times ``X``, ``[factor, n]``.
    """
    for number, square in enumerate(np.diag(squares)):
        if square > 0:
            step = (products[number] - squares[number] @ parts) / square
            parts[number] = np.maximum(parts[number] + step, 0)


def _movement(values: Matrix, weights: Matrix, loadings: Matrix) -> float:
    """How far the best non-negative value of each column of ``W``, with all else fixed, is from what it is."""
    squares = loadings @ loadings.T
    diagonal = np.diag(squares)
    gradient = weights @ squares - values @ loadings.T
    return _moved(weights.T, np.maximum(weights - gradient / np.where(diagonal > 0, diagonal, 1), 0).T)


def _moved(before: Matrix, after: Matrix) -> float:
    """The farthest that a part has moved, relative to its length; one of noughts is measured by the longest."""
    lengths = np.linalg.norm(before, axis=1)
    moved = np.linalg.norm(after - before, axis=1)
    return float((moved / np.where(lengths > 0, lengths, lengths.max() or 1)).max())
