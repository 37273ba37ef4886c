"""Verdicts as JUnit XML: a test suite for each experiment, a test case for each gate and each place that it watches.

In: verdicts. Out: bytes of XML 1.0. Never: comparisons (JUnit knows tests, not changes).

JUnit knows four outcomes and gates nine:

    pass, improved      passed; what improved says so in ``system-out``
    warn                passed, and says so in ``system-out``
    fail                failure
    not-comparable      failure, insufficient-data failure, where they stop a release; else skipped
    no-baseline         failure where a baseline is required; else skipped
    not-run, error      error

Proofs are cases, too, of the class ``proof``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from ecco_reports.gates import Verdict
    from ecco_reports.reporting import Report

_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to hold (section 2.2, production 2)."""

OUTCOMES: Mapping[str, str] = {
    "pass": "passed",
    "improved": "passed",
    "warn": "passed",
    "fail": "failure",
    "not-comparable": "skipped",
    "insufficient-data": "skipped",
    "no-baseline": "skipped",
    "not-run": "error",
    "error": "error",
}
"""What becomes of a gate that does not stop a release, by its status; one that does is a failure at least."""


def junit_bytes(report: Report) -> bytes:
    """The verdicts of a report; one without verdicts has no suites."""
    root = ElementTree.Element("testsuites", {"name": "ecco-reports"})
    verdicts = report.verdicts.all if report.verdicts else ()
    times = {comparison.after.experiment: comparison.after.created for comparison in report.comparisons}
    for experiment in dict.fromkeys(verdict.experiment for verdict in verdicts):
        members = [verdict for verdict in verdicts if verdict.experiment == experiment]
        _suite(root, experiment, members, times.get(experiment, ""))
    for count in ("tests", "failures", "errors", "skipped"):
        root.set(count, str(sum(int(suite.get(count, "0")) for suite in root)))
    root.set("time", "0")
    ElementTree.indent(root)
    written: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return written + b"\n"


def outcome(verdict: Verdict) -> str:
    """``passed``, ``failure``, ``error`` or ``skipped``."""
    plain = OUTCOMES[verdict.status.value]
    return "failure" if verdict.failed and plain != "error" else plain


def _suite(root: ElementTree.Element, experiment: str, verdicts: list[Verdict], time: str) -> None:
    ends = [outcome(verdict) for verdict in verdicts]
    counts = {"failures": ends.count("failure"), "errors": ends.count("error"), "skipped": ends.count("skipped")}
    suite = ElementTree.SubElement(root, "testsuite", {"name": printable(experiment), "tests": str(len(ends))})
    for name, count in counts.items():
        suite.set(name, str(count))
    suite.set("time", "0")
    if time:
        suite.set("timestamp", printable(time)[:19])
    taken: dict[tuple[str, str], int] = {}
    for verdict, end in zip(verdicts, ends, strict=True):
        case = _case(verdict, end)
        key = (case.get("classname", ""), case.get("name", ""))
        taken[key] = taken.get(key, 0) + 1
        if taken[key] > 1:
            # Two bounds on one metric are two tests; readers of JUnit merge tests that are called the same.
            case.set("name", f"{key[1]} #{taken[key]}")
        suite.append(case)


def _case(verdict: Verdict, end: str) -> ElementTree.Element:
    place = [verdict.experiment, verdict.kind.value, *([verdict.model] if verdict.model else [])]
    name = [verdict.name, *([verdict.bound] if verdict.bound else []), *([verdict.prompt] if verdict.prompt else [])]
    # A dot parts the names of classes; one inside a name would open a folder of its own in most viewers.
    classname = ".".join(part.replace(".", "·") for part in place)
    case = ElementTree.Element(
        "testcase", {"classname": printable(classname), "name": printable(" · ".join(name)), "time": "0"}
    )
    if verdict.file:
        case.set("file", printable(verdict.file))
        case.set("line", str(verdict.line))
    said = printable(f"{verdict.status.value}: {verdict.message}")
    if end != "passed":
        told = ElementTree.SubElement(case, end, {"message": said})
        if end != "skipped":
            told.set("type", verdict.status.value)
            told.text = said
    elif verdict.status.value != "pass":
        ElementTree.SubElement(case, "system-out").text = said
    return case


def printable(text: str) -> str:
    """The text with what XML cannot hold as its code in brackets, ``⟨U+0000⟩``."""
    return _FORBIDDEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)
