"""What every room says of a text that the model did not write: nothing that sounds as if it had written it."""

from __future__ import annotations

import re

import pytest

import ecco_reports
from ecco_reports.analyses import ANALYSES
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.records import Prompt
from tests.contract.test_analyses import SETTINGS

WRITTEN = re.compile(r"\b(the model|it|decoder) (had )?(wrote|written)|generated token|written by", re.IGNORECASE)
CASES = {
    "bundled:facts": Prompt(
        name="p", text="The capital of Japan is the city of", continuation=" Paris.", target=" Tokyo", foil=" Paris"
    ),
    "bundled:sentiment": Prompt(name="p", text="sst2 sentence: a film without a single weakness", continuation="bad"),
}


@pytest.fixture(scope="module")
def model_of(one_thread):
    found = {source: ecco_reports.load_model(source) for source in CASES}
    return found.__getitem__


@pytest.mark.parametrize("source", CASES)
@pytest.mark.parametrize("name", list(ANALYSES))
def test_no_room_says_that_the_model_wrote_what_it_was_given(name, source, model_of):
    room, model, prompt = ANALYSES[name], model_of(source), CASES[source]
    words = SETTINGS.get(name, {}) if source == "bundled:facts" else {}
    params = room.Params.model_validate(
        words | ({"watch": ["positive"]} if name == "token_ranks" and not words else {})
    )
    assert room.needs(params) <= model.capabilities
    result = room.run(model, prompt, params)
    if (passage := getattr(result, "passage", None)) is not None:
        assert passage.forced
    said = [room.summary(result), room.table(result).caption, *(check.meaning for check in room.proof(result))]
    said += [metric.meaning for metric in room.metrics(result).values() if "(" not in metric.meaning]
    for figure in room.charts(result):
        said += [figure.title, figure.reading, figure.alt_text]
        if isinstance(figure, ChartFigure):
            said.append(str(figure.chart.to_dict(validate=False).get("description")))
    assert [text for text in said if WRITTEN.search(text)] == []
