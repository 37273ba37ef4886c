"""What later runs are held against, on disk: baselines that somebody blessed, and records of runs.

In: snapshots. Out: small JSON files that a person can read and git can compare, and snapshots again from whatever a
user calls by name. Never: computing, comparing, torch; and never a file that is not exactly what was written.

    baselines/EXPERIMENT.json    blessed on command, fit to be committed
    STORE/runs/ID.json           left by every run that found something new; the newest hundred are kept
"""

from __future__ import annotations

from ecco_reports.baselines.blessed import (
    Blessed,
    Blessing,
    blessed_for,
    blessed_names,
    read_baseline,
    write_baseline,
)
from ecco_reports.baselines.references import Places, Resolved, resolve
from ecco_reports.baselines.runs import leave_record, read_record, run_ids

__all__ = [
    "Blessed",
    "Blessing",
    "Places",
    "Resolved",
    "blessed_for",
    "blessed_names",
    "leave_record",
    "read_baseline",
    "read_record",
    "resolve",
    "run_ids",
    "write_baseline",
]
