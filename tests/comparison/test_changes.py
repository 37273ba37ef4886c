from __future__ import annotations

import math

import pytest

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import Mark, compare
from ecco_reports.comparison.changes import mark_of
from ecco_reports.records import Direction
from tests.comparison.makers import ANALYSES, entry, snapshot


def pair_of(before, after):
    (pair,) = compare(snapshot(before), snapshot(after), analyses=ANALYSES).pairs
    return pair


def marks(pair):
    return {change.name: change.mark for change in pair.changes}


HIGHER, LOWER, NEITHER = (
    Measure(direction, "x", noise=0.1) for direction in (Direction.HIGHER, Direction.LOWER, Direction.NEITHER)
)


@pytest.mark.parametrize(
    ("measure", "before", "after", "mark"),
    [
        (HIGHER, 1.0, 2.0, Mark.BETTER),
        (HIGHER, 2.0, 1.0, Mark.WORSE),
        (LOWER, 1.0, 2.0, Mark.WORSE),
        (LOWER, 2.0, 1.0, Mark.BETTER),
        (NEITHER, 1.0, 2.0, Mark.CHANGED),
        (HIGHER, 1.0, 1.1, Mark.SAME),
        (HIGHER, 0.3, 0.4, Mark.SAME),  # which is 0.10000000000000003 apart
        (LOWER, 1.0, 1.11, Mark.WORSE),
        (Measure(Direction.HIGHER, "x", equal=1.0), 1.0, 0.5, Mark.CHANGED),
        (Measure(Direction.LOWER, "x"), 1.0, 1.0, Mark.SAME),
        (Measure(Direction.LOWER, "x", relative=0.5), 1.0, 2.0, Mark.WORSE),
        (Measure(Direction.LOWER, "x", relative=0.5), 2.0, 3.0, Mark.SAME),
        (Measure(Direction.LOWER, "x", relative=0.5), 3.0, 2.0, Mark.SAME),
        (Measure(Direction.HIGHER, "x", noise=0.1, relative=0.1), -9.0, -10.0, Mark.WORSE),
        (Measure(Direction.LOWER, "x"), 1.0, 1.001, Mark.WORSE),
    ],
)
def test_the_mark_goes_by_direction_and_noise(measure, before, after, mark):
    assert mark_of(before, after, measure) is mark


def test_equal_results_are_the_same_in_all_they_have():
    pair = pair_of(entry(), entry())
    assert pair.mark is Mark.SAME
    assert [change.name for change in pair.changes] == ["agreement", "shift", "target_rank", "logprob", "layer"]
    assert set(marks(pair).values()) == {Mark.SAME}
    assert (pair.finding, pair.remarks, pair.reason) == ("", (), "")


def test_measures_of_two_results_say_that_they_are_apart_not_which_is_better():
    pair = pair_of(entry(weights=(0.8, 0.2)), entry(weights=(0.2, 0.8)))
    agreement = pair.change("agreement")
    assert (agreement.before, agreement.after, agreement.mark) == (1.0, pytest.approx(0.4), Mark.CHANGED)
    assert pair.change("shift").mark is Mark.SAME
    assert (pair.mark, pair.finding) == (Mark.CHANGED, "The weights moved by 0.60.")


def test_a_number_nobody_describes_has_no_direction_and_no_noise():
    before = entry(analysis="numbering", weights=None, metrics={"count": 1.0})
    pair = pair_of(before, before.model_copy(update={"metrics": {"count": 1.0 + 1e-9}}))
    assert (pair.mark, marks(pair)) == (Mark.CHANGED, {"count": Mark.CHANGED})


def test_the_pair_has_the_gravest_mark_of_its_changes():
    after = entry(weights=(0.9, 0.1), metrics={"target_rank": 4.0, "logprob": -0.5, "layer": 3.0})
    pair = pair_of(entry(), after)
    assert pair.mark is Mark.WORSE
    assert list(marks(pair).values()) == [Mark.CHANGED, Mark.SAME, Mark.WORSE, Mark.BETTER, Mark.SAME]


def test_a_number_that_came_or_went_changes_the_pair():
    before = entry(metrics={"target_rank": 1.0, "layer": 3.0})
    pair = pair_of(before, entry(metrics={"target_rank": 1.0, "logprob": -1.0}))
    assert (marks(pair)["layer"], marks(pair)["logprob"]) == (Mark.GONE, Mark.ADDED)
    assert pair.mark is Mark.CHANGED
    assert pair.change("layer").difference is None


