"""What each bundled model has to reach, and what it reached, read from its `evaluation.json`."""

import itertools
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.checkpoint import Record


class Goal(NamedTuple):
    """A figure with the least value that it should have.

    Attributes:
        text: What is measured.
        least: The least value that is good enough.
        reached: Reads the value from the figures of a model.
    """

    text: str
    least: float
    reached: Callable[[Record], float]


def _answer_forms_late(ranks: list[float]) -> float:
    """Share of the states before the last third of the layers, the embedding among them, with a rank that is not 1."""
    early = ranks[: len(ranks) - (len(ranks) - 1) // 3]
    return sum(rank > 1 for rank in early) / len(early)


def _rank_falls(ranks: list[float]) -> float:
    """Share of the steps from the first layer to the last at which the rank does not rise."""
    layers = ranks[1:]
    return sum(after <= before for before, after in itertools.pairwise(layers)) / (len(layers) - 1)


def _lens(ranks_of: Callable[[Record], list[float]], answer: str = "answer") -> tuple[Goal, ...]:
    return (
        Goal(
            f"logit lens: steps from layer to layer at which the median rank of the {answer} does not rise",
            1.0,
            lambda figures: _rank_falls(ranks_of(figures)),
        ),
        Goal(
            f"logit lens: states before the last third of the layers at which the median rank of the {answer} is not 1",
            1.0,
            lambda figures: _answer_forms_late(ranks_of(figures)),
        ),
    )


_QUESTIONS = "questions, passage and question never seen together: right answer"
_DECIDING_WORD = "integrated gradients: the deciding word contributes more than all function words together"


GOALS: MappingProxyType[str, tuple[Goal, ...]] = MappingProxyType(
    {
        "facts": (
            Goal("facts, seen", 0.95, lambda figures: figures["facts"]["all"]["seen"]["share"]),
            Goal("facts, held-out combination", 0.90, lambda figures: figures["facts"]["all"]["held_out"]["share"]),
            Goal("facts, new sentence", 0.80, lambda figures: figures["facts"]["all"]["new_template"]["share"]),
            Goal(
                "agreement across one distractor, held-out pair",
                0.95,
                lambda figures: figures["agreement"]["one distractor"]["held_out"]["share"],
            ),
            Goal(
                "induction: mean probability of a random token at its second occurrence",
                0.5,
                lambda figures: figures["repetition"]["random_tokens"]["mean_probability"],
            ),
            Goal("best induction head", 0.5, lambda figures: figures["heads"]["induction"][0]["score"]),
            Goal("best previous-token head", 0.5, lambda figures: figures["heads"]["previous_token"][0]["score"]),
            *_lens(lambda figures: figures["lens"]["median_rank"]),
            Goal(
                "integrated gradients: a token of the entity contributes more than a function word, on average",
                0.90,
                lambda figures: figures["entity_first"]["separators"]["probability"]["per_token"],
            ),
            Goal(
                "integrated gradients: the entity contributes more than all function words together",
                0.90,
                lambda figures: figures["entity_first"]["separators"]["probability"]["more_than_all"],
            ),
            Goal(
                "integrated gradients: the entity contributes more than any function word",
                0.90,
                lambda figures: figures["entity_first"]["separators"]["probability"]["more_than_any"],
            ),
        ),
        "masked": (
            Goal("facts, seen", 0.99, lambda figures: figures["facts"]["all"]["seen"]["share"]),
            Goal("facts, held-out combination", 0.98, lambda figures: figures["facts"]["all"]["held_out"]["share"]),
            Goal(
                "agreement across one distractor, held-out pair",
                0.95,
                lambda figures: figures["agreement"]["one distractor"]["held_out"]["share"],
            ),
            *_lens(lambda figures: figures["lens"]["median_rank"]),
            Goal(
                "integrated gradients: the entity contributes more than all function words together",
                0.90,
                lambda figures: figures["contributions"]["all"]["share"],
            ),
            Goal("nameable factors, of eight", 5, lambda figures: figures["factors"]["nameable"]),
            Goal("best previous-token head", 0.5, lambda figures: figures["heads"]["previous_token"][0]["score"]),
        ),
        "sentiment": (
            Goal("sentiment, held-out combination", 0.95, lambda figures: figures["sentiment"]["held_out"]["share"]),
            Goal("sentiment, new sentence", 0.95, lambda figures: figures["sentiment"]["new_template"]["share"]),
            Goal("sentiment, one-word flips: both reviews right", 0.90, lambda figures: figures["flips"]["share"]),
            Goal(_QUESTIONS, 0.85, lambda figures: figures["questions"]["held_out"]["share"]),
            *_lens(lambda figures: figures["lens"]["questions"]["median_rank"]),
            *_lens(lambda figures: figures["lens"]["reviews"]["median_rank"], "label of a review"),
            Goal(_DECIDING_WORD, 0.90, lambda figures: figures["deciding_words"]["zero"]["plain"]["share"]),
        ),
        "sentiment-classifier": (
            Goal("sentiment, held-out combination", 0.95, lambda figures: figures["sentiment"]["held_out"]["share"]),
            Goal("sentiment, new sentence", 0.95, lambda figures: figures["sentiment"]["new_sentence"]["share"]),
            Goal(
                "sentiment, one-word flips: both reviews right",
                0.90,
                lambda figures: figures["sentiment"]["flips"]["share"],
            ),
            Goal(_DECIDING_WORD, 0.90, lambda figures: figures["deciding_words"]["share"]),
        ),
    }
)
"""Goals by the name of the model."""
