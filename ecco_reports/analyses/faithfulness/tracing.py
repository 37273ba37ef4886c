"""What is kept of the tests for later comparisons: verdicts, measures, and the order in which words went.

In: a result. Out: a trace. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from pydantic import FiniteFloat, model_validator

from ecco_reports.analyses.attributing.settings import Method
from ecco_reports.analyses.faithfulness.judging import Judgement, Verdict, judged
from ecco_reports.analyses.faithfulness.results import Examined, FaithfulnessResult
from ecco_reports.analyses.faithfulness.words import watched
from ecco_reports.analyses.measures import Trace
from ecco_reports.analyses.traced_targets import MOST_TARGETS, TracedTarget
from ecco_reports.analyses.traced_words import TracedWord, grouped, parts_of, rounded
from ecco_reports.records import Record


class TracedTest(Record):
    """What testing one method found; numbers are means over all outputs.

    Attributes:
        method: Its name.
        verdict: Whether its ranking can be told from chance.
        beaten: How many random orders it is better than.
        orders: Of how many.
        gap: Area between removing the least and the most important first; higher is better.
        comprehensiveness: Higher is better.
        sufficiency: Lower is better.
        deletion: Area under the deletion curve; lower is better.
        insertion: Area under the insertion curve; higher is better.
        order: The words, first to last to go, as indices, ``[target, word]``.
    """

    method: Method
    verdict: Verdict
    beaten: int
    orders: int
    gap: FiniteFloat
    comprehensiveness: FiniteFloat
    sufficiency: FiniteFloat
    deletion: FiniteFloat
    insertion: FiniteFloat
    order: tuple[tuple[int, ...], ...]


class FaithfulnessTrace(Trace):
    """The tests without their curves.

    Attributes:
        words: The units of the prompt that could be taken out, in reading order.
        targets: The first outputs, at most ``MOST_TARGETS``.
        explained: How many outputs there were.
        watched: What was watched while words went.
        methods: In the order of the params.
    """

    words: tuple[TracedWord, ...]
    targets: tuple[TracedTarget, ...]
    explained: int
    watched: str
    methods: tuple[TracedTest, ...]

    @model_validator(mode="after")
    def _orders_of_all_words(self) -> Self:
        every = list(range(len(self.words)))
        for method in self.methods:
            if len(method.order) != len(self.targets) or any(sorted(order) != every for order in method.order):
                raise ValueError(f"{method.method} does not have one order of {len(every)} words for each output")
        return self


def trace_of(result: FaithfulnessResult) -> FaithfulnessTrace:
    """What is kept of a result."""
    parts = grouped(parts_of(result.passage), result.units)
    word_at = {position: index for index, (_, unit) in enumerate(parts) for position in unit}
    word_of_unit = {number: word_at[unit[0]] for number, unit in enumerate(result.units) if unit[0] in word_at}
    return FaithfulnessTrace(
        words=tuple(word for word, _ in parts),
        targets=tuple(map(TracedTarget.of, result.explained[:MOST_TARGETS])),
        explained=len(result.explained),
        watched=watched(result),
        methods=tuple(
            _test(method, judgement, word_of_unit)
            for method, judgement in zip(result.methods, judged(result, None), strict=True)
        ),
    )


def _test(method: Examined, judgement: Judgement, word_of_unit: Mapping[int, int]) -> TracedTest:
    orders = method.orders[:MOST_TARGETS].tolist()
    return TracedTest(
        method=method.method,
        verdict=judgement.verdict,
        beaten=judgement.gap.standing.better,
        orders=judgement.gap.standing.orders,
        gap=rounded(judgement.gap.value),
        comprehensiveness=rounded(judgement.comprehensiveness.value),
        sufficiency=rounded(judgement.sufficiency.value),
        deletion=rounded(judgement.deletion.value),
        insertion=rounded(judgement.insertion.value),
        order=tuple(tuple(word_of_unit[unit] for unit in order if unit in word_of_unit) for order in orders),
    )
