"""Subjects that ask for a verb of the right number, with every noun in between in the other number."""

import random
from types import MappingProxyType
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import agreement, words
from ecco_reports.models.bundled.recipe.text.templates import capitalized

SHAPES: MappingProxyType[str, str] = MappingProxyType(
    {
        "no distractor": "the {head}",
        "one distractor": "the {head} {first} the {other}",
        "two distractors": "the {head} {first} the {other} {second} the {place}",
        "relative clause": "the {head} that the {other} saw",
    }
)
"""Shapes of a subject by their names."""


class Subject(NamedTuple):
    """Everything that stands before a verb.

    Attributes:
        text: The words, capitalized.
        is_plural: Whether the verb has to be plural.
    """

    text: str
    is_plural: bool


def draw_subject(rng: random.Random, shape: str, *, held_out: bool) -> Subject:
    """Draw a subject.

    Args:
        rng: Source of randomness.
        shape: One of the shapes.
        held_out: Whether its first two nouns are a pair that training never shows together.

    Returns:
        The subject.
    """
    head, other = agreement.noun_pair(rng, held_out)
    is_plural = rng.random() < 0.5
    text = shape.format(
        head=words.plural(head) if is_plural else head,
        other=other if is_plural else words.plural(other),
        first=rng.choice(agreement.PREPOSITIONS),
        second=rng.choice(agreement.PREPOSITIONS),
        place=rng.choice(words.PLACES) if is_plural else words.plural(rng.choice(words.PLACES)),
    )
    return Subject(capitalized(text), is_plural)
