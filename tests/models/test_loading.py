from __future__ import annotations

import json
import logging
import shutil
import sys
import types
import warnings
from dataclasses import replace

import pytest
import torch

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.configs import FLOATS
from ecco_reports.models.loading import device_of, load_module
from ecco_reports.models.source import facts_of, find
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family
from tests import tiny

IDS = torch.tensor([[5, 6, 7, 8]])


def loaded(**spec):
    spec = ModelSpec(device=spec.pop("device", "cpu" if "device_map" not in spec else "auto"), **spec)
    return load_module(spec, facts_of(spec))


def refusal(**spec) -> str:
    with pytest.raises(ModelLoadError) as caught:
        loaded(**spec)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    return str(caught.value)


def edit(path, **changes):
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.fixture
def folder(saved, tmp_path):
    return shutil.copytree(saved, tmp_path / "copy")


def bert(folder, head, **settings):
    """A tiny BERT with some head, saved."""
    import transformers

    config = transformers.BertConfig(
        vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=16, **settings
    )
    torch.manual_seed(0)
    getattr(transformers, head)(config).save_pretrained(folder)
    word_tokenizer(folder)
    return folder


def word_tokenizer(folder):
    from transformers import PreTrainedTokenizerFast

    PreTrainedTokenizerFast(tokenizer_object=tiny.word_tokenizer(), eos_token=tiny.END).save_pretrained(folder)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("facts", "GPT2LMHeadModel"),
        ("masked", "BertForMaskedLM"),
        ("sentiment", "T5ForConditionalGeneration"),
        ("sentiment-classifier", "BertForSequenceClassification"),
    ],
)
def test_the_bundled_models_load_as_what_they_were_made_for(name, kind):
    found = loaded(source=f"bundled:{name}")
    assert type(found.module).__name__ == kind
    assert not found.module.training
    assert not any(parameter.requires_grad for parameter in found.module.parameters())
    assert (found.device, found.facts.notes) == ("cpu", ())


@pytest.mark.parametrize("dtype", FLOATS)
def test_weights_have_the_number_format_that_was_asked_for(saved, dtype):
    found = loaded(source=str(saved), dtype=dtype)
    assert {parameter.dtype for parameter in found.module.parameters()} == {getattr(torch, dtype)}


def test_auto_is_the_number_format_of_the_checkpoint():
    found = loaded(source="bundled:facts", dtype="auto")
    assert found.module.dtype is torch.float16
    assert found.facts.spec.dtype == "float16"


def test_nothing_is_printed_and_the_librarys_settings_stay(tmp_path, capfd):
    from transformers.utils import logging as theirs

    folder = bert(tmp_path, "BertForTokenClassification")
    capfd.readouterr()
    before = theirs.get_verbosity()
    found = loaded(source=str(folder))
    assert capfd.readouterr() == ("", "")
    assert theirs.get_verbosity() == before
    assert found.facts.notes == ("It was saved as BertForTokenClassification and loaded as BertModel.",)


