"""Tiny models of every family, wrapped, with a tokenizer that writes a template around one text or two."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Family, Prompt
from tests import tiny, zoo

END = tiny.VOCABULARY[tiny.END]
MASK = zoo.VOCABULARY[zoo.MASK]
MASKED = Prompt(name="p", text=f"Heathrow airport is {zoo.MASK} in the {zoo.MASK} of London")
PLAIN = Prompt(name="p", text="Heathrow airport is located in the city of London")
QUESTION = Prompt(name="p", text="is the cat on the mat", text_pair="the dog sat on the mat when the cat sat in rain")
PROMPTS = {
    Family.CAUSAL: Prompt(name="p", text=tiny.TEXT),
    Family.MASKED: MASKED,
    Family.ENCODER_DECODER: PLAIN,
    Family.CLASSIFICATION: PLAIN,
    Family.QUESTION_ANSWERING: QUESTION,
}


# What a family's tokenizer writes around one text, and around two.
_TEMPLATES = {
    Family.CAUSAL: ("$A", "$A $B:1"),
    Family.ENCODER_DECODER: ("$A {end}", "$A {end} $B:1 {end}:1"),
}
_FRAME = ("{end} $A {end}", "{end} $A {end} $B:1 {end}:1")


@cache
def tokenizer_of(family: Family, told: bool = False) -> PreTrainedTokenizerFast:
    """One token per word, in the template that suits a family.

    Args:
        family: The family.
        told: Whether its models are told which of two texts a token belongs to.
    """
    words = Tokenizer(WordLevel(zoo.VOCABULARY, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    single, pair = (template.format(end=tiny.END) for template in _TEMPLATES.get(family, _FRAME))
    words.post_processor = TemplateProcessing(single=single, pair=pair, special_tokens=[(tiny.END, END)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        bos_token=tiny.END,
        eos_token=tiny.END,
        unk_token="<unk>",
        mask_token=zoo.MASK,
        pad_token=zoo.PAD,
        model_input_names=["input_ids", "attention_mask", *(["token_type_ids"] if told else [])],
    )


@cache
def raw(name: str, dtype: str = "float32") -> Any:
    """The transformers model of an architecture of the zoo, built once; nothing of ours ever touches it."""
    return zoo.BY_NAME[name].build(getattr(torch, dtype))


@cache
def wrapped(name: str, dtype: str = "float32") -> Any:
    """A module with the same weights as ours, built once."""
    entry = zoo.BY_NAME[name]
    return wrap(entry.build(getattr(torch, dtype)), tokenizer_of(entry.family, "type_vocab_size" in entry.settings))


# Its own ``generate`` fails in transformers 5.23: with a cache, positions do not fit.
_CANNOT_GENERATE = ("ProphetNet",)


def names(*families: Family) -> list[str]:
    """The architectures of some families."""
    return [entry.name for entry in zoo.ENTRIES if entry.family in families]


def writers() -> list[str]:
    """The encoder-decoders that can be made to write."""
    return [name for name in names(Family.ENCODER_DECODER) if name not in _CANNOT_GENERATE]
