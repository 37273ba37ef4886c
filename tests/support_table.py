"""Which model can be asked for what, measured on the zoo: run as a script, this writes the page of the documentation.

``python -m tests.support_table`` writes ``site/docs/reference/architectures.md`` anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, AttributionParams
from ecco_reports.errors import ModelLoadError
from ecco_reports.methods.gradients import gradients
from ecco_reports.methods.targets import Target
from ecco_reports.models.base import Capability
from ecco_reports.models.huggingface import HuggingFaceModel, wrap
from ecco_reports.models.reading import Reading
from ecco_reports.records import Decoding, Family, Prompt
from tests import zoo

PAGE = Path(__file__).parents[1] / "site" / "docs" / "reference" / "architectures.md"
COLUMNS: Mapping[Capability, str] = {
    Capability.LAYER_READOUT: "readout",
    Capability.RESUME: "resume",
    Capability.ATTENTION: "attention",
    Capability.NEURONS: "neurons",
    Capability.WRITES: "writes",
    Capability.GRADIENTS: "gradient",
}
_FAMILIES = {
    Family.CAUSAL: "writes on",
    Family.MASKED: "fills masks",
    Family.ENCODER_DECODER: "reads, then writes",
    Family.CLASSIFICATION: "classifies",
    Family.QUESTION_ANSWERING: "points at an answer",
}
_MEANINGS = {
    Capability.LAYER_READOUT: "its own last steps, run again on the state after its last block, with its answer",
    Capability.RESUME: "its answer when it goes on from the middle, or from the last block, with that of a whole pass",
    Capability.ATTENTION: "its answer while its weights are recorded, with its answer; the sum of the weights of each "
    "position, with 1; the weights times the values, with what the heads made of them",
    Capability.NEURONS: "the neurons times their weights, with what their layer wrote; each neuron, with itself when "
    "another position is changed",
    Capability.WRITES: "the sum of what the parts of a block wrote, with the change from its input to its output",
    Capability.GRADIENTS: "input x gradient of its answer, with the same by captum on the same model",
}
_CALLS = {
    Capability.RESUME: "resume",
    Capability.ATTENTION: "attention",
    Capability.NEURONS: "neurons",
    Capability.WRITES: "writes",
}
_INTRODUCTION = """\
# Architectures

Any model of the transformers library can be tried: there is no list of supported ones. When a model is loaded, each way
to look inside is tried on a short text, and it counts only if an identity holds: what was taken from the inside must
give back what the model itself computes. This page is that trial, made on tiny models with random weights, one of each
architecture.

How to read it: a number is how far the two sides of the identity were apart, relative to the largest number involved.
Single precision knows about seven digits, so `1e-07` is as equal as two numbers can be, and `0` is equal to the last
bit. A *no* links to the reason why a model lacks something. A star links to the layers that lack what the others have.

Generation, and attribution by occlusion or Shapley values, look at nothing but what a model says: they work with every
model on this page that is not refused.

"""


@dataclass(frozen=True)
class Row:
    """What was measured on one model.

    Attributes:
        entry: The model.
        residuals: The residual of each identity that held.
        reasons: Why something is absent.
        partly: Which layers lack something that others have.
    """

    entry: zoo.Entry
    residuals: Mapping[Capability, float]
    reasons: Mapping[Capability, str]
    partly: Mapping[Capability, str]

    def has(self, capability: Capability) -> str:
        """How it stands with a capability, in one word: ``yes``, ``partly`` or ``no``."""
        if capability in self.reasons:
            return "no"
        return "partly" if capability in self.partly else "yes"

    def note(self, capability: Capability) -> str:
        """What is to be said of a capability beyond its residual."""
        return self.reasons.get(capability) or self.partly.get(capability, "")


def measure(entry: zoo.Entry) -> Row:
    """Loads one model as everybody does and asks what it can do."""
    module = zoo.model(entry.name)
    try:
        ours = wrap(module, zoo.tokenizer(entry.family))
    except ModelLoadError as error:
        # The class stands for the model where it has no other name.
        why = f"It is refused, as it is {str(error).partition(' is ')[2].removesuffix('.')}"
        return Row(entry, {}, dict.fromkeys(COLUMNS, why), {})
    assert isinstance(ours, HuggingFaceModel)
    residuals = {capability: ours.proofs[capability] for capability in COLUMNS if capability in ours.capabilities}
    # How large a miss is depends on this model's weights, not on its architecture.
    reasons = {name: re.sub(r" by \d\S*.*", "", ours.reasons[name]) for name in COLUMNS if name not in residuals}
    if Capability.GRADIENTS in residuals:
        residuals[Capability.GRADIENTS] = gap_to_captum(module, ours, entry.family)
    return Row(entry, residuals, reasons, ours.partly)


def gap_to_captum(model: Any, ours: Any, family: Family) -> float:
    """Input x gradient of the first thing a model says, ours against captum's, relative to the largest."""
    masked = zoo.TEXT.replace("city", zoo.MASK)
    second = "the capital of Japan" if family is Family.QUESTION_ANSWERING else None
    prompt = Prompt(name="zoo", text=masked if family is Family.MASKED else zoo.TEXT, text_pair=second)
    reading: Reading = ours.read(prompt, Decoding(max_new_tokens=1))
    said = reading.spoken[0]
    inputs = ours.embed(reading)
    mine = gradients(ours, reading, inputs, [Target(said.place, said.outcome)], "logprob").vectors[0] * inputs
    theirs = _by_streams(model, reading, inputs) if reading.passage.encoder_length else _by_layer(model, reading)
    return ((mine - theirs).abs().max() / theirs.abs().max()).item()


