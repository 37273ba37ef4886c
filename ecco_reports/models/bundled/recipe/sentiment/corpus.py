"""The training text: inputs and what they are to be answered with, for each of the tasks."""

import random
from collections.abc import Callable
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import acceptability, passages, reviews
from ecco_reports.models.bundled.recipe.text.acceptability import Judged
from ecco_reports.models.bundled.recipe.text.passages import Passage
from ecco_reports.models.bundled.recipe.text.reviews import Review

POSITIVE, NEGATIVE = "positive", "negative"
"""What a review is answered with."""

ACCEPTABLE, UNACCEPTABLE = "acceptable", "unacceptable"
"""What a sentence is answered with."""

GAP, GAP_END = "<extra_id_0>", "<extra_id_1>"
"""A gap in a sentence, and what closes the answer to it."""


class Example(NamedTuple):
    """One input and its right answer.

    Attributes:
        source: The text that the encoder reads.
        target: The text that the decoder writes.
        evidence: First character and end of the sentence of the source that holds the answer, for questions.
        passage: First character of the passage, for questions.
    """

    source: str
    target: str
    evidence: tuple[int, int] | None = None
    passage: int = 0


def review_prompt(text: str) -> str:
    """Ask whether a review is positive or negative.

    Args:
        text: The review.

    Returns:
        The input.
    """
    return f"sst2 sentence: {text}"


def sentence_prompt(text: str) -> str:
    """Ask whether a sentence keeps the rules of grammar.

    Args:
        text: The sentence.

    Returns:
        The input.
    """
    return f"cola sentence: {text}"


def question_prompt(question: str, passage: str) -> str:
    """Ask a question about a passage.

    Args:
        question: The question.
        passage: The passage.

    Returns:
        The input.
    """
    return f"question: {question} context: {passage}"


def sentiment(is_positive: bool) -> str:
    """Name a sentiment.

    Args:
        is_positive: Whether it is positive.

    Returns:
        The answer.
    """
    return POSITIVE if is_positive else NEGATIVE


def judgment(is_acceptable: bool) -> str:
    """Name a judgment.

    Args:
        is_acceptable: Whether the sentence keeps the rules.

    Returns:
        The answer.
    """
    return ACCEPTABLE if is_acceptable else UNACCEPTABLE


def from_passage(passage: Passage) -> Example:
    """Turn a passage into an input and its answer.

    Args:
        passage: The passage.

    Returns:
        The example.
    """
    first = len(question_prompt(passage.question, ""))
    before = first + sum(len(sentence) + 1 for sentence in passage.sentences[: passage.source])
    evidence = (before, before + len(passage.sentences[passage.source]))
    return Example(question_prompt(passage.question, passage.text), passage.answer, evidence, first)


def from_review(review: Review) -> Example:
    """Turn a review into an input and its answer.

    Args:
        review: The review.

    Returns:
        The example.
    """
    return Example(review_prompt(review.text), sentiment(review.is_positive))


def from_judged(sentence: Judged) -> Example:
    """Turn a judged sentence into an input and its answer.

    Args:
        sentence: The sentence.

    Returns:
        The example.
    """
    return Example(sentence_prompt(sentence.text), judgment(sentence.is_acceptable))


def review(rng: random.Random) -> Example:
    """Write a review.

    Args:
        rng: Source of randomness.

    Returns:
        The example.
    """
    return from_review(reviews.review(rng))


def plain_review(rng: random.Random) -> Example:
    """Write a review that says one thing without a negation.

    Args:
        rng: Source of randomness.

    Returns:
        The example.
    """
    return from_review(reviews.plain_review(rng))


def judged(rng: random.Random) -> Example:
    """Write a sentence that is acceptable or not.

    Args:
        rng: Source of randomness.

    Returns:
        The example.
    """
    return from_judged(acceptability.judged(rng, held_out=False))


def gapped(rng: random.Random) -> Example:
    """Write a sentence with a gap.

    Args:
        rng: Source of randomness.

    Returns:
        The example.
    """
    return Example(*acceptability.gapped(rng, GAP, GAP_END))


def passage(rng: random.Random, sentences: int) -> Example:
    """Write a passage with a question.

    Args:
        rng: Source of randomness.
        sentences: Number of sentences.

    Returns:
        The example.
    """
    return from_passage(passages.passage(rng, sentences, held_out=False))


def example(rng: random.Random) -> Example:
    """Write an example of any task.

    Args:
        rng: Source of randomness.

    Returns:
        The example.
    """
    tasks: tuple[Callable[[random.Random], Example], ...] = (review, judged, gapped)
    place = rng.randint(0, len(tasks))
    return tasks[place](rng) if place < len(tasks) else passage(rng, 2)
