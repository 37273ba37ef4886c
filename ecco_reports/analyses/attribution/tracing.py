"""What is kept of an attribution for later comparisons: contributions of the words of the prompt, rounded.

In: a result. Out: a trace. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from pydantic import FiniteFloat, model_validator

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import Method, ScoreName
from ecco_reports.analyses.measures import Trace
from ecco_reports.analyses.traced_targets import MOST_TARGETS, TracedTarget
from ecco_reports.analyses.traced_words import Part, TracedWord, grouped, parts_of, rounded
from ecco_reports.records import Record


class TracedMethod(Record):
    """What one method says.

    Attributes:
        method: Its name.
        signed: Whether a contribution can lower the score.
        contributions: ``[target, word]``, as computed, before any normalising.
        elsewhere: What the method gave to anything but the words of the prompt (signs of a template, what the model
            had written by then, an attention sink), as the sum of its magnitudes, ``[target]``.
    """

    method: Method
    signed: bool
    contributions: tuple[tuple[FiniteFloat, ...], ...]
    elsewhere: tuple[FiniteFloat, ...]


class AttributionTrace(Trace):
    """An attribution without its arrays.

    Attributes:
        words: The units of the prompt, in reading order; ignored ones, masks and the template are left out.
        targets: The first outputs that were explained, at most ``MOST_TARGETS``.
        explained: How many outputs were explained.
        score: What was explained about them.
        methods: In the order of the page.
    """

    words: tuple[TracedWord, ...]
    targets: tuple[TracedTarget, ...]
    explained: int
    score: ScoreName
    methods: tuple[TracedMethod, ...]

    @model_validator(mode="after")
    def _one_number_each(self) -> Self:
        targets, words = len(self.targets), len(self.words)
        for method in self.methods:
            if [len(row) for row in method.contributions] != [words] * targets or len(method.elsewhere) != targets:
                raise ValueError(f"{method.method} does not have one number for each of {targets} × {words}")
        return self


def trace_of(result: AttributionResult) -> AttributionTrace:
    """What is kept of a result."""
    ignored = {*result.ignored}
    parts = [part for part in grouped(parts_of(result.passage), result.units) if not ignored >= {*part[1]}]
    targets = result.explained[:MOST_TARGETS]
    return AttributionTrace(
        words=tuple(word for word, _ in parts),
        targets=tuple(map(TracedTarget.of, targets)),
        explained=len(result.explained),
        score=result.score,
        methods=tuple(_method(result, method, parts, len(targets)) for method in result.methods),
    )


def _method(result: AttributionResult, method: MethodResult, parts: Sequence[Part], targets: int) -> TracedMethod:
    kept = method.contributions[:targets]
    inside = {position for _, unit in parts for position in unit}
    columns = result.columns(method)
    beside = [index for index in result.kept_columns(method) if inside.isdisjoint(columns[index])]
    elsewhere = np.abs(result.by_column(method)[:targets, beside]).sum(-1)
    if method.attended is not None:
        elsewhere = elsewhere + method.attended.missing[:targets]
    return TracedMethod(
        method=method.method,
        signed=result.is_signed(method),
        contributions=tuple(tuple(rounded(float(row[list(unit)].sum())) for _, unit in parts) for row in kept),
        elsewhere=tuple(rounded(float(value)) for value in elsewhere),
    )
