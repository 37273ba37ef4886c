"""Judges the gates on numbers of one experiment, prompt by prompt or over all prompts together.

In: gates and the evidence for them. Out: verdicts, in the order of the gates. The tests of an experiment know of each
other: all values are gathered before the first of them is judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.comparison.statistics import CORRECTIONS, TESTS, Alternative, fewest_samples, paired_p, seed_of
from ecco_reports.errors import did_you_mean
from ecco_reports.gates.bounds import (
    SLACK,
    Excess,
    Sample,
    UndefinedError,
    broken,
    broken_sentence,
    excess,
    improvement,
    kept_sentence,
    said,
)
from ecco_reports.gates.evidence import Evidence, Finding, gravest
from ecco_reports.gates.verdicts import Level, Status, Verdict

if TYPE_CHECKING:
    from ecco_reports.experiment import Gate

BETTER = "better"
"""What the test of an improvement is called beside those of the bounds."""

ALONE = ("min", "max")
"""The bounds that judge a run without a baseline."""


@dataclass
class Case:
    """Values that are judged together, or what is known without judging them.

    Attributes:
        gate: The gate.
        verdict: What is said so far: what it is about, and why nothing more can be said.
        sample: The values; None where there is nothing to judge.
        bounds: The bounds that can be judged.
        otherwise: What is said where none of them is broken although others could not be judged.
        left_out: Which results are not in the mean, and why; may be empty.
        excess: How far the values are out of each bound.
        p: Of each bound: of its test, and the same corrected.
        better: The same for the question whether the values are better than in the baseline.
    """

    gate: Gate
    verdict: Verdict
    sample: Sample | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    otherwise: tuple[Status, str] | None = None
    left_out: str = ""
    excess: dict[str, Excess] = field(default_factory=dict)
    p: dict[str, tuple[float, float]] = field(default_factory=dict)
    better: tuple[float, float] | None = None

    @property
    def tested(self) -> bool:
        """Whether a test decides."""
        return self.gate.test != "none" and self.sample is not None

    def ends(self, status: Status, message: str) -> None:
        """Nothing more can be said."""
        self.verdict = replace(self.verdict, status=status, message=message)
        self.sample = None


def cases_of(gate: Gate, evidence: Evidence, blank: Verdict) -> list[Case]:
    """What one gate judges: a case for each result, or for each model.

    Args:
        gate: A gate on a number.
        evidence: Where it looks.
        blank: A verdict about the gate that says nothing yet.
    """
    if not gate.bounds:
        return [Case(gate, replace(blank, message="a gate without a bound stops nothing"))]
    findings = evidence.findings(gate)
    if all(finding.missing for finding in findings):
        known = evidence.known(gate)
        message = f"no result carries the metric {gate.metric!r}. {did_you_mean(gate.metric, known)}"
        return [Case(gate, replace(blank, message=message.rstrip(".")))]
    if gate.over is None:
        return [_alone(gate, finding, blank) for finding in findings]
    models = dict.fromkeys(finding.entry.model for finding in findings)
    return [_together(gate, [one for one in findings if one.entry.model == model], blank) for model in models]


def _alone(gate: Gate, finding: Finding, blank: Verdict) -> Case:
    entry = finding.entry
    about = replace(blank, model=entry.model, prompt=entry.prompt, label=entry.label, value=finding.after)
    return _case(gate, [finding], about)


def _together(gate: Gate, findings: Sequence[Finding], blank: Verdict) -> Case:
    first = findings[0].entry
    about = replace(blank, model=first.model, label=first.label)
    if (decides := gravest(findings)) is not None and decides.status is not None:
        others = sum(one.status is decides.status for one in findings) - 1
        more = f" (and {others} more)" if others else ""
        return Case(
            gate, replace(about, status=decides.status, message=f"{decides.entry.prompt}: {decides.reason}{more}")
        )
    return _case(gate, findings, about)


def _case(gate: Gate, findings: Sequence[Finding], about: Verdict) -> Case:
    """The values of some findings, or the reason why there are none."""
    usable = [one for one in findings if one.status is None]
    if usable:
        return Case(gate, about, _sample(usable), gate.bounds, left_out=_left_out(findings))
    others = [(one, one.status) for one in findings if one.status is not None]
    status, reason = others[0][1], others[0][0].reason
    lone = {name: bound for name, bound in gate.bounds.items() if name in ALONE}
    if lone and (valued := [one for one, _ in others if one.after is not None]):
        return Case(gate, about, _sample(valued), lone, (status, reason))
    return Case(gate, replace(about, status=status, message=reason))


def _left_out(findings: Sequence[Finding]) -> str:
    """Which results are not in a mean, and why, in brackets."""
    reasons = Counter(one.reason for one in findings if one.status is not None)
    said_of = [f"{number} prompt{'s' if number > 1 else ''} left out: {why}" for why, number in reasons.items()]
    return f" ({'; '.join(said_of)})" if said_of else ""


def _sample(findings: Sequence[Finding]) -> Sample:
    before = [one.before for one in findings if one.before is not None]
    return Sample(
        findings[0].measure,
        np.array([one.after for one in findings], dtype=float),
        np.array(before, dtype=float) if len(before) == len(findings) else None,
    )


def conclude(cases: Sequence[Case]) -> Iterator[Verdict]:
    """The verdicts of an experiment.

    Args:
        cases: All that its gates judge, in order.
    """
    for case in cases:
        _measure(case)
    _try(cases)
    for case in cases:
        verdict = case.verdict if case.sample is None else _verdict(case, case.sample)
        warns = verdict.level is Level.WARN and verdict.status is Status.FAIL
        yield replace(verdict, status=Status.WARN) if warns else verdict


def _measure(case: Case) -> None:
    """How far the values of a case are out of its bounds."""
    sample = case.sample
    if sample is None:
        return
    try:
        case.excess = {name: excess(name, amount, sample) for name, amount in case.bounds.items()}
    except UndefinedError as error:
        case.ends(Status.NOT_COMPARABLE, str(error))
        return
    limits = list(case.excess.values())
    case.verdict = replace(
        case.verdict,
        value=sample.value,
        before=sample.reference,
        minimum=max((one.minimum for one in limits if one.minimum is not None), default=None),
        maximum=min((one.maximum for one in limits if one.maximum is not None), default=None),
        samples=len(sample.after) if case.gate.over else None,
        test=TESTS[case.gate.test].words if case.tested else "",
    )


def _try(cases: Sequence[Case]) -> None:
    """Tests what is to be tested, and corrects for the number of tests."""
    families = {correction: _family(cases, correction) for correction in {case.gate.correction for case in cases}}
    for case in cases:
        if case.sample is not None and case.gate.over:
            _count(case, case.sample, families[case.gate.correction])
    tested = [case for case in cases if case.tested]
    for one, name, p, adjusted in _corrected([(case, name) for case in tested for name in case.excess]):
        one.p[name] = p, adjusted
    for one, _, p, adjusted in _corrected([(case, BETTER) for case in tested if _hopeful(case) is not None]):
        one.better = p, adjusted


def _family(cases: Sequence[Case], correction: str) -> int:
    """How many tests a correction counts; without a correction, each stands alone."""
    together = [case for case in cases if case.tested and case.gate.correction == correction]
    return max(1, sum(len(case.excess) for case in together)) if correction in CORRECTIONS else 1


def _hopeful(case: Case) -> np.ndarray | None:
    """How much better each value is than in the baseline, beyond noise; None where there is no better way."""
    if case.sample is None or improvement(case.bounds, case.sample) is None:
        return None
    beyond: np.ndarray = -case.sample.worsening - case.sample.noise
    return beyond


def _p_value(case: Case, name: str) -> float:
    """One-sided: the probability of such an excess, or a larger one, if the numbers were just at their bound.

    Twice that where the way was chosen after looking.
    """
    hoped = _hopeful(case) if name == BETTER else None
    each = case.excess[name].each if hoped is None else hoped
    p = paired_p(each, test=case.gate.test, alternative="greater", seed=seed_of(case.gate.metric))
    return min(1.0, 2 * p) if name != BETTER and case.excess[name].two_sided else p


def _corrected(asked: Sequence[tuple[Case, str]]) -> Iterator[tuple[Case, str, float, float]]:
    """P-values, and the same corrected for all tests that the same correction counts."""
    for correction in dict.fromkeys(case.gate.correction for case, _ in asked):
        family = [(case, name) for case, name in asked if case.gate.correction == correction]
        found = [_p_value(case, name) for case, name in family]
        adjusted = CORRECTIONS[correction].adjust(found) if correction in CORRECTIONS else found
        for (case, name), p, corrected in zip(family, found, adjusted, strict=True):
            yield case, name, p, corrected


def _count(case: Case, sample: Sample, family: int) -> None:
    """Ends a case of too few prompts."""
    gate, there = case.gate, len(sample.after)
    asked = gate.min_samples or 1
    sides: Alternative = "two-sided" if any(found.two_sided for found in case.excess.values()) else "greater"
    needed = fewest_samples(gate.alpha / family, sides) if case.tested else 1
    prompts = f"{there} prompt{'s have' if there != 1 else ' has'} this number{case.left_out}"
    if there < asked:
        case.ends(Status.INSUFFICIENT_DATA, f"{prompts}, and min_samples asks for {asked}")
    elif there < needed:
        among = f" and {family} tests" if family > 1 else ""
        why = f"with alpha {gate.alpha:g}{among}, the {TESTS[gate.test].words} can find nothing in fewer than {needed}"
        case.ends(Status.INSUFFICIENT_DATA, f"{prompts}: {why}")


def _verdict(case: Case, sample: Sample) -> Verdict:
    """What is said of values that could be judged."""
    outside = [name for name, found in case.excess.items() if broken(found, sample)]
    certain = [name for name in outside if not case.tested or case.p[name][1] < case.gate.alpha]
    if outside:
        told = certain or outside
        message = _over(case, "; ".join(broken_sentence(name, case.bounds[name], sample) for name in told))
        case.verdict = _with_test(case, told[0])
        if certain:
            return replace(case.verdict, status=Status.FAIL, message=message + _evidence(case))
        return replace(case.verdict, status=Status.WARN, message=f"{message}, but not significantly{_evidence(case)}")
    if case.otherwise:
        status, reason = case.otherwise
        return replace(case.verdict, status=status, message=reason)
    last = list(case.bounds)[-1]
    message = _over(case, kept_sentence(case.bounds, sample))
    if _improved(case, sample):
        p, adjusted = case.better or (None, None)
        return replace(case.verdict, status=Status.IMPROVED, message=f"better: {message}", p=p, adjusted=adjusted)
    return replace(_with_test(case, last), status=Status.PASS, message=message)


def _improved(case: Case, sample: Sample) -> bool:
    """Whether the values are better than in the baseline: by more than they might be worse, or significantly."""
    found = improvement(case.bounds, sample)
    if found is None:
        return False
    if case.better is not None:
        return case.better[1] < case.gate.alpha
    return float(found.mean()) > SLACK * max(1e-300, float(np.abs(sample.after).max()))


def _with_test(case: Case, name: str) -> Verdict:
    p, adjusted = case.p.get(name, (None, None))
    return replace(case.verdict, p=p, adjusted=adjusted)


def _over(case: Case, text: str) -> str:
    return f"over {case.verdict.samples} prompts, the mean {text}{case.left_out}" if case.gate.over else text


def _evidence(case: Case) -> str:
    """The test in brackets."""
    p, adjusted = case.verdict.p, case.verdict.adjusted
    if p is None or adjusted is None:
        return ""
    words = CORRECTIONS[case.gate.correction].words if case.gate.correction in CORRECTIONS else ""
    corrected = f", {_p(adjusted)} by {words}" if adjusted != p else ""
    return f" ({case.verdict.test}, p {_p(p)}{corrected}, alpha {case.gate.alpha:g})"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {said(float(f'{value:.2g}'))}"
