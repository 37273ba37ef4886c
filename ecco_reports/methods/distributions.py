"""What can be said of next-token distributions: entropy, divergence, rank, most probable tokens.

Everything starts from logits, and the normalising constant is computed once: with a large vocabulary these passes over
memory are what a logit lens costs beside the model itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

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
        log_normalizer = logits.logsumexp(-1)
        return cls(logits, log_normalizer, (logits - log_normalizer[..., None]).exp_())

    def logprob(self, tokens: torch.Tensor) -> torch.Tensor:
        """Natural log-probability of one token per distribution, ``[...]``."""
        return self.logits.gather(-1, tokens[..., None])[..., 0] - self.log_normalizer

    def rank(self, tokens: torch.Tensor) -> torch.Tensor:
        """Rank of one token per distribution: 1 + the number of strictly more probable tokens, ``[...]``."""
        return 1 + (self.logits > self.logits.gather(-1, tokens[..., None])).sum(-1)

    def entropy(self) -> torch.Tensor:
        """Entropy in nats, ``[...]``: ``log Z - sum p z``."""
        return (self.log_normalizer - _dot(self.probabilities, self.logits)).clamp_min_(0.0)

    def divergence_from(self, other: Distribution) -> torch.Tensor:
        """Kullback-Leibler divergence ``KL(other || self)`` in nats, ``[...]``."""
        own = _dot(other.probabilities, self.logits) - self.log_normalizer
        others = _dot(other.probabilities, other.logits) - other.log_normalizer
        return (others - own).clamp_min_(0.0)

    def most_probable(self, k: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The ``k`` most probable tokens and their probabilities, ``[..., k]`` each, most probable first."""
        values, tokens = self.logits.topk(min(k, self.logits.shape[-1]), dim=-1)
        return tokens, (values - self.log_normalizer[..., None]).exp()

    def nucleus_size(self, mass: float) -> torch.Tensor:
        """How many most probable tokens it takes to reach a probability of ``mass``, ``[...]``."""
        ordered = self.probabilities.sort(-1, descending=True).values
        return (ordered.cumsum(-1) < mass).sum(-1) + 1


def _dot(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    return torch.linalg.vecdot(left, right)
