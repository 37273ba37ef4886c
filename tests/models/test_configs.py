from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file

from ecco_reports.models.configs import (
    architecture,
    context_of,
    dtype_of,
    family_of,
    family_of_adapter,
    labels_of,
    layers_of,
    own_code,
    shape_of,
)
from ecco_reports.models.source import bundled_names, facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family
from tests import zoo

TWO = {"is_encoder_decoder": True}


@pytest.mark.parametrize(
    ("name", "more", "family"),
    [
        ("GPT2LMHeadModel", {}, Family.CAUSAL),
        ("LlamaForCausalLM", {}, Family.CAUSAL),
        ("OpenAIGPTLMHeadModel", {}, Family.CAUSAL),
        ("TransfoXLLMHeadModel", {}, Family.CAUSAL),
        ("BartForCausalLM", {"is_encoder_decoder": False}, Family.CAUSAL),
        ("BertForMaskedLM", {}, Family.MASKED),
        ("BertForPreTraining", {}, Family.MASKED),
        ("XLMWithLMHeadModel", {}, Family.MASKED),
        ("T5ForConditionalGeneration", TWO, Family.ENCODER_DECODER),
        ("BartForConditionalGeneration", {}, Family.ENCODER_DECODER),
        ("T5WithLMHeadModel", TWO, Family.ENCODER_DECODER),
        ("MarianMTModel", TWO, Family.ENCODER_DECODER),
        ("EncoderDecoderModel", {**TWO, "encoder": {}, "decoder": {}}, Family.ENCODER_DECODER),
        ("T5ForSequenceClassification", TWO, Family.CLASSIFICATION),
        ("BartForQuestionAnswering", TWO, Family.QUESTION_ANSWERING),
        ("XLNetForQuestionAnsweringSimple", {}, Family.QUESTION_ANSWERING),
        ("RobertaForSequenceClassification", {}, Family.CLASSIFICATION),
        ("Gemma3ForConditionalGeneration", {"text_config": {"num_hidden_layers": 2}}, Family.CAUSAL),
        ("T5Model", TWO, Family.NONE),
        ("T5EncoderModel", {}, Family.NONE),
        ("BertModel", {}, Family.NONE),
        ("BertForTokenClassification", {}, Family.NONE),
    ],
)
def test_the_name_of_a_class_says_what_it_was_made_for(name, more, family):
    assert family_of({"architectures": [name], **more}) is family


@pytest.mark.parametrize("config", [{}, {"architectures": None}, {"architectures": []}])
def test_without_the_name_of_a_class_nothing_is_claimed(config):
    assert family_of(config) is None
    assert architecture(config) is None


def test_every_head_of_the_library_for_texts_is_known():
    """The library's own tables are the oracle: each class that loads as a family must be read as that family."""
    from transformers.models.auto import modeling_auto as tables

    expected = {
        Family.MASKED: tables.MODEL_FOR_MASKED_LM_MAPPING_NAMES,
        Family.CLASSIFICATION: tables.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        Family.QUESTION_ANSWERING: tables.MODEL_FOR_QUESTION_ANSWERING_MAPPING_NAMES,
        Family.CAUSAL: tables.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    }
    writers = {*tables.MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING_NAMES.values()}
    several = {"XLMWithLMHeadModel", *(writers & {*expected[Family.MASKED].values()})}  # One class, two tasks.
    odd = [
        (name, family)
        for family, table in expected.items()
        for name in table.values()
        if name not in several and family_of({"architectures": [name], "text_config": {}}) is not family
    ]
    assert odd == []
    assert [name for name in writers if family_of({"architectures": [name], **TWO}) is not Family.ENCODER_DECODER] == []


def test_the_depth_of_two_stacks_is_that_of_the_one_that_writes():
    t5 = {"num_layers": 4, "num_decoder_layers": 3}
    bart = {"encoder_layers": 6, "decoder_layers": 2, "num_hidden_layers": 6}
    assert layers_of(t5, Family.ENCODER_DECODER) == 3
    assert layers_of(bart, Family.ENCODER_DECODER) == 2
    assert layers_of({"num_layers": 4, "num_decoder_layers": None}, Family.ENCODER_DECODER) == 4
    assert layers_of({"decoder": {"num_hidden_layers": 5}}, Family.ENCODER_DECODER) == 5


def test_the_tokenizer_limits_what_an_encoder_reads_but_not_a_decoder():
    config = {"max_position_embeddings": 514}
    assert context_of(config, 512, Family.MASKED) == 512
    assert context_of(config, 10**30, Family.MASKED) == 514
    assert context_of(config, 512, Family.CAUSAL) == 514
    assert context_of({}, 512, Family.ENCODER_DECODER) is None


def test_classes_have_the_names_of_the_configuration_or_those_of_the_library():
    assert labels_of({"id2label": {"10": "k", "2": "c"}}) == ("c", "k")
    assert labels_of({}) == ("LABEL_0", "LABEL_1")
    assert labels_of({"num_labels": 1}) == ("LABEL_0",)


