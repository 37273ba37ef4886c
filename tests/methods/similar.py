"""Matrices whose similarity is asked of several programs: ``[token, width]`` in pairs, from numpy alone."""

from __future__ import annotations

import zlib

import numpy as np

CASES = {"unrelated": (20, 768, 768), "long": (400, 12, 9), "related": (300, 8, 16), "wide": (30, 64, 48)}
"""Tokens and the widths of the two sets, by name."""

DIRECTIONS = 5
"""Of how many leading directions the correlations are asked where they are truncated."""


def states_of(name: str) -> tuple[np.ndarray, np.ndarray]:
    """The two sets of one case; those that are not called unrelated or long share half of their numbers' origin."""
    tokens, width, other = CASES[name]
    chance = np.random.default_rng(zlib.crc32(name.encode()))
    first, second = chance.normal(size=(tokens, width)), chance.normal(size=(tokens, other))
    if name in ("related", "wide"):
        second += first @ chance.normal(size=(width, other)) / np.sqrt(width)
    return first + 3.0, second - 1.0
