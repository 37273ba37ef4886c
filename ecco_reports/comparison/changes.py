"""What two results of one question have in numbers: those of each, and those of the two together.

In: a match of two entries, and the analyses that exist. Out: a pair with its changes and its mark. Never: an exception
for what a snapshot or an analysis of somebody else got wrong: that is a reason, in words.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

from pydantic import ValidationError

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.comparison.findings import Change, Mark, Pair, gravest
from ecco_reports.comparison.pairing import Match
from ecco_reports.records import Direction
from ecco_reports.registry import Registry
from ecco_reports.snapshot import ALL_OF_THEM, TRACE, Entry

UNKNOWN = Measure(Direction.NEITHER, "a number that its analysis does not describe")
"""What is known of a number without an entry in the catalogue: no direction, and no noise that would excuse it."""


class _NotComparableError(Exception):
    """Why the traces of two results cannot be held against each other; never leaves this module."""


def pair_of(match: Match, analyses: Registry[AnyAnalysis]) -> Pair:
    """Looks at the numbers of a match, if they can be compared."""
    entry = match.after or match.before
    if entry is None:
        raise ValueError("a match has at least one entry")
    pair = Pair(
        models=match.models,
        prompt=match.prompt,
        label=entry.label,
        analysis=entry.analysis,
        mark=match.mark or Mark.NOT_COMPARABLE,
        reason=match.reason,
        before=match.before,
        after=match.after,
    )
    if match.mark is not None or match.before is None or match.after is None:
        return pair
    try:
        drift, remarks = _drift(match.before, match.after, analyses)
    except _NotComparableError as trouble:
        return replace(pair, reason=str(trouble))
    measures = analyses[entry.analysis].measures if entry.analysis in analyses else {}
    changes = (*_of_two(drift, measures), *_of_one(match.before, match.after, measures))
    mark, reason = _judged(changes, match.before, match.after)
    remarks = (*remarks, *drift.remarks, *_proofs(match.before, match.after))
    return replace(pair, mark=mark, reason=reason, changes=changes, finding=drift.finding, remarks=remarks)


def _drift(before: Entry, after: Entry, analyses: Registry[AnyAnalysis]) -> tuple[Drift, tuple[str, ...]]:
    """What the analysis says of the two traces, and why it says nothing."""
    if after.analysis not in analyses:
        return Drift(), (f"The analysis {after.analysis} is not installed here, so only its own numbers are compared.",)
    analysis = analyses[after.analysis]
    traced = analysis.Traced
    if traced is None:
        return Drift(), ()
    for entry, side in ((before, "baseline"), (after, "candidate")):
        if TRACE in entry.unmeasured:
            raise _NotComparableError(f"What the {side} keeps of it is missing: {entry.unmeasured[TRACE]}.")
    if before.trace is None or after.trace is None:
        if before.trace is after.trace:
            return Drift(), ()
        side = "baseline" if before.trace is None else "candidate"
        return Drift(), (f"The {side} keeps no trace of it, so only the numbers of each side are compared.",)
    traces = _validated(before, "baseline", traced), _validated(after, "candidate", traced)
    try:
        return analysis.drift(*traces), ()
    except Exception as error:
        raise _NotComparableError(
            f"The two results cannot be held against each other: {type(error).__name__}: {error}"
        ) from error


def _validated(entry: Entry, side: str, traced: type[Trace]) -> Trace:
    try:
        return traced.model_validate(entry.trace)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "as a whole"
        raise _NotComparableError(
            f"What the {side} keeps of it is not a trace of {entry.analysis}: {where}: {first['msg']}."
        ) from error


def _of_two(drift: Drift, measures: Mapping[str, Measure]) -> Iterator[Change]:
    """The measures of two results. They can only say that the two are apart, not which of them is better."""
    for name, value in drift.values.items():
        measure = measures.get(name, UNKNOWN)
        if measure.equal is None:
            reason = f"Nobody knows what {name} is for equal results: its analysis does not describe it."
            yield Change(name, measure, None, value, Mark.NOT_COMPARABLE, reason)
        elif not math.isfinite(value):
            yield Change(name, measure, measure.equal, None, Mark.NOT_COMPARABLE, f"{name} is not a finite number.")
        else:
            yield Change(name, measure, measure.equal, value, mark_of(measure.equal, value, measure))


def _of_one(before: Entry, after: Entry, measures: Mapping[str, Measure]) -> Iterator[Change]:
    """The numbers of each result, in the candidate's order; what only the baseline has comes last."""
    names = dict.fromkeys(
        name
        for entry in (after, before)
        for name in (*entry.metrics, *entry.unmeasured)
        if name not in (ALL_OF_THEM, TRACE)
    )
    for name in names:
        yield _change(name, measures.get(name, UNKNOWN), before, after)


