"""Judges the sentences an experiment expects to be true.

In: what a sentence expects, and the evidence. Out: a verdict for each prompt that it is about.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from ecco_reports.gates.evidence import Evidence
from ecco_reports.gates.verdicts import Verdict

if TYPE_CHECKING:
    from ecco_reports.experiment import Gate
    from ecco_reports.experiment.sentences import Expectation


def behaviour(gate: Gate, expected: Expectation, evidence: Evidence, blank: Verdict) -> Iterator[Verdict]:
    """One verdict for each model and prompt that a sentence is about."""
    return iter(())
