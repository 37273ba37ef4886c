"""What tasks cost, said before anything runs: passes through the model, and the memory they need at the peak.

In: tasks, and what is known of their model without loading it. Out: sums. Where the configuration does not tell a size,
the sum is unknown rather than guessed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ecco_reports.analyses import AnyAnalysis, DecodingParams
from ecco_reports.analyses.preflight import tokens_after
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.errors import EccoReportsError
from ecco_reports.models.base import ModelFacts
from ecco_reports.records import Decoding, Family, Prompt, Record
from ecco_reports.registry import Registry

if TYPE_CHECKING:
    from ecco_reports.plan.tasks import Task

_ITEMSIZE = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}
_LOGIT = 4
"""Bytes of a logit: they are kept at least in single precision."""
_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER, None)


@dataclass(frozen=True)
class Effort:
    """What a number of tasks of one model cost, at most.

    Attributes:
        passes: Forward passes over a text, the shared ones included.
        backwards: Backward passes.
        readouts: Texts that go through the head alone.
        weights: Bytes of the weights, about; None where that is unknown.
        most: Bytes that the largest single task holds beside the weights, about; None where that is unknown.
        largest: Label of that task.
    """

    passes: float
    backwards: float
    readouts: float
    weights: int | None
    most: int | None
    largest: str

    @property
    def peak(self) -> int | None:
        """Bytes at the peak, or None where they are unknown."""
        return None if self.weights is None or self.most is None else self.weights + self.most


def effort_of(tasks: Iterable[Task], analyses: Registry[AnyAnalysis], facts: ModelFacts) -> Effort:
    """What tasks of one model cost together.

    All analyses of a prompt share what the model reads and writes: that is counted once per prompt and decoding.

    Args:
        tasks: The tasks; each key once.
        analyses: The analyses that exist.
        facts: What is known of their model.
    """
    weights = weight_bytes(facts)
    shared: dict[tuple[str, str], float] = {}
    costs: list[tuple[str, Work, int | None]] = []
    for task in tasks:
        extent = extent_of(task.prompt, task.params, facts)
        work = analyses[task.analysis].work(task.params, extent)
        decoding = _decoding(task.params)
        shared[_text(task.prompt), decoding.model_dump_json()] = shared_passes(task.prompt, decoding, extent)
        costs.append((task.label, work, _sum(work.memory, shared_bytes(extent))))
    most = max((memory for _, _, memory in costs if memory is not None), default=0)
    return Effort(
        passes=sum(shared.values()) + sum(work.passes for _, work, _ in costs),
        backwards=sum(work.backwards for _, work, _ in costs),
        readouts=sum(work.readouts for _, work, _ in costs),
        weights=weights,
        most=None if any(memory is None for _, _, memory in costs) else most,
        largest=next((label for label, _, memory in costs if memory == most), ""),
    )


def extent_of(prompt: Prompt, params: Record, facts: ModelFacts) -> Extent:
    """How large a task is, as far as that is known without loading the model.

    Args:
        prompt: What the model reads.
        params: The settings of the analysis; they say how much is written, if anything is.
        facts: What is known of the model.
    """
    shape, family = facts.shape, facts.family
    read, masks = _tokens(prompt, facts)
    match family:
        case Family.CAUSAL | Family.ENCODER_DECODER | None:
            written = tokens_after(params, prompt, facts)
        case Family.MASKED:
            written = masks
        case Family.QUESTION_ANSWERING:
            written = 2
        case _:
            written = int(family is Family.CLASSIFICATION)
    outcomes = len(facts.labels) or shape.outcomes
    return Extent(
        family=family,
        read=read,
        written=written,
        words=len(f"{prompt.text} {prompt.text_pair or ''}".split()),
        layers=facts.layers,
        width=shape.width,
        heads=shape.heads,
        neurons=shape.neurons,
        outcomes=read if family is Family.QUESTION_ANSWERING else outcomes,
        parameters=shape.parameters,
        itemsize=_ITEMSIZE.get(facts.spec.dtype, 4),
    )


def shared_passes(prompt: Prompt, decoding: Decoding, extent: Extent) -> float:
    """Passes that all analyses of a prompt share: one that looks at the whole text, and one for each way to write it.

    A text is written token by token, but each of them goes through the model once: that is one pass over the text. A
    continuation that is given takes a pass over what stands before it.
    """
    writes = extent.written and extent.family in _WRITERS
    return 1.0 + (1 if prompt.continuation is not None else decoding.beams) * bool(writes)


def shared_bytes(extent: Extent) -> int | None:
    """What the shared pass holds, about: the residual stream at every layer, all logits, and what one block needs.

    A block holds its attention patterns, the two inner vectors of its MLP, and a few vectors of the stream's width.
    While a model writes, the keys and values of all layers are kept as well.
    """
    length, size = extent.length, extent.itemsize
    known = (extent.layers, extent.width, extent.heads, extent.neurons, extent.outcomes)
    if any(number is None for number in known):
        return None
    layers, width, heads, neurons, outcomes = (number or 0 for number in known)
    stream = (layers + 1) * length * width * size
    block = length * (heads * length + 2 * neurons + 6 * width) * size
    kept = 2 * layers * length * width * size if extent.written and extent.family in _WRITERS else 0
    return stream + block + kept + length * outcomes * _LOGIT


def weight_bytes(facts: ModelFacts) -> int | None:
    """Bytes of the weights of a model once it is loaded, or None where their number is unknown."""
    parameters = facts.shape.parameters
    return None if parameters is None else parameters * _ITEMSIZE.get(facts.spec.dtype, 4)


def _tokens(prompt: Prompt, facts: ModelFacts) -> tuple[int, int]:
    """How many tokens a model reads of a prompt, and how many of them it fills in."""
    words = len(prompt.text.split()) + len((prompt.text_pair or "").split())
    if facts.tokenize is None:
        return words, 0
    try:
        ids = facts.tokenize.encode(prompt).ids
    except EccoReportsError:
        return words, 0
    mask = facts.tokenize.mask
    return len(ids), 0 if mask is None else ids.count(mask.id)


def _text(prompt: Prompt) -> str:
    """All of a prompt that a model reads."""
    return prompt.model_dump_json(exclude={"name", "written", "target", "foil"})


def _decoding(params: Record) -> Decoding:
    return params.decoding if isinstance(params, DecodingParams) else Decoding()


def _sum(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one + other
