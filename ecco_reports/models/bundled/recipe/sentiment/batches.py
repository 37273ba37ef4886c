"""Batches of examples: a few for every task at each step, each of similar length."""

import random
from typing import NamedTuple

import torch
from transformers import PreTrainedTokenizerBase

from ecco_reports.models.bundled.recipe.optimization import IGNORED
from ecco_reports.models.bundled.recipe.sentiment import corpus
from ecco_reports.models.bundled.recipe.sentiment.corpus import Example
from ecco_reports.models.bundled.recipe.sentiment.shape import Settings
from ecco_reports.models.bundled.recipe.text.passages import LONGEST

_POOL_STEPS = 16


class Batch(NamedTuple):
    """Examples as numbers.

    Attributes:
        tokens: Token numbers of the inputs, padded, (rows, length).
        mask: 1 for a token and 0 for padding, (rows, length).
        labels: Token numbers of the answers, `IGNORED` where there is none, (rows, answer length).
        evidence: For tokens of a passage, 1 in the sentence that holds the answer and 0 in the others; `IGNORED` for
            all other tokens, (rows, length).
    """

    tokens: torch.Tensor
    mask: torch.Tensor
    labels: torch.Tensor
    evidence: torch.Tensor


def _evidence(example: Example, spans: list[tuple[int, int]]) -> list[int]:
    """Mark the tokens of one input."""
    if example.evidence is None:
        return [IGNORED] * len(spans)
    first, last = example.evidence
    return [
        int(first <= start and end <= last) if start >= example.passage and end > start else IGNORED
        for start, end in spans
    ]


def encode(tokenizer: PreTrainedTokenizerBase, examples: list[Example]) -> Batch:
    """Turn examples into a batch.

    Args:
        tokenizer: The tokenizer.
        examples: The examples.

    Returns:
        The batch.
    """
    sources = tokenizer(
        [example.source for example in examples], padding=True, return_tensors="pt", return_offsets_mapping=True
    )
    targets = tokenizer([example.target for example in examples], padding=True, return_tensors="pt")
    labels = targets["input_ids"].masked_fill(targets["attention_mask"] == 0, IGNORED)
    spans = sources["offset_mapping"].tolist()
    evidence = torch.tensor([_evidence(example, row) for example, row in zip(examples, spans, strict=True)])
    return Batch(sources["input_ids"], sources["attention_mask"], labels, evidence)


class Batches:
    """An endless stream of examples, written on the way."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, settings: Settings) -> None:
        """Start the stream.

        Args:
            tokenizer: The tokenizer.
            settings: Sizes of the batches, and the seed.
        """
        self._tokenizer = tokenizer
        self._settings = settings
        self._rng = random.Random(settings.seed + 1)
        self._pool: list[list[Example]] = []

    def passage_length(self, step: int) -> int:
        """Draw how many sentences the passages of a step have.

        While the encoder learns to find a sentence, there are first two of them, then up to four.

        Args:
            step: Number of the step.

        Returns:
            The number of sentences.
        """
        finding = self._settings.finding_steps
        if step < finding:
            return self._rng.randint(2, 2 + 3 * step // finding)
        return self._rng.randint(1, LONGEST)

    def _some_reviews(self, step: int) -> list[Example]:
        """Take reviews of similar length from a pool that is filled for several steps at once."""
        settings, rng = self._settings, self._rng
        if not self._pool:
            plain_share = 1.0 - step / (settings.steps * settings.plain_reviews_until)
            written = [
                (corpus.plain_review if rng.random() < plain_share else corpus.review)(rng)
                for _ in range(settings.reviews * _POOL_STEPS)
            ]
            written.sort(key=lambda example: len(example.source))
            self._pool = [
                written[first : first + settings.reviews] for first in range(0, len(written), settings.reviews)
            ]
            rng.shuffle(self._pool)
        return self._pool.pop()

    def draw(self, step: int) -> list[Batch]:
        """Make the batches of one step: reviews, single sentences, and passages.

        Args:
            step: Number of the step.

        Returns:
            The batches; each of them counts alike. In the first steps, there are only passages.
        """
        settings, rng = self._settings, self._rng
        sentences = self.passage_length(step)
        asked = [corpus.passage(rng, sentences) for _ in range(settings.passage_sentences // sentences)]
        if step < settings.finding_steps:
            return [encode(self._tokenizer, asked)]
        groups = (
            self._some_reviews(step),
            [corpus.judged(rng) for _ in range(settings.judged)] + [corpus.gapped(rng) for _ in range(settings.gapped)],
            asked,
        )
        return [encode(self._tokenizer, examples) for examples in groups if examples]
