"""Games whose values are known on paper; ``test_variants`` asks models."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from ecco_reports.methods.perturbation import (
    Remembered,
    Scored,
    is_exact,
    occlusion,
    shapley,
    shapley_variants,
)

WEIGHTS = np.array([[2.0, -1.0, 0.5, 3.0], [0.0, 1.0, 1.0, -4.0]])


class Game:
    """A scorer made of a function of one coalition; it counts how often it is asked."""

    def __init__(self, value, bounds=lambda kept: False):
        self.value, self.bounds, self.asked = value, bounds, []

    def __call__(self, kept):
        self.asked += [tuple(row) for row in kept.tolist()]
        values = np.array([np.atleast_1d(self.value(row)) for row in kept], dtype=float)
        bounds = np.array([np.full(values.shape[1], self.bounds(row)) for row in kept])
        return Scored(values, bounds)


def additive():
    return Game(lambda kept: WEIGHTS @ kept + 7)


def both_and(first, second):
    """1 if both are there: each deserves a half."""
    return Game(lambda kept: float(kept[first] and kept[second]))


def three_deep(kept):
    """Interactions of three, which no pair of opposite orders averages out."""
    return float(kept[0] and kept[1] and kept[2]) - 2.0 * float(kept[1] and kept[3] and kept[5]) + kept[4]


def by_definition(value, units):
    """Shapley's mean over all orders, written down as it is defined."""
    total = np.zeros(units)
    orders = list(itertools.permutations(range(units)))
    for order in orders:
        kept = np.zeros(units, bool)
        before = value(kept)
        for unit in order:
            kept[unit] = True
            total[unit] += value(kept) - before
            before = value(kept)
    return total / len(orders)


@pytest.mark.parametrize("samples", [4, 1000])
def test_where_units_only_add_up_every_method_finds_their_weights(samples):
    drawn = shapley(additive(), 4, samples=samples, seed=1)
    lost = occlusion(additive(), 4)
    assert drawn.contributions == pytest.approx(WEIGHTS, abs=1e-12)
    assert lost.contributions == pytest.approx(WEIGHTS, abs=1e-12)
    assert drawn.standard_errors == pytest.approx(np.zeros_like(WEIGHTS), abs=1e-12)
    assert lost.full.tolist() == drawn.full.tolist() == (WEIGHTS.sum(1) + 7).tolist()
    assert drawn.empty.tolist() == [7.0, 7.0]
    assert lost.empty is None


def test_two_that_are_worth_something_only_together_share_it_and_occlusion_counts_it_twice():
    assert shapley(both_and(0, 2), 3, samples=100, seed=0).contributions.tolist() == [[0.5, 0.0, 0.5]]
    assert occlusion(both_and(0, 2), 3).contributions.tolist() == [[1.0, 0.0, 1.0]]


def test_all_coalitions_give_the_mean_over_all_orders():
    found = shapley(Game(three_deep), 6, samples=100, seed=0)
    assert found.orders == 0
    assert found.variants == 64
    assert found.contributions[0] == pytest.approx(by_definition(three_deep, 6), abs=1e-12)


def test_a_pair_of_opposite_orders_is_exact_where_units_only_meet_in_twos():
    found = shapley(Game(lambda kept: float(kept[0] and kept[1]) + 3 * float(kept[2] and kept[7])), 8, 4, seed=5)
    assert found.orders == 4
    assert found.contributions[0] == pytest.approx([0.5, 0.5, 1.5, 0, 0, 0, 0, 1.5], abs=1e-12)
    assert found.standard_errors.max() < 1e-12


def test_drawn_contributions_add_up_exactly_and_lie_within_their_errors():
    exact = by_definition(three_deep, 6)
    found = shapley(Game(three_deep), 6, samples=8, seed=3)
    assert found.orders == 8
    assert found.contributions.sum() == pytest.approx(found.full[0] - found.empty[0], abs=1e-12)
    assert (np.abs(found.contributions[0] - exact) <= 4 * found.standard_errors[0] + 1e-12).all()
    assert found.standard_errors[0].max() > 0.05


def test_standard_errors_say_how_much_another_seed_would_change():
    found = [shapley(Game(three_deep), 6, samples=8, seed=seed) for seed in range(200)]
    spread = np.std([each.contributions[0] for each in found], axis=0, ddof=1)
    said = np.sqrt(np.mean([each.standard_errors[0] ** 2 for each in found], axis=0))
    assert said == pytest.approx(spread, rel=0.25)


def test_the_same_seed_draws_the_same_orders():
    first, again, other = (shapley(Game(three_deep), 6, 8, seed).contributions for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_an_odd_number_of_orders_is_rounded_up():
    assert shapley(Game(three_deep), 6, samples=7, seed=0).orders == 8


@pytest.mark.parametrize(
    ("units", "samples", "exact", "variants"),
    [
        (0, 4, True, 1),
        (1, 4, True, 2),
        (4, 4, False, 14),
        (9, 64, True, 512),
        (10, 64, False, 578),
        (80, 64, False, 5058),
    ],
)
def test_what_it_costs_is_known_before(units, samples, exact, variants):
    """2^units coalitions, or the two ends and what lies between them in each order; whichever is less."""
    assert is_exact(units, samples) is exact
    assert shapley_variants(units, samples) == variants
    game = Game(lambda kept: kept.sum())
    found = shapley(Remembered(game), units, samples, seed=0)
    assert len(game.asked) == found.variants
    assert found.variants == variants if exact else found.variants <= variants


def test_a_coalition_is_asked_about_once():
    game = Game(three_deep)
    scores = Remembered(game)
    whole = shapley(scores, 6, samples=100, seed=0)
    assert len(game.asked) == len(set(game.asked)) == 64
    lost = occlusion(scores, 6)
    assert len(game.asked) == 64
    assert lost.full.tolist() == whole.full.tolist()


def test_new_coalitions_of_a_call_are_asked_about_together():
    calls = []

    def scorer(kept):
        calls.append(len(kept))
        return Scored(np.zeros((len(kept), 1)), np.zeros((len(kept), 1), bool))

    occlusion(Remembered(scorer), 5)
    assert calls == [6]


def test_more_units_than_bits_of_a_byte_are_told_apart():
    assert occlusion(Remembered(Game(lambda kept: kept @ np.arange(20.0))), 20).contributions[0].tolist() == list(
        range(20)
    )


def test_an_upper_bound_makes_a_contribution_a_lower_one():
    """Where a server tells only "at most", what was left out there did at least so much."""
    game = Game(lambda kept: kept @ [1.0, 2.0, 3.0], bounds=lambda kept: not kept[1])
    lost = occlusion(game, 3)
    assert lost.at_least.tolist() == [[False, True, False]]
    assert lost.bounds == 1
    assert not lost.full_bounds.any()
    values = shapley(Game(game.value, game.bounds), 3, samples=100, seed=0)
    assert values.bounds == 4
    assert not values.at_least.any()


def test_a_prompt_without_units_is_a_score_and_no_contributions():
    found = occlusion(Game(lambda kept: 2.0), 0)
    assert found.contributions.shape == (1, 0)
    assert shapley(Game(lambda kept: 2.0), 0, 4, 0).empty.tolist() == [2.0]