def _by_layer(model: Any, reading: Reading) -> torch.Tensor:
    """Captum's answer for a model of one text, at the output of its embedding module, ``[position, width]``."""
    from captum.attr import LayerGradientXActivation

    more = {"token_type_ids": torch.tensor([reading.segments])} if any(reading.segments) else {}
    said = reading.spoken[0]

    def forward(ids: torch.Tensor) -> torch.Tensor:
        logits = zoo.logits_of(model(input_ids=ids, **more, **zoo.without_cache(model)))
        return (logits if logits.dim() == 2 else logits[:, said.place]).log_softmax(-1)

    embedding = model.get_input_embeddings().requires_grad_(True)
    try:
        attributed = LayerGradientXActivation(forward, embedding).attribute(
            torch.tensor([reading.ids]), target=said.outcome
        )
    finally:
        embedding.requires_grad_(False)
    return attributed[0].detach()


def _by_streams(model: Any, reading: Reading, inputs: torch.Tensor) -> torch.Tensor:
    """Captum's answer for a model of two texts, which takes the embeddings of both, ``[position, width]``."""
    from captum.attr import InputXGradient

    border, said = reading.passage.encoder_length, reading.spoken[0]

    def forward(encoded: torch.Tensor, decoded: torch.Tensor) -> torch.Tensor:
        logits = model(inputs_embeds=encoded, decoder_inputs_embeds=decoded).logits
        return logits[:, said.place - border].log_softmax(-1)

    streams = tuple(part.clone().requires_grad_(True) for part in (inputs[None, :border], inputs[None, border:]))
    attributed = InputXGradient(forward).attribute(streams, target=said.outcome)
    return torch.cat([part.detach() for part in attributed], 1)[0]


def page(rows: Sequence[Row]) -> str:
    """The page: what it means, the table, and the notes it refers to."""
    notes: dict[str, int] = {}
    lines = [
        f"| architecture | what it does | {' | '.join(COLUMNS.values())} |",
        "|---|---|" + "---|" * len(COLUMNS),
    ]
    for row in rows:
        cells = [_cell(row, capability, notes) for capability in COLUMNS]
        lines.append(f"| {row.entry.name} | {_FAMILIES[row.entry.family]} | {' | '.join(cells)} |")
    compared = "".join(
        f"| {name} | {_MEANINGS[capability]} | {used_by(capability)} |\n" for capability, name in COLUMNS.items()
    )
    counts = ", ".join(
        f"{name} {sum(row.has(capability) != 'no' for row in rows)}" for capability, name in COLUMNS.items()
    )
    said = [f'{number}. <span id="note-{number}"></span>{note}.' for note, number in notes.items()]
    summary = f"Of {len(rows)} models, this many have each: {counts}.\n\n"
    table = f"| column | what is compared | what needs it |\n|---|---|---|\n{compared}\n"
    return _INTRODUCTION + table + summary + "\n".join(lines) + "\n\n## Notes\n\n" + "\n".join(said) + "\n"


def used_by(capability: Capability) -> str:
    """The analyses that need a capability, or the call that makes use of it."""
    rooms = [ANALYSES[name] for name in ANALYSES]
    found = [room.title for room in rooms if capability in room.requires]
    methods = [
        METHOD_TITLES[method]
        for method in METHOD_TITLES
        if capability in ANALYSES["attribution"].needs(AttributionParams(methods=(method,)))
    ]
    if methods:
        found.append(f"{ANALYSES['attribution'].title}: {', '.join(methods)}")
    return "; ".join(found) or f"`model.{_CALLS[capability]}(...)` in Python"


def _cell(row: Row, capability: Capability, notes: dict[str, int]) -> str:
    note = row.note(capability)
    link = f"[{{}}](#note-{notes.setdefault(note[:1].upper() + note[1:], len(notes) + 1)})" if note else ""
    if capability in row.reasons:
        return link.format("no")
    residual = row.residuals[capability]
    return (f"{residual:.0e}" if residual else "0") + link.format("*")


if __name__ == "__main__":
    torch.set_num_threads(1)
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page([measure(entry) for entry in zoo.ENTRIES]), encoding="utf-8")
