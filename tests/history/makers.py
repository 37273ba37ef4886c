"""Histories made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ecco_reports.history import History, Line, add
from ecco_reports.history.lines import Asked, Mean

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


def commit(number: int) -> str:
    return f"{number + 1:07x}" + "0" * 33


def line(number: int = 0, value: float | None = 1.0, **fields: Any) -> Line:
    """The line of the commit ``number``; ``value`` is its mean log-probability over forty prompts."""
    usual: dict[str, Any] = {
        "experiment": "capitals",
        "title": "Capitals",
        "commit": commit(number),
        "time": (START + timedelta(days=number)).isoformat(),
        "asked": {"weighing": Asked(analysis="weighing", question="q")},
        "means": {} if value is None else {"m": {"weighing": {"logprob": Mean(mean=value, samples=40)}}},
    }
    return Line(**usual | fields)


def history(values: Sequence[float], **fields: Any) -> History:
    """A history with one commit a day."""
    return History("capitals", tuple(line(number, value, **fields) for number, value in enumerate(values)))


def written(folder: Path, values: Sequence[float]) -> Path:
    """The same on disk."""
    for one in history(values).lines:
        add(folder, one)
    return folder / "capitals.jsonl"
