"""What traces of several rooms share: the bound of a divergence, rows at one depth, words and moves."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import entropy

from ecco_reports.analyses.tracing import aligned, divergence_bound, first_of, has_moved, listed, moved, quoted, rounded

HALF = {"a": 0.5, "b": 0.5}


def top(distribution, k):
    """The k most probable outcomes of a distribution, exactly."""
    return {str(index): float(distribution[index]) for index in np.argsort(-distribution)[:k]}


def drawn(rng, sharpness, size=300):
    logits = rng.normal(size=size) * sharpness
    return np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()


@pytest.mark.parametrize("seed", range(60))
def test_the_bound_is_never_above_the_divergence_of_the_whole_distributions(seed):
    rng = np.random.default_rng(seed)
    before, other = (drawn(rng, rng.choice([0.2, 1.0, 3.0, 8.0])) for _ in range(2))
    for mixed in (0.0, 0.01, 0.3, 1.0):
        after = (1 - mixed) * before + mixed * other
        for k in (1, 2, 10, 300):
            whole = entropy(before, after)
            assert divergence_bound(top(before, k), top(after, k)) <= whole + 1e-9
            if k <= 10:
                kept = [listed(top(side, k).items()) for side in (before, after)]
                assert divergence_bound(*kept) <= whole + 1e-4


@pytest.mark.parametrize("seed", range(20))
def test_lists_of_everything_give_the_divergence_itself(seed):
    rng = np.random.default_rng(seed)
    before, after = drawn(rng, 1.0, 12), drawn(rng, 1.0, 12)
    assert divergence_bound(top(before, 12), top(after, 12)) == pytest.approx(entropy(before, after), abs=1e-4)


def test_a_longer_list_of_the_same_distributions_never_says_less_where_both_agree_on_what_is_on_top():
    before = np.array([0.5, 0.3, 0.15, 0.04, 0.01])
    after = np.array([0.4, 0.35, 0.2, 0.03, 0.02])
    bounds = [divergence_bound(top(before, k), top(after, k)) for k in range(1, 6)]
    assert bounds == sorted(bounds)
    assert bounds[-1] == pytest.approx(entropy(before, after), abs=1e-5)


def test_the_bound_on_paper():
    # Shared: a. The others are one event.
    by_hand = 0.5 * math.log(0.5 / 0.25) + 0.5 * math.log(0.5 / 0.75)
    assert divergence_bound({"a": 0.5}, {"a": 0.25}) == pytest.approx(by_hand, abs=1e-6)


def test_lists_with_nothing_in_common_are_far_apart():
    # After gives "London" at most the last of its list, 0.1: 0.9 ln(0.9/0.1) + 0.1 ln(0.1/0.9).
    bound = divergence_bound({"London": 0.9}, {"Paris": 0.8, "Rome": 0.1})
    assert bound == pytest.approx(0.8 * math.log(9), abs=1e-6)


def test_of_what_only_the_baseline_lists_the_strongest_bound_is_taken():
    # Apart: 0.8 ln(0.8/0.01) + 0.2 ln(0.2/0.99); together with the other: 0.81 ln(0.81/0.02) + 0.19 ln(0.19/0.98).
    apart = 0.8 * math.log(80) + 0.2 * math.log(0.2 / 0.99)
    together = 0.81 * math.log(40.5) + 0.19 * math.log(0.19 / 0.98)
    assert apart > together
    assert divergence_bound({"x": 0.8, "y": 0.01}, {"p": 0.9, "q": 0.01}) == pytest.approx(apart, abs=1e-6)


@pytest.mark.parametrize("one", [HALF, {"a": 1.0}, {"a": 0.999999, "b": 1e-9}, {"a": 1e-12}])
def test_a_distribution_is_no_way_from_itself_and_a_finite_way_from_any_other(one):
    assert divergence_bound(one, one) == 0.0
    for other in (HALF, {"a": 1.0}, {"z": 1.0}, {"a": 1e-12}):
        assert 0.0 <= divergence_bound(one, other) < 50.0


def test_nothing_listed_bounds_nothing():
    assert divergence_bound({}, HALF) == divergence_bound(HALF, {}) == 0.0


def test_rows_of_models_of_different_depth_meet_at_the_same_depth():
    shallow, deep = [0.0, 0.5, 1.0], [0.0, 0.25, 0.5, 0.75, 1.0]
    assert aligned(shallow, deep, float) == [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]
    assert aligned(deep, shallow, float) == [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)]
    assert aligned([0.0, 0.5, 1.0], [0.0, 1 / 3, 2 / 3, 1.0], float) == [(0.0, 0.0), (0.5, 1 / 3), (1.0, 1.0)]
    assert aligned([], shallow, float) == []


@pytest.mark.parametrize(
    ("ranks", "shares", "clause"),
    [
        ((1, 7), (0.821, 0.02), "“London” falls from rank 1 (82.1%) to rank 7 (2.0%)"),
        ((1200, 3), (1e-6, 0.1), "“London” rises from rank 1,200 (under 0.1%) to rank 3 (10.0%)"),
        ((1, 1), (0.9, 0.4), "“London” falls from 90.0% to 40.0% and stays at rank 1"),
        ((3, 5), (0.007, 0.065), "“London” goes from rank 3 (0.7%) to rank 5 (6.5%)"),
        ((None, 1), (0.2, 0.5), "“London” rises from 20.0% to rank 1 (50.0%)"),
    ],
)
def test_a_move_in_words(ranks, shares, clause):
    assert moved("·London", ranks, shares) == clause


@pytest.mark.parametrize(
    ("ranks", "shares", "seen"),
    [
        ((1, 1), (0.5, 0.53), True),
        ((1, 1), (0.5, 0.51), False),
        ((4, 3), (0.063, 0.065), False),
        ((145, 143), (1e-5, 1.05e-5), False),
        ((57, 68), (1e-5, 1e-6), False),
        ((20, 80), (1e-3, 1e-4), True),
        ((1, 2), (0.011, 0.009), True),
        ((None, 3), (0.011, 0.009), False),
    ],
)
def test_what_rounding_moves_is_no_finding(ranks, shares, seen):
    assert has_moved(ranks, shares) is seen


def test_probabilities_keep_the_digits_that_can_be_told_apart():
    assert [rounded(one) for one in (0.123456789, 1.2345678e-9, 0.99999949, 1.0000001, 0.0)] == [
        0.123457,
        1.235e-9,
        0.999999,
        1.0,
        0.0,
    ]


def test_outcomes_of_one_label_are_one_event():
    assert listed([("a", 0.2), ("b", 0.3), ("a", 0.25), ("c", 0.0)]) == {"a": 0.45, "b": 0.3}


def test_the_first_choice_does_not_depend_on_the_order_of_a_file():
    assert first_of({"b": 0.4, "a": 0.4, "c": 0.2}) == first_of({"c": 0.2, "a": 0.4, "b": 0.4}) == "a"


def test_a_long_text_is_cut_and_stands_on_one_line():
    assert quoted("a\n b") == "“a b”"
    assert len(quoted("word " * 100)) < 84
