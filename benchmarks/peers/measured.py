"""CPU seconds of tasks, one after the other on one thread, and the peak memory of the process so far."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

GENERATED = 16
_LONG = 5.0


def prompt(tokens: int) -> str:
    """A text of so many tokens of a vocabulary that calls its words by their numbers."""
    return " ".join(f"w{7919 * position % 30_000 + 1}" for position in range(tokens))


def tell(tasks: dict[str, Callable[[], Any]]) -> None:
    """Runs each task, short ones twice, and prints the seconds of the faster run and the peak after it."""
    found = {}
    for name, task in tasks.items():
        seconds: list[float] = []
        while len(seconds) < 2 and sum(seconds) < _LONG:
            began = time.process_time()
            task()
            seconds.append(time.process_time() - began)
        status = Path("/proc/self/status").read_text()
        peak = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        found[name] = {"seconds": min(seconds), "peak_mib": peak // 1024}
        print(name, found[name], file=sys.stderr)
    print(json.dumps(found))
