from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys

import pytest

from ecco_reports.errors import ModelLoadError, OutOfReachError
from ecco_reports.models.source import bundled_names, facts_of, find, needs_the_hub
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family, Prompt, digest
from tests import tiny


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def spec(folder):
    return ModelSpec(source=str(folder))


def test_facts_are_read_without_torch():
    code = (
        "import sys\n"
        "from ecco_reports.models.source import facts_of\n"
        "from ecco_reports.modelspec import ModelSpec\n"
        "from ecco_reports.records import Family, Prompt, digest\n"
        "facts = facts_of(ModelSpec(source='bundled:facts'))\n"
        "assert facts.layers and facts.context_length and facts.family\n"
        "facts.tokenize.encode(Prompt(name='p', text='x'))\n"
        "sys.exit(bool({'torch', 'transformers', 'huggingface_hub'} & set(sys.modules)))\n"
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
    assert (find(ModelSpec(source="bundled:facts")).folder / "config.json").is_file()
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
    (tmp_path / "model.safetensors").touch()
    for broken in ("{", "[]"):
        (tmp_path / "config.json").write_text(broken)
        with pytest.raises(ModelLoadError, match="cannot be read"):
            facts_of(spec(tmp_path))


@pytest.mark.parametrize(
    ("name", "family", "layers", "context", "labels"),
    [
        ("facts", Family.CAUSAL, 6, 512, ()),
        ("masked", Family.MASKED, 6, 256, ()),
        ("sentiment", Family.ENCODER_DECODER, 3, None, ()),
        ("sentiment-classifier", Family.CLASSIFICATION, 3, 128, ("negative", "positive")),
    ],
)
def test_the_bundled_models_say_what_they_are(name, family, layers, context, labels):
    facts = facts_of(ModelSpec(source=f"bundled:{name}"))
    assert (facts.family, facts.layers, facts.context_length, facts.labels) == (family, layers, context, labels)


def test_the_checkpoints_own_number_format_is_known_before_loading(folder):
    assert facts_of(ModelSpec(source="bundled:facts", dtype="auto")).spec.dtype == "float16"
    edit(folder / "config.json", dtype="float8_e4m3fn")
    with pytest.raises(ModelLoadError, match=r"names float8_e4m3fn for its weights\. Write dtype: one of float32"):
        facts_of(ModelSpec(source=str(folder), dtype="auto"))
    assert facts_of(spec(folder)).spec.dtype == "float32"


def test_every_setting_that_changes_the_weights_changes_the_key(folder):
    source = str(folder)
    settings = [
        {},
        {"family": "masked"},
        {"quantization": {"method": "bitsandbytes", "load_in_4bit": True}},
        {"quantization": {"method": "bitsandbytes", "load_in_8bit": True}},
    ]
    keys = [digest(dict(facts_of(ModelSpec(source=source, **setting)).identity)) for setting in settings]
    assert len(set(keys)) == len(keys)
    assert facts_of(ModelSpec(source=source, device="cpu")).identity == facts_of(spec(folder)).identity


def test_the_parts_of_large_weights_are_all_part_of_the_key(folder):
    (folder / "model.safetensors").unlink()
    tiny.build("gpt2").save_pretrained(folder, max_shard_size="20KB")
    parts = sorted(path.name for path in folder.glob("model-*.safetensors"))
    assert len(parts) > 1
    assert set(parts) <= facts_of(spec(folder)).identity.keys()
    edit(folder / "model.safetensors.index.json", weight_map={"x": "../elsewhere.safetensors"})
    with pytest.raises(ModelLoadError, match="does not say which safetensors files"):
        facts_of(spec(folder))
    edit(folder / "model.safetensors.index.json", weight_map={"x": "gone.safetensors"})
    with pytest.raises(ModelLoadError, match=r"gone\.safetensors cannot be read"):
        facts_of(spec(folder))


def test_a_subfolder_of_a_folder_is_found_and_a_revision_of_one_is_not(folder):
    facts = facts_of(ModelSpec(source=str(folder.parent), subfolder=folder.name))
    assert facts.identity == facts_of(spec(folder)).identity
    with pytest.raises(ModelLoadError, match="there is no folder 'x'"):
        facts_of(ModelSpec(source=str(folder), subfolder="x"))
    with pytest.raises(ModelLoadError, match="has no revision"):
        facts_of(ModelSpec(source=str(folder), revision="main"))


def test_a_pickle_is_refused_with_a_command_that_works(folder, tmp_path):
    import torch
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelLoadError, match=r"pytorch_model\.bin only, a pickle, .* is not loaded") as caught:
        facts_of(spec(folder))
    command = re.search(r'python -c "(.*)"', str(caught.value))[1]
    subprocess.run([sys.executable, "-c", command], cwd=tmp_path, check=True, capture_output=True)
    converted = load_file(tmp_path / "converted" / "model.safetensors")
    assert all(torch.equal(converted[name], weights[name]) for name in converted)
    assert facts_of(spec(tmp_path / "converted")).layers == tiny.LAYERS


def test_code_that_comes_with_a_model_needs_a_decision(folder):
    (folder / "modeling_own.py").write_text("raise SystemExit('it ran')")
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling_own.Own"})
    with pytest.raises(ModelLoadError, match=r"Python code of its own \(modeling_own\.Own\).*trust_remote_code: true"):
        facts_of(spec(folder))
    without = facts_of(ModelSpec(source=str(folder), trust_remote_code=False))
    trusted = facts_of(ModelSpec(source=str(folder), trust_remote_code=True))
    assert without.notes == ()
    assert trusted.notes == ("Python code that comes with the model was run: modeling_own.Own.",)
    assert without.identity != trusted.identity
    (folder / "modeling_own.py").write_text("")
    assert facts_of(ModelSpec(source=str(folder), trust_remote_code=True)).identity != trusted.identity
    edit(folder / "config.json", auto_map={"AutoModel": ["org/other--modeling.Own", None]})
    with pytest.raises(ModelLoadError, match="takes its code from another repository"):
        facts_of(ModelSpec(source=str(folder), trust_remote_code=True))


def test_what_is_quantized_already_says_so_and_is_not_quantized_again(folder):
    edit(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    assert facts_of(spec(folder)).notes == ("Its weights are quantized (gptq).",)
    with pytest.raises(ModelLoadError, match=r"quantized already, by gptq\. Remove the key quantization"):
        facts_of(ModelSpec(source=str(folder), quantization={"method": "quanto"}))


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "spec",
    [
        {"source": "openai-community/gpt2"},
        {"source": "gpt2"},
        {"source": "organisation/model", "revision": "main", "token_env": "NO_SUCH_TOKEN"},
        {"source": "bundled:facts", "adapter": "organisation/adapter"},
    ],
)
def test_what_only_the_hub_may_know_is_out_of_reach_offline(spec):
    with pytest.raises(OutOfReachError, match="HF_HUB_OFFLINE forbids asking the hub"):
        facts_of(ModelSpec(**spec))


@pytest.mark.parametrize("source", ["./nothing", "/no/such/folder", "~/nothing", "one/two/three", "bundled:nothing"])
def test_what_cannot_be_on_the_hub_is_a_mistake_offline_as_well(source):
    with pytest.raises(ModelLoadError) as caught:
        facts_of(ModelSpec(source=source))
    assert not isinstance(caught.value, OutOfReachError)


def test_a_source_tells_whether_it_needs_the_hub(tmp_path):
    assert [needs_the_hub(source) for source in ("gpt2", "a/b", "bundled:facts", "openai:x", str(tmp_path))] == [
        *(True, True),
        *(False, False, False),
    ]
