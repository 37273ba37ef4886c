"""Games whose curves are known on paper, and the definitions of the papers written down as loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.methods.faithfulness import (
    EVERY_ORDER_UP_TO,
    SMALL,
    Grid,
    Standing,
    interval_of,
    measures_of,
    random_orders,
    ranked,
    removal_scores,
    removal_texts,
    removals,
    standing_of,
)
from ecco_reports.methods.perturbation import Remembered, Scored

PAPER = (1, 5, 10, 20, 50)
VALUES = np.array([0.25, -0.125, 0.5, 0.0, 0.0625, 0.125])


def additive(kept):
    """Each unit adds its own value, whatever else is there."""
    return Scored((kept @ VALUES[: kept.shape[1]] + 0.1)[:, None], np.zeros((len(kept), 1), bool))


def tangled(kept):
    """Two scores in which units depend on each other."""
    sign = np.where(kept, 1.0, -1.0)
    first = np.tanh(sign[:, 0] * sign[:, 1] + 0.7 * sign.sum(1) - sign[:, -1])
    values = np.stack([first, np.cos(sign @ np.arange(kept.shape[1]))], 1)
    return Scored(values, np.zeros(values.shape, bool))


def curves(scorer, orders, grid, target=0):
    found = removal_scores(scorer, np.asarray(orders), grid).values[..., target]
    return found[:, 0], found[:, 1]


def by_the_book(score, order, percents):
    """Comprehensiveness and sufficiency as DeYoung et al. write them, and both areas, one text at a time."""
    units = len(order)

    def of(units_kept):
        kept = np.zeros((1, units), bool)
        kept[0, list(units_kept)] = True
        return float(score(kept).values[0, 0])

    everything = of(range(units))
    comprehensiveness, sufficiency = [], []
    for count in sorted({max(1, math.ceil(units * percent / 100)) for percent in percents}):
        rationale = set(order[:count])
        comprehensiveness.append(everything - of(set(range(units)) - rationale))
        sufficiency.append(everything - of(rationale))
    deletion = [of(order[count:]) for count in range(units + 1)]
    insertion = [of(order[:count]) for count in range(units + 1)]
    areas = [
        sum((left + right) / 2 for left, right in itertools.pairwise(one)) / units for one in (deletion, insertion)
    ]
    return np.mean(comprehensiveness), np.mean(sufficiency), *areas


@pytest.mark.parametrize("units", [2, 5, 8, 11])
def test_measures_are_those_of_the_papers(units):
    rng = np.random.default_rng(units)
    grid = Grid.of(units, PAPER, steps=units)
    orders = [rng.permutation(units) for _ in range(5)]
    measures = measures_of(*curves(tangled, orders, grid), grid)
    for index, order in enumerate(orders):
        expected = by_the_book(tangled, order.tolist(), PAPER)
        found = (measures.comprehensiveness, measures.sufficiency, measures.deletion, measures.insertion)
        assert [one[index] for one in found] == pytest.approx(expected, abs=1e-12)
        assert measures.gap[index] == pytest.approx(expected[3] - expected[2], abs=1e-12)


@pytest.mark.parametrize(
    ("units", "shares"), [(2, (1,)), (5, (1, 3)), (8, (1, 2, 4)), (20, (1, 2, 4, 10)), (200, (2, 10, 20, 40, 100))]
)
def test_shares_are_whole_units_and_each_number_counts_once(units, shares):
    assert Grid.of(units, PAPER, 20).shares == shares


def test_a_share_that_is_a_whole_number_is_not_rounded_up_by_rounding_errors():
    # 7 % of 100 is 7.000000000000001 in binary.
    assert Grid.of(100, (7.0, 29.0, 58.0), 20).shares == (7, 29, 58)


@given(st.integers(2, 300), st.integers(2, 60), st.lists(st.floats(0.01, 100), min_size=1, max_size=6))
def test_a_grid_goes_from_nothing_to_everything_and_can_be_read_from_either_end(units, steps, percents):
    grid = Grid.of(units, percents, steps)
    counts = np.array(grid.counts)
    assert (counts[0], counts[-1]) == (0, units)
    assert (np.diff(counts) > 0).all()
    assert {*grid.counts} == {units - count for count in grid.counts}
    assert {*grid.shares} <= {*grid.counts} - {0}
    if steps >= units:
        assert grid.counts == tuple(range(units + 1))


def test_the_curves_begin_and_end_where_they_must():
    grid = Grid.of(6, PAPER, 20)
    deletion, insertion = curves(additive, [[2, 0, 5, 4, 3, 1]], grid)
    assert deletion[0] == pytest.approx([0.9125, 0.4125, 0.1625, 0.0375, -0.025, -0.025, 0.1])
    assert insertion[0] == pytest.approx([0.1, 0.6, 0.85, 0.975, 1.0375, 1.0375, 0.9125])


def test_what_is_left_when_units_go_is_what_comes_in_by_the_reverse_order():
    order = np.array([3, 1, 4, 0, 2, 6, 5])
    grid = Grid.of(7, PAPER, 4)
    kept = removals(np.stack([order, order[::-1]]), grid)
    assert (kept[0, 0] == kept[1, 1][::-1]).all()
    deletion, insertion = curves(tangled, [order, order[::-1]], grid)
    assert deletion[0].tolist() == insertion[1][::-1].tolist()
    first, second = measures_of(deletion, insertion, grid).gap
    assert first == pytest.approx(-second, abs=1e-12)


def test_in_an_additive_game_nothing_beats_the_true_ranking():
    grid = Grid.of(6, PAPER, 20)
    measures = measures_of(*curves(additive, random_orders(6, 20, 0), grid), grid)
    true = measures_of(*curves(additive, [np.argsort(-VALUES)], grid), grid)
    assert true.comprehensiveness == measures.comprehensiveness.max()
    assert true.sufficiency == measures.sufficiency.min()
    assert true.deletion == measures.deletion.min()
    assert true.gap == measures.gap.max()


def test_the_z_of_an_additive_game_is_known_on_paper():
    # A unit at place p of n is kept for (p + 1/2) / n of the deletion curve, and for the rest of the insertion curve,
    # so the gap is the sum of value times (n - 2 p - 1) / n. Over all orders that has the mean 0 and the variance of a
    # permutation statistic (Hoeffding 1951): sum of squares times sum of squares by n - 1.
    units = len(VALUES)
    grid = Grid.of(units, PAPER, 20)
    order = np.array([0, 2, 5, 1, 4, 3])
    weights = (units - 2 * np.arange(units) - 1) / units
    gap = (VALUES[order] * weights).sum()
    variance = ((VALUES - VALUES.mean()) ** 2).sum() * (weights**2).sum() / (units - 1)
    mine = measures_of(*curves(additive, [order], grid), grid).gap[0]
    every = measures_of(*curves(additive, random_orders(units, 20, 0), grid), grid).gap
    standing = standing_of(mine, every, higher_is_better=True, exact=True)
    assert mine == pytest.approx(gap)
    assert standing.z == pytest.approx(gap / math.sqrt(variance))
    assert standing.mean == pytest.approx(0, abs=1e-12)


def test_the_mean_of_all_orders_is_the_mean_of_all_texts_of_a_length():
    units = 5
    grid = Grid.of(units, PAPER, 20)
    deletion, insertion = curves(tangled, random_orders(units, 20, 0), grid)
    for count in range(units + 1):
        kept = np.zeros((math.comb(units, count), units), bool)
        for row, chosen in enumerate(itertools.combinations(range(units), count)):
            kept[row, list(chosen)] = True
        expected = tangled(kept).values[:, 0].mean()
        assert insertion[:, count].mean() == pytest.approx(expected)
        assert deletion[:, units - count].mean() == pytest.approx(expected)


def test_few_units_are_compared_with_all_their_orders():
    orders = random_orders(4, 20, 0)
    assert {*map(tuple, orders.tolist())} == {*itertools.permutations(range(4))}
    assert len(random_orders(EVERY_ORDER_UP_TO, 20, 0)) == 720


def test_more_units_are_compared_with_random_orders_and_their_reverses():
    orders = random_orders(9, 51, 3)
    assert orders.shape == (52, 9)
    assert (np.sort(orders, axis=1) == np.arange(9)).all()
    assert (orders[::2] == orders[1::2, ::-1]).all()
    assert orders.tolist() == random_orders(9, 51, 3).tolist()
    assert orders.tolist() != random_orders(9, 51, 4).tolist()
    # Every unit comes first about equally often: 4000 draws, 444 each on average, standard deviation 20.
    firsts = np.bincount(random_orders(9, 4000, 0)[:, 0])
    assert abs(firsts - 4000 / 9).max() < 90


def test_the_gaps_of_random_orders_are_spread_evenly_around_zero():
    grid = Grid.of(9, PAPER, 20)
    gaps = measures_of(*curves(tangled, random_orders(9, 40, 1), grid), grid).gap
    assert gaps.mean() == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(("units", "steps", "random"), [(3, 20, 20), (6, 20, 100), (9, 20, 30), (30, 10, 20)])
def test_no_more_texts_are_scored_than_promised(units, steps, random):
    grid = Grid.of(units, PAPER, steps)
    scores = Remembered(tangled)
    mine = np.stack([np.random.default_rng(seed).permutation(units) for seed in range(3)])
    scores(np.concatenate([np.ones((1, units), bool), ~np.eye(units, dtype=bool)]))
    orders = random_orders(units, random, 0)
    removal_scores(scores, np.concatenate([mine, orders]), grid)
    promised = sum(removal_texts(grid, rankings=3, orders=orders).values())
    assert scores.asked <= promised
    # Nearly all of them, where texts are too many to meet twice.
    assert scores.asked == promised if units <= EVERY_ORDER_UP_TO else scores.asked > 0.8 * promised


def test_ties_are_broken_by_chance_and_not_by_the_order_of_the_text():
    assert ranked(np.array([1.0, 3.0, 2.0]), np.random.default_rng(0)).tolist() == [1, 2, 0]
    first = {int(ranked(np.zeros(5), np.random.default_rng(seed))[0]) for seed in range(50)}
    assert first == {0, 1, 2, 3, 4}
    assert ranked(np.array([0.0, 0.0, 9.0, 0.0]), np.random.default_rng(1))[0] == 2


def test_standing_counts_what_is_beaten_and_what_is_level():
    random = np.array([0.1, 0.2, 0.3, 0.3, 0.4])
    high = standing_of(0.3, random, higher_is_better=True, exact=False)
    low = standing_of(0.3, random, higher_is_better=False, exact=False)
    assert (high.better, high.level, high.orders) == (2, 2, 5)
    assert (low.better, low.level) == (1, 2)
    assert high.z == pytest.approx((0.3 - 0.26) / random.std())
    assert low.z == pytest.approx(-high.z)


@pytest.mark.parametrize(
    ("exact", "better", "level", "luck", "bad_luck"),
    [
        (True, 719, 1, 1 / 720, 1.0),
        (True, 0, 720, 1.0, 1.0),
        (False, 100, 0, 1 / 101, 1.0),
        (False, 95, 0, 6 / 101, 96 / 101),
        (False, 0, 0, 1.0, 1 / 101),
    ],
)
def test_luck_is_how_often_chance_does_as_well(exact, better, level, luck, bad_luck):
    standing = Standing(better, level, 720 if exact else 100, exact, 0.0, -1.0, 1.0, 0.0)
    assert standing.luck == pytest.approx(luck)
    assert standing.bad_luck == pytest.approx(bad_luck)


@given(st.integers(20, 130), st.integers(0, 2**20), st.booleans(), st.booleans())
def test_beyond_the_ends_of_the_middle_a_ranking_is_told_from_chance_and_within_it_is_not(orders, seed, exact, higher):
    random = np.random.default_rng(seed).normal(size=orders)
    # Of all orders the ranking is one; beside drawn ones it may be anywhere.
    value = random[0] if exact else np.random.default_rng(seed + 1).normal()
    standing = standing_of(value, random, higher, exact)
    good, bad = (standing.luck <= SMALL, standing.bad_luck <= SMALL)
    above, below = value > standing.high, value < standing.low
    assert (good, bad) == ((above, below) if higher else (below, above))


def test_orders_that_all_do_the_same_have_no_z():
    standing = standing_of(0.5, np.full(20, 0.5), higher_is_better=True, exact=False)
    assert (standing.z, standing.better, standing.level) == (None, 0, 20)


def test_the_interval_of_a_mean_holds_it_and_narrows_with_more_values():
    few, many = (np.random.default_rng(0).normal(size=count) for count in (5, 500))
    for values in (few, many):
        low, high = interval_of(values, seed=0)
        assert low < values.mean() < high
    low, high = interval_of(many, seed=0)
    # Of 500 draws with a standard deviation near 1 the mean's 95 % interval is 2 * 1.96 / sqrt(500) = 0.175 wide.
    assert high - low == pytest.approx(2 * 1.96 * many.std() / math.sqrt(500), rel=0.1)
    assert interval_of(np.array([2.0, 2.0]), seed=0) == (2.0, 2.0)
