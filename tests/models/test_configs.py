from __future__ import annotations

import pytest

from ecco_reports.models.configs import (
    architecture,
    context_of,
    dtype_of,
    family_of,
    family_of_adapter,
    labels_of,
    layers_of,
    own_code,
)
from ecco_reports.records import Family

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
