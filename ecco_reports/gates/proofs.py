"""Judges the proof that each result carries: the residuals of its checks against their tolerances."""

from __future__ import annotations

from collections.abc import Iterator

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.gates.verdicts import Kind, Status, Verdict
from ecco_reports.registry import Registry
from ecco_reports.runner import Outcome


def proofs(outcome: Outcome, analyses: Registry[AnyAnalysis]) -> Iterator[Verdict]:
    """One verdict for each check that a result carries."""
    experiment, model, prompt, label = outcome.task.place
    try:
        checks = analyses[outcome.task.analysis].proof(outcome.result)
    except Exception as error:
        message = f"the proof of this result cannot be computed: {type(error).__name__}: {error}"
        yield Verdict(Kind.PROOF, Status.ERROR, experiment, label, message, model=model, prompt=prompt, label=label)
        return
    for check in checks:
        relation = "is within" if check.passed else "is above"
        residual = f"the residual {check.residual:.3g} {relation} its tolerance {check.tolerance:.3g}"
        yield Verdict(
            kind=Kind.PROOF,
            status=Status.PASS if check.passed else Status.FAIL,
            experiment=experiment,
            name=check.name,
            message=f"{residual}: {check.meaning}",
            model=model,
            prompt=prompt,
            label=label,
            value=check.residual,
            maximum=check.tolerance,
        )
