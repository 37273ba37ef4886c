"""Residual writers: the parts of a block whose outputs add up to what the block adds to the residual stream.

In: the record of a pass. Out: for each block the one to three modules that write, and what they wrote in any other
pass. Never: parts that were assumed to add up.

They are found by least squares among the outputs of all modules of a block, which is exact or nothing: with some
hundred numbers and three unknown scales, a sum that fits to rounding is no accident. Scales other than one are the
multipliers that some architectures put between a module and the stream.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ecco_reports.models.anatomy.blocks import Blocks, counted, hidden_of
from ecco_reports.models.anatomy.record import AbsentError, Call, Record

_MOST_WRITERS = 3
_MOST_CANDIDATES = 40


@dataclass(frozen=True)
class Writer:
    """A module that writes into the residual stream.

    Attributes:
        module: The module.
        path: Where it stands in its block, as the model's own attributes say.
        role: ``attention``, ``cross_attention``, ``mlp``, or empty for a mixer of another kind.
        scale: What its output is multiplied by before it is added.
    """

    module: nn.Module
    path: str
    role: str
    scale: float


@dataclass(frozen=True)
class WriteTap:
    """Where the writers of a model are.

    Attributes:
        blocks: The blocks of the stack.
        layers: The writers of each block call, in the order in which they run.
    """

    blocks: Blocks
    layers: tuple[tuple[Writer, ...], ...]

    def written(self, forward: Callable[[], torch.Tensor]) -> tuple[tuple[torch.Tensor, ...], ...]:
        """Runs ``forward`` and keeps what the writers added.

        Returns:
            By layer and writer, scales included, ``[batch, position, width]``; not detached.
        """
        found: dict[tuple[int, nn.Module], torch.Tensor] = {}
        with counted(self.blocks) as counter:

            def keep(module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
                if counter.call >= 0:
                    # A copy, since some architectures add other parts into what one of them returned.
                    found[counter.call, module] = hidden_of(output).clone().reshape(*counter.places, -1)

            modules = dict.fromkeys(writer.module for writers in self.layers for writer in writers)
            handles = [module.register_forward_hook(keep) for module in modules]
            try:
                forward()
            finally:
                for handle in handles:
                    handle.remove()
        return tuple(
            tuple(writer.scale * found[layer, writer.module] for writer in writers)
            for layer, writers in enumerate(self.layers)
        )


def find_writers(
    record: Record, block: Call, events: Mapping[int, str], tolerance: float
) -> tuple[tuple[Writer, ...], float]:
    """The writers of one block call, and how exactly they add up.

    Args:
        record: A pass on a short probe.
        block: The call of a block in it.
        events: What is known to have happened in the block, by time: ``attention``, ``cross_attention``, ``mlp``.
        tolerance: The largest relative residual that is rounding.

    Returns:
        The writers, and the norm of what they leave unexplained relative to that of what the block added.

    Raises:
        AbsentError: Nothing adds up to it.
    """
    assert block.taken is not None
    assert block.given is not None
    # Few numbers, and some accelerators know no double precision.
    added = (block.given - block.taken).cpu().double().flatten()
    # What the subtraction itself lost, when the stream is much larger than what was added to it.
    eps = torch.finfo(block.given.dtype).eps
    lost = eps * block.given.cpu().double().norm().item() / max(added.norm().item(), 1e-300)
    tolerance = min(max(tolerance, 4 * lost), 0.05)
    calls = _candidates(record.within(block), block.given)
    outputs = (
        torch.stack([hidden_of_call(call).cpu().double().flatten() for call in calls]) if calls else added[None, :0]
    )
    chosen = _smallest_sum(outputs, added, tolerance) if calls else None
    if chosen is None:
        raise AbsentError(_why_not(record.within(block), block.given))
    members, scales, residual = chosen
    names = {id(module): name for name, module in block.module.named_modules()}
    roles = _roles([calls[member] for member in members], events)
    writers = tuple(
        Writer(calls[member].module, names.get(id(calls[member].module), ""), role, scale)
        for member, role, scale in zip(members, roles, scales, strict=True)
    )
    return writers, residual


def hidden_of_call(call: Call) -> torch.Tensor:
    """A copy of what a call returned."""
    assert call.given is not None
    return call.given


def _candidates(inner: list[Call], stream: torch.Tensor) -> list[Call]:
    """The calls whose output has as many numbers as the stream; of equal ones the outermost stands for all."""
    modules = [id(call.module) for call in inner]
    fitting = [
        call
        for call in inner
        if call.given is not None
        and call.given.is_floating_point()
        and call.given.shape[-1] == stream.shape[-1]
        and call.given.numel() == stream.numel()
        and modules.count(id(call.module)) == 1
    ]
    distinct: list[Call] = []
    for call in fitting:
        flat = hidden_of_call(call).flatten()
        twin = next((n for n, other in enumerate(distinct) if torch.equal(hidden_of_call(other).flatten(), flat)), None)
        if twin is None:
            distinct.append(call)
        elif distinct[twin].inside(call):
            distinct[twin] = call
    return distinct[-_MOST_CANDIDATES:]


def _smallest_sum(
    outputs: torch.Tensor, added: torch.Tensor, tolerance: float
) -> tuple[tuple[int, ...], tuple[float, ...], float] | None:
    """The fewest outputs whose scaled sum is what was added; among equally few, those with scales nearest to one.

    Args:
        outputs: ``[candidate, number]``.
        added: ``[number]``.
        tolerance: The largest norm of the rest, relative to that of what was added.
    """
    # All sums are judged by inner products, which are few; the winner is then checked number by number.
    products, onto = outputs @ outputs.T, outputs @ added
    size_of_added = added.norm()
    for size in range(1, min(_MOST_WRITERS, len(outputs)) + 1):
        sets = torch.combinations(torch.arange(len(outputs)), size)
        grams, targets = products[sets[:, :, None], sets[:, None, :]], onto[sets]
        scales = (torch.linalg.pinv(grams, hermitian=True) @ targets[:, :, None])[:, :, 0]
        unexplained = (size_of_added**2 - (scales * targets).sum(1)).clamp(min=0).sqrt() / size_of_added
        fits = []
        for row in (unexplained <= 2 * tolerance + 1e-7).nonzero()[:, 0].tolist():
            chosen = outputs[sets[row]]
            for weights in (torch.ones_like(scales[row]), scales[row]):
                residual = ((weights @ chosen - added).norm() / size_of_added).item()
                if residual <= tolerance:
                    fits.append(((weights - 1).abs().max().item(), residual, row, tuple(weights.tolist())))
                    break
        if fits:
            _, residual, row, found = min(fits)
            return tuple(sets[row].tolist()), found, residual
    return None


def _why_not(inner: list[Call], stream: torch.Tensor) -> str:
    """Why nothing adds up, judging by a last module of one vector of weights that gives out the stream itself."""
    for call in inner:
        weights = [parameter.dim() for parameter in call.module.parameters()]
        if weights and max(weights) == 1 and call.given is not None and torch.equal(call.given, stream):
            return "its blocks end in a norm, so that what their parts write does not simply add up"
    return "no one to three modules of a block add up to what it changes"


def _roles(writers: list[Call], events: Mapping[int, str]) -> list[str]:
    """What each writer writes: the last thing known to have happened before it was left, if no other claimed it."""
    roles, claimed = [], -1
    for writer in writers:
        times = [time for time in events if claimed < time < writer.ended]
        roles.append(events[max(times)] if times else "")
        claimed = max(times, default=claimed)
    return roles
