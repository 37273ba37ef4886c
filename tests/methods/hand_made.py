"""Language models small enough for pencil and paper."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ecco_reports.models.base import LanguageModel, ModelFacts
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family


class HandMade(LanguageModel):
    """A model whose logits are any function of its embeddings ``[batch, position, width]``.

    Only what attribution by gradients needs can be asked of it.
    """

    facts = ModelFacts(ModelSpec(source="by hand"), identity={})
    family = Family.CAUSAL
    layers = 1

    def __init__(self, function: Callable[[torch.Tensor], torch.Tensor]) -> None:
        self.function = function

    def logits_from_embeddings(self, reading, embeddings, places):
        return self.function(embeddings)[:, list(places)]

    def _not_asked(self, *args):
        raise NotImplementedError

    device = property(_not_asked)
    read = outcome = _not_asked
