"""Every error that ecco_reports raises on purpose, as one tree.

    EccoReportsError
    ├── ExperimentError        the experiment file says something that cannot be done (experiment, plan)
    │   └── UnknownNameError   a name that nothing answers to, with the names that are near it
    ├── ModelError
    │   ├── ModelLoadError     the model or its tokenizer cannot be had (models)
    │   │   └── OutOfReachError    it may be on the hub, which cannot be asked now (models)
    │   ├── CapabilityError    the model cannot do what an analysis needs (models, analyses)
    │   ├── NumericalError     NaN or infinity where a number should be (models, methods, worker)
    │   ├── ModelMemoryError   a single step of an analysis is too much for the memory (models, worker)
    │   └── ModelApiError      a model behind an API answered with an error (models)
    ├── NotFiniteError         a result holds NaN or infinity (store)
    ├── StoreError             the store cannot be read or written (store)
    ├── BaselineError          nothing usable to hold a run against, or a run not fit for it (comparison, baselines)
    ├── HistoryError           a run has no place in a history, or a history cannot be read or written (history)
    ├── SpanError              an attribution says nothing of a part of the prompt that was named (analyses, gates)
    ├── RenderError            a chart or a page cannot be made (charts, pages)
    ├── ReportError            a report cannot be written as it was asked for (reporting)
    └── SiteError              MkDocs refused the pages (site)
        └── PublishingError    pages cannot go where they are asked to go (site)

Errors carry data; only ``cli`` turns them into sentences on a terminal.
"""

from __future__ import annotations

import copyreg
import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong in a file: where it is, what it is, and what to write instead.

    Attributes:
        file: The file as the user named it.
        line: Line from 1, or 0 when the whole file is meant.
        column: Column from 1, or 0 when the whole line is meant.
        message: What is wrong.
        hint: What to do about it; may be empty.
    """

    file: str
    line: int
    column: int
    message: str
    hint: str = ""

    @property
    def where(self) -> str:
        """``file:line:column``, as editors and terminals make it clickable."""
        if not self.line:
            return self.file
        return f"{self.file}:{self.line}:{self.column or 1}"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f" {self.hint}" if self.hint else "")


class EccoReportsError(Exception):
    """Base of all errors that ecco_reports raises on purpose."""

    def __reduce__(self) -> tuple[Any, ...]:
        # Workers send errors through pickle, which would call the class with the message instead of its own arguments.
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]


class ExperimentError(EccoReportsError):
    """An experiment file cannot be used as it stands.

    Attributes:
        problems: All that was found in one go, in the order of the file.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


class UnknownNameError(ExperimentError):
    """A name was used that nothing answers to.

    Attributes:
        name: The name as it was written.
        suggestions: Known names that look like it, nearest first.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str], file: str = "") -> None:
        known = sorted(known)
        self.name = name
        self.suggestions = tuple(nearest(name, known))
        super().__init__([Problem(file or kind, 0, 0, f"unknown {kind} {name!r}.", did_you_mean(name, known))])


class ModelError(EccoReportsError):
    """Something about a model went wrong.

    Attributes:
        source: The model as the experiment names it.
    """

    def __init__(self, source: str, message: str) -> None:
        self.source = source
        super().__init__(message)


class ModelLoadError(ModelError):
    """The model or its tokenizer cannot be had."""


class OutOfReachError(ModelLoadError):
    """The model is neither here nor in the local cache, and the hub, which may have it, cannot be asked now."""


class CapabilityError(ModelError):
    """The model lacks what an analysis needs; the message says what and why."""


class NumericalError(ModelError):
    """A model, or what was computed of it, gives NaN or infinity where a number should be.

    Attributes:
        part: The first part of the model where it appears: "the embedding", "layer 3", "the head"; None where that is
            not known.
        position: The first position of the text where it appears, or None.
    """

    def __init__(self, source: str, message: str, part: str | None = None, position: int | None = None) -> None:
        self.part = part
        self.position = position
        super().__init__(source, message)


class ModelMemoryError(ModelError):
    """There is not enough memory for a step that cannot be made smaller.

    Attributes:
        wanted: How many bytes could not be had, or None where the system does not tell.
    """

    def __init__(self, source: str, work: str, wanted: int | None) -> None:
        self.wanted = wanted
        size = "how much was wanted is not told" if wanted is None else f"{_readable(wanted)} more were wanted"
        super().__init__(
            source,
            f"{source}: there is not enough memory for {work}; {size}. Choose a smaller dtype (bfloat16 takes half of "
            "float32), a shorter prompt, fewer positions, or a device with more memory.",
        )


class ModelApiError(ModelError):
    """A model behind an API answered with an error, or not at all.

    Attributes:
        status: The HTTP status of the answer, or None when there was none or another thing was wrong.
    """

    def __init__(self, source: str, message: str, status: int | None = None) -> None:
        self.status = status
        super().__init__(source, message)


class NotFiniteError(EccoReportsError):
    """A result holds NaN or infinity, of which no chart could be made; nothing of it is stored.

    Attributes:
        field: The path of the field.
        index: Where in an array it stands; empty for a single number.
    """

    def __init__(self, field: str, index: tuple[int, ...], number: float) -> None:
        self.field = field
        self.index = index
        where = f" at {list(index)}" if index else ""
        super().__init__(f"the result's field {field!r} holds a number that is not finite: {number}{where}.")


class StoreError(EccoReportsError):
    """The store cannot be read or written."""


class SpanError(EccoReportsError):
    """A part of a prompt, or a method, was named of which an attribution says nothing."""


class BaselineError(EccoReportsError):
    """There is nothing usable to hold a run against, or a run is not fit to be held against."""


class HistoryError(EccoReportsError):
    """A run has no place in a history, or a history cannot be read or written."""


class RenderError(EccoReportsError):
    """A chart or a page cannot be made."""


class ReportError(EccoReportsError):
    """A report cannot be written as it was asked for."""


class SiteError(EccoReportsError):
    """The site cannot be assembled.

    Attributes:
        warnings: What MkDocs complained about, one line each.
    """

    def __init__(self, message: str, warnings: Sequence[str] = ()) -> None:
        self.warnings = tuple(warnings)
        super().__init__("\n".join([message, *self.warnings]))


class PublishingError(SiteError):
    """Pages cannot go where somebody asks them to go: the address or the folder is wrong, or somebody else's."""


def _readable(size: int) -> str:
    """A number of bytes, with the nearest binary unit before it."""
    exact = f"{size:,} bytes"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if size >= scale:
            return f"{size / scale:.1f} {unit} ({exact})"
    return exact


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """The known names that look like ``name``, nearest first, three at most."""
    by_folded = {candidate.casefold(): candidate for candidate in known}
    matches = difflib.get_close_matches(name.casefold(), by_folded, n=3, cutoff=0.6)
    return [by_folded[match] for match in matches]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A sentence that helps somebody who mistyped ``name``."""
    if close := nearest(name, known):
        return f"Did you mean {' or '.join(repr(match) for match in close)}?"
    if not known:
        return "There is none to choose from."
    return f"Known: {', '.join(known)}."
