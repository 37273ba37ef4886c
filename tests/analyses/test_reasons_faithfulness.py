"""Whether explanations of a new model can still be trusted: traces of the tests, before and after."""

from __future__ import annotations

import json

import numpy as np
import pytest
from pydantic import ValidationError

from ecco_reports.analyses.faithfulness import Faithfulness
from ecco_reports.analyses.faithfulness.judging import judged
from ecco_reports.analyses.faithfulness.tracing import FaithfulnessTrace
from ecco_reports.methods.rankings import rank_biased_overlap
from ecco_reports.records import Prompt
from ecco_reports.testing import check_figure
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = Faithfulness()
NAMES = ("baseline", "candidate")


def run(model, target="London"):
    params = ROOM.Params(
        methods=("integrated_gradients", "saliency"), targets="given", random_rankings=20, max_new_tokens=1
    )
    return ROOM.run(model, Prompt(name="p", text=tiny.TEXT, target=target), params)


@pytest.fixture(scope="module")
def result(tiny_model):
    return run(tiny_model("gpt2"))


@pytest.fixture(scope="module")
def trace(result):
    return ROOM.trace(result)


def changed(trace, **fields):
    """The trace with other fields of its first method."""
    first, *others = trace.methods
    return trace.model_copy(update={"methods": (first.model_copy(update=fields), *others)})


def test_a_trace_keeps_verdicts_measures_and_orders(result, trace):
    judgement, kept = judged(result, None)[0], trace.methods[0]
    assert (kept.verdict, kept.beaten, kept.orders) == (
        judgement.verdict,
        judgement.gap.standing.better,
        judgement.gap.standing.orders,
    )
    assert kept.comprehensiveness == pytest.approx(judgement.comprehensiveness.value, rel=1e-3)
    assert [word.word for word in trace.words] == tiny.TEXT.split()
    assert list(kept.order[0]) == result.methods[0].orders[0].tolist()
    stored = json.dumps(trace.model_dump(mode="json"))
    assert FaithfulnessTrace.model_validate_json(stored) == trace
    assert len(stored) < 1500


def test_a_result_has_not_moved_from_itself(trace):
    drift = ROOM.drift(trace, trace)
    assert drift.values == pytest.approx({"order_rbo": 1.0})
    assert (drift.finding, drift.remarks) == ("", ())


def test_the_order_is_compared_by_rank_biased_overlap(trace):
    turned = changed(trace, order=(trace.methods[0].order[0][::-1],))
    drift = ROOM.drift(trace, turned)
    places = np.argsort(trace.methods[0].order[0])
    assert drift.values["order_rbo"] == pytest.approx(rank_biased_overlap(-places, places))
    first, last = (trace.words[trace.methods[0].order[0][at]].word for at in (0, -1))
    assert drift.finding == f"For “London” Integrated gradients took out “{first}” first and takes out “{last}” now."


def test_another_method_may_turn_its_order(trace):
    second = trace.methods[1].model_copy(update={"order": (trace.methods[1].order[0][::-1],)})
    assert ROOM.drift(trace, trace.model_copy(update={"methods": (trace.methods[0], second)})).values["order_rbo"] == 1


def test_a_verdict_that_turns_is_told_unless_it_turns_at_the_edge(trace):
    good = changed(trace, verdict="better", beaten=20, orders=20)
    assert ROOM.drift(good, changed(trace, verdict="chance", beaten=12, orders=20)).finding == (
        "Integrated gradients did better than 20 of 20 random orders and does better than 12 of 20 now."
    )
    assert not ROOM.drift(good, changed(trace, verdict="chance", beaten=18, orders=20)).finding


def test_a_trace_whose_order_lacks_a_word_is_refused(trace):
    data = trace.model_dump(mode="json")
    data["methods"][0]["order"][0][0] = data["methods"][0]["order"][0][1]
    with pytest.raises(ValidationError, match="one order of 8 words"):
        FaithfulnessTrace.model_validate(data)


def test_another_vocabulary_and_depth_are_compared_over_words(trace, facts_model):
    other = ROOM.trace(run(facts_model, " London"))
    assert len(other.words) > len(trace.words)
    order, pieces = other.methods[0].order[0], [word.begin for word in other.words]
    begins = [word.begin for word in trace.words]
    word_of = [max(n for n, begin in enumerate(begins) if begin <= piece) for piece in pieces]
    firsts = [min(order.index(piece) for piece in range(len(pieces)) if word_of[piece] == n) for n in range(8)]
    expected = rank_biased_overlap(-np.argsort(trace.methods[0].order[0]), -np.array(firsts))
    assert ROOM.drift(trace, other).values["order_rbo"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("update", "remark"),
    [
        ({"methods": ()}, "no method was tested on both"),
        ({"watched": "log-probability"}, "The baseline watched the probability, the candidate the log-probability."),
    ],
)
def test_what_cannot_be_compared_is_said(trace, update, remark):
    after = trace.model_copy(update=update)
    assert remark in ROOM.drift(trace, after).remarks[0]
    assert not ROOM.drift_figures(trace, after, NAMES)


def test_other_outputs_have_no_order_in_common(trace, tiny_model):
    drift = ROOM.drift(trace, ROOM.trace(run(tiny_model("gpt2"), "Paris")))
    assert not drift.values
    assert drift.remarks == ("The orders are not compared: the two have no output in common.",)


def test_the_figure_shows_both_beside_each_other(trace):
    (figure,) = ROOM.drift_figures(trace, changed(trace, gap=0.5), NAMES)
    check_figure(figure)
    spec = figure.chart.to_dict(validate=False)
    first = spec["datasets"]["pairs"][0]
    assert (first["v0"], first["v1"]) == pytest.approx((trace.methods[0].gap, 0.5), rel=1e-2)
    params = {param["name"]: param["value"] for param in spec["params"]}
    assert params["rows"] == ["Integrated gradients", "Saliency"]
