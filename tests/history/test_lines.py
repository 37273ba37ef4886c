from __future__ import annotations

import pytest

from ecco_reports.comparison import compare
from ecco_reports.errors import HistoryError
from ecco_reports.gates import Kind, Status, Verdict, Verdicts
from ecco_reports.history import line_of
from ecco_reports.history.lines import Mean
from tests.comparison.makers import ANALYSES, entry, prompt, snapshot
from tests.history.makers import line

COMMIT = "a" * 40


def test_a_line_has_means_over_the_prompts_that_have_a_number():
    taken = snapshot(
        entry("a", metrics={"logprob": -1.0, "layer": 2.0}),
        entry("b", metrics={"logprob": -2.0}),
        entry("c", failure="out of memory"),
        commit=COMMIT,
    )
    found = line_of(taken, time="2026-03-01T12:00:00+01:00", branch="main", run="https://ci.example/1")
    assert found.means == {
        "m": {"weighing": {"logprob": Mean(mean=-1.5, samples=2), "layer": Mean(mean=2.0, samples=1)}}
    }
    assert (found.commit, found.failures, found.lost, found.verdicts) == (COMMIT, 1, None, {})
    assert found.moment.isoformat() == "2026-03-01T11:00:00+00:00"
    assert line_of(taken).time == taken.created


@pytest.mark.parametrize(
    ("taken", "said"),
    [
        (snapshot(entry(), commit=None), "is in no commit"),
        (snapshot(entry(failure="x"), commit=COMMIT), "has no result"),
    ],
)
def test_what_has_no_place_in_a_history_says_why(taken, said):
    with pytest.raises(HistoryError, match=said):
        line_of(taken)


def test_a_line_tells_what_was_lost_and_how_gates_ended():
    before, after = (
        snapshot(*(entry(name, metrics={"target_rank": rank}) for name in "ab"), commit=COMMIT) for rank in (1.0, 3.0)
    )

    def verdict(status, name="weighing.logprob", **about):
        return Verdict(Kind.GATE, status, "capitals", name, "said", **about)

    verdicts = Verdicts(
        (
            verdict(Status.FAIL, model="m", prompt="a"),
            verdict(Status.FAIL, model="m"),
            verdict(Status.PASS),
            Verdict(Kind.GATE, Status.FAIL, "rivers", "x", "said"),
            Verdict(Kind.PROOF, Status.FAIL, "capitals", "gap", "said"),
        ),
        0,
    )
    found = line_of(after, comparison=compare(before, after, analyses=ANALYSES), verdicts=verdicts)
    assert found.lost == ("a", "b")
    assert found.verdicts == {"fail": 2, "pass": 1}
    assert found.failing == ("weighing.logprob (m)", "weighing.logprob of a (m)")


@pytest.mark.parametrize(
    "other",
    [
        snapshot(entry(version=2), commit=COMMIT),
        snapshot(entry(settings="t"), commit=COMMIT),
        snapshot(entry(), contents=[prompt("p", text="another")], commit=COMMIT),
        snapshot(entry(), entry("q"), commit=COMMIT),
    ],
)
def test_what_was_asked_is_another_question_where_anything_of_it_differs(other):
    question = line_of(snapshot(entry(), commit=COMMIT)).asked["weighing"].question
    assert line_of(other).asked["weighing"].question != question


def test_what_was_asked_does_not_depend_on_the_model_or_its_results():
    found = [
        line_of(snapshot(entry(model=model, metrics=metrics), commit=COMMIT)).asked
        for model, metrics in (("m", {"logprob": 1.0}), ("n", {"logprob": 2.0}))
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize(
    ("fields", "same"),
    [
        ({}, True),
        ({"value": 1.0 + 1e-5, "time": "2030-01-01T00:00:00Z", "run": "https://ci.example/2"}, True),
        ({"value": 1.01}, False),
        ({"value": None}, False),
        ({"failing": ("x",)}, False),
        ({"lost": ()}, False),
    ],
)
def test_a_line_says_the_same_up_to_rounding_and_the_run(fields, same):
    assert line().says_the_same(line(**fields)) is same
