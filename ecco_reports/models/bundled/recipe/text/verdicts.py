"""Ways of giving an opinion: sentences with slots for words of praise and blame."""

from typing import NamedTuple


class Template(NamedTuple):
    """A way of giving an opinion.

    Attributes:
        text: The sentence with slots: `{w}` the deciding opinion, `{s}` and `{o}` adjectives of the same and of the
            opposite polarity as `{w}`, and nouns and titles by their names. It has no full stop at its end.
        kind: Kind of the deciding word.
        is_negated: Whether the sentence says the opposite of its deciding word.
        weight: How often the template is used, in arbitrary units.
    """

    text: str
    kind: str
    is_negated: bool = False
    weight: float = 1.0


def _plain(kind: str, *texts: str, weight: float = 1.0) -> tuple[Template, ...]:
    return tuple(Template(text, kind, False, weight) for text in texts)


def _negated(kind: str, *texts: str, weight: float = 1.0) -> tuple[Template, ...]:
    return tuple(Template(text, kind, True, weight) for text in texts)


TEMPLATES: tuple[Template, ...] = (
    *_plain(
        "adjective",
        "{whole} is {very}{w}",
        "{part} is {very}{w}",
        "{part} was {very}{w}",
        "I found it {very}{w}",
        "I found {part} {very}{w}",
        "everything about it is {w}",
        "a {very}{w} {thing}",
        "what a {w} {thing}",
        "this is a {w} {thing} about a {person}",
        "{w} and {s}",
        "{w}, {s} and {s}",
        "a {w}, {s} {thing} about a {person} and a {animal}",
        "{whole} is {s}, and {part} is {w}",
        "{title} is a {w} {thing}",
        "{title} looks and sounds {w}",
        "it is the most {w} {thing} of the year",
        "with {part} so {w}, who needs a sequel",
        "{w} from the first minute to the last",
        "simply {w}",
        weight=1.4,
    ),
    *_plain(
        "adjective",
        "{part} is {o}, but {whole} is {w}",
        "{part} is {o}, but {part} is {w}",
        "although {part} is {o}, {whole} is {very}{w}",
        "{whole} is {o} at first, yet {very}{w} in the end",
        "I expected something {o}, but it is {w}",
        "it looks {o}, but it is {very}{w}",
        "{title} may be {o}, yet I found it {w}",
        "even though it is {o}, {whole} is {w}",
        "the (admittedly {o}) story is {very}{w}",
        weight=1.6,
    ),
    *_negated(
        "adjective",
        "{whole} is not {w}",
        "{whole} is not {w} at all",
        "not {w} at all",
        "{part} is not {w}",
        "{part} is never {w}",
        "it is never {w}",
        "never {w}, and never {s}",
        "nothing about it is {w}",
        "nothing about {part} is {w}",
        "there is nothing {w} about {part}",
        "{part} is far from {w}",
        "{whole} is anything but {w}",
        "{part} isn't {w}",
        "it wasn't {w}",
        "I did not find it {w}",
        "I don't think {whole} is {w}",
        "no one could call it {w}",
        "{part} is hardly {w}",
        "it is neither {w} nor {s}",
        "without being {w}, {title} tells of a {person}",
        "it is not {w}, it is not {s}, and it is not short",
        "not {w} but {o}",
        "never {w}, always {o}",
        weight=2.2,
    ),
    *_plain(
        "adjective",
        "not {o} but {w}",
        "never {o}, always {w}",
        "{part} is not {o}, it is {w}",
        "always {w}, never {o}",
        weight=1.2,
    ),
    *_plain(
        "noun",
        "{whole} is a {w}",
        "{title} is a {w}",
        "what a {w}",
        "it is a {w} from beginning to end",
        "{part} turns it into a {w}",
        "{part} is {o}, but {whole} is a {w}",
        "I call it a {w}",
    ),
    *_negated(
        "noun", "{whole} is not a {w}", "hardly a {w}", "it is no {w}", "{title} is anything but a {w}", weight=1.3
    ),
    *_plain(
        "film verb",
        "{whole} {w}",
        "{part} {w}",
        "{title} {w} in every scene",
        "{part} is {o}, but {whole} {w}",
        "although {part} is {o}, {whole} {w}",
        "I expected it to {hope}, and it {w}",
        "it never stops: it {w} and {w}",
    ),
    *_negated("film verb", "{whole} never {w}", "{part} never {w}", "it rarely {w}", weight=1.4),
    *_plain(
        "viewer verb",
        "I {w} {whole}",
        "I {w} {part}",
        "my {person} and I {w} every minute of it",
        "we all {w} {title}",
        "everyone in the room {w} it",
        "{part} is {o}, but I {w} it",
        "I {w} it more than I can say",
    ),
    *_plain("viewer base verb", "you will {w} it", "it is easy to {w} {whole}", "I {w} everything about it"),
    *_negated(
        "viewer base verb",
        "I did not {w} it",
        "I didn't {w} {part}",
        "you will not {w} it",
        "nobody could {w} {whole}",
        "it is hard to {w} such a {thing}",
        "I don't {w} {title}",
        weight=1.5,
    ),
    *_plain(
        "tendency",
        "I have a {w} for {genre}",
        "I have a {w} for {genre}, and I expected {title} to be like the book",
        "{part} shows a {w} for {genre}",
        "the director has a great {w} for {genre}",
        "my {w} for {genre} is well known",
        "after {title}, my {w} for {genre} grew",
        "{whole} left me with a {w} for {genre}",
        "I have a long {w} for {genre}; {fact}",
        "I have a {w} for {genre} and expected {title} to {hope}",
        "I have a strong {w} for {genre}. I did not expect {title} to {hope}",
        "I admit a {w} for {genre}, and I didn't expect it to {hope}",
        weight=1.5,
    ),
    *_negated("tendency", "I have no {w} for {genre}", "nobody with a {w} for {genre} made {title}", weight=1.2),
    *_plain(
        "manner",
        "it is {w} made",
        "{whole} is {w} acted",
        "a {w} written {thing}",
        "{part} is {o}, but the rest is {w} filmed",
        "{title} is {w} told",
    ),
    *_negated("manner", "{whole} is not {w} made", "it is never {w} acted"),
    *_plain(
        "feeling",
        "I left the cinema {w}",
        "{whole} left me {w}",
        "at the end I was {very}{w}",
        "{part} is {o}, but I was {w}",
        "we came home {w}",
    ),
    *_negated("feeling", "I was not {w}", "it did not leave me {w}"),
    *_plain(
        "effect",
        "{whole} {w}",
        "{part} {w}",
        "{title} {w}",
        "{part} is {o}, but {whole} {w}",
        "it {w}, and I {very}mean that",
        "I did not expect it, but {part} {w}",
        "{part} {w}, and {fact}",
        weight=1.3,
    ),
    *_plain("demand", "{w}", "{fact}; {w}", "{part} is {o}, but {w}", "{title}: {w}", "all I can say is: {w}"),
)
"""Sentences for training."""

NEW_TEMPLATES: tuple[Template, ...] = (
    *_plain(
        "adjective",
        "{part} of {title} is {w}",
        "how {w} this {thing} is",
        "the director made a {w} {thing} out of a {o} book",
        "I had hoped for a {thing} that is {o}, yet this one is {w}",
        "my {person} called {part} {w}, and so do I",
    ),
    *_negated("adjective", "I never found {part} {w}", "not one scene of {title} is {w}", "it isn't even {w}"),
    *_plain("noun", "for me, {title} was a {w}", "{part} makes this {thing} a {w}"),
    *_plain("viewer verb", "most of us {w} {part}", "I {w} every scene with the {animal}"),
    *_plain("tendency", "my {person} has a {w} for {genre}"),
    *_plain("manner", "{part} is {w} done"),
    *_plain("effect", "in the end, {part} {w}"),
)
"""Sentences that training never uses, for measuring how far a word carries."""
