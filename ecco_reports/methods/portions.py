"""How much of a lens is read at once, so that no more logits are there than memory should hold. Light: no torch."""

from __future__ import annotations

import math

NUMBERS_AT_ONCE = 16_000_000
"""Logits that are there at once, 64 MB in float32: of a few states at some of the places. The head's matrix is read
once per chunk: with much fewer rows of a large vocabulary, that would be what costs."""


def portions(places: int, outcomes: int) -> tuple[int, int]:
    """How many places, and how many states of them, are read at once.

    What the model itself says of the places is at hand as well: a quarter of the numbers at most are of one state.

    Args:
        places: How many places there are; at least one.
        outcomes: How many logits there are at each.
    """
    most = max(1, NUMBERS_AT_ONCE // (4 * outcomes))
    places_at_once = math.ceil(places / math.ceil(places / most))
    return places_at_once, max(1, NUMBERS_AT_ONCE // (places_at_once * outcomes))
