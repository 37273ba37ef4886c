"""What is kept of hidden states for later comparisons: how alike words are to each other, at a few depths.

In: a result. Out: a trace. Never: torch, drawing.

CKA of two models needs no vectors, only the inner products of all words with each other, which do not depend on how
wide a model is (Kornblith et al. 2019, section 3).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from ecco_reports.analyses.hidden_states.results import HiddenStatesResult
from ecco_reports.analyses.measures import Trace
from ecco_reports.analyses.traced_words import Part, TracedWord, parts_of, words_of
from ecco_reports.methods.stream import means
from ecco_reports.records import Record

MOST_DEPTHS = 5
MOST_WORDS = 32
FINEST = 9999
"""The largest inner product of two different words is stored as this whole number."""


class TracedState(Record):
    """How alike the words are to each other at one depth.

    Attributes:
        state: Which residual state: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        depth: Where it lies among the states that were looked at, from 0 to 1.
        products: Inner products of the words' vectors around their mean, as whole numbers whose largest (but for those
            of a word with itself) is ``FINEST``; the upper triangle with its diagonal, row by row.
    """

    state: int = Field(ge=0)
    depth: float = Field(ge=0, le=1)
    products: tuple[int, ...]


class HiddenStatesTrace(Trace):
    """Hidden states without their vectors.

    Attributes:
        stack: Whose stream it is.
        words: What is compared, at most ``MOST_WORDS``: the tokens of the prompt; of a longer one its words, and of a
            still longer one words at even distances. A word of several tokens has their mean vector.
        states: At most ``MOST_DEPTHS``, from the lowest to the highest that were looked at.
    """

    stack: str
    words: tuple[TracedWord, ...]
    states: tuple[TracedState, ...]

    @model_validator(mode="after")
    def _a_product_for_each_two(self) -> Self:
        count = len(self.words)
        for state in self.states:
            if len(state.products) != count * (count + 1) // 2:
                raise ValueError(f"state {state.state} does not have a product for each two of {count} words")
        return self

    def gram(self, number: int) -> np.ndarray:
        """The inner products of a state, ``[word, word]``."""
        count = len(self.words)
        gram = np.zeros((count, count))
        gram[np.triu_indices(count)] = self.states[number].products
        whole: np.ndarray = gram + np.triu(gram, 1).T
        return whole


def trace_of(result: HiddenStatesResult) -> HiddenStatesTrace:
    """What is kept of a result."""
    parts = _chosen(result)
    column = {position: index for index, position in enumerate(result.positions)}
    last = len(result.states) - 1
    rows = sorted({round(last * step / (MOST_DEPTHS - 1)) for step in range(MOST_DEPTHS)})
    vectors = means(result.kept[rows], [[column[at] for at in unit] for _, unit in parts]) if parts else None
    return HiddenStatesTrace(
        stack=result.stack,
        words=tuple(word for word, _ in parts),
        states=tuple(
            TracedState(
                state=result.states[row],
                depth=row / last if last else 0.0,
                products=() if vectors is None else _products(vectors[number]),
            )
            for number, row in enumerate(rows)
        ),
    )


def _chosen(result: HiddenStatesResult) -> Sequence[Part]:
    """The parts of the prompt that are compared: few enough, and the same ones in every model that read it."""
    compared = {result.positions[index] for index in result.text}

    def known(parts: Sequence[Part]) -> list[Part]:
        return [part for part in parts if compared >= {*part[1]}]

    parts = known(parts_of(result.passage))
    if len(parts) <= MOST_WORDS:
        return parts
    words = known(words_of(result.passage))
    if len(words) <= MOST_WORDS:
        return words
    return [words[round(step * (len(words) - 1) / (MOST_WORDS - 1))] for step in range(MOST_WORDS)]


def _products(vectors: np.ndarray) -> tuple[int, ...]:
    """Inner products of vectors ``[word, width]`` around their mean, as whole numbers."""
    centred = vectors - vectors.mean(0)
    gram = centred @ centred.T
    apart = np.abs(np.triu(gram, 1)).max(initial=0.0)
    largest = apart or np.abs(gram).max(initial=0.0)
    scaled = np.rint(gram * (FINEST / largest)) if largest else gram
    return tuple(int(value) for value in scaled[np.triu_indices(len(gram))])
