"""Batches of reviews of similar length, some of them with masked words."""

import random
from collections.abc import Iterator
from typing import NamedTuple

import torch
from tokenizers import Encoding, Tokenizer

from ecco_reports.models.bundled.recipe.padding import Padded, pad, similar_lengths
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import LABELS, NEGATIVE, POSITIVE, Settings
from ecco_reports.models.bundled.recipe.text import reviews
from ecco_reports.models.bundled.recipe.wordpiece import MASK, PADDING, SPECIAL_PIECES

_REVIEWS_AT_ONCE = 1_024
_GAPPED_SHARE = 0.25


class Example(NamedTuple):
    """A review in tokens.

    Attributes:
        tokens: Token numbers.
        label: Number of its label.
    """

    tokens: list[int]
    label: int


class Batch(NamedTuple):
    """What one step trains on.

    Attributes:
        inputs: Token numbers, and which of them are padding.
        labels: Numbers of the labels, (rows,).
    """

    inputs: Padded
    labels: torch.Tensor


def texts(count: int, seed: int) -> Iterator[str]:
    """Write reviews that training may show.

    Args:
        count: How many.
        seed: Seed of the draw.

    Yields:
        One review after another.
    """
    rng = random.Random(seed)
    for _ in range(count):
        yield reviews.review(rng).text


class Batches:
    """An endless stream of batches, of reviews that are written on the way."""

    def __init__(self, tokenizer: Tokenizer, settings: Settings) -> None:
        """Start the stream.

        Args:
            tokenizer: The tokenizer.
            settings: Sizes of the batches, and the seed.
        """
        self._tokenizer = tokenizer
        self._settings = settings
        self._rng = random.Random(settings.seed + 1)
        self._waiting: list[list[Example]] = []

    def draw(self, step: int) -> Batch:
        """Make the batch of one step.

        Args:
            step: Number of the step.

        Returns:
            The batch.
        """
        if not self._waiting:
            is_plain = step < self._settings.plain_steps
            examples = [self._example(is_plain) for _ in range(_REVIEWS_AT_ONCE)]
            groups = similar_lengths([len(each.tokens) for each in examples], self._settings.batch_tokens, self._rng)
            self._waiting = [[examples[number] for number in group] for group in groups]
        chosen = self._waiting.pop()
        inputs = pad([each.tokens for each in chosen], SPECIAL_PIECES.index(PADDING))
        return Batch(inputs, torch.tensor([each.label for each in chosen]))

    def _example(self, is_plain: bool) -> Example:
        review = reviews.plain_review(self._rng) if is_plain else reviews.review(self._rng)
        encoding = self._tokenizer.encode(review.text)
        tokens = self._hidden(encoding) if self._rng.random() < _GAPPED_SHARE else encoding.ids
        return Example(tokens, LABELS.index(POSITIVE if review.is_positive else NEGATIVE))

    def _hidden(self, encoding: Encoding) -> list[int]:
        """Mask some tokens, so that the classifier knows what it is like to know nothing of a word."""
        mask, share = SPECIAL_PIECES.index(MASK), self._rng.random()
        return [
            mask if not is_special and self._rng.random() < share else token
            for token, is_special in zip(encoding.ids, encoding.special_tokens_mask, strict=True)
        ]
