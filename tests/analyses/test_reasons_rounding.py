"""A copy that differs by rounding alone is not flagged, and comparing needs no model."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import ecco_reports
from ecco_reports.analyses import ANALYSES
from ecco_reports.modelspec import ModelSpec
from ecco_reports.testing import HEATHROW

pytestmark = pytest.mark.usefixtures("one_thread")

SETTINGS = {
    "attribution": {"methods": ["integrated_gradients", "saliency", "attention"], "max_new_tokens": 2},
    "faithfulness": {"methods": ["integrated_gradients"], "random_rankings": 20, "targets": "given"},
    "hidden_states": {"measures": ["cka"], "max_new_tokens": 1},
    "neuron_factors": {"n_components": 3, "max_new_tokens": 1},
}


@pytest.fixture(scope="module")
def exact(facts_model):
    return {name: ecco_reports.analyze(facts_model, HEATHROW, name, **more) for name, more in SETTINGS.items()}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_stays_within_the_noise_of_every_measure(exact, dtype):
    model = ecco_reports.load_model(ModelSpec(source="bundled:facts", dtype=dtype))
    for name, more in SETTINGS.items():
        room, before = ANALYSES[name], exact[name]
        after = ecco_reports.analyze(model, HEATHROW, name, **more)
        one, other = room.metrics(before), room.metrics(after)
        for metric, measure in room.measures.items():
            if not measure.of_two and metric in one:
                assert abs(other[metric].value - one[metric].value) <= measure.noise, (name, metric)
        drift = room.drift(room.trace(before), room.trace(after))
        assert drift.values
        assert not drift.finding
        for metric, value in drift.values.items():
            assert abs(value - room.measures[metric].equal) <= room.measures[metric].noise + 1e-9, (name, metric)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_metric_is_in_the_catalogue_as_it_is_said(exact, name):
    room = ANALYSES[name]
    found = room.metrics(exact[name])
    assert found
    for metric, said in found.items():
        measure = room.measures[metric]
        assert (said.direction, measure.of_two) == (measure.direction, False)
    assert all(measure.meaning and measure.noise >= 0 for measure in room.measures.values())
    assert set(room.drift(room.trace(exact[name]), room.trace(exact[name])).values) <= {
        metric for metric, measure in room.measures.items() if measure.of_two
    }


@pytest.mark.parametrize("name", SETTINGS)
def test_traces_are_compared_and_drawn_without_a_model(exact, name, tmp_path):
    room = ANALYSES[name]
    path = tmp_path / "trace.json"
    path.write_text(json.dumps(room.trace(exact[name]).model_dump(mode="json"), allow_nan=False))
    script = f"""
import json, sys
from pathlib import Path
from ecco_reports.analyses import ANALYSES
room = ANALYSES[{name!r}]
trace = room.Traced.model_validate(json.loads(Path({str(path)!r}).read_text()))
assert room.drift(trace, trace).values
assert room.drift_figures(trace, trace, ("before", "after"))
print(sorted({{"torch", "transformers"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
