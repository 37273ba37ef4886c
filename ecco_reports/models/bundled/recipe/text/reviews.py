"""Short reviews whose sentiment follows from their words.

What a review says is decided by rules a reader can check. One opinion decides: a word of the tables in `opinions`, or
its opposite if the template negates it. An opinion that is only conceded ("The music is lovely, but ...", "Although
...", a remark in parentheses) does not count; what is said after "but" and "yet", and the main clause after "although",
does. Sentences of context, and what somebody only expected, carry no opinion.

One in six combinations of a template with the deciding word is never shown, and a few templates are kept for the
evaluation, so that it can tell a word that is understood from a sentence that was memorized.
"""

import random
import re
import zlib
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import opinions, words
from ecco_reports.models.bundled.recipe.text.opinions import KINDS
from ecco_reports.models.bundled.recipe.text.templates import capitalized
from ecco_reports.models.bundled.recipe.text.verdicts import NEW_TEMPLATES, TEMPLATES, Template

HELD_OUT_ONE_IN = 6
"""One in this many combinations of template and deciding word is never shown."""

_CONTEXT_SHARE = 0.3
_SECOND_OPINION_SHARE = 0.2
_INVENTED_WORD_SHARE = 0.2
_INFORMAL_SHARE = 0.12
_INTENSIFIER_SHARE = 0.3
_TITLE_SHARE = 0.15


class Review(NamedTuple):
    """A review and why it says what it says.

    Attributes:
        text: The review.
        is_positive: What it says.
        template: The template that was filled.
        word: The deciding word.
        conceded: An opinion that is mentioned but does not count, or an empty string.
    """

    text: str
    is_positive: bool
    template: Template
    word: str
    conceded: str


_SLOT = re.compile(r"\{(\w+)\}")
_ARTICLE = re.compile(r"\b([Aa]) (?=[aeiou])(?!uni|use|one|eu)|\b([Aa]) (?=hon|hour)")
_EXTRA_SPACE = re.compile(r"\s+")


def is_held_out(template: Template, word: str) -> bool:
    """Tell whether training leaves out this combination.

    Args:
        template: One of the templates.
        word: An opinion.

    Returns:
        True if the template never occurs with this word in the training text.
    """
    return zlib.crc32(f"review|{template.text}|{word}".encode()) % HELD_OUT_ONE_IN == 0


def invented_word(rng: random.Random) -> str:
    """Make up a word, as a reader will use words that no list has.

    Args:
        rng: Source of randomness.

    Returns:
        The word, in lower case.
    """
    return "".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 3)))


def _opinion(rng: random.Random, kind: str, is_positive: bool, template: Template) -> str:
    """Draw a word that the template may be shown with."""
    while True:
        word = rng.choice(KINDS[kind].of(is_positive))
        if not is_held_out(template, word):
            return word


def _filler(rng: random.Random, slot: str) -> str:
    """Draw the words for a slot that carries no opinion."""
    if slot == "very":
        return rng.choice(opinions.INTENSIFIERS) + " " if rng.random() < _INTENSIFIER_SHARE else ""
    if slot == "title" and rng.random() < _TITLE_SHARE:
        return invented_word(rng).capitalize()
    if slot in ("whole", "part") and rng.random() < _TITLE_SHARE:
        return {"whole": "it", "part": "the " + rng.choice(opinions.THINGS)}[slot]
    tables = {
        "whole": opinions.WHOLES,
        "part": opinions.PARTS,
        "thing": opinions.THINGS,
        "genre": opinions.GENRES,
        "title": opinions.TITLES,
        "fact": opinions.FACTS,
        "hope": opinions.HOPES,
        "person": words.PEOPLE,
        "animal": words.ANIMALS,
    }
    return rng.choice(tables[slot])


def fill(template: Template, word: str, rng: random.Random) -> Review:
    """Write a review around a deciding word.

    Args:
        template: The template.
        word: The deciding word, of the template's kind.
        rng: Source of randomness for everything else.

    Returns:
        The review.
    """
    praises = word in KINDS[template.kind].positive
    conceded: list[str] = []

    def replace(match: re.Match[str]) -> str:
        slot = match.group(1)
        if slot == "w":
            return word
        if slot == "s":
            return _opinion(rng, "adjective", praises, template)
        if slot == "o":
            conceded.append(_opinion(rng, "adjective", not praises, template))
            return conceded[-1]
        return _filler(rng, slot)

    text = _SLOT.sub(replace, template.text)
    text = _ARTICLE.sub(lambda match: (match.group(1) or match.group(2)) + "n ", text)
    return Review(text, praises != template.is_negated, template, word, conceded[0] if conceded else "")


