"""Everything that is measured on the finished checkpoint, gathered into `evaluation.json`."""

import random
from collections.abc import Sequence
from pathlib import Path

from ecco_reports.models.bundled.recipe import inside
from ecco_reports.models.bundled.recipe.bert import sizes
from ecco_reports.models.bundled.recipe.checkpoint import Record, file_facts
from ecco_reports.models.bundled.recipe.counts import count
from ecco_reports.models.bundled.recipe.sentiment.prompts import HAND_WRITTEN
from ecco_reports.models.bundled.recipe.sentiment_classifier.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.sentiment_classifier.prompts import REVIEWS
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import LABELS, NEGATIVE, POSITIVE
from ecco_reports.models.bundled.recipe.text import reviews
from ecco_reports.models.bundled.recipe.text.reviews import Review

_REVIEWS = 1_000
_FLIPS = 300
_EXPLAINED = 100
_STEPS = 50
_SEED = 7


def evaluate(folder: Path, training: Record) -> Record:
    """Measure a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        training: Record of the training, which is reported along with the figures.

    Returns:
        The content of `evaluation.json`.
    """
    loaded = LoadedModel(folder)
    return {
        "model": "bundled:sentiment-classifier",
        "shape": sizes(loaded.model),
        "files": file_facts(folder),
        "training": training,
        "sentiment": sentiment(loaded),
        "deciding_words": deciding_words(loaded),
        "prompts": prompts(loaded),
    }


def sentiment(loaded: LoadedModel) -> Record:
    """Measure how many reviews get the right label.

    Args:
        loaded: The model.

    Returns:
        Counts and shares for reviews as in training, for held-out combinations of sentence and deciding word, the
        negated ones among them, for sentences that training never shows, for pairs that differ in one word, and for
        reviews written by hand.
    """
    rng = random.Random(_SEED)
    held_out = [reviews.held_out_review(rng) for _ in range(_REVIEWS)]
    groups = {
        "seen": [reviews.review(rng) for _ in range(_REVIEWS)],
        "held_out": held_out,
        "held_out_negated": [review for review in held_out if review.template.is_negated],
        "new_sentence": [reviews.new_review(rng) for _ in range(_REVIEWS)],
    }
    report: Record = {name: count(_right(loaded, group)) for name, group in groups.items()}
    pairs = [reviews.flip_pair(rng) for _ in range(_FLIPS)]
    right = [_right(loaded, side) for side in zip(*pairs, strict=True)]
    report["flips"] = count([one and other for one, other in zip(*right, strict=True)])
    labels = loaded.labels([text for text, _ in HAND_WRITTEN])
    report["hand_written"] = count(
        [label == _label(praises) for label, (_, praises) in zip(labels, HAND_WRITTEN, strict=True)]
    )
    return report


def _right(loaded: LoadedModel, group: Sequence[Review]) -> list[bool]:
    labels = loaded.labels([review.text for review in group])
    return [label == _label(review.is_positive) for label, review in zip(labels, group, strict=True)]


def _label(praises: bool) -> str:
    return POSITIVE if praises else NEGATIVE


def deciding_words(loaded: LoadedModel) -> Record:
    """Measure how often integrated gradients give more to the deciding word than to all function words together.

    Args:
        loaded: The model.

    Returns:
        Counts and share, over reviews with one opinion, not negated, that the model judges right.
    """
    rng = random.Random(_SEED)
    first: list[bool] = []
    while len(first) < _EXPLAINED:
        review = reviews.plain_review(rng)
        if " " in review.word or review.word not in review.text or not all(_right(loaded, [review])):
            continue
        start = review.text.index(review.word)
        encoding = loaded.tokenizer(review.text, return_offsets_mapping=True)
        inside_word = [start <= left < right <= start + len(review.word) for left, right in encoding["offset_mapping"]]
        given = loaded.contributions(review.text, LABELS.index(_label(review.is_positive)), _STEPS)
        pieces = loaded.tokenizer.convert_ids_to_tokens(encoding["input_ids"])
        first.append(inside.puts_entity_first(given, inside_word, pieces))
    return count(first)


def prompts(loaded: LoadedModel) -> list[Record]:
    """Judge the shipped prompts.

    Args:
        loaded: The model.

    Returns:
        For each: the review, its right label and the probability of that label.
    """
    chances = loaded.chances([case.prompt for case in REVIEWS])
    return [
        {"prompt": case.prompt, "label": case.label, "probability": round(float(row[LABELS.index(case.label)]), 4)}
        for case, row in zip(REVIEWS, chances, strict=True)
    ]