def test_a_device_that_is_not_there_is_said(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert "torch sees no CUDA device" in refusal(source="bundled:facts", device="cuda:1")
    assert "torch sees no GPU of a Mac" in refusal(source="bundled:facts", device="mps")
    assert device_of(ModelSpec(source="x")) == "cpu"


def test_a_gpu_is_taken_if_it_can_do_what_was_asked(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device_of(ModelSpec(source="x")) == "mps"
    assert device_of(ModelSpec(source="x", dtype="float64")) == "cpu"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert device_of(ModelSpec(source="x")) == "cuda"
    assert device_of(ModelSpec(source="x", device="cuda:1")) == "cuda:1"
    with pytest.raises(ModelLoadError, match="the last of the 2 CUDA devices here is cuda:1"):
        device_of(ModelSpec(source="x", device="cuda:2"))


def test_a_model_may_be_spread_over_what_there_is(saved):
    found = loaded(source=str(saved), device_map="auto")
    assert found.device == str(found.module.get_input_embeddings().weight.device)
    expected = loaded(source=str(saved)).module(IDS).logits
    assert torch.allclose(found.module(IDS.to(found.device)).logits.cpu(), expected, atol=1e-4)


def test_weights_in_parts_are_the_same_weights(saved, folder):
    (folder / "model.safetensors").unlink()
    tiny.build("gpt2").save_pretrained(folder, max_shard_size="20KB")
    assert torch.equal(loaded(source=str(folder)).module(IDS).logits, loaded(source=str(saved)).module(IDS).logits)


def test_without_the_name_of_a_class_the_family_must_be_written(folder):
    edit(folder / "config.json", architectures=None)
    assert "does not say what it was made for. Write it as family:" in refusal(source=str(folder))
    assert type(loaded(source=str(folder), family="causal").module).__name__ == "GPT2LMHeadModel"


def test_a_head_that_is_not_in_the_files_is_not_made_up():
    said = refusal(source="bundled:masked", family="question_answering")
    assert "2 of its weights are not in the files (qa_outputs.bias is one) and would be random numbers" in said
    assert said.endswith("It was saved as BertForMaskedLM, which loads with family: masked.")
    assert "the transformers library has none of its type" in refusal(source="bundled:facts", family="masked")


def test_a_family_may_be_chosen_that_the_files_hold(tmp_path):
    folder = bert(tmp_path, "BertForPreTraining")
    found = loaded(source=str(folder), family="masked")
    assert type(found.module).__name__ == "BertForMaskedLM"
    assert found.facts.notes == ("It was saved as BertForPreTraining and loaded as BertForMaskedLM.",)


def test_a_body_without_a_head_loads_and_keeps_its_pooler_only_if_it_has_one(tmp_path):
    whole = loaded(source=str(bert(tmp_path / "a", "BertModel")))
    assert whole.facts.family is Family.NONE
    assert whole.module.pooler is not None
    part = loaded(source=str(bert(tmp_path / "b", "BertForTokenClassification"))).module
    assert part.pooler is None
    assert part(IDS).last_hidden_state.shape == (1, 4, 16)


def test_a_weight_that_is_missing_inside_is_named(folder):
    from safetensors.torch import load_file, save_file

    weights = load_file(folder / "model.safetensors")
    del weights["transformer.h.1.mlp.c_fc.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert "1 of its weights are not in the files (transformer.h.1.mlp.c_fc.weight is" in refusal(source=str(folder))


def test_damaged_weights_are_refused(folder):
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:1000])
    assert "cannot be loaded as a causal language model" in refusal(source=str(folder))


def test_the_text_part_of_a_model_of_texts_and_pictures_reads_texts(tmp_path):
    from transformers import Gemma3Config, Gemma3ForConditionalGeneration, LlavaConfig, LlavaForConditionalGeneration

    size = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
    text = {**size, "vocab_size": 50, "num_key_value_heads": 1, "head_dim": 8, "bos_token_id": 0, "eos_token_id": 0}
    eye = {**size, "num_hidden_layers": 1, "image_size": 28, "patch_size": 14}
    gemma = Gemma3Config(text_config={**text, "pad_token_id": 0}, vision_config=eye, mm_tokens_per_image=4)
    Gemma3ForConditionalGeneration(gemma).save_pretrained(tmp_path / "gemma")
    llava = LlavaConfig(
        text_config={**text, "model_type": "llama"}, vision_config={**eye, "model_type": "clip_vision_model"}
    )
    LlavaForConditionalGeneration(llava).save_pretrained(tmp_path / "llava")
    for name in ("gemma", "llava"):
        word_tokenizer(tmp_path / name)
        found = loaded(source=str(tmp_path / name))
        assert (found.facts.family, found.facts.layers) == (Family.CAUSAL, 2)
        assert found.module(IDS).logits.shape == (1, 4, 50)


def test_a_model_that_reads_something_else_is_refused_in_words(tmp_path):
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    small = {f"{stack}_{part}": 2 for stack in ("encoder", "decoder") for part in ("layers", "attention_heads")}
    ends = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 1)
    WhisperForConditionalGeneration(
        WhisperConfig(d_model=16, encoder_ffn_dim=16, decoder_ffn_dim=16, vocab_size=50, **small, **ends)
    ).save_pretrained(tmp_path)
    word_tokenizer(tmp_path)
    assert "as an encoder-decoder of texts: the transformers library has none" in refusal(source=str(tmp_path))


OWN = """
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path({mark!r}).touch()
class OwnConfig(GPT2Config):
    model_type = "own"
class OwnForCausalLM(GPT2LMHeadModel):
    config_class = OwnConfig
"""


def test_a_models_own_code_runs_when_the_experiment_says_so_and_never_else(folder, tmp_path, monkeypatch):
    from transformers import dynamic_module_utils

    # The library copies the code there and adds the folder to where Python looks for modules.
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", list(sys.path))
    mark = tmp_path / "ran"
    (folder / "modeling_own.py").write_text(OWN.format(mark=str(mark)))
    classes = {"AutoConfig": "modeling_own.OwnConfig", "AutoModelForCausalLM": "modeling_own.OwnForCausalLM"}
    edit(folder / "config.json", model_type="own", architectures=["OwnForCausalLM"], auto_map=classes)
    assert "write trust_remote_code: true" in refusal(source=str(folder))
    assert "the transformers library has none of its type" in refusal(source=str(folder), trust_remote_code=False)
    assert not mark.exists()
    found = loaded(source=str(folder), trust_remote_code=True)
    assert mark.exists()
    assert type(found.module).__name__ == "OwnForCausalLM"
    assert "modeling_own.OwnForCausalLM" in found.facts.notes[0]


def test_a_model_with_code_of_its_own_may_use_the_librarys_instead(folder):
    edit(folder / "config.json", auto_map={"AutoModelForCausalLM": "modeling_own.OwnForCausalLM"})
    (folder / "modeling_own.py").write_text("raise SystemExit('it ran')")
    assert type(loaded(source=str(folder), trust_remote_code=False).module).__name__ == "GPT2LMHeadModel"


@pytest.fixture(scope="module")
def adapter(saved, tmp_path_factory):
    """An adapter of the tiny model, and what the two say together, unmerged."""
    import peft

    folder = tmp_path_factory.mktemp("adapter")
    with warnings.catch_warnings(action="ignore"):
        torch.manual_seed(0)
        config = peft.LoraConfig(r=2, target_modules=["c_attn"], init_lora_weights=False, task_type="CAUSAL_LM")
        config.fan_in_fan_out = True
        adapted = peft.get_peft_model(tiny.build("gpt2"), config).eval()
        adapted.save_pretrained(folder)
    with torch.no_grad():
        return folder, adapted(IDS).logits


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-5), ("bfloat16", 5e-2)])
def test_an_adapter_is_merged_and_says_what_base_and_adapter_say(saved, adapter, dtype, tolerance):
    folder, expected = adapter
    found = loaded(source=str(saved), adapter=str(folder), dtype=dtype)
    assert type(found.module).__name__ == "GPT2LMHeadModel"
    assert {parameter.dtype for parameter in found.module.parameters()} == {getattr(torch, dtype)}
    spread = expected.max() - expected.min()
    assert ((found.module(IDS).logits - expected).abs().max() / spread).item() < tolerance
    assert ((tiny.build("gpt2")(IDS).logits - expected).abs().max() / spread).item() > 0.1
    assert found.facts.notes == (f"The adapter {folder} was merged into its weights.",)


