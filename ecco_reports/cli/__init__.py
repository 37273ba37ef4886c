"""The command ``ecco-reports``: verbs in the order of work. The only room that prints, and the only one that exits.

Everything heavy is imported inside the verbs, so that ``--help`` and ``validate`` answer at once.
"""

from __future__ import annotations

from ecco_reports.cli.building import build, serve
from ecco_reports.cli.comparing import compare
from ecco_reports.cli.group import FINE, GATE_FAILED, INTERRUPTED, TASK_FAILED, UNEXPECTED, USERS_MISTAKE, main
from ecco_reports.cli.judging import check, metrics
from ecco_reports.cli.keeping import baseline
from ecco_reports.cli.looking_back import history
from ecco_reports.cli.starting import init
from ecco_reports.cli.working import doctor, plan, run, schema, validate

__all__ = ["FINE", "GATE_FAILED", "INTERRUPTED", "TASK_FAILED", "UNEXPECTED", "USERS_MISTAKE", "main"]

for _verb in (init, validate, plan, run, build, serve, compare, check, baseline, history, metrics, schema, doctor):
    main.add_command(_verb)
