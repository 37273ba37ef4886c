"""What rooms that read layers in words share: how they are set, what they cost, and how they prove themselves.

In: settings, extents, residuals. Out: work, checks, and the words for a reading without the final norm.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil
from typing import TYPE_CHECKING

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.layers import LayerChoice, states_of
from ecco_reports.analyses.preflight import FoundProblem
from ecco_reports.analyses.work import Extent, Work
from ecco_reports.methods.portions import portions
from ecco_reports.models.base import READOUT_TOLERANCE, ModelFacts
from ecco_reports.records import Check, Family

if TYPE_CHECKING:
    from ecco_reports.methods.readouts import WayToRead

AS_ECCO = "As the original ecco shows it, without the final norm; not what the layer believes"
"""Stands wherever layers were read by the bare head."""

_BESIDE = 3
"""Copies of the logits at hand: what is read, its probabilities, and what the model itself says."""


class ReadoutParams(DecodingParams):
    """How layers are read.

    Attributes:
        layers: ``all``, a list of layer numbers (negative ones from the end) and ``embedding``, or a range such as
            ``{first: 2, last: 8}``, both ends included.
        apply_final_norm: Whether each layer is read with all that the model does behind its last one. ``false`` leaves
            out the final norm (and T5's and Gemma 2's scaling of the scores), as the original ecco did, for people who
            compare with its figures; only models that write on can be read so.
    """

    layers: LayerChoice = "all"
    apply_final_norm: bool = True


def way_to_read(params: ReadoutParams) -> WayToRead:
    """How states are read for these settings."""
    from ecco_reports.methods.readouts import bare_head, own_tail

    return own_tail if params.apply_final_norm else bare_head


def norm_problems(params: ReadoutParams, facts: ModelFacts) -> Iterator[FoundProblem]:
    """A reading without the final norm of a model that is known to have more than a matrix behind it."""
    if not params.apply_final_norm and facts.family not in (Family.CAUSAL, Family.ENCODER_DECODER, None):
        what = "this model's last step is more than a norm and a matrix, so the norm alone cannot be left out of it."
        yield ("apply_final_norm",), what, "Leave it out, or ask a model that writes on."


def readout_checks(gap: float, dtype: str, normed: bool) -> list[Check]:
    """How the last row proves the others.

    Args:
        gap: As ``Lens.readout_gap`` has it.
        dtype: The type of the weights.
        normed: Whether the final norm was applied.
    """
    if normed:
        name, meaning = (
            "readout identity",
            "Largest difference between the logits read at the last layer and the logits of the model itself, relative "
            "to the largest logit.",
        )
    else:
        name, meaning = (
            "order of the last layer",
            "Read by the head alone, the last layer must put all that could be said in the order of the model's own "
            "logits: the largest drop against that order, relative to the largest logit.",
        )
    return [Check(name=name, residual=gap, tolerance=READOUT_TOLERANCE[dtype], meaning=meaning)]


def rank_check(gap: int) -> Check:
    """Ranks read at the last layer against those in the model's own logits."""
    return Check(
        name="final rank",
        residual=float(gap),
        tolerance=0.0,
        meaning="Largest difference between the ranks read at the last layer and the ranks in the model's own logits, "
        "beyond what rounding can shift.",
    )


def readout_work(params: ReadoutParams, extent: Extent, places: int, times: int = 1) -> Work:
    """What it costs to read layers at places.

    Each layer goes through the head once for every part of the places that fits into memory; the last layer goes along
    to prove the others. Without the final norm, one more pass fetches the states as the library hands them out.

    Args:
        params: How layers are read.
        extent: How much text there is.
        places: At how many places they are read, at most.
        times: How often.
    """
    passes = 0 if params.apply_final_norm else 1
    if extent.layers is None:
        return Work(passes=passes, memory=None)
    states = len({*states_of(params.layers, extent.layers), extent.layers})
    places = max(1, places)
    if extent.outcomes is None or extent.width is None:
        return Work(passes=passes, readouts=states * times, memory=None)
    places_at_once, states_at_once = portions(places, extent.outcomes)
    parts = ceil(places / places_at_once)
    held = min(states, states_at_once) * places_at_once * extent.outcomes
    stream = (extent.layers + 1 + 2 * min(states, states_at_once)) * extent.length * extent.width * extent.itemsize
    own = places * extent.outcomes
    return Work(passes=passes, readouts=states * parts * times, memory=4 * (own + _BESIDE * held) + stream)


def places_said(extent: Extent) -> int:
    """At how many places it is known what was right, at most."""
    match extent.family:
        case Family.MASKED:
            return extent.read
        case Family.CLASSIFICATION | Family.QUESTION_ANSWERING:
            return extent.written
        case Family.ENCODER_DECODER:
            return extent.written
        case _:
            return extent.length - 1
