"""What a model can do, found by trying: a handle counts only when its identity holds on this very model.

In: passes of a module, and a short text. Out: capabilities with the residuals that admitted them, and for each one that
is absent the reason. Never: names of architectures.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.anatomy import find_blocks, replaced_output, trace_blocks
from ecco_reports.models.base import READOUT_TOLERANCE, Capability, Reading
from ecco_reports.models.passes import Passes
from ecco_reports.records import Family

# How far rounding may move a prediction when a later token is left out, as a part of the spread of the logits.
_LOOK_AHEAD_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
_LOOK_AHEAD_TOLERANCE_HALF = 5e-2
_NO_HEAD = "it has no head that turns its vectors into words or classes"
_TROUBLE = (TypeError, KeyError, IndexError, RuntimeError, ValueError, LookupError, AttributeError, NotImplementedError)


@dataclass
class Findings:
    """What was found out about a model.

    Attributes:
        capabilities: What it can do.
        reasons: Why a capability is absent.
        proofs: The relative residual of the identity that admitted a capability.
        blocks: Its transformer blocks; of the decoder, where there are two stacks.
        layers: The number of block calls in a pass.
    """

    capabilities: set[Capability] = field(default_factory=set)
    reasons: dict[Capability, str] = field(default_factory=dict)
    proofs: dict[Capability, float] = field(default_factory=dict)
    blocks: tuple[nn.Module, ...] = ()
    layers: int = 0

    def judge(self, capability: Capability, residual: float, tolerance: float, miss: str) -> None:
        """Admits a capability if its identity holds."""
        if residual <= tolerance:
            self.capabilities.add(capability)
            self.proofs[capability] = residual
        else:
            self.reasons[capability] = f"{miss} by {residual:.1e} of the largest logit"


@torch.no_grad()
def explore(passes: Passes, probe: Reading, layers: int | None, source: str) -> Findings:
    """Tries everything once on a short text.

    Args:
        passes: The model's passes; told here which of its shortcuts hold.
        probe: The text, without anything said about it.
        layers: The number of layers that its configuration names, or None.
        source: The model as the experiment names it.

    Raises:
        ModelLoadError: The model is called causal and looks ahead, or it cannot be run on a text at all.
    """
    found = Findings(blocks=_blocks(passes.module, layers))
    ids = torch.tensor([probe.ids])
    try:
        logits = _whole(passes, probe, ids)
    except _TROUBLE as error:
        # A kind of model that none of the families is, such as one that chooses between several texts.
        raise ModelLoadError(source, _because(f"{source} cannot be run on a text", error) + ".") from error
    tolerance = READOUT_TOLERANCE[str(passes.module.dtype).removeprefix("torch.")]
    silent = probe.family is Family.NONE
    if not silent:
        found.capabilities |= {Capability.GENERATION, Capability.LOGITS}
        if probe.family is Family.QUESTION_ANSWERING:
            found.reasons[Capability.SCORES] = "its answers are positions, which move when tokens are left out"
        else:
            found.capabilities.add(Capability.SCORES)
        if probe.family is Family.CAUSAL:
            _refuse_look_ahead(passes, probe, ids, logits, source)
        _check_narrowing(passes, probe, ids, logits, tolerance)
    else:
        found.reasons |= dict.fromkeys((Capability.GENERATION, Capability.LOGITS, Capability.SCORES), _NO_HEAD)
    _try_embeddings(found, passes, probe, ids, logits, tolerance)
    _try_readout(found, passes, probe, ids, logits, tolerance)
    return found


def relative_gap(logits: torch.Tensor, own: torch.Tensor) -> float:
    """Largest difference of two sets of logits, relative to the largest logit, which sets the grain of rounding."""
    if not own.numel():
        return 0.0
    return float((logits - own).abs().max() / own.abs().max().clamp_min(1.0))


def _blocks(module: Any, layers: int | None) -> tuple[nn.Module, ...]:
    """The blocks of the stack that speaks: of the decoder, where there are two."""
    if getattr(module.config, "is_encoder_decoder", False):
        return find_blocks(module.get_decoder(), None)
    return find_blocks(module, layers)


def _whole(passes: Passes, probe: Reading, ids: torch.Tensor) -> torch.Tensor:
    """The logits of a plain pass, without any shortcut, ``[place, outcome]``."""
    narrows, passes.narrows = passes.narrows, False
    try:
        return passes.logits(probe, ids, probe.places)[0]
    finally:
        passes.narrows = narrows


def _refuse_look_ahead(passes: Passes, probe: Reading, ids: torch.Tensor, logits: torch.Tensor, source: str) -> None:
    cut = passes.logits(probe, ids[:, :-1], probe.places[:-1])[0]
    ahead = float((cut - logits[:-1]).abs().max())
    spread = float(logits.max() - logits.min())
    if ahead > _LOOK_AHEAD_TOLERANCE.get(passes.module.dtype, _LOOK_AHEAD_TOLERANCE_HALF) * spread:
        raise ModelLoadError(
            source,
            f"{source} is no causal language model: what it predicts for a token changes with the tokens after it. "
            "If it fills in masks, write family: masked.",
        )


def _check_narrowing(passes: Passes, probe: Reading, ids: torch.Tensor, logits: torch.Tensor, tolerance: float) -> None:
    """Sends fewer places through the head only if that gives the same numbers."""
    if not passes.narrows:
        return
    some: Sequence[int] = [probe.places[-1], *probe.places[:1]]
    try:
        few = passes.logits(probe, ids, some)[0]
        passes.narrows = few.shape == (2, logits.shape[-1]) and relative_gap(few, logits[[-1, 0]]) <= tolerance
    except _TROUBLE:
        passes.narrows = False


def _try_embeddings(
    found: Findings, passes: Passes, probe: Reading, ids: torch.Tensor, logits: torch.Tensor, tolerance: float
) -> None:
    """Embeddings must say all: with them in place, other token numbers must make no difference."""
    try:
        passes.find_streams(probe)
        embeddings = passes.embed(probe)[None]
        special = torch.tensor([token.special for token in probe.passage.tokens])
        # Only words of the text change places: a padding or end token among them would be more than another word.
        others = ids.clone()
        others[:, ~special] = ids[:, ~special].roll(1, 1)
        replaced = passes.logits(probe, others, probe.places, embeddings)[0]
    except _TROUBLE as error:
        found.reasons[Capability.GRADIENTS] = _because("its input embeddings cannot be reached", error)
        return
    if probe.family is Family.NONE:
        found.reasons[Capability.GRADIENTS] = _NO_HEAD
        return
    miss = "its logits from embeddings miss those from token numbers"
    found.judge(Capability.GRADIENTS, relative_gap(replaced, logits), tolerance, miss)


def _try_readout(
    found: Findings, passes: Passes, probe: Reading, ids: torch.Tensor, logits: torch.Tensor, tolerance: float
) -> None:
    if not found.blocks:
        found.reasons[Capability.LAYER_READOUT] = "no list of transformer blocks was found in it"
        return
    try:
        trace = trace_blocks(found.blocks, lambda: passes.logits(probe, ids, probe.places))
        found.layers = len(trace.outputs)
        if probe.family is Family.NONE:
            found.reasons[Capability.LAYER_READOUT] = _NO_HEAD
            return
        with replaced_output(found.blocks, trace.outputs, trace.states[-1]):
            replayed = passes.logits(probe, ids, probe.places, encoded=passes.encode(probe))[0]
    except _TROUBLE as error:
        found.reasons[Capability.LAYER_READOUT] = _because("its blocks cannot be told apart", error)
        return
    gap = relative_gap(replayed, logits)
    found.judge(Capability.LAYER_READOUT, gap, tolerance, "its replayed tail misses its own logits")


def _because(what: str, error: Exception) -> str:
    said = str(error).strip().partition("\n")[0]
    return f"{what} ({said or type(error).__name__})"
