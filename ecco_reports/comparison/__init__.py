"""Holds a candidate against a baseline: what changed, by how much, and whether chance could have done it.

In: two snapshots. Out: a comparison: pairs of entries with their changes, and effects over a whole data set. Never:
gates (they judge what is found here), files, drawing, torch.
"""

from __future__ import annotations

from ecco_reports.comparison.comparing import compare, compare_within
from ecco_reports.comparison.effects import Samples, samples_of
from ecco_reports.comparison.findings import GRAVITY, Change, Comparison, Effect, Mark, Pair, gravest
from ecco_reports.comparison.statistics import CORRECTIONS, TESTS, fewest_samples
from ecco_reports.comparison.telling import ChangedPrompt, Fact, Reason, gained, headline, lost, most_changed

__all__ = [
    "CORRECTIONS",
    "GRAVITY",
    "TESTS",
    "Change",
    "ChangedPrompt",
    "Comparison",
    "Effect",
    "Fact",
    "Mark",
    "Pair",
    "Reason",
    "Samples",
    "compare",
    "compare_within",
    "fewest_samples",
    "gained",
    "gravest",
    "headline",
    "lost",
    "most_changed",
    "samples_of",
]
