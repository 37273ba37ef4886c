from __future__ import annotations

import itertools
import math
import subprocess
import sys

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.methods.rankings import (
    agreement,
    kendall_tau_b,
    pairwise,
    rank_biased_overlap,
    rbo_by_chance,
    sign_agreement,
    spearman_rho,
    top_jaccard,
    top_overlap,
)

NAN = math.nan
TIED = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=2, max_size=12)
OVERLAPS = (
    rank_biased_overlap,
    lambda first, second: top_overlap(first, second, 3),
    lambda first, second: top_jaccard(first, second, 3),
)
EVERY = (*OVERLAPS, kendall_tau_b, spearman_rho)


def columns(pairs):
    return [float(one) for one, _ in pairs], [float(other) for _, other in pairs]


@given(TIED)
def test_tau_and_rho_are_those_of_scipy_with_ties_too(pairs):
    first, second = columns(pairs)
    if len({*first}) == 1 or len({*second}) == 1:
        assert kendall_tau_b(first, second) is None
        assert spearman_rho(first, second) is None
    else:
        assert kendall_tau_b(first, second) == pytest.approx(scipy.stats.kendalltau(first, second).statistic)
        assert spearman_rho(first, second) == pytest.approx(scipy.stats.spearmanr(first, second).statistic)


@given(TIED)
def test_the_same_scores_agree_fully_and_the_order_of_items_does_not_matter(pairs):
    first, second = columns(pairs)
    backwards = first[::-1], second[::-1]
    for measure in EVERY:
        assert measure(first, first) in (None, pytest.approx(1.0))
        assert measure(first, second) == pytest.approx(measure(second, first))
        assert measure(first, second) == pytest.approx(measure(*backwards))


@given(TIED)
def test_only_the_order_of_the_scores_counts(pairs):
    first, second = columns(pairs)
    for measure in EVERY:
        assert measure(first, second) == pytest.approx(measure([value**3 + 7 for value in first], second))


@given(TIED)
def test_overlaps_are_shares(pairs):
    for measure in OVERLAPS:
        assert 0 <= measure(*columns(pairs)) <= 1


def test_rankings_of_different_items_have_nothing_in_common():
    for measure in OVERLAPS:
        assert measure([3, 2, 1, NAN, NAN, NAN], [NAN, NAN, NAN, 3, 2, 1]) == 0


def test_rank_biased_overlap_by_hand():
    """a b c d against b a d c: overlaps 0, 2, 2, 4 of the first 1, 2, 3, 4."""
    by_hand = 1.0 * 0.9**4 + 0.1 / 0.9 * (0 * 0.9 + 1 * 0.9**2 + 2 / 3 * 0.9**3 + 1 * 0.9**4)
    assert rank_biased_overlap([4, 3, 2, 1], [3, 4, 1, 2]) == pytest.approx(by_hand)


def test_rank_biased_overlap_of_lists_that_share_some_items():
    """a b c against a d c: overlaps 1, 1, 2."""
    by_hand = 2 / 3 * 0.9**3 + 0.1 / 0.9 * (1 * 0.9 + 1 / 2 * 0.9**2 + 2 / 3 * 0.9**3)
    assert rank_biased_overlap([3, 2, 1, NAN], [3, NAN, 1, 2]) == pytest.approx(by_hand)


def test_items_tied_for_a_place_share_it():
    """a, then b and c level, against a b c: at depth 2 the ties hold half a place each."""
    at_two = (1 + 0.5) / math.sqrt(1.5 * 2)
    by_hand = 1.0 * 0.9**3 + 0.1 / 0.9 * (1 * 0.9 + at_two * 0.9**2 + 1 * 0.9**3)
    assert rank_biased_overlap([3, 1, 1], [3, 2, 1]) == pytest.approx(by_hand)


