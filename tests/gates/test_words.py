"""Gates in few words: what ended alike at many prompts stands together, the worst of it first."""

from __future__ import annotations

from ecco_reports.gates import Kind, Status, Verdict
from ecco_reports.gates.words import groups


def verdict(prompt, value=None, **fields):
    usual = {"model": "m", "prompt": prompt, "value": value, "maximum": 0.15, "line": 4}
    return Verdict(Kind.GATE, Status.FAIL, "e", "x.y", f"{value} is more than 0.15", **usual | fields)


def test_a_gate_that_fails_at_many_prompts_is_told_once_with_the_worst():
    (group,) = groups([verdict("a", 0.2), verdict("b", 0.9), verdict("c", 0.3), verdict("d", 0.16)])
    assert [one.prompt for one in group.verdicts] == ["b", "c", "a", "d"]
    assert group.where == "4 prompts"
    assert group.why == "worst: b: 0.9 is more than 0.15"


def test_the_worst_is_furthest_on_the_side_that_is_bounded():
    found = [
        verdict(name, value, minimum=0.5, maximum=None)
        for name, value in zip("abcd", (0.4, 0.1, 0.3, 0.2), strict=True)
    ]
    assert groups(found)[0].worst.prompt == "b"


def test_a_few_prompts_have_a_line_each():
    found = groups([verdict("a", 0.9), verdict("b", 0.2), verdict("c", 0.3)])
    assert [group.where for group in found] == ["a", "b", "c"]
    assert found[0].why == "0.9 is more than 0.15"


def test_what_differs_in_more_than_the_prompt_stays_apart():
    many = [verdict(name, 0.2) for name in "abcd"]
    others = [verdict("a", 0.2, model="n"), verdict("a", 0.2, line=5), verdict(None, 0.2)]
    found = groups([*many, *others])
    assert [len(group.verdicts) for group in found] == [4, 1, 1, 1]
    assert found[-1].where == "all prompts"
