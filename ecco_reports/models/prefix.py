"""The beginning of a text, read once: texts that differ only further on are read from there.

In: passes of a causal model and a reading. Out: something that says what the model makes of other endings, or nothing
where what it remembers of a text cannot be cut (a recurrent state, a window that has slid). Found by trying: the text's
own ending must say what the text says.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from ecco_reports.models.base import READOUT_TOLERANCE
from ecco_reports.models.exploring import relative_gap
from ecco_reports.models.memory import TROUBLE, is_out_of_memory
from ecco_reports.models.passes import Passes
from ecco_reports.models.reading import Reading


@dataclass(frozen=True)
class Prefix:
    """What a model remembers of a text.

    Attributes:
        passes: The model's passes.
        reading: The text.
        memory: The keys and values of its positions, as transformers keeps them.
        length: How many positions those are.
    """

    passes: Passes
    reading: Reading
    memory: Any
    length: int

    def logits(self, start: int, embeddings: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if the text went on otherwise.

        Args:
            start: The first position that is read anew.
            embeddings: Of the positions from there on, ``[batch, position, width]``.
            places: The places to keep, none before ``start``; one may be named twice.

        Returns:
            ``[batch, place, outcome]``.
        """
        batch, length, _ = embeddings.shape
        memory = copy.deepcopy(self.memory)
        memory.crop(start - self.length)  # A negative number takes so many away.
        memory.batch_repeat_interleave(batch)
        more = {"past_key_values": memory, "use_cache": True}
        if "position_ids" in self.passes.parameters:
            numbers = torch.arange(start, start + length, device=self.passes.device)
            more["position_ids"] = numbers.expand(batch, -1)
        # Their embeddings are given: the numbers of the tokens are looked up in vain.
        ids = torch.tensor([self.reading.ids[:1]]).expand(batch, length)
        return self.passes.logits(self.reading, ids, [place - start for place in places], embeddings, more=more)


@torch.no_grad()
def found_prefix(passes: Passes, reading: Reading, length: int) -> Prefix | None:
    """What a causal model remembers of the first positions of a text, or None where that cannot be cut and used.

    Args:
        passes: The model's passes.
        reading: The text.
        length: How many positions.
    """
    try:
        ids = torch.tensor([reading.ids[:length]], device=passes.device)
        keep = {"logits_to_keep": 1} if "logits_to_keep" in passes.parameters else {}
        said = passes.module(input_ids=ids, use_cache=True, **keep)
        own = said.logits[:, -1:].to(torch.promote_types(said.logits.dtype, torch.float32))
        found = Prefix(passes, reading, said.past_key_values, length)
        begin = length * 3 // 4
        ending = passes.embed(reading)[None, begin:length]
        again = found.logits(begin, ending.expand(2, -1, -1), [length - 1])
    except TROUBLE as error:
        if is_out_of_memory(error):
            raise
        return None
    gap = relative_gap(again, own.expand_as(again))
    return found if gap <= READOUT_TOLERANCE[str(passes.module.dtype).removeprefix("torch.")] else None
