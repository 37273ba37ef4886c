"""What earlier commits gave: small lines of JSON, where their metrics step, and a feed of what got worse.

In: snapshots and verdicts of runs, one after the other. Out: histories, trends, an Atom feed. Never: drawing, torch.
"""

from __future__ import annotations

from ecco_reports.history.feed import Regression, anchor, feed, regressions
from ecco_reports.history.files import Added, Damage, History, add, histories, history_file, read
from ecco_reports.history.lines import Line, line_of
from ecco_reports.history.trends import Point, Step, Trend, trends

__all__ = [
    "Added",
    "Damage",
    "History",
    "Line",
    "Point",
    "Regression",
    "Step",
    "Trend",
    "add",
    "anchor",
    "feed",
    "histories",
    "history_file",
    "line_of",
    "read",
    "regressions",
    "trends",
]
