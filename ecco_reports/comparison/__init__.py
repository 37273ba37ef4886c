"""Holds a candidate against a baseline: what changed, by how much, and whether chance could have done it.

In: two snapshots. Out: a comparison: pairs of entries with their changes, and effects over a whole data set. Never:
gates (they judge what is found here), files, drawing, torch.
"""

from __future__ import annotations

from ecco_reports.comparison.findings import Change, Comparison, Effect, Mark, Pair

__all__ = ["Change", "Comparison", "Effect", "Mark", "Pair"]
