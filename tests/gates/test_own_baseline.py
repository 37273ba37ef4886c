"""Gates of an experiment whose baseline is one of its own models."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ecco_reports.cli import main
from ecco_reports.errors import ExperimentError
from ecco_reports.experiment import load_experiment

FILE = """\
title: Old and new
models: {old: "bundled:facts", new: {source: "bundled:facts", dtype: float16}}
baseline: old
prompts:
  japan: {text: The capital of Japan is the city of, target: " Tokyo"}
analyses:
  - generation: {max_new_tokens: 1}
gates:
  - {metric: generation.target_rank, max: 1}
  - {metric: generation.target_logprob, max_drop: 0.1}
  - expect: the answer stays the same
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "experiments" / "one.yaml"
    file.parent.mkdir()
    file.write_text(FILE)
    return file


def test_only_the_other_models_are_held_against_it(file):
    assert CliRunner().invoke(main, ["run"]).exit_code == 0
    checked = CliRunner().invoke(main, ["check", "-o", "report.json"])
    assert checked.exit_code == 0, checked.output
    # One gate watches both models, two ask for the baseline and watch the new one.
    assert "4 pass" in checked.output


@pytest.mark.parametrize(
    ("written", "said"),
    [("baseline: odl", "Did you mean 'old'?"), ("baseline: old\nx-a: 1", None)],
)
def test_the_baseline_is_one_of_the_models(file, written, said):
    file.write_text(FILE.replace("baseline: old", written))
    if said is None:
        assert load_experiment(file).baseline == "old"
        return
    with pytest.raises(ExperimentError) as refused:
        load_experiment(file)
    assert said in str(refused.value)
    assert ":3:11" in str(refused.value)


def test_the_only_model_cannot_be_the_baseline(file):
    file.write_text(FILE.replace(', new: {source: "bundled:facts", dtype: float16}', ""))
    with pytest.raises(ExperimentError, match="old is the only model"):
        load_experiment(file)
