"""Batches of packed documents."""

import random

import torch
from tokenizers import Tokenizer

from ecco_reports.models.bundled.recipe.facts import corpus
from ecco_reports.models.bundled.recipe.facts.shape import Settings
from ecco_reports.models.bundled.recipe.facts.tokenizer import encode, separator_number
from ecco_reports.models.bundled.recipe.optimization import IGNORED

_ROW_STARTS_WITH_SEPARATOR = 0.35
_SHIFTED_SHARE = 0.2


class Batches:
    """An endless stream of batches, packed from documents that are written on the way.

    Every row begins with the beginning of a document, because every prompt does; what does not fit is dropped.
    """

    def __init__(self, tokenizer: Tokenizer, settings: Settings) -> None:
        """Start the stream.

        Args:
            tokenizer: The tokenizer.
            settings: Sizes of the batches, and the seed.
        """
        self._settings = settings
        self._separator = separator_number(tokenizer)
        self._rng = random.Random(settings.seed + 3)
        texts = corpus.documents(10**9, settings.seed + 1)
        self._documents = encode(tokenizer, texts, random.Random(settings.seed + 2))

    def _row(self, length: int) -> list[int]:
        tokens = [self._separator] if self._rng.random() < _ROW_STARTS_WITH_SEPARATOR else []
        while len(tokens) < length:
            tokens += next(self._documents)
            tokens.append(self._separator)
        return tokens[:length]

    def draw(self, step: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Make the batch of one step.

        Args:
            step: Number of the step.

        Returns:
            Token numbers, position numbers and labels, each (rows, length).
        """
        settings = self._settings
        rows, length = settings.rows, settings.row_length
        if step % settings.long_every == settings.long_every - 1:
            rows, length = max(1, rows * length // settings.positions), settings.positions
        tokens = torch.tensor([self._row(length) for _ in range(rows)])
        is_shifted = self._rng.random() < _SHIFTED_SHARE
        first = self._rng.randint(0, settings.positions - length) if is_shifted else 0
        positions = torch.arange(first, first + length).expand(rows, length)
        labels = torch.full_like(tokens, IGNORED)
        labels[:, :-1] = tokens[:, 1:]
        return tokens, positions, labels
