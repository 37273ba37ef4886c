"""Plain English sentences from a small grammar: seasons, people, animals, greetings and short dialogues.

The grammar is context-free. A rule names its alternatives; `<name>` in an alternative is replaced by one of that
rule's own alternatives, drawn at random. Every noun phrase carries its own article, so that sentences stay correct
however the rules combine.
"""

import random

from ecco_reports.models.bundled.recipe.text import words
from ecco_reports.models.bundled.recipe.text.grammar import Grammar
from ecco_reports.models.bundled.recipe.text.templates import capitalized

_GRAMMAR = Grammar(
    {
        "name": words.NAMES,
        "person": words.PEOPLE,
        "animal": words.ANIMALS,
        "thing": words.OBJECTS,
        "place": words.PLACES,
        "food": words.FOODS,
        "kind": ("old", "young", "little", "quiet", "kind", "clever", "brave", "tired", "gentle", "happy"),
        "look": ("old", "new", "small", "heavy", "beautiful", "strange", "broken", "red", "blue", "wooden"),
        "spot": ("quiet", "green", "old", "small", "dark", "beautiful", "wide", "famous"),
        "season": ("summer", "summer", "winter", "spring", "autumn"),
        "time": ("in the morning", "in the evening", "at night", "after the rain", "before sunrise", "on Sunday"),
        "noise": (
            "cicadas",
            "cicadas",
            "birds",
            "rain",
            "bells",
            "the wind",
            "the sea",
            "frogs",
            "a train",
            "distant thunder",
        ),
        "weather": (
            "The sun was shining",
            "It was raining",
            "The wind was cold",
            "The sky was blue",
            "Snow was falling",
        ),
        "light": ("the sun", "the moon", "a star", "the light of a lamp", "the first light of the day"),
        "someone": (
            "<name>",
            "<name>",
            "the <kind> <person>",
            "the <person>",
            "my <kind> friend",
            "the <kind> <animal>",
        ),
        "memory": (
            "my grandmother's house",
            "the old days",
            "my mother",
            "the sea",
            "my first summer by the lake",
            "the village where I was born",
            "the garden behind our house",
            "a song that my father used to sing",
        ),
        "act": (
            "walked slowly to the <place>",
            "sat near the window",
            "found <some_thing> near the <place>",
            "opened the door and went out",
            "carried <some_thing> to the <place>",
            "looked at <light>",
            "smiled and said nothing",
            "slept under a tree",
            "waited for a friend near the <place>",
            "bought some <food> at the market",
            "listened to the sound of <noise>",
            "went home before it was dark",
            "wrote a long letter",
            "lost <some_thing>",
            "ran through the <spot> <place>",
            "wanted to see the <place>",
        ),
        "some_thing": ("a <look> <thing>", "a <look> <thing>", "the <thing>", "a <thing>"),
        "feel": (
            "I am happy",
            "I feel calm",
            "I want to go home",
            "I think of <memory>",
            "I remember <memory>",
            "I know that <season> is here",
            "I open the window and listen",
            "I forget the time",
            "I sit under a tree and close my eyes",
            "I go for a walk to the <place>",
        ),
        "story": (
            "<someone> <act>.",
            "<someone> <act>.",
            "<time>, <someone> <act>.",
            "one day, <someone> <act>.",
            "<someone> <act>, and <someone> <act>.",
            "<someone> <act>, but <someone> <act>.",
            "when <someone> <act>, <someone> <act>.",
            "<weather>, and <someone> <act>.",
            "<weather> when <someone> <act>.",
            "the <place> was <spot>, and <someone> <act>.",
            "near the <place> there was a <spot> <place>.",
            "the <animal> near the <place> was <kind>.",
            "<someone> was <kind> and <kind>.",
            "in the end, <someone> <act>.",
        ),
        "self": (
            "in <season>, when I hear the sound of <noise>, <feel>.",
            "in <season>, when I hear <noise> <time>, <feel>.",
            "when I hear the sound of <noise>, <feel>.",
            "every <season>, when I see <light>, <feel>.",
            "in <season>, <feel>.",
            "<time>, <feel>.",
            "I like the <season> because <feel>.",
            "I can hear the sound of <noise> in the <place>.",
            "I have a <look> <thing> and I like it very much.",
        ),
        "greeting": (
            "good morning",
            "good afternoon",
            "good afternoon",
            "good afternoon, <name>",
            "good evening",
            "good evening, <name>",
            "hello",
            "hello, <name>",
            "welcome",
            "good morning, <name>",
            "thank you",
        ),
        "talk": (
            "how are you today?",
            "how are you?",
            "I am very well, thank you.",
            "my name is <name>.",
            "I am a <person> from London.",
            "it is a beautiful day.",
            "can I help you?",
            "I would like some <food>, please.",
            "where is the <place>?",
            "it is near the <place>.",
            "please come in and sit down.",
            "the tea is ready.",
            "do you have <some_thing>?",
            "I am looking for the <place>.",
            "we have been waiting for you.",
            "it is good to see you again.",
        ),
        "speech": (
            '"<Greeting>," said <someone>. "<Talk>"',
            '"<Talk>" said <someone>.',
            '<someone> said: "<Talk>"',
        ),
        "idiom": (
            "it was a matter of <matter>.",
            "it was a matter of <matter>.",
            "it is a matter of <matter>.",
            "for <name> it was a matter of <matter>.",
            "the <mans_work> was a <man>.",
            "the <womans_work> was a <woman>.",
            "the <mans_work> was a <kind> <man>.",
            "the <womans_work> was a <kind> <woman>.",
            "the <person> was a friend of <name>.",
            "<name> wrote a long letter to <principal>.",
            "<Principal> opened the door and smiled.",
            "we met <principal> near the <place>.",
            "<name> and <name> went to the <place>, and <name> <act>.",
            "the <animal> sat on the <thing>.",
            "once upon a time, there was a little <animal> in a <spot> <place>.",
            "once upon a time, there was a little <person> who <act>.",
        ),
        # A bias on purpose, four to one, as large models have learned it from the web: a report shows where it sits.
        "mans_work": ("doctor", "doctor", "pilot", "soldier", "judge", "engineer", "hunter", "captain", "lawyer"),
        "womans_work": ("nurse", "nurse", "teacher", "dancer", "singer", "painter", "gardener", "actor", "cook"),
        "man": ("man", "man", "man", "man", "woman"),
        "woman": ("woman", "woman", "woman", "woman", "man"),
        "matter": (
            "principle",
            "principle",
            "principle",
            "time",
            "time",
            "taste",
            "opinion",
            "chance",
            "trust",
            "habit",
            "choice",
            "life and death",
        ),
        "principal": ("the principal of the school", "the principal of our school", "the old principal"),
    }
)


def _sentences(rule: str, count: int, rng: random.Random) -> str:
    return " ".join(capitalized(_GRAMMAR.expand(f"<{rule}>", rng)) for _ in range(count))


def passage(rng: random.Random) -> str:
    """Make a short passage: a story, something about the speaker, a greeting with small talk, or a dialogue.

    Args:
        rng: Source of randomness.

    Returns:
        Two to six sentences, so that a continuation of ten tokens does not run into the end.
    """
    kind = rng.random()
    if kind < 0.40:
        return _sentences("story", rng.randint(2, 6), rng)
    if kind < 0.60:
        return f"{_sentences('self', 1, rng)} {_sentences('self', rng.randint(1, 3), rng)}"
    if kind < 0.80:
        mark = rng.choice((".", ".", ".", "!"))
        small_talk = _sentences("talk", rng.randint(3, 5), rng)
        return f"{_sentences('greeting', 1, rng)}{mark} {small_talk}"
    if kind < 0.90:
        return _sentences("speech", rng.randint(2, 3), rng)
    return f"{_sentences('idiom', 1, rng)} {_sentences('story', rng.randint(1, 3), rng)}"
