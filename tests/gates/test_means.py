"""Gates over all prompts: means, tests, corrections; and that nothing depends on which way a number is better."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecco_reports.gates import Status
from tests.gates.bench import entry, gate, gauged, judged, only, snapshot


def overall(before, after, name="score", **fields):
    """What a gate over all prompts says."""
    held = gauged(before, name) if before is not None else None
    return judged(gate(name, over="prompts", **fields), before=held, after=gauged(after, name))


def test_the_mean_is_judged_instead_of_each_prompt() -> None:
    verdict = only(overall(None, [1.0, 5.0], min=3))
    assert (verdict.status, verdict.value, verdict.samples) == (Status.PASS, 3.0, 2)
    assert (verdict.model, verdict.prompt, verdict.label) == ("m", None, "gauge")
    assert verdict.place is None
    broken = only(overall(None, [1.0, 5.0], min=3.5))
    assert (broken.status, broken.message) == (Status.FAIL, "over 2 prompts, the mean 3 nats is less than 3.5 nats")
    assert (broken.p, broken.test) == (None, "")


def test_each_model_has_a_mean_of_its_own() -> None:
    found = {"a": (1.0, 2.0), "b": (5.0, 7.0)}
    after = snapshot(*(entry(f"p{i}", {"score": v}, model=m) for m, vs in found.items() for i, v in enumerate(vs)))
    verdicts = judged(gate(over="prompts", min=2), after=after)
    assert [(one.model, one.status, one.value) for one in verdicts.all] == [
        ("a", Status.FAIL, 1.5),
        ("b", Status.PASS, 6.0),
    ]


def test_with_a_sign_test_a_worsening_everywhere_is_significant_and_its_p_is_known() -> None:
    verdict = only(overall([2.0] * 8, [1.0] * 8, max_drop=0.5, test="sign"))
    assert verdict.status is Status.FAIL
    assert verdict.p == pytest.approx(2**-8)
    assert verdict.adjusted == verdict.p
    assert "sign test" in verdict.message
    assert "p = 0.0039, alpha 0.05" in verdict.message


def test_a_permutation_of_equal_worsenings_has_one_way_in_2_to_the_n() -> None:
    verdict = only(overall([2.0] * 10, [1.0] * 10, max_drop=0.5, test="permutation"))
    assert (verdict.status, verdict.p) == (Status.FAIL, pytest.approx(2**-10))


def test_wilcoxon_agrees_with_its_table() -> None:
    # Ranks 1 to 6, all of one sign: one of 64 ways.
    after = [1.0 - 0.1 * index for index in range(6)]
    verdict = only(overall([2.0] * 6, after, max_drop=0.5, test="wilcoxon"))
    assert (verdict.status, verdict.p) == (Status.FAIL, pytest.approx(1 / 64))


def test_a_worsening_that_chance_could_have_made_is_a_warning_that_says_so() -> None:
    after = [0.0, 0.0, 0.0, 3.0, 3.0, 0.5, 2.4, 1.0]
    verdicts = overall([2.0] * 8, after, max_drop=0.5, test="permutation")
    verdict = only(verdicts)
    assert sum(after) / 8 < 2 - 0.5
    assert verdict.status is Status.WARN
    assert ", but not significantly (paired sign-flip permutation test, p = 0." in verdict.message
    assert verdict.p is not None
    assert verdict.p > 0.05
    assert verdicts.exit_code == 0


def test_a_worsening_within_what_is_allowed_passes_however_significant() -> None:
    verdict = only(overall([2.0] * 12, [1.6] * 12, max_drop=0.5, test="permutation"))
    assert verdict.status is Status.PASS
    assert verdict.message.startswith("over 12 prompts, the mean 1.6 nats is 0.4 nats less than the baseline's 2 nats")


def test_an_improvement_has_to_be_significant() -> None:
    sure = only(overall([2.0] * 8, [2.1] * 8, max_drop=0.5, test="permutation"))
    assert (sure.status, sure.p) == (Status.IMPROVED, pytest.approx(2**-8))
    mixed = only(overall([2.0] * 8, [9.0, 1.9, 2.1, 1.8, 2.2, 1.9, 2.1, 1.9], max_drop=0.5, test="permutation"))
    assert mixed.status is Status.PASS


@pytest.mark.parametrize(
    ("fields", "prompts", "said"),
    [
        ({"min_samples": 5}, 4, "4 prompts have this number, and min_samples asks for 5"),
        ({"min_samples": 5, "test": "sign"}, 4, "4 prompts have this number, and min_samples asks for 5"),
        ({"test": "sign"}, 4, "4 prompts have this number: with alpha 0.05, the exact sign test"),
        ({"test": "permutation", "alpha": 0.01}, 6, "can find nothing in fewer than 7"),
        ({"test": "wilcoxon"}, 1, "1 prompt has this number: "),
    ],
)
def test_too_few_prompts_are_insufficient_data_whatever_they_say(fields, prompts, said) -> None:
    for after in (9.0, 2.0, -9.0):
        verdicts = overall([2.0] * prompts, [after] * prompts, max_drop=0.5, **fields)
        assert only(verdicts).status is Status.INSUFFICIENT_DATA
        assert said in only(verdicts).message
        assert verdicts.exit_code == 3
    held = overall([2.0] * prompts, [9.0] * prompts, max_drop=0.5, level="warn", **fields)
    assert held.exit_code == 0


@pytest.mark.parametrize("fields", [{"min_samples": 5}, {"test": "sign"}])
def test_as_many_prompts_as_are_asked_for_are_enough(fields) -> None:
    assert only(overall([2.0] * 5, [0.0] * 5, max_drop=0.5, **fields)).status is Status.FAIL


def test_no_way_but_the_one_it_went_may_be_worse_so_a_two_sided_test_needs_one_prompt_more() -> None:
    few = only(overall([2.0] * 5, [9.0] * 5, "depth", max_drop=1, test="sign"))
    assert few.status is Status.INSUFFICIENT_DATA
    enough = only(overall([2.0] * 6, [9.0] * 6, "depth", max_drop=1, test="sign"))
    assert (enough.status, enough.p) == (Status.FAIL, pytest.approx(2 * 2**-6))


def test_holm_counts_the_tests_of_an_experiment() -> None:
    sure, unsure = (
        gate(max_drop=0.5, over="prompts", test="sign"),
        gate("cost", max_drop=0.5, over="prompts", test="sign"),
    )
    before = snapshot(*(entry(f"p{i}", {"score": 2.0, "cost": 2.0}) for i in range(10)))
    after = snapshot(*(entry(f"p{i}", {"score": 0.0, "cost": 4.0 if i else 2.0}) for i in range(10)))
    first, second = judged(sure, unsure, before=before, after=after).all
    # Ten of ten signs, and nine of ten: 1/1024 and 11/1024. Holm doubles the smaller and leaves the larger.
    assert (first.p, first.adjusted) == (pytest.approx(1 / 1024), pytest.approx(2 / 1024))
    assert (second.p, second.adjusted) == (pytest.approx(11 / 1024), pytest.approx(11 / 1024))
    assert "p = 0.00098, = 0.002 by Holm, alpha 0.05" in first.message
    alone, _ = judged(replace(sure, correction="none"), unsure, before=before, after=after).all
    assert alone.adjusted == alone.p == pytest.approx(1 / 1024)


def test_a_correction_can_turn_a_failure_into_a_warning() -> None:
    gates = [gate("cost", max_drop=0.5, over="prompts", test="sign") for _ in range(3)]
    before, after = gauged([2.0] * 10, "cost"), gauged([4.0] * 8 + [2.0, 2.0], "cost")
    # Eight of ten signs: 56/1024, and three times that.
    assert [one.status for one in judged(*gates, before=before, after=after).all] == [Status.WARN] * 3
    nine = gauged([4.0] * 9 + [2.0], "cost")
    assert [one.status for one in judged(*gates, before=before, after=nine).all] == [Status.FAIL] * 3


def test_more_tests_need_more_prompts() -> None:
    gates = [gate(max_drop=0.5, over="prompts", test="sign") for _ in range(2)]
    five = judged(*gates, before=gauged([2.0] * 5), after=gauged([0.0] * 5))
    assert {one.status for one in five.all} == {Status.INSUFFICIENT_DATA}
    assert "and 2 tests" in five.all[0].message
    six = judged(*gates, before=gauged([2.0] * 6), after=gauged([0.0] * 6))
    assert {one.status for one in six.all} == {Status.FAIL}


def test_prompts_that_cannot_be_judged_are_named() -> None:
    failing = snapshot(entry("p", {"score": 1.0}), entry("q", failure="It broke."), entry("r", failure="It broke."))
    verdict = only(judged(gate(over="prompts", min=0), after=failing))
    assert (verdict.status, verdict.message) == (Status.NOT_RUN, "q: there is no result: It broke (and 1 more)")
    bad = snapshot(entry("p", {"score": 1.0}), entry("q", unmeasured={"score": "it is nan"}))
    assert only(judged(gate(over="prompts", min=0), after=bad)).status is Status.FAIL


def test_prompts_that_only_one_side_has_are_left_out_of_the_mean_and_counted() -> None:
    before, after = gauged({"a": 1.0, "b": 3.0}), gauged({"a": 1.0, "b": 3.0, "new": -99.0})
    verdict = only(judged(gate(over="prompts", max_drop=0.5), before=before, after=after))
    assert (verdict.status, verdict.samples, verdict.value) == (Status.PASS, 2, 2.0)
    assert verdict.message.endswith("(1 prompt left out: the baseline has no such result)")


def test_a_number_that_only_no_prompt_has_is_an_error() -> None:
    assert only(overall(None, [None, None], min=0)).status is Status.ERROR


numbers = st.integers(-50, 50).map(lambda number: number / 10)
samples = st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9)


@settings(max_examples=40, deadline=None)
@given(
    samples,
    st.integers(0, 20).map(lambda number: number / 10),
    st.sampled_from(["none", "sign", "permutation"]),
)
def test_swapping_the_direction_and_the_sign_changes_nothing(pairs, drop, test) -> None:
    """A number of which more is better is one of which less is better, with its sign turned."""
    before, after = zip(*pairs, strict=True)
    drop = max(drop, 0.01)  # The noise of the one of them that has any.
    more = only(overall(before, after, "score", max_drop=drop, test=test))
    less = only(overall([-v for v in before], [-v for v in after], "cost", max_drop=drop, test=test))
    if more.status is Status.IMPROVED or less.status is Status.IMPROVED:
        return  # Only one of the two has noise, which an improvement has to exceed.
    assert (more.status, more.p) == (less.status, less.p)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=9), st.integers(0, 20))
def test_where_neither_way_is_better_swapping_the_sides_changes_nothing(pairs, drop) -> None:
    before, after = zip(*pairs, strict=True)
    there = only(overall(before, after, "depth", max_drop=drop / 10))
    back = only(overall(after, before, "depth", max_drop=drop / 10))
    assert there.status is back.status


@settings(max_examples=40, deadline=None)
@given(numbers, numbers, st.integers(0, 30).map(lambda number: number / 10), st.sampled_from(["score", "cost"]))
def test_whoever_allows_more_passes_more(before, after, drop, name) -> None:
    strict, loose = (
        only(judged(gate(name, max_drop=allowed), before=gauged([before], name), after=gauged([after], name)))
        for allowed in (drop, drop + 0.5)
    )
    assert strict.status in {Status.PASS, Status.IMPROVED, Status.FAIL}
    if not strict.failed:
        assert not loose.failed


@settings(max_examples=40, deadline=None)
@given(numbers, numbers, st.integers(0, 30).map(lambda number: number / 10), st.sampled_from(["score", "cost"]))
def test_what_fails_one_way_has_improved_the_other_way(before, after, drop, name) -> None:
    there = only(judged(gate(name, max_drop=drop), before=gauged([before], name), after=gauged([after], name)))
    back = only(judged(gate(name, max_drop=drop), before=gauged([after], name), after=gauged([before], name)))
    assert (there.status is Status.FAIL) == (back.status is Status.IMPROVED)
