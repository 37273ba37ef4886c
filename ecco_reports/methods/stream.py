"""What a residual stream looks like on its way up: how far it moves, where it is large, and along which directions.

In: states ``[state, token, width]``. Out: numbers by state and token. Light: numpy only; computed in double precision,
one state at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

OUTLIER_TIMES = 6.0
"""How many times the root mean square of its vector a number must be to stand out (the 6 of Dettmers et al. 2022)."""
OUTLIER_STATES, OUTLIER_TOKENS = 0.25, 0.06
"""In what shares of the states and of the tokens a dimension must stand out to be an outlier (Dettmers et al. 2022)."""
MASSIVE_TIMES, MASSIVE_SIZE = 1000.0, 100.0
"""A massive activation is larger than 100 and than 1,000 times the median of its state (Sun et al. 2024, section 2)."""


@dataclass(frozen=True)
class Movement:
    """How long the vectors are, and how each layer changes them.

    Attributes:
        norms: Their lengths, ``[state, token]``.
        cosines: Between a state and the one after it, ``[state - 1, token]``.
        changes: Length of the difference relative to the earlier state, ``[state - 1, token]``; relative to the later
            one where the earlier is nought.
    """

    norms: np.ndarray
    cosines: np.ndarray
    changes: np.ndarray


def movement(states: np.ndarray) -> Movement:
    """Lengths and changes of the vectors of each token, from state to state."""
    norms, cosines, changes = [], [], []
    before: np.ndarray | None = None
    for state in states:
        now = state.astype(np.float64)
        norms.append(np.linalg.norm(now, axis=-1))
        if before is not None:
            lengths = norms[-2] * norms[-1]
            products = np.divide((before * now).sum(-1), lengths, out=np.zeros_like(lengths), where=lengths > 0)
            cosines.append(np.clip(products, -1.0, 1.0))
            base = np.where(norms[-2] > 0, norms[-2], np.where(norms[-1] > 0, norms[-1], 1.0))
            changes.append(np.linalg.norm(now - before, axis=-1) / base)
        before = now
    nothing = np.zeros((0, states.shape[1]))
    return Movement(np.array(norms), np.array(cosines or nothing), np.array(changes or nothing))


@dataclass(frozen=True)
class Dimensions:
    """The dimensions in which a stream is largest.

    Attributes:
        numbers: Which, the one that stands out most first, ``[dimension]``.
        values: In each state its number at the token where it stands out most, ``[state, dimension]``.
        times: That number relative to the root mean square of its vector, ``[state, dimension]``.
        tokens: Which token that is, ``[state, dimension]``.
        outliers: The dimensions that stand out in enough states and at enough tokens, whether listed or not.
        outlier_states: In how many states each of them stands out at enough tokens.
    """

    numbers: np.ndarray
    values: np.ndarray
    times: np.ndarray
    tokens: np.ndarray
    outliers: tuple[int, ...]
    outlier_states: tuple[int, ...]


def dimensions(states: np.ndarray, count: int, threshold: float = OUTLIER_TIMES) -> Dimensions:
    """The dimensions that stand out most against the rest of their vectors.

    Dettmers et al. (2022, section 4) count numbers of at least 6 behind a norm; a residual stream has no such scale of
    its own, so a number is compared with the root mean square of its vector instead. Their shares are kept: an outlier
    stands out at 6 % of the tokens or more, in 25 % of the states or more.

    Args:
        states: ``[state, token, width]``.
        count: How many dimensions to list at most.
        threshold: How many times the root mean square a number must be to stand out.
    """
    width = states.shape[-1]
    best = np.zeros((len(states), width))
    where = np.zeros((len(states), width), dtype=np.int64)
    enough = np.zeros((len(states), width), dtype=bool)
    for row, state in enumerate(states):
        magnitudes = np.abs(state.astype(np.float64))
        sizes = np.sqrt((magnitudes**2).mean(-1, keepdims=True))
        times = np.divide(magnitudes, sizes, out=np.zeros_like(magnitudes), where=sizes > 0)
        where[row] = times.argmax(0)
        best[row] = times.max(0)
        enough[row] = (times >= threshold).mean(0) >= OUTLIER_TOKENS
    often = enough.sum(0)
    numbers = np.argsort(-best.max(0), kind="stable")[:count]
    found = np.flatnonzero((often > 0) & (often >= OUTLIER_STATES * len(states)))
    found = found[np.argsort(-often[found], kind="stable")]
    rows = np.arange(len(states))[:, None]
    return Dimensions(
        numbers,
        states[rows, where[:, numbers], numbers].astype(np.float64),
        best[:, numbers],
        where[:, numbers],
        tuple(found.tolist()),
        tuple(often[found].tolist()),
    )


@dataclass(frozen=True)
class Massive:
    """A number that is far larger than all about it.

    Attributes:
        state: Of which state.
        token: At which token.
        dimension: In which dimension.
        value: The number.
        times: Its magnitude relative to the median magnitude of its state.
    """

    state: int
    token: int
    dimension: int
    value: float
    times: float


def massive_activations(states: np.ndarray) -> tuple[Massive, ...]:
    """All massive activations (Sun et al. 2024, section 2), largest first."""
    found = []
    for row, state in enumerate(states):
        magnitudes = np.abs(state.astype(np.float64))
        median = float(np.median(magnitudes))
        for token, dimension in np.argwhere((magnitudes > MASSIVE_SIZE) & (magnitudes > MASSIVE_TIMES * median)):
            size = float(magnitudes[token, dimension])
            times = size / max(median, float(np.finfo(np.float32).tiny))
            found.append(Massive(row, int(token), int(dimension), float(state[token, dimension]), times))
    return tuple(sorted(found, key=lambda one: -abs(one.value)))


@dataclass(frozen=True)
class Components:
    """Vectors seen from the side where they differ most.

    Attributes:
        coordinates: ``[state, token, component]``.
        explained: The share of all variance along each component, ``[component]``.
        gap: How far the variances along all components are from adding up to that of the vectors, or those of the
            coordinates from what they should be, relative to the whole.
    """

    coordinates: np.ndarray
    explained: np.ndarray
    gap: float


def principal_components(states: np.ndarray, count: int, by_state: bool = False) -> Components:
    """The principal components of all vectors of all states together.

    Signs are fixed: the largest weight of a component is positive.

    Args:
        states: ``[state, token, width]``.
        count: How many components; fewer where the vectors have fewer.
        by_state: Whether each state is centred by itself, so that what all tokens have in common at a layer is gone.
    """
    if not states.size:
        return Components(np.zeros((*states.shape[:2], 0)), np.zeros(0), 0.0)
    vectors = states.astype(np.float64)
    vectors -= vectors.mean(1, keepdims=True) if by_state else vectors.mean((0, 1))
    rows = vectors.reshape(-1, states.shape[-1])
    total = float((rows**2).sum())
    tall = len(rows) > rows.shape[1]
    values, turned = np.linalg.eigh(rows.T @ rows if tall else rows @ rows.T)
    count = min(count, len(values))
    leading = turned[:, ::-1][:, :count]
    axes = leading if tall else rows.T @ leading
    lengths = np.linalg.norm(axes, axis=0)
    axes = np.divide(axes, lengths, out=np.zeros_like(axes), where=lengths > 0)
    axes *= np.where(axes[np.abs(axes).argmax(0), np.arange(count)] < 0, -1.0, 1.0)
    coordinates = rows @ axes
    variances = np.clip(values[::-1], 0.0, None)
    whole = total or 1.0
    gap = max(abs(float(values.sum()) - total), float(np.abs((coordinates**2).sum(0) - variances[:count]).max()))
    return Components(coordinates.reshape(*states.shape[:2], count), variances[:count] / whole, gap / whole)


def compact(states: np.ndarray, most: int) -> tuple[np.ndarray, float, float]:
    """Vectors in fewer numbers, with the same inner products at each state as far as there is room.

    Where there are fewer tokens than dimensions, as many coordinates as tokens lose nothing: each state is turned so
    that the others are nought. Where even those are too many, the leading ones are kept.

    Args:
        states: ``[state, token, width]``.
        most: How many numbers there may be.

    Returns:
        ``[state, token, coordinate]`` in single precision, the vectors themselves where they fit; the smallest share of
        a state's squares that was kept; and the largest difference of an inner product, relative to the largest of its
        state, not counting what was left out.
    """
    if states.size <= most:
        return states.astype(np.float32), 1.0, 0.0
    kept = max(1, min(states.shape[1], states.shape[2], most // (states.shape[0] * states.shape[1])))
    rows, share, gap = [], 1.0, 0.0
    for state in states:
        exact = state.astype(np.float64)
        left, sizes, _ = np.linalg.svd(exact, full_matrices=False)
        coordinates = (left[:, :kept] * sizes[:kept]).astype(np.float32)
        whole = float((sizes**2).sum()) or 1.0
        share = min(share, float((sizes[:kept] ** 2).sum()) / whole if sizes.any() else 1.0)
        rest = left[:, kept:] * sizes[kept:]
        products = coordinates.astype(np.float64) @ coordinates.T.astype(np.float64) + rest @ rest.T
        gap = max(gap, _relative(products, exact @ exact.T))
        rows.append(coordinates)
    return np.stack(rows), share, gap


def means(states: np.ndarray, units: Sequence[Sequence[int]]) -> np.ndarray:
    """The mean vector of the tokens of each unit, ``[state, unit, width]``."""
    return np.stack([states[:, list(unit)].astype(np.float64).mean(1) for unit in units], axis=1)


def _relative(one: np.ndarray, other: np.ndarray) -> float:
    largest = float(np.abs(other).max())
    return float(np.abs(one - other).max()) / largest if largest else 0.0