@pytest.mark.parametrize("name", ["llama", "t5"])
@pytest.mark.parametrize("dtype", FLOATS)
def test_an_adapter_that_changes_nothing_changes_nothing(tmp_path, name, dtype):
    """Merging in float32 and rounding must end where loading in the number format does, to the last bit."""
    import peft
    from transformers import AutoModelForSeq2SeqLM

    if name == "t5":
        source, target = "bundled:sentiment", "q"
        base = AutoModelForSeq2SeqLM.from_pretrained(find(ModelSpec(source=source)).folder, dtype=torch.float32)
    else:
        source, target = str(tiny.save(tmp_path / "base", name)), "q_proj"
        base = tiny.build(name)
    with warnings.catch_warnings(action="ignore"):
        peft.get_peft_model(base, peft.LoraConfig(target_modules=[target])).save_pretrained(tmp_path / "zero")
    plain, tuned = (loaded(source=source, dtype=dtype, **more) for more in ({}, {"adapter": str(tmp_path / "zero")}))
    inputs = {"input_ids": IDS, **({"decoder_input_ids": IDS} if name == "t5" else {})}
    assert torch.equal(plain.module(**inputs).logits, tuned.module(**inputs).logits)
    kinds = [{key: value.dtype for key, value in one.module.state_dict().items()} for one in (plain, tuned)]
    assert kinds[0] == kinds[1]


