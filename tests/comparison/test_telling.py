from __future__ import annotations

import subprocess
import sys

import pytest

from ecco_reports.analyses.measures import Measure
from ecco_reports.comparison import Change, Mark, compare, gained, headline, lost, most_changed
from ecco_reports.comparison.telling import size_in_noise
from ecco_reports.records import Direction
from tests.comparison.makers import ANALYSES, entry, snapshot


def ranked(name, rank, **fields):
    return entry(name, metrics={"target_rank": float(rank)}, **fields)


def compared(before, after):
    return compare(snapshot(*before), snapshot(*after), analyses=ANALYSES)


def test_facts_that_were_lost_and_gained_are_named():
    before = [ranked("a", 1, trace={"said": " Paris"}), ranked("b", 2), ranked("c", 1), ranked("d", 5)]
    after = [ranked("a", 7, trace={"said": " Rome"}), ranked("b", 1), ranked("c", 1), ranked("d", 9)]
    found = compared(before, after)
    (fact,) = lost(found)
    assert (fact.prompt.name, fact.label, fact.before, fact.after) == ("a", "weighing", 1, 7)
    assert fact.said == (" Paris", " Rome")
    assert [fact.prompt.name for fact in gained(found)] == ["b"]
    assert headline(found).startswith("1 of 4 prompts lost its answer: a; 1 gained its: b")


def test_a_fact_is_told_once_though_several_analyses_know_it():
    before = [ranked("a", 1), ranked("a", 1, label="again")]
    assert len(lost(compared(before, [ranked("a", 3), ranked("a", 3, label="again")]))) == 1


def test_the_headline_of_answers_that_stay_while_the_reasons_move():
    before = [ranked(name, 1, weights=(0.9, 0.1)) for name in "abcd"]
    after = [ranked(name, 1, weights=(0.1, 0.9) if name in "ab" else (0.9, 0.1)) for name in "abcd"]
    assert headline(compared(before, after)) == "All 4 answers that were right still are; the reasons moved in 2 of 4."


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (
            [ranked("a", 1), ranked("b", 1), ranked("c", 1)],
            [ranked("a", 2), ranked("b", 2), ranked("c", 1)],
            "2 of 3 prompts lost their answer: a and b.",
        ),
        (
            [ranked("a", 1)],
            [ranked("a", 1)],
            "The one answer that was right still is; nothing moved beyond rounding in 1 prompt.",
        ),
        ([ranked("a", 4)], [ranked("a", 6)], "Numbers got worse in 1 of 1 prompt."),
        ([ranked("a", 6)], [ranked("a", 4)], "Numbers moved in 1 of 1 prompt, and got worse in none."),
        (
            [ranked("a", 1), entry("b")],
            [ranked("a", 1), entry("b", failure="out of memory")],
            "1 result fails now: weighing of b. The one answer that was right still is; nothing moved beyond rounding "
            "in 1 prompt.",
        ),
        (
            [entry("a")],
            [entry("a", version=2)],
            "Nothing could be compared. The analysis weighing has changed (version 1 before, 2 now), so that the same "
            "model gives other numbers. Make the baseline again with this version.",
        ),
        (
            [ranked("a", 3), entry("b")],
            [ranked("a", 3), entry("b", version=2)],
            "Nothing moved beyond rounding in 1 prompt. 1 result could not be compared.",
        ),
        ([entry("a", label="x")], [entry("a", label="y")], "Nothing could be compared: no result is on both sides."),
    ],
)
def test_the_headline_says_the_worst_first(before, after, said):
    assert headline(compared(before, after)) == said


def test_prompts_are_named_with_their_model_where_there_are_several():
    before = [ranked("a", 1), ranked("a", 1, model="n")]
    found = compared(before, [ranked("a", 2), ranked("a", 1, model="n")])
    assert headline(found) == "1 of 2 prompts lost its answer: a (m)."


def change(before, after, noise=0.1):
    return Change("x", Measure(Direction.LOWER, "x", noise=noise), before, after, Mark.WORSE)


@pytest.mark.parametrize(
    ("found", "size"),
    [
        (change(0.0, 0.9), 1.0),  # nine times the noise
        (change(9.9, 0.0), 2.0),
        (change(100.0, 91.0, noise=0.0), 1.0),  # nine hundredths of the larger value
        (change(None, 1.0), 0.0),
        (change(1.0, 1.0), 0.0),
    ],
)
def test_a_change_counts_in_powers_of_ten_of_its_noise(found, size):
    assert size_in_noise(found) == pytest.approx(size)


def test_the_prompts_that_changed_most_come_first():
    def numbers(name, logprob, **fields):
        return entry(name, metrics={"logprob": logprob}, **fields)

    before = [numbers(name, -5.0) for name in ("same", "better", "moved", "slightly", "much", "broken", "other")]
    after = [
        numbers("same", -5.0),
        numbers("better", -0.1),
        numbers("moved", -5.0, weights=(9.0, -9.0)),
        numbers("slightly", -5.5),
        numbers("much", -9.0),
        entry("broken", failure="out of memory"),
        numbers("other", -5.0, version=2),
    ]
    found = most_changed(compared(before, after))
    assert [each.prompt.name for each in found] == ["broken", "much", "slightly", "moved", "better"]
    assert [each.mark for each in found] == [
        Mark.NEWLY_FAILING, Mark.WORSE, Mark.WORSE, Mark.CHANGED, Mark.BETTER,
    ]  # fmt: skip
    assert found[0].reasons[0].change is None
    assert found[1].reasons[0].change.name == "logprob"
    assert found[1].score == pytest.approx(size_in_noise(change(-5.0, -9.0)))


def test_a_change_that_shows_in_two_analyses_counts_in_both():
    def both(name, rank, again):
        return [ranked(name, rank), ranked(name, again, label="again")]

    before = [*both("a", 1, 1), *both("b", 1, 1)]
    (first, second) = most_changed(compared(before, [*both("a", 9, 1), *both("b", 9, 9)]))
    assert (first.prompt.name, second.prompt.name) == ("b", "a")
    assert first.score == pytest.approx(2 * second.score)
    assert [reason.pair.label for reason in first.reasons] == ["weighing", "again"]
    assert len(first.pairs) == 2


def test_comparing_imports_no_torch():
    code = (
        "import sys; from tests.comparison.makers import ANALYSES, entry, snapshot; "
        "from ecco_reports.comparison import compare, headline; "
        "before = snapshot(*(entry(str(i)) for i in range(8))); "
        "after = snapshot(*(entry(str(i), metrics={'logprob': -2.0 - i}) for i in range(8))); "
        "headline(compare(before, after, analyses=ANALYSES)); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
