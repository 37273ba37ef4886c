"""What the room stores: for each stack of a model, its factors over tokens, layers and neurons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ecco_reports.records import Array, Passage, Record, joined_text

WORDS = 4
"""So many words name a factor."""


class Scree(Record):
    """How the error falls with the number of factors.

    Attributes:
        counts: The numbers of factors that were tried, in rising order.
        errors: The relative error of each.
        floors: The smallest error that so many parts can have, of whatever sign.
        chosen_by: Whether the number of factors was chosen by it.
    """

    counts: tuple[int, ...]
    errors: tuple[float, ...]
    floors: tuple[float, ...]
    chosen_by: bool


class StackFactors(Record):
    """The factors of the neurons of one stack.

    Attributes:
        stack: ``encoder`` or ``decoder``; empty for a model of one stack.
        positions: The tokens they are about, as positions of the passage.
        layers: The layers whose neurons count.
        rows: How many rows the matrix had: neurons, those below zero apart.
        negative: The share of all squared activations that is below zero.
        loadings: How strong a factor is at a token, ``[factor, token]``; the strongest token of each has 1.
        shares: The share of all squared activations that a factor explains, ``[factor]``, falling.
        layer_shares: The part of that which lies in each layer, ``[factor, layer]``.
        neuron_layer: The layer of the neurons that carry a factor, ``[factor, rank]``.
        neuron: Their numbers in it; -1 where there are no more.
        neuron_below: Whether it is what they are below zero that counts.
        neuron_weight: Their activation, by this factor, at its strongest token.
        neuron_share: Their part of what the factor explains.
        error: ``|X - W H| / |X|``, squared differences summed over neurons and tokens.
        floor: The smallest error that so many parts can have, of whatever sign.
        movement: How far the best single step would still move a factor, relative to its length.
        iterations: Sweeps that it took.
        converged: Whether it ended because the factors were at rest.
        scree: What other numbers of factors would have given, or None where none was tried.
    """

    stack: str
    positions: tuple[int, ...]
    layers: tuple[int, ...]
    rows: int
    negative: float
    loadings: Array
    shares: Array
    layer_shares: Array
    neuron_layer: Array
    neuron: Array
    neuron_below: Array
    neuron_weight: Array
    neuron_share: Array
    error: float
    floor: float
    movement: float
    iterations: int
    converged: bool
    scree: Scree | None

    @property
    def count(self) -> int:
        """Number of factors."""
        return len(self.shares)

    @property
    def likeness(self) -> float:
        """The largest cosine between the loadings of two factors; 0 where there is one factor."""
        lengths = np.linalg.norm(self.loadings, axis=1, keepdims=True)
        unit = self.loadings / np.where(lengths > 0, lengths, 1)
        cosines = np.triu(unit @ unit.T, 1)
        return float(cosines.max())


class NeuronFactorsResult(Record):
    """Factors of the neurons of a model, at the tokens of a passage.

    Attributes:
        passage: The prompt and the continuation.
        stacks: One for each stack that was looked at.
        left_out: Why a stack has no factors, one sentence each.
    """

    passage: Passage
    stacks: tuple[StackFactors, ...]
    left_out: tuple[str, ...]


def factor_words(passage: Passage, stack: StackFactors, factor: int) -> tuple[str, ...]:
    """The different words at which a factor is strongest, strongest first; they are what people call it by."""
    found: dict[str, str] = {}
    for column in np.argsort(-stack.loadings[factor], kind="stable"):
        if stack.loadings[factor, column] <= 0 or len(found) == WORDS:
            break
        token = passage.tokens[stack.positions[column]]
        word = joined_text([token]).strip() or token.word
        found.setdefault(word.lower(), word)
    return tuple(found.values())


def factor_name(passage: Passage, stack: StackFactors, factor: int) -> str:
    """What a chart calls a factor: “the” “my” “old”. Quoted, because a word may be a comma."""
    return " ".join(f"“{word}”" for word in factor_words(passage, stack, factor))


def in_words(words: Sequence[str]) -> str:
    """Words as a sentence names them: “the”, “a”, “my”."""
    return ", ".join(f"“{word}”" for word in words)
