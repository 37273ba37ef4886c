"""The methods that captum computes: on games known on paper, and against captum on the transformers model itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from captum.attr import DeepLift, GradientShap, KernelShap, Lime
from torch import nn

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.captum_methods import deep_lift, gradient_shap, has_rules, kernel_shap, lime
from ecco_reports.methods.perturbation import Remembered, shapley
from ecco_reports.methods.targets import Target
from ecco_reports.methods.variants import Perturbed
from tests.methods.hand_made import HandMade
from tests.methods.test_gradients import TARGETS, case, reading_like
from tests.methods.test_perturbation import WEIGHTS, Game, additive, by_definition, three_deep
from tests.methods.test_variants import UNITS, by_hand, causal, said

pytestmark = pytest.mark.usefixtures("one_thread")


class WithModules(HandMade):
    """A model made of modules, which captum can see."""

    def __init__(self, module):
        super().__init__(lambda e: module(e).repeat(1, 2, 1))
        self.made_of = module

    module = property(lambda self: self.made_of)


def last_score(model, index):
    """captum's view of a causal model: embeddings to the log-probability of one target, by transformers alone."""
    return lambda e: model(inputs_embeds=e[:, : TARGETS[index].place + 1]).logits[:, -1].log_softmax(-1)


class Direct(nn.Module):
    """The transformers model as captum's tutorials use it."""

    def __init__(self, model, index):
        super().__init__()
        self.model, self.index = model, index

    def forward(self, embeddings):
        return last_score(self.model, self.index)(embeddings)


def test_deep_lift_is_complete_where_captum_has_a_rule_for_every_nonlinearity():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3), nn.Tanh(), nn.Unflatten(1, (1, 3)))
    model, inputs = WithModules(net), torch.randn(2, 2)
    found = deep_lift(
        model, reading_like(model, inputs), inputs, torch.zeros(2, 2), [Target(1, 0), Target(1, 2)], "logit"
    )
    assert found.vectors.sum((1, 2)).tolist() == pytest.approx(
        (found.scores - found.baseline_scores).tolist(), abs=1e-5
    )
    assert found.residuals.max() < 1e-4
    assert has_rules(model)


@pytest.mark.filterwarnings("ignore:Setting forward, backward hooks:UserWarning")
@pytest.mark.filterwarnings("ignore:Input Tensor 0 did not:UserWarning")
@pytest.mark.parametrize("family", ["gpt2", "neox"])
def test_deep_lift_is_that_of_captum_and_says_that_it_does_not_add_up(family):
    model, ours, reading, inputs = case(family)
    baseline = ours.mean_embedding().expand_as(inputs)
    found = deep_lift(ours, reading, inputs, baseline, TARGETS, "logprob")
    for index, target in enumerate(TARGETS):
        theirs = DeepLift(Direct(model, index)).attribute(inputs[None], baseline[None], target=target.token)[0]
        assert found.vectors[index].numpy() == pytest.approx(theirs.detach().numpy(), abs=1e-5)
    missed = (found.vectors.sum((1, 2)) - found.scores + found.baseline_scores).abs()
    assert found.residuals.max() > 0.1
    assert (found.residuals * (found.scores - found.baseline_scores).abs()).tolist() == pytest.approx(
        missed.tolist(), rel=1e-3
    )
    assert not has_rules(ours)


def test_a_part_that_runs_twice_is_refused_with_the_reason():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.act = nn.ReLU()

        def forward(self, e):
            return self.act(self.act(e) - 0.1)

    model, inputs = WithModules(Twice()), torch.ones(1, 2)
    with pytest.raises(CapabilityError, match="runs twice in a pass"):
        deep_lift(model, reading_like(model, inputs), inputs, torch.zeros(1, 2), [Target(0, 0)], "logit")


def test_gradient_shap_is_that_of_captum_with_the_same_draws():
    model, ours, reading, inputs = case("gpt2")
    baseline = ours.mean_embedding().expand_as(inputs)
    found = gradient_shap(ours, reading, inputs, baseline, TARGETS, "logprob", 16, 3)
    parts = []
    for part in range(8):
        torch.manual_seed(3 * 8 + part)
        np.random.seed(3 * 8 + part)
        method = GradientShap(last_score(model, 1))
        parts.append(method.attribute(inputs[None], baseline[None], 2, target=TARGETS[1].token)[0].detach())
    assert found.vectors[1].numpy() == pytest.approx(torch.stack(parts).mean(0).numpy(), abs=1e-5)
    assert found.parts.shape == (8, 3, *inputs.shape)


