"""Rows of random tokens that repeat themselves, with labels where the repetition can be foreseen."""

import random

from ecco_reports.models.bundled.recipe.optimization import IGNORED

FIRST_WORD_PIECE = 260
"""The pieces before this number are single bytes."""

Row = tuple[list[int], list[int]]
"""Token numbers, and for every position the token that follows or `IGNORED`."""

_LONGEST_PERIOD = 40
_MOST_SEGMENTS = 4
_LONGEST_SEGMENT = 4
_PERIODIC_SHARE = 0.3


def row(rng: random.Random, pieces: int, length: int) -> Row:
    """Draw a row of either kind.

    Most rows have no period, since a model can foresee a period by counting positions, without looking at any token.

    Args:
        rng: Source of randomness.
        pieces: Size of the vocabulary.
        length: Number of tokens.

    Returns:
        The row.
    """
    if rng.random() < _PERIODIC_SHARE:
        return periodic(rng, pieces, length, rng.randint(2, min(_LONGEST_PERIOD, length * 3 // 8)))
    return shuffled(rng, pieces, length, rng.randint(2, _MOST_SEGMENTS * max(1, length // 32)))


def periodic(rng: random.Random, pieces: int, length: int, period: int) -> Row:
    """Repeat one sequence of different tokens.

    Args:
        rng: Source of randomness.
        pieces: Size of the vocabulary.
        length: Number of tokens.
        period: Length of the sequence.

    Returns:
        The row; its first round and the step into the second cannot be foreseen.
    """
    segment = rng.sample(range(FIRST_WORD_PIECE, pieces), period)
    tokens = (segment * (length // period + 1))[:length]
    return tokens, ([IGNORED] * period + tokens[period + 1 :] + [IGNORED])[:length]


def shuffled(rng: random.Random, pieces: int, length: int, segments: int) -> Row:
    """Repeat short sequences in a random order.

    Args:
        rng: Source of randomness.
        pieces: Size of the vocabulary.
        length: Number of tokens.
        segments: Number of sequences, each of two tokens or a few more, all tokens different.

    Returns:
        The row; what can be foreseen is how a sequence goes on that has been seen before.
    """
    lengths = [rng.randint(2, _LONGEST_SEGMENT) for _ in range(segments)]
    drawn = iter(rng.sample(range(FIRST_WORD_PIECE, pieces), sum(lengths)))
    pool = [[next(drawn) for _ in range(size)] for size in lengths]
    tokens: list[int] = []
    labels: list[int] = []
    seen: set[int] = set()
    while len(tokens) < length:
        chosen = rng.randrange(segments)
        rest = pool[chosen][1:]
        tokens += pool[chosen]
        labels += [*(rest if chosen in seen else [IGNORED] * len(rest)), IGNORED]
        seen.add(chosen)
    return tokens[:length], labels[:length]
