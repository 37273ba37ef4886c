"""Words that compete at a place: which ones, where, and which of them overtakes which at what layer.

In: words and numbers from YAML; ranks by layer. Out: numbers of outcomes, problems, and sentences.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Field

from ecco_reports.analyses.layers import layer_in_words
from ecco_reports.analyses.preflight import FoundProblem, Path, outcome_of, outcome_problems
from ecco_reports.analyses.voice import numbered, place_name, said, share
from ecco_reports.models.base import LanguageModel, ModelFacts
from ecco_reports.records import Family, Passage, Prompt, Token, joined_text

Watched: TypeAlias = str | Annotated[int, Field(ge=0)]
"""A token by its text (with its leading space), a class by its name, or either by its number."""

TITLE_LETTERS = 60
"""How much of a prompt stands in a title."""


def watch_problems(words: Sequence[Watched], path: str, facts: ModelFacts) -> Iterator[FoundProblem]:
    """Watched texts that are not one token, classes that do not exist, and words that are there twice."""
    known: dict[int, Watched] = {}
    for index, word in enumerate(words):
        found = list(_problems(word, (path, index), facts))
        yield from found
        if found or (facts.tokenize is None and isinstance(word, str)):
            continue
        number = number_of(word, facts)
        if number in known:
            yield (path, index), f"{word!r} is watched already, as {known[number]!r}.", "Leave one of them out."
        known.setdefault(number, word)


def _problems(word: Watched, path: Path, facts: ModelFacts) -> Iterator[FoundProblem]:
    if isinstance(word, str):
        yield from outcome_problems(word, path, facts)
    elif facts.family is Family.CLASSIFICATION and word >= len(facts.labels):
        what = f"there is no class {word}: this model has {len(facts.labels)}."
        yield path, what, f"Write 0 to {len(facts.labels) - 1}, or the name of a class."


def number_of(word: Watched, facts: ModelFacts) -> int:
    """The number of a watched word among all that the model could say at one place."""
    if isinstance(word, int):
        return word
    assert facts.tokenize is not None
    return outcome_of(word, facts, facts.tokenize)


def asked_about(model: LanguageModel, prompt: Prompt) -> list[int]:
    """The numbers of the prompt's own target and foil, as far as it has them."""
    words = [word for word in (prompt.target, prompt.foil) if word is not None]
    return list(dict.fromkeys(outcome_of(word, model.facts, model.tokenizer) for word in words))


def favourites(best: np.ndarray, asked: Sequence[int], top_k: int) -> list[int]:
    """The outcomes worth watching at a place where none were named.

    These are the ones the prompt asks about, then each layer's first choice from the last layer downwards, then what
    else the last layer favours.

    Args:
        best: The most probable outcomes, ``[state, k]``.
        asked: Those that are watched in any case.
        top_k: How many to watch besides.
    """
    chosen = dict.fromkeys([*best[::-1, 0].tolist(), *best[-1].tolist()])
    others = [number for number in chosen if number not in asked]
    return [*asked, *others[:top_k]]


def labels_of(passage: Passage, tokens: Sequence[Token], numbers: Sequence[int]) -> list[str]:
    """Labels of what is watched; equal ones are told apart by their numbers."""
    if passage.family is Family.QUESTION_ANSWERING:
        return [numbered(passage, number) for number in numbers]
    labels = [said(passage, token) for token in tokens]
    times = Counter(labels)
    return [f"{label} #{number}" if times[label] > 1 else label for label, number in zip(labels, numbers, strict=True)]


def where(passage: Passage, place: int) -> str:
    """Where watched words compete, in a sentence."""
    match passage.family:
        case Family.CLASSIFICATION:
            return "for the whole text"
        case Family.QUESTION_ANSWERING:
            return f"as the {place_name(passage, place)} of the answer"
        case Family.ENCODER_DECODER if place == passage.prompt_length - 1:
            return "as the first token that the decoder writes"
        case Family.MASKED:
            return f"in the place of “{passage.tokens[place].word}” (position {place})"
        case _:
            return f"right after “{passage.tokens[place].word}” (position {place})"


def context(passage: Passage, place: int) -> str:
    """The text that the model has before its eyes at a place, for a title; of a long one the end."""
    tokens: Sequence[Token] = passage.tokens
    if passage.family is Family.CAUSAL:
        tokens = passage.tokens[: place + 1]
    elif passage.family is Family.ENCODER_DECODER:
        written = joined_text(
            [token for token in passage.tokens[passage.encoder_length : place + 1] if not token.special]
        )
        read = _end_of(joined_text([token for token in passage.tokens[: passage.encoder_length] if not token.special]))
        return f"{read} → {_end_of(written)}" if written else read
    kept = [token for token in tokens if not token.special or (passage.family is Family.MASKED and token.span)]
    return _end_of(joined_text(kept))


def _end_of(text: str) -> str:
    text = " ".join(text.split())
    return (
        text if len(text) <= TITLE_LETTERS else f"…{text[-TITLE_LETTERS:].partition(' ')[2] or text[-TITLE_LETTERS:]}"
    )


def overtaking(ranks: np.ndarray, first: int, second: int) -> int | None:
    """The first row from which one column is ahead of another and stays it, or None.

    Args:
        ranks: ``[state, token]``.
        first: The column that is ahead.
        second: The one it leaves behind.
    """
    behind = np.flatnonzero(ranks[:, first] >= ranks[:, second])
    if behind.size == 0:
        return 0
    return None if behind[-1] == len(ranks) - 1 else int(behind[-1]) + 1


def verdict(words: Sequence[str], ranks: np.ndarray, probabilities: np.ndarray, states: Sequence[int]) -> str:
    """Who wins, and where the winner overtook the runner-up; a sentence.

    Args:
        words: What competes.
        ranks: ``[state, token]``.
        probabilities: ``[state, token]``.
        states: The states of the rows.
    """
    order = np.lexsort((-probabilities[-1], ranks[-1]))
    best = int(order[0])
    first = f"“{words[best]}”"
    ends = f"rank {ranks[-1, best]:,} (probability {share(probabilities[-1, best])})"
    top = layer_in_words(states[-1])
    if len(words) == 1:
        return f"{first} goes from rank {ranks[0, 0]:,} at {layer_in_words(states[0])} to {ends} at {top}."
    rival = int(order[1])
    second = f"“{words[rival]}”"
    row = overtaking(ranks, best, rival)
    level = f"{first} and {second} end level at {top}"
    how = (
        level
        if row is None
        else f"{first} is ahead of {second} at every layer"
        if row == 0
        else f"{first} overtakes {second} {'in' if states[row] else 'at'} {layer_in_words(states[row])} and stays ahead"
    )
    beaten = f"{second} at rank {ranks[-1, rival]:,} (probability {share(probabilities[-1, rival])})"
    return f"{how}; it ends at {ends}, {beaten}."
