"""Sentences that keep the rules of grammar, and sentences that break one of them."""

import random
import zlib
from collections.abc import Callable
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import words
from ecco_reports.models.bundled.recipe.text.templates import capitalized

HELD_OUT_ONE_IN = 6
"""One in this many pairs of words is never shown together."""


class Judged(NamedTuple):
    """A sentence and whether it keeps the rules.

    Attributes:
        text: The sentence.
        is_acceptable: Whether it keeps the rules.
        rule: The rule that is broken, or that the sentence is an example of.
        verb: Index of the word whose form follows from the rest of the sentence, counted in words from 0.
    """

    text: str
    is_acceptable: bool
    rule: str
    verb: int


class _Clause(NamedTuple):
    """A sentence in words, right and with one rule broken."""

    right: list[str]
    wrong: list[str]
    verb: int


class Actions(NamedTuple):
    """Forms of a verb that takes a thing.

    Attributes:
        base: After "to" and with plural subjects.
        third: With singular subjects.
        past: Past tense.
    """

    base: str
    third: str
    past: str


ACTIONS: tuple[Actions, ...] = tuple(
    Actions(*forms.split())
    for forms in (
        "see sees saw",
        "find finds found",
        "want wants wanted",
        "buy buys bought",
        "sell sells sold",
        "paint paints painted",
        "know knows knew",
        "carry carries carried",
        "clean cleans cleaned",
        "take takes took",
    )
)
"""Verbs for what somebody does with a thing."""

_PRONOUNS: tuple[tuple[str, str], ...] = (("he", "him"), ("she", "her"), ("they", "them"), ("we", "us"), ("I", "me"))
_DISTRACTORS = ("to the", "near the", "behind the", "next to the", "with the", "beside the")
_ADJECTIVES = ("old", "small", "new", "red", "heavy", "strange", "quiet", "young")


def is_held_out(one: str, other: str) -> bool:
    """Tell whether training never shows these two words in one sentence.

    Args:
        one: The first noun of the sentence.
        other: Its second noun, or the word after its verb.

    Returns:
        True for one pair in six.
    """
    return zlib.crc32(f"acceptability|{one}|{other}".encode()) % HELD_OUT_ONE_IN == 0


def _noun(noun: str, is_plural: bool) -> str:
    return words.plural(noun) if is_plural else noun


def _pair(rng: random.Random, nouns: tuple[str, ...], others: tuple[str, ...], held_out: bool) -> tuple[str, str]:
    while True:
        one, other = rng.choice(nouns), rng.choice(others)
        if one != other and is_held_out(one, other) == held_out:
            return one, other


def _statement(rng: random.Random, held_out: bool) -> tuple[list[str], int]:
    """Write a plain sentence with a subject, a verb and an object; returns its words and the place of its verb."""
    person, thing = _pair(rng, words.PEOPLE, words.OBJECTS, held_out)
    subject = ["the", person]
    if rng.random() < 0.3:
        subject.insert(1, rng.choice(_ADJECTIVES))
    rest = ["the", thing]
    if rng.random() < 0.3:
        rest.insert(1, rng.choice(_ADJECTIVES))
    if rng.random() < 0.4:
        rest += ["in", "the", rng.choice(words.PLACES)]
    return [*subject, rng.choice(ACTIONS).past, *rest], len(subject)


def _agreement(rng: random.Random, held_out: bool) -> _Clause:
    """A verb has the number of its subject."""
    head, state = _pair(rng, words.ANIMALS + words.OBJECTS + words.PEOPLE, _ADJECTIVES, held_out)
    is_plural = rng.random() < 0.5
    subject = ["the", _noun(head, is_plural)]
    if rng.random() < 0.4:
        subject += f"{rng.choice(_DISTRACTORS)} {_noun(rng.choice(words.OBJECTS), rng.random() < 0.5)}".split()
    forms = rng.choice((("is", "are"), ("was", "were")))
    right, wrong = forms[is_plural], forms[not is_plural]
    return _Clause([*subject, right, state], [*subject, wrong, state], len(subject))


