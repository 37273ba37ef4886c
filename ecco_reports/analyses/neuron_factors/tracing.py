"""What is kept of factors for later comparisons: how strong each is at the words of the prompt.

In: a result. Out: a trace. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import FiniteFloat, model_validator

from ecco_reports.analyses.measures import Trace
from ecco_reports.analyses.neuron_factors.results import NeuronFactorsResult, StackFactors, factor_words
from ecco_reports.analyses.traced_words import Part, TracedWord, parts_of, rounded, words_of
from ecco_reports.records import Passage, Record

MOST_TOKENS = 64
"""Of longer prompts words are kept, not tokens."""
MOST_WORDS = 256


class TracedFactor(Record):
    """A factor.

    Attributes:
        share: The share of all squared activations that it explains.
        named: The words at which it is strongest, strongest first; of what the model wrote, too.
        loadings: How strong it is at each word; tokens of a word are added up.
    """

    share: FiniteFloat
    named: tuple[str, ...]
    loadings: tuple[FiniteFloat, ...]


class TracedStack(Record):
    """The factors of one stack.

    Attributes:
        stack: ``encoder`` or ``decoder``; empty for a model of one stack.
        words: The tokens of the prompt; of a longer one its words, at even distances where there are very many.
        factors: In order of their shares.
    """

    stack: str
    words: tuple[TracedWord, ...]
    factors: tuple[TracedFactor, ...]

    @model_validator(mode="after")
    def _a_loading_for_each_word(self) -> Self:
        for number, factor in enumerate(self.factors):
            if len(factor.loadings) != len(self.words):
                raise ValueError(f"factor {number + 1} does not have a loading for each of {len(self.words)} words")
        return self

    @property
    def loadings(self) -> np.ndarray:
        """``[factor, word]``."""
        return np.array([factor.loadings for factor in self.factors], dtype=float).reshape(-1, len(self.words))


class NeuronFactorsTrace(Trace):
    """Factors without their neurons.

    Attributes:
        stacks: One for each stack that was looked at.
    """

    stacks: tuple[TracedStack, ...]


def trace_of(result: NeuronFactorsResult) -> NeuronFactorsTrace:
    """What is kept of a result."""
    return NeuronFactorsTrace(stacks=tuple(_stack(result.passage, stack) for stack in result.stacks))


def _stack(passage: Passage, stack: StackFactors) -> TracedStack:
    column = {position: index for index, position in enumerate(stack.positions)}
    parts = _chosen(passage, column.keys() & set(range(passage.prompt_length)))
    columns = [[column[position] for position in unit] for _, unit in parts]
    return TracedStack(
        stack=stack.stack,
        words=tuple(word for word, _ in parts),
        factors=tuple(
            TracedFactor(
                share=rounded(float(stack.shares[factor])),
                named=factor_words(passage, stack, factor),
                loadings=tuple(round(float(stack.loadings[factor, unit].sum()), 4) for unit in columns),
            )
            for factor in range(stack.count)
        ),
    )


def _chosen(passage: Passage, known: set[int]) -> Sequence[Part]:
    """The parts of the prompt that the factors are about: few enough, and the same in every model that read it."""
    parts = [part for part in parts_of(passage) if known >= {*part[1]}]
    if len(parts) <= MOST_TOKENS:
        return parts
    words = [part for part in words_of(passage) if known >= {*part[1]}]
    if len(words) <= MOST_WORDS:
        return words
    return [words[round(step * (len(words) - 1) / (MOST_WORDS - 1))] for step in range(MOST_WORDS)]
