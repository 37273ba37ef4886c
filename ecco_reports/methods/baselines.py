"""What stands for "no information" at the start of integrated gradients (Sundararajan et al. 2017, section 2).

Another baseline gives another explanation, so whoever shows attributions says which one was taken.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch

from ecco_reports.models.base import LanguageModel

Baseline: TypeAlias = Literal["zero", "mean", "eos", "pad", "mask", "unk"]


def baseline_embeddings(model: LanguageModel, kind: Baseline, inputs: torch.Tensor, keep: torch.Tensor) -> torch.Tensor:
    """Embeddings without information in the place of those of a text.

    Args:
        model: The model.
        kind: The mean embedding of the vocabulary, zeros, or the embedding of one of the model's own tokens.
        inputs: Input embeddings ``[position, width]``.
        keep: Which positions stay as they are, ``[position]``: those of the template, which are not of the text.

    Returns:
        ``[position, width]``.

    Raises:
        CapabilityError: A token is asked for that the model does not have.
    """
    if kind == "zero":
        empty = torch.zeros_like(inputs[0])
    else:
        empty = model.mean_embedding() if kind == "mean" else model.token_embedding(kind)
    return torch.where(keep.to(inputs.device)[:, None], inputs, empty)
