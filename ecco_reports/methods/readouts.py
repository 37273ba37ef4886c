"""Ways to read a state of the residual stream in words, and the reading of many states in parts that fit into memory.

``own_tail`` replays whatever the model does behind its last block (nostalgebraist 2020, with the norm's statistics
taken anew); ``bare_head`` multiplies with the head's matrix alone, as ``layer_predictions`` and ``rankings`` of the
original ecco (0.1.2) do. Each brings the measure by which its last row is held against the model's own logits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TypeAlias, TypeVar

import torch

from ecco_reports.methods.portions import portions
from ecco_reports.models.bare_head import disorder
from ecco_reports.models.base import LanguageModel
from ecco_reports.models.reading import Reading

R = TypeVar("R")
# Makes something of one state's logits ``[place, outcome]``; told whether it is the last one, which proves the others.
Look: TypeAlias = Callable[[torch.Tensor, bool], R]


@dataclass(frozen=True)
class Readout:
    """A way to read states.

    Attributes:
        read: States and places to logits ``[state, place, outcome]``.
        gap: How far a last row ``[place, outcome]`` is from the model's own logits, in logits.
    """

    read: Callable[[Sequence[int], Sequence[int]], torch.Tensor]
    gap: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


WayToRead: TypeAlias = Callable[[LanguageModel, Reading], Readout]


def own_tail(model: LanguageModel, reading: Reading) -> Readout:
    """The model's own tail, replayed on each state; its last row is the model's own prediction."""
    residual = model.residual_states(reading)
    return Readout(lambda states, places: model.read_out(reading, residual[list(states)], places), _largest_difference)


def bare_head(model: LanguageModel, reading: Reading) -> Readout:
    """The head's matrix alone, as the original ecco reads; its last row puts outcomes in the model's own order.

    Reading raises a ``CapabilityError`` where the model has no such head.
    """
    return Readout(lambda states, places: model.read_bare(reading, states, places), disorder)


def read_in_parts(
    model: LanguageModel,
    readout: Readout,
    work: str,
    states: Sequence[int],
    places: Sequence[int],
    outcomes: int,
    at: Callable[[range], Look[R]],
) -> list[list[R]]:
    """Reads out states at places, in parts that fit into memory.

    Args:
        model: The model.
        readout: How states are read.
        work: What is computed, for a note about it.
        states: Which states; the last of them is the model's last. It proves the others, and is not read out twice
            when it was asked for anyway.
        places: At least one.
        outcomes: How many logits there are at each place.
        at: Makes the look at some of the places, given as a range of indices.

    Returns:
        For each part of the places, in order, what was seen of each state.
    """
    numbered = list(enumerate(states[:-1] if list(states[-2:]) == [model.layers] * 2 else states))
    places_at_once, states_at_once = portions(len(places), outcomes)

    def at_places(part: Sequence[int]) -> list[R]:
        look = at(range(part[0], part[-1] + 1))
        chosen_places = [places[index] for index in part]

        def of_states(chosen: Sequence[tuple[int, int]]) -> list[R]:
            logits = readout.read([state for _, state in chosen], chosen_places)
            return [look(one, index == len(numbered) - 1) for (index, _), one in zip(chosen, logits, strict=True)]

        return list(chain.from_iterable(model.memory.chunks(work, "state", numbered, states_at_once, of_states)))

    return list(model.memory.chunks(work, "place", range(len(places)), places_at_once, at_places))


def _largest_difference(logits: torch.Tensor, own: torch.Tensor) -> torch.Tensor:
    largest: torch.Tensor = torch.linalg.vector_norm(logits - own, torch.inf)
    return largest
