"""Whether explanations of a new model can still be trusted: two traces of the tests, method by method.

In: traces. Out: measures of two results, a sentence, a figure. Never: torch, a model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.analyses.attributing.settings import METHOD_TITLES
from ecco_reports.analyses.faithfulness.catalogue import MEASURES
from ecco_reports.analyses.faithfulness.tracing import FaithfulnessTrace, TracedTest
from ecco_reports.analyses.measures import Drift
from ecco_reports.analyses.traced_targets import paired_targets
from ecco_reports.analyses.traced_words import Indices, common_parts
from ecco_reports.methods.rankings import rank_biased_overlap

if TYPE_CHECKING:
    from ecco_reports.charts.figure import ChartFigure

Tests = tuple[TracedTest, TracedTest]

_MANY = 0.2
"""A verdict that turns at the edge of chance is no finding, unless so many more random orders do better or worse."""


def drift_of(before: FaithfulnessTrace, after: FaithfulnessTrace) -> Drift:
    """How far the first method takes words out in the same order, and whose verdict has changed."""
    overlaps = list(_overlaps(before, after))
    values = {"order_rbo": float(np.mean(overlaps))} if overlaps else {}
    return Drift(values, _finding(before, after, overlaps), tuple(_remarks(before, after, bool(overlaps))))


def _pairs(before: FaithfulnessTrace, after: FaithfulnessTrace) -> list[Tests]:
    """The methods that both test, in the order of the baseline."""
    theirs = {test.method: test for test in after.methods}
    return [(test, theirs[test.method]) for test in before.methods if test.method in theirs]


def _overlaps(before: FaithfulnessTrace, after: FaithfulnessTrace) -> Iterator[float]:
    """The rank-biased overlap of the first method's orders, for each output that both test."""
    words, pairs = common_parts(before.words, after.words), _pairs(before, after)
    if len(words) < 2 or not pairs:
        return
    for outputs in paired_targets(before.targets, after.targets):
        one, other = (
            _earliness(test.order[output], [pair[side] for pair in words])
            for side, (test, output) in enumerate(zip(pairs[0], outputs, strict=True))
        )
        overlap = rank_biased_overlap(one, other)
        if overlap is not None:
            yield overlap


def _earliness(order: Sequence[int], parts: Sequence[Indices]) -> np.ndarray:
    """The larger, the earlier a part goes; one of several words goes with the first of them."""
    place = {word: number for number, word in enumerate(order)}
    return -np.array([min(place[word] for word in part) for part in parts], dtype=float)


def _finding(before: FaithfulnessTrace, after: FaithfulnessTrace, overlaps: Sequence[float]) -> str:
    """Whose verdict changed most, or else which word goes first now."""
    pairs = _pairs(before, after)
    turned = [(one, other) for one, other in pairs if one.verdict != other.verdict and _moved(one, other) >= _MANY]
    if turned:
        one, other = max(turned, key=lambda pair: _moved(*pair))
        return (
            f"{METHOD_TITLES[one.method]} did better than {one.beaten:,} of {one.orders:,} random orders and does "
            f"better than {other.beaten:,} of {other.orders:,} now."
        )
    if overlaps and float(np.mean(overlaps)) < 1 - MEASURES["order_rbo"].noise:
        return _first_words(before, after, pairs[0])
    return ""


def _moved(one: TracedTest, other: TracedTest) -> float:
    """By which share of the random orders a method does better or worse."""
    return abs(one.beaten / max(1, one.orders) - other.beaten / max(1, other.orders))


def _first_words(before: FaithfulnessTrace, after: FaithfulnessTrace, tests: Tests) -> str:
    """What the first method takes out first, where that has changed."""
    for one, other in paired_targets(before.targets, after.targets):
        firsts = [
            trace.words[test.order[output][0]].word
            for trace, test, output in zip((before, after), tests, (one, other), strict=True)
        ]
        if firsts[0] != firsts[1]:
            return (
                f"For {after.targets[other].word} {METHOD_TITLES[tests[0].method]} took out “{firsts[0]}” first and "
                f"takes out “{firsts[1]}” now."
            )
    return ""


def _remarks(before: FaithfulnessTrace, after: FaithfulnessTrace, ordered: bool) -> Iterator[str]:
    """What could not be compared, and why."""
    if not _pairs(before, after):
        yield "The tests are not compared: no method was tested on both."
    elif not paired_targets(before.targets, after.targets):
        yield "The orders are not compared: the two have no output in common."
    elif not ordered:
        yield "The orders are not compared: the two have fewer than two words of the prompt in common."
    if before.watched != after.watched:
        yield f"The baseline watched the {before.watched}, the candidate the {after.watched}."


def figures_of(before: FaithfulnessTrace, after: FaithfulnessTrace, names: tuple[str, str]) -> Iterator[ChartFigure]:
    """What each method reached before and reaches now."""
    from ecco_reports.charts.before_after import Scale, paired_bars
    from ecco_reports.charts.figure import ChartFigure

    pairs = _pairs(before, after)
    if not pairs or before.watched != after.watched:
        return
    told = "; ".join(
        f"{METHOD_TITLES[one.method]} beat {one.beaten:,} of {one.orders:,} random orders and beats {other.beaten:,} "
        f"of {other.orders:,} now"
        for one, other in pairs
    )
    yield ChartFigure(
        id="drift-trust",
        title="How well each method names what counts, before and after",
        reading="The area between removing the least and the most important words first; higher is better, and 0 is a "
        "ranking that knows nothing. Choose another measure above the chart: comprehensiveness is what is lost without "
        "the first words (higher is better), sufficiency what is lost with only them (lower is better).",
        alt_text=f"{told}.",
        chart=paired_bars(
            [METHOD_TITLES[one.method] for one, _ in pairs],
            names,
            ["gap", "comprehensiveness", "sufficiency"],
            np.array(
                [
                    [[getattr(pair[side], name) for pair in pairs] for side in (0, 1)]
                    for name in ("gap", "comprehensiveness", "sufficiency")
                ]
            ),
            Scale(f"change of the {before.watched}"),
            "method",
            choosing="Measure ",
        ),
    )
