"""Could chance have done it? Paired tests, bootstrap intervals, effect sizes and corrections for many tests.

In: numbers, one per prompt. Out: numbers. Never: what they mean (``effects``), files, drawing, torch.

The tests are of paired differences, one per prompt, against the hypothesis that each of them could as well have had
the other sign. All chance is seeded, so that a report can be made again.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

import numpy as np

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]

ALPHA = 0.05
CONFIDENCE = 0.95
RESAMPLES = 4999
"""Of a permutation test that cannot go through all signs. The least two-sided p-value is then 0.0004."""

BOOTSTRAPS = 4999


@dataclass(frozen=True)
class PairedTest:
    """A test of paired differences against zero.

    Attributes:
        words: What reports call it.
        p: From differences (not all zero), an alternative and a seed to the p-value.
    """

    words: str
    p: Callable[[np.ndarray, Alternative, int], float]


def fewest_samples(alpha: float = ALPHA, alternative: Alternative = "two-sided") -> int:
    """The fewest pairs at which a test of signs can reach ``alpha`` at all.

    With n pairs, the least p-value of a one-sided test is ``2**-n``, of a two-sided one twice that: 6 pairs for 0.05.
    """
    sides = 2 if alternative == "two-sided" else 1
    return max(2, math.ceil(math.log2(sides / alpha) - 1e-12))


def seed_of(*names: str) -> int:
    """A seed that depends on names alone, the same on every machine."""
    return int.from_bytes(hashlib.sha256("\0".join(names).encode(errors="surrogatepass")).digest()[:8])


def bootstrap_interval(
    values: Sequence[float] | np.ndarray, *, seed: int, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """Bootstrap interval of a mean: BCa (Efron 1987), and by percentiles where BCa is not defined.

    Args:
        values: At least two; of fewer than about six the interval is too narrow to be relied upon.
        seed: Of the resamples.
        confidence: How often such intervals hold the true mean, in the long run.
    """
    sample = np.asarray(values, dtype=float)
    if np.ptp(sample) == 0:
        return float(sample[0]), float(sample[0])
    for method in ("BCa", "percentile"):
        low, high = _bootstrap(sample, method, seed, confidence)
        if math.isfinite(low) and math.isfinite(high):
            break
    return low, high


def _bootstrap(sample: np.ndarray, method: str, seed: int, confidence: float) -> tuple[float, float]:
    from scipy import stats  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        # A degenerate BCa gives NaN, which the caller sees; it need not be said as well.
        warnings.simplefilter("ignore")
        found = stats.bootstrap(
            (sample,),
            np.mean,
            vectorized=True,
            n_resamples=BOOTSTRAPS,
            batch=max(1, 2_000_000 // sample.size),
            confidence_level=confidence,
            method=method,
            random_state=np.random.default_rng(seed),
        ).confidence_interval
    return float(found.low), float(found.high)


def _sign_flips(differences: np.ndarray, alternative: Alternative, seed: int) -> float:
    """Exact over all signs where these are no more than the resamples (12 pairs), else over seeded ones."""
    from scipy import stats

    found = stats.permutation_test(
        (differences,),
        _mean,
        permutation_type="samples",
        vectorized=True,
        n_resamples=RESAMPLES,
        batch=max(1, 250_000 // differences.size),
        alternative=alternative,
        random_state=np.random.default_rng(seed),
    )
    return float(found.pvalue)


def _mean(sample: np.ndarray, axis: int) -> Any:
    return np.mean(sample, axis=axis)


def _signed_ranks(differences: np.ndarray, alternative: Alternative, _seed: int) -> float:
    """Pairs without a difference are left out, as Wilcoxon did."""
    from scipy import stats

    return float(stats.wilcoxon(differences[differences != 0], alternative=alternative).pvalue)


def _signs(differences: np.ndarray, alternative: Alternative, _seed: int) -> float:
    """Exact binomial test of the signs; of yes and no before and after, this is McNemar's exact test."""
    from scipy import stats

    up, down = int((differences > 0).sum()), int((differences < 0).sum())
    return float(stats.binomtest(up, up + down, 0.5, alternative=alternative).pvalue)


TESTS: Mapping[str, PairedTest] = MappingProxyType(
    {
        "permutation": PairedTest("paired sign-flip permutation test", _sign_flips),
        "wilcoxon": PairedTest("Wilcoxon signed-rank test", _signed_ranks),
        "sign": PairedTest("exact sign test (McNemar's for yes and no)", _signs),
    }
)
"""The paired tests by the name an experiment file calls them.

``permutation`` asks about the mean, ``wilcoxon`` about the ranks of the differences, ``sign`` about their signs alone,
for metrics that are yes or no.
"""


def paired_p(
    differences: Sequence[float] | np.ndarray,
    *,
    test: str = "permutation",
    alternative: Alternative = "two-sided",
    seed: int = 0,
) -> float:
    """P-value of paired differences against zero.

    Args:
        differences: After minus before, one per prompt.
        test: A name of ``TESTS``.
        alternative: ``greater`` asks whether they are above zero.
        seed: Of tests that draw.
    """
    sample = np.asarray(differences, dtype=float)
    return TESTS[test].p(sample, alternative, seed) if sample.any() else 1.0


def holm(p: Sequence[float]) -> list[float]:
    """P-values corrected for their number, so that a single false alarm among all of them is as rare as one test's.

    Holm, A simple sequentially rejective multiple test procedure (1979).
    """
    adjusted = [0.0] * len(p)
    floor = 0.0
    for place, index in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        floor = max(floor, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = floor
    return adjusted


def benjamini_hochberg(p: Sequence[float]) -> list[float]:
    """P-values corrected so that the share of false alarms among the alarms stays small (1995)."""
    from scipy import stats

    return [float(value) for value in stats.false_discovery_control(p, method="bh")] if p else []


@dataclass(frozen=True)
class Correction:
    """A correction for many tests.

    Attributes:
        words: What reports call it.
        adjust: From p-values to corrected ones, in the same order.
    """

    words: str
    adjust: Callable[[Sequence[float]], list[float]]


CORRECTIONS: Mapping[str, Correction] = MappingProxyType(
    {
        "holm": Correction("Holm", holm),
        "benjamini-hochberg": Correction("Benjamini-Hochberg", benjamini_hochberg),
    }
)
"""The corrections by name."""


def cohens_d(differences: Sequence[float] | np.ndarray) -> float | None:
    """Cohen's d_z: mean of paired differences over their standard deviation; None where all are equal."""
    sample = np.asarray(differences, dtype=float)
    # Differences that are equal but for rounding, such as 0.3 - 0.2 and 0.2 - 0.1, have no spread to be measured in.
    if sample.size < 2 or np.ptp(sample) <= 1e-9 * np.abs(sample).max() or np.ptp(sample) < 1e-100:
        return None
    return float(sample.mean() / sample.std(ddof=1))


def rank_biserial(differences: Sequence[float] | np.ndarray) -> float | None:
    """Matched-pairs rank-biserial correlation: the share of ranks that went up minus the share that went down.

    Kerby, The simple difference formula (2014). Pairs without a difference are left out; None where there are no
    others.
    """
    from scipy import stats

    sample = np.asarray(differences, dtype=float)
    sample = sample[sample != 0]
    if not sample.size:
        return None
    ranks = stats.rankdata(np.abs(sample))
    return float((ranks[sample > 0].sum() - ranks[sample < 0].sum()) / ranks.sum())
