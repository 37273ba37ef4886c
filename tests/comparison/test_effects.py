from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecco_reports.comparison import Mark, compare, samples_of
from tests.comparison.makers import ANALYSES, entry, snapshot


def of_numbers(values, name="logprob", **fields):
    """A snapshot whose prompts have these values of one metric."""
    return snapshot(*(entry(f"p{i}", metrics={name: float(value)}, **fields) for i, value in enumerate(values)))


def of_weights(weights):
    return snapshot(*(entry(f"p{i}", metrics={}, weights=each) for i, each in enumerate(weights)))


def effects(before, after, **asked):
    found = compare(before, after, analyses=ANALYSES, **asked).effects
    return {effect.name: effect for effect in found}


def test_an_effect_by_hand():
    after = [-1.5, -1.6, -1.7, -1.8, -1.9, -2.0]
    effect = effects(of_numbers([-1.0] * 6), of_numbers(after))["logprob"]
    assert (effect.samples, effect.before, effect.after) == (6, -1.0, pytest.approx(-1.75))
    assert effect.difference == pytest.approx(-0.75)
    assert effect.p == effect.adjusted == pytest.approx(2 / 64)
    assert effect.size == pytest.approx(-0.75 / np.std(after, ddof=1))
    assert (effect.rank_biserial, effect.worse, effect.better, effect.changed) == (-1.0, 6, 0, 6)
    assert effect.interval[0] < -0.75 < effect.interval[1] < -0.5
    assert (effect.mark, effect.test) == (Mark.WORSE, "paired sign-flip permutation test")


def test_the_mark_goes_by_direction():
    up, down = of_numbers(np.arange(1.0, 9.0)), of_numbers(np.zeros(8))
    assert effects(down, up)["logprob"].mark is Mark.BETTER
    assert effects(up, down)["logprob"].mark is Mark.WORSE
    layers = of_numbers(np.arange(1.0, 9.0), "layer"), of_numbers(np.zeros(8), "layer")
    assert effects(*layers)["layer"].mark is Mark.CHANGED


def test_what_is_significant_but_within_the_noise_is_the_same():
    effect = effects(of_numbers([0.0] * 20), of_numbers([-0.06] * 19 + [-0.3]))["logprob"]
    assert effect.p < 0.001
    assert (effect.mark, effect.worse) == (Mark.SAME, 1)


def test_what_is_beyond_the_noise_but_not_significant_says_so():
    effect = effects(of_numbers([0.0] * 8), of_numbers([0.0] * 7 + [-8.0]))["logprob"]
    assert effect.p == 1
    assert effect.mark is Mark.NOT_SIGNIFICANT


def test_too_few_prompts_are_not_tested_and_one_has_no_effect():
    effect = effects(of_numbers([0.0] * 5), of_numbers([-2.0] * 5))["logprob"]
    assert (effect.p, effect.adjusted, effect.interval, effect.mark) == (None, None, None, Mark.NOT_SIGNIFICANT)
    assert effect.test == "not tested: 5 prompts are too few, 6 are needed"
    assert effects(of_numbers([0.0]), of_numbers([-2.0])) == {}


def test_what_does_not_move_is_not_tested_and_does_not_count_in_the_correction():
    def numbers(logprobs):
        return snapshot(
            *(
                entry(f"p{i}", metrics={"logprob": value, "target_rank": 1.0, "layer": 3.0})
                for i, value in enumerate(logprobs)
            )
        )

    found = effects(numbers([0.0] * 6), numbers([-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]))
    assert found["target_rank"].test == "not tested: no prompt differs beyond the noise"
    assert (found["target_rank"].mark, found["target_rank"].size) == (Mark.SAME, None)
    assert found["logprob"].adjusted == pytest.approx(2 / 64)


@pytest.mark.parametrize(
    ("correction", "factor", "words"), [("holm", 2, "Holm"), ("benjamini-hochberg", 1, "Benjamini-Hochberg")]
)
def test_p_values_are_corrected_over_all_that_was_tested(correction, factor, words):
    def numbers(values):
        return snapshot(
            *(entry(f"p{i}", metrics={"logprob": -value, "target_rank": value}) for i, value in enumerate(values))
        )

    before, after = numbers([1.0] * 6), numbers([2.0, 3.0, 4.0, 5.0, 6.0, 7.0])
    found = compare(before, after, analyses=ANALYSES, correction=correction)
    tested = [effect for effect in found.effects if effect.p is not None]
    assert [effect.name for effect in tested] == ["logprob", "target_rank"]
    assert [effect.adjusted for effect in tested] == [pytest.approx(factor * 2 / 64)] * 2
    assert {effect.mark for effect in tested} == {Mark.NOT_SIGNIFICANT if factor == 2 else Mark.WORSE}
    assert found.correction == words


