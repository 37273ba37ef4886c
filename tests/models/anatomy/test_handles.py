"""What handles are on hand-made blocks whose answers are known on paper, and how they behave in use."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from ecco_reports.models.anatomy import explore, trace_blocks
from ecco_reports.models.anatomy.record import AbsentError, record
from ecco_reports.models.anatomy.writes import find_writers
from ecco_reports.models.base import AttentionKind, Capability
from ecco_reports.records import Family
from tests import zoo

pytestmark = pytest.mark.usefixtures("one_thread")

IDENTITIES = torch.eye(4)


def linear(out, into, seed):
    module = nn.Linear(into, out)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed)))
    return module


class Mixer(nn.Module):
    """Adds up all positions before it: not an MLP, though it looks like one."""

    def __init__(self):
        super().__init__()
        self.up, self.down = linear(6, 4, 1), linear(4, 6, 2)

    def forward(self, x):
        return self.down(self.up(x).cumsum(1))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.down = linear(6, 4, 3), linear(4, 6, 4)

    def forward(self, x):
        return self.down(self.up(x).tanh())


class Block(nn.Module):
    def __init__(self, *parts, scales=(1.0, 1.0), norm=False):
        super().__init__()
        self.parts, self.scales = nn.ModuleList(parts), scales
        self.norm = nn.LayerNorm(4) if norm else None

    def forward(self, hidden_states):
        for part, scale in zip(self.parts, self.scales, strict=False):
            hidden_states = hidden_states + scale * part(hidden_states)
        return hidden_states if self.norm is None else self.norm(hidden_states)


class Model(nn.Module):
    def __init__(self, *blocks):
        super().__init__()
        self.blocks, self.head = nn.ModuleList(blocks), linear(5, 4, 9)

    def forward(self, x, output_attentions=False):
        for block in self.blocks:
            x = block(x)
        return self.head(x)


def anatomy_of(*blocks):
    model = Model(*blocks)
    text = torch.randn(1, 5, 4, generator=torch.Generator().manual_seed(7))
    return model, explore(model, Family.CAUSAL, lambda: model(text), None)


def test_neurons_are_what_each_position_computes_by_itself():
    model, found = anatomy_of(Block(Mixer(), Mlp()), Block(Mixer(), Mlp()))
    assert [found.neurons.layers[layer].module for layer in (0, 1)] == [block.parts[1].down for block in model.blocks]
    assert found.neurons.layers[0].written.shape == (6, 4)
    state = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(8))
    between = state + model.blocks[0].parts[0](state)
    activations = found.neurons.activations(lambda: model(state))
    assert torch.allclose(activations[0], model.blocks[0].parts[1].up(between).tanh())


def test_what_mixes_positions_has_no_neurons():
    _, found = anatomy_of(Block(Mixer()), Block(Mixer()))
    assert found.neurons is None
    assert found.reasons[Capability.NEURONS] == "the last projection of a block reads what was mixed over positions"


def test_writers_are_found_with_their_multipliers():
    _, found = anatomy_of(Block(Mixer(), Mlp(), scales=(0.25, 3.0)), Block(Mixer(), Mlp()))
    first, second = found.writes.layers
    assert [writer.path for writer in first] == ["parts.0", "parts.1"]
    assert [writer.scale for writer in first] == pytest.approx([0.25, 3.0], rel=1e-5)
    assert [writer.scale for writer in second] == [1.0, 1.0]
    assert [writer.role for writer in first] == ["", "mlp"]


def test_parts_that_a_norm_follows_do_not_add_up():
    _, found = anatomy_of(Block(Mixer(), Mlp(), norm=True), Block(Mixer(), Mlp(), norm=True))
    assert "end in a norm" in found.reasons[Capability.WRITES]


def test_a_block_that_adds_more_than_three_parts_is_given_up():
    parts = [linear(4, 4, seed) for seed in range(4)]
    model = Model(Block(*parts, scales=(1, 1, 1, 1)))
    seen = record(model, lambda: model(torch.ones(1, 5, 4)))
    with pytest.raises(AbsentError, match="no one to three modules"):
        find_writers(seen, seen.of(model.blocks)[0], {}, 1e-5)


def test_blocks_that_do_not_hand_on_their_state_are_no_blocks():
    class Broken(Model):
        def forward(self, x, output_attentions=False):
            for block in self.blocks:
                x = 2 * block(x)
            return self.head(x)

    model = Broken(Block(Mlp()), Block(Mlp()))
    found = explore(model, Family.CAUSAL, lambda: model(torch.ones(1, 5, 4)), 2)
    assert found.blocks == ()
    assert "goes on where the one before it ended" in found.reasons[Capability.LAYER_READOUT]


def test_a_model_that_crashes_when_it_is_tried_keeps_its_other_handles():
    class Touchy(Model):
        def forward(self, x, output_attentions=False):
            if output_attentions:
                raise RuntimeError("not with me")
            return super().forward(x)

    model = Touchy(Block(Mixer(), Mlp()), Block(Mixer(), Mlp()))
    found = explore(model, Family.CAUSAL, lambda: model(torch.ones(1, 5, 4) + IDENTITIES[0]), 2)
    assert found.reasons == {Capability.ATTENTION: "the model does not run when it is tried (not with me)"}


@pytest.mark.parametrize("name", ["Llama", "BLOOM", "T5"])
def test_attention_can_be_differentiated(name):
    """The derivative by the weights of the first layer, against a step along them."""
    entry = zoo.BY_NAME[name]
    model = entry.build()
    model.get_input_embeddings().requires_grad_(True)
    forward = zoo.forward_of(model, entry.inputs())
    tap = explore(model, entry.family, forward, None).attention
    trace = tap.trace(forward)
    weights = trace.of(AttentionKind.SELF)[0].weights
    (slope,) = torch.autograd.grad(trace.logits[0, -1, 5], weights)
    assert slope.shape == weights.shape
    assert slope[..., -1, :].abs().max() > 0


@pytest.mark.parametrize("name", ["GPT-2", "Gemma 2", "Pegasus", "OPT", "Falcon"])
def test_texts_of_a_batch_do_not_see_each_other(name):
    entry, texts = zoo.BY_NAME[name], (zoo.TEXT, "when I hear the sound of summer rain")
    model = zoo.model(name)
    one, two = (entry.inputs(text) for text in texts)
    both = {key: torch.cat([one[key], two[key]]) for key in one}
    with torch.no_grad():
        found = explore(model, entry.family, zoo.forward_of(model, one), None)
        together, alone = zoo.forward_of(model, both), zoo.forward_of(model, two)
        for layer, activations in found.neurons.activations(together).items():
            assert torch.allclose(activations[1:], found.neurons.activations(alone)[layer], atol=1e-5)
        for many, single in zip(found.attention.trace(together).maps, found.attention.trace(alone).maps, strict=True):
            assert torch.allclose(many.weights[1:], single.weights, atol=1e-6)
        for many, single in zip(found.writes.written(together), found.writes.written(alone), strict=True):
            assert torch.allclose(torch.stack(many)[:, 1:], torch.stack(single), atol=1e-5)
        assert trace_blocks(found.blocks, together).states.shape[1] == 2
