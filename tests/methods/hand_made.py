"""Language models small enough for pencil and paper."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ecco_reports.models.base import LanguageModel


class HandMade(LanguageModel):
    """A model whose logits are any function of its embeddings ``[batch, position, width]``.

    Only what attribution by gradients needs can be asked of it.
    """

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.function = function

    def logits_from_embeddings(self, embeddings, positions=None):
        logits = self.function(embeddings)
        return logits if positions is None else logits[:, list(positions)]

    def _not_asked(self, *args):
        raise NotImplementedError

    device = layers = property(_not_asked)
    generate = logits = embed = mean_embedding = end_of_text_embedding = residual_states = read_out = _not_asked
