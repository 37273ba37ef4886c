from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecco_reports.history.steps import _PRICE, _PRICE_PER_LOG, FEWEST, SHORTEST, _costs, levels, waver


def bounds(values, noise=0.0):
    return [level.start for level in levels(values, noise)[1:]]


@pytest.mark.parametrize("count", [6, 12, 40])
@pytest.mark.parametrize("kind", ["normal", "laplace", "t"])
def test_noise_without_a_step_has_none_in_ninety_five_percent(count, kind):
    rng = np.random.default_rng(count)
    draw = {"normal": rng.normal, "laplace": rng.laplace, "t": lambda size: rng.standard_t(3, size=size)}[kind]
    found = sum(bool(bounds(draw(size=count))) for _ in range(500))
    assert found <= 25


def test_one_step_of_two_deviations_is_found_near_its_place():
    rng = np.random.default_rng(7)
    places = []
    for _ in range(100):
        values = rng.normal(size=60)
        values[30:] += 2
        places.append(bounds(values))
    right = [found for found in places if len(found) == 1 and abs(found[0] - 30) <= 3]
    assert len(right) >= 90


@pytest.mark.parametrize("place", [0, 1, 9, 18, 19])
@pytest.mark.parametrize("noise", [0.0, 0.1])
def test_a_single_outlier_is_no_step(place, noise):
    values = np.random.default_rng(place).normal(size=20) * noise
    values[place] += 100
    assert bounds(values) == []


def test_a_step_of_a_metric_that_never_wavers_is_found_at_its_second_commit():
    assert bounds([0.0] * 6 + [0.5]) == []
    assert bounds([0.0] * 6 + [0.5, 0.5]) == [6]


def test_two_steps_by_hand():
    found = levels([1, 1, 1, 5, 5, 5, 5, 2, 2, 2])
    assert [(level.start, level.stop, level.value) for level in found] == [(0, 3, 1), (3, 7, 5), (7, 10, 2)]


def test_what_is_within_the_noise_is_no_step():
    assert bounds([0.0] * 10 + [0.05] * 10, noise=0.1) == []
    assert bounds([0.0] * 10 + [0.3] * 10, noise=0.1) == [10]


@pytest.mark.parametrize("values", [[3.0], [1.0, 9.0], [1.0, 1.0, 9.0, 9.0], [2.0] * 30])
def test_few_numbers_and_equal_ones_have_one_level(values):
    (level,) = levels(values)
    assert (level.start, level.stop) == (0, len(values))
    assert level.value == np.median(values)


def test_of_a_long_history_the_latest_commits_are_looked_at():
    values = [0.0] * 500 + [7.0] * 20
    assert [(level.start, level.stop) for level in levels(values)] == [(0, 500), (500, 520)]


def test_how_much_a_series_wavers_is_its_standard_deviation_whatever_its_steps():
    values = np.random.default_rng(0).normal(size=400) * 3
    values[200:] += 50
    assert waver(values) == pytest.approx(3, rel=0.15)
    assert waver([1.0, 1.0, 1.0], noise=0.3) == pytest.approx(0.1)


NUMBERS = st.lists(st.integers(-20, 20).map(float), min_size=FEWEST, max_size=9)


@settings(deadline=None)
@given(NUMBERS)
def test_costs_are_distances_to_the_median(values):
    costs = _costs(np.asarray(values))
    for start, stop in itertools.combinations(range(len(values) + 1), 2):
        stretch = np.asarray(values[start:stop])
        assert costs[start, stop] == pytest.approx(np.abs(stretch - np.median(stretch)).sum())


@settings(deadline=None)
@given(NUMBERS)
def test_no_other_fit_is_cheaper(values):
    series = np.asarray(values)
    price = _PRICE + _PRICE_PER_LOG * np.log(len(values))

    def cost(cuts):
        parts = np.split(series, cuts)
        distances = sum(np.abs(part - np.median(part)).sum() for part in parts) / waver(values)
        return distances + price * len(cuts) if min(map(len, parts)) >= SHORTEST else np.inf

    ways = itertools.chain.from_iterable(
        itertools.combinations(range(1, len(values)), number) for number in range(len(values) // 2)
    )
    assert cost(bounds(values)) == pytest.approx(min(cost(list(cuts)) for cuts in ways), abs=1e-6)
