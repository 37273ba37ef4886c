"""Judges a run: the gates its experiments set, and the proofs its results carry.

In: a run, and what its experiments are compared with. Out: verdicts, one for each gate and each result it watches (or
each model, where it judges the mean over all prompts), and one for each proof. Never: computing, drawing, torch, or a
silent pass: a gate that nothing answers to is an error.

    judge ── snapshots ─┬─ evidence ── numbers (bounds, testing) ─┬── Verdicts
                        └─ behaviour: sentences ──────────────────┘
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.comparison import Comparison
from ecco_reports.gates.behaviour import behaviour
from ecco_reports.gates.bounds import described
from ecco_reports.gates.evidence import Evidence
from ecco_reports.gates.numbers import Case, cases_of, conclude
from ecco_reports.gates.proofs import proofs
from ecco_reports.gates.verdicts import Kind, Level, Status, Verdict, Verdicts
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Snapshot, snapshots_of

if TYPE_CHECKING:
    from ecco_reports.experiment import Experiment, Gate
    from ecco_reports.runner import Run

__all__ = ["Kind", "Level", "Status", "Verdict", "Verdicts", "judge", "judge_snapshots"]


def judge(
    run: Run,
    comparisons: Mapping[str, Comparison] | None = None,
    *,
    require_baseline: bool = False,
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> Verdicts:
    """Evaluates every gate and every proof of a run.

    Args:
        run: What is judged.
        comparisons: Of the run with its baselines, by experiment; one that is not there has none.
        require_baseline: Whether a gate that lacks its baseline stops a release.
        analyses: The analyses that exist.
    """
    snapshots = snapshots_of(run, analyses)
    verdicts = judge_snapshots(
        run.experiments, snapshots, comparisons, require_baseline=require_baseline, analyses=analyses
    )
    proven = [verdict for outcome in run.results for verdict in proofs(outcome, analyses)]
    return Verdicts((*verdicts.all, *proven), len(run.failures))


def judge_snapshots(
    experiments: Sequence[Experiment],
    snapshots: Mapping[str, Snapshot],
    comparisons: Mapping[str, Comparison] | None = None,
    *,
    require_baseline: bool = False,
    analyses: Registry[AnyAnalysis] = ANALYSES,
) -> Verdicts:
    """Evaluates every gate of some experiments.

    Args:
        experiments: What is judged.
        snapshots: What they found, by their names.
        comparisons: With their baselines, by their names; one that is not there has none.
        require_baseline: Whether a gate that lacks its baseline stops a release.
        analyses: The analyses that exist.
    """
    verdicts: list[Verdict] = []
    failed = 0
    for experiment in experiments:
        snapshot = snapshots[experiment.name]
        failed += sum(entry.failure is not None for entry in snapshot.entries)
        evidence = Evidence(snapshot, (comparisons or {}).get(experiment.name), analyses)
        cases = [case for gate in experiment.gates for case in _cases(experiment, gate, evidence, require_baseline)]
        verdicts.extend(conclude(cases))
    return Verdicts(tuple(verdicts), failed)


def _cases(experiment: Experiment, gate: Gate, evidence: Evidence, required: bool) -> Iterator[Case]:
    place = experiment.problem(gate.path, "")
    blank = Verdict(
        kind=Kind.GATE,
        status=Status.ERROR,
        experiment=experiment.name,
        name=gate.title,
        message="",
        level=Level(gate.level),
        bound=described(gate.bounds),
        file=place.file,
        line=place.line,
        column=place.column,
        required=required,
    )
    if gate.expect is not None:
        yield from (Case(gate, verdict) for verdict in behaviour(gate, gate.expect, evidence, blank))
    else:
        yield from cases_of(gate, evidence, blank)