def test_gradient_shap_adds_up_within_what_chance_explains_and_comes_nearer_with_more_draws():
    _, ours, reading, inputs = case("gpt2")
    baseline = ours.mean_embedding().expand_as(inputs)
    few, many = (gradient_shap(ours, reading, inputs, baseline, TARGETS, "logprob", draws, 0) for draws in (8, 512))
    for found in (few, many):
        assert found.residuals.max() < 5
    gaps = [(each.vectors.sum((1, 2)) - each.scores + each.baseline_scores).abs().mean() for each in (few, many)]
    assert gaps[1] < gaps[0] / 3


def test_a_gradient_that_is_wrong_is_more_than_chance_explains():
    class Steeper(WithModules):
        def logits_from_embeddings(self, reading, embeddings, places):
            twice = 2 * embeddings - embeddings.detach()  # The same value with twice the slope.
            return super().logits_from_embeddings(reading, twice, places)

    model, inputs = Steeper(nn.Tanh()), torch.tensor([[1.5, 0.5]])
    found = gradient_shap(model, reading_like(model, inputs), inputs, torch.zeros(1, 2), [Target(0, 0)], "logit", 64, 0)
    assert found.residuals.item() > 5


def test_the_global_generators_are_given_back_as_they_were():
    torch.manual_seed(1)
    np.random.seed(1)
    expected = (torch.rand(1).item(), np.random.random())
    torch.manual_seed(1)
    np.random.seed(1)
    lime(additive(), 4, 32, 5)
    assert (torch.rand(1).item(), np.random.random()) == expected


def test_lime_finds_the_weights_of_a_linear_game_but_for_its_penalty():
    found = lime(additive(), 4, 400, 0)
    # A penalty of 0.01 takes 0.01 / variance = 0.04 from each weight of a fair coin, at most.
    assert np.abs(found.contributions - WEIGHTS).max() < 0.06
    assert found.misfit.max() < 0.01
    assert found.empty is None


def test_what_a_line_cannot_say_is_told():
    found = lime(Game(lambda kept: float(kept[0] != kept[1])), 2, 400, 0)
    assert found.misfit.item() > 0.9


def test_kernel_shap_finds_shapley_values_and_adds_up():
    found = kernel_shap(Game(three_deep), 6, 4000, 0)
    assert found.contributions[0] == pytest.approx(by_definition(three_deep, 6), abs=0.15)
    assert found.contributions.sum() == pytest.approx(float(found.full[0] - found.empty[0]), abs=1e-5)
    exact = kernel_shap(additive(), 4, 200, 0)
    assert exact.contributions == pytest.approx(WEIGHTS, abs=1e-4)
    assert exact.misfit.max() < 1e-6


@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_each_coalition_is_asked_about_once_and_the_seed_decides(method):
    game = Game(three_deep)
    found = method(Remembered(game), 6, 100, 7)
    assert len(game.asked) == len({*game.asked}) == found.variants
    assert found.orders == 100
    again, other = method(Game(three_deep), 6, 100, 7), method(Game(three_deep), 6, 100, 8)
    assert np.array_equal(found.contributions, again.contributions)
    assert not np.array_equal(found.contributions, other.contributions)


@pytest.mark.parametrize("method", [lime, kernel_shap])
def test_texts_of_one_unit_or_of_none_are_no_accident(method):
    assert method(Game(lambda kept: 1.0), 0, 16, 0).contributions.shape == (1, 0)
    one = method(Game(lambda kept: 3.0 * kept[0]), 1, 64, 0)
    assert one.contributions[0] == pytest.approx([3.0], abs=0.06)


@pytest.mark.parametrize(("ours", "theirs"), [(lime, Lime), (kernel_shap, KernelShap)])
def test_on_a_model_they_are_those_of_captum_on_shortened_texts(ours, theirs):
    module, model, reading = causal()
    scores = Perturbed(model, reading, UNITS, said(reading), "logprob").deleting()
    found = ours(Remembered(scores), len(UNITS), 64, 2)
    torch.manual_seed(2)

    def forward(kept):
        return torch.tensor([by_hand(module, reading, row) for row in (kept > 0.5).tolist()], dtype=torch.float64)

    expected = theirs(forward).attribute(torch.ones(1, len(UNITS)), target=1, n_samples=64, perturbations_per_eval=64)
    assert found.contributions[1] == pytest.approx(expected[0].numpy(), abs=1e-4)


def test_kernel_shap_of_a_model_comes_near_its_shapley_values():
    _, model, reading = causal()
    scores = Remembered(Perturbed(model, reading, UNITS, said(reading)[:1], "logprob").deleting())
    exact = shapley(scores, len(UNITS), 100, 0).contributions
    # Its draws are wasteful: a hundred exact scores of 14 texts are worth more than 2000 drawn ones.
    found = kernel_shap(scores, len(UNITS), 2000, 0).contributions
    assert np.abs(found - exact).max() < 0.1 * np.abs(exact).max()
