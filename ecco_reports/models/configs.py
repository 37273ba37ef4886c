"""What a model's ``config.json`` says of it, read without the transformers library.

In: the configuration as a mapping. Out: what the model was made for, its depth, its reach, its classes, its numbers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ecco_reports.records import Family

Config = Mapping[str, Any]

FLOATS = ("float32", "float64", "bfloat16", "float16")
"""The number formats that weights can be loaded in."""

# A class of the transformers library ends with what it was made for. The first rule that fits counts.
_BY_ENDING = (
    (r"ForQuestionAnswering(Simple)?", Family.QUESTION_ANSWERING),
    (r"ForSequenceClassification", Family.CLASSIFICATION),
    (r"For(MaskedLM|PreTraining)|(XLM|Flaubert)WithLMHeadModel", Family.MASKED),
    (r"For(Causal|Conditional)\w*|LMHead\w*|DoubleHeadsModel|GenerationDecoder", Family.CAUSAL),
)
# What writes a text from an encoder's states; a body without a head ends with "Model" as well.
_WRITERS = r"ForConditionalGeneration|ForTextToText|ForCausalLM|WithLMHeadModel|MTModel|^EncoderDecoderModel"
_BY_TASK = {
    "CAUSAL_LM": Family.CAUSAL,
    "SEQ_2_SEQ_LM": Family.ENCODER_DECODER,
    "SEQ_CLS": Family.CLASSIFICATION,
    "QUESTION_ANS": Family.QUESTION_ANSWERING,
}
_LAYERS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_DECODER_LAYERS = ("num_decoder_layers", "decoder_layers")
_CONTEXT = ("n_positions", "max_position_embeddings", "max_sequence_length", "seq_length")
_TEXT_PARTS = ("text_config", "decoder")


def text_part(config: Config) -> Config:
    """The configuration of the part that writes text, over that of the whole, where a model has several parts."""
    inner: Config = next((config[key] for key in _TEXT_PARTS if isinstance(config.get(key), Mapping)), {})
    return {**config, **inner}


def architecture(config: Config) -> str | None:
    """The class that the checkpoint was saved from."""
    names = config.get("architectures")
    return str(names[0]) if isinstance(names, list) and names else None


def family_of(config: Config) -> Family | None:
    """What a model was made for: by the name of its class, which says so in its ending.

    Returns:
        ``Family.NONE`` for a body without a head or with one that this library has no use for, None when the
        configuration names no class.
    """
    name = architecture(config)
    if name is None:
        return None
    two_stacks = config.get("is_encoder_decoder", name.endswith("ForConditionalGeneration") and not _parts(config))
    if two_stacks and re.search(f"({_WRITERS})$", name):
        return Family.ENCODER_DECODER
    return next((family for ending, family in _BY_ENDING if re.search(f"({ending})$", name)), Family.NONE)


def family_of_adapter(config: Config) -> Family | None:
    """What an adapter was trained for, if its ``adapter_config.json`` says so."""
    return _BY_TASK.get(str(config.get("task_type")))


def layers_of(config: Config, family: Family | None) -> int | None:
    """The number of blocks; of the decoder's where there are two stacks."""
    keys = (*_DECODER_LAYERS, *_LAYERS) if family is Family.ENCODER_DECODER else _LAYERS
    return _first_number(text_part(config), keys)


def context_of(config: Config, tokenizer_limit: object, family: Family | None) -> int | None:
    """The largest number of tokens that a model reads.

    Args:
        config: The configuration.
        tokenizer_limit: ``model_max_length`` of the tokenizer. It counts for an encoder, whose table of positions may
            have rows that no token gets (RoBERTa's 514 for 512 tokens); a decoder often reads more than it says.
        family: What the model was made for.
    """
    size = _first_number(text_part(config), _CONTEXT)
    reads_at_once = family not in (None, Family.CAUSAL, Family.ENCODER_DECODER)
    if size is not None and reads_at_once and isinstance(tokenizer_limit, int):
        return min(size, tokenizer_limit)
    return size


def labels_of(config: Config) -> tuple[str, ...]:
    """The names of a classifier's classes by number; the library's own names where the configuration has none."""
    named = config.get("id2label")
    if isinstance(named, Mapping) and named:
        return tuple(str(named[number]) for number in sorted(named, key=int))
    return tuple(f"LABEL_{number}" for number in range(config.get("num_labels", 2)))


def dtype_of(config: Config) -> str:
    """The number format that the checkpoint names for its weights; float32, the library's own, when it names none."""
    inner = text_part(config)
    named = next((part[key] for part in (config, inner) for key in ("dtype", "torch_dtype") if part.get(key)), None)
    return str(named or "float32").removeprefix("torch.")


def own_code(config: Config) -> tuple[str, ...]:
    """What of a model's code is not in the transformers library, as ``file.Class``; empty for most models."""
    named = config.get("auto_map")
    if not isinstance(named, Mapping):
        return ()
    flat = (name for value in named.values() for name in (value if isinstance(value, list) else [value]))
    return tuple(sorted({str(name) for name in flat if name}))


def _parts(config: Config) -> bool:
    return any(isinstance(config.get(key), Mapping) for key in _TEXT_PARTS)


def _first_number(config: Config, keys: tuple[str, ...]) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)
