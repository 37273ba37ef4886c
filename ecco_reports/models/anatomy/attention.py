"""Attention weights: what each layer's heads look at, taken where the model itself computes them.

In: a model, its blocks and a closure that runs it. Out: weights per layer and head, and what each head mixed from
them. Never: attention computed again beside the model.

The library lets a function stand in for a model's attention (its ``AttentionInterface``). Ours calls the eager function
of the module's own file, with its position biases, caps and sinks, and keeps what that returns. Older architectures
do not ask the interface; they hand out their weights on ``output_attentions``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ecco_reports.models.anatomy.blocks import Blocks, CallCounter, counted
from ecco_reports.models.anatomy.record import AbsentError, relative
from ecco_reports.models.base import AttentionKind

_NAME = "ecco_reports_capture"

_LOOSE = 0.05
"""How far sums of attention weights may be from one, whatever their precision."""


@dataclass(frozen=True)
class AttentionMap:
    """What the heads of one layer looked at.

    Attributes:
        kind: Whether a stack looked at itself (the encoder's is told apart) or the decoder at the encoder.
        layer: The number of the block call in its stack.
        weights: ``[batch, head, query, key]``, one per query head also where heads share their keys.
        mixed: What each head made of them before the output projection, ``[batch, query, head, width of a head]``;
            None where the architecture does not show it.
        values: The values that were mixed, ``[batch, head, key, width of a head]``, for the proof; None as above.
        module: The attention module; None as above.
    """

    kind: AttentionKind
    layer: int
    weights: torch.Tensor
    mixed: torch.Tensor | None = None
    values: torch.Tensor | None = None
    module: nn.Module | None = None

    @property
    def missing(self) -> float:
        """The largest share of a query's attention that falls on no position: that of an attention sink."""
        return (1 - self.weights.detach().float().sum(-1)).max().item()


@dataclass(frozen=True)
class AttentionTrace:
    """The attention of one pass.

    Attributes:
        maps: One per layer that attends, in the order in which they ran.
        logits: What the model said in that pass.
    """

    maps: tuple[AttentionMap, ...]
    logits: torch.Tensor

    def of(self, kind: AttentionKind) -> Mapping[int, AttentionMap]:
        """The maps of one kind by layer; hybrid models have layers without attention."""
        return {found.layer: found for found in self.maps if found.kind is kind}


@dataclass(frozen=True)
class AttentionTap:
    """Where a model's attention can be had.

    Attributes:
        model: The whole model.
        blocks: The blocks of the stack that speaks.
        encoder: The blocks of the encoder it listens to; empty for a model of one stack.
        by_interface: Whether it asks the library's interface; else it hands out its weights itself.
    """

    model: nn.Module
    blocks: Blocks
    encoder: Blocks
    by_interface: bool

    def trace(self, forward: Callable[[], torch.Tensor]) -> AttentionTrace:
        """Runs ``forward``, which calls the model and returns logits, and keeps its attention.

        Nothing is detached: weights can be differentiated by where the caller allows gradients.
        """
        if self.by_interface:
            with captured(self.model, self.blocks, self.encoder) as maps:
                logits = forward()
            return AttentionTrace(tuple(maps), logits)
        return _handed_out(self.model, len(self.encoder) > 0, forward)


_capturing: ContextVar[Callable[..., Any] | None] = ContextVar("attention_capture", default=None)


def _attend(module: nn.Module, *args: Any, **kwargs: Any) -> tuple[torch.Tensor, torch.Tensor]:
    """Stands in for a model's attention: the eager function of the module's own file, watched."""
    if (eager := _eager_of(module)) is None:
        raise ValueError(f"the file of {type(module).__name__} has no eager attention")
    mixed, weights = eager(module, *args, **kwargs)
    if (keep := _capturing.get()) is not None:
        keep(module, args[2] if len(args) > 2 else kwargs["value"], mixed, weights)
    return mixed, weights


def _eager_of(module: nn.Module) -> Callable[..., Any] | None:
    """The eager attention of the file that a module's class, or one it descends from, is written in."""
    files = (sys.modules.get(kind.__module__) for kind in type(module).__mro__)
    functions = (getattr(file, "eager_attention_forward", None) for file in files)
    return next((function for function in functions if function is not None), None)


def asks_interface(blocks: Sequence[nn.Module]) -> bool:
    """Whether any part of the blocks stems from a file with an eager attention that ours can call."""
    return any(_eager_of(part) is not None for block in blocks for part in block.modules())


def attention_miss(found: AttentionMap, queries: int, keys: int, may_look_ahead: bool) -> float:
    """How far a map is from what attention weights must be, the largest of what applies.

    Rows add up to one, or to less where what the heads mixed shows that the rest goes to a sink; what was mixed is the
    weights times the values; and without permission nothing falls on later positions.

    Args:
        found: The map.
        queries: How many positions look.
        keys: How many they look at.
        may_look_ahead: Whether a position may look at later ones.

    Raises:
        AbsentError: These are no weights between positions.
    """
    weights = found.weights.detach()
    weights = weights if weights.dtype == torch.float64 else weights.float()
    if weights.dim() != 4 or weights.shape[-2:] != (queries, keys):
        raise AbsentError("what it gives out as attention is not from every position to every position")
    miss = max((weights.sum(-1) - 1).max().item(), -weights.min().item())
    if not may_look_ahead and found.kind is AttentionKind.SELF:
        miss = max(miss, weights.triu(1).max().item())
    if found.mixed is None or found.values is None:
        if max(miss, found.missing) > _LOOSE:
            raise AbsentError("what it gives out as attention does not add up to one for each position")
        return max(miss, found.missing)
    values = found.values.detach().to(weights.dtype)
    values = values.repeat_interleave(weights.shape[1] // values.shape[1], dim=1)
    mixed = found.mixed.detach().to(weights.dtype)
    return max(miss, relative((weights @ values).transpose(1, 2), mixed))


@contextmanager
def captured(
    model: nn.Module, blocks: Sequence[nn.Module], encoder: Sequence[nn.Module]
) -> Iterator[list[AttentionMap]]:
    """Inside, for one pass, the attention of a model is appended to the list, if it asks the library's interface.

    Raises:
        AbsentError: A block attends more often than its kind should, or something else attends.
    """
    from transformers import AttentionInterface
    from transformers.masking_utils import AttentionMaskInterface, eager_mask

    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, eager_mask)
    maps: list[AttentionMap] = []
    with counted(blocks) as main, counted(encoder) as listened, _implementation(model, _NAME):
        token = _capturing.set(_keeper(maps, main, listened, len(encoder) > 0))
        try:
            yield maps
        finally:
            _capturing.reset(token)


def _keeper(
    maps: list[AttentionMap], main: CallCounter, listened: CallCounter, two_stacks: bool
) -> Callable[[nn.Module, torch.Tensor, torch.Tensor, torch.Tensor], None]:
    """What is done with the attention of a layer when it has been computed."""

    def keep(module: nn.Module, values: torch.Tensor, mixed: torch.Tensor, weights: torch.Tensor) -> None:
        if listened.call >= 0:
            kind, layer = AttentionKind.ENCODER, listened.call
        elif main.call >= 0:
            kind, layer = AttentionKind.SELF, main.call
            if two_stacks and any(found.kind is kind and found.layer == layer for found in maps):
                kind = AttentionKind.CROSS
        else:
            raise AbsentError("something outside its blocks attends")
        if any(found.kind is kind and found.layer == layer for found in maps):
            raise AbsentError("a block of it attends more than once")
        maps.append(AttentionMap(kind, layer, weights, mixed, values, module))

    return keep


@contextmanager
def _implementation(model: nn.Module, name: str) -> Iterator[None]:
    """Inside, all parts of a model ask the interface for one implementation of attention.

    The configurations are told directly: ``set_attn_implementation`` logs a warning for each part that asks nobody.
    """
    configs: dict[int, Any] = {id(part.config): part.config for part in model.modules() if hasattr(part, "config")}
    before = [(config, getattr(config, "_attn_implementation", None)) for config in configs.values()]
    try:
        for config, _ in before:
            config._attn_implementation = name
        yield
    finally:
        for config, own in before:
            config._attn_implementation = own


_PLACES: Mapping[bool, Mapping[str, AttentionKind]] = {
    False: {"attentions": AttentionKind.SELF},
    True: {
        "encoder_attentions": AttentionKind.ENCODER,
        "decoder_attentions": AttentionKind.SELF,
        "cross_attentions": AttentionKind.CROSS,
    },
}


def _handed_out(model: nn.Module, two_stacks: bool, forward: Callable[[], torch.Tensor]) -> AttentionTrace:
    """The attention of a model that gives it on ``output_attentions``, in one pass of ``forward``."""
    outputs: list[Any] = []

    def ask(
        _module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "output_attentions": True}

    def keep(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        outputs.append(output)

    handles = [model.register_forward_pre_hook(ask, with_kwargs=True), model.register_forward_hook(keep)]
    try:
        with _implementation(model, "eager"):
            logits = forward()
    finally:
        for handle in handles:
            handle.remove()
    maps = [
        AttentionMap(kind, layer, weights)
        for place, kind in _PLACES[two_stacks].items()
        for layer, weights in enumerate(getattr(outputs[-1], place, None) or ())
        if isinstance(weights, torch.Tensor)
    ]
    return AttentionTrace(tuple(maps), logits)
