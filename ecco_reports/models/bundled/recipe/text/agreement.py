"""Sentences in which a verb agrees with its subject across a distracting noun."""

import random
import zlib
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import words
from ecco_reports.models.bundled.recipe.text.templates import capitalized

HEADS: tuple[str, ...] = words.OBJECTS + words.PEOPLE + words.ANIMALS + words.IDEAS
"""Nouns that can be the subject."""

DISTRACTORS: tuple[str, ...] = words.OBJECTS + words.PEOPLE + words.PLACES + words.ANIMALS
"""Nouns that can stand between the subject and its verb."""

PREPOSITIONS: tuple[str, ...] = (
    "to",
    "to",
    "of",
    "near",
    "behind",
    "beside",
    "under",
    "above",
    "next to",
    "with",
    "from",
    "by",
    "on",
    "in front of",
)
"""Words that tie a distractor to the subject."""

_VERBS: tuple[tuple[str, str], ...] = (*((("is", "are"),) * 12), ("was", "were"), ("was", "were"), ("seems", "seem"))
"""Singular and plural verbs; "is" and "are" lead, because they are what the shipped prompts compare."""

_HELD_OUT_ONE_IN = 5


class Subject(NamedTuple):
    """A subject with everything that stands before the verb.

    Attributes:
        text: The words before the verb, in lower case.
        is_plural: Whether the verb has to be plural.
        is_alive: Whether the head noun is a person or an animal.
    """

    text: str
    is_plural: bool
    is_alive: bool


def is_held_out(head: str, distractor: str) -> bool:
    """Tell whether training never shows this pair of nouns together.

    Args:
        head: Head noun, singular.
        distractor: Distracting noun, singular.

    Returns:
        True for one pair in five.
    """
    return zlib.crc32(f"agreement|{head}|{distractor}".encode()) % _HELD_OUT_ONE_IN == 0


def noun_pair(rng: random.Random, held_out: bool) -> tuple[str, str]:
    """Draw a head noun and a distractor.

    Args:
        rng: Source of randomness.
        held_out: Whether the pair comes from those that training never shows.

    Returns:
        The two nouns, singular.
    """
    while True:
        head, distractor = rng.choice(HEADS), rng.choice(DISTRACTORS)
        if head != distractor and is_held_out(head, distractor) == held_out:
            return head, distractor


def _subject(rng: random.Random) -> Subject:
    head, distractor = noun_pair(rng, held_out=False)
    is_plural, other_is_plural = rng.random() < 0.5, rng.random() < 0.5
    determiner = rng.choice(("the", "the", "the", "the", "my", "his", "her", "our"))
    adjective = rng.choice(words.DESCRIPTIONS) + " " if rng.random() < 0.25 else ""
    text = f"{determiner} {adjective}{words.plural(head) if is_plural else head}"
    other = words.plural(distractor) if other_is_plural else distractor
    article = rng.choice(("the", "the", "the", "the old", "the red", "my", "his"))
    shape = rng.random()
    if shape < 0.62:
        text += f" {rng.choice(PREPOSITIONS)} {article} {other}"
    elif shape < 0.74:
        place = rng.choice(words.PLACES)
        last = words.plural(place) if rng.random() < 0.5 else place
        text += f" {rng.choice(PREPOSITIONS)} {article} {other} {rng.choice(PREPOSITIONS)} the {last}"
    elif shape < 0.86:
        text += f" that {article} {other} {rng.choice(('saw', 'found', 'liked', 'wanted', 'remembered'))}"
    return Subject(text, is_plural, head in words.PEOPLE or head in words.ANIMALS)


def sentence(rng: random.Random) -> str:
    """Make one sentence whose verb agrees with its subject.

    Args:
        rng: Source of randomness.

    Returns:
        The sentence, with its full stop.
    """
    subject = _subject(rng)
    singular, plural = rng.choice(_VERBS)
    if singular == "seems":
        rest = rng.choice(("old", "new", "strange", "beautiful", "lost"))
    else:
        rest = rng.choice(words.PERSON_STATES if subject.is_alive else words.THING_STATES)
    return capitalized(f"{subject.text} {plural if subject.is_plural else singular} {rest}.")
