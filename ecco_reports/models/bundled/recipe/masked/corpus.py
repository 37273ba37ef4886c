"""The training text: facts, agreement and prose, with the places that are worth masking."""

import random
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from ecco_reports.models.bundled.recipe.text import agreement, nature, prose, reviews
from ecco_reports.models.bundled.recipe.text.combinations import draw
from ecco_reports.models.bundled.recipe.text.templates import ANSWER, capitalized, with_articles

SUBJECT = "{s}"
"""Where the subject of the fact stands in a template."""

_PREFACES: tuple[str, ...] = (
    *("",) * 9,
    "in fact, ",
    "of course, ",
    "as you know, ",
    "it is true that ",
    "she told me that ",
    "do not forget: ",
    "for example, ",
)
_ENDINGS: tuple[str, ...] = (".", ".", ".", ".", ".", "!")
_VERB = re.compile(r"\b(?:is|are|was|were|seems?)\b")
_LONG_ENTRY_ONE_IN = 6


@dataclass(frozen=True)
class Span:
    """A stretch of a text.

    Attributes:
        start: Its first character.
        end: The character after its last one.
    """

    start: int
    end: int

    def moved(self, by: int) -> "Span":
        """Move the span.

        Args:
            by: Number of characters.

        Returns:
            The span further on.
        """
        return Span(self.start + by, self.end + by)


@dataclass(frozen=True)
class Blank:
    """A place that the rest of its sentence decides.

    Attributes:
        answer: The word or words to be found.
        subject: What decides them, or nothing if it is the sentence as a whole.
    """

    answer: Span
    subject: Span | None = None


@dataclass(frozen=True)
class Document:
    """A text with the places that are worth masking.

    Attributes:
        text: The text.
        blanks: The places, none in plain prose.
    """

    text: str
    blanks: tuple[Blank, ...] = ()


@dataclass(frozen=True)
class Statement:
    """A fact in words.

    Attributes:
        relation: Name of the relation.
        subject: Subject of the fact.
        template: Template that was filled.
        document: The sentence, with its answer as its blank.
    """

    relation: str
    subject: str
    template: str
    document: Document


def fill(template: str, subject: str, answer: str) -> Document:
    """Put a subject and an answer into a template.

    Args:
        template: Template with `{s}` and `{o}`.
        subject: Subject of the fact.
        answer: Object of the fact.

    Returns:
        The sentence without its full stop, capitalized.
    """
    words = {SUBJECT: subject, ANSWER: answer}
    text = with_articles(template.format(s=subject, o=answer))
    spans = {}
    for slot, word in words.items():
        before = template[: template.index(slot)].format(s=subject, o=answer)
        end = len(with_articles(before + word))  # an article before the word may have grown by a letter
        spans[slot] = Span(end - len(word), end)
    return Document(capitalized(text), (Blank(spans[ANSWER], spans[SUBJECT]),))


def statement(rng: random.Random) -> Statement:
    """Draw a fact and a template that may be shown together, and write the sentence.

    Args:
        rng: Source of randomness.

    Returns:
        The sentence and what it was made of.
    """
    relation, subject, answer, template = draw(rng)
    preface = "" if "?" in template else rng.choice(_PREFACES)
    sentence = fill(preface + template, subject, answer)
    return Statement(relation.name, subject, template, replace(sentence, text=sentence.text + rng.choice(_ENDINGS)))


def join(documents: list[Document]) -> Document:
    """Write documents one after another.

    Args:
        documents: The documents.

    Returns:
        One document with all their blanks.
    """
    text, blanks = "", []
    for document in documents:
        start = len(text) + 1 if text else 0
        text = f"{text} {document.text}" if text else document.text
        blanks += [
            Blank(blank.answer.moved(start), blank.subject.moved(start) if blank.subject else None)
            for blank in document.blanks
        ]
    return Document(text, tuple(blanks))


def _fact(rng: random.Random) -> Document:
    return statement(rng).document


def _agreement(rng: random.Random) -> Document:
    text = agreement.sentence(rng)
    verb = _VERB.search(text)
    return Document(text, (Blank(Span(*verb.span())),) if verb else ())


def _nature(rng: random.Random) -> Document:
    return Document(nature.sentence(rng))


def _prose(rng: random.Random) -> Document:
    return Document(prose.passage(rng))


def _review(rng: random.Random) -> Document:
    return Document(reviews.review(rng).text)


_KINDS: tuple[tuple[Callable[[random.Random], Document], float, tuple[int, ...]], ...] = (
    (_fact, 60, (1, 1, 2, 3)),
    (_agreement, 13, (1, 1, 2)),
    (_nature, 22, (1, 1, 2, 3)),
    (_prose, 5, (1,)),
    (_review, 4, (1, 2)),
)
"""Kinds of sentence with their shares, and how many of them a document holds."""


def document(rng: random.Random, is_short: bool) -> Document:
    """Write one document of a kind drawn by its share.

    Args:
        rng: Source of randomness.
        is_short: Whether to stop after one sentence or passage.

    Returns:
        The document.
    """
    make, _, counts = rng.choices(_KINDS, [share for _, share, _ in _KINDS])[0]
    if is_short:
        return make(rng)
    count = rng.choice(counts)
    if make is _nature and rng.randrange(_LONG_ENTRY_ONE_IN) == 0:
        count *= 3
    return join([make(rng) for _ in range(count)])


def documents(count: int, seed: int) -> Iterator[Document]:
    """Write documents, the same ones for the same seed.

    Args:
        count: How many.
        seed: Seed of the draw.

    Yields:
        One document after another.
    """
    rng = random.Random(seed)
    for _ in range(count):
        yield document(rng, is_short=False)
