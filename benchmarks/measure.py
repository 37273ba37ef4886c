"""How the benchmarks measure: CPU seconds of one thread, contenders in alternating order, medians.

On a busy machine seconds say little; the ratio of two medians from one run says something.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import Any


def cpu_seconds(contenders: Mapping[str, Callable[[], Any]], repeats: int) -> tuple[dict[str, float], dict[str, Any]]:
    """Runs every contender ``repeats`` times, in turn, forwards and backwards.

    Returns:
        The median CPU seconds of each, and what each returned last.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    answers: dict[str, Any] = {}
    for turn in range(repeats):
        for name in list(contenders) if turn % 2 == 0 else reversed(list(contenders)):
            began = time.process_time()
            answers[name] = contenders[name]()
            seconds[name].append(time.process_time() - began)
    return {name: median(values) for name, values in seconds.items()}, answers


def report(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]], figures: Mapping[str, Any]) -> None:
    """Prints a small table, and the figures as one line of JSON."""
    cells = [columns, *([_cell(value) for value in row] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    print(title)
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    print(json.dumps(figures))


def _cell(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
