"""What the results of an experiment say to a gate: a number for each, or why there is none.

In: a gate, a snapshot, and what it is compared with. Out: one finding for each result that the gate watches. A result
is passed over only where its prompt lacks the target or foil that every result with this number has.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import Comparison, Mark, Pair
from ecco_reports.gates.verdicts import Status
from ecco_reports.records import Direction
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Entry, Snapshot

if TYPE_CHECKING:
    from ecco_reports.experiment import Gate

OF_ONE_AGAINST = frozenset({"max_drop", "max_ratio"})
"""The bounds that hold a number of one result against the same number of the baseline."""

UNKNOWN = Measure(Direction.NEITHER, "")
"""What is known of a metric whose analysis does not list its metrics."""


@dataclass(frozen=True)
class Finding:
    """What one result says to a gate.

    Attributes:
        entry: Where the result stands.
        measure: What is known of the metric.
        after: The number; None where there is none.
        before: The number of the baseline; None where the gate does not ask for it, or there is none.
        status: Why the gate cannot be judged here, or not all of it; None where it can.
        reason: The same as a sentence.
        missing: Whether the result has no such number.
    """

    entry: Entry
    measure: Measure
    after: float | None = None
    before: float | None = None
    status: Status | None = None
    reason: str = ""
    missing: bool = False


@dataclass(frozen=True)
class Evidence:
    """Where a gate looks.

    Attributes:
        snapshot: Of the run that is judged.
        comparison: Of the run with its baseline; None where there is none.
        analyses: The analyses that exist.
    """

    snapshot: Snapshot
    comparison: Comparison | None
    analyses: Registry[AnyAnalysis]

    def watched(self, gate: Gate) -> list[Entry]:
        """The results of the entry that a gate on a number names, in the order of the page."""
        return [entry for entry in self.snapshot.entries if entry.label == gate.label and self.covers(gate, entry)]

    def covers(self, gate: Gate, entry: Entry) -> bool:
        """Whether a gate is for the model and the prompt of a result.

        One that asks for the baseline is not for the model that is the baseline itself.
        """
        if gate.models and entry.model not in gate.models:
            return False
        if gate.against and entry.model in self._own_baselines:
            return False
        return not gate.prompts or entry.prompt in gate.prompts

    def pair(self, entry: Entry) -> Pair | None:
        """What a result is compared with."""
        return self._pairs.get(entry.place)

    @cached_property
    def _own_baselines(self) -> frozenset[str]:
        """The models of the run that others of the same run are held against."""
        if self.comparison is None or not self.comparison.is_within:
            return frozenset()
        return frozenset(before for before, _ in self.comparison.models)

    @cached_property
    def _pairs(self) -> Mapping[tuple[str, str, str], Pair]:
        pairs = self.comparison.pairs if self.comparison else ()
        return {pair.place: pair for pair in pairs if pair.after is not None}

    def findings(self, gate: Gate) -> list[Finding]:
        """What every result says that the gate watches."""
        found = [self._finding(gate, entry) for entry in self.watched(gate)]
        carriers = [finding.entry for finding in found if finding.after is not None]
        return [one for one in found if not (one.missing and self._is_passed_over(one.entry, carriers))]

    def known(self, gate: Gate) -> list[str]:
        """Every metric that a gate could have named, for somebody who mistyped one."""
        names = (f"{entry.label}.{name}" for entry in self.snapshot.entries for name in entry.metrics)
        return sorted(dict.fromkeys(names))

    def _is_passed_over(self, entry: Entry, carriers: Iterable[Entry]) -> bool:
        having = [self.snapshot.prompts[one.prompt] for one in carriers]
        mine = self.snapshot.prompts[entry.prompt]
        return bool(having) and any(
            getattr(mine, part) is None and all(getattr(prompt, part) is not None for prompt in having)
            for part in ("target", "foil")
        )

    def _measure(self, gate: Gate, entry: Entry, pair: Pair | None) -> Measure:
        known = self.analyses[entry.analysis].measures.get(gate.name)
        change = pair.change(gate.name) if pair else None
        return known or (change.measure if change else UNKNOWN)

    def _finding(self, gate: Gate, entry: Entry) -> Finding:
        pair = self.pair(entry)
        measure = self._measure(gate, entry, pair)
        if entry.failure is not None:
            return Finding(entry, measure, status=Status.NOT_RUN, reason=f"there is no result: {inner(entry.failure)}")
        if reason := entry.unmeasured.get(""):
            return Finding(entry, measure, status=Status.ERROR, reason=inner(reason))
        if measure.of_two or (gate.against and not gate.bounds.keys() & OF_ONE_AGAINST):
            return self._of_two(gate, entry, measure, pair)
        if reason := entry.unmeasured.get(gate.name):
            return Finding(entry, measure, status=Status.FAIL, reason=inner(reason))
        after = entry.metrics.get(gate.name)
        if after is not None and not math.isfinite(after):
            return Finding(entry, measure, status=Status.FAIL, reason="the value is not a finite number")
        if gate.against is None:
            return Finding(entry, measure, after) if after is not None else _missing(entry, measure)
        return self._against(gate, entry, measure, pair, after)

    def _against(self, gate: Gate, entry: Entry, measure: Measure, pair: Pair | None, after: float | None) -> Finding:
        """One result held against the one of the baseline."""
        if (obstacle := self.obstacle(pair)) is not None:
            return _missing(entry, measure) if after is None else Finding(entry, measure, after, None, *obstacle)
        assert pair is not None, "only a pair has no obstacle"
        assert pair.before is not None, "only a pair of two results has no obstacle"
        before = pair.before.metrics.get(gate.name)
        unmeasured = pair.before.unmeasured.get(gate.name) or pair.before.unmeasured.get("")
        if before is not None and not math.isfinite(before):
            before, unmeasured = None, "the value is not a finite number"
        if after is None:
            if before is None:
                return _missing(entry, measure)
            reason = f"the baseline has {before:.4g}, and this run has no such number"
            return Finding(entry, measure, None, before, Status.FAIL, reason)
        if before is not None:
            return Finding(entry, measure, after, before)
        if unmeasured:
            return Finding(entry, measure, after, None, Status.NOT_COMPARABLE, f"in the baseline, {inner(unmeasured)}")
        return Finding(entry, measure, after, None, Status.NO_BASELINE, "the baseline has no such number")

    def _of_two(self, gate: Gate, entry: Entry, measure: Measure, pair: Pair | None) -> Finding:
        """What a result and the one of the baseline say about each other."""
        if (obstacle := self.obstacle(pair)) is not None:
            return Finding(entry, measure, None, None, *obstacle)
        assert pair is not None, "only a pair has no obstacle"
        change = pair.change(gate.name)
        if not measure.of_two and change is not None:
            reason = "this metric describes one result, not a pair"
            return Finding(entry, measure, None, None, Status.NOT_COMPARABLE, reason)
        after = change.after if change else None
        if after is None:
            if pair.remarks:
                reason = "; ".join(inner(remark) for remark in pair.remarks)
                return Finding(entry, measure, None, None, Status.NOT_COMPARABLE, reason)
            return _missing(entry, measure)
        if not math.isfinite(after):
            return Finding(entry, measure, None, None, Status.FAIL, "the value is not a finite number")
        return Finding(entry, measure, after, measure.equal)

    def obstacle(self, pair: Pair | None) -> tuple[Status, str] | None:
        """Why a result cannot be held against the baseline."""
        if self.comparison is None:
            return Status.NO_BASELINE, "there is no baseline"
        if pair is None or pair.before is None:
            if not any(one.before is not None and one.after is not None for one in self.comparison.pairs):
                return Status.NOT_COMPARABLE, "the baseline and this run have no result in common"
            return Status.NO_BASELINE, "the baseline has no such result"
        if pair.mark is Mark.NOT_COMPARABLE:
            return Status.NOT_COMPARABLE, inner(pair.reason) or "the two results cannot be compared"
        if pair.before.failure is not None:
            return Status.NO_BASELINE, f"the baseline has no result here: {inner(pair.before.failure)}"
        return None


def _missing(entry: Entry, measure: Measure) -> Finding:
    meaning = f" ({inner(measure.meaning)})" if measure.meaning else ""
    reason = f"this result has no such number{meaning}"
    return Finding(entry, measure, status=Status.INSUFFICIENT_DATA, reason=reason, missing=True)


def inner(text: str) -> str:
    """A sentence as a part of another one."""
    return text.strip().rstrip(".")


def gravest(findings: Sequence[Finding]) -> Finding | None:
    """The finding that decides for all of them, where one of them does: an error, a missing task, a bad number."""
    for status in (Status.ERROR, Status.NOT_RUN, Status.FAIL):
        for finding in findings:
            if finding.status is status:
                return finding
    return None
