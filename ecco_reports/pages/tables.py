"""The data behind a section of a page: as an HTML table, as CSV for spreadsheets, as JSON for programs.

In: a result's table and what is known about it. Out: markup and bytes. Never: drawing, files.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from markupsafe import Markup

from ecco_reports.pages.escape import entities, number, one_line
from ecco_reports.records import Table

Cell: TypeAlias = str | int | float | bool | None

_FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
_DIGITS = 7
"""Significant digits of a written float: what float32 carries."""


def csv_bytes(table: Table) -> bytes:
    """The table as CSV in UTF-8: a header, then one line per row.

    A cell of text that a spreadsheet would take for a formula gets an apostrophe before it, which spreadsheets hide and
    programs see; the JSON beside it has the text as it is. Control characters stand as signs, so that a row is a line.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_text(column) for column in table.columns])
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return out.getvalue().encode()


def _text(text: str) -> str:
    line = one_line(text)
    return f"'{line}" if line.lstrip().startswith(_FORMULA_STARTS) else line


def _csv_cell(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return _text(cell)
    return f"{cell:.{_DIGITS}g}" if isinstance(cell, float) else str(cell)


def json_bytes(facts: Mapping[str, Any], table: Table) -> bytes:
    """What a section shows, as JSON in ASCII: the facts, then ``columns`` and ``rows``.

    Numbers that are not finite become null, which is what JSON has for them.
    """
    head = json.dumps(_plain(dict(facts) | {"caption": table.caption, "columns": list(table.columns)}), indent=1)
    rows = ",\n  ".join(_rows(table))
    return f'{head[:-2]},\n "rows": [\n  {rows}\n ]\n}}\n'.encode()


def _rows(table: Table) -> Iterator[str]:
    return (json.dumps(_plain(row), separators=(",", ":"), allow_nan=False) for row in table.rows)


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{_DIGITS}g}") if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def table_html(columns: Sequence[str], rows: Sequence[Sequence[Cell]]) -> Markup:
    """``thead`` and ``tbody``, one row per line."""
    numeric = [
        any(isinstance(row[index], int | float) for row in rows)
        and all(row[index] is None or isinstance(row[index], int | float) for row in rows)
        for index in range(len(columns))
    ]
    head = "".join(
        f'<th scope="col"{" class=er-num" if right else ""}>{entities(one_line(column))}</th>'
        for column, right in zip(columns, numeric, strict=True)
    )
    lines = [f"<thead><tr>{head}</tr></thead>", "<tbody>"]
    lines += ["<tr>" + "".join(map(_cell, row)) + "</tr>" for row in rows]
    return Markup("\n".join([*lines, "</tbody>"]))


def _cell(cell: Cell) -> str:
    if cell is None:
        return "<td></td>"
    if isinstance(cell, bool):
        return f"<td>{'yes' if cell else 'no'}</td>"
    if isinstance(cell, str):
        return f"<td dir=auto>{entities(one_line(cell))}</td>"
    return f"<td class=er-num>{number(cell)}</td>"
