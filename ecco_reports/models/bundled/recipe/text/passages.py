"""Short passages with a question whose answer is one word of the passage.

A passage is made of statements from `scenes`. No two statements share a person, a thing or any other word that fills a
slot, with one exception: in some passages the same person does two different things, so that only the verb tells which
of the two is meant. So every question has exactly one answer, and one sentence holds it. In half of the passages all
statements are of one kind, so that the kind of word that is asked for does not tell the sentence.

One in six combinations of a question with what it names and its answer is never asked in training. Statements are not
held out: what has to be found may have been told before, but nobody asked for it.
"""

import random
import re
import zlib
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text.scenes import SCENES, SLOTS, VERBS, Question, Scene
from ecco_reports.models.bundled.recipe.text.templates import capitalized, with_articles

HELD_OUT_ONE_IN = 6
"""One in this many combinations of question, named word and answer is never asked."""

LONGEST = 5
"""The largest number of sentences."""

_SAME_PERSON_SHARE = 0.25
_ONE_KIND_SHARE = 0.5
_SLOT = re.compile(r"\{(\w+)\}")
_VERB_SLOTS = frozenset({"base", "past", "participle"})

Facts = dict[str, str]
"""What fills the slots of one statement."""


class Statement(NamedTuple):
    """One sentence of a passage and what it was made of.

    Attributes:
        scene: Kind of statement.
        template: The sentence before its slots were filled.
        facts: What fills the slots.
        text: The sentence.
    """

    scene: Scene
    template: str
    facts: Facts
    text: str


class Passage(NamedTuple):
    """A passage, a question about it, and where the answer stands.

    Attributes:
        sentences: The sentences.
        question: The question.
        answer: The answer, one word of the passage.
        source: Index of the sentence that holds the answer.
        start: Index of the answer's first character in `text`.
        end: Index after its last character.
        kind: Kind of the statement and the slot that is asked for, as in "deed person".
        is_held_out: Whether training never asks this.
    """

    sentences: tuple[str, ...]
    question: str
    answer: str
    source: int
    start: int
    end: int
    kind: str
    is_held_out: bool

    @property
    def text(self) -> str:
        """The sentences as one text, with a space between two of them."""
        return " ".join(self.sentences)


def _fill(template: str, facts: Facts) -> str:
    text = _SLOT.sub(lambda match: facts[match.group(1)], template)
    return capitalized(with_articles(text))


def is_held_out(question: Question, facts: Facts) -> bool:
    """Tell whether training leaves out this combination.

    Args:
        question: A question.
        facts: What fills the slots of the statement it is about.

    Returns:
        True if training never asks this question with these words for this answer.
    """
    named = [facts[slot] for slot in _SLOT.findall(question.text) if slot not in _VERB_SLOTS]
    key = "|".join(("passage", question.text, *named, facts[question.asks]))
    return zlib.crc32(key.encode()) % HELD_OUT_ONE_IN == 0


class _Words:
    """Draws words for slots, no word twice in one passage."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._left = {slot: rng.sample(table, len(table)) for slot, table in SLOTS.items() if slot != "other"}
        self._verbs = rng.sample(VERBS, len(VERBS))

    def facts(self, template: str) -> Facts:
        facts = {slot: self._left["person" if slot == "other" else slot].pop() for slot in self._plain(template)}
        if _VERB_SLOTS & set(_SLOT.findall(template)):
            facts |= self._verbs.pop()._asdict()
        return facts

    @staticmethod
    def _plain(template: str) -> list[str]:
        return [slot for slot in _SLOT.findall(template) if slot not in _VERB_SLOTS]


def _statements(rng: random.Random, count: int, drawn: _Words) -> list[Statement]:
    statements: list[Statement] = []
    weights = [each.weight for each in SCENES]
    deed = SCENES[0]
    repeats_person = count > 1 and rng.random() < _SAME_PERSON_SHARE
    only = rng.choices(SCENES, weights)[0] if rng.random() < _ONE_KIND_SHARE else None
    for place in range(count):
        scene = only or rng.choices(SCENES, weights)[0]
        if repeats_person and place < 2:
            scene = deed
        template = rng.choice(scene.statements)
        facts = drawn.facts(template)
        if repeats_person and place == 1:
            facts["person"] = statements[0].facts["person"]
        statements.append(Statement(scene, template, facts, _fill(template, facts)))
    rng.shuffle(statements)
    return statements


def _fitting(statement: Statement) -> list[Question]:
    return [
        question
        for question in statement.scene.questions
        if {question.asks, *_SLOT.findall(question.text)} <= statement.facts.keys()
    ]


def _asked(statements: list[Statement], source: int, question: Question) -> Passage:
    sentences = tuple(statement.text for statement in statements)
    facts = statements[source].facts
    answer = facts[question.asks]
    found = re.search(rf"\b{answer}\b", sentences[source])
    if found is None:
        raise ValueError(f"The sentence {sentences[source]!r} does not say {answer!r}.")
    start = sum(len(sentence) + 1 for sentence in sentences[:source]) + found.start()
    return Passage(
        sentences,
        _fill(question.text, facts),
        answer,
        source,
        start,
        start + len(answer),
        f"{statements[source].scene.name} {question.asks}",
        is_held_out(question, facts),
    )


def passage(rng: random.Random, sentences: int, *, held_out: bool) -> Passage:
    """Write a passage and ask a question about it.

    Args:
        rng: Source of randomness.
        sentences: Number of sentences, from 1 to 5.
        held_out: Whether the question is one that training never asks.

    Returns:
        The passage with its question and answer.
    """
    while True:
        statements = _statements(rng, sentences, _Words(rng))
        source = rng.randrange(sentences)
        questions = [
            question
            for question in _fitting(statements[source])
            if is_held_out(question, statements[source].facts) == held_out
        ]
        if questions:
            return _asked(statements, source, rng.choice(questions))


def new_passage(rng: random.Random, sentences: int) -> Passage:
    """Write a passage in which the sentence that holds the answer has a form that training never shows.

    Args:
        rng: Source of randomness.
        sentences: Number of sentences, from 1 to 5.

    Returns:
        The passage with its question and answer.
    """
    while True:
        drawn = _Words(rng)
        statements = _statements(rng, sentences - 1, drawn)
        scene = rng.choice(SCENES)
        template = rng.choice(scene.new_statements)
        facts = drawn.facts(template)
        source = rng.randrange(sentences)
        statements.insert(source, Statement(scene, template, facts, _fill(template, facts)))
        questions = _fitting(statements[source])
        if questions:
            return _asked(statements, source, rng.choice(questions))