def test_an_adapter_that_names_another_base_is_no_secret(saved, adapter, tmp_path):
    copy = shutil.copytree(adapter[0], tmp_path / "copy")
    edit(copy / "adapter_config.json", base_model_name_or_path="org/other-base")
    notes = facts_of(ModelSpec(source=str(saved), adapter=str(copy))).notes
    assert notes[1:] == ("The adapter says that it was trained on org/other-base.",)


def test_base_and_fine_tune_are_two_models_and_the_adapters_bytes_decide(saved, adapter, tmp_path):
    base = facts_of(ModelSpec(source=str(saved)))
    tuned = facts_of(ModelSpec(source=str(saved), adapter=str(adapter[0])))
    copy = shutil.copytree(adapter[0], tmp_path / "copy")
    assert base.identity != tuned.identity
    assert facts_of(ModelSpec(source=str(saved), adapter=str(copy))).identity == tuned.identity
    weights = copy / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + b" ")
    assert facts_of(ModelSpec(source=str(saved), adapter=str(copy))).identity != tuned.identity


def test_an_adapter_of_another_model_is_refused(adapter, tmp_path):
    for name, size in {"narrow": {"n_embd": 16}, "flat": {"n_layer": 2}, "deep": {"n_layer": 4}}.items():
        from transformers import GPT2Config, GPT2LMHeadModel

        given = {"n_embd": tiny.WIDTH, "n_layer": tiny.LAYERS, **size}
        config = GPT2Config(vocab_size=50, n_head=2, bos_token_id=0, eos_token_id=0, **given)
        GPT2LMHeadModel(config).save_pretrained(tmp_path / name)
        word_tokenizer(tmp_path / name)
        assert "does not belong to" in refusal(source=str(tmp_path / name), adapter=str(adapter[0]))
    assert "does not belong to" in refusal(source="bundled:masked", family="masked", adapter=str(adapter[0]))


def test_an_adapter_that_cannot_be_merged_or_opened_is_refused(saved, adapter, tmp_path):
    def changed(name):
        return shutil.copytree(adapter[0], tmp_path / name)

    prompts = changed("prompts")
    (prompts / "adapter_config.json").write_text('{"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 3}')
    assert "changes no weights: it cannot be merged" in refusal(source=str(saved), adapter=str(prompts))
    damaged = changed("damaged")
    (damaged / "adapter_model.safetensors").write_bytes(b"no safetensors")
    assert "or is damaged" in refusal(source=str(saved), adapter=str(damaged))
    pickled = changed("pickled")
    (pickled / "adapter_model.safetensors").rename(pickled / "adapter_model.bin")
    with pytest.raises(ModelLoadError, match=r"has its weights as adapter_model\.bin only, a pickle"):
        facts_of(ModelSpec(source=str(saved), adapter=str(pickled)))
    assert "there is no folder" in refusal(source=str(saved), adapter="./nowhere")
    assert "Write it under adapter:" in refusal(source=str(adapter[0]))


def test_an_adapter_of_the_hub_is_found_at_its_own_revision(hub, saved, adapter):
    from tests.models.fake_hub import Repo

    hub.repos["org/base"] = Repo.of(saved)
    hub.repos["org/tuned"] = Repo.of(adapter[0], refs={"main": "a" * 40, "v2": "c" * 40})
    spec = ModelSpec(source="org/base", adapter="org/tuned", adapter_revision="v2")
    facts = facts_of(spec)
    assert (facts.identity["adapter"], facts.identity["adapter_revision"]) == ("org/tuned", "c" * 40)
    assert hub.sent.isdisjoint({"adapter_model.safetensors", "model.safetensors"})
    assert torch.allclose(load_module(spec, facts).module(IDS).logits, adapter[1], atol=1e-4)
    assert "README.md" not in hub.sent


def test_a_head_may_come_with_the_adapter(tmp_path):
    import peft
    from transformers import AutoModelForSequenceClassification

    base = bert(tmp_path / "base", "BertModel")
    with warnings.catch_warnings(action="ignore"):
        torch.manual_seed(1)
        model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=2)
        config = peft.LoraConfig(task_type="SEQ_CLS", target_modules=["query"], init_lora_weights=False)
        adapted = peft.get_peft_model(model, config).eval()
        adapted.save_pretrained(tmp_path / "head")
    found = loaded(source=str(base), adapter=str(tmp_path / "head"))
    assert found.facts.family is Family.CLASSIFICATION
    assert torch.allclose(found.module(IDS).logits, adapted(IDS).logits, atol=1e-5)


