"""What can be said of next-token distributions: entropy, divergence, rank, most probable tokens.

Everything starts from logits, and the probabilities are computed once: with a large vocabulary these passes over memory
are what a logit lens costs beside the model itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch

NATS_PER_BIT = math.log(2.0)


@dataclass(frozen=True)
class Distribution:
    """Next-token distributions in a form from which every statistic follows.

    Attributes:
        logits: ``[..., vocab]``.
        log_normalizer: ``logsumexp`` of the logits, ``[...]``.
        probabilities: ``[..., vocab]``.
    """

    logits: torch.Tensor
    log_normalizer: torch.Tensor
    probabilities: torch.Tensor

    @classmethod
    def of(cls, logits: torch.Tensor) -> Distribution:
        """The distribution that a softmax makes of logits ``[..., vocab]``."""
        probabilities = logits.softmax(-1)
        # The most probable token has at least 1/vocab: its logarithm loses nothing, and saves a pass of exponentials.
        return cls(logits, logits.amax(-1) - probabilities.amax(-1).log(), probabilities)

    def logprob(self, tokens: torch.Tensor) -> torch.Tensor:
        """Natural log-probability of one token per distribution, ``[...]``."""
        return self.logits.gather(-1, tokens[..., None])[..., 0] - self.log_normalizer

    def rank(self, tokens: torch.Tensor) -> torch.Tensor:
        """Rank of one token per distribution: 1 + the number of strictly more probable tokens, ``[...]``."""
        return 1 + count_above(self.logits, self.logits.gather(-1, tokens[..., None]))

    def entropy(self) -> torch.Tensor:
        """Entropy in nats, ``[...]``: ``log Z - sum p z``."""
        entropy: torch.Tensor = self.log_normalizer - self._mean_logit
        return torch.clamp_min(entropy, 0.0)

    def divergence_from(self, other: Distribution) -> torch.Tensor:
        """Kullback-Leibler divergence ``KL(other || self)`` in nats, ``[...]``."""
        own = torch.linalg.vecdot(other.probabilities, self.logits) - self.log_normalizer
        divergence: torch.Tensor = other._mean_logit - other.log_normalizer - own
        return torch.clamp_min(divergence, 0.0)

    def most_probable(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The ``k`` most probable tokens and their probabilities, ``[..., k]`` each, most probable first."""
        values, tokens = self.logits.topk(min(k, self.logits.shape[-1]), dim=-1)
        return tokens, (values - self.log_normalizer[..., None]).exp()

    def nucleus_size(self, mass: float) -> torch.Tensor:
        """How many most probable tokens it takes to reach a probability of ``mass``, ``[...]``."""
        ordered = self.probabilities.sort(-1, descending=True).values
        return (ordered.cumsum(-1) < mass).sum(-1) + 1

    @cached_property
    def _mean_logit(self) -> torch.Tensor:
        mean: torch.Tensor = torch.linalg.vecdot(self.probabilities, self.logits)
        return mean


def count_above(logits: torch.Tensor, bars: torch.Tensor) -> torch.Tensor:
    """How many logits ``[..., vocab]`` are strictly above a bar ``[..., 1]``, ``[...]``.

    Ones and noughts are added up as floats, which is four times as fast as booleans and exact below 16 million.
    """
    return torch.gt(logits, bars, out=torch.empty_like(logits)).sum(-1).long()
