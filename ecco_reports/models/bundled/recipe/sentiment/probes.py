"""Measurements of one ability each: sentiment, grammar, questions, and how an answer forms over the layers."""

import random
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from ecco_reports.models.bundled.recipe.sentiment import corpus
from ecco_reports.models.bundled.recipe.sentiment.corpus import Example
from ecco_reports.models.bundled.recipe.sentiment.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.sentiment.prompts import HAND_WRITTEN, Shipped
from ecco_reports.models.bundled.recipe.text import acceptability, passages, reviews
from ecco_reports.models.bundled.recipe.text.passages import LONGEST, Passage
from ecco_reports.models.bundled.recipe.text.reviews import Review

Report = dict[str, Any]
"""A part of `evaluation.json`."""

SHORTEST_FULL = 3
"""From this number of sentences on, a passage counts as a full one."""

_REVIEWS = 1_000
_PAIRS = 500
_JUDGED = 200
_PASSAGES = 400
_LENS_PROMPTS = 100


def share(right: int, count: int) -> Report:
    """Put counts and their share into one record.

    Args:
        right: Number of right answers.
        count: Number of all answers.

    Returns:
        The record.
    """
    return {"prompts": count, "right": right, "share": round(right / count, 4)}


def _counted(loaded: LoadedModel, examples: Sequence[Example]) -> Report:
    return share(sum(answer.is_right for answer in loaded.answers(examples)), len(examples))


def sentiment(loaded: LoadedModel) -> Report:
    """Measure how many reviews are answered right.

    Args:
        loaded: The model.

    Returns:
        Counts and shares for reviews as in training, with held-out words, negated with held-out words, and with
        templates that training never uses.
    """

    def negated(rng: random.Random) -> Review:
        while True:
            review = reviews.held_out_review(rng)
            if review.template.is_negated:
                return review

    groups: tuple[tuple[str, Callable[[random.Random], Review]], ...] = (
        ("seen", reviews.review),
        ("held_out", reviews.held_out_review),
        ("negated_held_out", negated),
        ("new_template", reviews.new_review),
    )
    report: Report = {}
    for seed, (name, write) in enumerate(groups, start=100):
        rng = random.Random(seed)
        report[name] = _counted(loaded, [corpus.from_review(write(rng)) for _ in range(_REVIEWS)])
    return report


def flips(loaded: LoadedModel) -> Report:
    """Measure for how many pairs of reviews that differ in one word both are answered right.

    Args:
        loaded: The model.

    Returns:
        Counts of pairs and their share.
    """
    rng = random.Random(110)
    examples = [corpus.from_review(review) for _ in range(_PAIRS) for review in reviews.flip_pair(rng)]
    right = [answer.is_right for answer in loaded.answers(examples)]
    return share(sum(one and other for one, other in zip(right[::2], right[1::2], strict=True)), _PAIRS)


def hand_written(loaded: LoadedModel) -> Report:
    """Measure how many of the reviews written by hand are answered right, and list the others.

    Args:
        loaded: The model.

    Returns:
        Counts and share, and the texts of those that are answered wrong.
    """
    examples = [Example(corpus.review_prompt(text), corpus.sentiment(positive)) for text, positive in HAND_WRITTEN]
    right = [answer.is_right for answer in loaded.answers(examples)]
    wrong = [text for (text, _), is_right in zip(HAND_WRITTEN, right, strict=True) if not is_right]
    return share(sum(right), len(right)) | {"wrong": wrong}


def grammar(loaded: LoadedModel) -> Report:
    """Measure how many sentences are judged right, rule by rule.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by rule, for pairs of words that training shows and that it does not.
    """
    report: Report = {}
    for rule in acceptability.RULES:
        report[rule] = {}
        for name, held_out in (("seen", False), ("held_out", True)):
            rng = random.Random(120)
            written = [acceptability.judged(rng, held_out=held_out, rule=rule) for _ in range(_JUDGED)]
            report[rule][name] = _counted(loaded, [corpus.from_judged(sentence) for sentence in written])
    return report


def questions(loaded: LoadedModel) -> Report:
    """Measure how many questions are answered with exactly the right word.

    Args:
        loaded: The model.

    Returns:
        Counts and shares by the number of sentences, for questions that training asks and that it does not; by kind
        of question for the latter; and for sentences of a form that training never shows.
    """
    report: Report = {"by_length": {}, "by_kind": {}}
    rng = random.Random(130)
    asked: dict[str, list[Passage]] = {"seen": [], "held_out": []}
    for sentences in range(1, LONGEST + 1):
        row: Report = {}
        for name, held_out in (("seen", False), ("held_out", True)):
            written = [passages.passage(rng, sentences, held_out=held_out) for _ in range(_PASSAGES)]
            row[name] = _counted(loaded, [corpus.from_passage(passage) for passage in written])
            if sentences >= SHORTEST_FULL:
                asked[name] += written
        report["by_length"][str(sentences)] = row
    for name, written in asked.items():
        report[name] = _counted(loaded, [corpus.from_passage(passage) for passage in written])
    for kind in sorted({passage.kind for passage in asked["held_out"]}):
        of_kind = [corpus.from_passage(passage) for passage in asked["held_out"] if passage.kind == kind]
        report["by_kind"][kind] = _counted(loaded, of_kind)
    new = [passages.new_passage(rng, rng.randint(SHORTEST_FULL, LONGEST)) for _ in range(_PASSAGES)]
    report["new_sentence"] = _counted(loaded, [corpus.from_passage(passage) for passage in new])
    return report


def lens(loaded: LoadedModel) -> Report:
    """Measure how the first token of an answer forms over the layers of the decoder.

    Args:
        loaded: The model.

    Returns:
        For every task: the median rank, the share of first choices and the median probability, after the embedding
        and after every layer.
    """
    rng = random.Random(140)
    tasks = {
        "reviews": [corpus.from_review(reviews.held_out_review(rng)) for _ in range(_LENS_PROMPTS)],
        "questions": [
            corpus.from_passage(passages.passage(rng, rng.randint(SHORTEST_FULL, LONGEST), held_out=True))
            for _ in range(_LENS_PROMPTS)
        ],
    }
    report: Report = {"prompts": _LENS_PROMPTS}
    for name, examples in tasks.items():
        states = list(zip(*(loaded.layers(example) for example in examples), strict=True))
        ranks = [[layer.rank for layer in layers] for layers in states]
        report[name] = {
            "median_rank": [statistics.median(state) for state in ranks],
            "first_choice_share": [round(state.count(1) / len(state), 4) for state in ranks],
            "median_probability": [
                round(statistics.median(layer.probability for layer in layers), 4) for layers in states
            ],
        }
    return report


def shipped(loaded: LoadedModel, prompt: Shipped) -> Report:
    """Measure one of the shipped prompts.

    Args:
        loaded: The model.
        prompt: The prompt.

    Returns:
        What the model writes, the probability of the right answer's first token, and its rank by layer.
    """
    layers = loaded.layers(prompt.example)
    return {
        "name": prompt.name,
        "prompt": prompt.example.source,
        "answer": prompt.example.target,
        "written": loaded.greedy(prompt.example.source),
        "probability": round(layers[-1].probability, 4),
        "rank_by_layer": [layer.rank for layer in layers],
        "probability_by_layer": [round(layer.probability, 4) for layer in layers],
    }
