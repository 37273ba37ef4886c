"""What to do when memory runs out: less at once, said aloud; and when one item is too much, an error with a number.

In: items, and how a chunk of them is computed. Out: the chunks' answers in order, whatever size they could have.
Never: torch at import, a result that depends on where the cut fell.
"""

from __future__ import annotations

import errno
import gc
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from ecco_reports.errors import ModelMemoryError

T = TypeVar("T")
R = TypeVar("R")

# How CUDA, its libraries, MPS and the allocators of Linux, Windows and macOS say it: most of them without a class of
# errors of their own.
_OUT_OF_MEMORY = re.compile(
    r"out of memory|not enough memory|can ?not allocate memory|can't allocate memory|_STATUS_ALLOC_FAILED"
    r"|invalid buffer size|bad_alloc|bad allocation",
    re.IGNORECASE,
)
_WANTED = re.compile(
    r"(?:tried to allocate|unable to allocate|invalid buffer size:)\s+([\d.]+)\s*(bytes|[KMGT]i?B)", re.IGNORECASE
)
# torch and numpy count in powers of 1024, also where they write MB.
_BYTES = {"b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}

TROUBLE = (TypeError, KeyError, IndexError, RuntimeError, ValueError, LookupError, AttributeError, NotImplementedError)
"""What a model may raise when it is run in a way it was not written for."""


@dataclass(frozen=True)
class _Cut:
    """How many items were computed at once, and how many should have been."""

    size: int
    asked: int


class Memory:
    """How much of a model's work is done at once, as far as memory allows.

    What was learned is kept as long as the model: work of a kind that was too much once begins with the share that
    was not.

    Args:
        source: The model, for the message of an error.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._learned: dict[tuple[str, str], _Cut] = {}
        self._notes: dict[tuple[str, str], _Cut] = {}

    def chunks(
        self, work: str, unit: str, items: Sequence[T], at_once: int, compute: Callable[[Sequence[T]], R]
    ) -> Iterator[R]:
        """Computes items in chunks; a chunk that is too much for the memory is halved and computed again.

        What the caller does with a part is not protected: the large tensors should come and go inside ``compute``.

        Args:
            work: What is computed, as it stands in a sentence: "the lens".
            unit: What one item is, in the singular: "state".
            items: All of them.
            at_once: How many to take at once: what a budget divided by the size of an item comes to.
            compute: Makes the answer for a chunk; it may be called again for parts of the same chunk.

        Yields:
            The answer for each chunk, in the order of the items.

        Raises:
            ModelMemoryError: A single item is too much.
        """
        kind, asked = (work, unit), max(1, min(at_once, len(items)))
        known = self._learned.get(kind, _Cut(1, 1))
        size = max(1, min(asked, at_once * known.size // known.asked))
        start = 0
        while start < len(items):
            chosen = items[start : start + size]
            answer = self._attempt(work, unit, chosen, compute)
            if answer is None:
                size = len(chosen) // 2
                self._learned[kind] = _Cut(size, max(1, at_once))
                continue
            if size < asked:
                self._note(kind, _Cut(size, asked))
            start += len(chosen)
            yield answer[0]

    def collect(self) -> tuple[str, ...]:
        """What was computed in smaller parts since the last call, one sentence each."""
        notes, self._notes = self._notes, {}
        return tuple(_sentence(work, unit, cut) for (work, unit), cut in notes.items())

    def _attempt(
        self, work: str, unit: str, items: Sequence[T], compute: Callable[[Sequence[T]], R]
    ) -> tuple[R] | None:
        """The answer for a chunk, or None when it was too much and something can be done about it."""
        try:
            return (compute(items),)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            _let_go(error)
            if len(items) == 1:
                raise told(error, self._source, f"{work}, even one {unit} at a time")  # noqa: B904
        # Here, where the error is gone, nothing holds the tensors of the failed attempt any more.
        free()
        return None

    def _note(self, kind: tuple[str, str], cut: _Cut) -> None:
        known = self._notes.get(kind, cut)
        self._notes[kind] = _Cut(min(known.size, cut.size), max(known.asked, cut.asked))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out, on whatever device."""
    if isinstance(error, MemoryError | ModelMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return isinstance(error, RuntimeError) and (
        type(error).__name__ == "OutOfMemoryError" or _OUT_OF_MEMORY.search(str(error)) is not None
    )


def wanted_bytes(error: BaseException) -> int | None:
    """How many bytes could not be had, as far as the error tells."""
    if (match := _WANTED.search(str(error))) is None:
        return None
    return round(float(match[1]) * _BYTES[match[2][0].lower()])


def told(error: Exception, source: str, work: str) -> Exception:
    """An out-of-memory error in our own words; any other error, and one that is told already, stays as it is.

    Args:
        error: What happened.
        source: The model.
        work: What there was not enough memory for, as it stands in a sentence.
    """
    if isinstance(error, ModelMemoryError) or not is_out_of_memory(error):
        return error
    short = ModelMemoryError(source, work, wanted_bytes(error))
    short.__cause__ = error
    return short


def free() -> None:
    """Gives back what nothing uses any more, that of the devices included."""
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is None:
        return
    if torch.cuda.is_initialized():
        torch.cuda.empty_cache()
    if torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _let_go(error: BaseException | None) -> None:
    """Forgets the variables of the frames that an error came through, which hold the tensors made so far."""
    while error is not None:
        traceback.clear_frames(error.__traceback__)
        error = error.__cause__ or error.__context__


def _sentence(work: str, unit: str, cut: _Cut) -> str:
    size = f"one {unit}" if cut.size == 1 else f"{cut.size} {unit}s"
    return f"For want of memory, {work} took {size} at a time instead of {cut.asked}."
