"""Numbers, marks and verdicts in words: no more digits than could be told apart, and nothing without a meaning."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import GRAVITY, Mark
from ecco_reports.comparison.saying import said_of, word_diff
from ecco_reports.comparison.words import SIGNS, amount, interval, plain, probability, tally
from ecco_reports.gates import Status, Verdicts
from ecco_reports.gates.words import ORDER, outcomes, tone, unpassed, verdict_line
from ecco_reports.records import Direction
from tests.comparisons import comparison, nothing_changed, passed, verdicts


def measure(unit="", noise=0.0, equal=None):
    return Measure(Direction.HIGHER, "a number", unit, noise, equal)


@pytest.mark.parametrize(
    ("value", "of", "written"),
    [
        (0.97123, measure("share", 0.01), "97 %"),
        (0.0012, measure("share", 0.0001), "0.12 %"),
        (-1.23456, measure("nats", 0.02), "−1.23 nats"),
        (-0.001, measure("nats", 0.02), "0 nats"),
        (-0.0123, measure("nats", 0.02), "−0.01 nats"),
        (3.0, measure("rank"), "rank 3"),
        (4.25, measure("layers"), "layer 4.25"),
        (-1.0, measure("layers"), "embedding"),
        (0.5, measure("layers", equal=0.0), "0.500 layers"),
        (1.0, measure("nats"), "1 nat"),
        (12345678.0, measure(), "1.23e+07"),
        (float("nan"), measure(), "not a number"),
        (None, measure(), "–"),
    ],
)
def test_a_number_has_its_unit_and_the_digits_that_its_noise_leaves(value, of, written):
    assert amount(value, of).replace("\u00a0", " ") == written


@pytest.mark.parametrize(
    ("value", "of", "written"),
    [
        (0.08, measure("share", 0.01), "+8 points"),
        (-0.01, measure("share", 0.01), "−1 point"),
        (6.0, measure("rank"), "+6 ranks"),
        (1.0, measure("layers"), "+1 layer"),
        (-0.001, measure("nats", 0.02), "0 nats"),
        (0.0, measure(), "0"),
    ],
)
def test_a_difference_has_a_sign(value, of, written):
    assert amount(value, of, signed=True).replace("\u00a0", " ") == written


def test_an_interval_names_its_unit_once():
    effect = next(one for one in comparison().effects if one.name == "target_logprob")
    found = interval(replace(effect, interval=(-1.2, -0.3)))
    assert found.replace("\u00a0", " ") == "−1.20 to −0.30 nats"
    assert interval(replace(effect, interval=None)) == ""


@pytest.mark.parametrize(("p", "written"), [(0.0004, "< 0.001"), (0.0123, "0.012"), (0.345, "0.34"), (None, "–")])
def test_a_p_value_is_rounded_and_never_zero(p, written):
    assert probability(p).replace("\u00a0", " ") == written


def test_a_number_without_a_unit_has_three_digits():
    assert (plain(-0.42867), plain(2.0), plain(float("inf"))) == ("−0.429", "2", "not a number")


def test_every_mark_has_a_shape_of_its_own_and_a_meaning_in_the_order_of_gravity():
    assert tuple(SIGNS) == GRAVITY
    assert set(SIGNS) == set(Mark)
    assert len({sign.shape for sign in SIGNS.values()}) == len(SIGNS)
    assert all(sign.meaning.endswith(".") for sign in SIGNS.values())


def test_a_tally_counts_every_result_once():
    pairs = comparison().pairs
    assert sum(tally(pairs).values()) == len(pairs)
    assert set(tally(pairs)) == set(Mark) - {Mark.NOT_SIGNIFICANT}


@pytest.mark.parametrize(
    ("before", "after"),
    [("", ""), ("a b c", "a x c"), (" leading", "leading "), ("one\ntwo", "one two"), ("שלום לכם", "שלום"), ("a", "")],
)
def test_a_word_diff_holds_both_texts(before, after):
    pieces = word_diff(before, after)
    assert "".join(piece.text for piece in pieces if piece.kind != "new") == before
    assert "".join(piece.text for piece in pieces if piece.kind != "gone") == after


def test_a_word_diff_finds_the_word_that_changed():
    kinds = [(piece.kind, piece.text) for piece in word_diff("It is Tokyo, of course", "It is Rome, of course")]
    assert kinds == [("same", "It is"), ("gone", " Tokyo"), ("new", " Rome"), ("same", ", of course")]


def test_the_traces_of_the_hand_made_comparison_are_those_of_generation():
    traced = ANALYSES["generation"].Traced
    traces = [pair.before.trace for pair in comparison().pairs if pair.label == "generation" and pair.before]
    assert all(traced.model_validate(trace).said for trace in traces)


def test_what_was_given_was_not_said():
    pair = next(pair for pair in comparison().pairs if pair.label == "generation" and pair.before and pair.after)
    assert said_of([pair])[0].before == "Tokyo, of course"
    given = pair.before.model_copy(update={"trace": {**pair.before.trace, "given": True}})
    assert said_of([replace(pair, before=given, after=given)]) == ()


def test_every_outcome_has_a_place_in_the_order():
    assert set(ORDER) == {status.value for status in Status}


def test_the_verdict_is_one_sentence():
    assert verdict_line(verdicts()) == "1 task failed or did not run, 4 of 9 gates failed, 1 of 2 proofs failed"
    assert verdict_line(passed()) == "The gate passed"
    assert verdict_line(Verdicts((), 0)) == "There are no gates, and no proof failed"
    assert verdict_line(None) == "No gates were judged"
    two = Verdicts((*passed().all, *passed().all), 0)
    assert verdict_line(two) == "All 2 gates passed"
    warned = tuple(verdict for verdict in verdicts().all if verdict.status in (Status.WARN, Status.PASS))
    assert verdict_line(Verdicts(warned, 0)) == "1 gate passed, 1 warn"


def test_what_needs_a_look_comes_first():
    found = [verdict.status for verdict in unpassed(verdicts())]
    assert found[:3] == [Status.ERROR, Status.FAIL, Status.FAIL]
    assert Status.PASS not in found
    assert Status.IMPROVED not in found
    assert unpassed(verdicts(), "another") == ()
    assert outcomes(verdicts()).startswith("1 error, 1 fail, 1 not-run")


def test_how_it_looks_at_a_glance():
    assert tone(verdicts(), [comparison()]) == "broken"
    assert tone(passed(), [comparison()]) == "sound"
    assert tone(None, [comparison()]) == "doubtful"
    assert tone(None, [nothing_changed()]) == "sound"
