"""Activations whose graph is one product: the same values, the same gradients, and nothing else is taken for one."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from transformers.activations import ACT2FN

from ecco_reports.models.pointwise import Pointwise
from ecco_reports.records import Decoding
from tests import tiny
from tests.models import families

pytestmark = pytest.mark.usefixtures("one_thread")


class Depends(nn.Module):
    """A function of numbers that depends on the others: every number is divided by the largest."""

    def forward(self, given):
        return torch.tanh(given / given.abs().max())


class Running(nn.Module):
    def forward(self, given):
        return torch.tanh(given.cumsum(-1))


class Positions(nn.Module):
    def forward(self, given):
        return given * torch.arange(given.shape[-1])


def nodes(output):
    """The operations between an output and its leaves."""
    seen, queue = set(), [output.grad_fn]
    while queue:
        if (node := queue.pop()) is not None and node not in seen:
            seen.add(node)
            queue += [following for following, _ in node.next_functions]
    return len(seen)


def both(module, given):
    """What a module says and its gradients, as it is and shortened."""
    pointwise, found = Pointwise(nn.Sequential(module)), []
    for shorten in (False, True):
        leaf = given.clone().requires_grad_(True)
        # An activation never reads a leaf in a model.
        if shorten:
            with pointwise.shortened():
                output = module(leaf * 1.0)
        else:
            output = module(leaf * 1.0)
        (slope,) = torch.autograd.grad(
            (output * torch.arange(output.numel()).reshape(output.shape)).sum(), leaf, retain_graph=True
        )
        found.append((output.detach(), slope, nodes(output)))
    return found


@pytest.mark.parametrize("name", ["gelu_new", "gelu", "silu", "relu", "relu2", "quick_gelu", "tanh", "sigmoid"])
def test_an_activation_keeps_its_values_and_its_slope(name):
    torch.manual_seed(0)
    (plain, slope, long), (same, again, short) = both(ACT2FN[name], torch.randn(2, 3, 40))
    assert torch.equal(plain, same)
    assert again.numpy() == pytest.approx(slope.numpy(), rel=1e-5, abs=1e-5)
    if name == "gelu_new":
        assert short < long


@pytest.mark.parametrize(
    "module", [nn.Softmax(-1), nn.LayerNorm(40, elementwise_affine=False), Depends(), Running(), Positions()]
)
def test_what_looks_at_other_numbers_is_left_alone(module):
    torch.manual_seed(0)
    (plain, slope, long), (same, again, short) = both(module, torch.randn(2, 3, 40))
    assert torch.equal(plain, same)
    assert torch.equal(slope, again)
    assert short == long


def test_a_part_with_weights_is_no_activation():
    assert not Pointwise(nn.Sequential(nn.Linear(3, 3), nn.PReLU()))._parts


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_block_of_a_model_is_shortened_and_hooks_are_taken_away(family):
    model = tiny.build(family)
    pointwise = Pointwise(model)
    embedded = model.get_input_embeddings()(torch.tensor([[3, 4, 5]])).requires_grad_(True)
    with pointwise.shortened():
        model(inputs_embeds=embedded)
    assert sum(pointwise._known.values()) >= tiny.LAYERS
    assert not any(part._forward_hooks for part in model.modules())


@pytest.mark.parametrize("name", ["BERT", "T5", "Mixtral", "BERT (classifier)", "GPT-2 (classifier)"])
def test_gradients_through_it_are_those_of_the_plain_model(name):
    ours = families.wrapped(name)
    reading = ours.read(families.PROMPTS[ours.family], Decoding(max_new_tokens=1))
    inputs, place = ours.embed(reading), reading.spoken[-1].place
    found = []
    for say in (
        lambda e: ours.logits_and_origin(reading, e, [place])[0],
        lambda e: ours.logits_from_embeddings(reading, e, [place]),
    ):
        leaf = inputs[None].clone().requires_grad_(True)
        (slope,) = torch.autograd.grad(say(leaf).log_softmax(-1)[0, 0, 1], leaf)
        found.append(slope)
    assert found[0].numpy() == pytest.approx(found[1].numpy(), abs=1e-5 * max(1.0, float(found[1].abs().max())))
