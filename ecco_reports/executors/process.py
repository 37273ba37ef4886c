"""Several items at a time, each in a process of its own.

A process lives for one item: the memory of its model is given back with it, and the death of one concerns no other
(a ``ProcessPoolExecutor`` ends all its workers when one of them is killed). Processes are spawned, as torch does not
survive a fork. Each reports over its own pipe, and the end of the pipe is how its death is seen.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic

from ecco_reports.executors.base import Executor, Item, Lost, Message

_SECONDS_TO_DIE = 5.0


@dataclass(frozen=True)
class _Said:
    """A message of the function."""

    message: Any


@dataclass(frozen=True)
class _Raised:
    """The function raised; the run ends with it."""

    error: BaseException


@dataclass(frozen=True)
class _Done:
    """The item is done."""


@dataclass(frozen=True)
class _Worker(Generic[Item]):
    item: Item
    process: SpawnProcess
    pipe: Connection


class ProcessExecutor(Executor):
    """Works in up to ``jobs`` processes of this machine.

    Args:
        jobs: How many items are worked on at a time.

    Raises:
        ValueError: ``jobs`` is less than one.
    """

    def __init__(self, jobs: int) -> None:
        if jobs < 1:
            raise ValueError(f"at least one worker is needed, not {jobs}")
        self._jobs = jobs

    @property
    def jobs(self) -> int:
        """How many items are worked on at a time."""
        return self._jobs

    @property
    def threads(self) -> int | None:
        """The processors this process may use, divided among the workers."""
        return max(1, _processors() // self._jobs)

    def run(
        self,
        function: Callable[[Item], Iterator[Message]],
        items: Sequence[Item],
        on_message: Callable[[Message], None],
    ) -> tuple[Lost[Item], ...]:
        """Applies ``function`` to the items; the processes that still run are ended when anything is raised."""
        waiting = deque(items)
        workers: dict[Connection, _Worker[Item]] = {}
        lost: list[Lost[Item]] = []
        try:
            while waiting or workers:
                while waiting and len(workers) < self._jobs:
                    worker = _start(function, waiting.popleft())
                    workers[worker.pipe] = worker
                for pipe in wait(list(workers)):
                    worker = workers[pipe]  # type: ignore[index]
                    reply = _receive(worker.pipe)
                    if isinstance(reply, _Said):
                        on_message(reply.message)
                        continue
                    if isinstance(reply, _Raised):
                        raise reply.error
                    reason = _end(workers.pop(worker.pipe))
                    if reply is None:
                        lost.append(Lost(worker.item, reason))
        finally:
            for worker in workers.values():
                worker.process.terminate()
            for worker in workers.values():
                _end(worker)
        return tuple(lost)


def _start(function: Callable[[Item], Iterator[Message]], item: Item) -> _Worker[Item]:
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(theirs, function, item), daemon=True)
    try:
        process.start()
    except BaseException:
        ours.close()
        raise
    finally:
        # With our copy of their end open, the end of the pipe would never be seen.
        theirs.close()
    return _Worker(item, process, ours)


def _receive(pipe: Connection) -> _Said | _Raised | _Done | None:
    """What the worker says next, or None when it is gone."""
    try:
        reply: _Said | _Raised | _Done = pipe.recv()
    except (EOFError, OSError):
        return None
    return reply


def _end(worker: _Worker[Any]) -> str:
    """Waits for the process to be gone, and says how it went."""
    worker.process.join(_SECONDS_TO_DIE)
    if worker.process.is_alive():
        worker.process.kill()
        worker.process.join()
    code = worker.process.exitcode or 0
    worker.pipe.close()
    worker.process.close()
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def _serve(pipe: Connection, function: Callable[[Any], Iterator[Any]], item: Any) -> None:
    """The life of a worker."""
    # Ctrl-C reaches every process of the terminal: the parent decides, and ends its workers without their tracebacks.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        try:
            for message in function(item):
                pipe.send(_Said(message))
            pipe.send(_Done())
        except BrokenPipeError:
            raise
        except BaseException as error:
            error.add_note(traceback.format_exc())  # An exception leaves its traceback behind when it is pickled.
            pipe.send(_Raised(error))
    except BrokenPipeError:
        return  # The parent is gone, and nobody is left to tell.


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
