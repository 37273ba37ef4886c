from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from ecco_reports.methods.distributions import Distribution


@pytest.fixture
def logits():
    return torch.from_numpy(np.random.default_rng(0).normal(scale=4.0, size=(3, 5, 50)))


def softmax(logits):
    weights = np.exp(logits - logits.max(-1, keepdims=True))
    return weights / weights.sum(-1, keepdims=True)


def test_a_fair_coin_has_one_bit():
    assert Distribution.of(torch.zeros(1, 2)).entropy().item() / math.log(2) == pytest.approx(1.0)


def test_a_certain_choice_has_no_entropy():
    assert Distribution.of(torch.tensor([[1000.0, 0.0, 0.0]])).entropy().item() == 0.0


def test_statistics_are_those_of_numpy(logits):
    p = softmax(logits.numpy())
    here = Distribution.of(logits)
    tokens = torch.from_numpy(np.random.default_rng(1).integers(0, 50, (3, 5)))
    chosen = np.take_along_axis(p, tokens.numpy()[..., None], -1)[..., 0]
    assert here.entropy().numpy() == pytest.approx(-(p * np.log(p)).sum(-1), abs=1e-12)
    assert here.logprob(tokens).numpy() == pytest.approx(np.log(chosen), abs=1e-12)
    assert here.rank(tokens).numpy().tolist() == (1 + (p > chosen[..., None]).sum(-1)).tolist()
    assert here.log_normalizer.numpy() == pytest.approx(np.log(np.exp(logits.numpy()).sum(-1)), abs=1e-12)


def test_divergence_is_that_of_numpy_and_goes_from_the_other_to_this_one(logits):
    p, q = softmax(logits[0].numpy()), softmax(logits[1].numpy())
    found = Distribution.of(logits[1]).divergence_from(Distribution.of(logits[0]))
    assert found.numpy() == pytest.approx((p * np.log(p / q)).sum(-1), abs=1e-12)
    same = Distribution.of(logits[0])
    assert same.divergence_from(same).abs().max() < 1e-12


def test_equal_logits_share_the_better_rank():
    assert Distribution.of(torch.tensor([[3.0, 5.0, 3.0, 1.0]])).rank(torch.tensor([2])).item() == 2


def test_the_most_probable_come_in_order_and_never_more_than_there_are():
    tokens, probabilities = Distribution.of(torch.tensor([[0.0, math.log(3.0)]])).most_probable(10)
    assert tokens.tolist() == [[1, 0]]
    assert probabilities.tolist() == [pytest.approx([0.75, 0.25])]


def test_the_nucleus_is_the_smallest_set_that_holds_the_mass():
    halves = torch.tensor([[0.5, 0.25, 0.125, 0.0625, 0.0625]]).log()
    assert Distribution.of(halves).nucleus_size(0.9).item() == 4
    assert Distribution.of(halves).nucleus_size(0.5).item() == 1


def test_nothing_is_said_of_no_distribution():
    empty = Distribution.of(torch.zeros(0, 7))
    assert empty.entropy().shape == (0,)
    assert empty.rank(torch.zeros(0, dtype=torch.long)).shape == (0,)


def test_looking_at_a_distribution_leaves_the_logits_alone(logits):
    before = logits.clone()
    here = Distribution.of(logits)
    here.entropy(), here.rank(torch.zeros(3, 5, dtype=torch.long)), here.divergence_from(here), here.nucleus_size(0.9)
    assert torch.equal(logits, before)
