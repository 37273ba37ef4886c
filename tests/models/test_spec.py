"""What may stand under ``models:`` in an experiment, and where a slip is answered."""

from __future__ import annotations

import pickle

import pytest
from pydantic import ValidationError

from ecco_reports.errors import ExperimentError
from ecco_reports.experiment import load_experiment
from ecco_reports.modelspec import ModelSpec


def test_a_spec_is_a_key_and_travels_although_it_holds_a_mapping():
    four = ModelSpec(source="a/b", quantization={"method": "bitsandbytes", "load_in_4bit": True, "skip": ["lm_head"]})
    eight = ModelSpec(source="a/b", quantization={"method": "bitsandbytes", "load_in_8bit": True})
    assert len({four: 1, eight: 2, pickle.loads(pickle.dumps(four)): 3}) == 2
    assert four.quantization.settings == {"load_in_4bit": True, "skip": ["lm_head"]}


def test_two_models_of_one_source_are_told_apart_in_words():
    assert ModelSpec(source="bundled:facts", dtype="float64").described == "bundled:facts"
    tuned = ModelSpec(source="a/b", revision="v1", adapter="c/d", adapter_revision="main")
    assert tuned.described == "a/b (revision v1, adapter c/d, adapter_revision main)"
    small = ModelSpec(source="a/b", quantization={"method": "quanto", "weights": "int4"})
    assert small.described == "a/b (quantization quanto)"


@pytest.mark.parametrize(
    ("model", "where", "words"),
    [
        ("{source: a/b, device: cpu, device_map: auto}", "device_map", "remove it or the key 'device'"),
        ("{source: a/b, dtype: float64, device: mps}", "device", "mps has no float64"),
        ("{source: a/b, token_env: hf_AbCdEfGh}", "token_env", "never the token itself"),
        ("{source: a/b, token_env: my token}", "token_env", "never the token itself"),
        ("{source: a/b, adapter_revision: main}", "adapter_revision", "there is no adapter"),
        ("{source: a/b, adapter: c/d, device_map: auto}", "adapter", "whole weights on one device"),
        ("{source: a/b, adapter: c/d, quantization: {method: quanto}}", "adapter", "whole weights on one device"),
        ("{source: a/b, subfolder: ../c}", "subfolder", "must lie inside the source"),
        ("{source: bundled:facts, revision: main}", "revision", "comes with ecco-reports"),
        ("{source: 'openai:x', adapter: a/b}", "adapter", "behind an API"),
        ("{source: 'openai:x', quantization: {method: quanto}}", "quantization", "behind an API"),
        ("{source: a/b, quantization: {load_in_4bit: true}}", "quantization", "lacks the key 'method'"),
        ("{source: a/b, quantization: int8}", "quantization", "must be a mapping"),
        ("{source: a/b, dtype: float8}", "dtype", "not 'float8'"),
        ("{source: a/b, trust_remote_code: 'yes'}", "trust_remote_code", "must be true or false"),
    ],
)
def test_keys_that_make_no_sense_together_are_answered_where_they_stand(tmp_path, model, where, words):
    file = tmp_path / "try.yaml"
    line = f"models: {{m: {model}}}"
    file.write_text(f"{line}\nprompts: {{p: x}}\nanalyses: [logit_lens]\n")
    with pytest.raises(ExperimentError) as caught:
        load_experiment(file)
    (problem,) = caught.value.problems
    assert words in str(problem)
    start = line.index(f"{where}:")
    assert start < problem.column <= start + len(where) + 3
    assert "hf_A" not in str(problem)


def test_a_token_in_the_wrong_place_is_not_repeated_in_python_either():
    with pytest.raises(ValidationError) as caught:
        ModelSpec(source="a/b", token_env="hf_AbCdEfGh")
    assert "hf_A" not in str(caught.value)


def test_what_goes_together_is_taken(tmp_path):
    file = tmp_path / "try.yaml"
    file.write_text(
        """\
defaults: {models: {device: cpu, dtype: auto}}
models:
  base: a/b
  tuned: {source: a/b, adapter: c/d, adapter_revision: main, token_env: OUR_TOKEN}
  small: {source: a/b, quantization: {method: torchao, quant_type: Int8WeightOnlyConfig}, trust_remote_code: false}
prompts: {p: x}
analyses: [logit_lens]
"""
    )
    models = load_experiment(file).models
    assert {spec.dtype for spec in models.values()} == {"auto"}
    assert models["small"].quantization.settings == {"quant_type": "Int8WeightOnlyConfig"}
    assert len(set(models.values())) == 3
