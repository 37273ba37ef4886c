"""Each of the nine ways in which a gate can end, with the numbers that lead there and the exit code that follows."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import pytest

from ecco_reports.comparison import compare
from ecco_reports.gates import Level, Status, Verdicts
from ecco_reports.records import Prompt
from tests.gates.bench import ANALYSES, entry, gate, gauged, judged, only, snapshot

HOLD, STOP, UNRUN = 0, 3, 4


@pytest.mark.parametrize(
    ("name", "bounds", "before", "after", "status"),
    [
        ("score", {"max_drop": 0.5}, 2.0, 1.5, Status.PASS),
        ("score", {"max_drop": 0.5}, 2.0, 1.49, Status.FAIL),
        ("score", {"max_drop": 0.5}, 2.0, 2.5, Status.PASS),
        ("score", {"max_drop": 0.5}, 2.0, 2.51, Status.IMPROVED),
        ("cost", {"max_drop": 0.5}, 2.0, 2.5, Status.PASS),
        ("cost", {"max_drop": 0.5}, 2.0, 2.51, Status.FAIL),
        ("cost", {"max_drop": 0.5}, 2.0, 1.49, Status.IMPROVED),
        ("depth", {"max_drop": 1}, 4.0, 5.0, Status.PASS),
        ("depth", {"max_drop": 1}, 4.0, 6.0, Status.FAIL),
        ("depth", {"max_drop": 1}, 4.0, 2.0, Status.FAIL),
        ("score", {"max_ratio": 2}, 4.0, 2.0, Status.PASS),
        ("score", {"max_ratio": 2}, 4.0, 1.9, Status.FAIL),
        ("score", {"max_ratio": 2}, 4.0, 0.0, Status.FAIL),
        ("score", {"max_ratio": 2}, 4.0, 8.1, Status.IMPROVED),
        ("cost", {"max_ratio": 2}, 4.0, 8.0, Status.PASS),
        ("cost", {"max_ratio": 2}, 4.0, 8.1, Status.FAIL),
        ("cost", {"max_ratio": 2}, 4.0, 1.9, Status.IMPROVED),
        ("depth", {"max_ratio": 2}, 4.0, 8.0, Status.PASS),
        ("depth", {"max_ratio": 2}, 4.0, 8.1, Status.FAIL),
        ("depth", {"max_ratio": 2}, 4.0, 1.9, Status.FAIL),
        ("score", {"max_ratio": 2}, 0.0, 1.0, Status.NOT_COMPARABLE),
        ("score", {"max_ratio": 2}, -4.0, -5.0, Status.NOT_COMPARABLE),
        ("score", {"max_ratio": 2}, 4.0, -5.0, Status.NOT_COMPARABLE),
        ("score", {"min": 1, "max_drop": 5}, 3.0, 0.9, Status.FAIL),
        ("score", {"min": 1, "max_drop": 0.5}, 3.0, 1.5, Status.FAIL),
        ("score", {"min": 1, "max_drop": 0.5}, 3.0, 2.9, Status.PASS),
    ],
)
def test_a_number_is_held_against_the_baseline_in_its_own_direction(name, bounds, before, after, status) -> None:
    verdicts = judged(gate(name, **bounds), before=gauged([before], name), after=gauged([after], name))
    verdict = only(verdicts)
    assert verdict.status is status, verdict.message
    assert (verdict.value, verdict.model, verdict.prompt, verdict.label) == (after, "m", "p0", "gauge")
    assert verdicts.exit_code == (HOLD if status in {Status.PASS, Status.IMPROVED} else STOP)


@pytest.mark.parametrize(
    ("name", "bounds", "agreement", "status"),
    [
        ("agreement", {"min_agreement": 0.8}, 0.8, Status.PASS),
        ("agreement", {"min_agreement": 0.8}, 0.79, Status.FAIL),
        ("agreement", {"max_drop": 0.2}, 0.81, Status.PASS),
        ("agreement", {"max_drop": 0.2}, 0.79, Status.FAIL),
        ("distance", {"max": 0.2}, 0.81, Status.PASS),
        ("distance", {"max": 0.2}, 0.79, Status.FAIL),
        ("agreement", {"min_agreement": 0.8}, None, Status.NOT_COMPARABLE),
    ],
)
def test_a_measure_of_two_results_is_taken_from_the_comparison(name, bounds, agreement, status) -> None:
    before = snapshot(entry("p", trace={}))
    after = snapshot(entry("p", trace={"agreement": agreement}))
    verdict = only(judged(gate(name, **bounds), before=before, after=after))
    assert verdict.status is status, verdict.message
    if status is Status.NOT_COMPARABLE:
        assert verdict.message == "The two cannot be told apart"


@pytest.mark.parametrize(
    ("name", "before", "after", "status"),
    [
        ("score", 1.0, 0.991, Status.PASS),
        ("score", 1.0, 0.985, Status.FAIL),
        ("score", 1.0, 1.009, Status.PASS),
        ("score", 1.0, 1.02, Status.IMPROVED),
        ("score", 0.3, 0.29, Status.PASS),
        ("cost", 0.1, 0.1, Status.PASS),
    ],
)
def test_what_rounding_can_do_is_no_worsening_although_none_is_allowed(name, before, after, status) -> None:
    verdict = only(judged(gate(name, max_drop=0), before=gauged([before], name), after=gauged([after], name)))
    assert verdict.status is status, verdict.message


def test_the_noise_of_a_number_grows_with_it_where_its_room_says_so() -> None:
    for before, after, status in ((100.0, 105.0, Status.PASS), (100.0, 120.0, Status.FAIL), (2.0, 3.0, Status.FAIL)):
        verdict = only(judged(gate("size", max_drop=0), before=gauged([before], "size"), after=gauged([after], "size")))
        assert verdict.status is status, verdict.message


def test_what_rounding_can_do_breaks_no_factor_either() -> None:
    for after, status in ((0.995, Status.PASS), (0.98, Status.FAIL)):
        verdict = only(judged(gate(max_ratio=1), before=gauged([1.0]), after=gauged([after])))
        assert verdict.status is status, verdict.message


def test_three_tenths_are_not_more_than_a_tenth_and_two_tenths() -> None:
    verdict = only(judged(gate("cost", max_drop=0.2), before=gauged([0.1], "cost"), after=gauged([0.3], "cost")))
    assert 0.3 - 0.1 != 0.2
    assert verdict.status is Status.PASS


def test_without_a_baseline_a_gate_goes_through_and_says_so_unless_one_is_required() -> None:
    verdicts = judged(gate(max_drop=0.5), after=gauged([1.0]))
    assert (only(verdicts).status, only(verdicts).message) == (Status.NO_BASELINE, "there is no baseline")
    assert verdicts.exit_code == HOLD
    assert judged(gate(max_drop=0.5), after=gauged([1.0]), require_baseline=True).exit_code == STOP
    assert judged(gate(max_drop=0.5, level="warn"), after=gauged([1.0]), require_baseline=True).exit_code == STOP
    assert judged(gate(max=0.5), after=gauged([0.1]), require_baseline=True).exit_code == HOLD


def test_a_bound_that_needs_no_baseline_is_judged_without_one() -> None:
    broken = only(judged(gate(min=2, max_drop=0.5), after=gauged([1.0])))
    assert (broken.status, broken.message) == (Status.FAIL, "1 nat is less than 2 nats")
    kept = only(judged(gate(min=0.5, max_drop=0.5), after=gauged([1.0])))
    assert (kept.status, kept.message) == (Status.NO_BASELINE, "there is no baseline")


def test_a_prompt_that_the_baseline_does_not_have_has_no_baseline_and_the_others_do() -> None:
    verdicts = judged(gate(max_drop=0.5), before=gauged({"old": 1.0}), after=gauged({"old": 1.0, "new": 1.0}))
    assert [(one.prompt, one.status) for one in verdicts.all] == [("old", Status.PASS), ("new", Status.NO_BASELINE)]


def test_a_baseline_that_failed_where_this_run_did_not_is_none() -> None:
    before = snapshot(entry("p", failure="It broke."), entry("q", {"score": 1.0}))
    after = gauged({"p": 1.0, "q": 1.0})
    first, second = judged(gate(max_drop=0.5), before=before, after=after).all
    assert (first.status, second.status) == (Status.NO_BASELINE, Status.PASS)
    assert "It broke" in first.message


def test_another_version_of_the_analysis_is_not_comparable() -> None:
    before = snapshot(entry("p", {"score": 1.0}, version=7))
    verdicts = judged(gate(max_drop=0.5), before=before, after=gauged({"p": 1.0}))
    assert only(verdicts).status is Status.NOT_COMPARABLE
    assert "version" in only(verdicts).message
    assert verdicts.exit_code == STOP


def test_a_baseline_without_anything_in_common_is_not_comparable() -> None:
    found = replace(compare(gauged([1.0]), gauged([1.0]), analyses=ANALYSES), pairs=())
    verdict = only(judged(gate(max_drop=0.5), after=gauged([1.0]), comparison=found))
    assert (verdict.status, verdict.message) == (
        Status.NOT_COMPARABLE,
        "the baseline and this run have no result in common",
    )


def test_a_number_that_is_gone_fails_and_one_that_is_new_has_no_baseline() -> None:
    gone = only(judged(gate(max_drop=0.5), before=gauged([1.25]), after=gauged({"p0": None})))
    assert (gone.status, gone.message) == (Status.FAIL, "the baseline has 1.25, and this run has no such number")
    new = only(judged(gate(max_drop=0.5), before=gauged({"p0": None}), after=gauged([1.0])))
    assert (new.status, new.message) == (Status.NO_BASELINE, "the baseline has no such number")


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("bounds", [{"min": 0}, {"max": 0}, {"max_drop": 9}, {"max_ratio": 9}])
def test_what_is_no_finite_number_fails_whatever_is_asked(value, bounds) -> None:
    verdicts = judged(gate(**bounds), before=gauged([1.0]), after=gauged([value]))
    assert only(verdicts).status is Status.FAIL
    assert only(verdicts).message == "the value is not a finite number"
    assert verdicts.exit_code == STOP


def test_a_number_that_was_not_finite_fails_with_the_reason_that_was_kept() -> None:
    after = snapshot(entry("p", unmeasured={"score": "it is not a finite number but nan"}))
    verdict = only(judged(gate(min=0), after=after))
    assert (verdict.status, verdict.message) == (Status.FAIL, "it is not a finite number but nan")


def test_a_baseline_that_is_not_finite_is_not_comparable() -> None:
    before = snapshot(entry("p", unmeasured={"score": "it is not a finite number but nan"}))
    verdict = only(judged(gate(max_drop=1), before=before, after=gauged({"p": 1.0})))
    assert (verdict.status, verdict.message) == (
        Status.NOT_COMPARABLE,
        "in the baseline, it is not a finite number but nan",
    )


def test_metrics_that_cannot_be_computed_are_an_error_at_every_level() -> None:
    after = snapshot(entry("p", unmeasured={"": "the metrics cannot be computed: it fell."}))
    for level in ("fail", "warn"):
        verdicts = judged(gate(min=0, level=level), after=after)
        assert only(verdicts).status is Status.ERROR
        assert only(verdicts).message == "the metrics cannot be computed: it fell"
        assert verdicts.exit_code == STOP


def test_a_metric_that_no_result_carries_is_an_error_at_every_level() -> None:
    for level in ("fail", "warn"):
        verdicts = judged(gate("scoer", min=0, level=level), after=gauged([1.0]))
        verdict = only(verdicts)
        assert verdict.status is Status.ERROR
        assert verdict.message == "no result carries the metric 'gauge.scoer'. Did you mean 'gauge.score'?"
        assert verdict.place is None
        assert verdicts.exit_code == STOP


def test_a_failed_task_was_not_run_and_decides_the_exit_code() -> None:
    after = snapshot(entry("p", failure="It broke."), entry("q", {"score": 1.0}))
    verdicts = judged(gate(min=5), after=after)
    assert [one.status for one in verdicts.all] == [Status.NOT_RUN, Status.FAIL]
    assert verdicts.all[0].message == "there is no result: It broke"
    assert verdicts.exit_code == UNRUN


def test_a_result_without_the_number_is_not_passed_over_in_silence() -> None:
    verdicts = judged(gate(min=0), after=gauged([1.0, None]))
    assert [one.status for one in verdicts.all] == [Status.PASS, Status.INSUFFICIENT_DATA]
    assert verdicts.all[1].message == "this result has no such number (how good it is)"
    assert verdicts.exit_code == STOP
    assert judged(gate(min=0, level="warn"), after=gauged([1.0, None])).exit_code == HOLD


def test_a_prompt_without_a_target_is_no_concern_of_a_number_about_targets() -> None:
    prompts = {"p": Prompt(name="p", text="x", target=" y"), "q": Prompt(name="q", text="x")}
    after = snapshot(entry("p", {"score": 1.0}), entry("q"), prompts=prompts)
    assert [one.prompt for one in judged(gate(min=0), after=after).all] == ["p"]
    both = snapshot(entry("p"), entry("q", {"score": 1.0}), prompts=prompts)
    assert [one.status for one in judged(gate(min=0), after=both).all] == [Status.INSUFFICIENT_DATA, Status.PASS]


def test_level_warn_shows_what_is_broken_and_stops_nothing() -> None:
    verdicts = judged(gate(min=5, level="warn"), after=gauged([1.0]))
    verdict = only(verdicts)
    assert (verdict.status, verdict.level, verdict.failed) == (Status.WARN, Level.WARN, False)
    assert verdict.message == "1 nat is less than 5 nats"
    assert verdicts.exit_code == HOLD


def test_a_gate_is_for_the_models_and_prompts_that_it_names() -> None:
    after = snapshot(*(entry(prompt, {"score": 1.0}, model=model) for model in "ab" for prompt in "pq"))
    verdicts = judged(gate(min=0, models=("b",), prompts=("q",)), after=after)
    assert [one.place for one in verdicts.all] == [("b", "q", "gauge")]


def test_a_verdict_says_where_its_gate_stands_and_what_it_demands() -> None:
    verdict = only(judged(gate(max_drop=0.25, min=-1), before=gauged([2.0]), after=gauged([1.9])))
    assert (verdict.file, verdict.line, verdict.column) == ("demo.yaml", 10, 5)
    assert verdict.bound == "min -1, max_drop 0.25"
    assert (verdict.minimum, verdict.maximum, verdict.before) == (1.75, None, 2.0)


@pytest.mark.parametrize(
    ("name", "bounds", "before", "after", "message"),
    [
        ("score", {"max_drop": 0.5}, 2.0, 1.0, "1 nat is 1 nat less than the baseline's 2 nats; at most 0.5 nats is"),
        ("cost", {"max_drop": 0.5}, 2.0, 3.25, "3.25 is 1.25 more than the baseline's 2; at most 0.5 is allowed"),
        ("cost", {"max_ratio": 2}, 2.0, 6.0, "6 is 3 times the baseline's 2; at most a factor of 2 is allowed"),
        ("score", {"max_ratio": 2}, 3.0, 1.0, "1 nat is the baseline's 3 nats / 3; at most a factor of 2 is allowed"),
        ("score", {"max_ratio": 2}, 2.0, 0.0, "0 nats is nothing beside the baseline's 2 nats; at most a factor of 2"),
        ("cost", {"max": 1}, 1.0, 1.00004, "1.00004 is more than 1"),
        ("score", {"max_drop": 0}, 1.0, 1.0, "1 nat is what it was in the baseline"),
        ("depth", {"max": 3}, 3.0, 5.0, "5 is more than 3"),
        ("depth", {"max_drop": 1}, 3.0, 5.0, "5 is 2 layers more than the baseline's 3; at most 1 layer is allowed"),
        ("score", {"max_drop": 0}, -1.0, -1.5, "−1.5 nats is 0.5 nats less than the baseline's −1 nats; at most 0.01"),
        ("score", {"min": 0, "max": 2}, 1.0, 1.5, "1.5 nats is at least 0 nats and at most 2 nats"),
        (
            "cost",
            {"max": 2, "max_drop": 1},
            1.0,
            1.5,
            "1.5 is at most 2; 1.5 is 0.5 more than the baseline's 1, and 1 is",
        ),
        ("score", {"max_drop": 0.5}, 1.0, 2.0, "better: 2 nats is 1 nat more than the baseline's 1 nat"),
    ],
)
def test_a_message_has_the_numbers(name, bounds, before, after, message) -> None:
    verdict = only(judged(gate(name, **bounds), before=gauged([before], name), after=gauged([after], name)))
    assert verdict.message.startswith(message), verdict.message


def test_the_counts_are_those_of_gates_in_the_order_of_the_statuses() -> None:
    verdicts = judged(gate(min=1.5), gate(max=9), after=gauged([1.0, 2.0]))
    assert dict(verdicts.counts) == {Status.PASS: 3, Status.FAIL: 1}
    assert list(verdicts.counts) == [Status.PASS, Status.FAIL]


def test_every_status_has_a_meaning_of_its_own() -> None:
    meanings = sorted(status.meaning for status in Status)
    assert all(first != second for first, second in pairwise(meanings))
    assert len(Status) == 9


def test_nothing_judged_is_nothing_wrong() -> None:
    assert Verdicts((), 0).exit_code == HOLD
    assert Verdicts((), 1).exit_code == UNRUN