def test_agreement_is_not_tested_against_the_edge_of_its_range():
    # Half a percent of drift everywhere is certain, and within the noise of the measure.
    drifted = [(0.5 + 0.001 * i, 0.5) for i in range(12)]
    effect = effects(of_weights([(0.5, 0.5)] * 12), of_weights(drifted))["agreement"]
    assert (effect.p, effect.adjusted, effect.mark) == (None, None, Mark.SAME)
    assert "edge of its range" in effect.test
    assert effect.before == 1.0


def test_agreement_that_fell_everywhere_changed_and_that_fell_once_is_not_significant():
    still = of_weights([(0.5, 0.5)] * 12)
    everywhere = effects(still, of_weights([(0.8 + 0.01 * i, 0.2) for i in range(12)]))["agreement"]
    assert (everywhere.mark, everywhere.changed, everywhere.worse, everywhere.better) == (Mark.CHANGED, 12, 0, 0)
    assert everywhere.interval[1] < -0.05
    once = effects(still, of_weights([(0.5, 0.5)] * 11 + [(2.0, -1.0)]))["agreement"]
    assert (once.mark, once.changed) == (Mark.NOT_SIGNIFICANT, 1)


def test_a_signed_shift_is_tested():
    still = of_weights([(0.5, 0.5)] * 8)
    effect = effects(still, of_weights([(0.6 + 0.01 * i, 0.6) for i in range(8)]))["shift"]
    assert effect.p == pytest.approx(2 / 256)
    assert effect.mark is Mark.CHANGED


def test_pairs_that_lack_a_number_are_left_out():
    before = snapshot(entry("a"), entry("b"), entry("c"), entry("d", failure="x"))
    after = snapshot(entry("a"), entry("b"), entry("c", metrics={"layer": 1.0}), entry("d"))
    found = effects(before, after)
    assert {name: effect.samples for name, effect in found.items()} == {
        "agreement": 3, "shift": 3, "target_rank": 2, "logprob": 2, "layer": 3,
    }  # fmt: skip


def test_samples_keep_the_order_of_the_page():
    found = samples_of(compare(of_numbers([1, 2, 3]), of_numbers([4, 5, 6]), analyses=ANALYSES).pairs)
    samples = next(each for each in found if each.name == "logprob")
    assert (samples.prompts, samples.before, samples.after) == (("p0", "p1", "p2"), (1, 2, 3), (4, 5, 6))


def test_a_comparison_can_be_made_again():
    rng = np.random.default_rng(4)
    before, after = of_numbers(rng.normal(size=40)), of_numbers(rng.normal(size=40))
    assert compare(before, after, analyses=ANALYSES) == compare(before, after, analyses=ANALYSES)


NUMBERS = st.lists(st.floats(-5, 5).map(lambda value: round(value, 3)), min_size=2, max_size=9)


@settings(max_examples=25, deadline=None)
@given(NUMBERS)
def test_what_is_held_against_itself_is_the_same_everywhere(values):
    both = of_numbers(values)
    found = compare(both, both, analyses=ANALYSES)
    assert {pair.mark for pair in found.pairs} == {Mark.SAME}
    assert {effect.mark for effect in found.effects} == {Mark.SAME}
    assert all(effect.difference == 0 and effect.p is None for effect in found.effects)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=2, max_size=9))
def test_swapping_the_sides_swaps_worse_and_better(values):
    swapped = {Mark.WORSE: Mark.BETTER, Mark.BETTER: Mark.WORSE, Mark.ADDED: Mark.GONE, Mark.GONE: Mark.ADDED}
    before, after = (of_numbers(side) for side in zip(*values, strict=True))
    there, back = compare(before, after, analyses=ANALYSES), compare(after, before, analyses=ANALYSES)
    for one, other in zip(there.pairs, back.pairs, strict=True):
        assert other.mark is swapped.get(one.mark, one.mark)
    for mine, theirs in zip(there.effects, back.effects, strict=True):
        assert theirs.mark is swapped.get(mine.mark, mine.mark)
        assert theirs.difference == pytest.approx(-mine.difference)
        assert theirs.p == (None if mine.p is None else pytest.approx(mine.p))
        assert (theirs.worse, theirs.better) == (mine.better, mine.worse)
