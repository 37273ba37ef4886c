"""What the logit lens room hands to everything after it."""

from __future__ import annotations

from ecco_reports.records import Array, Passage, Record, Token


class LogitLensResult(Record):
    """A lens over layers and positions.

    Attributes:
        passage: The prompt and the continuation.
        states: The residual states read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        depth: How many layers the model has.
        places: Where the model was asked: positions that a token follows, or (for a masked model) that hold one; the
            one place of a classifier; the start and the end of an answer.
        question: The place that the prompt's own target is about, or that the first thing said came from.
        next_tokens: What was right at each place: the token that came next (the prompt's own, or what the model
            wrote), the token that stands there, the class or the end that was chosen.
        vocabulary: Every token that is named by ``candidates``.
        numbers: Their numbers among all outcomes: of the ends of an answer, where they stand in the text.
        candidates: Most probable tokens as indices into ``vocabulary``, ``[state, place, k]``.
        probabilities: Their probabilities, ``[state, place, k]``.
        entropy: In bits, ``[state, place]``.
        divergence: ``KL(final || state)`` in nats, ``[state, place]``.
        next_logprob: Log-probability of what was right, ``[state, place]``.
        next_rank: Its rank, ``[state, place]``.
        watched: The prompt's target and foil, or the first thing said; none where nothing was said.
        has_target: Whether the first of them is the prompt's target.
        watched_numbers: Their numbers among all outcomes.
        watched_ranks: Their ranks at the place of the question, ``[state, token]``.
        watched_probabilities: Their probabilities there, ``[state, token]``.
        vocab_size: How many outcomes there are.
        apply_final_norm: Whether the layers were read with the final norm.
        agreement: Without the norm, in which share of the cells below the top row the first choice is the one that the
            layer has with it; None where the norm was applied, or where there is no such cell.
        readout_gap: How far the last layer, read out, is from the model's own logits, relative to the largest logit.
        dtype: The model's floating point type, which sets the tolerance of that difference.
    """

    passage: Passage
    states: tuple[int, ...]
    depth: int
    places: tuple[int, ...]
    question: int | None
    next_tokens: tuple[Token, ...]
    vocabulary: tuple[Token, ...]
    numbers: tuple[int, ...]
    candidates: Array
    probabilities: Array
    entropy: Array
    divergence: Array
    next_logprob: Array
    next_rank: Array
    watched: tuple[Token, ...]
    has_target: bool
    watched_numbers: tuple[int, ...]
    watched_ranks: Array
    watched_probabilities: Array
    vocab_size: int
    apply_final_norm: bool
    agreement: float | None
    readout_gap: float
    dtype: str
