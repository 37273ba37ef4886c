"""Batches of texts of similar length, with some of their words masked."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from tokenizers import Encoding, Tokenizer

from ecco_reports.models.bundled.recipe.masked.corpus import Document, Span, document
from ecco_reports.models.bundled.recipe.masked.shape import Settings
from ecco_reports.models.bundled.recipe.optimization import IGNORED
from ecco_reports.models.bundled.recipe.padding import Padded, pad, similar_lengths
from ecco_reports.models.bundled.recipe.wordpiece import MASK, PADDING, SPECIAL_PIECES

_DOCUMENTS_AT_ONCE = 2_048
_ANSWER_SHARE = 0.6
_SUBJECT_SHARE = 0.1
_REST_SHARE = 0.05
_PROSE_SHARE = 0.2
_MASK_SHARE = 0.84
_NOISE_SHARE = 0.08
_SHIFTED_SHARE = 0.2


@dataclass(frozen=True)
class Row:
    """A document in tokens.

    Attributes:
        tokens: Token numbers, special ones included.
        words: For every token the number of its word, or None for a special one.
        blanks: For every blank, the tokens of its answer and those of its subject.
    """

    tokens: list[int]
    words: list[int | None]
    blanks: list[tuple[list[int], list[int]]]


class Batch(NamedTuple):
    """What one step trains on.

    Attributes:
        inputs: Token numbers with some masked, and which of them are padding.
        positions: Position numbers, (rows, length).
        labels: The token numbers to be found, `IGNORED` elsewhere, (rows, length).
    """

    inputs: Padded
    positions: torch.Tensor
    labels: torch.Tensor


def _inside(encoding: Encoding, span: Span | None) -> list[int]:
    if span is None:
        return []
    return [
        place
        for place, (start, end) in enumerate(encoding.offsets)
        if start < end and span.start <= start and end <= span.end
    ]


def rows(tokenizer: Tokenizer, documents: Sequence[Document], longest: int) -> list[Row]:
    """Turn documents into tokens.

    Args:
        tokenizer: The tokenizer.
        documents: The documents.
        longest: Tokens that a row may have; longer documents are left out.

    Returns:
        One row per document that is short enough.
    """
    encodings = tokenizer.encode_batch([each.text for each in documents])
    return [
        Row(
            encoding.ids,
            encoding.word_ids,
            [(_inside(encoding, blank.answer), _inside(encoding, blank.subject)) for blank in each.blanks],
        )
        for each, encoding in zip(documents, encodings, strict=True)
        if len(encoding.ids) <= longest
    ]


def chosen_places(row: Row, rng: random.Random) -> list[int]:
    """Choose the tokens of a row that the model has to find.

    A sentence that states a fact mostly hides its answer and little else, so that the answer can be known; now and
    then it hides the subject. In all other text whole words are drawn at random.

    Args:
        row: The row.
        rng: Source of randomness.

    Returns:
        Places in the row.
    """
    hidden: list[int] = []
    for answer, subject in row.blanks:
        draw = rng.random()
        if draw < _ANSWER_SHARE:
            hidden += answer
        elif draw < _ANSWER_SHARE + _SUBJECT_SHARE:
            hidden += subject
    shown = {place for blank in row.blanks for part in blank for place in part} if hidden else set()
    share = _REST_SHARE if hidden else _PROSE_SHARE
    words = {word for word in row.words if word is not None}
    drawn = {word for word in sorted(words) if rng.random() < share}
    hidden += [place for place, word in enumerate(row.words) if word in drawn and place not in shown]
    return sorted(hidden)


class Batches:
    """An endless stream of batches, of text that is written on the way."""

    def __init__(self, tokenizer: Tokenizer, settings: Settings) -> None:
        """Start the stream.

        Args:
            tokenizer: The tokenizer.
            settings: Sizes of the batches, and the seed.
        """
        self._tokenizer = tokenizer
        self._settings = settings
        self._rng = random.Random(settings.seed + 1)
        self._pieces = tokenizer.get_vocab_size()
        self._mask, self._padding = (tokenizer.get_vocab()[piece] for piece in (MASK, PADDING))
        self._waiting: list[list[Row]] = []
        self._wait_is_short = True

    def _refill(self, is_short: bool) -> None:
        documents = [document(self._rng, is_short) for _ in range(_DOCUMENTS_AT_ONCE)]
        written = rows(self._tokenizer, documents, self._settings.encoder.positions)
        groups = similar_lengths([len(row.tokens) for row in written], self._settings.batch_tokens, self._rng)
        self._waiting = [[written[number] for number in group] for group in groups]
        self._wait_is_short = is_short

    def _hide(self, row: Row) -> tuple[list[int], list[int]]:
        tokens, labels = list(row.tokens), [IGNORED] * len(row.tokens)
        for place in chosen_places(row, self._rng):
            labels[place] = tokens[place]
            draw = self._rng.random()
            if draw < _MASK_SHARE:
                tokens[place] = self._mask
            elif draw < _MASK_SHARE + _NOISE_SHARE:
                tokens[place] = self._rng.randrange(len(SPECIAL_PIECES), self._pieces)
        return tokens, labels

    def draw(self, step: int) -> Batch:
        """Make the batch of one step.

        Args:
            step: Number of the step.

        Returns:
            The batch.
        """
        is_short = step < self._settings.short_steps
        if not self._waiting or is_short != self._wait_is_short:
            self._refill(is_short)
        hidden = [self._hide(row) for row in self._waiting.pop()]
        inputs = pad([tokens for tokens, _ in hidden], self._padding)
        labels = pad([labels for _, labels in hidden], IGNORED).tokens
        count, length = inputs.tokens.shape
        room = self._settings.encoder.positions - length
        first = self._rng.randint(0, room) if self._rng.random() < _SHIFTED_SHARE else 0
        return Batch(inputs, torch.arange(first, first + length).expand(count, length), labels)
