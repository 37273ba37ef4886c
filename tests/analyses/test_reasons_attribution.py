"""Whether a new model still gives the same reasons, from attributions whose numbers are known on paper."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import kendalltau

from ecco_reports.analyses.attribution import Attribution
from ecco_reports.analyses.attribution.shifting import ROUNDING, settled, shift_of, top_count, total_variation
from ecco_reports.analyses.attribution.spans import place_of, span_share, top_word
from ecco_reports.analyses.attribution.tracing import AttributionTrace
from ecco_reports.analyses.traced_targets import MOST_TARGETS
from ecco_reports.errors import SpanError
from ecco_reports.methods.rankings import rank_biased_overlap
from ecco_reports.records import Prompt, Token
from ecco_reports.testing import check_figure
from tests import tiny
from tests.analyses.explanations import passage, result

ROOM = Attribution()
NAMES = ("baseline", "candidate")
TEXT = passage("Heathrow airport lies in the city of", "London")


def trace(*rows, method="integrated_gradients", text=TEXT, **more):
    """A trace of rows of contributions of the seven words of a prompt."""
    return ROOM.trace(result(text, {method: [[*row, 0] for row in rows]}, **more))


OLD = (6.2, 0.9, 0.5, 0.4, 0.3, 1.0, 0.7)
NEW = (1.1, 4.8, 0.6, 0.5, 0.3, 1.9, 0.8)


def test_a_trace_keeps_the_words_of_the_prompt_and_four_digits():
    kept = trace((1.23456789, -2, 0, 0, 0, 0, 1 / 3))
    assert [word.word for word in kept.words] == ["Heathrow", "airport", "lies", "in", "the", "city", "of"]
    assert kept.methods[0].contributions == ((1.235, -2.0, 0.0, 0.0, 0.0, 0.0, 0.3333),)
    assert (kept.methods[0].signed, kept.explained, kept.targets[0].token) == (True, 1, "London")
    stored = json.dumps(kept.model_dump(mode="json"))
    assert AttributionTrace.model_validate_json(stored) == kept
    assert len(stored) < 1000


def test_what_fell_beside_the_words_of_the_prompt_is_kept_as_one_number():
    text = passage("Heathrow lies", "in London", template=True)
    found = result(text, {"saliency": [[0.5, 2, 1, 0, 0], [0.25, 2, 1, 4, 0]], "occlusion": [[0, 2, 1, 0, 0]] * 2})
    gradient, left_out = ROOM.trace(found).methods
    assert gradient.contributions == ((2.0, 1.0), (2.0, 1.0))
    assert gradient.elsewhere == (0.5, 4.25)
    assert left_out.elsewhere == (0.0, 0.0)
    ignoring = result(text, {"saliency": [[0.5, 2, 1, 0, 0]] * 2}, ignored=(2,))
    assert [word.word for word in ROOM.trace(ignoring).words] == ["Heathrow"]


def test_a_word_of_several_tokens_is_one_where_words_were_asked_for():
    kept = trace(OLD, grain="word", units=((0, 1), (2,), (3, 4, 5, 6)))
    assert [word.word for word in kept.words] == ["Heathrow airport", "lies", "in the city of"]
    assert kept.methods[0].contributions[0] == pytest.approx((7.1, 0.5, 2.4))


def test_only_the_first_outputs_are_kept_and_the_trace_says_of_how_many():
    text = passage("a b", " ".join("cdefghijkl"))
    found = result(text, {"saliency": [[1, 2] + [0] * 10] * 10})
    kept = ROOM.trace(found)
    assert (len(kept.targets), kept.explained, len(kept.methods[0].contributions)) == (MOST_TARGETS, 10, MOST_TARGETS)


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda data: data["methods"][0]["contributions"][0].pop(), "one number for each"),
        (lambda data: data["methods"][0].update(elsewhere=[]), "one number for each"),
        (lambda data: data["methods"][0]["contributions"][0].__setitem__(0, float("nan")), "finite"),
        (lambda data: data.update(surprise=1), "surprise"),
    ],
)
def test_a_trace_edited_by_hand_is_refused(spoil, says):
    data = trace(OLD).model_dump(mode="json")
    data["methods"][0]["contributions"] = [list(row) for row in data["methods"][0]["contributions"]]
    spoil(data)
    with pytest.raises(ValidationError, match=says):
        AttributionTrace.model_validate(data)


def test_a_result_has_not_moved_from_itself():
    values = ROOM.drift(trace(OLD), trace(OLD)).values
    assert {name: ROOM.measures[name].equal for name in values} == pytest.approx(values)
    assert set(values) == {name for name, measure in ROOM.measures.items() if measure.of_two} - {"attention_drift"}


def test_a_moved_reason_is_measured_and_named():
    found = ROOM.drift(trace(OLD), trace(NEW))
    # Only three shares move by more than a tenth of the largest (0.062): 62 to 11, 9 to 48, 10 to 19 per cent.
    after = np.array([1.1, 4.8, 0.5, 0.4, 0.3, 1.9, 0.7])
    assert found.values["tau_b"] == pytest.approx(kendalltau(OLD, after).statistic)
    assert found.values["rbo"] == pytest.approx(rank_biased_overlap(OLD, after))
    assert found.values["moved_share"] == pytest.approx((0.51 + 0.39 + 0.09) / 2)
    assert found.values["cosine"] == pytest.approx(np.dot(OLD, after) / np.linalg.norm(OLD) / np.linalg.norm(after))
    assert (found.values["sign_flips"], found.values["top_word_same"], found.values["top_overlap"]) == (0, 0, 1)
    assert found.finding == (
        "“Heathrow” held 62% of the reasons for “London” and holds 11% now; “airport” rises from 9% to 48%."
    )


def test_what_rounding_may_move_is_unmoved():
    chance = np.random.default_rng(0)
    for _ in range(50):
        before = chance.normal(size=7) * chance.choice([0.01, 1, 10])
        after = before + chance.uniform(-0.04, 0.04, size=7) * np.abs(before).max()
        found = ROOM.drift(trace(before), trace(after))
        assert not found.finding
        for name, value in found.values.items():
            assert value == pytest.approx(ROOM.measures[name].equal), name


@given(st.lists(st.integers(-9, 9), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_what_has_moved_is_ranked_as_scipy_ranks_it(numbers, chance):
    before = np.array(numbers, dtype=float)
    after = np.array(chance.sample(numbers, len(numbers)), dtype=float)
    found = shift_of(before, after, "saliency", "logprob", signed=False).values().get("tau_b")
    if not before.any():
        assert found is None
        return
    # Steps of a ninth at least are more than a tenth of the largest: nothing settles.
    expected = kendalltau(np.abs(before), np.abs(after)).statistic
    assert found == pytest.approx(expected) if np.isfinite(expected) else found is None


def test_settling_takes_what_came_before_up_to_a_tenth_of_the_largest():
    before, after = np.array([0.5, 0.3, 0.2]), np.array([0.5 + 0.9 * ROUNDING * 0.5, 0.3, 0.2 - 1.2 * ROUNDING * 0.5])
    assert settled(before, after, 0.0).tolist() == [0.5, 0.3, after[2]]
    assert settled(before, after, 1.0).tolist() == before.tolist()


def test_next_to_nothing_has_no_order():
    """Scores of texts are subtracted: a hundredth of a nat says nothing, whatever its order."""
    rows = np.array(OLD) / 100, np.array(OLD[::-1]) / 100
    strong = ROOM.drift(trace(OLD), trace(OLD[::-1])).values["tau_b"]
    assert strong < 0.6
    assert ROOM.drift(*map(trace, rows)).values["tau_b"] == 1
    assert ROOM.drift(*(trace(row, method="saliency") for row in rows)).values["tau_b"] == strong


def test_signs_that_flip_among_the_strongest_are_counted_and_told():
    turned = (6.2, -3.0, 0.5, 0.4, 0.3, 1.0, 0.7)
    found = ROOM.drift(trace((6.2, 3.0, 0.5, 0.4, 0.3, 1.0, 0.7)), trace(turned))
    assert found.values["sign_flips"] == pytest.approx(1 / 3)
    assert found.values["tau_b"] == 1
    assert found.values["moved_share"] == pytest.approx(3 / 12.1)
    assert found.finding == "“airport” spoke for “London” with 25% of all reasons and now speaks against it with 25%."
    unsigned = ROOM.drift(trace(OLD, method="saliency"), trace(OLD, method="saliency"))
    assert "sign_flips" not in unsigned.values


def test_a_word_that_stands_there_twice_is_told_apart():
    text = passage("the city of the king of old", "London")
    before, after = (trace(row, text=text) for row in ((1, 1, 6, 1, 1, 1, 1), (1, 1, 1, 1, 1, 6, 1)))
    assert ROOM.drift(before, after).finding == (
        "“of” (1st) held 50% of the reasons for “London” and holds 8% now; “of” (2nd) rises from 8% to 50%."
    )


def test_the_top_is_three_words_but_at_most_a_third():
    assert [top_count(words) for words in (2, 3, 4, 6, 7, 30)] == [1, 1, 2, 2, 3, 3]


def test_the_mean_is_over_the_outputs_that_both_explain():
    text, other = passage("a b c", "d e"), passage("a b c", "d x")
    one = result(text, {"saliency": [[3, 2, 1, 0, 0], [3, 2, 1, 0, 0]]})
    two = result(other, {"saliency": [[3, 2, 1, 0, 0], [1, 2, 3, 0, 0]]})
    found = ROOM.drift(ROOM.trace(one), ROOM.trace(two))
    assert found.values["tau_b"] == 1
    assert found.remarks == ("Compared are the reasons for 1 of 2 outputs, which both explain and keep.",)
    both = ROOM.drift(ROOM.trace(one), ROOM.trace(two.model_copy(update={"explained": one.explained})))
    assert both.values["tau_b"] == pytest.approx(0.0)
    assert both.finding.startswith("“a” held 50% of the reasons for “e” and holds 17% now; “c” rises")


def test_the_worst_method_is_said_beside_the_first():
    def of(*saliency):
        return ROOM.trace(result(TEXT, {"integrated_gradients": [[*OLD, 0]], "saliency": [[*saliency, 0]]}))

    values = ROOM.drift(of(7, 6, 5, 4, 3, 2, 1), of(1, 2, 3, 4, 5, 6, 7)).values
    assert (values["tau_b"], values["worst_tau_b"]) == (1, -1)


def test_attention_drift_is_total_variation_with_what_no_word_of_the_prompt_got():
    text = passage("a b", "c", template=True)

    def of(*row):
        return ROOM.trace(result(text, {"attention": [[*row, 0]]}))

    values = ROOM.drift(of(0.5, 0.3, 0.2), of(0.1, 0.3, 0.6)).values
    assert values["attention_drift"] == pytest.approx(0.4)
    assert ROOM.drift(of(0.5, 0.3, 0.2), of(0.5, 0.3, 0.2)).values["attention_drift"] == 0
    assert total_variation(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == 1
    assert total_variation(np.zeros(2), np.ones(2)) is None


def test_another_vocabulary_is_compared_over_words():
    pieces = passage("Heathrow airport lies in the city of", "London")
    cut = [
        Token(id=0, text="Heath", span=(0, 5)),
        Token(id=1, text="row", span=(5, 8)),
        *pieces.tokens[1:],
    ]
    text = pieces.model_copy(update={"tokens": tuple(cut), "prompt_length": 8})
    found = ROOM.drift(trace(OLD), trace((2.2, 4.0, *OLD[1:]), text=text))
    assert found.values["moved_share"] == pytest.approx(0, abs=1e-9)
    assert found.values["tau_b"] == pytest.approx(1)
    assert found.remarks == ("The two divide the prompt differently: they are compared over the 7 parts both have.",)


def test_a_sentence_speaks_of_words_although_tokens_are_compared():
    tokens = (
        Token(id=0, text="Heath", span=(0, 5)),
        Token(id=1, text="row", span=(5, 8)),
        Token(id=2, text=" lies", span=(8, 13)),
        Token(id=3, text=" in", span=(13, 16)),
        Token(id=4, text=" London"),
    )
    text = TEXT.model_copy(update={"tokens": tokens, "prompt_length": 4})
    before, after = (trace(row, text=text) for row in ((4, 3, 1, 2), (1, 0, 6, 3)))
    found = ROOM.drift(before, after)
    assert (
        found.finding
        == "“Heathrow” held 70% of the reasons for “London” and holds 10% now; “lies” rises from 10% to 60%."
    )
    assert found.values["tau_b"] == pytest.approx(kendalltau([4, 3, 1, 2], [1, 0, 6, 3]).statistic)


@pytest.mark.parametrize(
    ("after", "remark"),
    [
        (trace(OLD, text=passage("Heathrow airport lies in the city of", "Paris")), "no output in common"),
        (trace((1,), text=passage("Gatwick", "London")), "the two have no words of the prompt in common"),
        (ROOM.trace(result(TEXT, {}, ())), "nothing to explain"),
    ],
)
def test_what_cannot_be_compared_is_said(after, remark):
    found = ROOM.drift(trace(OLD), after)
    assert not found.values
    assert not found.finding
    assert remark in " ".join(found.remarks)
    assert not ROOM.drift_figures(trace(OLD), after, NAMES)


def test_a_model_without_reasons_has_moved_wholly():
    found = ROOM.drift(trace(OLD), trace((0,) * 7))
    assert found.values["moved_share"] == 1
    assert "tau_b" not in found.values
    assert found.finding == "No word of the prompt moves “London” now."


def test_a_span_holds_the_share_of_the_words_it_touches():
    kept = trace((6, -2, 1, 0, 0, 1, 0))
    assert span_share(kept, "Heathrow") == pytest.approx(0.6)
    assert span_share(kept, "Heathrow airport") == pytest.approx(0.8)
    assert span_share(kept, " row air ") == pytest.approx(0.8)
    assert span_share(kept, "Heathrow airport lies in the city of") == pytest.approx(1.0)
    assert top_word(kept) == "Heathrow"
    assert [place_of(kept, word) for word in ("Heathrow", "airport lies", "lies", "of", "in the city")] == [
        1,
        2,
        3,
        5,
        3,
    ]


def test_a_span_counts_at_all_its_places_and_by_the_method_that_is_named():
    text = passage("the cat the dog", "sat")
    kept = ROOM.trace(result(text, {"occlusion": [[1, 2, 3, 4, 0]], "saliency": [[0, 0, 0, 9, 0]]}))
    assert span_share(kept, "the") == pytest.approx(0.4)
    assert span_share(kept, "the dog", "occlusion") == pytest.approx(0.7)
    assert (span_share(kept, "dog", "saliency"), top_word(kept, "saliency")) == (1.0, "dog")


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: span_share(trace(OLD), "Gatwick"), "no “Gatwick” among the words it explains by: “Heathrow airport"),
        (lambda: place_of(trace(OLD), "  "), "no “” among the words"),
        (lambda: span_share(trace(OLD), "Heathrow", "lime"), "no method lime, only integrated_gradients"),
        (lambda: span_share(trace((0,) * 7), "Heathrow"), "no word of the prompt moves “London”"),
        (lambda: top_word(ROOM.trace(result(TEXT, {}))), "no method: none of those asked for"),
        (lambda: top_word(ROOM.trace(result(TEXT, {"saliency": np.zeros((0, 8))}, ()))), "nothing to explain"),
    ],
)
def test_a_span_that_says_nothing_is_refused_by_name(ask, says):
    with pytest.raises(SpanError, match=says):
        ask()


def test_the_figure_has_a_row_per_word_and_begins_with_what_moved_most():
    (figure,) = ROOM.drift_figures(trace(OLD), trace(NEW), NAMES)
    check_figure(figure)
    assert "“Heathrow” held 62%" in figure.alt_text
    spec = figure.chart.to_dict(validate=False)
    params = {param["name"]: param["value"] for param in spec["params"]}
    assert params["rows"] == ["Heathrow", "airport", "lies", "in", "the", "city", "of"]
    assert params["sides"] == list(NAMES)
    first = spec["datasets"]["pairs"][0]
    assert (first["v0"], first["v1"]) == (0.62, 0.11)
    assert len(json.dumps(spec)) < 10_000


def test_the_figure_of_a_long_prompt_shows_what_holds_most():
    text = passage(" ".join(f"w{number}" for number in range(40)), "x")
    row = np.arange(40) % 7 / 7
    (figure,) = ROOM.drift_figures(trace(row, text=text), trace(row[::-1], text=text), NAMES)
    assert "Shown are the 14 of 40 words" in figure.reading
    assert len(figure.chart.to_dict(validate=False)["datasets"]["pairs"]) == 14


def test_two_models_with_other_vocabularies_and_depths_are_compared(tiny_model, facts_model):
    prompt = Prompt(name="p", text=tiny.TEXT, target=" London", foil=" Paris")
    params = ROOM.Params(methods=("input_x_gradient", "attention"), targets="given", max_new_tokens=1)
    traces = []
    for model, target, foil in ((tiny_model("gpt2"), "London", "Paris"), (facts_model, " London", " Paris")):
        asked = prompt.model_copy(update={"target": target, "foil": foil})
        traces.append(ROOM.trace(ROOM.run(model, asked, params)))
    found = ROOM.drift(*traces)
    assert set(found.values) == {name for name, measure in ROOM.measures.items() if measure.of_two}
    assert 0 < found.values["attention_drift"] < 1
    assert "over the 8 parts both have" in found.remarks[0]
