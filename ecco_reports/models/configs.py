"""What a model's ``config.json`` says of it, read without the transformers library.

In: the configuration as a mapping. Out: what the model was made for, its size, its reach, its classes, its numbers.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
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
_ENCODER_LAYERS = ("encoder_layers", "num_layers", "num_hidden_layers", "n_layers")
_WIDTH = ("hidden_size", "n_embd", "d_model", "dim", "n_embed", "embed_dim")
_HEADS = (
    *("num_attention_heads", "n_head", "n_heads", "num_heads", "decoder_attention_heads", "attention_heads"),
    "num_decoder_attention_heads",
)
_NEURONS = ("intermediate_size", "n_inner", "d_ff", "decoder_ffn_dim", "ffn_dim", "ffn_hidden_size", "hidden_dim")
_LONGEST_HEADER = 100_000_000
"""The most that the library of the format takes, too."""
_OUTCOMES = ("vocab_size", "tgt_vocab_size")
_EXPERTS = ("num_local_experts", "num_experts", "n_routed_experts")
_TEXT_PARTS = ("text_config", "decoder")


@dataclass(frozen=True)
class Shape:
    """How large a model is, as far as its files tell; None for what they do not say.

    Attributes:
        width: Width of the residual stream.
        heads: Attention heads in a block.
        neurons: Width of a block's MLP.
        outcomes: Size of the vocabulary.
        parameters: Number of weights.
    """

    width: int | None = None
    heads: int | None = None
    neurons: int | None = None
    outcomes: int | None = None
    parameters: int | None = None


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


def shape_of(config: Config, family: Family | None, files: Iterable[Path] = ()) -> Shape:
    """How large a model is.

    Args:
        config: The configuration.
        family: What the model was made for.
        files: Its safetensors files, as far as they are here; their headers tell the number of weights, which is
            estimated where one of them is missing.
    """
    inner = text_part(config)
    width = _first_number(inner, _WIDTH)
    # GPT-2 and its like leave the width of their MLP out where it is the usual one.
    neurons = _first_number(inner, _NEURONS) or (None if width is None else 4 * width)
    shape = Shape(width, _first_number(inner, _HEADS), neurons, _first_number(inner, _OUTCOMES))
    counted = [_count_in(file) for file in files]
    whole = sum(count for count in counted if count is not None) if counted and None not in counted else None
    return replace(shape, parameters=_estimated(inner, family, shape) if whole is None else whole)


def _count_in(file: Path) -> int | None:
    """The number of weights in a safetensors file, whose header tells their shapes; None where it cannot be read."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(8), "little")
            header: dict[str, Any] = json.loads(opened.read(min(length, _LONGEST_HEADER)))
        return sum(int(math.prod(entry["shape"])) for name, entry in header.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _estimated(inner: Config, family: Family | None, shape: Shape) -> int | None:
    """About how many weights a model has: four square matrices for attention and two for the MLP in each block.

    A gated MLP has three; how many a configuration does not say in a way that all kinds share.
    """
    layers, width, neurons = layers_of(inner, family), shape.width, shape.neurons
    if layers is None or width is None or neurons is None or shape.outcomes is None:
        return None
    gated = "silu" in str(inner.get("hidden_act")) or "gated" in str(inner.get("feed_forward_proj"))
    mlp = (3 if gated else 2) * width * neurons * (_first_number(inner, _EXPERTS) or 1)
    blocks = layers * (4 * width * width + mlp)
    if family is Family.ENCODER_DECODER:
        # Its decoder has a second attention, which reads what the encoder made.
        blocks += layers * 4 * width * width
        blocks += (_first_number(inner, _ENCODER_LAYERS) or layers) * (4 * width * width + mlp)
    tied = inner.get("tie_word_embeddings", True) is not False
    return blocks + (1 if tied else 2) * shape.outcomes * width


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
