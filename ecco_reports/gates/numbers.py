"""Judges the gates on numbers of one experiment, prompt by prompt or over all prompts together.

In: gates and the evidence for them. Out: verdicts, in the order of the gates. The tests of an experiment know of each
other: all values are gathered before the first of them is judged.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from ecco_reports.errors import did_you_mean
from ecco_reports.gates.bounds import SLACK, Excess, Sample, Undefined, broken, excess, improvement, said, sentence
from ecco_reports.gates.evidence import Evidence, Finding, gravest
from ecco_reports.gates.testing import NAMES, holm, least_samples, p_value
from ecco_reports.gates.verdicts import Level, Status, Verdict

if TYPE_CHECKING:
    from ecco_reports.experiment import Gate

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
        excess: How far the values are out of each bound.
        p: Of each bound: of its test, and the same corrected.
        better: The same for the question whether the values are better than in the baseline.
    """

    gate: Gate
    verdict: Verdict
    sample: Sample | None = None
    bounds: Mapping[str, float] = field(default_factory=dict)
    otherwise: tuple[Status, str] | None = None
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
    if (decides := gravest(findings)) is not None:
        others = sum(one.status is decides.status for one in findings) - 1
        more = f" (and {others} more)" if others else ""
        return Case(
            gate, replace(about, status=decides.status, message=f"{decides.entry.prompt}: {decides.reason}{more}")
        )
    return _case(gate, findings, about)


def _case(gate: Gate, findings: Sequence[Finding], about: Verdict) -> Case:
    """The values of some findings, or the reason why there are none."""
    usable = [one for one in findings if one.status is None]
    others = [one for one in findings if one.status is not None]
    if usable:
        return Case(gate, about, _sample(usable), gate.bounds)
    status, reason = others[0].status, others[0].reason
    assert status is not None, "only findings with a status are left"
    lone = {name: bound for name, bound in gate.bounds.items() if name in ALONE}
    if lone and (valued := [one for one in others if one.after is not None]):
        return Case(gate, about, _sample(valued), lone, (status, reason))
    return Case(gate, replace(about, status=status, message=reason))


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
    except Undefined as error:
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
        test=NAMES.get(case.gate.test, "") if case.gate.over else "",
    )


def _try(cases: Sequence[Case]) -> None:
    """Tests what is to be tested, and corrects for the number of tests."""
    family = sum(len(case.excess) for case in cases if case.tested and case.gate.correction == "holm")
    for case in cases:
        if case.sample is not None and case.gate.over:
            _count(case, case.sample, family if case.gate.correction == "holm" else 1)
    tried = [
        (case, name, p_value(case.gate.test, found.each, found.two_sided))
        for case in cases
        if case.tested
        for name, found in case.excess.items()
    ]
    for case, name, p, adjusted in _corrected(tried):
        case.p[name] = p, adjusted
    hoped = [
        (case, "", p_value(case.gate.test, -case.sample.worsening - case.sample.measure.noise))
        for case in cases
        if case.tested and case.sample is not None and improvement(case.bounds, case.sample) is not None
    ]
    for case, _, p, adjusted in _corrected(hoped):
        case.better = p, adjusted


def _corrected(tried: Sequence[tuple[Case, str, float]]) -> Iterator[tuple[Case, str, float, float]]:
    together = [one for one in tried if one[0].gate.correction == "holm"]
    adjusted = dict(zip(((id(case), name) for case, name, _ in together), holm([p for *_, p in together]), strict=True))
    for case, name, p in tried:
        yield case, name, p, adjusted.get((id(case), name), p)


def _count(case: Case, sample: Sample, family: int) -> None:
    """Ends a case of too few prompts."""
    gate, there = case.gate, len(sample.after)
    two_sided = any(found.two_sided for found in case.excess.values())
    needed = least_samples(gate.alpha, max(1, family), two_sided) if case.tested else 1
    if there < max(needed, gate.min_samples or 1):
        prompts = f"{there} prompt{'s' if there != 1 else ''} with this number"
        if there < (gate.min_samples or 1):
            case.ends(Status.INSUFFICIENT_DATA, f"{prompts}; min_samples asks for {gate.min_samples}")
        else:
            among = f" among {family} tests" if family > 1 else ""
            why = f"a {NAMES[gate.test]} at alpha {gate.alpha:g}{among} can find nothing in fewer than {needed}"
            case.ends(Status.INSUFFICIENT_DATA, f"{prompts}; {why}")


def _verdict(case: Case, sample: Sample) -> Verdict:
    """What is said of values that could be judged."""
    outside = [name for name, found in case.excess.items() if broken(found, sample)]
    certain = [name for name in outside if not case.tested or case.p[name][1] < case.gate.alpha]
    if outside:
        told = certain or outside
        message = _over(case, "; ".join(sentence(name, case.bounds[name], sample, True) for name in told))
        case.verdict = _with_test(case, told[0])
        if certain:
            return replace(case.verdict, status=Status.FAIL, message=message + _evidence(case))
        return replace(case.verdict, status=Status.WARN, message=f"{message}, but not significantly{_evidence(case)}")
    if case.otherwise:
        status, reason = case.otherwise
        return replace(case.verdict, status=status, message=reason)
    last = list(case.bounds)[-1]
    message = _over(case, sentence(last, case.bounds[last], sample, False))
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
    return f"over {case.verdict.samples} prompts, the mean {text}" if case.gate.over else text


def _evidence(case: Case) -> str:
    """The test in brackets."""
    p, adjusted = case.verdict.p, case.verdict.adjusted
    if p is None or adjusted is None:
        return ""
    corrected = f", corrected {_p(adjusted)} (Holm)" if adjusted != p else ""
    return f" ({case.verdict.test}, p {_p(p)}{corrected}, alpha {case.gate.alpha:g})"


def _p(value: float) -> str:
    return "< 0.0001" if value < 0.0001 else f"= {said(float(f'{value:.2g}'))}"
