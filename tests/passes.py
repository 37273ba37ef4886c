"""Counts what really goes through a model: passes over a text forwards and backwards, and texts through the head alone.

A pass is counted inside the blocks, by tokens: a batch of eight texts counts eight, a text written token by token
counts one, a shortened text counts less, and so does a pass that begins halfway up.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import torch
from torch import nn

from ecco_reports.models.anatomy.blocks import candidates, stacks_of
from ecco_reports.models.reading import Reading


@dataclass
class Counted:
    """What went through a model.

    Attributes:
        whole: Tokens times blocks of one pass over the text.
        forward: Tokens times blocks, forwards.
        backward: The same, backwards.
        readouts: Texts that went through the head without any block.
    """

    whole: int
    forward: int = 0
    backward: int = 0
    readouts: int = 0

    @property
    def passes(self) -> float:
        """Forward passes over the text."""
        return self.forward / self.whole

    @property
    def backwards(self) -> float:
        """Backward passes."""
        return self.backward / self.whole


@contextmanager
def counted(module: Any, reading: Reading) -> Iterator[Counted]:
    """Inside, everything that goes through a module is counted in passes over a reading.

    The blocks themselves may be put out of action, so what is watched is a part of each that only a working one calls.
    """
    decoder, encoder = stacks_of(module)
    border = reading.passage.encoder_length
    stacks = [(decoder, len(reading.ids) - border)] + ([] if encoder is None else [(encoder, border)])
    blocks = {stack: next(iter(candidates(stack, None))) for stack, _ in stacks}
    found = Counted(sum(len(blocks[stack]) * length for stack, length in stacks))
    before, at_once, taken = [0], [1], torch.autograd.grad

    def enter(part: nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> None:
        width = args[0].shape[-1]
        found.forward += args[0].numel() // width
        if output.requires_grad:
            output.register_hook(leave)

    def leave(slopes: torch.Tensor) -> None:
        found.backward += at_once[0] * slopes.numel() // slopes.shape[-1]

    def grad(outputs: Any, inputs: Any, seeds: Any = None, *args: Any, **settings: Any) -> Any:
        # Several targets may go back at once, in a dimension that a hook is not shown.
        at_once[0] = len(seeds) if settings.get("is_grads_batched") else 1
        return taken(outputs, inputs, seeds, *args, **settings)

    def begin(*_: Any) -> None:
        before[0] = found.forward

    def end(_module: nn.Module, _args: Any, output: Any) -> None:
        if found.forward == before[0]:
            found.readouts += next(one for one in output.values() if isinstance(one, torch.Tensor)).shape[0]

    with ExitStack() as stack:
        for part in (part for parts in blocks.values() for part in map(first_part, parts)):
            stack.callback(part.register_forward_hook(enter).remove)
        stack.enter_context(mock.patch.object(torch.autograd, "grad", grad))
        stack.callback(module.register_forward_pre_hook(begin).remove)
        stack.callback(module.register_forward_hook(end).remove)
        yield found


def first_part(block: nn.Module) -> nn.Module:
    """The first part of a block that has weights of its own and works on every token once."""
    linear = ("Linear", "Conv1D")
    return next(part for part in block.modules() if type(part).__name__ in linear)
