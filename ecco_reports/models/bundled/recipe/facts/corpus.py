"""The training text: which kinds of document there are, and how often each is drawn."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from ecco_reports.models.bundled.recipe.text import agreement, prose, sequences
from ecco_reports.models.bundled.recipe.text.combinations import draw
from ecco_reports.models.bundled.recipe.text.templates import capitalized, with_articles

_PREFACES: tuple[str, ...] = (
    *("",) * 9,
    "in fact, ",
    "as you know, ",
    "everyone knows that ",
    "of course, ",
    "my teacher said that ",
    "I read that ",
    "remember: ",
    "it is true that ",
    "for example, ",
)

_ENDINGS: tuple[str, ...] = (".", ".", ".", "!")

_LEADING_SPACE_SHARE = 0.35
"""Share of documents that begin with a space, since people write prompts both ways."""


@dataclass(frozen=True)
class Statement:
    """A fact in words.

    Attributes:
        relation: Name of the relation.
        subject: Subject of the fact.
        template: Template that was filled.
        text: The sentence.
    """

    relation: str
    subject: str
    template: str
    text: str


def fill(template: str, subject: str, answer: str) -> str:
    """Put a subject and an answer into a template.

    Args:
        template: Template with `{s}` and `{o}`.
        subject: Subject of the fact.
        answer: Object of the fact.

    Returns:
        The sentence without its full stop, capitalized.
    """
    return capitalized(with_articles(template.format(s=subject, o=answer)))


def statement(rng: random.Random) -> Statement:
    """Draw a fact and a template that may be shown together, and write the sentence.

    Args:
        rng: Source of randomness.

    Returns:
        The sentence and what it was made of.
    """
    relation, subject, answer, template = draw(rng)
    preface = "" if "?" in template else rng.choice(_PREFACES)
    text = fill(preface + template, subject, answer) + rng.choice(_ENDINGS)
    return Statement(relation.name, subject, template, text)


def _facts(rng: random.Random) -> str:
    return " ".join(statement(rng).text for _ in range(rng.choice((2, 2, 3, 4))))


def _agreement(rng: random.Random) -> str:
    return " ".join(agreement.sentence(rng) for _ in range(rng.choice((2, 2, 3))))


_KINDS: tuple[tuple[Callable[[random.Random], str], float], ...] = (
    (_facts, 54),
    (_agreement, 12),
    (prose.passage, 17),
    (sequences.ordered_list, 5),
    (sequences.counting, 5),
    (sequences.repetition, 5),
    (sequences.beyond_latin, 2),
)


def document(rng: random.Random) -> str:
    """Write one document of a kind drawn by its share.

    Args:
        rng: Source of randomness.

    Returns:
        The text.
    """
    make = rng.choices([kind for kind, _ in _KINDS], [share for _, share in _KINDS])[0]
    text = make(rng)
    return f" {text}" if rng.random() < _LEADING_SPACE_SHARE else text


def documents(count: int, seed: int) -> Iterator[str]:
    """Write documents, the same ones for the same seed.

    Args:
        count: How many.
        seed: Seed of the draw.

    Yields:
        One document after another.
    """
    rng = random.Random(seed)
    for _ in range(count):
        yield document(rng)