def _change(name: str, measure: Measure, before: Entry, after: Entry) -> Change:
    was, is_now = _number(before, name), _number(after, name)
    lost, wanting = _why(before, name), _why(after, name)
    if was is not None and is_now is not None:
        return Change(name, measure, was, is_now, mark_of(was, is_now, measure))
    if lost and wanting:
        return Change(name, measure, None, None, Mark.NOT_COMPARABLE, f"{name} is missing on both sides: {wanting}.")
    if wanting:
        return Change(name, measure, was, None, Mark.NEWLY_FAILING, f"{name} is missing now: {wanting}.")
    if lost:
        mark = Mark.NOT_COMPARABLE if is_now is None else Mark.MENDED
        return Change(name, measure, None, is_now, mark, f"{name} was missing before: {lost}.")
    return Change(name, measure, was, is_now, Mark.ADDED if was is None else Mark.GONE)


def _number(entry: Entry, name: str) -> float | None:
    value = entry.metrics.get(name)
    return value if value is not None and math.isfinite(value) else None


def _why(entry: Entry, name: str) -> str:
    """Why a number is absent that should be there; empty where it is there, or need not be."""
    if name in entry.metrics:
        return "" if math.isfinite(entry.metrics[name]) else "it is not a finite number"
    return (entry.unmeasured.get(name) or entry.unmeasured.get(ALL_OF_THEM) or "").rstrip(". ")


def noise_between(before: float, after: float, measure: Measure) -> float:
    """The largest difference of two numbers that rounding alone should make.

    A noise that grows with the number goes by the smaller one: rank 1 and rank 2 are not the same because rank 2 alone
    could be rounded to rank 1.
    """
    return measure.noise_at(min(abs(before), abs(after)))


def within_noise(before: float, after: float, measure: Measure) -> bool:
    """Whether two numbers are no further apart than rounding alone should bring them."""
    size, noise = abs(after - before), noise_between(before, after, measure)
    return size <= noise or math.isclose(size, noise, rel_tol=1e-9)


def mark_of(before: float, after: float, measure: Measure) -> Mark:
    """The mark of one finite number that both sides have."""
    if within_noise(before, after, measure):
        return Mark.SAME
    if measure.of_two or measure.direction is Direction.NEITHER:
        return Mark.CHANGED
    return Mark.BETTER if (after > before) == (measure.direction is Direction.HIGHER) else Mark.WORSE


def _judged(changes: tuple[Change, ...], before: Entry, after: Entry) -> tuple[Mark, str]:
    """The mark of a pair, and the reason where it has one."""
    if not changes:
        if ALL_OF_THEM in after.unmeasured:
            failed_before = ALL_OF_THEM in before.unmeasured
            return Mark.NOT_COMPARABLE if failed_before else Mark.NEWLY_FAILING, after.unmeasured[ALL_OF_THEM]
        if before.key == after.key:
            return Mark.SAME, ""
        return Mark.NOT_COMPARABLE, "Neither result has a number that could be compared."
    came_or_went = (Mark.ADDED, Mark.GONE)
    mark = gravest(Mark.CHANGED if change.mark in came_or_went else change.mark for change in changes)
    return mark, next((change.reason for change in changes if change.mark is mark and change.reason), "")


def _proofs(before: Entry, after: Entry) -> Iterator[str]:
    """Which proofs a result carries that do not hold: its numbers may mean nothing."""
    for entry, side in ((before, "baseline"), (after, "candidate")):
        for check in entry.unproven:
            yield f"A proof of the {side} does not hold, so its numbers may mean nothing: {check.rstrip('.')}."
