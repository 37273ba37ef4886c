"""The blocks of a stack: found among its lists, watched while they run, and left out where they need not run.

In: a transformers model and a closure that runs it. Out: its blocks, the states between them, and what the rest of
the model makes of a state put in their place. Never: names of architectures.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

Blocks = tuple[nn.Module, ...]


@dataclass(frozen=True)
class BlockTrace:
    """What the block calls of one forward pass took in and gave out.

    Attributes:
        states: Input of the first call, then the output of each, ``[state, batch, position, width]``.
        outputs: What the calls returned beside the hidden states, for replay: a tuple (or list) that begins with None
            in their place, or None for a call that returned nothing else.
        logits: What the model itself predicted in that pass, ``[batch, position, vocab]``.
    """

    states: torch.Tensor
    outputs: tuple[Any, ...]
    logits: torch.Tensor


def stacks_of(model: nn.Module) -> tuple[nn.Module, nn.Module | None]:
    """The stack that speaks and the encoder it listens to, which is None for a model of one stack."""
    config = getattr(model, "config", None)
    if not getattr(config, "is_encoder_decoder", False):
        return model, None
    decoder, encoder = model.get_decoder(), model.get_encoder()  # type: ignore[operator]
    return (model, None) if encoder is decoder or encoder is model else (decoder, encoder)


def candidates(stack: nn.Module, layers: int | None) -> list[Blocks]:
    """What may be the blocks of a stack, likeliest first.

    A model of the library may declare the class of its blocks, for its own ``output_hidden_states``. Otherwise they
    stand in a list: the one with as many members as there are layers, or else the one with most parameters.
    """
    found = [blocks for part in stack.modules() if (blocks := _declared(part))]
    lists = [tuple(part) for part in stack.modules() if isinstance(part, nn.ModuleList) and len(part) > 0]
    found += sorted(lists, key=lambda blocks: (len(blocks) == layers, _size(blocks)), reverse=True)
    return list(dict.fromkeys(found))


def find_blocks(model: nn.Module, layers: int | None) -> Blocks:
    """The likeliest blocks of a model's main stack, without running it.

    Args:
        model: The whole model.
        layers: How many layers its configuration speaks of.

    Returns:
        The blocks, or an empty tuple when the model has no list of blocks.
    """
    return next(iter(candidates(stacks_of(model)[0], layers)), ())


def _declared(part: nn.Module) -> Blocks:
    """The modules that a part of a model declares as those between which its hidden states lie."""
    declared = (getattr(part, "_can_record_outputs", None) or {}).get("hidden_states", ())
    recorders = declared if isinstance(declared, list | tuple) else [declared]
    classes = [getattr(recorder, "target_class", recorder) for recorder in recorders]
    kinds = tuple(kind for kind in classes if isinstance(kind, type))
    return tuple(module for module in part.modules() if isinstance(module, kinds)) if kinds else ()


def _size(blocks: Blocks) -> int:
    return sum(parameter.numel() for block in blocks for parameter in block.parameters())


def hidden_of(output: Any) -> torch.Tensor:
    """The hidden states in a block's output, which is a tensor or a tuple (or list) that begins with it."""
    hidden = output[0] if isinstance(output, tuple | list) else output
    if not isinstance(hidden, torch.Tensor):
        raise TypeError(f"a block returned {type(output).__name__}, not hidden states")
    return hidden


def taken_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> torch.Tensor:
    """The hidden states among a block's arguments: the first of them."""
    taken = args[0] if args else kwargs["hidden_states"]
    if not isinstance(taken, torch.Tensor):
        raise TypeError(f"a block took {type(taken).__name__}, not hidden states")
    return taken


def trace_blocks(blocks: Sequence[nn.Module], forward: Callable[[], torch.Tensor]) -> BlockTrace:
    """Runs ``forward``, which returns logits, and keeps what every block call took in and gave out.

    States are cloned: some architectures add into the residual stream in place.
    """
    states: list[torch.Tensor] = []
    outputs: list[Any] = []

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not states:
            states.append(taken_of(args, kwargs).detach().clone())

    def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        states.append(hidden_of(output).detach().clone())
        outputs.append(type(output)((None, *output[1:])) if isinstance(output, tuple | list) else None)

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


