"""Words for generated sentences, grouped by what a sentence can do with them."""


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


NAMES: tuple[str, ...] = _split(
    "Mary John Anna Tom Sarah Peter Emma David Alice James Lucy Paul Julia Mark Laura Henry Emily Jack Kate Oliver "
    "Jane Daniel Grace George Nora Simon Clara Max Rose Adam Helen Leo"
)
"""First names."""

PEOPLE: tuple[str, ...] = _split(
    "teacher doctor nurse farmer baker painter writer singer pilot sailor soldier student king queen judge lawyer "
    "engineer scientist cook driver dancer actor poet manager president neighbor friend guest captain mother father "
    "sister brother daughter son boy girl uncle aunt gardener mayor hunter author senator customer"
)
"""People, as the head of a sentence that needs a person."""

OBJECTS: tuple[str, ...] = _split(
    "key cabinet box table chair book letter lamp window door picture bottle cup plate knife coin map clock mirror bag "
    "pen ring hat coat candle basket shelf drawer wall house roof ticket flag ladder bell bicycle car boat train tower "
    "computer phone button shoe stone wheel gift painting blanket drum guitar piano report"
)
"""Things that can be counted, owned and moved."""

ANIMALS: tuple[str, ...] = _split(
    "fox dog cat bird owl bear wolf rabbit horse frog duck eagle mouse snake bee spider whale swan crow turtle goose "
    "lion elephant goat cow pig monkey tiger donkey"
)
"""Animals whose plural differs from the singular."""

PLACES: tuple[str, ...] = _split(
    "forest river mountain valley lake meadow hill shore beach island stream pond field garden cliff cave harbor "
    "village town road bridge castle farm market park school church library kitchen station museum street"
)
"""Places that a sentence can be set in."""

IDEAS: tuple[str, ...] = _split(
    "idea story plan question answer dream problem reason promise song game rule law word name lesson secret mistake "
    "journey change choice"
)
"""Things that can be counted but not touched."""

FOODS: tuple[str, ...] = _split("bread cheese milk butter rice soup cake tea coffee sugar salt honey fruit water")
"""Food, without articles."""

DESCRIPTIONS: tuple[str, ...] = _split("old new red blue small big strange beautiful heavy famous quiet little")
"""Adjectives that go with any noun of the lists above."""

THING_STATES: tuple[str, ...] = (
    "on the table",
    "in the box",
    "very old",
    "on the floor",
    "new",
    "broken",
    "in the drawer",
    "lost",
    "heavy",
    "missing",
    "ready",
    "clean",
    "near the door",
    "made of wood",
    "too small",
    "beautiful",
    "not here",
    "still there",
)
"""What can be said of a thing after a form of "to be"."""

PERSON_STATES: tuple[str, ...] = (
    "tired",
    "here",
    "happy",
    "very kind",
    "at home",
    "late",
    "hungry",
    "in the garden",
    "not here",
    "famous",
    "angry",
    "ready",
    "from London",
    "in the room",
    "still waiting",
    "busy",
    "walking home",
    "quiet",
)
"""What can be said of a person or an animal after a form of "to be"."""

SYLLABLES: tuple[str, ...] = _split("ba ko mi ra tel vor zan lu kin mar pol du shi fal no ti hal or jen sta lem")
"""Syllables of which invented names are made."""

JAPANESE_SUBJECTS: tuple[str, ...] = ("私", "彼", "彼女", "猫", "犬", "先生", "学生", "友達", "子供")
"""Subjects of the Japanese sentences."""

JAPANESE_OBJECTS: tuple[str, ...] = ("本", "水", "お茶", "ご飯", "魚", "花", "手紙", "写真", "音楽")
"""Objects of the Japanese sentences."""

JAPANESE_VERBS: tuple[str, ...] = ("読みます", "飲みます", "食べます", "見ます", "買います", "書きます", "聞きます")
"""Verbs of the Japanese sentences."""

EMOJI: tuple[tuple[str, str], ...] = (
    ("😀", "happy"),
    ("😂", "laughing"),
    ("🌸", "a flower"),
    ("🎉", "a party"),
    ("🚀", "a rocket"),
    ("🐱", "a cat"),
    ("🐶", "a dog"),
    ("🌍", "the world"),
    ("🔥", "fire"),
    ("🌙", "the moon"),
)
"""Emoji and what they stand for."""

_IRREGULAR: tuple[tuple[str, str], ...] = (
    ("mouse", "mice"),
    ("wolf", "wolves"),
    ("knife", "knives"),
    ("shelf", "shelves"),
    ("goose", "geese"),
)


def plural(noun: str) -> str:
    """Form the plural of a noun from the lists of this module.

    Args:
        noun: A singular noun.

    Returns:
        Its plural.
    """
    for singular, irregular in _IRREGULAR:
        if noun == singular:
            return irregular
    if noun.endswith(("s", "x", "ch", "sh")):
        return noun + "es"
    if noun.endswith("y") and noun[-2] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + "s"


def with_article(noun: str) -> str:
    """Put the indefinite article before a noun.

    Args:
        noun: A singular noun, possibly with adjectives before it.

    Returns:
        The noun with "a" or "an".
    """
    return ("an " if noun[0].lower() in "aeiou" else "a ") + noun
