"""The blocks of a transformer, found by looking at it, and its tail, replayed instead of rebuilt.

In: a transformers model. Out: its blocks, the residual stream between them, and what its own norm, head and output
transform make of any state. Never: names of architectures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class BlockTrace:
    """What the block calls of one forward pass took in and gave out.

    Attributes:
        states: Input of the first call, then the output of each, ``[state, batch, position, width]``.
        outputs: What the calls returned beside the hidden states, for replay: a tuple that begins with None in their
            place, or None for a call that returned nothing else.
        logits: What the model itself predicted in that pass, ``[batch, position, vocab]``.
    """

    states: torch.Tensor
    outputs: tuple[Any, ...]
    logits: torch.Tensor


def find_blocks(model: nn.Module, layers: int | None) -> tuple[nn.Module, ...]:
    """The transformer blocks in the order of the model's own list.

    The longest list of modules of one class is taken; a list with as many members as the configuration has layers
    wins over any other.

    Returns:
        The blocks, or an empty tuple when the model has no list of blocks.
    """
    lists = [
        tuple(module)
        for module in model.modules()
        if isinstance(module, nn.ModuleList) and len(module) > 0 and len({type(child) for child in module}) == 1
    ]
    exact = [blocks for blocks in lists if len(blocks) == layers]
    return max(exact or lists, key=lambda blocks: sum(p.numel() for b in blocks for p in b.parameters()), default=())


def hidden_of(output: Any) -> torch.Tensor:
    """The hidden states in a block's output, which is a tensor or a tuple that begins with it."""
    hidden = output[0] if isinstance(output, tuple) else output
    if not isinstance(hidden, torch.Tensor):
        raise TypeError(f"a block returned {type(output).__name__}, not hidden states")
    return hidden


def trace_blocks(blocks: Sequence[nn.Module], forward: Callable[[], torch.Tensor]) -> BlockTrace:
    """Runs ``forward``, which returns logits, and keeps what every block call took in and gave out.

    States are cloned: some architectures add into the residual stream in place.
    """
    states: list[torch.Tensor] = []
    outputs: list[Any] = []

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not states:
            states.append((args[0] if args else kwargs["hidden_states"]).detach().clone())

    def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        states.append(hidden_of(output).detach().clone())
        outputs.append((None, *output[1:]) if isinstance(output, tuple) else None)

    # One module may be called several times (ALBERT): the hooks go on modules, the record is of calls.
    modules = list(dict.fromkeys(blocks))
    handles = [block.register_forward_pre_hook(before, with_kwargs=True) for block in modules]
    handles += [block.register_forward_hook(after) for block in modules]
    try:
        logits = forward()
    finally:
        for handle in handles:
            handle.remove()
    return BlockTrace(_stacked(states), tuple(outputs), logits)


def _stacked(states: list[torch.Tensor]) -> torch.Tensor:
    """All states in one tensor; each is given up as soon as it is copied, and the list is empty in the end."""
    whole = states[0].new_empty(len(states), *states[0].shape)
    for row in whole:
        row.copy_(states.pop(0))
    return whole


@contextmanager
def replaced_output(blocks: Sequence[nn.Module], outputs: Sequence[Any], state: torch.Tensor) -> Iterator[None]:
    """Inside, the blocks compute nothing and the last call returns ``state``: the model runs its own tail on it.

    Args:
        blocks: The model's blocks.
        outputs: What the block calls returned in a real pass, as in a ``BlockTrace``; it is handed on.
        state: ``[batch, position, width]``.
    """
    calls = itertools.count()

    def stub(*args: Any, **kwargs: Any) -> Any:
        call = next(calls)
        real = outputs[call]
        passed_on = args[0] if args else kwargs["hidden_states"]
        hidden = state if call == len(outputs) - 1 else passed_on
        return (hidden, *real[1:]) if isinstance(real, tuple) else hidden

    modules = list(dict.fromkeys(blocks))
    for block in modules:
        block.forward = stub
    try:
        yield
    finally:
        for block in modules:
            del block.__dict__["forward"]