@pytest.mark.parametrize(
    ("config", "dtype"),
    [
        ({"dtype": "bfloat16"}, "bfloat16"),
        ({"torch_dtype": "float16"}, "float16"),
        ({"torch_dtype": "torch.float64"}, "float64"),
        ({"text_config": {"dtype": "bfloat16"}}, "bfloat16"),
        ({"dtype": None}, "float32"),
    ],
)
def test_the_number_format_stands_under_an_old_or_a_new_name(config, dtype):
    assert dtype_of(config) == dtype


def test_code_of_its_own_is_named_once():
    assert own_code({"auto_map": {"A": "m.C", "B": ["m.C", None]}}) == ("m.C",)
    assert own_code({}) == ()


def test_an_adapter_says_what_it_was_trained_for():
    assert family_of_adapter({"task_type": "SEQ_CLS"}) is Family.CLASSIFICATION
    assert family_of_adapter({"task_type": None}) is None


def size_of(module):
    return sum(parameter.numel() for parameter in module.parameters())


def told(name):
    """What the configuration file of an architecture of the zoo tells of its size, and the model itself."""
    module = zoo.model(name)
    config = {**json.loads(module.config.to_json_string()), "architectures": [type(module).__name__]}
    return shape_of(config, family_of(config)), module


@pytest.mark.parametrize("name", [entry.name for entry in zoo.ENTRIES if entry.family is not Family.NONE])
def test_the_width_of_a_model_stands_in_its_configuration(name):
    shape, module = told(name)
    # Some look up vectors of another width, and bring them to that of the stream.
    assert shape.width in (module.get_input_embeddings().weight.shape[-1], module.config.get_text_config().hidden_size)
    assert shape.outcomes == zoo.BY_NAME[name].settings.get("vocab_size", len(zoo.VOCABULARY))


@pytest.mark.parametrize(
    "name", ["GPT-2", "Llama", "Gemma 2", "Mixtral", "BERT", "RoBERTa", "DistilBERT", "T5", "Flan-T5", "BART", "Marian"]
)
def test_the_number_of_weights_is_estimated_where_no_file_tells_it(name):
    shape, module = told(name)
    assert shape.heads == zoo.HEADS
    # Tiny models have many weights in their biases and positions, which no estimate counts.
    assert 0.7 < shape.parameters / size_of(module) < 1.3


def test_the_number_of_weights_of_a_well_known_model_is_near_what_people_say():
    gpt2 = {"n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257, "n_inner": None}
    shape = shape_of(gpt2, Family.CAUSAL)
    assert (shape.neurons, shape.heads) == (3072, 12)
    assert shape.parameters == pytest.approx(124.4e6, rel=0.01)
    llama = {"hidden_size": 2048, "num_hidden_layers": 22, "intermediate_size": 5632, "vocab_size": 32000}
    llama |= {"hidden_act": "silu", "tie_word_embeddings": False, "num_attention_heads": 32, "num_key_value_heads": 4}
    assert shape_of(llama, Family.CAUSAL).parameters == pytest.approx(1.1e9, rel=0.2)
    t5 = {"d_model": 512, "num_layers": 6, "num_decoder_layers": 6, "d_ff": 2048, "num_heads": 8, "vocab_size": 32128}
    assert shape_of(t5, Family.ENCODER_DECODER).parameters == pytest.approx(60.5e6, rel=0.02)


def test_a_configuration_that_says_nothing_tells_no_size():
    assert shape_of({}, Family.CAUSAL).parameters is None
    assert shape_of({"hidden_size": 8}, None) == shape_of({"n_embd": 8}, None)


@pytest.mark.parametrize("name", bundled_names())
def test_the_files_tell_the_number_of_weights(name):
    import ecco_reports

    source = f"bundled:{name}"
    loaded = ecco_reports.load_model(source)
    assert facts_of(ModelSpec(source=source)).shape.parameters == size_of(loaded._module)


def test_weights_in_parts_are_counted_together_and_a_missing_part_leaves_an_estimate(tmp_path):
    config = {"n_embd": 4, "n_layer": 1, "vocab_size": 10}
    for number in (1, 2):
        save_file({f"w{number}": torch.zeros(3, number)}, tmp_path / f"{number}.safetensors")
    parts = [tmp_path / "1.safetensors", tmp_path / "2.safetensors"]
    assert shape_of(config, Family.CAUSAL, parts).parameters == 9
    estimate = shape_of(config, Family.CAUSAL).parameters
    assert estimate == 4 * 16 + 2 * 4 * 16 + 40
    assert shape_of(config, Family.CAUSAL, [*parts, tmp_path / "3.safetensors"]).parameters == estimate
    (tmp_path / "3.safetensors").write_bytes(b"\xff" * 20)
    assert shape_of(config, Family.CAUSAL, [*parts, tmp_path / "3.safetensors"]).parameters == estimate
