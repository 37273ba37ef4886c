"""How words stand at each layer, kept for later comparisons: what the rooms that read layers have in common.

In: ranks and probabilities by layer, or two traces of them. Out: traces, and what they say about each other. Light: no
torch, no drawing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from ecco_reports.analyses.layers import layer_in_words
from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.analyses.tracing import OTHER_TOKENS, Rank, Share, aligned, has_moved, moved, rounded, word
from ecco_reports.records import Direction, Record

# Noise was measured on bundled:facts, float32 against bfloat16, over 21 prompts of the shipped experiments: words whose
# probability is not tiny moved by 0.04 doublings in the mean over the layers, and one that ties with others by 0.27;
# float16 moved none by more than 0.014.
DEPTH_SHIFT = Measure(
    Direction.NEITHER,
    "relative depth at which the word asked about is first top-ranked, candidate minus baseline: above 0 it is later",
    "share",
    equal=0.0,
)
RANK_SHIFT = Measure(
    Direction.LOWER,
    "how often the rank of a watched word doubles or halves against the baseline, as the mean over words and layers",
    "doublings",
    noise=0.3,
    equal=0.0,
)
SAME_WINNER = Measure(
    Direction.HIGHER, "whether the same watched word is ahead at the last layer (1) or not (0)", equal=1.0
)


class LayeredWord(Record):
    """A word over the layers.

    Attributes:
        label: Its label.
        ranks: At each layer that was read out.
        probabilities: The same.
    """

    label: str
    ranks: tuple[Rank, ...] = Field(min_length=1)
    probabilities: tuple[Share, ...]

    @model_validator(mode="after")
    def _as_many(self) -> Self:
        if len(self.ranks) != len(self.probabilities):
            raise ValueError(f"{self.label!r} has {len(self.ranks)} ranks and {len(self.probabilities)} probabilities")
        return self

    def top(self, depths: Sequence[float]) -> float | None:
        """The relative depth at which it is first top-ranked; None where it never is."""
        return next((depth for depth, rank in zip(depths, self.ranks, strict=True) if rank == 1), None)


class RanksTrace(Trace):
    """Words that compete at one place.

    Attributes:
        cut: Digest of the prompt's tokens.
        outcomes: The worst rank.
        layers: How many layers the model has.
        states: The residual states that were read out: 0 is the embedding, ``n`` the output of layer ``n - 1``.
        words: What competes.
        target: What is asked about: the prompt's target, or what was said first; None where the room follows neither.
    """

    cut: str
    outcomes: Annotated[int, Field(ge=0)]
    layers: Annotated[int, Field(ge=1)]
    states: tuple[Annotated[int, Field(ge=0)], ...]
    words: tuple[LayeredWord, ...]
    target: LayeredWord | None = None

    @model_validator(mode="after")
    def _at_each_depth(self) -> Self:
        for one in (*self.words, *([self.target] if self.target else [])):
            if len(one.ranks) != len(self.states):
                raise ValueError(f"{one.label!r} has {len(one.ranks)} ranks, and {len(self.states)} layers were read")
        return self

    @property
    def depths(self) -> list[float]:
        """The share of its layers that have run, for each state that was read out."""
        return [state / self.layers for state in self.states]


def first_top(ranks: np.ndarray, states: Sequence[int], layers: int) -> Mapping[str, float | None]:
    """At which layer, and at which share of the depth, a word is first top-ranked; None where it never is."""
    found = np.flatnonzero(np.asarray(ranks) == 1)
    if not found.size:
        return {"first_top_layer": None, "first_top_depth": None}
    state = states[int(found[0])]
    return {"first_top_layer": float(state - 1), "first_top_depth": state / layers}


def logprob_of(probability: float) -> float | None:
    """The logarithm of a probability in single precision; None where that was too small to be told from nothing."""
    return min(0.0, math.log(probability)) if probability > 0 else None


def traced_words(labels: Sequence[str], ranks: np.ndarray, probabilities: np.ndarray) -> tuple[LayeredWord, ...]:
    """Words with ranks and probabilities ``[state, word]``."""
    return tuple(
        LayeredWord(
            label=label,
            ranks=tuple(int(rank) for rank in ranks[:, column]),
            probabilities=tuple(rounded(float(one)) for one in probabilities[:, column]),
        )
        for column, label in enumerate(labels)
    )


def drift_of(before: RanksTrace, after: RanksTrace) -> Drift:
    """How far the words moved."""
    values: dict[str, float] = {}
    remarks = [OTHER_TOKENS] if before.cut != after.cut else []
    if before.outcomes != after.outcomes:
        remarks.append(f"Ranks are among {before.outcomes:,} outcomes before, and among {after.outcomes:,} after.")
    pairs = shared_words(before.words, after.words)
    if pairs:
        values["rank_shift"] = rank_shift(pairs, before.depths, after.depths)
    if missing := _unshared(before.words, after.words):
        remarks.append(f"Only one side has the ranks of {missing}.")
    if len(before.words) > 1 and len(after.words) > 1:
        values["same_winner"] = float(winner(before.words) == winner(after.words))
    asked = (before.target, after.target)
    if asked[0] is not None and asked[1] is not None and asked[0].label == asked[1].label:
        shift, why = top_shift(asked[0], asked[1], before.depths, after.depths)
        values |= {} if shift is None else {"top_depth_shift": shift}
        remarks += [why] if why else []
    return Drift(values, _finding(before, after, pairs, values), tuple(remarks))


def shared_words(
    before: Sequence[LayeredWord], after: Sequence[LayeredWord]
) -> tuple[tuple[LayeredWord, LayeredWord], ...]:
    """The words that both have, in the order of the first."""
    others = {one.label: one for one in after}
    return tuple((one, others[one.label]) for one in before if one.label in others)


def _unshared(before: Sequence[LayeredWord], after: Sequence[LayeredWord]) -> str:
    labels = {one.label for one in before} ^ {one.label for one in after}
    return " and ".join(f"“{word(one.label)}”" for one in (*before, *after) if one.label in labels)


def rank_shift(
    pairs: Sequence[tuple[LayeredWord, LayeredWord]], before: Sequence[float], after: Sequence[float]
) -> float:
    """Mean of ``|log2(rank after / rank before)|`` over words, and over layers at the same relative depth."""
    rows = aligned(list(enumerate(before)), list(enumerate(after)), lambda row: row[1])
    shifts = [
        abs(math.log2(theirs.ranks[there] / ours.ranks[here]))
        for ours, theirs in pairs
        for (here, _), (there, _) in rows
    ]
    return sum(shifts) / len(shifts)


def top_shift(
    ours: LayeredWord, theirs: LayeredWord, before: Sequence[float], after: Sequence[float]
) -> tuple[float | None, str]:
    """How much later a word becomes top-ranked, as a share of the depth; else why that cannot be said."""
    tops = (ours.top(before), theirs.top(after))
    if tops[0] is not None and tops[1] is not None:
        return round(tops[1] - tops[0], 4), ""
    if tops == (None, None):
        return None, ""
    when = "before, and never after" if tops[1] is None else "after, and never was before"
    return None, f"“{word(ours.label)}” is top-ranked at some layer {when}, so there is no difference of depths."


def winner(words: Sequence[LayeredWord]) -> str:
    """The word that is ahead at the last layer."""
    return min(words, key=lambda one: (one.ranks[-1], -one.probabilities[-1])).label


def _finding(
    before: RanksTrace,
    after: RanksTrace,
    pairs: Sequence[tuple[LayeredWord, LayeredWord]],
    values: Mapping[str, float],
) -> str:
    """The most telling difference."""
    if values.get("same_winner") == 0:
        winners = winner(before.words), winner(after.words)
        ends = [one for one in pairs if one[0].label == winners[0]]
        more = f"; {end_of(*ends[0])}" if ends else ""
        return (
            f"Of the words, “{word(winners[1])}” is now ahead at the last layer instead of “{word(winners[0])}”{more}."
        )
    asked = [(before.target, after.target)] if before.target and after.target else []
    moves = [f"{end_of(*pair)}." for pair in (*asked, *pairs) if ends_apart(*pair)]
    sooner = [told for pair in asked if (told := tops_apart(before, after, *pair))]
    return next(iter((*moves, *sooner)), "")


def tops_apart(before: RanksTrace, after: RanksTrace, ours: LayeredWord, theirs: LayeredWord) -> str:
    """That a word is first on top at another depth, as a sentence; empty where it is not."""
    if ours.label != theirs.label or 1 not in ours.ranks or 1 not in theirs.ranks:
        return ""
    rows = ours.ranks.index(1), theirs.ranks.index(1)
    depths = before.depths[rows[0]], after.depths[rows[1]]
    if depths[0] == depths[1]:
        return ""
    layers = layer_in_words(before.states[rows[0]]), layer_in_words(after.states[rows[1]])
    return (
        f"“{word(ours.label)}” is now first on top at {layers[1]} ({depths[1]:.0%} of the depth) instead of "
        f"{layers[0]} ({depths[0]:.0%})."
    )


def ends_apart(ours: LayeredWord, theirs: LayeredWord) -> bool:
    """Whether two words end in different places, as far as a sentence should speak of it."""
    return has_moved((ours.ranks[-1], theirs.ranks[-1]), (ours.probabilities[-1], theirs.probabilities[-1]))


def end_of(ours: LayeredWord, theirs: LayeredWord) -> str:
    """How a word moved at the last layer, as a clause."""
    return moved(ours.label, (ours.ranks[-1], theirs.ranks[-1]), (ours.probabilities[-1], theirs.probabilities[-1]))
