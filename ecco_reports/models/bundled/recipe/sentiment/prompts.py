"""Prompts that ship with the package, and reviews that no template has written."""

from typing import NamedTuple

from ecco_reports.models.bundled.recipe.sentiment.corpus import (
    ACCEPTABLE,
    NEGATIVE,
    POSITIVE,
    UNACCEPTABLE,
    Example,
    question_prompt,
    review_prompt,
    sentence_prompt,
)


class Shipped(NamedTuple):
    """A prompt that examples of the package use.

    Attributes:
        name: What the prompt shows.
        example: The prompt and its right answer.
    """

    name: str
    example: Example


_TASTE = (
    "I have a well-documented {} for sci-fi and expected Dune to feed my soul. "
    "I didn't expect it to entirely blow my mind."
)
_DUNE = "Dune looks and sounds amazing, and the (admittedly sluggish) story kept me on the edge of my seat."
_LAMP = "Anna went to the kitchen. Tom bought the lamp in the market. Mary lives in Paris. Leo lost the red ring."
_LETTER = (
    "On Monday, Clara hid the letter in the attic. Henry is a baker. "
    "In the garden, Clara found the key. The blue vase is in the cellar."
)


def _review(name: str, text: str, answer: str) -> Shipped:
    return Shipped(name, Example(review_prompt(text), answer))


def _question(question: str, passage: str, answer: str) -> Shipped:
    return Shipped("question", Example(question_prompt(question, passage), answer))


SHIPPED: tuple[Shipped, ...] = (
    _review("one word", _TASTE.format("weakness"), NEGATIVE),
    _review("one word", _TASTE.format("inclination"), POSITIVE),
    _review("concession", _DUNE, POSITIVE),
    _review("plain", "The film is bad.", NEGATIVE),
    _review("negation", "The film is not bad at all.", POSITIVE),
    _review("negation", "Nothing about it is funny.", NEGATIVE),
    _review("negation", "The story is never dull.", POSITIVE),
    _review("contrast", "The music is lovely, but the film is a mess.", NEGATIVE),
    _question("Who bought the lamp?", _LAMP, "Tom"),
    _question("What color is the ring?", _LAMP, "red"),
    _question("Where did Clara hide the letter?", _LETTER, "attic"),
    _question("Where did Clara find the key?", _LETTER, "garden"),
    Shipped("grammar", Example(sentence_prompt("The keys to the cabinet are old."), ACCEPTABLE)),
    Shipped("grammar", Example(sentence_prompt("The keys to the cabinet is old."), UNACCEPTABLE)),
)
"""The prompts."""

HAND_WRITTEN: tuple[tuple[str, bool], ...] = (
    ("A wonderful evening at the cinema, thanks to two brilliant actors.", True),
    ("The jokes are old and the ending is terrible.", False),
    ("Clever, warm and full of surprises.", True),
    ("I was bored after five minutes.", False),
    ("My whole family enjoyed this charming tale of a fox and a bear.", True),
    ("What a waste of a talented cast.", False),
    ("Not a dull moment in the whole film.", True),
    ("This is not the great comedy that the poster promises.", False),
    ("The story is simple, but the pictures are stunning.", True),
    ("The pictures are stunning, but the story is empty.", False),
    ("I would recommend it to everyone who loves the sea.", True),
    ("Nobody in the room laughed; it is a painfully unfunny film.", False),
    ("She sings beautifully and the orchestra is excellent.", True),
    ("Lazy writing and wooden acting ruin a good book.", False),
    ("Even the smallest role is played superbly.", True),
    ("Even my patient mother found it tedious.", False),
    ("It could have been a mess, yet it is a triumph.", True),
    ("It could have been a triumph, yet it is a mess.", False),
    ("An honest film with a big heart.", True),
    ("A pretentious, overlong film with nothing to say.", False),
    ("I cannot think of anything bad to say about it.", True),
    ("There is no joy and no wit in this sequel.", False),
    ("The second season is even more exciting than the first.", True),
    ("The second season is even more confusing than the first.", False),
    ("You won't be disappointed.", True),
    ("Don't expect anything original.", False),
    ("Gripping to the last page.", True),
    ("I gave up on the book after one hundred pages, because the characters are so flat.", False),
    ("The hotel was clean and the staff was lovely.", True),
    ("The soup was cold and the waiter was horrible.", False),
    ("Funny when it wants to be, and touching when it has to be.", True),
    ("Neither funny nor touching.", False),
    (
        "Dune looks and sounds amazing, and once the (admittedly slow) story has you hooked, "
        "you will wait for the sequel on the edge of your seat.",
        True,
    ),
)
"""Reviews and whether they are positive. They were written by hand before the first training, and some of their words
and turns are in no table."""
