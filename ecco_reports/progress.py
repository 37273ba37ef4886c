"""Shows work going on: a bar on a terminal, one line per result elsewhere (CI logs)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ecco_reports.plan import Task
from ecco_reports.runner import Outcome


class _Bar:
    """A progress bar."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._id = bar.add_task("planning", total=None)

    def planned(self, tasks: int) -> None:
        """So many results will be computed."""
        self._bar.update(self._id, total=tasks, description="loading the model" if tasks else "everything is stored")

    def started(self, task: Task) -> None:
        """A result is being computed now."""
        self._bar.update(self._id, description=_name(task))

    def finished(self, outcome: Outcome) -> None:
        """It is there, or has failed."""
        self._bar.advance(self._id)


class _Lines:
    """One line per result."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._total = 0
        self._done = 0

    def planned(self, tasks: int) -> None:
        """So many results will be computed."""
        self._total = tasks
        self._say(f"{tasks} to compute" if tasks else "everything is stored; nothing to compute")

    def started(self, task: Task) -> None:
        """Says nothing: a line when it is finished is enough."""

    def finished(self, outcome: Outcome) -> None:
        """It is there, or has failed."""
        self._done += 1
        seconds = f"{outcome.provenance.seconds:.1f} s" if outcome.provenance else ""
        how = "failed" if outcome.failure else seconds
        self._say(f"[{self._done}/{self._total}] {_name(outcome.task)} ({how})")

    def _say(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def _name(task: Task) -> str:
    return f"{task.experiment}: {task.prompt.name} · {task.label}"


@contextmanager
def shown_progress() -> Iterator[_Bar | _Lines]:
    """Progress on the terminal's error stream, in the form that suits it."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar)
