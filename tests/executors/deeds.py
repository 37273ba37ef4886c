"""What workers are asked to do in these tests; light, as every worker imports it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from ecco_reports.errors import ExperimentError, ModelLoadError, Problem


def count(number):
    """Says a number and its square."""
    yield number
    yield number * number


def count_or_die(number):
    """Dies in the middle of item 2."""
    yield (number, "begun", os.getpid())
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    yield (number, "done", os.getpid())


def leave(number):
    """Ends its process in an orderly way, but without being done."""
    yield number
    os._exit(7)


def complain(item):
    """Raises errors that carry data."""
    yield item
    raise ExperimentError([Problem("a.yaml", 3, 1, "wrong"), Problem("b.yaml", 0, 0, "missing")])


def refuse(item):
    """Raises an error with a constructor of its own."""
    yield from ()
    raise ModelLoadError("gpt2", "gpt2 is not here")


def say_something_unspeakable(item):
    """Yields what cannot be sent."""
    yield lambda: item


def first_raise_then_linger(item):
    """Item 0 raises; the others would go on for a minute and then leave a trace."""
    yield os.getpid()
    if item == 0:
        time.sleep(0.5)
        raise ModelLoadError("m", "stop")
    time.sleep(60)
    Path(item).touch()
