"""What a model can do, found by trying: a handle counts only when its identity holds on this very model.

In: passes of a module, and a short text. Out: capabilities with the residuals that admitted them, and for each one that
is absent the reason. Never: names of architectures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch

from ecco_reports.errors import ModelLoadError
from ecco_reports.models import anatomy
from ecco_reports.models.anatomy import Anatomy, Record
from ecco_reports.models.base import READOUT_TOLERANCE, Capability
from ecco_reports.models.finite import can_be_chosen_from, demand_sound_weights
from ecco_reports.models.memory import TROUBLE, is_out_of_memory
from ecco_reports.models.passes import Passes
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family

# How far rounding may move a prediction when a later token is left out, as a part of the spread of the logits.
_LOOK_AHEAD_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
_LOOK_AHEAD_TOLERANCE_HALF = 5e-2
_WRITING = (Family.CAUSAL, Family.ENCODER_DECODER)
_NO_HEAD = "it has no head that turns its vectors into words or classes"


@dataclass
class Findings:
    """What was found out about a model.

    Attributes:
        anatomy: The handles to its inside.
        capabilities: What it can do.
        reasons: Why a capability is absent.
        proofs: The relative residual of the identity that admitted a capability.
    """

    anatomy: Anatomy = field(default_factory=Anatomy)
    capabilities: set[Capability] = field(default_factory=set)
    reasons: dict[Capability, str] = field(default_factory=dict)
    proofs: dict[Capability, float] = field(default_factory=dict)

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
        ModelLoadError: The model writes token by token and looks ahead, or it cannot be run on a text at all.
        NumericalError: Its weights, or what it says of the text, are not finite.
    """
    return _Exploration(passes, probe, source).findings(layers)


def relative_gap(logits: torch.Tensor, own: torch.Tensor) -> float:
    """Largest difference of two sets of logits, relative to the largest logit, which sets the grain of rounding."""
    if not own.numel():
        return 0.0
    return float((logits - own).abs().max()) / _grain(own)


def _grain(own: torch.Tensor) -> float:
    return max(1.0, float(own.abs().max()))


