"""Records of runs: what was found, and when, for those who want to compare what nobody has blessed.

In: the snapshots of a run. Out: a small file in the store, and the snapshots again. A run that found the same as the
newest record leaves no second one, and only the newest records are kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import ecco_reports
from ecco_reports.baselines.blessed import read_snapshot, snapshot_values
from ecco_reports.baselines.sealed import Kind, read_sealed, write_sealed
from ecco_reports.errors import BaselineError
from ecco_reports.records import digest
from ecco_reports.snapshot import Snapshot

KEPT = 100
"""How many records of runs a store keeps."""

_FOLDER = "runs"
_ID = re.compile(r"\d{8}T\d{6}\.\d{3}Z-[0-9a-f]{8}")
_AGAIN = "run the experiments again"


@dataclass(frozen=True)
class RunRecord:
    """What a run found.

    Attributes:
        id: What it is called.
        when: When it ended, in UTC.
        snapshots: By experiment.
    """

    id: str
    when: str
    snapshots: Mapping[str, Snapshot]


def run_ids(store: Path) -> tuple[str, ...]:
    """The runs that a store remembers, the newest last."""
    folder = store / _FOLDER
    if not folder.is_dir():
        return ()
    return tuple(sorted(path.stem for path in folder.glob("*.json") if _ID.fullmatch(path.stem)))


def leave_record(store: Path, snapshots: Mapping[str, Snapshot]) -> str:
    """Notes what a run found.

    Args:
        store: The folder of the store.
        snapshots: Of the run, by experiment.

    Returns:
        The id of the new record, or of the newest one where that says the same already.

    Raises:
        BaselineError: It cannot be written.
    """
    found = {name: snapshot_values(snapshot) for name, snapshot in snapshots.items()}
    # When it was computed is left out: a task that fails again has found nothing new.
    sign = digest({name: {**values, "created": ""} for name, values in found.items()})[:8]
    ids = run_ids(store)
    if ids and ids[-1].endswith(sign) and _is_usable(store, ids[-1]):
        return ids[-1]
    now = datetime.now(UTC)
    name = f"{_moment(now, ids)}-{sign}"
    values = {
        "when": now.isoformat(timespec="seconds"),
        "version": ecco_reports.__version__,
        "snapshots": found,
    }
    write_sealed(record_file(store, name), Kind.RUN, values)
    for old in run_ids(store)[:-KEPT]:
        with suppress(OSError):  # Somebody else has removed it, or may: it does no harm.
            record_file(store, old).unlink()
    return name


def _moment(now: datetime, ids: Sequence[str]) -> str:
    """The time as an id tells it, to the millisecond: later than that of every record, whatever the clock says."""
    if ids:
        newest = datetime.strptime(ids[-1].partition("Z-")[0], "%Y%m%dT%H%M%S.%f").replace(tzinfo=UTC)
        now = max(now, newest + timedelta(milliseconds=1))
    return f"{now:%Y%m%dT%H%M%S}.{now.microsecond // 1000:03d}Z"


def record_file(store: Path, name: str) -> Path:
    """Where the record of a run is."""
    return store / _FOLDER / f"{name}.json"


def read_record(path: Path) -> RunRecord:
    """The record in a file.

    Raises:
        BaselineError: It is not there, or not exactly what was written.
    """
    kind, values = read_sealed(path, again=_AGAIN)
    if kind is not Kind.RUN:
        raise BaselineError(f"{path} is a baseline, not the record of a run.")
    return record_of(path, values)


def record_of(path: Path, values: Mapping[str, Any]) -> RunRecord:
    """The record that the values of a file make.

    Raises:
        BaselineError: They make none that this version knows.
    """
    held = values.get("snapshots")
    if not isinstance(held, dict) or not isinstance(values.get("when"), str):
        raise BaselineError(f"{path} is whole, but not as this version of ecco-reports writes it; {_AGAIN}.")
    snapshots = {name: read_snapshot(path, snapshot, _AGAIN) for name, snapshot in held.items()}
    return RunRecord(path.stem, values["when"], snapshots)


def _is_usable(store: Path, name: str) -> bool:
    try:
        read_record(record_file(store, name))
    except BaselineError:
        return False
    return True
