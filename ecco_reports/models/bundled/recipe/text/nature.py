"""A diary of walks: nature prose with adjectives, pronouns, verbs of perception and every mark of punctuation.

The words stand in lists by their class, and no word stands in two of them, so that the class of a word in a sentence
of this module is known without a parser.
"""

import random
from types import MappingProxyType

from ecco_reports.models.bundled.recipe.text import words
from ecco_reports.models.bundled.recipe.text.grammar import Grammar
from ecco_reports.models.bundled.recipe.text.templates import capitalized


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


PRONOUNS: tuple[str, ...] = _split("i you he she it we they me him us them")
"""Personal pronouns."""

DETERMINERS: tuple[str, ...] = _split("the a an this these every some no many two three my your his her its our their")
"""Words that open a noun phrase, possessives among them."""

CONJUNCTIONS: tuple[str, ...] = _split("and but or because so while when although if as that")
"""Words that join clauses or words."""

PREPOSITIONS: tuple[str, ...] = _split(
    "in on at under over near behind beside along across through above around between with from into without of to"
)
"""Words that tie a noun phrase to what stands before it."""

AUXILIARIES: tuple[str, ...] = _split(
    "is are am was were been has have had can could will would must should may might did do does not"
)
"""Forms of "to be", helping verbs, and the "not" that follows them."""

ADJECTIVES: tuple[str, ...] = _split(
    "small large tiny huge old young dark bright quiet loud cold warm wet dry green brown gray white black yellow "
    "golden purple narrow wide deep steep gentle wild strange beautiful lonely hungry slow quick soft rough heavy thin "
    "tall short silver red blue fresh sweet shy clear pale distant early late empty"
)
"""Adjectives of nature."""

PUNCTUATION: tuple[str, ...] = tuple('.,;:!?"-')
"""Marks."""

_ANIMALS: tuple[str, ...] = (
    *words.ANIMALS,
    *_split(
        "lizard hawk sparrow hare heron beetle butterfly dragonfly moth ant toad swallow squirrel hedgehog robin "
        "finch badger cricket grasshopper woodpecker salmon snail cicada gull bat"
    ),
)
_PLANTS: tuple[str, ...] = _split(
    "oak pine fern willow reed thistle bush flower tree leaf branch root daisy nettle vine stem seed nest feather log"
)
_PLACES: tuple[str, ...] = _split(
    "forest river mountain valley lake meadow hill shore beach island stream pond field garden cliff cave harbor "
    "village road bridge path trail ridge slope marsh wood hollow bank orchard fence"
)
_AIR: tuple[str, ...] = _split("wind rain mist fog snow storm light sun moon sky air grass moss water sand")
_HOURS: tuple[str, ...] = _split("morning evening night noon dawn dusk spring summer autumn winter")
_OTHER_NOUNS: tuple[str, ...] = _split("species edge voice sound smell")

NOUNS: tuple[str, ...] = (
    *_ANIMALS,
    *_PLANTS,
    *_PLACES,
    *_AIR,
    *_HOURS,
    *_OTHER_NOUNS,
    *(words.plural(noun) if noun != "leaf" else "leaves" for noun in (*_ANIMALS, *_PLANTS, *_PLACES)),
)
"""Nouns of nature, singular and plural."""

_SENSED: tuple[str, ...] = _split(
    "saw heard noticed watched smelled felt followed remembered liked loved found counted touched drew"
)
_SENSING: tuple[str, ...] = _split(
    "seen heard noticed watched smelled felt followed remembered liked loved found counted touched drawn"
)
_SENSE: tuple[str, ...] = _split("see hear notice watch feel follow remember like love find count touch draw")
_MOVED: tuple[str, ...] = _split(
    "flew walked ran swam crawled jumped climbed rested slept waited sang called turned danced vanished"
)
_MOVE: tuple[str, ...] = _split("fly walk run swim crawl jump climb rest sleep wait sing call turn dance vanish")
_MOVING: tuple[str, ...] = _split(
    "flying walking running swimming crawling jumping climbing resting sleeping waiting singing calling turning moving"
)
_SAID: tuple[str, ...] = _split("said asked whispered answered thought wrote")

