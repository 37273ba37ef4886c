"""How far the reasons for one output have moved, by one method: two rows of contributions over the same words.

In: numbers of the same words before and after. Out: numbers. Never: torch, words, drawing.

Rankings of short prompts are brittle: two words of which neither matters change places when a number is rounded, and
tau-b of seven words falls by a tenth. So what rounding may move counts as unmoved, before anything is ranked: a copy in
half precision has all measures of an equal one, and what is reported has moved.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ecco_reports.analyses.attributing.settings import ATTENTIONS, FROM_BASELINE, PERTURBATIONS, Method, ScoreName
from ecco_reports.methods.rankings import kendall_tau_b, rank_biased_overlap, top_overlap

ROUNDING = 0.1
"""Moves up to this part of the largest contribution are unmoved: see ``catalogue`` for what rounding was seen to do."""
TOP = 3
_FLOORS: Mapping[ScoreName, float] = {"logprob": 0.1, "logit": 0.1, "probability": 0.02}
"""Moves up to so much of the score, by methods that subtract scores of several texts."""
_UNDERFLOW = 1e-4
"""The same of gradients: below 6e-5 half precision loses its digits one by one."""


@dataclass(frozen=True)
class Shift:
    """The reasons for one output before and after.

    Attributes:
        before: As shares of the sum of all magnitudes, signed, ``[word]``.
        after: The same of the candidate.
        settled: ``after``, where what rounding may have moved is as it was.
        signed: Whether both can be negative.
    """

    before: np.ndarray
    after: np.ndarray
    settled: np.ndarray
    signed: bool

    @property
    def top(self) -> np.ndarray:
        """The words of the baseline that count as strongest: three, but at most a third of all; nothing is none."""
        sizes = np.abs(self.before)
        first = np.argsort(-sizes, kind="stable")[: top_count(len(sizes))]
        chosen: np.ndarray = first[sizes[first] > 0]
        return chosen

    @property
    def flipped(self) -> np.ndarray:
        """Those of them that changed sides."""
        chosen: np.ndarray = self.top[self.before[self.top] * self.settled[self.top] < 0]
        return chosen

    def values(self) -> dict[str, float]:
        """All measures of the two that are defined."""
        sizes = np.abs(self.before), np.abs(self.settled)
        found = {
            "tau_b": kendall_tau_b(*sizes),
            "rbo": rank_biased_overlap(*sizes),
            "top_overlap": top_overlap(*sizes, top_count(len(sizes[0]))),
            "sign_flips": len(self.flipped) / len(self.top) if self.signed and len(self.top) else None,
            "cosine": _cosine(self.before, self.settled),
            "moved_share": self.moved,
            "top_word_same": self._top_word_same(),
        }
        return {name: float(value) for name, value in found.items() if value is not None}

    @property
    def moved(self) -> float:
        """Which share of the reasons lies on other words now, or on the other side: 0 the same, 1 nothing in common.

        Total variation distance; where only one of the two has any reasons, it is 1.
        """
        if bool(self.before.any()) != bool(self.settled.any()):
            return 1.0
        return min(1.0, float(np.abs(self.settled - self.before).sum()) / 2)

    def _top_word_same(self) -> float | None:
        """Whether the strongest word still is, or is as strong as the strongest but for rounding."""
        if not len(self.top):
            return None
        sizes = np.abs(self.settled)
        return float(sizes[self.top[0]] >= (1 - ROUNDING) * sizes.max())


def top_count(words: int) -> int:
    """How many words of a prompt count as the strongest."""
    return min(TOP, max(1, math.ceil(words / 3)))


def shift_of(before: np.ndarray, after: np.ndarray, method: Method, score: ScoreName, signed: bool) -> Shift:
    """Two rows of contributions of the same words, in their own unit, ``[word]``."""
    totals = float(np.abs(before).sum()), float(np.abs(after).sum())
    mine, theirs = (_shares(row, total) for row, total in zip((before, after), totals, strict=True))
    floor = _FLOORS[score] if method in PERTURBATIONS | FROM_BASELINE else 0.0 if method in ATTENTIONS else _UNDERFLOW
    least = floor / max(totals) if max(totals) else 0.0
    return Shift(mine, theirs, settled(mine, theirs, least), signed)


def settled(before: np.ndarray, after: np.ndarray, least: float) -> np.ndarray:
    """What came after, where a word that moved by no more than rounding may have moved it is as it was before.

    Args:
        before: Shares, ``[word]``.
        after: Shares of the same words.
        least: A move up to which a word is unmoved in any case.
    """
    largest = max(float(np.abs(before).max(initial=0.0)), float(np.abs(after).max(initial=0.0)))
    unmoved = np.abs(after - before) <= max(ROUNDING * largest, least)
    if not (before.any() and after.any()) and not unmoved.all():
        return after  # Where one has no reasons at all, there is nothing that words could have kept.
    found: np.ndarray = np.where(unmoved, before, after)
    return found


def total_variation(before: np.ndarray, after: np.ndarray) -> float | None:
    """How much of one distribution lies elsewhere in another: 0 the same, 1 disjoint; None where one is empty."""
    totals = float(before.sum()), float(after.sum())
    if not all(total > 0 for total in totals):
        return None
    return float(np.abs(before / totals[0] - after / totals[1]).sum()) / 2


def _shares(row: np.ndarray, total: float) -> np.ndarray:
    shares: np.ndarray = row / total if total else np.zeros(len(row))
    return shares


def _cosine(first: np.ndarray, second: np.ndarray) -> float | None:
    lengths = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(np.clip(first @ second / lengths, -1.0, 1.0)) if lengths else None
