"""Whether a mean is out of its bound by more than chance makes.

In: the excess of each prompt. Out: p-values, and how few prompts can say nothing. The tests are those of scipy, which
is imported inside.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

RESAMPLES = 9999
"""Random sign flips where there are too many prompts to try all of them."""

SEED = 0
"""Of those flips: a run that is judged twice is judged alike."""

NAMES = {
    "permutation": "paired permutation test (sign flips)",
    "wilcoxon": "Wilcoxon signed-rank test",
    "sign": "sign test",
}
"""What the tests are called in sentences."""


def p_value(test: str, excess: np.ndarray, two_sided: bool = False) -> float:
    """The probability of such an excess, or a larger one, if the numbers were just at their bound.

    One-sided: only what is worse than allowed counts. The permutation test flips the sign of each prompt's excess (all
    of the 2^n ways, or 9999 random ones), and counts how often the mean is as large; Wilcoxon's ranks them and leaves
    out zeros; the sign test counts them.

    Args:
        test: ``permutation``, ``wilcoxon`` or ``sign``.
        excess: One number per prompt.
        two_sided: Whether the way was chosen after looking, which doubles the probability.
    """
    from scipy import stats

    moved = excess[excess != 0]
    if not moved.size:
        return 1.0
    match test:
        case "sign":
            found = stats.binomtest(int((moved > 0).sum()), moved.size, alternative="greater").pvalue
        case "wilcoxon":
            found = stats.wilcoxon(moved, alternative="greater", method="auto").pvalue
        case _:
            found = stats.permutation_test(
                (excess, np.zeros_like(excess)),
                lambda here, there, axis: np.mean(here - there, axis=axis),
                permutation_type="samples",
                vectorized=True,
                n_resamples=RESAMPLES,
                alternative="greater",
                rng=np.random.default_rng(SEED),
            ).pvalue
    return min(1.0, float(found) * (2 if two_sided else 1))


def holm(values: Sequence[float]) -> list[float]:
    """P-values corrected for their number (Holm 1979): step-down, valid whatever depends on what.

    Args:
        values: The p-values of all tests of a family.
    """
    order = np.argsort(values, kind="stable")
    adjusted = [0.0] * len(values)
    largest = 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(values) - place) * values[index]))
        adjusted[index] = largest
    return adjusted


def least_samples(alpha: float, tests: int, two_sided: bool = False) -> int:
    """The fewest prompts that can make a test significant: with n of them, no p-value is below 2^-n.

    Args:
        alpha: The largest probability of a false alarm.
        tests: How many tests are corrected for.
        two_sided: Whether p-values are doubled.
    """
    return max(2, math.ceil(math.log2(tests * (2 if two_sided else 1) / alpha) - 1e-12))
