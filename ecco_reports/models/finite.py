"""Numbers that are none: seen at once, and traced to where in the model they begin.

In: what came out of a pass. Out: nothing, or the error that names the first layer and position. A model may say minus
infinity of what it rules out on purpose, as long as it leaves something possible; anything else that is not finite
would make a chart of nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from ecco_reports.errors import NumericalError
from ecco_reports.models.anatomy.blocks import candidates, hidden_of, stacks_of, taken_of
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family

_HALF = (torch.float16, torch.bfloat16)
_PLAIN = (torch.float32, torch.float64, *_HALF)
# A place of these families is a position.
_SPEAKING_AT_POSITIONS = (Family.CAUSAL, Family.MASKED, Family.ENCODER_DECODER)


def can_be_chosen_from(logits: torch.Tensor) -> bool:
    """Whether every distribution ``[..., outcome]`` has a largest logit that is a number.

    The largest of some numbers is NaN if one of them is, infinite if one of them is, and minus infinity only if all
    are: one reduction tells all that matters.
    """
    return not logits.numel() or bool(logits.detach().amax(-1).isfinite().all())


def all_finite(numbers: torch.Tensor) -> bool:
    """Whether all numbers are finite, without a copy of them."""
    if not numbers.numel():
        return True
    smallest, largest = torch.aminmax(numbers.detach())
    return bool(smallest.isfinite() & largest.isfinite())


def unsound(
    module: Any, reading: Reading, source: str, run: Callable[[], torch.Tensor], what: str = "logits"
) -> NumericalError:
    """The error for numbers that are not finite; the text is read once more to see where they begin.

    Args:
        module: The transformers model.
        reading: What it read.
        source: The model as the experiment names it.
        run: A plain pass over the reading: logits ``[batch, row, outcome]``.
        what: What was found not to be finite, as it stands in a sentence.
    """
    dtype = next(module.parameters()).dtype
    origin = _origin(module, reading, run)
    if origin is None:
        where = f"{what} that are not finite for a changed text or changed states, though not for the text as it is"
        return NumericalError(source, f"{source} gives {where}. {_advice(module, dtype)}")
    token = "" if origin.position is None else f" ({reading.passage.tokens[origin.position].label!r})"
    at = "" if origin.position is None else f", first at position {origin.position}{token}"
    return NumericalError(
        source,
        f"{source} gives {origin.kind} from {origin.part} on{at}. {_advice(module, dtype)}",
        part=origin.part,
        position=origin.position,
    )


def demand_sound_weights(module: nn.Module, source: str) -> None:
    """Makes sure that the weights are numbers; rows that are only looked up may be anything, as long as no text does.

    What comes out would not always tell: a fused attention kernel makes zeros of a head whose scores are NaN.

    Raises:
        NumericalError: A weight is not.
    """
    users: dict[int, list[nn.Module]] = {}
    for part in module.modules():
        for weight in part.parameters(recurse=False):
            users.setdefault(id(weight), []).append(part)
    looked_up = {number for number, parts in users.items() if all(isinstance(part, nn.Embedding) for part in parts)}
    if (broken := _broken_weight(module, looked_up)) is not None:
        raise NumericalError(source, f"{source} cannot be used. {_blamed(broken, next(module.parameters()).dtype)}")


@dataclass(frozen=True)
class _Origin:
    """The first part of a pass, and the first position, whose numbers are not finite."""

    part: str
    position: int | None
    kind: str


def _origin(module: Any, reading: Reading, run: Callable[[], torch.Tensor]) -> _Origin | None:
    """Runs a plain pass and stops looking at the first number that is not finite."""
    found: list[_Origin] = []
    decoder, encoder = stacks_of(module)
    border = reading.passage.encoder_length
    with ExitStack() as stack, torch.no_grad():
        if encoder is not None:
            stack.enter_context(_watched(encoder, "the encoder's ", range(border), found))
        stack.enter_context(_watched(decoder, "", range(border, len(reading.passage.tokens)), found))
        try:
            logits = run()
        except Exception:
            # Whoever has put something in the place of blocks counts their calls, and another pass is none of his.
            return found[0] if found else None
    if not found and not can_be_chosen_from(logits):
        rows = range(border, len(reading.passage.tokens))
        per_position = reading.family in _SPEAKING_AT_POSITIONS
        bad = logits[0] if per_position else logits[0, :0]
        found.append(_Origin("the head", _first_bad(bad, rows, logits.amax(-1)[0]), _kind(logits)))
    return found[0] if found else None


def _watched(stack: nn.Module, whose: str, positions: range, found: list[_Origin]) -> ExitStack:
    """Inside, what enters and leaves the blocks of a stack is looked at; the first that is not finite is noted."""
    blocks = next(iter(candidates(stack, None)), ())
    calls: list[int] = []

    def look(part: str, hidden: torch.Tensor) -> None:
        if not found and not all_finite(hidden):
            found.append(_Origin(part, _first_bad(hidden.reshape(-1, *hidden.shape[-2:])[0], positions), _kind(hidden)))

    def before(_: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not calls:
            look(f"{whose or 'the '}embedding", taken_of(args, kwargs))

    def after(_module: nn.Module, _args: tuple[Any, ...], output: Any) -> None:
        look(f"{whose}layer {len(calls)}", hidden_of(output))
        calls.append(len(calls))

    hooks = ExitStack()
    # One module may be called several times (ALBERT): the hooks go on modules, the count is of calls.
    for block in dict.fromkeys(blocks):
        hooks.callback(block.register_forward_pre_hook(before, with_kwargs=True).remove)
        hooks.callback(block.register_forward_hook(after).remove)
    return hooks


def _first_bad(rows: torch.Tensor, positions: range, tell: torch.Tensor | None = None) -> int | None:
    """The first position whose row of numbers is not finite; None where rows are no positions."""
    if len(rows) != len(positions):
        return None
    bad = ~(rows.isfinite().all(-1) if tell is None else tell.isfinite())
    return positions[int(bad.nonzero()[0, 0])]


def _kind(numbers: torch.Tensor) -> str:
    """What stands where a number should."""
    return "infinite numbers" if numbers.isinf().any() and not numbers.isnan().any() else "NaN"


def _advice(module: nn.Module, dtype: torch.dtype) -> str:
    """What to do about it: the weight to blame, where there is one, or a number format that reaches further."""
    if (broken := _broken_weight(module)) is not None:
        return _blamed(broken, dtype)
    if dtype in _HALF:
        others = "float32 or bfloat16" if dtype == torch.float16 else "float32"
        return f"In {_plain(dtype)} this is often an overflow: try dtype: {others}."
    return f"It computes in {_plain(dtype)}, and its weights are finite: the text leads it out of range."


def _broken_weight(module: nn.Module, but: Collection[int] = ()) -> str | None:
    """The first weight that holds a number that is not finite, apart from those whose ``id`` is among ``but``."""
    for name, weight in module.named_parameters():
        # Quantized weights are no plain tensors, and those that wait on a disk have no numbers yet.
        plain = type(weight.data) is torch.Tensor and weight.dtype in _PLAIN and not weight.is_meta
        if plain and id(weight) not in but and not all_finite(weight):
            return name
    return None


def _blamed(name: str, dtype: torch.dtype) -> str:
    why = f"the checkpoint is damaged, or too large for {_plain(dtype)}"
    return f"Its weight {name} holds numbers that are not finite: {why}."


def _plain(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
