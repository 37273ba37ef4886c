"""Whether a new model sees the words of a prompt in the same way: CKA of two traces, depth by depth.

In: traces. Out: measures of two results, a sentence, a figure. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.hidden_states.catalogue import MEASURES
from ecco_reports.analyses.hidden_states.tracing import HiddenStatesTrace
from ecco_reports.analyses.layers import layer_in_words
from ecco_reports.analyses.measures import Drift
from ecco_reports.analyses.traced_words import Indices, common_parts
from ecco_reports.methods.similarity import FEWEST_TOKENS, cka_of_grams

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure


@dataclass(frozen=True)
class Level:
    """Two states at about the same relative depth.

    Attributes:
        states: Of the baseline and of the candidate.
        depth: Where that of the baseline lies, from 0 to 1.
        cka: How alike they are.
    """

    states: tuple[int, int]
    depth: float
    cka: float

    @property
    def named(self) -> str:
        """The layers in a sentence."""
        one, other = map(layer_in_words, self.states)
        return one if one == other else f"{one} of the baseline and {other} of the candidate"

    @property
    def label(self) -> str:
        """The layers on an axis."""
        one, other = ("embedding" if state == 0 else f"layer {state - 1}" for state in self.states)
        return one if one == other else f"{one} / {other.removeprefix('layer ')}"


def drift_of(before: HiddenStatesTrace, after: HiddenStatesTrace) -> Drift:
    """How alike the two are, over the words both have."""
    levels = levels_of(before, after)
    if not levels:
        return Drift(remarks=tuple(_remarks(before, after)))
    ckas = [level.cka for level in levels]
    values = {"cka": float(np.mean(ckas)), "worst_cka": min(ckas)}
    small = values["worst_cka"] >= 1 - MEASURES["worst_cka"].noise
    return Drift(values, "" if small else sentence(levels), tuple(_remarks(before, after)))


def levels_of(before: HiddenStatesTrace, after: HiddenStatesTrace) -> list[Level]:
    """Each depth of the trace that has fewer, with the nearest of the other; none for too few common words."""
    words = common_parts(before.words, after.words)
    if len(words) < FEWEST_TOKENS or before.stack != after.stack or not (before.states and after.states):
        return []
    found = []
    for one, other in _nearest([state.depth for state in before.states], [state.depth for state in after.states]):
        grams = (
            _pooled(trace.gram(number), [pair[side] for pair in words])
            for side, (trace, number) in enumerate(((before, one), (after, other)))
        )
        states = before.states[one].state, after.states[other].state
        found.append(Level(states, before.states[one].depth, cka_of_grams(*grams)))
    return found


def _nearest(before: Sequence[float], after: Sequence[float]) -> list[tuple[int, int]]:
    """Pairs of depths, each of the shorter list with the nearest of the longer."""

    def nearest(depth: float, others: Sequence[float]) -> int:
        return min(range(len(others)), key=lambda number: abs(others[number] - depth))

    if len(before) <= len(after):
        return [(number, nearest(depth, after)) for number, depth in enumerate(before)]
    return [(nearest(depth, before), number) for number, depth in enumerate(after)]


def _pooled(gram: np.ndarray, parts: Sequence[Indices]) -> np.ndarray:
    """Inner products of the mean vectors of parts, from those of the words in them, ``[part, part]``."""
    shares = np.zeros((len(parts), len(gram)))
    for row, part in enumerate(parts):
        shares[row, list(part)] = 1 / len(part)
    pooled: np.ndarray = shares @ gram @ shares.T
    return pooled


def sentence(levels: Sequence[Level]) -> str:
    """Where the two are least alike, beside their mean."""
    least = min(levels, key=lambda level: level.cka)
    mean = float(np.mean([level.cka for level in levels]))
    told = (
        f"What the two make of the words is least alike at {least.named} (CKA {least.cka:.2f}); over {len(levels)} "
        f"depths the mean is {mean:.2f}."
    )
    return told.replace("-", "\u2212")


def _remarks(before: HiddenStatesTrace, after: HiddenStatesTrace) -> Iterator[str]:
    """What could not be compared, and what was aligned."""
    words = common_parts(before.words, after.words)
    if before.stack != after.stack:
        yield f"The states are not compared: the baseline's are of {before.stack}, the candidate's of {after.stack}."
    elif len(words) < FEWEST_TOKENS:
        yield (
            f"The states are not compared: that takes {FEWEST_TOKENS} words of the prompt, and the two have "
            f"{len(words) or 'none'} in common."
        )
    elif [state.state for state in before.states] != [state.state for state in after.states]:
        yield "The two do not have the same number of layers: states at the same share of the depth are compared."


def figures_of(before: HiddenStatesTrace, after: HiddenStatesTrace, names: tuple[str, str]) -> Iterator[ChartFigure]:
    """How alike the two are, depth by depth."""
    from ecco_reports.charts.before_after import Scale, paired_bars
    from ecco_reports.charts.figure import ChartFigure

    levels = levels_of(before, after)
    if not levels:
        return
    count = len(common_parts(before.words, after.words))
    yield ChartFigure(
        id="drift-cka",
        title="How alike the two models are, by depth",
        reading=f"Each bar compares a state of {names[0]} with that of {names[1]} at the same share of the depth, over "
        f"{count} parts of the prompt: 1 if words that lie near each other in one lie near each other in the other "
        "(whatever directions it uses for that), about 0 without any relation.",
        alt_text=sentence(levels),
        chart=paired_bars(
            [level.label for level in levels],
            [f"{names[0]} and {names[1]}"],
            ["likeness"],
            np.array([[[level.cka for level in levels]]]),
            Scale("CKA, debiased", whole=1.0),
            "depth",
        ),
    )
