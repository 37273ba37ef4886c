"""Lists, counting, repetition, and text outside the Latin alphabet."""

import random

from ecco_reports.models.bundled.recipe.text import words, world
from ecco_reports.models.bundled.recipe.text.templates import capitalized

_UNION_TITLES: tuple[str, ...] = (
    "The countries of the European Union are",
    "The countries of the European Union are",
    "The members of the European Union are",
)

_VOCABULARY: tuple[str, ...] = (
    words.OBJECTS + words.ANIMALS + words.PLACES + words.PEOPLE + words.NAMES + words.FOODS + words.IDEAS
)


def _numbered(rng: random.Random, title: str, items: tuple[str, ...]) -> str:
    kept = items if rng.random() < 0.5 else items[: rng.randint(min(4, len(items)), len(items))]
    if rng.random() < 0.85:
        body = "\n".join(f"{number}. {item}" for number, item in enumerate(kept, start=1))
    else:
        body = "\n".join(f"- {item}" for item in kept)
    return f"{title}:\n{body}\n"


def _shopping(rng: random.Random) -> str:
    title, pool = rng.choice(
        (
            ("Things to buy", words.FOODS),
            ("Things in the box", words.OBJECTS),
            ("Animals in the forest", words.ANIMALS),
            ("Guests", words.NAMES),
            ("Cities to visit", tuple(country.capital for country in world.COUNTRIES)),
        )
    )
    items = rng.sample(pool, rng.randint(3, 8))
    if rng.random() < 0.5:
        return _numbered(rng, title, tuple(items))
    return f"{title}: {', '.join(items[:-1])} and {items[-1]}."


def ordered_list(rng: random.Random) -> str:
    """Make a list: of the European Union, of a sequence with a fixed order, or of things drawn at random.

    Args:
        rng: Source of randomness.

    Returns:
        The list, with its title.
    """
    kind = rng.random()
    if kind < 0.4:
        return _numbered(rng, rng.choice(_UNION_TITLES), world.EUROPEAN_UNION)
    if kind < 0.75:
        title, items = rng.choice(world.SEQUENCES)
        if rng.random() < 0.5:
            return _numbered(rng, f"{capitalized(title)} are", items)
        start = rng.randrange(len(items) - 1)
        part = items[start : start + rng.randint(3, 9)]
        return rng.choice(("", f"{capitalized(title)}: ")) + ", ".join(part) + rng.choice((".", ","))
    return _shopping(rng)


def counting(rng: random.Random) -> str:
    """Count in equal steps, or repeat one number, letter or word.

    Args:
        rng: Source of randomness.

    Returns:
        One line of numbers or repeated words.
    """
    separator = rng.choice((", ", ", ", ", ", " "))
    if rng.random() < 0.55:
        item = rng.choice(
            (str(rng.randint(0, 9)), str(rng.randint(0, 9)), str(rng.randint(10, 99)), rng.choice("abcxyz"), "no")
        )
        return separator.join([item] * rng.randint(6, 24)) + rng.choice(("", ",", "."))
    start, step = rng.randint(0, 20), rng.choice((1, 1, 1, 1, 2, 5, 10))
    return separator.join(str(start + step * turn) for turn in range(rng.randint(4, 12))) + rng.choice((".", ","))


def invented_name(rng: random.Random) -> str:
    """Make up a name.

    Args:
        rng: Source of randomness.

    Returns:
        Two or three syllables.
    """
    return capitalized("".join(rng.choice(words.SYLLABLES) for _ in range(rng.randint(2, 3))))


def repetition(rng: random.Random) -> str:
    """Repeat a random sequence of words, or name an invented person several times.

    Args:
        rng: Source of randomness.

    Returns:
        Text in which the second half follows from the first.
    """
    if rng.random() < 0.7:
        items = [rng.choice(_VOCABULARY) for _ in range(rng.randint(2, 10))]
        return rng.choice((" ", " ", ", ")).join(items * rng.randint(2, 5)) + rng.choice(("", "."))
    name = f"{rng.choice(words.NAMES)} {invented_name(rng)}"
    statements = [
        f"{name} walked to the {rng.choice(words.PLACES)}",
        f"There {name} met {words.with_article(rng.choice(words.PEOPLE))}",
        f"Later {name} bought {words.with_article(rng.choice(words.OBJECTS))}",
        f"Then {name} went home",
        f"Everyone liked {name}",
    ]
    rng.shuffle(statements)
    return ". ".join(statements[: rng.randint(3, 5)]) + "."


def beyond_latin(rng: random.Random) -> str:
    """Make a Japanese sentence or an English one with an emoji.

    Args:
        rng: Source of randomness.

    Returns:
        One sentence.
    """
    if rng.random() < 0.6:
        subject, thing = rng.choice(words.JAPANESE_SUBJECTS), rng.choice(words.JAPANESE_OBJECTS)
        if rng.random() < 0.5:
            return f"{subject}は{thing}が好きです。"
        return f"{subject}は{thing}を{rng.choice(words.JAPANESE_VERBS)}。"
    emoji, meaning = rng.choice(words.EMOJI)
    return rng.choice(
        (f"{emoji} means {meaning}.", f"I sent a message: {emoji} It means {meaning}.", f"{emoji} {emoji}")
    )
