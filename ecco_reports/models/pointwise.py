"""Activation functions with their derivative beside them, so that going back through them is one product.

An activation such as GELU is made of a dozen operations. Taken back for every target again, they cost as much as the
matrices around them. A function that treats each number by itself has one derivative per number, which is computed once
and kept: the graph then holds the derivative in the place of all these operations.

In: a module. Out: its parts that treat each number by itself, found by trying them, and hooks on them. Never: names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from ecco_reports.models.memory import TROUBLE, is_out_of_memory

# How many numbers a function is tried on alone, to see whether the others matter to it.
_TRIED = 97
# A function may be computed in other strides for few numbers than for many, and round otherwise.
_ROUNDING = 100


class Pointwise:
    """The parts of a module that may treat each number by itself: those without weights and without parts.

    Args:
        module: The whole model.
    """

    def __init__(self, module: nn.Module) -> None:
        self._parts = [part for part in module.modules() if _is_plain(part)]
        self._known: dict[nn.Module, bool] = {}

    @contextmanager
    def shortened(self) -> Iterator[None]:
        """Inside, each such part gives the values it always gives, with a graph of one product."""
        with ExitStack() as stack:
            for part in self._parts:
                if self._known.get(part, True):
                    stack.callback(part.register_forward_hook(self._shorten).remove)
            yield

    def _shorten(self, part: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        """The same output, hanging on its input by the derivative alone; None leaves it as it is."""
        if len(args) != 1 or not isinstance(args[0], torch.Tensor) or not isinstance(output, torch.Tensor):
            return None
        given = args[0]
        if output is given or output.shape != given.shape or not output.requires_grad or not given.requires_grad:
            return None
        if part not in self._known:
            self._known[part] = _treats_each_by_itself(part, given.detach(), output.detach())
        if not self._known[part]:
            return None
        (slope,) = torch.autograd.grad(output.sum(), given)
        return output.detach() + slope * (given - given.detach())


def _is_plain(part: nn.Module) -> bool:
    return not any(True for _ in part.children()) and not any(True for _ in part.parameters())


def _treats_each_by_itself(part: nn.Module, given: torch.Tensor, output: torch.Tensor) -> bool:
    """Whether some numbers become, in another order and beside larger ones, what they became among all others."""
    picked = torch.linspace(given.numel() - 1, 0, min(_TRIED, given.numel()), device=given.device).long()
    numbers = given.flatten()[picked]
    try:
        with torch.no_grad():
            # By its forward: calling the part would call this hook again.
            found = part.forward(torch.cat([numbers, 1 - 3 * numbers])[None])
    except TROUBLE as error:
        if is_out_of_memory(error):
            raise
        return False
    if not isinstance(found, torch.Tensor) or found.shape != (1, 2 * len(picked)):
        return False
    eps = torch.finfo(output.dtype).eps * _ROUNDING
    return torch.allclose(found[0, : len(picked)], output.flatten()[picked], rtol=eps, atol=eps)
