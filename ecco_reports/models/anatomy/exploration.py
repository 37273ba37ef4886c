"""What a model lets be seen of its inside: every handle is found by running it and counts only with its proof.

In: a model and a closure that runs it on a short probe. Out: an ``Anatomy``: the handles found, how exactly the
identity of each held, and why the others are absent. Never: lists of supported models, paths, names of classes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import torch
from torch import nn

from ecco_reports.models.anatomy.attention import (
    AttentionMap,
    AttentionTap,
    asks_interface,
    attention_miss,
)
from ecco_reports.models.anatomy.blocks import Blocks, candidates, replaced_output, resumed, stacks_of
from ecco_reports.models.anatomy.neurons import NeuronTap, Projection, find_projection
from ecco_reports.models.anatomy.record import AbsentError, Call, Record, record, relative
from ecco_reports.models.anatomy.writes import Writer, WriteTap, find_writers
from ecco_reports.models.base import READOUT_TOLERANCE, AttentionKind, Capability
from ecco_reports.models.memory import TROUBLE, is_out_of_memory
from ecco_reports.records import Family

_WRITES_TOLERANCE = 3e-5
"""For float32 and better; in half precision the parts of a sum are rounded as coarsely as the sum."""

_SOFTMAX_TOLERANCE = 1e-5
"""Attention weights come from a softmax in single precision, also in a model of doubles."""

_HALF_TOLERANCE = 2e-2


@dataclass(frozen=True)
class Anatomy:
    """The handles of one model.

    Attributes:
        blocks: The blocks of the stack that speaks; empty when none were found.
        encoder: The blocks of the encoder it listens to; empty for a model of one stack.
        calls: How many block calls one pass makes in the stack that speaks.
        attention: Where its attention can be had, or None.
        neurons: Where its neurons are, or None.
        encoder_neurons: Where those of the encoder it listens to are, or None.
        writes: Which parts of its blocks write into the residual stream, or None.
        proofs: For each handle found, the relative residual of its identity on the probe.
        reasons: For each handle not found, why, in words that go on after "it has no ...:".
        partly: For handles that only some layers have, which ones lack it and why.
    """

    blocks: Blocks = ()
    encoder: Blocks = ()
    calls: int = 0
    attention: AttentionTap | None = None
    neurons: NeuronTap | None = None
    encoder_neurons: NeuronTap | None = None
    writes: WriteTap | None = None
    proofs: Mapping[Capability, float] = field(default_factory=dict)
    reasons: Mapping[Capability, str] = field(default_factory=dict)
    partly: Mapping[Capability, str] = field(default_factory=dict)


_HANDLES = (
    Capability.STATES,
    Capability.LAYER_READOUT,
    Capability.RESUME,
    Capability.ATTENTION,
    Capability.NEURONS,
    Capability.WRITES,
)


def explore(
    model: nn.Module,
    family: Family,
    forward: Callable[[], torch.Tensor],
    layers: int | None,
    seen: Record | None = None,
    speaking: Callable[[], torch.Tensor] | None = None,
) -> Anatomy:
    """Finds a model's handles by running it on a short probe, in fewer than five passes.

    Args:
        model: The whole model, in evaluation mode.
        family: What it was made for: whether it may look ahead.
        forward: Runs the model, by calling it, without a cache, on one text of at least four tokens; returns logits.
        layers: How many layers its configuration speaks of.
        seen: What ``record`` saw of ``forward``, if it has been run already.
        speaking: As ``forward``, but need not run the encoder that the stack that speaks listens to.

    Returns:
        What was found. Nothing is raised for a model that resists: it has fewer handles.
    """
    with torch.no_grad():
        try:
            seen = seen or record(model, forward)
            return _Exploration(model, family, forward, layers, seen, speaking or forward).anatomy()
        except TROUBLE as accident:
            if is_out_of_memory(accident):
                raise
            return Anatomy(reasons=dict.fromkeys(_HANDLES, _crashed(accident)))


class _Exploration:
    """A model run on a probe, and what that showed so far."""

    def __init__(
        self,
        model: nn.Module,
        family: Family,
        forward: Callable[[], torch.Tensor],
        layers: int | None,
        seen: Record,
        speaking: Callable[[], torch.Tensor],
    ) -> None:
        self._model, self._family, self._layers = model, family, layers
        self._forward, self._speaking, self._seen = forward, speaking, seen
        self._proofs: dict[Capability, float] = {}
        self._reasons: dict[Capability, str] = {}
        self._partly: dict[Capability, str] = {}
        # Of the weights, not of the logits, which may have been rounded up since.
        dtype = next((part.dtype for part in model.parameters() if part.is_floating_point()), torch.float32)
        self._tolerance = READOUT_TOLERANCE.get(str(dtype).removeprefix("torch."), _HALF_TOLERANCE)
        half = torch.finfo(dtype).eps > 1e-4
        self._finest = self._tolerance if half else min(self._tolerance, _WRITES_TOLERANCE)

    def anatomy(self) -> Anatomy:
        """All handles, one after another."""
        main, listened = stacks_of(self._model)
        try:
            blocks, calls = _chain(main, self._layers, self._seen)
            encoder = () if listened is None else _chain(listened, None, self._seen)[0]
            _refuse_other_axes(calls)
        except AbsentError as absent:
            return Anatomy(reasons=dict.fromkeys(_HANDLES, str(absent)))
        outputs = [call.output for call in calls]
        self._prove(Capability.STATES, lambda: self._streams(blocks, calls, encoder))
        if self._family is Family.NONE:
            self._reasons[Capability.LAYER_READOUT] = "it has no head that turns its vectors into words or classes"
        else:
            self._prove(Capability.LAYER_READOUT, lambda: self._read_out(blocks, outputs, _states(calls)))
        self._prove(Capability.RESUME, lambda: self._resume(blocks, outputs, _states(calls)))
        maps = self._attention(blocks, encoder, calls)
        neurons, encoder_neurons = self._neurons(blocks, encoder, calls)
        return Anatomy(
            blocks=blocks,
            encoder=encoder,
            calls=len(calls),
            attention=maps[0],
            neurons=neurons,
            encoder_neurons=encoder_neurons,
            writes=self._writes(blocks, calls, maps[1], neurons),
            proofs=self._proofs,
            reasons=self._reasons,
            partly=self._partly,
        )

    def _prove(self, capability: Capability, residual: Callable[[], float]) -> bool:
        """Whether an identity holds on the probe; what was measured or went wrong is written down."""
        try:
            measured = residual()
        except AbsentError as absent:
            self._reasons[capability] = str(absent)
            return False
        except TROUBLE as accident:
            if is_out_of_memory(accident):
                raise  # What there was no room to try may well be there.
            self._reasons[capability] = _crashed(accident)
            return False
        tolerance = max(self._tolerance, _SOFTMAX_TOLERANCE if capability is Capability.ATTENTION else 0.0)
        if not measured <= tolerance:
            self._reasons[capability] = f"it misses the model's own numbers by {measured:.1e} of the largest"
            return False
        self._proofs[capability] = measured
        return True

    def _streams(self, blocks: Blocks, calls: Sequence[Call], encoder: Blocks) -> float:
        """The states of each stack, which are handed on to the last bit (``_chain``).

        The last state of an encoder must also give the model's own logits when the rest of the encoder runs on it and
        the last block of the other stack listens to that.
        """
        _states(calls)
        taken = calls[-1].taken
        if not encoder or taken is None:
            return 0.0
        listened, outputs = self._seen.of(encoder), [call.output for call in calls]
        replayed = replaced_output(encoder, [call.output for call in listened], _states(listened)[-1])
        with replayed, resumed(blocks, outputs, len(outputs) - 1, taken):
            return relative(self._forward(), self._seen.logits)

    def _read_out(self, blocks: Blocks, outputs: Sequence[Any], states: Sequence[torch.Tensor]) -> float:
        """The tail replayed on the last state, against the model's own logits."""
        with replaced_output(blocks, outputs, states[-1]):
            return relative(self._speaking(), self._seen.logits)

    def _resume(self, blocks: Blocks, outputs: Sequence[Any], states: Sequence[torch.Tensor]) -> float:
        """Going on from the middle and from the last block with the traced states, against the model's own logits.

        The last block shows whether anything but the state is handed down, such as the keys of earlier layers.
        """
        worst = 0.0
        for layer in {len(outputs) // 2, len(outputs) - 1} - {0}:
            with resumed(blocks, outputs, layer, states[layer - 1]):
                worst = max(worst, relative(self._speaking(), self._seen.logits))
        return worst

    def _attention(
        self, blocks: Blocks, encoder: Blocks, calls: Sequence[Call]
    ) -> tuple[AttentionTap | None, Sequence[AttentionMap]]:
        maps: list[AttentionMap] = []
        tap = AttentionTap(self._model, blocks, encoder, by_interface=asks_interface(blocks))

        def residual() -> float:
            trace = tap.trace(self._forward)
            maps.extend(trace.maps)
            ahead = self._family is not Family.CAUSAL and not encoder
            own, read = _positions(calls), _positions(self._seen.of(encoder))
            ends = {
                AttentionKind.SELF: (own, own),
                AttentionKind.CROSS: (own, read),
                AttentionKind.ENCODER: (read, read),
            }
            misses = [attention_miss(found, *ends[found.kind], may_look_ahead=ahead) for found in maps]
            if not misses:
                raise AbsentError("none of its layers compares positions with one another by attention weights")
            return max(relative(trace.logits, self._seen.logits), *misses)

        if not self._prove(Capability.ATTENTION, residual):
            return None, ()
        if lacking := [
            _in_layers(without, f"{place}: they mix positions by other means or not at all")
            for kind, stack, place in (
                (AttentionKind.SELF, calls, ""),
                (AttentionKind.ENCODER, self._seen.of(encoder), " of the encoder"),
            )
            if (without := sorted(set(range(len(stack))) - {found.layer for found in maps if found.kind is kind}))
        ]:
            self._partly[Capability.ATTENTION] = "; ".join(lacking)
        return tap, maps

    def _neurons(
        self, blocks: Blocks, encoder: Blocks, calls: Sequence[Call]
    ) -> tuple[NeuronTap | None, NeuronTap | None]:
        """The neurons of the stack that speaks, and those of the encoder it listens to."""
        layers: dict[int, Projection] = {}
        listened: dict[int, Projection] = {}
        lacking: list[str] = []

        def residual() -> float:
            worst, missing = self._projections(calls, layers)
            if not layers:
                raise AbsentError(_commonest(missing))
            lacking.extend([_in_layers(missing, f": {_commonest(missing)}")] if missing else [])
            if encoder:
                miss, missing = self._projections(self._seen.of(encoder), listened)
                worst = max(worst, miss)
                lacking.extend([_in_layers(missing, f" of the encoder: {_commonest(missing)}")] if missing else [])
            return worst

        if not self._prove(Capability.NEURONS, residual):
            return None, None
        if lacking:
            self._partly[Capability.NEURONS] = "; ".join(lacking)
        return NeuronTap(blocks, layers), NeuronTap(encoder, listened) if listened else None

    def _projections(self, calls: Sequence[Call], found: dict[int, Projection]) -> tuple[float, Mapping[int, str]]:
        """Fills in the projection of each layer; the largest residual, and why layers have none."""
        worst, missing = 0.0, {}
        for number, call in enumerate(calls):
            try:
                found[number], miss = find_projection(self._seen, call, self._tolerance)
            except AbsentError as absent:
                missing[number] = str(absent)
            else:
                worst = max(worst, miss)
        return worst, missing

    def _writes(
        self, blocks: Blocks, calls: Sequence[Call], maps: Sequence[AttentionMap], neurons: NeuronTap | None
    ) -> WriteTap | None:
        layers: list[tuple[Writer, ...]] = []

        def residual() -> float:
            worst = 0.0
            for number, call in enumerate(calls):
                events = _events(self._seen, call, number, maps, neurons)
                writers, miss = find_writers(self._seen, call, events, self._finest)
                layers.append(writers)
                worst = max(worst, miss)
            return worst

        return WriteTap(blocks, tuple(layers)) if self._prove(Capability.WRITES, residual) else None


def _commonest(reasons: Mapping[int, str]) -> str:
    return Counter(reasons.values()).most_common(1)[0][0]


def _crashed(accident: Exception) -> str:
    """What is said of a model that raised something of its own."""
    said = str(accident).strip().partition("\n")[0]
    return f"the model does not run when it is tried ({said or type(accident).__name__})"


def _chain(stack: nn.Module, layers: int | None, seen: Record) -> tuple[Blocks, list[Call]]:
    """The blocks of a stack and their calls: what one call gave out, the next one took in, to the last bit.

    Raises:
        AbsentError: No list of modules hands a state on like that.
    """
    lists = [(blocks, seen.of(blocks)) for blocks in candidates(stack, layers)]
    lists = [(blocks, calls) for blocks, calls in lists if {id(c.module) for c in calls} == {id(b) for b in blocks}]
    # Lists inside a block may hand on states as well, and a list of one always does: the outermost one is wanted.
    inner = {
        id(part)
        for blocks, _ in lists
        if len(blocks) > 1
        for block in blocks
        for part in block.modules()
        if part is not block
    }
    found = [(blocks, calls) for blocks, calls in lists if _hands_on(calls) and id(blocks[0]) not in inner]
    if not found:
        raise AbsentError("no list of blocks was found in it, each of which goes on where the one before it ended")
    return max(found, key=lambda pair: sum(call.ended - call.began for call in pair[1]))


def _positions(calls: Sequence[Call]) -> int:
    """How many positions a stack worked on; 0 for one that is not there."""
    taken = calls[0].taken if calls else None
    return 0 if taken is None else taken.shape[-2]


def _refuse_other_axes(calls: Sequence[Call]) -> None:
    """Makes sure that a stack's states begin with the one text of the probe.

    Raises:
        AbsentError: Positions come first, which would be taken for texts.
    """
    given = calls[0].given
    if given is not None and given.dim() == 3 and len(given) != 1:
        raise AbsentError("its residual stream has other axes than text, position and width, in this order")


def _states(calls: Sequence[Call]) -> list[torch.Tensor]:
    """What the calls gave out.

    Raises:
        AbsentError: They are not one vector per position.
    """
    states = [call.given for call in calls if call.given is not None]
    if states[0].dim() != 3:
        raise AbsentError(f"its residual stream has {states[0].dim()} axes instead of text, position and width")
    return states


def _hands_on(calls: Sequence[Call]) -> bool:
    states = [(call.taken, call.given) for call in calls]
    if not states or any(taken is None or given is None or taken.shape != given.shape for taken, given in states):
        return False
    return all(
        given is not None and taken is not None and torch.equal(given, taken)
        for (_, given), (taken, _) in pairwise(states)
    )


def _events(
    seen: Record, block: Call, number: int, maps: Sequence[AttentionMap], neurons: NeuronTap | None
) -> dict[int, str]:
    """When a block attended and when its neurons were read, by the clock of the record."""
    began = {id(call.module): call.began for call in seen.within(block)}
    events = {}
    for found in maps:
        if found.layer == number and found.kind is not AttentionKind.ENCODER:
            role = "attention" if found.kind is AttentionKind.SELF else "cross_attention"
            events[began.get(id(found.module), block.began)] = role
    if neurons is not None and number in neurons.layers:
        events[began[id(neurons.layers[number].module)]] = "mlp"
    return events


def _in_layers(layers: Iterable[int], why: str) -> str:
    """Which layers lack something, and what is to be said of that."""
    numbers = list(map(str, layers))
    return f"not in layer{'s' if len(numbers) > 1 else ''} {', '.join(numbers)}{why}"
