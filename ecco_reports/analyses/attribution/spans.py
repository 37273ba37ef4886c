"""Which share of the reasons a part of the prompt holds, and which word holds most: what gates ask of a trace.

In: a trace, and words as a person writes them. Out: a share or a word. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ecco_reports.analyses.attribution.tracing import AttributionTrace, TracedMethod
from ecco_reports.analyses.traced_words import TracedWord
from ecco_reports.errors import SpanError

_GAP = "\x00"
"""Stands where the prompt has something that the attribution leaves out."""


def span_share(trace: AttributionTrace, span: str, method: str | None = None) -> float:
    """Which share of the reasons for the first output a part of the prompt holds.

    Counted are the magnitudes of the contributions of the prompt's words; a word counts as a whole if the span touches
    it, and where the prompt has the span more than once, all its places count.

    Args:
        trace: Of an attribution.
        span: A part of the prompt as it is written there, one word or several.
        method: Which method; None takes the first.

    Returns:
        0 to 1.

    Raises:
        SpanError: The prompt does not have the span, the method is not there, or there are no reasons.
    """
    sizes = _sizes(trace, method)
    return float(sizes[_required(trace, span)].sum() / sizes.sum())


def place_of(trace: AttributionTrace, span: str, method: str | None = None) -> int:
    """Which place a part of the prompt takes among its words: 1 where one of its words holds most of the reasons.

    Words are whole ones, whatever pieces the model reads them in, so that models with other vocabularies can be held
    against each other. The strongest word of the span counts, and equally strong ones share the better place.

    Args:
        trace: Of an attribution.
        span: A part of the prompt as it is written there, one word or several.
        method: Which method; None takes the first.

    Raises:
        SpanError: The prompt does not have the span, the method is not there, or there are no reasons.
    """
    sizes, touched = _sizes(trace, method), set(_required(trace, span))
    held = [(float(sizes[word].sum()), not touched.isdisjoint(word)) for word in _whole_words(trace.words)]
    best = max(size for size, asked in held if asked)
    return 1 + sum(size > best for size, _ in held)


def top_word(trace: AttributionTrace, method: str | None = None) -> str:
    """The whole word of the prompt that holds most of the reasons for the first output.

    Args:
        trace: Of an attribution.
        method: Which method; None takes the first.

    Raises:
        SpanError: The method is not there, or there are no reasons.
    """
    sizes = _sizes(trace, method)
    strongest = max(_whole_words(trace.words), key=lambda word: float(sizes[word].sum()))
    return "".join(trace.words[index].text for index in strongest).strip()


def _whole_words(words: Sequence[TracedWord]) -> list[list[int]]:
    """The pieces of each whole word, by their places."""
    found: list[list[int]] = []
    for index, word in enumerate(words):
        if not found or word.opens or word.second != words[index - 1].second:
            found.append([])
        found[-1].append(index)
    return found


def _required(trace: AttributionTrace, span: str) -> list[int]:
    """The words that a span touches, by their places.

    Raises:
        SpanError: There are none.
    """
    touched = sorted(set(_touched(trace.words, span.strip())))
    if not touched:
        read = " … ".join(text.replace(_GAP, "") for text in _texts(trace.words).values())
        raise SpanError(f"the attribution has no “{span.strip()}” among the words it explains by: “{read.strip()}”")
    return touched


def _sizes(trace: AttributionTrace, method: str | None) -> np.ndarray:
    """The magnitudes of a method for the first output, ``[word]``, not all of them 0."""
    chosen = _method(trace, method)
    if not trace.targets:
        raise SpanError("the attribution has nothing to explain: the model said nothing, and the prompt has no target")
    sizes: np.ndarray = np.abs(np.array(chosen.contributions[0], dtype=float))
    if not sizes.sum() > 0:
        raise SpanError(f"by {chosen.method} no word of the prompt moves {trace.targets[0].word}")
    return sizes


def _method(trace: AttributionTrace, name: str | None) -> TracedMethod:
    if not trace.methods:
        raise SpanError("the attribution has no method: none of those asked for can be done with this model")
    if name is None:
        return trace.methods[0]
    found = next((method for method in trace.methods if method.method == name), None)
    if found is None:
        there = ", ".join(method.method for method in trace.methods)
        raise SpanError(f"the attribution has no method {name}, only {there}")
    return found


def _touched(words: Sequence[TracedWord], span: str) -> list[int]:
    """The words that share a character with the span, which may stand in the text more than once.

    Raises:
        SpanError: There are none.
    """
    touched = sorted(set(_touching(words, span)))
    if not touched:
        read = " … ".join(text.replace(_GAP, "") for text in _texts(words).values())
        raise SpanError(f"the attribution has no “{span}” among the words it explains by: “{read.strip()}”")
    return touched


def _touching(words: Sequence[TracedWord], span: str) -> Iterator[int]:
    for second, text in _texts(words).items():
        at = text.find(span) if span else -1
        while at >= 0:
            for index, word in enumerate(words):
                blank = len(word.text) - len(word.text.lstrip())
                starts = max(word.begin, word.end - len(word.text) + blank)
                if word.second == second and starts < at + len(span) and word.end > at:
                    yield index
            at = text.find(span, at + 1)


def _texts(words: Sequence[TracedWord]) -> dict[bool, str]:
    """The texts of a prompt as far as its words tell them, each character at its place."""
    texts: dict[bool, list[str]] = {}
    for word in words:
        letters = texts.setdefault(word.second, [])
        letters.extend(_GAP * (word.end - len(letters)))
        length = min(len(word.text), word.end)
        letters[word.end - length : word.end] = word.text[len(word.text) - length :]
    return {second: "".join(letters) for second, letters in texts.items()}
