"""What is explained about a prompt: what the model said, and what its author asks about.

In: a prompt and how a model read it. Out: targets as a reader sees them, from which the numeric ones follow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

from ecco_reports.analyses.preflight import outcome_of
from ecco_reports.analyses.units import runs_named
from ecco_reports.models.base import Capability, LanguageModel
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family, Prompt, Record, Token, joined_text

Choice: TypeAlias = Literal["all", "generated", "given"]
Kind: TypeAlias = Literal["next", "mask", "class", "start", "end", "span"]

_KINDS: dict[Family, Kind] = {Family.MASKED: "mask", Family.CLASSIFICATION: "class"}
"""What a model says of its own; what is not named here writes on."""
_ENDS: dict[Kind, str] = {"start": "start", "end": "end", "span": "answer"}


class Explained(Record):
    """A target as a reader sees it.

    Attributes:
        kind: What was said: the next token, the token at a mask, a class, the start or the end of an answer, or the
            whole of it, whose score is that of its start and that of its end together.
        token: What is explained.
        foil: What it is compared with, or None.
        place: Where the model said it, as ``Reading`` counts places.
        outcome: Its number among everything that could have been said there; -1 where a server does not tell it.
        foil_outcome: That of the foil.
        said: Which of the things the model said the token is, from 0; None where it is none of them.
        position: The token of the text to choose it by, or None where it is not in the text.
        after: The last position it can depend on.
        end: Of a whole answer, the outcome at the other place, its end; ``outcome`` is its start. Else None.
        foil_end: That of the foil.
    """

    kind: Kind = "next"
    token: Token
    foil: Token | None = None
    place: int
    outcome: int
    foil_outcome: int | None = None
    said: int | None = None
    position: int | None
    after: int
    end: int | None = None
    foil_end: int | None = None

    @property
    def label(self) -> str:
        """Its name on axes and buttons: ``·Tokyo``, or ``Tokyo rather than Paris``."""
        if self.foil is not None:
            return f"{self.token.word} rather than {self.foil.word}"
        name = _ENDS.get(self.kind)
        return self.token.label if name is None else f"{name}: {self.token.label}"

    @property
    def word(self) -> str:
        """Its name in a sentence: “Tokyo” rather than “Paris”."""
        return f"“{self.token.word}”" if self.foil is None else f"“{self.token.word}” rather than “{self.foil.word}”"

    @property
    def phrase(self) -> str:
        """What it is, in a sentence: the prediction “Tokyo”."""
        match self.kind:
            case "mask":
                return f"{self.word} at the mask"
            case "class":
                return f"the class {self.word}"
            case "span":
                return f"the answer {self.word}"
            case "start" | "end":
                return f"the answer's {self.kind} at {self.word}"
        return f"the prediction {self.word}"


def explained_of(prompt: Prompt, choice: Choice, reading: Reading, model: LanguageModel) -> tuple[Explained, ...]:
    """The targets asked for: the prompt's own one first, then everything the model said.

    A given target that the model said itself, at the place in question, is not said twice.
    """
    if reading.family is Family.QUESTION_ANSWERING:
        return tuple(_answers(prompt, choice, reading))
    found: list[Explained] = []
    given = None if choice == "generated" else _given(prompt, reading, model)
    if given is not None and (given.foil is not None or choice == "given" or given.said is None):
        found.append(given)
    if choice != "given":
        kind = _KINDS.get(reading.family, "next")
        found += [
            Explained(
                kind=kind,
                token=spoken.token,
                place=spoken.place,
                outcome=spoken.outcome,
                said=index,
                position=spoken.position,
                after=reading.reach(spoken.place),
            )
            for index, spoken in enumerate(reading.spoken)
        ]
    return tuple(found)


def answer_span(tokens: Sequence[Token], answer: str) -> range | None:
    """The first place of a passage where tokens spell an answer: in the second of two texts, if there are two."""
    paired = any(token.second for token in tokens)
    runs = runs_named(tokens, answer)
    return next((run for run in runs if all(_may_answer(tokens[at], paired) for at in run)), None)


def _may_answer(token: Token, paired: bool) -> bool:
    return not token.special and token.second >= paired


def _answers(prompt: Prompt, choice: Choice, reading: Reading) -> Iterator[Explained]:
    """The answers asked for, each as a whole, then its start and its end: the prompt's own one before the model's."""
    tokens = reading.passage.tokens
    own = tuple(spoken.outcome for spoken in reading.spoken)
    named, foil = (None if word is None else answer_span(tokens, word) for word in (prompt.target, prompt.foil))
    if named is not None and choice != "generated":
        ends = (named[0], named[-1])
        if foil is not None or choice == "given" or ends != own:
            yield _whole(reading, ends, None if foil is None else (foil[0], foil[-1]))
        if choice == "given" or ends != own:
            yield from _both_ends(reading, ends, ends == own)
    if own and choice != "given":
        yield _whole(reading, (own[0], own[1]), None)
        yield from _both_ends(reading, (own[0], own[1]), True)


def _whole(reading: Reading, ends: tuple[int, int], foil: tuple[int, int] | None) -> Explained:
    """An answer from its start to its end."""
    tokens = reading.passage.tokens

    def span(first: int, last: int) -> Token:
        return Token(id=-1, text=joined_text(tokens[first : last + 1]).strip())

    return Explained(
        kind="span",
        token=span(*ends),
        foil=None if foil is None else span(*foil),
        place=0,
        outcome=ends[0],
        foil_outcome=None if foil is None else foil[0],
        end=ends[1],
        foil_end=None if foil is None else foil[1],
        # The start and the end of an answer may be one token, by which only one of them could be chosen.
        position=None,
        after=reading.reach(0),
    )


def _both_ends(reading: Reading, ends: tuple[int, int], said: bool) -> Iterator[Explained]:
    """The start and the end of an answer by themselves."""
    kinds: tuple[Kind, Kind] = ("start", "end")
    for place, (kind, at) in enumerate(zip(kinds, ends, strict=True)):
        yield Explained(
            kind=kind,
            token=reading.passage.tokens[at],
            place=place,
            outcome=at,
            said=place if said else None,
            position=None,
            after=reading.reach(place),
        )


def _given(prompt: Prompt, reading: Reading, model: LanguageModel) -> Explained | None:
    """The prompt's own target against its foil, or None where there is none or the text has no place for it."""
    kind = _KINDS.get(reading.family, "next")
    nowhere = kind == "mask" and not reading.spoken
    if prompt.target is None or nowhere:
        return None
    place, words = reading.question, [prompt.target, *([] if prompt.foil is None else [prompt.foil])]
    if Capability.LOGITS in model.capabilities:
        numbers = [outcome_of(word, model.facts, model.tokenizer) for word in words]
        tokens = [model.outcome(reading, number) for number in numbers]
    else:
        # A server keeps the numbers of its tokens, and is only asked about what it said.
        numbers = [-1] * len(words)
        tokens = [Token(id=-1, text=word) for word in words]
    same = (
        index
        for index, spoken in enumerate(reading.spoken)
        if spoken.place == place and (spoken.outcome, spoken.token.text) == (numbers[0], tokens[0].text)
    )
    return Explained(
        kind=kind,
        token=tokens[0],
        foil=tokens[1] if len(tokens) > 1 else None,
        place=place,
        outcome=numbers[0],
        foil_outcome=numbers[1] if len(numbers) > 1 else None,
        said=next(same, None),
        position=None,
        after=reading.reach(place),
    )
