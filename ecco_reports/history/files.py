"""Histories on disk: one file per experiment, one line of JSON per commit, only ever added to.

In: lines and a folder. Out: the lines again, and what is damaged, by file and line. Never: changing or removing what
stands there. A commit that is told anew gets a new line, and the last one of a commit counts.

    history/EXPERIMENT.jsonl    {"history":1,"sha256":"...","line":{...}}

A damaged line (cut off, edited, not a number, of another schema) is left out and named; it stays in the file.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ecco_reports.errors import HistoryError
from ecco_reports.history.lines import LINE_SCHEMA, Line
from ecco_reports.records import canonical_json, digest

SUFFIX = ".jsonl"


class Added(StrEnum):
    """What became of a line that was to be added."""

    NEW = "added"
    SAME = "already there"
    AGAIN = "added, in place of what was told of this commit before"


@dataclass(frozen=True)
class Damage:
    """A line that cannot be used.

    Attributes:
        path: The file.
        number: The line, from 1.
        message: Why, as the end of a sentence.
    """

    path: Path
    number: int
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.number}: this line {self.message}, so it is left out."


@dataclass(frozen=True)
class History:
    """What is known of an experiment at earlier commits.

    Attributes:
        experiment: Its name.
        lines: One per commit, the oldest first.
        damages: The lines that were left out.
    """

    experiment: str
    lines: tuple[Line, ...]
    damages: tuple[Damage, ...] = ()

    @property
    def branch(self) -> str:
        """The branch most of its lines are on."""
        branches = [line.branch for line in self.lines]
        return max(reversed(branches), key=branches.count, default="")

    @property
    def mainline(self) -> tuple[Line, ...]:
        """The lines of that branch: numbers of other branches do not follow from one another."""
        return tuple(line for line in self.lines if line.branch == self.branch)


def history_file(folder: Path, experiment: str) -> Path:
    """Where the history of an experiment is, or would be."""
    return folder / f"{experiment}{SUFFIX}"


def histories(folder: Path) -> tuple[History, ...]:
    """All histories of a folder, by name; none where there is no such folder.

    Raises:
        HistoryError: A file cannot be read.
    """
    paths = sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file()) if folder.is_dir() else []
    return tuple(read(path) for path in paths)


def read(path: Path) -> History:
    """The history in a file; an empty one where there is no such file.

    Raises:
        HistoryError: It cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise HistoryError(f"{path} cannot be read: {error.strerror or error}.") from error
    by_commit: dict[str, Line] = {}
    damages = []
    for number, written in enumerate(data.split(b"\n"), 1):
        if not written.strip():
            continue
        line = _line(written, path.stem)
        if isinstance(line, str):
            damages.append(Damage(path, number, line))
        else:
            by_commit[line.commit] = line
    ordered = sorted(by_commit.values(), key=lambda line: line.moment)
    return History(path.stem, tuple(ordered), tuple(damages))


def add(folder: Path, line: Line, *, replace: bool = False) -> Added:
    """Adds the line of a commit to the history of its experiment.

    Args:
        folder: Of the histories; made where it is not there.
        line: What to add.
        replace: Whether it counts instead of another one of this commit.

    Raises:
        HistoryError: This commit has a line that says something else; or the file cannot be written.
    """
    path = history_file(folder, line.experiment)
    known = {one.commit: one for one in read(path).lines}.get(line.commit)
    if known is not None and known.says_the_same(line):
        return Added.SAME
    if known is not None and not replace:
        raise HistoryError(
            f"{path} tells something else of the commit {line.short} already. If this run is right, add it with "
            "--replace; the line that stands there is kept, and no longer counts."
        )
    body = line.model_dump(mode="json", exclude_defaults=True)
    sealed = f'{{"history":{LINE_SCHEMA},"sha256":"{_seal(body)}","line":{canonical_json(body)}}}\n'
    _append(path, sealed.encode("ascii"))
    return Added.NEW if known is None else Added.AGAIN


def _append(path: Path, data: bytes) -> None:
    """Adds to a file in one write; after a line that was cut off, on a new one."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            if file.tell():
                file.seek(-1, os.SEEK_END)
                data = data if file.read(1) == b"\n" else b"\n" + data
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise HistoryError(f"{path} cannot be written: {error.strerror or error}.") from error


def _seal(body: Mapping[str, Any]) -> str:
    return digest(body)[:32]


def _line(written: bytes, experiment: str) -> Line | str:
    """A line of a file, or what is wrong with it."""
    try:
        sealed = json.loads(written.decode("utf-8"), parse_constant=_refused, parse_float=_finite)
    except _NoNumberError as error:
        return f"holds {error}, which is no number"
    except (ValueError, RecursionError):
        return "is cut off or no JSON"
    if not isinstance(sealed, dict) or not isinstance(sealed.get("line"), dict) or "history" not in sealed:
        return "is JSON, but no line of a history"
    if (schema := sealed["history"]) != LINE_SCHEMA:
        return f"has the schema {json.dumps(schema)}, and this version of ecco-reports knows {LINE_SCHEMA}"
    body = sealed["line"]
    if sealed.get("sha256") != _seal(body):
        return "was changed by hand: its checksum is not that of what it says"
    try:
        line = Line.model_validate(body)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        return f"is not as this version of ecco-reports writes it ({'.'.join(map(str, first['loc']))}: {first['msg']})"
    return line if line.experiment == experiment else f"is of another experiment, {line.experiment!r}"


class _NoNumberError(Exception):
    """NaN or infinity; never leaves this module."""


def _refused(literal: str) -> float:
    raise _NoNumberError(literal)


def _finite(literal: str) -> float:
    number = float(literal)
    return number if math.isfinite(number) else _refused(literal)
