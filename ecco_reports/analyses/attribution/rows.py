"""The table of attribution.

In: a result. Out: a table. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attribution.parts import output_position, stream_of
from ecco_reports.analyses.attribution.words import shares_of
from ecco_reports.records import Table

Row: TypeAlias = dict[str, str | int | float | bool | None]
CAPTION = (
    "One row per method, output and input; contributions as computed, before any normalising, and their share of the "
    "sum of all magnitudes. An input of several tokens stands once, at the position of its first."
)


def table_of(result: AttributionResult) -> Table:
    """One row per method, target and input that the target can depend on; columns that say nothing are left out."""
    rows = [row for method in result.methods for row in _rows(result, method)]
    optional = {
        "output position": any(output_position(target) is not None for target in result.explained),
        "stream": bool(result.passage.encoder_length),
        "ignored": bool(result.ignored),
        "at least": any(method.perturbed is not None and method.perturbed.bounds for method in result.methods),
    }
    columns = tuple(name for name in _COLUMNS if optional.get(name, True))
    return Table(columns=columns, rows=tuple(tuple(row[name] for name in columns) for row in rows), caption=CAPTION)


_COLUMNS = (
    "method",
    "output",
    "output position",
    "input",
    "position",
    "stream",
    "contribution",
    "share",
    "standard error",
    "at least",
    "ignored",
)


def _rows(result: AttributionResult, method: MethodResult) -> Iterator[Row]:
    values, shares, errors = result.by_column(method), shares_of(result, method), result.errors_by_column(method)
    kept = {*result.kept_columns(method)}
    for index, target in enumerate(result.explained):
        for number, column in enumerate(result.columns(method)):
            if column[-1] > target.after:
                continue
            yield {
                "method": method.method,
                "output": target.label,
                "output position": output_position(target),
                "input": result.label(column),
                "position": column[0],
                "stream": stream_of(result, column),
                "contribution": float(values[index, number]),
                "share": float(shares[index, number]) if number in kept else None,
                "standard error": None if errors is None else float(errors[index, number]),
                "at least": method.perturbed is not None and bool(method.perturbed.at_least[index, column[0]]),
                "ignored": number not in kept,
            }