def test_without_peft_the_message_says_what_to_install(saved, adapter, monkeypatch):
    monkeypatch.setitem(sys.modules, "peft", None)
    assert "pip install 'ecco-reports[adapters]'" in refusal(source=str(saved), adapter=str(adapter[0]))


@pytest.mark.parametrize(
    ("quantization", "message"),
    [
        ({"method": "bitsandbyte"}, "no method 'bitsandbyte'. Did you mean 'bitsandbytes'"),
        ({"method": "bitsandbytes", "load_in_4bits": True}, "no setting 'load_in_4bits'. Did you mean 'load_in_4bit'"),
        ({"method": "bitsandbytes", "bnb_4bit_compute_dtype": 3}, "bitsandbytes refuses these settings"),
        ({"method": "quanto", "weights": "int9"}, "quanto refuses these settings"),
    ],
)
def test_a_quantization_that_cannot_be_is_refused_before_anything_is_loaded(saved, quantization, message):
    assert message in refusal(source=str(saved), quantization=quantization)


def test_the_library_gets_its_own_configuration(saved, monkeypatch):
    import transformers

    seen = {}

    def from_pretrained(folder, **settings):
        seen.update(settings)
        return tiny.build("gpt2"), {"missing_keys": set()}

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", from_pretrained)
    four = {"method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_compute_dtype": "bfloat16"}
    found = loaded(source=str(saved), quantization=four)
    config = seen["quantization_config"]
    assert isinstance(config, transformers.BitsAndBytesConfig)
    assert config.load_in_4bit
    assert config.bnb_4bit_compute_dtype is torch.bfloat16
    assert seen["device_map"] == {"": "cpu"}
    assert found.facts.notes == ("Its weights were quantized while loading (bitsandbytes).",)


def test_torchao_types_are_named(saved, monkeypatch):
    from ecco_reports.models.quantization import quantization_config

    class Int8WeightOnlyConfig:
        def __init__(self, group_size=None):
            self.group_size = group_size

    package = types.ModuleType("torchao.quantization")
    package.Int8WeightOnlyConfig = Int8WeightOnlyConfig
    monkeypatch.setitem(sys.modules, "torchao.quantization", package)
    from transformers.utils import quantization_config as theirs

    monkeypatch.setattr(theirs.TorchAoConfig, "post_init", lambda self: None)

    def made(quant_type):
        spec = ModelSpec(source="x/y", quantization={"method": "torchao", "quant_type": quant_type})
        return quantization_config(spec).quant_type

    assert isinstance(made("Int8WeightOnlyConfig"), Int8WeightOnlyConfig)
    assert made({"Int8WeightOnlyConfig": {"group_size": 32}}).group_size == 32
    with pytest.raises(ModelLoadError, match="no quant_type 'Int8'"):
        made("Int8")


@pytest.mark.parametrize(("method", "settings"), [("quanto", {}), ("bitsandbytes", {"load_in_4bit": True})])
def test_a_method_that_is_not_installed_is_named(saved, method, settings):
    package = {"quanto": "optimum.quanto"}.get(method, method)
    if package.partition(".")[0] in sys.modules or _installed(package):
        pytest.skip(f"{package} is installed")
    assert method in refusal(source=str(saved), quantization={"method": method, **settings})


def _installed(package):
    import importlib.util

    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def test_what_the_plan_found_is_what_is_loaded(saved):
    """The facts that the plan's keys are made of decide, not what stands in the spec."""
    spec = ModelSpec(source=str(saved), device="cpu", dtype="auto")
    facts = facts_of(spec)
    other = replace(facts, spec=facts.spec.model_copy(update={"dtype": "float64"}))
    assert load_module(spec, other).module.dtype is torch.float64


def test_loading_leaves_the_random_numbers_of_the_caller_alone(saved, adapter):
    torch.manual_seed(3)
    before = torch.get_rng_state()
    loaded(source=str(saved), adapter=str(adapter[0]))
    assert torch.equal(torch.get_rng_state(), before)


def test_the_log_of_the_library_stays_as_loud_as_it_was(saved):
    level = logging.getLogger("transformers").level
    refusal(source="bundled:masked", family="question_answering")
    assert logging.getLogger("transformers").level == level