class CallCounter:
    """Which block call of a pass is running.

    Attributes:
        call: Its number from 0; -1 before the first and between two calls.
        places: How many texts and positions its hidden states have, ``(batch, position)``.
    """

    def __init__(self) -> None:
        self.call = -1
        self.places: tuple[int, ...] = ()
        self._begun = 0

    def begin(self, _block: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """A block is entered."""
        self.call, self._begun = self._begun, self._begun + 1
        self.places = tuple(taken_of(args, kwargs).shape[-3:-1])

    def end(self, *_: Any) -> None:
        """A block is left."""
        self.call = -1


@contextmanager
def counted(blocks: Sequence[nn.Module]) -> Iterator[CallCounter]:
    """Inside, for one pass, the counter says which block call is running."""
    counter = CallCounter()
    modules = list(dict.fromkeys(blocks))
    handles = [block.register_forward_pre_hook(counter.begin, with_kwargs=True) for block in modules]
    handles += [block.register_forward_hook(counter.end) for block in modules]
    try:
        yield counter
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def replaced_output(blocks: Sequence[nn.Module], outputs: Sequence[Any], state: torch.Tensor) -> Iterator[None]:
    """Inside, the blocks compute nothing and the last call returns ``state``: the model runs its own tail on it.

    Args:
        blocks: The model's blocks.
        outputs: What the block calls returned in a real pass, as in a ``BlockTrace``; it is handed on.
        state: ``[batch, position, width]``.
    """

    def run(call: int, _own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return _passed_on(outputs[call], state if call == len(outputs) - 1 else taken_of(args, kwargs))

    with in_place_of(blocks, run):
        yield


@contextmanager
def resumed(blocks: Sequence[nn.Module], outputs: Sequence[Any], layer: int, state: torch.Tensor) -> Iterator[None]:
    """Inside, the block calls before ``layer`` compute nothing and that one takes ``state``; the rest runs as ever.

    Args:
        blocks: The model's blocks.
        outputs: What the block calls returned in a real pass; the extra members of those left out are handed on.
        layer: The first block call that runs; as many as there are calls leaves all of them out.
        state: What it takes in, ``[batch, position, width]``.
    """
    if layer == len(outputs):
        with replaced_output(blocks, outputs, state):
            yield
        return

    def run(call: int, own: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if call < layer:
            return _passed_on(outputs[call], taken_of(args, kwargs))
        if call == layer:
            # A copy, since some architectures add into what they are given.
            args, kwargs = _with_hidden(args, kwargs, state.clone())
        return own(*args, **kwargs)

    with in_place_of(blocks, run):
        yield


def _passed_on(real: Any, hidden: torch.Tensor) -> Any:
    """A block's output with other hidden states in it."""
    return type(real)((hidden, *real[1:])) if isinstance(real, tuple | list) else hidden


def _with_hidden(
    args: tuple[Any, ...], kwargs: dict[str, Any], hidden: torch.Tensor
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return ((hidden, *args[1:]), kwargs) if args else ((), {**kwargs, "hidden_states": hidden})


@contextmanager
def in_place_of(
    blocks: Sequence[nn.Module], run: Callable[[int, Callable[..., Any], tuple[Any, ...], dict[str, Any]], Any]
) -> Iterator[None]:
    """Inside, a function runs instead of the blocks; it is told the number of the call and the block's own forward."""
    calls = itertools.count()

    def stub(own: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: run(next(calls), own, args, kwargs)

    modules = list(dict.fromkeys(blocks))
    # Other tools too put a forward on an instance; it must be there again afterwards.
    before = {block: block.__dict__.get("forward") for block in modules}
    for block in modules:
        block.forward = stub(block.forward)
    try:
        yield
    finally:
        for block in modules:
            del block.__dict__["forward"]
            if (own := before[block]) is not None:
                block.forward = own