def test_ties_cut_off_by_the_depth_share_what_is_left():
    assert rank_biased_overlap([2, 1, 1, 1], [2, 1, 1, 1], depth=2) == pytest.approx(1.0)
    assert top_overlap([2, 1, 1, 1], [2, 1, 1, 1], 2) == pytest.approx(1.0)
    assert top_overlap([2, 1, 1, 1], [3, 2, 1, 0], 2) == pytest.approx((1 + 1 / 3) / 2)


def test_the_first_ten_places_carry_most_of_the_weight():
    same, apart = list(range(30, 0, -1)), [*range(30, 20, -1), *range(1, 21)]
    assert rank_biased_overlap(same, apart) > 0.86
    assert rank_biased_overlap(same[::-1], same) < 0.5


def test_chance_is_the_mean_over_all_orders():
    orders = [list(map(float, order)) for order in itertools.permutations(range(5))]
    mean = np.mean([rank_biased_overlap(orders[0], order) for order in orders])
    assert rbo_by_chance(5) == pytest.approx(mean)
    assert rbo_by_chance(100) < rbo_by_chance(10) < rbo_by_chance(3) <= 1


def test_the_top_is_compared_as_sets():
    first, second = [5, 4, 3, 2, 1], [5, 1, 4, 3, 2]  # a b c | d e against a c d | e b
    assert top_overlap(first, second, 3) == pytest.approx(2 / 3)
    assert top_jaccard(first, second, 3) == pytest.approx(2 / 4)
    assert top_overlap(first, second, 99) == 1.0


def test_signs_are_compared_at_the_top_of_either():
    first, second = [5, -4, 1, 0.5], [-5, -1, 4, -0.5]  # tops {0, 1} and {0, 2}; item 3 is in neither
    assert sign_agreement(first, second, 2) == pytest.approx(2 / 3)
    assert sign_agreement([1, 0], [0, 1], 2) is None


def test_agreement_is_by_magnitude():
    found = agreement([3, -2, 1], [-3, 2, 1], k=2, signed=True)
    assert (found.tau_b, found.rho, found.rbo, found.top) == pytest.approx((1, 1, 1, 1))
    assert found.same_sign == 0
    assert agreement([3, 2], [1, 2], k=1).same_sign is None


@given(TIED)
def test_many_rankings_at_once_agree_as_each_two_of_them_do(pairs):
    rows = np.array([*columns(pairs), columns(pairs)[0][::-1]])
    found = pairwise(rows, 3)
    for one, other in itertools.product(range(3), repeat=2):
        single = agreement(rows[one], rows[other], 3, signed=True)
        for measure in ("tau_b", "rbo", "top", "same_sign"):
            expected = getattr(single, measure)
            told = getattr(found, measure)[one, other]
            assert math.isnan(told) if expected is None else told == pytest.approx(expected)


def test_long_rankings_are_compared_piece_by_piece(monkeypatch):
    rows = np.random.default_rng(0).normal(size=(3, 250))
    monkeypatch.setattr("ecco_reports.methods.rankings._PAIRS_AT_ONCE", 5_000)
    found = pairwise(rows, 5)
    for one, other in itertools.combinations(range(3), 2):
        single = agreement(rows[one], rows[other], 5)
        assert found.tau_b[one, other] == pytest.approx(single.tau_b)
        assert found.rbo[one, other] == pytest.approx(single.rbo, abs=1e-8)


def test_rankings_of_nothing_do_not_agree():
    assert np.isnan(pairwise(np.zeros((2, 0)), 3).rbo).all()


def test_nothing_is_said_of_nothing():
    for measure in EVERY:
        assert measure([], []) is None
    assert kendall_tau_b([1.0], [2.0]) is None
    assert rank_biased_overlap([NAN], [1.0]) is None
    with pytest.raises(ValueError, match="same items"):
        kendall_tau_b([1.0], [1.0, 2.0])


def test_rankings_need_no_torch():
    code = "import sys, ecco_reports.methods.rankings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
