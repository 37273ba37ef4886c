"""What passages tell: who did what with which thing, where and when, and the questions that can be asked about it."""

from types import MappingProxyType
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.text import words


class Verb(NamedTuple):
    """A verb for what a person does with a thing.

    Attributes:
        base: The form after "did".
        past: The past tense.
        participle: The form after "was".
    """

    base: str
    past: str
    participle: str


class Question(NamedTuple):
    """A question about one slot of a statement.

    Attributes:
        text: The question, with slots for what it names.
        asks: The slot that is the answer.
    """

    text: str
    asks: str


class Scene(NamedTuple):
    """One kind of statement and what can be asked about it.

    Attributes:
        name: Name of the kind, as the evaluation reports it.
        statements: Sentences for training, with slots.
        new_statements: Sentences that training never uses.
        questions: Questions; one fits a statement that fills all its slots.
        weight: How often the kind is used, in arbitrary units.
    """

    name: str
    statements: tuple[str, ...]
    new_statements: tuple[str, ...]
    questions: tuple[Question, ...]
    weight: float


def _split(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _verbs(text: str) -> tuple[Verb, ...]:
    return tuple(Verb(*forms.strip().split(" ")) for forms in text.split(";"))


VERBS: tuple[Verb, ...] = _verbs(
    "buy bought bought; find found found; lose lost lost; sell sold sold; paint painted painted; hide hid hidden; "
    "carry carried carried; clean cleaned cleaned; drop dropped dropped; repair repaired repaired; "
    "forget forgot forgotten; take took taken"
)
"""What a person does with a thing."""

PLACES: tuple[str, ...] = _split(
    "kitchen garden library school market station museum park church harbor forest village castle attic cellar office "
    "theater hotel bakery barn"
)
"""Places that are named after "in the"."""

THINGS: tuple[str, ...] = _split(
    "lamp key ring book clock chair coat hat map guitar mirror bottle knife bell coin basket blanket ticket letter "
    "painting drum bag cup box ladder phone camera vase candle umbrella"
)
"""Things that a person can own and move."""

COLORS: tuple[str, ...] = _split("red blue green white black brown gray pink purple golden")
"""Colors of things."""

DAYS: tuple[str, ...] = _split("Monday Tuesday Wednesday Thursday Friday Saturday Sunday")
"""Days on which something happens."""

CITIES: tuple[str, ...] = _split(
    "London Paris Rome Berlin Madrid Vienna Oslo Lisbon Athens Dublin Prague Warsaw Boston Chicago Tokyo Cairo"
)
"""Cities that a person lives in."""

JOBS: tuple[str, ...] = _split(
    "teacher doctor nurse farmer baker painter singer pilot sailor lawyer driver dancer poet gardener cook judge"
)
"""What a person works as."""

FOODS: tuple[str, ...] = _split("bread cheese soup rice cake fruit honey fish pasta salad pie butter corn")
"""What a person eats."""

SLOTS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "person": words.NAMES,
        "other": words.NAMES,
        "thing": THINGS,
        "place": PLACES,
        "color": COLORS,
        "day": DAYS,
        "city": CITIES,
        "job": JOBS,
        "food": FOODS,
    }
)
"""What can fill a slot; verbs are filled from `VERBS`."""

SCENES: tuple[Scene, ...] = (
    Scene(
        "deed",
        (
            "{person} {past} the {thing}.",
            "{person} {past} the {thing} in the {place}.",
            "In the {place}, {person} {past} the {thing}.",
            "{person} {past} the {thing} on {day}.",
            "On {day}, {person} {past} the {thing}.",
            "{person} {past} the {color} {thing}.",
            "The {thing} was {participle} by {person}.",
            "On {day}, {person} {past} the {thing} in the {place}.",
        ),
        ("It was {person} who {past} the {thing}.", "In the {place}, on {day}, {person} {past} the {thing}."),
        (
            Question("Who {past} the {thing}?", "person"),
            Question("What did {person} {base}?", "thing"),
            Question("Where did {person} {base} the {thing}?", "place"),
            Question("When did {person} {base} the {thing}?", "day"),
            Question("What color is the {thing}?", "color"),
        ),
        10,
    ),
    Scene(
        "trip",
        (
            "{person} went to the {place}.",
            "{person} went to the {place} on {day}.",
            "On {day}, {person} walked to the {place}.",
            "{person} walked to the {place}.",
        ),
        ("It was {person} who went to the {place}.",),
        (
            Question("Who went to the {place}?", "person"),
            Question("Where did {person} go?", "place"),
            Question("When did {person} go to the {place}?", "day"),
        ),
        5,
    ),
    Scene(
        "gift",
        ("{person} gave the {thing} to {other}.", "{person} gave {other} the {thing}."),
        ("To {other}, {person} gave the {thing}.",),
        (
            Question("Who gave the {thing} away?", "person"),
            Question("Who got the {thing}?", "other"),
            Question("What did {person} give to {other}?", "thing"),
        ),
        4,
    ),
    Scene(
        "whereabouts",
        ("The {thing} is in the {place}.", "In the {place} is the {thing}.", "The {color} {thing} is in the {place}."),
        ("The {thing} stands in the {place}.",),
        (
            Question("Where is the {thing}?", "place"),
            Question("What is in the {place}?", "thing"),
            Question("What color is the {thing}?", "color"),
        ),
        4,
    ),
    Scene(
        "color",
        ("The {thing} is {color}.", "{person} has a {color} {thing}.", "The {thing} of {person} is {color}."),
        ("The color of the {thing} is {color}.",),
        (
            Question("What color is the {thing}?", "color"),
            Question("Which thing is {color}?", "thing"),
            Question("Who has the {thing}?", "person"),
        ),
        3,
    ),
    Scene(
        "home",
        ("{person} lives in {city}.", "{person} comes from {city}.", "The home of {person} is in {city}."),
        ("In {city} lives {person}.",),
        (Question("Where does {person} live?", "city"), Question("Who lives in {city}?", "person")),
        3,
    ),
    Scene(
        "work",
        ("{person} is a {job}.", "{person} works as a {job}.", "The {job} is {person}."),
        ("The name of the {job} is {person}.",),
        (Question("Who is the {job}?", "person"), Question("What is the job of {person}?", "job")),
        3,
    ),
    Scene(
        "meal",
        ("{person} eats {food}.", "{person} eats {food} on {day}.", "On {day}, {person} eats {food}."),
        ("It is {person} who eats {food}.",),
        (
            Question("Who eats {food}?", "person"),
            Question("What does {person} eat?", "food"),
            Question("When does {person} eat {food}?", "day"),
        ),
        3,
    ),
)
"""Everything that a passage can tell."""