def _surrounded(sentences: list[str], rng: random.Random) -> str:
    """Punctuate the sentences of a review, and put a neutral one and an invented word among them."""
    sentences = [sentence + rng.choice((".", ".", ".", ".", "!")) for sentence in sentences]
    if rng.random() < _CONTEXT_SHARE:
        sentences.insert(rng.randint(0, len(sentences)), rng.choice(opinions.FACTS) + ".")
    text = " ".join(capitalized(sentence) for sentence in sentences)
    if rng.random() < _INVENTED_WORD_SHARE:
        parts = text.split(" ")
        extra = invented_word(rng)
        parts.insert(rng.randint(1, len(parts)), rng.choice((extra, extra.capitalize(), f"({extra})")))
        text = " ".join(parts)
    if rng.random() < _INFORMAL_SHARE:
        text = text.lower().rstrip(".!")
    return text


def _drawn_template(rng: random.Random) -> Template:
    return rng.choices(TEMPLATES, [template.weight for template in TEMPLATES])[0]


def _shown(rng: random.Random, is_positive: bool, *, only_plain: bool) -> Review:
    """Write one sentence that training may show."""
    while True:
        template = _drawn_template(rng)
        if not (only_plain and (template.is_negated or "{o}" in template.text)):
            break
    return fill(template, _opinion(rng, template.kind, is_positive != template.is_negated, template), rng)


def _review(rng: random.Random, *, only_plain: bool) -> Review:
    is_positive = rng.random() < 0.5
    written = _shown(rng, is_positive, only_plain=only_plain)
    sentences = [written.text]
    if rng.random() < _SECOND_OPINION_SHARE:
        sentences.append(_shown(rng, is_positive, only_plain=True).text)
    return written._replace(text=_surrounded(sentences, rng))


def review(rng: random.Random) -> Review:
    """Write a review that training may show.

    Args:
        rng: Source of randomness.

    Returns:
        The review; praise and blame are equally likely, and some reviews say the same once more.
    """
    return _review(rng, only_plain=False)


def plain_review(rng: random.Random) -> Review:
    """Write a review that training may show, without negated or conceded opinions.

    Args:
        rng: Source of randomness.

    Returns:
        The review.
    """
    return _review(rng, only_plain=True)


def held_out_review(rng: random.Random) -> Review:
    """Write a review that training never shows: its template does not occur with its deciding word.

    Args:
        rng: Source of randomness.

    Returns:
        The review.
    """
    while True:
        template, is_positive = _drawn_template(rng), rng.random() < 0.5
        word = rng.choice(KINDS[template.kind].of(is_positive != template.is_negated))
        if is_held_out(template, word):
            written = fill(template, word, rng)
            return written._replace(text=_surrounded([written.text], rng))


def new_review(rng: random.Random) -> Review:
    """Write a review with a template that training never uses.

    Args:
        rng: Source of randomness.

    Returns:
        The review.
    """
    template, is_positive = rng.choice(NEW_TEMPLATES), rng.random() < 0.5
    written = fill(template, rng.choice(KINDS[template.kind].of(is_positive != template.is_negated)), rng)
    return written._replace(text=_surrounded([written.text], rng))


def flip_pair(rng: random.Random) -> tuple[Review, Review]:
    """Write two reviews that differ in the deciding word alone and say the opposite.

    Args:
        rng: Source of randomness.

    Returns:
        A positive and a negative review; both are held out, and both deciding words are single words.
    """
    while True:
        template = _drawn_template(rng)
        if "{s}" in template.text or "{o}" in template.text or template.kind in ("effect", "demand"):
            continue
        good, bad = (rng.choice(KINDS[template.kind].of(praises)) for praises in (True, False))
        if is_held_out(template, good) and is_held_out(template, bad):
            break
    seed = rng.random()
    pair = []
    for word in (good, bad):
        same = random.Random(seed)
        written = fill(template, word, same)
        pair.append(written._replace(text=_surrounded([written.text], same)))
    positive, negative = sorted(pair, key=lambda written: not written.is_positive)
    return positive, negative