VERBS: tuple[str, ...] = (
    *_SENSED,
    *_SENSING,
    *_SENSE,
    *_MOVED,
    *_MOVE,
    *_MOVING,
    *_SAID,
    *_split("looked seemed listened"),
)
"""Full verbs, verbs of perception among them."""

WORD_CLASSES: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "punctuation": PUNCTUATION,
        "pronoun": PRONOUNS,
        "determiner": DETERMINERS,
        "be or auxiliary": AUXILIARIES,
        "preposition": PREPOSITIONS,
        "noun": NOUNS,
        "adjective": ADJECTIVES,
        "verb": VERBS,
        "conjunction": CONJUNCTIONS,
    }
)
"""Words in lower case by their class; no word stands in two classes."""

_GRAMMAR = Grammar(
    {
        "animal": _ANIMALS,
        "animals": tuple(words.plural(noun) for noun in _ANIMALS),
        "plant": _PLANTS,
        "plants": tuple(words.plural(noun) if noun != "leaf" else "leaves" for noun in _PLANTS),
        "spot": _PLACES,
        "spots": tuple(words.plural(noun) for noun in _PLACES),
        "air": _AIR,
        "hour": _HOURS,
        "adj": ADJECTIVES,
        "tied": _split("in on under over near behind beside along across through above around from into"),
        "who": _split("I I you he she it we we they they"),
        "whom": _split("me you him her it us them"),
        "they_are": ("I am", "you are", "he is", "she is", "it is", "we are", "they are"),
        "they_were": ("I was", "you were", "he was", "she was", "it was", "we were", "they were"),
        "they_have": ("I have", "you have", "he has", "she has", "it has", "we have", "they have"),
        "may": _split("can could will would must should may might"),
        "one_det": _split("the the the the a a a this every my his her our their its your"),
        "many_det": _split("the the the these some many two three my his her our their no"),
        "thing": ("<animal>", "<animal>", "<plant>", "<spot>"),
        "things": ("<animals>", "<animals>", "<plants>", "<spots>"),
        "one": (
            "<one_det> <thing>",
            "<one_det> <adj> <thing>",
            "<one_det> <adj> <thing>",
            "<one_det> <adj>, <adj> <thing>",
            "the <air>",
            "the <adj> <air>",
            "the sound of the <air>",
            "the voice of <one_det> <animal>",
        ),
        "some": ("<many_det> <things>", "<many_det> <adj> <things>", "<many_det> <adj> and <adj> <things>"),
        "any": ("<one>", "<one>", "<some>"),
        "where": (
            "<tied> the <spot>",
            "<tied> the <adj> <spot>",
            "<tied> <one_det> <plant>",
            "at the edge of the <spot>",
            "between the <plants>",
            "with the <air>",
            "without a sound",
            "to the <spot>",
        ),
        "since": ("in the <hour>", "at <hour>", "in <hour>", "in the early <hour>", "one <adj> <hour>"),
        "sensed": _SENSED,
        "sense": _SENSE,
        "have_sensed": _SENSING,
        "moved": _MOVED,
        "move": _MOVE,
        "moving": _MOVING,
        "said": _SAID,
        "join": _split("and and but because so while when although as"),
        "past": (
            "<who> <sensed> <any>",
            "<who> <sensed> <any>",
            "<who> <sensed> <any> <where>",
            "<who> <moved> <where>",
            "<any> <moved> <where>",
            "<any> <moved>",
            "<one> was <adj>",
            "<some> were <adj>",
            "<they_were> <adj>",
            "<they_were> <moving> <where>",
            "<one> was <moving> <where>",
            "<some> were <moving> <where>",
            "<who> could not <sense> <any>",
            "<who> did not <sense> <whom>",
            "<who> had <have_sensed> <whom> <where>",
            "<who> listened to <any>",
            "<who> looked at <any>",
            "<one> seemed <adj>",
            "<some> seemed <adj> and <adj>",
            "<who> <sensed> that <one> was <adj>",
        ),
        "present": (
            "<they_are> <adj>",
            "<they_are> <moving> <where>",
            "<they_have> <have_sensed> <any>",
            "<who> <may> <sense> <any>",
            "<who> <may> <sense> <any> <where>",
            "<who> <may> <move> <where>",
            "<who> <may> not <sense> <whom>",
            "<one> is <adj>",
            "<one> is not <adj>",
            "<some> are <adj>",
            "<one> is <moving> <where>",
            "<some> are <moving> <where>",
            "<some> <move> <where>",
            "<one> may be <adj>",
            "<any> <may> <move> <where>",
        ),
        "clause": ("<past>", "<past>", "<present>"),
        "question": (
            "did you <sense> <any>?",
            "can you <sense> <any> <where>?",
            "is <one> <adj>?",
            "are <some> <adj> or <adj>?",
            "was <one> <moving> <where>?",
            "where are <some>?",
            "what did <who> <sense> <where>?",
            "do <some> <move> <since>?",
            "why is <one> so <adj>?",
        ),
        "exclamation": (
            "what a <adj> <thing>!",
            "how <adj> <they_were>!",
            "how <adj> <one> is!",
            "look, <some>!",
            "listen: <one>!",
            "<past>!",
            "no <air>, no <air>!",
        ),
        "statement": (
            "<past>.",
            "<past>.",
            "<present>.",
            "<past>, and <past>.",
            "<past>, but <past>.",
            "<present>, and <present>.",
            "<past> <join> <past>.",
            "<present> <join> <present>.",
            "<past>; <past>.",
            "<present>; <present>.",
            "<past>: <past>.",
            "<since>, <past>.",
            "<since> <past>.",
            "when <past>, <past>.",
            "if <present>, <present>.",
            "although <past>, <past>.",
            "because <past>, <past>.",
            "<past> - <past>.",
            "<one> - <adj>, <adj> and <adj> - <moved> <where>.",
            "<some> - two or three - were <moving> <where>.",
            "<who> <sensed> <any>, <any>, and <any>.",
            "<who> <sensed> <adj> <things>, <adj> <things>, and <one>.",
            "<past>: <any>, <any> or <any>.",
            "other species <who> <sensed> <where> were <adj> <animals> and <adj> <animals>.",
            "<since>, <some> and <some> <moved> <where>.",
            "there was <one> <where>, and <they_were> <adj>.",
            "there were <some> <where>; <past>.",
            "the blue-green <animal> <moved> <where>.",
            "<one> was half-<adj>, half-<adj>.",
        ),
        "speech": (
            '"<Question>" <who> <said>.',
            '"<Present>," <who> <said>.',
            '"<Present>," <said> the <adj> <animal>.',
            '"<Exclamation>" <who> <said> <where>.',
            '<who> <said>: "<Present>."',
            '<who> <said>, "<Present>," and <who> <moved> <where>.',
            '"<Present>," <who> <said>, "and <present>."',
        ),
        "sentence": (*(("<statement>",) * 7), "<question>", "<exclamation>", "<speech>", "<speech>"),
    }
)


def sentence(rng: random.Random) -> str:
    """Write one sentence of the diary.

    Args:
        rng: Source of randomness.

    Returns:
        The sentence, with its last mark.
    """
    return capitalized(_GRAMMAR.expand("<sentence>", rng))


def passage(rng: random.Random, sentences: int) -> str:
    """Write an entry of the diary.

    Args:
        rng: Source of randomness.
        sentences: Number of sentences.

    Returns:
        The entry.
    """
    return " ".join(sentence(rng) for _ in range(sentences))
