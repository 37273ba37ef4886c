"""What traces of several rooms are made of: rounded numbers, words, and distributions of which only the top is known.

In: results, or two such traces. Out: parts of traces, and how far two of them are apart. Light: no torch, no drawing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Annotated, TypeAlias, TypeVar

from pydantic import Field

from ecco_reports.analyses.voice import share
from ecco_reports.records import Passage, Token, digest

Share: TypeAlias = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
"""A probability, or a share of the depth."""
Rank: TypeAlias = Annotated[int, Field(ge=1)]
"""1 is the most probable."""
Logprob: TypeAlias = Annotated[float, Field(le=0, allow_inf_nan=False)]
"""A natural log-probability."""
Listed: TypeAlias = Mapping[str, Share]
"""The most probable outcomes by label. What is not listed is less probable than each of them."""

TARGET_NOISE, GAP_NOISE, DIVERGENCE_NOISE = 0.15, 0.2, 1e-3
"""What half precision does to the log-probability of a word, to the gap between two, and to a KL divergence, in nats;
how it was measured stands beside the numbers of the generation room."""
RANK_NOISE = 0.03
"""What it does to a rank, as a share of the rank."""
OTHER_TOKENS = "The two tokenizers cut the prompt into other tokens: what they say is compared as it is spelled."
NO_DIVERGENCE = f"{OTHER_TOKENS} Their distributions are over other things, so there is no KL divergence."
_LETTERS = 80
_SEEN = 0.02
"""What a probability has to move before a sentence speaks of it."""
_UNSEEN = 1e-5
"""Probability below which what is left of a list is rounding: ten candidates, each rounded to six decimals."""
T = TypeVar("T")


def cut_of(tokens: Sequence[Token]) -> str:
    """A digest of how a text is cut into tokens; equal for equal tokenizers, as far as this text can tell."""
    return digest([[token.id, token.label] for token in tokens])[:12]


def cut_of_prompt(passage: Passage) -> str:
    """The digest of a prompt's own tokens."""
    return cut_of(passage.prompt)


def rounded(probability: float) -> float:
    """A probability to six decimals, a small one to four significant digits: more could not be told apart."""
    clipped = min(1.0, max(0.0, probability))
    return 0.0 if clipped == 0 else round(clipped, max(6, 3 - math.floor(math.log10(clipped))))


def listed(outcomes: Iterable[tuple[str, float]]) -> dict[str, float]:
    """The most probable outcomes by label, most probable first; those of one label are one, impossible ones none."""
    sums: dict[str, float] = {}
    for label, probability in outcomes:
        if probability > 0:
            sums[label] = sums.get(label, 0.0) + probability
    return {label: rounded(sums[label]) for label in sorted(sums, key=lambda label: -sums[label])}


def first_of(outcomes: Listed) -> str:
    """The most probable of them, whatever order a file has them in."""
    return min(outcomes, key=lambda label: (-outcomes[label], label))


def divergence_bound(before: Listed, after: Listed) -> float:
    """A lower bound of ``KL(before || after)`` in nats, of two distributions of which only the top is known.

    Outcomes that both list stay apart; all others are lumped together, which can only lower a divergence (data
    processing inequality; Cover and Thomas, Elements of Information Theory, 2.8 and 2.5). Of what only ``before``
    lists it is known that ``after`` gives each at most the last probability of its own list, so the most probable of
    them may be lumped apart from the rest: for each number of them the bound is the least divergence that is possible,
    and the largest of these bounds is taken. Without that, two lists with nothing in common would look alike.
    """
    if not (before and after):
        return 0.0
    shared = [(before[label], after[label]) for label in before if label in after]
    known = sum(p * math.log(p / q) for p, q in shared)
    rest = max(0.0, 1 - sum(p for p, _ in shared))
    other = max(_UNSEEN, 1 - sum(q for _, q in shared))
    floor, best, mass = min(after.values()), _term(rest, other), 0.0
    own = sorted((p for label, p in before.items() if label not in after), reverse=True)
    for count, probability in enumerate(own, start=1):
        mass += probability
        most = count * floor
        if most < other * mass / max(rest, mass):
            left = max(_UNSEEN, other - most)
            best = max(best, _term(mass, most) + _term(max(0.0, rest - mass), left))
    return max(0.0, known + best)


def _term(p: float, q: float) -> float:
    return p * math.log(p / q) if p > 0 else 0.0


def aligned(first: Sequence[T], second: Sequence[T], depth_of: Callable[[T], float]) -> list[tuple[T, T]]:
    """Rows of two models at the same relative depth: each row of the one that has fewer, and the nearest of the other.

    Args:
        first: Rows of one model, in the order of the layers.
        second: Rows of the other.
        depth_of: How deep a row is, from 0 (the embedding) to 1 (the last layer); of two that are as near the lower one
            is taken.
    """

    def nearest(row: T, rows: Sequence[T]) -> T:
        return min(rows, key=lambda other: (round(abs(depth_of(other) - depth_of(row)), 6), depth_of(other)))

    if not (first and second):
        return []
    if len(first) <= len(second):
        return [(row, nearest(row, second)) for row in first]
    return [(nearest(row, first), row) for row in second]


def word(label: str) -> str:
    """How a sentence speaks of a label."""
    return label.strip("·⏎⇥⍽ ") or label


def moved(label: str, ranks: tuple[int | None, int | None], shares: tuple[float, float]) -> str:
    """How a word moved, as a clause: "“London” falls from rank 1 (82.1%) to rank 7 (2.0%)"."""
    verb = _verb(ranks, shares)
    if ranks[0] == ranks[1] and ranks[0] is not None:
        return f"“{word(label)}” {verb} from {share(shares[0])} to {share(shares[1])} and stays at rank {ranks[0]:,}"
    places = [
        share(odds) if rank is None else f"rank {rank:,} ({share(odds)})"
        for rank, odds in zip(ranks, shares, strict=True)
    ]
    return f"“{word(label)}” {verb} from {places[0]} to {places[1]}"


def _verb(ranks: tuple[int | None, int | None], shares: tuple[float, float]) -> str:
    """Which way a word moved; where its rank went one way and its probability the other, neither."""
    fell, rose = shares[1] < shares[0], shares[1] > shares[0]
    if ranks[0] is not None and ranks[1] is not None and ranks[0] != ranks[1]:
        sank = ranks[1] > ranks[0]
        if (sank and rose) or (not sank and fell):
            return "goes"
        fell = sank
    return "falls" if fell else "rises"


def has_moved(ranks: tuple[int | None, int | None], shares: tuple[float, float]) -> bool:
    """Whether a sentence should speak of it.

    The probability moved visibly; or the rank did, to or from the first place or by a factor of two, and the
    probability by more than rounding alone can move it.
    """
    if abs(shares[0] - shares[1]) > _SEEN:
        return True
    before, after = ranks
    if before is None or after is None or before == after:
        return False
    far = min(before, after) == 1 or max(before, after) >= 2 * min(before, after)
    return far and min(shares) * math.exp(TARGET_NOISE) < max(shares)


def quoted(text: str) -> str:
    """A text for a sentence: on one line, and a long one cut."""
    line = " ".join(text.split())
    return f"“{line if len(line) <= _LETTERS else line[: _LETTERS - 1].rstrip() + '…'}”"
