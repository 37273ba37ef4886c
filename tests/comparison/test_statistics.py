from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ecco_reports.comparison.statistics import (
    CORRECTIONS,
    TESTS,
    bootstrap_interval,
    cohens_d,
    fewest_samples,
    holm,
    paired_p,
    rank_biserial,
    seed_of,
)

SIX_UP = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]


def test_six_differences_of_one_sign_are_as_rare_as_two_of_sixty_four():
    assert paired_p(SIX_UP) == pytest.approx(2 / 64)
    assert paired_p(SIX_UP, alternative="greater") == pytest.approx(1 / 64)
    assert paired_p(SIX_UP, alternative="less") == 1


@pytest.mark.parametrize("test", TESTS)
def test_all_tests_agree_where_all_signs_are_the_same(test):
    assert paired_p(SIX_UP, test=test) == pytest.approx(2 / 64)


@pytest.mark.parametrize("test", TESTS)
def test_no_difference_is_no_evidence(test):
    assert paired_p([0.0] * 8, test=test) == 1


def test_the_permutation_test_is_exact_for_few_pairs():
    # By hand: of the eight signings of (3, 1, -1), the sums are 5, 3, 3, 1, -1, -3, -3, -5; three are at least 3.
    assert paired_p([3, 1, -1], alternative="greater") == pytest.approx(3 / 8)
    assert paired_p([3, 1, -1]) == pytest.approx(6 / 8)


def test_the_permutation_test_of_many_pairs_is_near_the_t_test_and_drawn_the_same_each_time():
    differences = np.random.default_rng(3).normal(0.25, 1, size=100)
    found = paired_p(differences, seed=5)
    assert found == pytest.approx(stats.ttest_1samp(differences, 0).pvalue, abs=0.01)
    assert found == paired_p(differences, seed=5)


def test_wilcoxon_leaves_out_pairs_without_a_difference():
    differences = [0, 0, 1.5, -0.5, 2, 3, 4, 5, -6, 7.5]
    nonzero = [each for each in differences if each]
    assert paired_p(differences, test="wilcoxon") == pytest.approx(stats.wilcoxon(nonzero).pvalue)


def test_the_sign_test_of_yes_and_no_is_mcnemars():
    # Ten answers were lost, two were gained, thirty stayed: exact McNemar is a binomial test of 2 in 12.
    differences = [-1] * 10 + [1] * 2 + [0] * 30
    expected = 2 * sum(stats.binom.pmf(k, 12, 0.5) for k in range(3))
    assert paired_p(differences, test="sign") == pytest.approx(expected)


@pytest.mark.parametrize("test", TESTS)
def test_a_true_null_is_rejected_about_as_often_as_alpha(test):
    rng = np.random.default_rng(11)
    found = [paired_p(rng.standard_t(4, size=10), test=test) for _ in range(200)]
    # Of 200 tests at 0.05, a valid one rejects more than 20 with a probability below 0.0005.
    assert sum(p <= 0.05 for p in found) <= 20


@pytest.mark.parametrize(
    ("alpha", "alternative", "fewest"),
    [(0.05, "two-sided", 6), (0.05, "greater", 5), (0.01, "two-sided", 8), (0.5, "less", 2)],
)
def test_a_test_needs_enough_pairs_to_reach_alpha(alpha, alternative, fewest):
    assert fewest_samples(alpha, alternative) == fewest
    assert paired_p([1.0] * fewest, alternative="two-sided" if alternative == "two-sided" else "greater") <= alpha


def test_the_interval_is_scipys():
    values = np.random.default_rng(1).exponential(size=30)
    expected = stats.bootstrap(
        (values,), np.mean, n_resamples=4999, method="BCa", random_state=np.random.default_rng(7)
    )
    interval = expected.confidence_interval
    assert bootstrap_interval(values, seed=7) == pytest.approx((interval.low, interval.high))


def test_the_interval_holds_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(2)
    held = 0
    for seed in range(200):
        low, high = bootstrap_interval(rng.normal(1.0, 2.0, size=25), seed=seed)
        held += low <= 1.0 <= high
    # Bootstrap intervals of small samples are a little too narrow: 25 pairs give about 93 %.
    assert 0.88 <= held / 200 <= 0.99


@pytest.mark.parametrize("values", [[2.0] * 7, [0.0, 0.0]])
def test_the_interval_of_equal_values_is_their_value(values):
    assert bootstrap_interval(values, seed=0) == (values[0], values[0])


def test_the_interval_is_finite_where_bca_is_degenerate():
    low, high = bootstrap_interval([0.0] * 5 + [1e-300], seed=0)
    assert np.isfinite([low, high]).all()


def test_holm_by_hand():
    # Sorted 0.01, 0.02, 0.03, 0.04: times 4, 3, 2, 1 is 0.04, 0.06, 0.06, 0.04, and none may be below its forerunner.
    assert holm([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.6, 0.7]) == [1.0, 1.0]
    assert holm([]) == []


def test_benjamini_hochberg_by_hand():
    adjust = CORRECTIONS["benjamini-hochberg"].adjust
    # Sorted 0.01, 0.02, 0.03, 0.04: times 4/1, 4/2, 4/3, 4/4 is 0.04 for each of them.
    assert adjust([0.04, 0.01, 0.03, 0.02]) == pytest.approx([0.04] * 4)
    assert adjust([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
@pytest.mark.parametrize("name", CORRECTIONS)
def test_a_correction_never_makes_a_p_value_smaller_and_keeps_the_order(name, p):
    adjusted = CORRECTIONS[name].adjust(p)
    assert all(corrected >= raw - 1e-12 for raw, corrected in zip(p, adjusted, strict=True))
    assert all(0 <= corrected <= 1 for corrected in adjusted)
    order = np.argsort(p)
    assert (np.diff(np.asarray(adjusted)[order]) >= -1e-12).all()


def test_effect_sizes_by_hand():
    assert cohens_d([1, 2, 3]) == pytest.approx(2.0)
    for equal in ([2, 2, 2], [0.3 - 0.2, 0.2 - 0.1], [0.0, 1e-200], [0, 0]):
        assert cohens_d(equal) is None
    # Ranks of 1, 2, 3, 4 with the signs + - + +: (1 + 3 + 4 - 2) / 10.
    assert rank_biserial([1, -2, 3, 4]) == pytest.approx(0.6)
    assert rank_biserial([0, 0]) is None


def test_a_seed_depends_on_names_alone():
    assert seed_of("a", "bc") == seed_of("a", "bc") != seed_of("ab", "c")
