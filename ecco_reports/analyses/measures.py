"""What is known of a metric before anything is computed, and what two results say about each other in numbers.

In: nothing, or the traces of two results. Out: descriptions and numbers. Light: no torch, no drawing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ecco_reports.records import Direction, Metric, Record


@dataclass(frozen=True)
class Measure:
    """A number that a gate may watch.

    Attributes:
        direction: Which way is better.
        meaning: What it is, as the end of a sentence.
        unit: ``nats``, ``layers``, ``rank``, ``share``; empty for a bare number.
        noise: The largest change that rounding alone (half precision, another order of adding) should make: what is not
            larger counts as the same.
        equal: For a number that describes two results of one question: its value for equal results (1 for an
            agreement, 0 for a distance). None for a number that describes one result.
        relative: The noise as a share of the number itself, where that is more: the larger a rank, the less it says.
    """

    direction: Direction
    meaning: str
    unit: str = ""
    noise: float = 0.0
    equal: float | None = None
    relative: float = 0.0

    @property
    def of_two(self) -> bool:
        """Whether it describes two results rather than one."""
        return self.equal is not None

    def noise_at(self, value: float) -> float:
        """The largest change of a number that rounding alone should make."""
        return max(self.noise, self.relative * abs(value))


def as_metrics(
    measures: Mapping[str, Measure], values: Mapping[str, float | None], meanings: Mapping[str, str] | None = None
) -> dict[str, Metric]:
    """Numbers of one result as metrics that say what the catalogue of their room says.

    Args:
        measures: The catalogue.
        values: By name; None for what cannot be had of this result.
        meanings: What a number means for this very result, where the catalogue speaks too generally.
    """
    special = meanings or {}
    return {
        name: Metric(
            value=float(value), direction=measures[name].direction, meaning=special.get(name, measures[name].meaning)
        )
        for name, value in values.items()
        if value is not None
    }


class Trace(Record):
    """What a later comparison needs of a result: words and rounded numbers, no arrays.

    It is written into baselines, which people commit: keep it small (a few kilobytes for a sentence), and round what
    nobody could tell apart.
    """


@dataclass(frozen=True)
class Drift:
    """How far two results of one question are from each other.

    Attributes:
        values: The measures of two results, by name; one that cannot be had is absent.
        finding: The most telling difference as one plain sentence with its numbers; empty where there is none.
        remarks: What could not be compared, and why, a sentence each.
    """

    values: Mapping[str, float] = field(default_factory=dict)
    finding: str = ""
    remarks: Sequence[str] = ()
