"""The matrix of a model's head, applied to hidden states as the library hands them out: how the original ecco reads.

In: a model's passes and a reading. Out: the head and the last hidden state, which the library hands out behind the
final norm while all others are before it. Never: a head that was not seen to put the model's own logits in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import READOUT_TOLERANCE
from ecco_reports.models.passes import Passes, hooked
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family


@dataclass(frozen=True)
class BareHead:
    """A head without what stands around it, and the one state that is handed out behind the final norm.

    Attributes:
        head: The module whose matrix has a row for each outcome.
        last: The last hidden state of the library, ``[position, width]``.
    """

    head: nn.Module
    last: torch.Tensor

    def of(self, states: torch.Tensor) -> torch.Tensor:
        """What the matrix makes of vectors ``[..., width]``: ``[..., outcome]``, at least in float32."""
        weights = next(self.head.parameters())
        scores: torch.Tensor = self.head(states.to(weights.device, weights.dtype))
        return scores if scores.dtype == torch.float64 else scores.float()


def find_bare_head(
    passes: Passes, reading: Reading, states: torch.Tensor, places: Sequence[int], dtype: str, source: str
) -> BareHead:
    """The head of a model that writes on, found and tried on a reading.

    Args:
        passes: Runs the module.
        reading: What is read.
        states: The residual stream as it was traced, ``[state, position, width]``.
        places: Where the head is tried.
        dtype: The type of the weights, which says how far rounding may go.
        source: The model, for messages.

    Raises:
        CapabilityError: There is no such head, or more than a norm and a rising function lies around it.
    """

    def refusal(why: str) -> CapabilityError:
        return CapabilityError(
            source, f"{source} cannot be read without its final norm, as the original ecco did: {why}."
        )

    head = passes.module.get_output_embeddings() if passes.speech.per_position else None
    if passes.speech.family not in (Family.CAUSAL, Family.ENCODER_DECODER) or not isinstance(head, nn.Module):
        raise refusal("it has no head that is one matrix behind a norm")
    hidden, logits = _handed_out(passes, reading, places)
    if len(hidden) != len(states) or hidden[-1].shape != states[-1].shape:
        raise refusal("the library does not hand out one hidden state for each layer")
    grain = torch.linalg.vector_norm(states[:-1], torch.inf)
    apart = torch.stack([(one - own).abs().max() for one, own in zip(hidden[:-1], states[:-1], strict=True)]).max()
    if apart > READOUT_TOLERANCE[dtype] * grain:
        raise refusal("the hidden states that the library hands out are not those between its blocks")
    found = BareHead(head, hidden[-1])
    rows = torch.tensor(passes.speech.positions(reading, places), device=found.last.device)
    try:
        scores = found.of(found.last[rows])
    except RuntimeError as error:
        raise refusal("its head does not take vectors of the width of its layers") from error
    wrong = scores.shape != logits.shape or disorder(scores, logits) > READOUT_TOLERANCE[dtype] * logits.abs().max()
    if wrong:
        raise refusal("the matrix of its head does not put what it could say in the order that the model does")
    return found


def disorder(scores: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """By how much logits are out of the order of other scores, ``[row, outcome]`` each; 0 where both rise together.

    It is the largest drop from one logit to another one whose score is not smaller.
    """
    ordered = logits.gather(-1, scores.to(logits.device).argsort(-1))
    drops: torch.Tensor = ordered.cummax(-1).values - ordered
    return drops.max()


def _handed_out(passes: Passes, reading: Reading, places: Sequence[int]) -> tuple[list[torch.Tensor], torch.Tensor]:
    """The library's hidden states ``[position, width]``, each, and the logits at places of the same pass."""
    hidden: list[torch.Tensor] = []

    def ask(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        return args, {**kwargs, "output_hidden_states": True, "return_dict": True}

    def keep(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        found = getattr(output, "decoder_hidden_states", None) or getattr(output, "hidden_states", None)
        hidden.extend(state[0] for state in found or ())

    with ExitStack() as stack:
        stack.enter_context(hooked(passes.module.register_forward_pre_hook(ask, with_kwargs=True)))
        stack.enter_context(hooked(passes.module.register_forward_hook(keep)))
        logits = passes.logits(reading, torch.tensor([reading.ids]), places)
    return hidden, logits[0]
