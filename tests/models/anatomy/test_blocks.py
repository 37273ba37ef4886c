from __future__ import annotations

import pytest
import torch
from torch import nn

from ecco_reports.models.anatomy import find_blocks, hidden_of, replaced_output, resumed, trace_blocks
from ecco_reports.models.anatomy.blocks import counted


class Block(nn.Module):
    def __init__(self, shift, extra=False, in_place=False):
        super().__init__()
        self.shift, self.extra, self.in_place = shift, extra, in_place
        self.weight = nn.Parameter(torch.ones(4))

    def forward(self, hidden_states):
        out = hidden_states.add_(self.shift) if self.in_place else hidden_states + self.shift
        return (out, "cache") if self.extra else out


class Stack(nn.Module):
    def __init__(self, *blocks, repeat=1):
        super().__init__()
        self.small = nn.ModuleList([nn.Identity(), nn.Identity()])
        self.blocks = nn.ModuleList(blocks)
        self.repeat = repeat

    def forward(self, x):
        for _ in range(self.repeat):
            for block in self.blocks:
                x = block(hidden_states=x)
                x = x[0] if isinstance(x, tuple) else x
        return 10 * x


def test_the_list_with_as_many_members_as_there_are_layers_wins():
    model = Stack(Block(1), Block(2), Block(3))
    model.others = nn.ModuleList([nn.Linear(100, 100), nn.Linear(100, 100)])
    assert find_blocks(model, 3) == tuple(model.blocks)


def test_without_a_number_the_heaviest_list_wins():
    model = Stack(Block(1), Block(2))
    assert find_blocks(model, None) == tuple(model.blocks)


def test_a_model_without_lists_has_no_blocks():
    assert find_blocks(nn.Linear(2, 2), 2) == ()


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("in_place", [False, True])
def test_states_are_what_went_in_and_what_came_out_of_each_block(extra, in_place):
    model = Stack(Block(1, extra, in_place), Block(2, extra, in_place))
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    assert [state.unique().tolist() for state in trace.states] == [[0.0], [1.0], [3.0]]
    assert trace.logits.unique().tolist() == [30.0]


def test_one_module_called_twice_makes_two_states():
    model = Stack(Block(1), repeat=2)
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    assert len(trace.states) == 3
    with replaced_output(model.blocks, trace.outputs, torch.full((1, 2, 3), 7.0)):
        assert model(torch.zeros(1, 2, 3)).unique().tolist() == [70.0]


def test_hooks_and_stubs_are_gone_afterwards_also_after_an_accident():
    model = Stack(Block(1), Block(2))
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    with pytest.raises(ZeroDivisionError), replaced_output(model.blocks, trace.outputs, torch.zeros(1, 2, 3)):
        raise ZeroDivisionError
    with pytest.raises(ZeroDivisionError):
        trace_blocks(model.blocks, lambda: 1 // 0)
    assert model(torch.zeros(1, 2, 3)).unique().tolist() == [30.0]
    assert not any(block._forward_hooks or block._forward_pre_hooks for block in model.blocks)


def test_a_block_that_returns_something_else_is_refused():
    with pytest.raises(TypeError, match="dict, not hidden states"):
        hidden_of({"hidden": 1})


def test_the_class_that_a_model_declares_wins_over_every_list():
    model = Stack(Block(1), Block(2))
    model.others = nn.ModuleList([nn.Linear(100, 100), nn.Linear(100, 100)])
    model._can_record_outputs = {"hidden_states": Block}
    assert find_blocks(model, 2) == tuple(model.blocks)


def test_a_list_may_hold_blocks_of_several_classes():
    class Other(Block):
        pass

    model = Stack(Block(1), Other(2), Block(3))
    assert find_blocks(model, 3) == tuple(model.blocks)


@pytest.mark.parametrize(("layer", "result"), [(0, 7 + 6), (1, 7 + 5), (2, 7 + 3), (3, 7)])
@pytest.mark.parametrize("extra", [False, True])
def test_what_comes_before_the_layer_one_goes_on_from_is_left_out(layer, result, extra):
    model = Stack(Block(1, extra), Block(2, extra), Block(3, extra))
    ran = []
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    for number, block in enumerate(model.blocks):
        own = block.forward
        block.forward = lambda *args, own=own, number=number, **kwargs: ran.append(number) or own(*args, **kwargs)
    patched = [block.forward for block in model.blocks]
    with resumed(model.blocks, trace.outputs, layer, torch.full((1, 2, 3), 7.0)):
        assert model(torch.zeros(1, 2, 3)).unique().tolist() == [10.0 * result]
    assert ran == list(range(layer, 3))
    assert [block.forward for block in model.blocks] == patched


def test_going_on_leaves_the_given_state_as_it_was():
    model = Stack(Block(1, in_place=True), Block(2, in_place=True))
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    state = torch.full((1, 2, 3), 7.0)
    with resumed(model.blocks, trace.outputs, 1, state):
        model(torch.zeros(1, 2, 3))
    assert state.unique().tolist() == [7.0]


def test_one_can_go_on_from_the_middle_of_a_block_that_is_called_again_and_again():
    model = Stack(Block(1), repeat=3)
    trace = trace_blocks(model.blocks, lambda: model(torch.zeros(1, 2, 3)))
    with resumed(model.blocks, trace.outputs, 2, torch.full((1, 2, 3), 7.0)):
        assert model(torch.zeros(1, 2, 3)).unique().tolist() == [80.0]


def test_calls_are_counted_also_for_one_module_that_is_called_twice():
    model, seen = Stack(Block(1), Block(2), repeat=2), []
    with counted(model.blocks) as counter:
        for block in model.blocks:
            block.register_forward_hook(lambda *_: seen.append((counter.call, counter.places)), prepend=True)
        model(torch.zeros(5, 2, 3))
    assert seen == [(number, (5, 2)) for number in range(4)]
    assert counter.call == -1
