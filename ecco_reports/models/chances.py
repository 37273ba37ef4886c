"""What decoding settings make of a model's own distribution: with which chance each token is taken.

In: raw logits and the tokens that stand before each place. Out: probabilities after repetition penalty, temperature,
top-k, top-p and min-p, in this order, which is that of the transformers library. What is left out has a chance of 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ecco_reports.records import Decoding


def chances(logits: torch.Tensor, before: Sequence[Sequence[int]], decoding: Decoding) -> torch.Tensor:
    """The probabilities by which tokens are taken.

    Args:
        logits: Raw, ``[place, vocab]``.
        before: For each place the token numbers before it that a repetition penalty counts.
        decoding: The settings; without any that matter these are the model's own probabilities.

    Returns:
        ``[place, vocab]``, each row adding up to one.
    """
    logits = penalised(logits, before, decoding.repetition_penalty)
    sampling = decoding.sampling
    if sampling is None:
        return logits.softmax(-1)
    logits = logits / sampling.temperature
    if sampling.top_k is not None:
        least = logits.topk(min(sampling.top_k, logits.shape[-1])).values[:, -1:]
        logits = logits.masked_fill(logits < least, -torch.inf)
    if sampling.top_p is not None and sampling.top_p < 1:
        logits = _nucleus(logits, sampling.top_p)
    if sampling.min_p is not None:
        probabilities = logits.softmax(-1)
        logits = logits.masked_fill(probabilities < sampling.min_p * probabilities.amax(-1, keepdim=True), -torch.inf)
    return logits.softmax(-1)


def penalised(scores: torch.Tensor, before: Sequence[Sequence[int]], penalty: float) -> torch.Tensor:
    """Scores ``[place, vocab]`` with those of tokens lowered that stand before a place already.

    A positive score is divided by the penalty and a negative one multiplied (Keskar et al. 2019, section 4.1, as the
    transformers library has it).
    """
    if penalty == 1:
        return scores
    seen = torch.zeros_like(scores, dtype=torch.bool)
    for row, numbers in enumerate(before):
        seen[row, list(set(numbers))] = True
    return torch.where(seen, torch.where(scores < 0, scores * penalty, scores / penalty), scores)


def _nucleus(logits: torch.Tensor, mass: float) -> torch.Tensor:
    """Logits without the least probable tokens that hold ``1 - mass`` together; the most probable one always stays.

    Added up from the least probable one, as the library does: which of two equal tokens goes is then the same.
    """
    ordered, numbers = logits.sort(-1)
    gone = ordered.softmax(-1).cumsum(-1) <= 1 - mass
    gone[:, -1] = False
    return logits.masked_fill(gone.scatter(-1, numbers, gone), -torch.inf)