@pytest.mark.parametrize("number", [math.nan, math.inf])
def test_a_number_that_is_none_never_passes_as_the_same(number):
    sound, broken = entry(metrics={"logprob": -1.0}), entry(metrics={"logprob": number})
    failing, mended, blind = pair_of(sound, broken), pair_of(broken, sound), pair_of(broken, broken)
    assert [pair.mark for pair in (failing, mended, blind)] == [Mark.NEWLY_FAILING, Mark.MENDED, Mark.NOT_COMPARABLE]
    assert failing.reason == "logprob is missing now: it is not a finite number."
    change = failing.change("logprob")
    assert (change.before, change.after, change.mark) == (-1.0, None, Mark.NEWLY_FAILING)


def test_a_number_that_could_not_be_computed_says_why():
    after = entry(metrics={"target_rank": 1.0}, unmeasured={"logprob": "it is not a finite number but nan"})
    pair = pair_of(entry(metrics={"target_rank": 1.0, "logprob": -1.0}), after)
    assert pair.mark is Mark.NEWLY_FAILING
    assert pair.reason == "logprob is missing now: it is not a finite number but nan."


def test_metrics_that_cannot_be_computed_at_all_are_newly_failing():
    broken = entry(analysis="numbering", weights=None, metrics={}, unmeasured={"": "the metrics cannot be computed"})
    sound = broken.model_copy(update={"metrics": {"count": 1.0}, "unmeasured": {}})
    empty = sound.model_copy(update={"metrics": {}})
    assert pair_of(sound, broken).mark is Mark.NEWLY_FAILING
    assert pair_of(empty, broken).mark is Mark.NEWLY_FAILING
    assert pair_of(broken, broken).mark is Mark.NOT_COMPARABLE


def test_results_without_numbers_are_the_same_only_if_they_are_one_result():
    bare = entry(analysis="numbering", weights=None, metrics={})
    assert pair_of(bare, bare).mark is Mark.SAME
    pair = pair_of(bare, bare.model_copy(update={"key": "another"}))
    assert (pair.mark, pair.reason) == (Mark.NOT_COMPARABLE, "Neither result has a number that could be compared.")


@pytest.mark.parametrize("side", ["baseline", "candidate"])
@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"trace": {"weights": "heavy"}}, "keeps of it is not a trace of weighing: weights"),
        ({"trace": {"weights": [0.5], "colour": 1}}, "keeps of it is not a trace of weighing: colour"),
        ({"weights": None, "unmeasured": {"trace": "it holds NaN"}}, "keeps of it is missing: it holds NaN."),
        ({"trace": {"accident": "boom"}}, "cannot be held against each other: RuntimeError: the scales broke"),
    ],
)
def test_a_trace_that_cannot_be_used_makes_the_pair_not_comparable(side, broken, said):
    damaged = entry(**broken)
    pair = pair_of(damaged, entry()) if side == "baseline" else pair_of(entry(), damaged)
    assert (pair.mark, pair.changes) == (Mark.NOT_COMPARABLE, ())
    assert said in pair.reason
    assert side in pair.reason or "scales" in pair.reason


def test_a_trace_that_only_one_side_keeps_leaves_the_numbers():
    pair = pair_of(entry(weights=None), entry(metrics={"logprob": -3.0}))
    assert pair.remarks == ("The baseline keeps no trace of it, so only the numbers of each side are compared.",)
    assert pair.change("logprob").mark is Mark.WORSE


def test_measures_of_two_that_nobody_can_read_are_not_comparable():
    pair = pair_of(entry(), entry(trace={"accident": "foreign"}))
    assert (pair.mark, marks(pair)["foreign"]) == (Mark.NOT_COMPARABLE, Mark.NOT_COMPARABLE)
    pair = pair_of(entry(), entry(trace={"accident": "nan"}))
    assert pair.change("agreement").after is None
    assert (pair.mark, pair.reason) == (Mark.NOT_COMPARABLE, "agreement is not a finite number.")


def test_remarks_of_the_analysis_and_proofs_that_do_not_hold_are_told():
    pair = pair_of(entry(), entry(weights=(1.0,), unproven=["completeness gap: 0.2 is above 0.01"]))
    assert pair.remarks == (
        "The two have other words.",
        "A proof of the candidate does not hold, so its numbers may mean nothing: completeness gap: 0.2 is above 0.01.",
    )


def test_an_analysis_that_is_not_installed_leaves_its_own_numbers():
    stranger = entry(analysis="stranger", metrics={"count": 1.0})
    pair = pair_of(stranger, stranger.model_copy(update={"metrics": {"count": 2.0}}))
    assert marks(pair) == {"count": Mark.CHANGED}
    assert "not installed here" in pair.remarks[0]
