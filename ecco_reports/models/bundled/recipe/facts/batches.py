"""Batches of packed documents."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch
from tokenizers import Tokenizer

from ecco_reports.models.bundled.recipe.facts import corpus, repeats
from ecco_reports.models.bundled.recipe.facts.shape import Settings
from ecco_reports.models.bundled.recipe.facts.tokenizer import encode, separator_number
from ecco_reports.models.bundled.recipe.optimization import IGNORED

_ROW_STARTS_WITH_SEPARATOR = 0.35
_SHIFTED_SHARE = 0.2
_REPEATED_SHIFTED_SHARE = 0.5


class Batch(NamedTuple):
    """Tokens to train on.

    Attributes:
        tokens: Token numbers, (row, position).
        positions: Position numbers, (row, position).
        labels: The tokens that follow, or `IGNORED`, (row, position).
    """

    tokens: torch.Tensor
    positions: torch.Tensor
    labels: torch.Tensor


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

    def _row(self, length: int) -> repeats.Row:
        if self._rng.random() < self._settings.repeated_share:
            return repeats.row(self._rng, self._settings.pieces, length)
        tokens = self._text(length)
        return tokens, [*tokens[1:], IGNORED]

    def _text(self, length: int) -> list[int]:
        tokens = [self._separator] if self._rng.random() < _ROW_STARTS_WITH_SEPARATOR else []
        while len(tokens) < length:
            tokens += next(self._documents)
            tokens.append(self._separator)
        return tokens[:length]

    def draw(self, step: int) -> Batch:
        """Make the batch of one step: rows of text, and a few of repeated tokens.

        Args:
            step: Number of the step.

        Returns:
            The batch.
        """
        settings = self._settings
        rows, length = settings.rows, settings.row_length
        if step % settings.long_every == settings.long_every - 1:
            rows, length = max(1, rows * length // settings.positions), settings.positions
        return self._batch([self._row(length) for _ in range(rows)], _SHIFTED_SHARE)

    def draw_repeated(self) -> Batch:
        """Make a batch of repeated tokens only.

        Returns:
            The batch.
        """
        settings = self._settings
        length = settings.copying_length
        rows = [repeats.row(self._rng, settings.pieces, length) for _ in range(settings.copying_rows)]
        return self._batch(rows, _REPEATED_SHIFTED_SHARE)

    def _batch(self, rows: Sequence[repeats.Row], shifted_share: float) -> Batch:
        tokens, labels = (torch.tensor(part) for part in zip(*rows, strict=True))
        length = tokens.shape[1]
        is_shifted = self._rng.random() < shifted_share
        first = self._rng.randint(0, self._settings.positions - length) if is_shifted else 0
        return Batch(tokens, torch.arange(first, first + length).expand_as(tokens), labels)