def _order(rng: random.Random, held_out: bool) -> _Clause:
    """An article stands before its noun, and the subject before its verb."""
    right, verb = _statement(rng, held_out)
    first = rng.choice([place for place, word in enumerate(right) if word == "the"])
    wrong = list(right)
    wrong[first], wrong[first + 1] = wrong[first + 1], wrong[first]
    return _Clause(right, wrong, verb)


def _doubling(rng: random.Random, held_out: bool) -> _Clause:
    """No word is said twice."""
    right, verb = _statement(rng, held_out)
    place = rng.randrange(len(right))
    return _Clause(right, [*right[: place + 1], *right[place:]], verb)


def _completeness(rng: random.Random, held_out: bool) -> _Clause:
    """Articles and the verb are there."""
    right, verb = _statement(rng, held_out)
    place = rng.choice([verb, *(place for place, word in enumerate(right) if word == "the")])
    return _Clause(right, right[:place] + right[place + 1 :], verb)


def _case(rng: random.Random, held_out: bool) -> _Clause:
    """A pronoun has the form of its place: "he" before the verb, "him" after it."""
    thing, place = _pair(rng, words.OBJECTS, words.PLACES, held_out)
    subject, as_object = rng.choice(_PRONOUNS)
    person, verb = rng.choice(words.PEOPLE), rng.choice(ACTIONS).past
    if rng.random() < 0.5:
        rest = [verb, "the", thing, "in", "the", place]
        return _Clause([subject, *rest], [as_object, *rest], 0)
    start, rest = ["the", person, verb], ["with", "the", thing, "in", "the", place]
    return _Clause([*start, as_object, *rest], [*start, subject, *rest], len(start))


def _infinitive(rng: random.Random, held_out: bool) -> _Clause:
    """After "to" and "can", a verb has no ending."""
    person, thing = _pair(rng, words.PEOPLE, words.OBJECTS, held_out)
    verb = rng.choice(ACTIONS)
    start = ["the", person, *rng.choice((("wants", "to"), ("likes", "to"), ("can",), ("will",), ("tried", "to")))]
    rest = ["the", thing]
    return _Clause([*start, verb.base, *rest], [*start, rng.choice((verb.third, verb.past)), *rest], len(start))


_RULES: tuple[tuple[str, Callable[[random.Random, bool], _Clause], float], ...] = (
    ("agreement", _agreement, 5),
    ("word order", _order, 1),
    ("doubled word", _doubling, 1.5),
    ("missing word", _completeness, 1),
    ("pronoun", _case, 1),
    ("form after to", _infinitive, 1),
)

RULES: tuple[str, ...] = tuple(name for name, _, _ in _RULES)
"""Names of the rules."""


def _written(parts: list[str]) -> str:
    return capitalized(" ".join(parts)) + "."


def judged(rng: random.Random, *, held_out: bool, rule: str | None = None) -> Judged:
    """Write a sentence that keeps a rule or breaks it, each in half of the cases.

    Args:
        rng: Source of randomness.
        held_out: Whether the sentence joins two words that training never shows together.
        rule: The rule; without one it is drawn.

    Returns:
        The sentence and its judgment.
    """
    chosen = [each for each in _RULES if rule in (None, each[0])]
    name, write, _ = rng.choices(chosen, [weight for _, _, weight in chosen])[0]
    clause = write(rng, held_out)
    is_acceptable = rng.random() < 0.5
    return Judged(_written(clause.right if is_acceptable else clause.wrong), is_acceptable, name, clause.verb)


def gapped(rng: random.Random, gap: str, end: str) -> tuple[str, str]:
    """Take a word out of a right sentence whose form follows from the rest.

    Judging a verb takes two things at once: the number of the subject and that of the verb. Writing the verb takes one,
    and what it teaches helps with the other.

    Args:
        rng: Source of randomness.
        gap: What is written instead of the word.
        end: What closes the answer.

    Returns:
        The sentence with its gap, and the answer: the gap, the word and the end.
    """
    _, write, _ = rng.choices(_RULES, [weight for _, _, weight in _RULES])[0]
    clause = write(rng, False)
    parts = _written(clause.right).split(" ")
    missing = parts[clause.verb]
    parts[clause.verb] = gap
    return " ".join(parts), f"{gap} {missing} {end}"
