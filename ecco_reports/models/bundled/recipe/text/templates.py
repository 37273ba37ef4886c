"""Sentences that state one fact, and the split into combinations that are shown and that are held out.

Two rules keep the answers well defined. Within one relation no opening of a sentence is the beginning of another
opening or leads into different words ("is located in" is always followed by "the city of", "is in" never), so after
an opening there is one right continuation. And one in six combinations of a subject with a template is never shown,
so that an evaluation can tell a fact that was learned from a sentence that was memorized.
"""

import re
import zlib
from dataclasses import dataclass

from ecco_reports.models.bundled.recipe.text import world

SUBJECT = "{s}"
"""Where the subject of the fact stands in a template."""

ANSWER = "{o}"
"""Where the object of the fact stands in a template."""

HELD_OUT_ONE_IN = 6
"""One in this many combinations of subject and template is never shown."""


_BEFORE_VOWEL = re.compile(r"\b([Aa]) (?=[aeiou])")


@dataclass(frozen=True)
class Relation:
    """One kind of fact and the ways of saying it.

    Attributes:
        name: Name of the relation, as the evaluation reports it.
        pairs: Subjects and objects.
        templates: Sentences for training, with `{s}` for the subject and `{o}` for the object.
        new_templates: Sentences that training never uses, for measuring how far a fact carries.
        weight: Share of this relation among the fact sentences, in arbitrary units.
        always_shown: Combinations of subject and template that are exempt from being held out.
    """

    name: str
    pairs: tuple[world.Pair, ...]
    templates: tuple[str, ...]
    new_templates: tuple[str, ...]
    weight: float
    always_shown: frozenset[tuple[str, str]] = frozenset()

    def is_held_out(self, subject: str, template: str) -> bool:
        """Tell whether training leaves out this combination.

        Args:
            subject: Subject of the fact.
            template: One of the relation's templates.

        Returns:
            True if the sentence never occurs in the training text.
        """
        if (subject, template) in self.always_shown:
            return False
        key = f"{self.name}|{subject}|{template}".encode()
        return zlib.crc32(key) % HELD_OUT_ONE_IN == 0

    def openings(self) -> tuple[str, ...]:
        """List the templates that end in the answer, which an evaluation can use as prompts.

        Returns:
            The templates whose last word is the object.
        """
        return tuple(template for template in self.templates if template.endswith(ANSWER))


def capitalized(text: str) -> str:
    """Write the first letter of a text in upper case and leave the rest alone.

    Args:
        text: Any text.

    Returns:
        The text with an upper-case first letter.
    """
    return text[:1].upper() + text[1:]


def with_articles(text: str) -> str:
    """Write "an" for "a" where a vowel follows.

    Args:
        text: Text in which every indefinite article is "a".

    Returns:
        The text with the right articles.
    """
    return _BEFORE_VOWEL.sub(r"\1n ", text)
