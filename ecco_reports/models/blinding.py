"""Hiding positions from attention: everything stays where it is, but nobody looks at some of it.

In: which positions nobody may look at. Out: what a transformers model must be given for that. Whether a model obeys is
found by trying: with nothing hidden it must say what it always says, and what is hidden must not matter to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import READOUT_TOLERANCE
from ecco_reports.models.memory import TROUBLE, is_out_of_memory
from ecco_reports.models.passes import Passes
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family


@dataclass(frozen=True)
class Blinding:
    """One way to tell a model what it must not look at.

    Attributes:
        family: What the model was made for.
        by_row: Whether it is told for each position what that may look at, so that each still sees itself; else once
            for all, and it keeps rules of its own (such as a window that slides).
        backwards: Whether positions look back only.
        counted: Whether it is told the numbers of its positions, which it might else count from the mask.
    """

    family: Family
    by_row: bool
    backwards: bool
    counted: bool

    def inputs(self, unseen: torch.Tensor, border: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        """What goes into a pass beside its text; what an encoder reads is hidden from its decoder, too.

        Args:
            unseen: Which positions nobody else may look at, ``[batch, position]``.
            border: How many of them an encoder reads; 0 where there is none.
            dtype: What the model computes in.
        """
        length = unseen.shape[1]
        inputs = {"attention_mask": (~unseen[:, : border or length]).long()}
        if self.by_row:
            itself = torch.eye(length, dtype=torch.bool, device=unseen.device)
            seen = ~unseen[:, None] | itself
            seen = seen.tril() if self.backwards else seen
            mask = torch.zeros(seen.shape, dtype=dtype, device=unseen.device)
            inputs["attention_mask"] = mask.masked_fill(~seen, torch.finfo(dtype).min)[:, None]
        if self.counted:
            inputs["position_ids"] = torch.arange(length, device=unseen.device)[None].expand(len(unseen), -1)
        return inputs

    def leaves_nothing(self, unseen: torch.Tensor, border: int, places: Sequence[int]) -> bool:
        """Whether some text has a position that speaks and would have nothing to look at."""
        if self.by_row:
            return False
        reaches = [border - 1] if border else places if self.backwards else [unseen.shape[1] - 1]
        return any(bool(unseen[:, : reach + 1].all(-1).any()) for reach in reaches)


def _ways(family: Family, parameters: frozenset[str]) -> Iterator[Blinding]:
    """The ways that are worth trying, the best first; a classifier may look ahead or not."""
    if family is not Family.ENCODER_DECODER:
        for backwards in {Family.CAUSAL: (True,), Family.CLASSIFICATION: (False, True)}.get(family, (False,)):
            yield Blinding(family, True, backwards, backwards and "position_ids" in parameters)
    # Where a model that looks back cannot be told its positions, it may number what is seen alone.
    if family is not Family.CAUSAL or "position_ids" in parameters:
        yield Blinding(family, False, family is Family.CAUSAL, family is Family.CAUSAL)


def found_blinding(passes: Passes, reading: Reading, source: str) -> Blinding:
    """The way to hide positions that does what it should on this text.

    Raises:
        CapabilityError: There is none.
    """
    place, border, dtype = reading.places[-1], reading.passage.encoder_length, passes.module.dtype
    middle = (border or len(reading.ids)) // 2
    hidden = max(middle - 1, 0) if passes.speech.per_position and middle == place else middle
    # Several passes are compared, each with a rounding of its own.
    tolerance = 10 * READOUT_TOLERANCE[str(dtype).removeprefix("torch.")]
    why = "it takes no mask for its attention"
    for way in _ways(passes.speech.family, passes.parameters):

        def run(ids: torch.Tensor, unseen: torch.Tensor | None, way: Blinding = way) -> torch.Tensor:
            more = None if unseen is None else way.inputs(unseen.to(passes.device), border, dtype)
            return passes.logits(reading, ids, [place], more=more)

        try:
            gaps = _gaps(reading, run, hidden)
        except TROUBLE as error:
            if is_out_of_memory(error):
                raise
            continue
        if not (wrong := [what for what, gap in gaps.items() if not gap <= tolerance]):
            return way
        why = wrong[0]
    raise CapabilityError(source, f"parts of a text cannot be hidden from the attention of {source}: {why}.")


def _gaps(
    reading: Reading, run: Callable[[torch.Tensor, torch.Tensor | None], torch.Tensor], hidden: int
) -> dict[str, float]:
    """How far a way of hiding is from doing what it should, in logits, by what is wrong then.

    Args:
        reading: A text.
        run: Gives the logits of token numbers ``[batch, position]``, with positions hidden or none.
        hidden: A position that is not the one which speaks.
    """
    ids = torch.tensor([reading.ids])
    other = ids.clone()
    other[0, hidden] = _another(reading.ids, hidden)
    unseen = torch.zeros_like(ids, dtype=torch.bool)
    plain, given = run(ids, None), run(ids, unseen)
    unseen[0, hidden] = True
    moved = (run(other, unseen) - run(ids, unseen)).abs()
    if reading.family is Family.QUESTION_ANSWERING:
        moved[..., hidden] = 0  # It speaks of itself there: whether the answer begins with it.
    return {
        "with nothing hidden it says something else": (given - plain).abs().max().item(),
        "it still sees what is hidden": moved.max().item(),
    }


def _another(ids: Sequence[int], position: int) -> int:
    """A number of the same text that is another one, or the one before where there is none."""
    return next((number for number in ids if number != ids[position]), max(ids[position] - 1, 0))
