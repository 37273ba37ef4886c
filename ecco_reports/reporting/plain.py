"""A report as JSON for programs: everything, in full precision.

In: a report. Out: canonical JSON (sorted keys, ASCII), finite numbers only: what is not a number is null, and
``unmeasured`` of its entry says why. ``schema`` is raised when a field changes its meaning; new fields may come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from ecco_reports.comparison.words import tally
from ecco_reports.records import Record, canonical_json

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.gates import Verdicts
    from ecco_reports.reporting import Report

SCHEMA = 1


def json_bytes(report: Report) -> bytes:
    """The report as one line of JSON in ASCII, with a line end."""
    return (canonical_json(plain(report)) + "\n").encode()


def plain(report: Report) -> dict[str, Any]:
    """The report as values that JSON knows."""
    return {
        "schema": SCHEMA,
        "link": report.link,
        "comparisons": [_comparison(comparison) for comparison in report.comparisons],
        "verdicts": _verdicts(report.verdicts) if report.verdicts else None,
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    """A comparison; its two snapshots without the entries, which stand in the pairs."""
    value: dict[str, Any] = _lowered(comparison)
    for side in ("before", "after"):
        del value[side]["entries"]
    return value | {"tally": {mark.value: number for mark, number in tally(comparison.pairs).items()}}


def _verdicts(verdicts: Verdicts) -> dict[str, Any]:
    return {
        "exit_code": verdicts.exit_code,
        "failed_tasks": verdicts.failed_tasks,
        "counts": {status.value: number for status, number in verdicts.counts.items()},
        "all": [_lowered(verdict) | {"failed": verdict.failed} for verdict in verdicts.all],
    }


def _lowered(value: Any) -> Any:
    """Records, dataclasses and enumerations as values that JSON knows."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Record):
        return _lowered(value.model_dump(mode="python"))
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _lowered(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(_lowered(key)): _lowered(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_lowered(item) for item in value]
    return value
