"""Neurons: the numbers that the last projection of a block's MLP reads, found by watching and by nudging.

In: the record of a pass. Out: the projections, and the activations they read in any other pass. Never: a projection
that is called a neuron layer because of its name.

A neuron is what Geva et al. (2021) call a key: a number computed at one position from that position alone, which
decides how much of one vector is written there. So the projection is the last one in its block that writes into the
residual stream, and when what comes into the MLP is nudged at one position, only the neurons of that position move.
That rules out the output projections of attention and of state-space mixers, whose inputs were mixed over positions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import nn

from ecco_reports.models.anatomy.blocks import Blocks, counted, in_place_of
from ecco_reports.models.anatomy.record import AbsentError, Call, Record, relative

_SOME_POSITIONS = "each of its experts reads only some of the positions"


@dataclass(frozen=True)
class Projection:
    """The projection that reads the neurons of one layer.

    Attributes:
        module: A linear map from neurons to the width of the residual stream.
        transposed: Whether its weight is ``[neuron, width]`` rather than ``[width, neuron]``.
        neurons: How many it reads.
    """

    module: nn.Module
    transposed: bool
    neurons: int

    @property
    def written(self) -> torch.Tensor:
        """What each neuron writes where its activation is one, ``[neuron, width]``."""
        weight = cast("torch.Tensor", self.module.weight).detach()
        return weight if self.transposed else weight.T


@dataclass(frozen=True)
class NeuronTap:
    """Where a model's neurons are.

    Attributes:
        blocks: The blocks of the stack.
        layers: The projection of each layer that has neurons.
    """

    blocks: Blocks
    layers: Mapping[int, Projection]

    def activations(self, forward: Callable[[], torch.Tensor]) -> Mapping[int, torch.Tensor]:
        """Runs ``forward`` and keeps what the neurons did.

        Returns:
            By layer, ``[batch, position, neuron]``; not detached.
        """
        found: dict[int, torch.Tensor] = {}
        with counted(self.blocks) as counter:

            def keep(module: nn.Module, args: tuple[Any, ...]) -> None:
                projection = self.layers.get(counter.call)
                if projection is not None and projection.module is module:
                    # Some architectures line all positions of all texts up before their MLP.
                    found[counter.call] = args[0].reshape(*counter.places, -1)

            modules = dict.fromkeys(projection.module for projection in self.layers.values())
            handles = [module.register_forward_pre_hook(keep) for module in modules]
            try:
                forward()
            finally:
                for handle in handles:
                    handle.remove()
        return found


def find_projection(record: Record, block: Call, tolerance: float) -> tuple[Projection, float]:
    """The projection that reads the neurons of one block call, and how exactly that was shown.

    Args:
        record: A pass on a short probe.
        block: The call of a block in it; the part of it that holds the projection is run once more.
        tolerance: The largest relative difference that is rounding.

    Returns:
        The projection, and the largest relative difference between what it returned and its weights times what it
        read, or between neurons before and after other positions were nudged.

    Raises:
        AbsentError: This block has no neurons.
    """
    assert block.given is not None
    inner = record.within(block)
    linear = [call for call in inner if _is_linear(call)]
    width, numbers = block.given.shape[-1], block.given.shape[-3:].numel()
    shaped = [(call, call.given) for call in linear if call.given is not None]
    into_stream = [call for call, given in shaped if given.shape[-1] == width and given.numel() == numbers]
    for last in reversed(into_stream):
        earlier = [call for call in linear if call.ended < last.began]
        moved = _moved_elsewhere(record, block, earlier[-1], last) if earlier else None
        if moved is None:
            continue
        if why := _experts(block, inner, last, alone=moved > tolerance):
            raise AbsentError(why)
        if moved > tolerance:
            raise AbsentError("the last projection of a block reads what was mixed over positions")
        projection, miss = _recomputed(last)
        if miss > tolerance:
            raise AbsentError("the last projection of a block is no plain product with its weights")
        return projection, max(miss, moved)
    raise AbsentError("no projection into its residual stream reads what another one wrote")


def _experts(block: Call, inner: Sequence[Call], last: Call, alone: bool) -> str:
    """Why the neurons of a block's experts cannot be had, or nothing if it has no experts.

    Args:
        block: The call of a block.
        inner: What was called during it.
        last: The call of its last projection into the stream.
        alone: Whether that one is no part of an MLP, so that whatever follows it is.
    """
    paths = {id(module): path for path, module in block.module.named_modules()}
    part = paths[id(last.module)].partition(".")[0]
    for call in inner:
        beside = paths.get(id(call.module), "").partition(".")[0] == part
        if _is_fused(call.module) and (call.began > last.ended if alone else beside):
            return "its experts are fused into one matrix product"
        given = call.given
        if call.began > last.ended and alone and _is_linear(call) and given is not None:
            assert block.given is not None
            if given.shape[-1] == block.given.shape[-1] and given.numel() < block.given.numel():
                return _SOME_POSITIONS
    for module in block.module.modules():
        members = list(module.children()) if isinstance(module, nn.ModuleList | nn.ModuleDict) else []
        own = next((member for member in members if last.module in set(member.modules())), None)
        if own is not None and [type(member) for member in members].count(type(own)) > 1:
            return _SOME_POSITIONS
    return ""


def _is_linear(call: Call) -> bool:
    """Whether a call may be a product with a weight matrix, judging by shapes."""
    weight = getattr(call.module, "weight", None)
    if not isinstance(weight, torch.Tensor) or weight.dim() != 2 or call.taken is None or call.given is None:
        return False
    ends = {call.taken.shape[-1], call.given.shape[-1]}
    return call.taken.is_floating_point() and call.taken.dim() > 1 and ends == set(weight.shape)


def _is_fused(module: nn.Module) -> bool:
    """Whether a module holds a stack of matrices, one per expert."""
    own = module.parameters(recurse=False)
    return not isinstance(module, nn.Conv1d) and any(len(p.shape) == 3 and min(p.shape) > 1 for p in own)


def _recomputed(call: Call) -> tuple[Projection, float]:
    """A linear call's output from its input and weights: how its weights lie, and the relative difference."""
    taken, given = call.taken, call.given
    assert taken is not None
    assert given is not None
    weight = call.module.weight
    assert isinstance(weight, torch.Tensor)
    bias = getattr(call.module, "bias", None)
    misses = {}
    for transposed, matrix in ((False, weight), (True, weight.T)):
        if matrix.shape == (given.shape[-1], taken.shape[-1]):
            made = torch.nn.functional.linear(taken, matrix, bias)
            misses[transposed] = relative(made.reshape(given.shape), given)
    transposed = min(misses, key=lambda way: misses[way])
    return Projection(call.module, transposed, taken.shape[-1]), misses[transposed]


