"""One pass on a short probe with every module watched: what was called, inside what, on which numbers.

In: a model and a closure that runs it. Out: a record of calls, from which all handles are found. Never: numbers of a
real prompt, which would be too many to keep.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn


class AbsentError(Exception):
    """A handle was not found; the message says why, in words that go on after "it has no ...:"."""


@dataclass
class Call:
    """One call of a module.

    Attributes:
        module: What was called.
        began: When it was entered, counted in events of the pass.
        ended: When it was left.
        args: Its positional arguments.
        kwargs: Its named arguments.
        taken: A copy of the first tensor among its arguments, or None.
        output: What it returned.
        given: A copy of the first tensor of what it returned, or None.
    """

    module: nn.Module
    began: int
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    taken: torch.Tensor | None
    ended: int = -1
    output: Any = field(default=None)
    given: torch.Tensor | None = None

    @property
    def repeatable(self) -> bool:
        """Whether all tensors that it was given are copies, which nothing can have changed since."""
        copied = bool(self.args) and self.taken is not None and self.args[0] is not None
        return copied and not any(isinstance(value, torch.Tensor) for value in self.kwargs.values())

    def inside(self, other: Call) -> bool:
        """Whether it happened during another call."""
        return other.began < self.began and self.ended < other.ended


@dataclass(frozen=True)
class Record:
    """What happened in one pass.

    Attributes:
        calls: All calls in the order in which they began.
        logits: What the model said.
    """

    calls: Sequence[Call]
    logits: torch.Tensor

    def of(self, modules: Sequence[nn.Module]) -> list[Call]:
        """The calls of some modules."""
        wanted = {id(module) for module in modules}
        return [call for call in self.calls if id(call.module) in wanted]

    def within(self, outer: Call) -> list[Call]:
        """The calls that happened during another, in the order in which they ended."""
        return sorted((call for call in self.calls if call.inside(outer)), key=lambda call: call.ended)


def record(model: nn.Module, forward: Callable[[], torch.Tensor]) -> Record:
    """Runs ``forward`` and keeps every call of every module of ``model``; hooks are gone afterwards."""
    calls: list[Call] = []
    running: list[Call] = []
    clock = 0

    def enter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        nonlocal clock
        clock += 1
        taken = _first_tensor((*args, *kwargs.values()))
        call = Call(module, clock, args, dict(kwargs), taken)
        # Some blocks add into what they take: the copy stands in for it, so that the call can be made again.
        if args and taken is not None and args[0] is not None:
            call.args = tuple(_copy(value) for value in args)
        calls.append(call)
        running.append(call)

    def leave(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        nonlocal clock
        clock += 1
        call = running.pop()
        call.ended, call.output = clock, output
        call.given = _first_tensor(output if isinstance(output, tuple | list) else (output,))

    modules = list(model.modules())
    handles = [module.register_forward_pre_hook(enter, with_kwargs=True) for module in modules]
    handles += [module.register_forward_hook(leave) for module in modules]
    try:
        logits = forward()
    finally:
        for handle in handles:
            handle.remove()
    return Record(calls, logits)


def _copy(value: Any) -> Any:
    return value.detach().clone() if isinstance(value, torch.Tensor) else value


def _first_tensor(values: Sequence[Any]) -> torch.Tensor | None:
    found = next((value for value in values if isinstance(value, torch.Tensor)), None)
    return None if found is None else found.detach().clone()


def relative(one: torch.Tensor, other: torch.Tensor) -> float:
    """The largest difference of two tensors relative to the largest number of the second."""
    return ((one - other).abs().max() / other.abs().max().clamp(min=torch.finfo(other.dtype).tiny)).item()
