"""Tiny language models whose weights are the same everywhere: no downloads, known to the last bit.

Weights come from numpy, not from the initialisation of transformers, so that golden files made in another environment
belong to the same models. They are large on purpose: effects must stand out from rounding.
"""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit

WIDTH, LAYERS, HEADS, CONTEXT = 32, 3, 4, 64
END = "<end>"
_WORDS = """
the of city is in London Paris Tokyo Heathrow airport located capital Japan France keys to cabinet are was were
one two three four five six seven and or not but dog cat sat on mat when I hear sound summer rain wind sea
"""
VOCABULARY = {word: number for number, word in enumerate([END, "<unk>", *_WORDS.split()])}
TEXT = "Heathrow airport is located in the city of"
CONTINUATION = "London airport is in Japan"


def word_tokenizer() -> Tokenizer:
    """One token per word."""
    tokenizer = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.add_special_tokens([END])
    return tokenizer


def _gpt2() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(VOCABULARY),
            n_embd=WIDTH,
            n_layer=LAYERS,
            n_head=HEADS,
            n_positions=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def _llama() -> Any:
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
            tie_word_embeddings=False,
        )
    )


def _neox() -> Any:
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return GPTNeoXForCausalLM(
        GPTNeoXConfig(
            vocab_size=len(VOCABULARY),
            hidden_size=WIDTH,
            intermediate_size=4 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
        )
    )


def _gemma2() -> Any:
    from transformers import Gemma2Config, Gemma2ForCausalLM

    return Gemma2ForCausalLM(
        Gemma2Config(
            vocab_size=len(VOCABULARY),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=2,
            head_dim=8,
            query_pre_attn_scalar=8,
            max_position_embeddings=CONTEXT,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
            final_logit_softcapping=6.0,
            attn_logit_softcapping=20.0,
            sliding_window=CONTEXT,
        )
    )


def _t5() -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(VOCABULARY),
            d_model=WIDTH,
            d_ff=2 * WIDTH,
            d_kv=8,
            num_layers=LAYERS,
            num_heads=HEADS,
            pad_token_id=0,
            eos_token_id=0,
            decoder_start_token_id=0,
        )
    )


ENCODER_DECODERS = {"t5": _t5}
FAMILIES = {"gpt2": _gpt2, "llama": _llama, "neox": _neox, "gemma2": _gemma2}


def build(family: str, dtype: torch.dtype = torch.float32, scale: float = 0.25) -> Any:
    """A model of a family with the weights that its parameters' names prescribe.

    Args:
        family: A key of ``FAMILIES`` or ``ENCODER_DECODERS``.
        dtype: Type of the weights.
        scale: Standard deviation of the matrices; biases and the gains of norms vary by a fifth of that.
    """
    model = {**FAMILIES, **ENCODER_DECODERS}[family]()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = np.random.default_rng(zlib.crc32(name.encode())).normal(size=tuple(parameter.shape))
            if parameter.dim() > 1:
                values = scale * numbers
            else:
                gain = 1.0 if "norm" in name or "ln_" in name else 0.0
                gain = 0.0 if name.endswith("bias") or family == "gemma2" else gain
                values = gain + 0.2 * scale * numbers
            parameter.copy_(torch.from_numpy(values))
    return model.to(dtype).eval().requires_grad_(False)


def save(folder: Path, family: str = "gpt2", **settings: Any) -> Path:
    """A model folder as the hub has them: configuration, safetensors, fast tokenizer."""
    from transformers import PreTrainedTokenizerFast

    build(family, **settings).save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=word_tokenizer(), eos_token=END, bos_token=END, unk_token="<unk>"
    ).save_pretrained(folder)
    return folder
