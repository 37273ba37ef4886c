"""The command without its script: ``python -m ecco_reports.cli``."""

from __future__ import annotations

from ecco_reports.cli import main

main()
