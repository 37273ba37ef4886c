"""The probes behind the cards, against hand calculations and scikit-learn."""

import random

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from ecco_reports.models.bundled.recipe import inside
from ecco_reports.models.bundled.recipe.inside import (
    favors_entity_per_token,
    induction_heads,
    integrated_gradients,
    named_factors,
    previous_token_heads,
    puts_entity_first,
    strongest_is_entity,
)

WORDS = ["The", " capital", " of", " Japan", " is"]
IS_ENTITY = [False, False, False, True, False]


def test_the_contributions_to_a_product_are_what_the_integral_gives() -> None:
    inputs = torch.tensor([[2.0, 0.0], [3.0, 1.0]])
    found = integrated_gradients(lambda points: points[:, 0, 0] * points[:, 1, 0], inputs, torch.zeros(2, 2), 100)
    assert found.sum(-1).tolist() == pytest.approx([3.0, 3.0], abs=1e-4)


def test_contributions_add_up_to_the_change_of_the_score() -> None:
    generator = torch.Generator().manual_seed(0)
    inputs, baseline = (torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    score = lambda points: points.sin().sum((1, 2)).exp()  # noqa: E731
    found = integrated_gradients(score, inputs, baseline, 400)
    change = score(inputs[None]) - score(baseline[None])
    assert float(found.sum()) == pytest.approx(float(change), rel=1e-4)


@pytest.mark.parametrize(
    ("contributions", "per_token", "than_any", "than_all"),
    [
        ([0.1, 5.0, 0.1, 0.5, -0.1], True, True, True),
        ([0.1, 0.0, 0.3, -0.4, 0.1], True, True, False),
        ([0.0, 0.0, 0.6, 0.4, 0.0], True, False, False),
        ([0.6, 0.0, 0.6, 0.4, -0.6], False, False, False),
    ],
)
def test_the_entity_is_compared_with_the_function_words(
    contributions: list[float], per_token: bool, than_any: bool, than_all: bool
) -> None:
    values = torch.tensor(contributions)
    assert favors_entity_per_token(values, IS_ENTITY, WORDS) == per_token
    assert strongest_is_entity(values, IS_ENTITY, WORDS) == than_any
    assert puts_entity_first(values, IS_ENTITY, WORDS) == than_all


def test_a_head_that_looks_one_back_is_found() -> None:
    attentions = torch.full((2, 2, 8, 8), 0.01)
    attentions[1, 0] = torch.eye(8).roll(-1, dims=1) * 0.9
    best, *_ = previous_token_heads(attentions)
    assert (best.layer, best.head) == (1, 0)
    assert best.score == pytest.approx(0.9)


def test_a_head_that_looks_behind_the_last_occurrence_is_found() -> None:
    period, length = 4, 8
    attentions = torch.full((1, 3, length, length), 0.01)
    for query in range(period, length):
        attentions[0, 2, query, query - period + 1] = 0.8
    best, *others = induction_heads(attentions, period)
    assert (best.head, best.score) == (2, pytest.approx(0.8))
    assert others[0].score < 0.1


def test_average_precision_is_that_of_scikit_learn() -> None:
    rng = random.Random(4)
    members = [rng.random() < 0.3 for _ in range(60)]
    strength = np.array([rng.random() + 0.3 * member for member in members])
    expected = average_precision_score(members, strength)
    assert inside._average_precision(strength, members) == pytest.approx(expected)


def test_chance_is_the_mean_over_random_orders() -> None:
    members = [True] * 5 + [False] * 15
    generator = np.random.default_rng(5)
    drawn = [inside._average_precision(generator.random(20), members) for _ in range(4_000)]
    assert inside._chance(members) == pytest.approx(float(np.mean(drawn)), abs=0.01)


def test_factors_that_were_put_in_are_named() -> None:
    generator = np.random.default_rng(6)
    tokens = [f"{kind}{number}" for kind in "abc" for number in range(10)]
    classes = {kind: [token.startswith(kind) for token in tokens] for kind in "abc"}
    patterns = np.array([[float(member) for member in members] for members in classes.values()])
    activations = (generator.random((40, 3)) @ patterns + 0.01 * generator.random((40, 30))).astype(np.float32)
    found = named_factors(activations, tokens, classes, factors=3)
    assert sorted(factor.name for factor in found) == ["a", "b", "c"]
    assert all(factor.is_nameable and factor.precision > 0.99 for factor in found)


def test_noise_has_no_name() -> None:
    generator = np.random.default_rng(7)
    tokens = [str(number) for number in range(60)]
    classes = {"some": [number % 6 == 0 for number in range(60)]}
    found = named_factors(generator.random((30, 60)).astype(np.float32), tokens, classes, factors=4)
    assert not any(factor.is_nameable for factor in found)
