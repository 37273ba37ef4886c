"""Traces of models of every family: a result has not moved from itself, and another model's has."""

from __future__ import annotations

import json

import pytest

from ecco_reports.analyses import ANALYSES
from ecco_reports.records import Family
from ecco_reports.testing import check_figure
from tests import zoo
from tests.models.families import PROMPTS, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "attribution": {"methods": ["input_x_gradient", "occlusion"], "max_new_tokens": 2},
    "faithfulness": {"methods": ["input_x_gradient"], "random_rankings": 20, "replacement": "baseline"},
    "hidden_states": {"measures": [], "max_new_tokens": 1},
    "neuron_factors": {"n_components": 2, "max_new_tokens": 1},
}
MODELS = ["GPT-2", "BERT", "T5", "BERT (classifier)", "BERT (answers by a span)"]


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("analysis", SETTINGS)
def test_a_result_has_not_moved_from_itself(name, analysis):
    room, prompt = ANALYSES[analysis], PROMPTS[zoo.BY_NAME[name].family]
    result = room.run(wrapped(name), prompt, room.Params(**SETTINGS[analysis]))
    trace = room.Traced.model_validate_json(json.dumps(room.trace(result).model_dump(mode="json"), allow_nan=False))
    drift = room.drift(trace, trace)
    assert drift.values
    assert {metric: room.measures[metric].equal for metric in drift.values} == pytest.approx(drift.values, abs=1e-9)
    assert (drift.finding, drift.remarks) == ("", ())
    figures = room.drift_figures(trace, trace, ("before", "after"))
    assert figures
    for figure in figures:
        check_figure(figure)


def test_both_texts_of_a_question_are_kept_apart():
    prompt = PROMPTS[Family.QUESTION_ANSWERING]
    room = ANALYSES["attribution"]
    result = room.run(wrapped("BERT (answers by a span)"), prompt, room.Params(methods=("input_x_gradient",)))
    words = room.trace(result).words
    assert [word.word for word in words if not word.second] == prompt.text.split()
    assert [word.word for word in words if word.second] == prompt.text_pair.split()


def test_masks_and_template_are_no_words():
    room = ANALYSES["attribution"]
    result = room.run(wrapped("BERT"), PROMPTS[Family.MASKED], room.Params(methods=("input_x_gradient",)))
    trace = room.trace(result)
    assert [word.word for word in trace.words] == ["Heathrow", "airport", "is", "in", "the", "of", "London"]
    assert all(share > 0 for share in trace.methods[0].elsewhere)
