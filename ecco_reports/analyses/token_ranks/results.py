"""What the token ranks room hands to everything after it."""

from __future__ import annotations

from ecco_reports.records import Array, Passage, Record, Token


class TokenRanksResult(Record):
    """Ranks of tokens at each layer.

    Attributes:
        passage: The prompt and the continuation.
        states: The residual states read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        depth: How many layers the model has.
        places: Where each token was said, or would have been.
        tokens: The tokens that are followed: what the model said (the tokens it wrote, those it put in masks, its
            class, the ends of its answer), or what stands in the prompt.
        generated: Whether the model said it.
        ranks: Their ranks, ``[state, token]``; 1 is the most probable.
        probabilities: Their probabilities, ``[state, token]``.
        vocabulary: Every token that is named by ``candidates``.
        numbers: Their numbers among all outcomes.
        candidates: The most probable tokens as indices into ``vocabulary``, ``[state, token, k]``.
        watched: The watched tokens.
        watched_numbers: Their numbers among all outcomes.
        watch_place: The place at which they compete.
        watched_ranks: ``[state, watched]``.
        watched_probabilities: ``[state, watched]``.
        target: The rank of the prompt's target at its last position at each state, ``[state]``; empty without one.
        target_token: The prompt's target; None without one.
        target_probabilities: Its probability there, ``[state]``; empty without one.
        vocab_size: How many ranks there are.
        apply_final_norm: Whether the layers were read with the final norm.
        readout_gap: How far the last layer, read out, is from the model's own logits, relative to the largest logit.
        final_rank_gap: Largest difference between the ranks read at the last layer and those of the model's own logits,
            beyond what rounding can shift.
        dtype: The model's floating point type, which says what rounding can shift.
    """

    passage: Passage
    states: tuple[int, ...]
    depth: int
    places: tuple[int, ...]
    tokens: tuple[Token, ...]
    generated: tuple[bool, ...]
    ranks: Array
    probabilities: Array
    vocabulary: tuple[Token, ...]
    numbers: tuple[int, ...]
    candidates: Array
    watched: tuple[Token, ...]
    watched_numbers: tuple[int, ...]
    watch_place: int
    watched_ranks: Array
    watched_probabilities: Array
    target: Array
    target_token: Token | None
    target_probabilities: Array
    vocab_size: int
    apply_final_norm: bool
    readout_gap: float
    final_rank_gap: int
    dtype: str
