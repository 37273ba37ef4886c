from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.source import bundled_names, facts_of, locate
from ecco_reports.records import ModelSpec, Prompt
from tests import tiny


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    return tiny.save(tmp_path_factory.mktemp("model"))


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def spec(folder):
    return ModelSpec(source=str(folder))


def test_facts_are_read_without_torch():
    code = (
        "import sys; from ecco_reports.models.source import facts_of; from ecco_reports.records import ModelSpec, Prompt; "
        "facts = facts_of(ModelSpec(source='bundled:facts')); assert facts.layers and facts.context_length; "
        "facts.tokenize.encode(Prompt(name='p', text='x')); sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_folder_says_how_deep_and_how_long(folder):
    facts = facts_of(spec(folder))
    assert (facts.layers, facts.context_length) == (tiny.LAYERS, tiny.CONTEXT)
    assert (
        list(facts.tokenize.encode(Prompt(name="p", text=tiny.TEXT)).ids) == tiny.word_tokenizer().encode(tiny.TEXT).ids
    )


def test_the_text_part_of_a_larger_model_counts(folder):
    config = json.loads((folder / "config.json").read_text())
    inner = {"num_hidden_layers": 7, "max_position_embeddings": 99}
    (folder / "config.json").write_text(json.dumps({"model_type": config["model_type"], "text_config": inner}))
    facts = facts_of(spec(folder))
    assert (facts.layers, facts.context_length) == (7, 99)


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_another_file_makes_another_model(folder, name):
    before = facts_of(spec(folder)).identity
    path = folder / name
    path.write_bytes(path.read_bytes() + b" ")
    assert facts_of(spec(folder)).identity != before


def test_the_same_files_elsewhere_are_the_same_model(folder, saved):
    assert facts_of(spec(folder)).identity == facts_of(spec(saved)).identity


def test_a_bundled_model_is_found_and_a_misspelt_one_is_suggested():
    assert "facts" in bundled_names()
    assert (locate(ModelSpec(source="bundled:facts")) / "config.json").is_file()
    with pytest.raises(ModelLoadError, match="Did you mean 'bundled:facts'"):
        facts_of(ModelSpec(source="bundled:fact"))


def test_a_name_like_none_of_the_bundled_ones_gets_all_of_them():
    with pytest.raises(ModelLoadError, match="Known: bundled:facts, bundled:masked, bundled:sentiment"):
        facts_of(ModelSpec(source="bundled:xyz"))


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("./nowhere", "there is no folder"),
        ("a/b/c", "there is no folder"),
        ("no-one/nothing-of-that-name", "neither a folder here nor in the local Hugging Face cache"),
        ("spaces are/not allowed", "is no name of a model"),
    ],
)
def test_what_is_not_there_is_said(source, message):
    with pytest.raises(ModelLoadError, match=message):
        facts_of(ModelSpec(source=source))


def test_a_folder_without_a_model_and_a_broken_configuration_are_said(tmp_path):
    with pytest.raises(ModelLoadError, match=r"has no config\.json"):
        facts_of(spec(tmp_path))
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelLoadError, match="cannot be read"):
        facts_of(spec(tmp_path))
