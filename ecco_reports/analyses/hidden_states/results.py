"""What is stored of hidden states: enough for every figure, and for a comparison with another model."""

from __future__ import annotations

from collections.abc import Mapping

from ecco_reports.analyses.hidden_states.settings import Measure
from ecco_reports.models.base import Stack
from ecco_reports.records import Array, Passage, Record


class MassiveActivation(Record):
    """A number that is far larger than all about it (Sun et al. 2024).

    Attributes:
        state: Index into the states of the result.
        token: Index into its tokens.
        dimension: In which dimension of the residual stream.
        value: The number.
        times: Its magnitude relative to the median magnitude of its state.
    """

    state: int
    token: int
    dimension: int
    value: float
    times: float


class HiddenStatesResult(Record):
    """The residual stream of a text.

    Attributes:
        passage: The prompt and the continuation.
        stack: The stack whose stream it is, and ``two_stacks`` whether there is another.
        two_stacks: Whether the model has an encoder and a decoder.
        width: Numbers in one vector.
        states: Which states: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        positions: Where the tokens stand in the passage, in order.
        text: Which of them are compared: indices of ``positions``; without the template's, unless asked for.
        norms: Length of each vector, ``[state, token]``.
        cosines: Cosine of a state and the one before it, ``[state - 1, token]``.
        changes: Length of the change relative to the state before it, ``[state - 1, token]``.
        dimensions: The dimensions that stand out most, the first most of all, ``[dimension]``.
        values: Their numbers where they stand out most, ``[state, dimension]``.
        times: Those relative to the root mean square of their vectors, ``[state, dimension]``.
        peaks: At which token that is, as an index of ``positions``, ``[state, dimension]``.
        outlier_times: How many times the root mean square counts as standing out.
        outliers: The dimensions that stand out at many tokens of many states.
        outlier_states: In how many states each of them does.
        massive: The largest massive activations.
        massive_count: How many there are.
        components: Coordinates along the principal components of all compared states, ``[state, token, component]``.
        explained: The share of variance along each, ``[component]``.
        by_layer: Whether each state was centred by itself.
        components_gap: See ``methods.stream.Components``.
        similarities: By measure, how alike two states are, ``[state, state]``; none for too few tokens or one state.
        chance: By measure, the same for neighbouring states when the tokens of one are shuffled, on average.
        directions: By measure of canonical correlations, how many directions were kept of each state.
        kept: The vectors in single precision, ``[state, token, coordinate]``: as they are if ``whole``, else turned so
            that their inner products stay.
        whole: Whether ``kept`` holds the vectors as they are.
        kept_share: The smallest share of a state's squares that is in ``kept``.
        kept_gap: The largest difference of an inner product between ``kept``, what was left out, and the vectors.
        self_gap: How far the similarity of a state with itself is from 1, or the grids from being symmetric.
        stream_gap: The residual by which the model was found to have such states.
        readout_gap: Largest difference between the logits that the model's tail reads from the last state and the
            model's own, relative to the largest; None where a model has no such tail or the last state is not asked
            for.
        dtype: The model's floating point type, which sets tolerances.
    """

    passage: Passage
    stack: Stack
    two_stacks: bool
    width: int
    states: tuple[int, ...]
    positions: tuple[int, ...]
    text: tuple[int, ...]
    norms: Array
    cosines: Array
    changes: Array
    dimensions: Array
    values: Array
    times: Array
    peaks: Array
    outlier_times: float
    outliers: tuple[int, ...]
    outlier_states: tuple[int, ...]
    massive: tuple[MassiveActivation, ...]
    massive_count: int
    components: Array
    explained: Array
    by_layer: bool
    components_gap: float
    similarities: Mapping[Measure, Array]
    chance: Mapping[Measure, float]
    directions: Mapping[Measure, Array]
    kept: Array
    whole: bool
    kept_share: float
    kept_gap: float
    self_gap: float
    stream_gap: float
    readout_gap: float | None
    dtype: str
