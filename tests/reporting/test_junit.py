"""JUnit XML that readers of JUnit accept: the rules of the schema they share, and all nine outcomes."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from ecco_reports.gates import Level, Status, Verdicts
from ecco_reports.reporting import Report
from ecco_reports.reporting.junit import OUTCOMES, junit_bytes, outcome, printable
from tests.comparisons import comparison, passed, verdicts
from tests.stories import HOSTILE

ATTRIBUTES = {
    "testsuites": {"name", "tests", "failures", "errors", "skipped", "time"},
    "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp"},
    "testcase": {"classname", "name", "time", "file", "line"},
    "failure": {"message", "type"},
    "error": {"message", "type"},
    "skipped": {"message"},
    "system-out": set(),
}
"""What the commonly used schema (that of Ant's task, as Jenkins and GitHub's readers take it) allows."""
INSIDE = {
    "testsuites": {"testsuite"},
    "testsuite": {"testcase"},
    "testcase": {"failure", "error", "skipped", "system-out"},
}
REQUIRED = {"testsuite": {"name", "tests"}, "testcase": {"name", "classname"}}


def tree(report):
    return ElementTree.fromstring(junit_bytes(report))


def check(element):
    """The rules of the schema, for an element and all in it."""
    assert set(element.attrib) <= ATTRIBUTES[element.tag], element.tag
    assert REQUIRED.get(element.tag, set()) <= set(element.attrib)
    for child in element:
        assert child.tag in INSIDE.get(element.tag, set())
        check(child)
    if element.tag == "testcase":
        assert len([child for child in element if child.tag in ("failure", "error", "skipped")]) <= 1
    if element.tag == "testsuite":
        for count, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(count)) == len(element.findall(f"testcase/{tag}"))
        assert int(element.get("tests")) == len(element.findall("testcase"))


@pytest.mark.parametrize("report", [Report(), Report((comparison(),), verdicts()), Report((), passed())])
def test_the_file_follows_the_schema(report):
    check(tree(report))


def test_a_suite_for_each_experiment_and_a_case_for_each_verdict():
    both = Verdicts((*verdicts().all, *passed().all), 1)
    found = tree(Report((), both))
    assert [suite.get("name") for suite in found] == ["capitals", "calm"]
    assert found.get("tests") == str(len(both.all))


def test_every_outcome_is_mapped():
    assert set(OUTCOMES) == {status.value for status in Status}
    ends = {verdict.status.value: outcome(verdict) for verdict in verdicts().gates}
    assert ends == {
        "pass": "passed",
        "improved": "passed",
        "warn": "passed",
        "fail": "failure",
        "not-comparable": "failure",
        "insufficient-data": "failure",
        "no-baseline": "skipped",
        "not-run": "error",
        "error": "error",
    }


def test_what_does_not_stop_a_release_is_no_failure():
    ends = [outcome(replace(verdict, level=Level.WARN)) for verdict in verdicts().all if verdict.status != Status.FAIL]
    assert "failure" not in ends


def test_no_red_case_is_hidden_and_no_green_one_is_red():
    """What stops a release, and what has no result, is a failure or an error; nothing else is."""
    for verdict in verdicts().all:
        red = outcome(verdict) in ("failure", "error")
        assert red == (verdict.failed or verdict.status is Status.NOT_RUN)


def test_a_warning_is_said():
    said = [element.text for element in tree(Report((), verdicts())).iter("system-out")]
    assert any(text.startswith("warn: 0.35 is less than 0.6") for text in said)
    assert any(text.startswith("improved: ") for text in said)


def test_cases_have_names_of_their_own():
    gate = passed().all[0]
    found = tree(Report((), Verdicts((gate, gate, replace(gate, bound="max 1")), 0)))
    names = [(case.get("classname"), case.get("name")) for case in found.iter("testcase")]
    assert len(set(names)) == 3


def test_a_dot_in_a_name_opens_no_class_of_its_own():
    gate = replace(passed("gpt2.experiment").all[0], model="v1.5")
    (case,) = tree(Report((), Verdicts((gate,), 0))).iter("testcase")
    assert case.get("classname") == "gpt2·experiment.gate.v1·5"


def test_what_xml_cannot_hold_is_spelt_out():
    assert printable("a\x00b\x0b\ud83d\ufffe") == "a⟨U+0000⟩b⟨U+000B⟩⟨U+D83D⟩⟨U+FFFE⟩"
    assert printable("tab\t line\n é😀") == "tab\t line\n é😀"


def test_hostile_text_is_text():
    found = tree(Report((), verdicts()))
    messages = " ".join(element.get("message", "") for element in found.iter())
    assert "its task failed" in messages
    names = [case.get("name") for case in found.iter("testcase")]
    assert any(printable(HOSTILE) in name for name in names)