class _Exploration:
    """A model, a short text, and what trying things on it has shown so far."""

    def __init__(self, passes: Passes, probe: Reading, source: str) -> None:
        self._passes, self._probe, self._source = passes, probe, source
        self._found = Findings()
        self._ids = torch.tensor([probe.ids])
        self._tolerance = READOUT_TOLERANCE[str(passes.module.dtype).removeprefix("torch.")]
        self._encoded: Any = None
        demand_sound_weights(passes.module, source)
        self._seen = self._watched()
        if self._seen is None:
            self._run_unwatched()
        if not can_be_chosen_from(self._logits):
            raise passes.unsound(probe)

    def _run_unwatched(self) -> None:
        """The first pass again: the watching may have been to blame."""
        try:
            self._first_pass()
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            # A kind of model that none of the families is, such as one that chooses between several texts.
            what = _because(f"{self._source} cannot be run on a text", error) + "."
            raise ModelLoadError(self._source, what) from error

    def _watched(self) -> Record | None:
        """The first pass with every module watched, or None when that fails."""
        try:
            return anatomy.record(self._passes.module, self._first_pass)
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            return None

    def _first_pass(self) -> torch.Tensor:
        """The plain pass that all others are compared with."""
        self._logits, self._streams_trouble = self._passes.find_streams(self._probe)
        return self._logits[None]

    def _run(self) -> torch.Tensor:
        """A plain pass over the text, ``[batch, row, number]``."""
        return self._passes.rows(self._probe, self._ids)

    def _run_speaker(self) -> torch.Tensor:
        """The same, without the encoder where what it made may be given to the decoder."""
        if self._encoded is None:
            return self._run()
        return self._passes.logits(self._probe, self._ids, self._probe.places, encoded=self._encoded)

    def findings(self, layers: int | None) -> Findings:
        """Everything, in few passes."""
        found, probe = self._found, self._probe
        speaking = {Capability.GENERATION, Capability.LOGITS, Capability.SCORES}
        if probe.family is Family.NONE:
            found.reasons |= dict.fromkeys((*speaking, Capability.GRADIENTS), _NO_HEAD)
            self._passes.narrows = False
        else:
            found.capabilities |= speaking
            if probe.family is Family.QUESTION_ANSWERING:
                found.capabilities -= {Capability.SCORES}
                found.reasons[Capability.SCORES] = "its answers are positions, which move when tokens are left out"
            self._try_shortcuts()
        found.reasons[Capability.CANDIDATES] = "it gives complete distributions instead"
        module = self._passes.module
        found.anatomy = anatomy.explore(module, probe.family, self._run, layers, self._seen, self._run_speaker)
        found.capabilities |= found.anatomy.proofs.keys()
        found.proofs |= found.anatomy.proofs
        found.reasons |= found.anatomy.reasons
        if why := _no_choice(module.config, probe.family):
            saying = {*speaking, Capability.GRADIENTS, Capability.LAYER_READOUT}
            found.capabilities -= saying
            found.reasons |= dict.fromkeys(saying, why)
            found.proofs = {one: proof for one, proof in found.proofs.items() if one not in saying}
        return found

    @property
    def _most_ahead(self) -> float:
        """How far rounding may move a logit when a later token is left out."""
        part = _LOOK_AHEAD_TOLERANCE.get(self._passes.module.dtype, _LOOK_AHEAD_TOLERANCE_HALF)
        return part * float(self._logits.max() - self._logits.min())

    def _refuse_look_ahead(self) -> None:
        # A plain pass: whether the head may be given fewer places is not known yet.
        cut = self._passes.rows(self._probe, self._ids[:, :-1])[0, -1]
        if float((cut - self._logits[-2]).abs().max()) > self._most_ahead:
            what = "language model" if self._probe.family is Family.CAUSAL else "decoder"
            hint = " If it fills in masks, write family: masked." if self._probe.family is Family.CAUSAL else ""
            raise ModelLoadError(
                self._source,
                f"{self._source} is no causal {what}: what it predicts for a token changes with the tokens after it."
                + hint,
            )

    def _try_shortcuts(self) -> None:
        """Tries embeddings, the narrow way through the head and a cut text together, and apart only where that fails.

        If all three are what they should be, a cut text of other words under the embeddings of the text's own gives,
        at the places asked for, what the model itself says about the whole.
        """
        cut = self._probe.family in _WRITING
        gap = self._with_embeddings(cut)
        most = min(self._tolerance, self._most_ahead / _grain(self._logits)) if cut else self._tolerance
        if cut and not (isinstance(gap, float) and gap <= most):
            self._refuse_look_ahead()
            gap = self._with_embeddings(cut=False)
        if self._passes.narrows and not (isinstance(gap, float) and gap <= self._tolerance):
            self._passes.narrows = self._narrow_gap() <= self._tolerance
            gap = self._with_embeddings(cut=False)
        if isinstance(gap, str):
            self._found.reasons[Capability.GRADIENTS] = gap
        else:
            miss = "its logits from embeddings miss those from token numbers"
            self._found.judge(Capability.GRADIENTS, gap, self._tolerance, miss)
        if self._probe.family is Family.ENCODER_DECODER:
            self._passes.encodes_apart = self._encoding_gap() <= self._tolerance
            self._encoded = self._encoded if self._passes.encodes_apart else None

    def _with_embeddings(self, cut: bool) -> float | str:
        """Embeddings must say all: with them in place, other token numbers must make no difference.

        Args:
            cut: Whether the last token is left out.

        Returns:
            How far the logits are from the model's own, or why they cannot be had.
        """
        if self._streams_trouble:
            return self._streams_trouble
        places, last = self._probe.places, -2 if cut else -1
        length = self._ids.shape[1] + last + 1
        try:
            embeddings = self._passes.embed(self._probe)[None, :length]
            others = self._other_words()[:, :length]
            replaced = self._passes.logits(self._probe, others, [places[last], places[0]], embeddings)[0]
            return relative_gap(replaced, self._logits[[last, 0]])
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            return _because("its input embeddings cannot be reached", error)

    def _other_words(self) -> torch.Tensor:
        """The probe with its words in another order; template tokens stay, as positions may be counted by them."""
        words = [position for position, token in enumerate(self._probe.passage.tokens) if not token.special]
        others = self._ids.clone()
        others[:, words] = self._ids[:, words[1:] + words[:1]]
        if torch.equal(others, self._ids):  # One word throughout, such as the sign for unknown ones.
            others[:, words] = (self._ids[:, words] - 1).abs()
        return others

    def _narrow_gap(self) -> float:
        places = self._probe.places
        try:
            few = self._passes.logits(self._probe, self._ids, [places[-1], places[0]])[0]
            return relative_gap(few, self._logits[[-1, 0]])
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            return float("inf")

    def _encoding_gap(self) -> float:
        """How far a pass that is given what the encoder made is from one that runs it."""
        places = self._probe.places[-1:]
        try:
            self._encoded = self._passes.encode(self._probe)
            apart = self._passes.logits(self._probe, self._ids, places, encoded=self._encoded)[0]
            return relative_gap(apart, self._logits[-1:])
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            return float("inf")


def _no_choice(config: Any, family: Family) -> str:
    """Why the logits of a classifier are no choice between classes, or nothing when they are."""
    if family is not Family.CLASSIFICATION:
        return ""
    if getattr(config, "problem_type", None) == "multi_label_classification":
        return "its classes do not exclude each other (multi_label_classification)"
    if getattr(config, "problem_type", None) == "regression" or config.num_labels == 1:
        return "it predicts a number instead of choosing a class"
    return ""


def _because(what: str, error: Exception) -> str:
    said = str(error).strip().partition("\n")[0]
    return f"{what} ({said or type(error).__name__})"
