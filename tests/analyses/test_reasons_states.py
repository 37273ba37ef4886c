"""CKA of two hidden states from what traces keep of them, against CKA of the states themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from ecco_reports.analyses.hidden_states import HiddenStates
from ecco_reports.analyses.hidden_states.drifting import levels_of
from ecco_reports.analyses.hidden_states.tracing import FINEST, MOST_WORDS, HiddenStatesTrace
from ecco_reports.methods.similarity import cka, cka_of_grams
from ecco_reports.methods.stream import means
from ecco_reports.records import Prompt
from ecco_reports.testing import check_figure
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = HiddenStates()
NAMES = ("baseline", "candidate")
ROUNDING = 5e-4
"""Products are whole numbers of up to 9999."""


def run(model, text=tiny.TEXT, **params):
    return ROOM.run(model, Prompt(name="p", text=text), ROOM.Params(measures=(), max_new_tokens=1, **params))


@pytest.fixture(scope="module")
def of_tiny(tiny_model):
    return run(tiny_model("gpt2"))


@pytest.fixture(scope="module")
def of_facts(facts_model):
    return run(facts_model)


def test_cka_needs_only_inner_products():
    drawn = np.random.default_rng(0)
    one, other = drawn.normal(size=(9, 5)), drawn.normal(size=(9, 17)) + 3
    expected = cka(one, other)
    assert cka_of_grams(one @ one.T, other @ other.T) == pytest.approx(expected)
    centred = one - one.mean(0)
    assert cka_of_grams(7 * centred @ centred.T, other @ other.T) == pytest.approx(expected)
    assert cka_of_grams(np.zeros((9, 9)), other @ other.T) == 0
    with pytest.raises(ValueError, match="at least 4 tokens"):
        cka_of_grams(np.eye(3), np.eye(3))


def test_inner_products_are_not_changed_by_asking(of_tiny):
    trace = ROOM.trace(of_tiny)
    gram = trace.gram(0)
    kept = gram.copy()
    cka_of_grams(gram, gram)
    assert np.array_equal(gram, kept)


@pytest.mark.parametrize("seed", range(3))
def test_two_traces_have_the_cka_of_the_stored_states(of_facts, seed):
    moved = of_facts.kept + np.random.default_rng(seed).normal(size=of_facts.kept.shape) * of_facts.kept.std()
    other = of_facts.model_copy(update={"kept": moved})
    levels = levels_of(ROOM.trace(of_facts), ROOM.trace(other))
    text = [index for index in of_facts.text if of_facts.positions[index] < of_facts.passage.prompt_length]
    assert [level.states[0] for level in levels] == [0, 2, 3, 4, 6]
    for level in levels:
        row = of_facts.states.index(level.states[0])
        assert level.cka == pytest.approx(cka(of_facts.kept[row][text], moved[row][text]), abs=ROUNDING)
    values = ROOM.drift(ROOM.trace(of_facts), ROOM.trace(other)).values
    assert values["cka"] == pytest.approx(np.mean([level.cka for level in levels]))
    assert values["worst_cka"] == min(level.cka for level in levels)


def test_other_words_depths_and_widths_are_aligned(of_tiny, of_facts):
    """A word of several tokens has their mean; 3 layers against 6 are compared at the same share of the depth."""
    one, other = ROOM.trace(of_tiny), ROOM.trace(of_facts)
    assert len(one.words) == 8 < len(other.words)
    levels = levels_of(one, other)
    assert [level.states for level in levels] == [(0, 0), (1, 2), (2, 4), (3, 6)]
    tokens = {word.end: index for index, word in enumerate(other.words)}
    starts = {word.begin: index for index, word in enumerate(other.words)}
    units = [range(starts[word.begin], tokens[word.end] + 1) for word in one.words]
    for level in levels:
        left = of_tiny.kept[of_tiny.states.index(level.states[0])][: len(one.words)]
        right = means(of_facts.kept[[of_facts.states.index(level.states[1])]], units)[0]
        assert level.cka == pytest.approx(cka(left, right), abs=ROUNDING)
    assert "same share of the depth" in ROOM.drift(one, other).remarks[0]


def test_a_result_is_like_itself_and_says_nothing(of_facts):
    trace = ROOM.trace(of_facts)
    drift = ROOM.drift(trace, trace)
    assert drift.values == pytest.approx({"cka": 1.0, "worst_cka": 1.0})
    assert (drift.finding, drift.remarks) == ("", ())


def test_shuffled_words_are_not_alike_and_it_is_said_where(of_facts):
    shuffled = of_facts.kept.copy()
    shuffled[3] = shuffled[3][::-1]
    drift = ROOM.drift(ROOM.trace(of_facts), ROOM.trace(of_facts.model_copy(update={"kept": shuffled})))
    assert drift.values["worst_cka"] < 0.9
    assert drift.finding.startswith("What the two make of the words is least alike at layer 2 (CKA ")
    assert "over 5 depths the mean is 0." in drift.finding


def test_a_trace_is_small_whole_and_goes_through_json(facts_model):
    text = " ".join(f"The people of {place} speak and hear." for place in ("Japan", "France", "Brazil") * 4)
    long = ROOM.trace(run(facts_model, text))
    assert (len(long.words), len(long.states)) == (MOST_WORDS, 5)
    assert [long.words[0].word, long.words[-1].word] == ["The", "hear."]
    stored = json.dumps(long.model_dump(mode="json"), separators=(",", ":"))
    assert len(stored) < 20_000
    assert HiddenStatesTrace.model_validate_json(stored) == long
    for number in range(5):
        gram = long.gram(number)
        assert np.array_equal(gram, gram.T)
        assert np.abs(gram - np.diag(np.diag(gram))).max() == FINEST
    sampled = levels_of(long, ROOM.trace(run(facts_model, text)))
    assert [level.cka for level in sampled] == pytest.approx([1.0] * 5)


def test_sampled_words_of_two_vocabularies_are_the_same_words(tiny_model, facts_model):
    text = " ".join(["Heathrow airport is located in the city of London"] * 5)
    one, other = (ROOM.trace(run(model, text)) for model in (tiny_model("gpt2"), facts_model))
    assert [word.word for word in one.words] == [word.word for word in other.words]
    assert [word.end for word in one.words] == [word.end for word in other.words]
    assert len(levels_of(one, other)) == 4


def test_a_trace_that_lacks_a_product_is_refused(of_facts):
    data = ROOM.trace(of_facts).model_dump(mode="json")
    data["states"][1]["products"] = data["states"][1]["products"][:-1]
    with pytest.raises(ValidationError, match="state 2 does not have a product for each two"):
        HiddenStatesTrace.model_validate(data)


def test_too_few_common_words_are_not_compared(of_facts, facts_model):
    short = ROOM.trace(run(facts_model, "The keys to"))
    drift = ROOM.drift(ROOM.trace(of_facts), short)
    assert not drift.values
    assert "takes 4 words of the prompt" in drift.remarks[0]
    assert not ROOM.drift_figures(ROOM.trace(of_facts), short, NAMES)


def test_the_figure_has_a_bar_per_depth(of_tiny, of_facts):
    (figure,) = ROOM.drift_figures(ROOM.trace(of_tiny), ROOM.trace(of_facts), NAMES)
    check_figure(figure)
    spec = figure.chart.to_dict(validate=False)
    params = {param["name"]: param["value"] for param in spec["params"]}
    assert params["rows"] == ["embedding", "layer 0 / 1", "layer 1 / 3", "layer 2 / 5"]
    assert "8 parts of the prompt" in figure.reading