def _around(record: Record, block: Call, feeding: Call, last: Call) -> Call:
    """The smallest part of a block that holds two calls, of those that can be called again just as they were."""
    found = [call for call in record.within(block) if feeding.inside(call) and last.inside(call) and call.repeatable]
    return min(found, key=lambda call: call.ended - call.began, default=block)


def _moved_elsewhere(record: Record, block: Call, feeding: Call, last: Call) -> float | None:
    """How far neurons move when what feeds them is nudged at another position, relative to the largest.

    What is around them is run once more on what it took; the module that ran before the last projection returns what it
    had returned, changed at the first position of the first text. None if nothing moves there either: then the one does
    not feed the other.
    """
    assert last.taken is not None
    around = _around(record, block, feeding, last)
    inner = [call for call in record.calls if call.inside(around)]
    # What was done before comes out the same, and what the projection itself returns is not looked at: nothing of that
    # is computed again, which would be most of the work.
    before = [call for call in inner if call.ended < feeding.began and _begins_with_numbers(call.output)]
    before = [call for call in before if not any(call.inside(other) for other in before)]
    modules = [call.module for call in (*before, feeding, last)]
    planned = [call for call in inner if call.module in modules and not any(call.inside(other) for other in before)]
    seen: list[torch.Tensor] = []

    def run(number: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = planned[number]
        if call is last:
            seen.append(args[0].detach().clone())
        if call is feeding:
            return _returned(call, nudged=True)
        return _returned(call) if call is last or any(call is other for other in before) else own(*args, **kwargs)

    with in_place_of(modules, run):
        around.module(*around.args, **around.kwargs)
    then, now = (taken.reshape(-1, taken.shape[-1]) for taken in (last.taken, seen[-1]))
    return None if torch.equal(then[0], now[0]) else relative(now[1:], then[1:])


def _begins_with_numbers(output: Any) -> bool:
    return isinstance(output[0] if isinstance(output, tuple | list) and output else output, torch.Tensor)


def _returned(call: Call, nudged: bool = False) -> Any:
    """What a call returned; if nudged, with other numbers at the first position of the first text."""
    assert call.given is not None
    rows = call.given.clone()
    if nudged:
        size = rows.abs().max().item() + 1
        pattern = torch.arange(rows.shape[-1], device=rows.device).remainder(3).sub(1).to(rows.dtype)
        rows.view(-1, rows.shape[-1])[0] += size * pattern
    return type(call.output)((rows, *call.output[1:])) if isinstance(call.output, tuple | list) else rows
