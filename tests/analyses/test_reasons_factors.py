"""Which factors of a baseline have a counterpart, from traces written by hand and of two models."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.optimize import linear_sum_assignment

from ecco_reports.analyses.neuron_factors import NeuronFactors
from ecco_reports.analyses.neuron_factors.drifting import matched_of
from ecco_reports.analyses.neuron_factors.tracing import NeuronFactorsTrace, TracedFactor, TracedStack
from ecco_reports.analyses.traced_words import TracedWord
from ecco_reports.records import Prompt
from ecco_reports.testing import check_figure
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = NeuronFactors()
NAMES = ("baseline", "candidate")


def trace(*rows, stack="", text="a b c d e f"):
    """Factors by how strong they are at each word; the first explains most."""
    words, at = [], 0
    for number, word in enumerate(text.split()):
        end = at + len(word) + (number > 0)
        words.append(TracedWord(text=word if not number else f" {word}", begin=at, end=end))
        at = end
    factors = [
        TracedFactor(share=0.4 / (number + 1), named=(words[int(np.argmax(row))].word,), loadings=row)
        for number, row in enumerate(rows)
    ]
    return NeuronFactorsTrace(stacks=(TracedStack(stack=stack, words=tuple(words), factors=tuple(factors)),))


ONE, TWO, THREE = (1, 1, 0, 0, 0, 0), (0, 0, 1, 1, 0, 0), (0, 0, 0, 0, 1, 0)
OFF = (0, 0, 0, 0, 0, 1)


def test_factors_in_another_order_are_the_same_factors():
    drift = ROOM.drift(trace(ONE, TWO, THREE), trace(THREE, ONE, TWO))
    assert drift.values == pytest.approx({"matched_cosine": 1.0, "lost_factors": 0.0})
    assert (drift.finding, drift.remarks) == ("", ())


def test_a_lost_factor_is_counted_and_named():
    drift = ROOM.drift(trace(ONE, TWO, THREE), trace(ONE, OFF, THREE))
    assert drift.values == pytest.approx({"matched_cosine": 2 / 3, "lost_factors": 1.0})
    assert drift.finding == (
        "The factor at “c” (20% of what the neurons do) has no counterpart now: the nearest that is left is strongest "
        "at “f” (cosine 0.00)."
    )


def test_fewer_factors_lose_what_has_no_partner():
    drift = ROOM.drift(trace(ONE, TWO, THREE), trace(THREE, ONE))
    assert drift.values == pytest.approx({"matched_cosine": 1.0, "lost_factors": 1.0})
    assert drift.finding.endswith("has no counterpart now: the candidate has fewer factors.")
    assert drift.remarks == ("The baseline has 3 factors, the candidate 2.",)


def test_a_factor_that_changed_a_little_is_not_lost():
    drift = ROOM.drift(trace(ONE, TWO), trace(ONE, (0, 0, 1, 1, 1, 0)))
    assert drift.values == pytest.approx({"matched_cosine": (1 + 2 / np.sqrt(6)) / 2, "lost_factors": 0.0})
    assert drift.finding == (
        "Every factor has a counterpart, alike to 0.91 on average; least alike is the factor at “c” (0.82)."
    )


@pytest.mark.parametrize(
    ("after", "remark"),
    [
        (trace(ONE, TWO, stack="decoder"), "only one of the two has them"),
        (trace((1, 0), (0, 1), text="a b"), "hardly more words in common than factors"),
        (NeuronFactorsTrace(stacks=()), "only one of the two has them"),
    ],
)
def test_what_cannot_be_compared_is_said(after, remark):
    drift = ROOM.drift(trace(ONE, TWO), after)
    assert not drift.values
    assert remark in drift.remarks[0]
    assert not ROOM.drift_figures(trace(ONE, TWO), after, NAMES)


def test_a_missing_loading_is_refused():
    data = trace(ONE, TWO).model_dump(mode="json")
    data["stacks"][0]["factors"][1]["loadings"] = [0.5]
    with pytest.raises(ValidationError, match="factor 2 does not have a loading for each of 6 words"):
        NeuronFactorsTrace.model_validate(data)


@pytest.fixture(scope="module")
def results(tiny_model, facts_model):
    params = ROOM.Params(n_components=3, max_new_tokens=1)
    return [ROOM.run(model, Prompt(name="p", text=tiny.TEXT), params) for model in (tiny_model("gpt2"), facts_model)]


def test_two_vocabularies_are_matched_over_the_words_both_have(results):
    traces = [ROOM.trace(result) for result in results]
    (matched,) = matched_of(*traces)
    assert matched.parts == len(tiny.TEXT.split()) < len(traces[1].stacks[0].words)
    ours, theirs = (result.stacks[0].loadings for result in results)
    pieces = [
        sum(word.begin >= other.begin and word.end <= other.end for word in traces[1].stacks[0].words)
        for other in traces[0].stacks[0].words
    ]
    edges = np.cumsum([0, *pieces])
    summed = np.stack([theirs[:, a:b].sum(1) for a, b in pairwise(edges)], axis=1)
    left = ours[:, : matched.parts] / np.linalg.norm(ours[:, : matched.parts], axis=1, keepdims=True)
    cosines = left @ (summed / np.linalg.norm(summed, axis=1, keepdims=True)).T
    expected = cosines[linear_sum_assignment(-cosines)].mean()
    assert ROOM.drift(*traces).values["matched_cosine"] == pytest.approx(expected, abs=1e-3)


def test_a_trace_goes_through_json_and_is_drawn(results):
    traces = [ROOM.trace(result) for result in results]
    stored = json.dumps(traces[1].model_dump(mode="json"))
    assert len(stored) < 1500
    assert NeuronFactorsTrace.model_validate_json(stored) == traces[1]
    (figure,) = ROOM.drift_figures(*traces, NAMES)
    check_figure(figure)
    rows = figure.chart.to_dict(validate=False)["datasets"]["pairs"]
    assert [row["v0"] for row in rows] == pytest.approx(matched_of(*traces)[0].cosines, abs=1e-3)


def test_of_a_long_prompt_words_are_kept(facts_model):
    text = " ".join(["Heathrow airport is located in the city of London"] * 8)
    result = ROOM.run(facts_model, Prompt(name="p", text=text), ROOM.Params(n_components=2, max_new_tokens=1))
    kept = ROOM.trace(result).stacks[0]
    assert [word.word for word in kept.words] == text.split()
    assert kept.loadings.sum(1) == pytest.approx(
        result.stacks[0].loadings[:, : result.passage.prompt_length].sum(1), abs=0.01
    )
