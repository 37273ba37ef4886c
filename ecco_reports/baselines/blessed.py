"""Baselines: one file per experiment, written only when somebody says so.

In: a snapshot and a folder. Out: the file, and the snapshot again. Never: another experiment's numbers under this
one's name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

import ecco_reports
from ecco_reports.baselines.sealed import Kind, read_sealed, write_sealed
from ecco_reports.errors import BaselineError
from ecco_reports.records import Record
from ecco_reports.snapshot import Snapshot

SUFFIX = ".json"

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")
_AGAIN = "bless it again"


class Blessing(Record):
    """Who says that a run is what later ones should be like.

    Attributes:
        when: In UTC.
        version: Of ecco-reports.
        note: Why, in the words of who blessed it; may be empty.
    """

    when: str
    version: str
    note: str = ""


@dataclass(frozen=True)
class Blessed:
    """A baseline.

    Attributes:
        snapshot: What later runs are held against.
        blessing: When it was blessed, and why.
    """

    snapshot: Snapshot
    blessing: Blessing


def baseline_file(folder: Path, experiment: str) -> Path:
    """Where the baseline of an experiment is, or would be."""
    return folder / f"{experiment}{SUFFIX}"


def write_baseline(folder: Path, snapshot: Snapshot, note: str = "") -> Path:
    """Blesses a snapshot, in place of what was blessed before.

    Args:
        folder: Of the baselines; made where it is not there.
        snapshot: What later runs are to be held against.
        note: Why.

    Returns:
        The file.

    Raises:
        BaselineError: It cannot be written; what was there is as it was.
    """
    when = datetime.now(UTC).isoformat(timespec="seconds")
    blessing = Blessing(when=when, version=ecco_reports.__version__, note=note)
    path = baseline_file(folder, snapshot.experiment)
    values = {"blessed": blessing.model_dump(mode="json"), "snapshot": snapshot_values(snapshot)}
    write_sealed(path, Kind.BASELINE, values)
    return path


def read_baseline(path: Path, experiment: str | None = None) -> Blessed:
    """The baseline in a file.

    Args:
        path: The file.
        experiment: Whose baseline it must be; None takes any.

    Raises:
        BaselineError: It is not there, not exactly what was written, or of another experiment.
    """
    kind, values = read_sealed(path, again=_AGAIN)
    if kind is not Kind.BASELINE:
        raise BaselineError(f"{path} is the record of a run, not a baseline.")
    found = baseline_of(path, values)
    snapshot = found.snapshot
    if experiment is not None and snapshot.experiment != experiment:
        raise BaselineError(
            f"{path} is the baseline of another experiment, {snapshot.experiment!r}, not of {experiment!r}. "
            f"Give it back its name, {snapshot.experiment}{SUFFIX}, or bless {experiment!r} again."
        )
    return found


def baseline_of(path: Path, values: Mapping[str, Any]) -> Blessed:
    """The baseline that the values of a file make.

    Raises:
        BaselineError: They make none that this version knows.
    """
    snapshot = read_snapshot(path, values.get("snapshot"), _AGAIN)
    try:
        return Blessed(snapshot, Blessing.model_validate(values.get("blessed")))
    except ValidationError as error:
        raise _of_another_make(path, error, _AGAIN) from error


def blessed_names(folder: Path) -> tuple[str, ...]:
    """The experiments that have a baseline in a folder, usable or not, by name."""
    if not folder.is_dir():
        return ()
    stems = (path.stem for path in folder.iterdir() if path.suffix == SUFFIX)
    return tuple(sorted(stem for stem in stems if _NAME.fullmatch(stem)))


def blessed_for(experiments: Iterable[str], folder: Path) -> Mapping[str, Snapshot]:
    """The baselines of experiments, as far as there are any.

    Args:
        experiments: Their names.
        folder: Of the baselines.

    Raises:
        BaselineError: There is one, and it cannot be used.
    """
    there = set(blessed_names(folder))
    return {name: read_baseline(baseline_file(folder, name), name).snapshot for name in experiments if name in there}


def snapshot_values(snapshot: Snapshot) -> dict[str, Any]:
    """A snapshot as a file holds it: entries leave out what is as it mostly is."""
    values: dict[str, Any] = snapshot.model_dump(mode="json")
    values["prompts"] = {
        name: prompt.model_dump(mode="json", exclude_defaults=True) for name, prompt in snapshot.prompts.items()
    }
    values["entries"] = [entry.model_dump(mode="json", exclude_defaults=True) for entry in snapshot.entries]
    return values


def read_snapshot(path: Path, values: Any, again: str) -> Snapshot:
    """A snapshot from what a file holds.

    Raises:
        BaselineError: Its checksum is right, but it is no snapshot that this version knows.
    """
    try:
        return Snapshot.model_validate(values)
    except ValidationError as error:
        raise _of_another_make(path, error, again) from error


def _of_another_make(path: Path, error: ValidationError, again: str) -> BaselineError:
    place = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
    return BaselineError(
        f"{path} is whole, but not as this version of ecco-reports writes it ({place}: {error.errors()[0]['msg']}); "
        f"{again}."
    )
