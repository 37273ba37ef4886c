"""Settings that many configurations share."""

from __future__ import annotations

from typing import Any

from tests.zoo.entry import CONTEXT, HEADS, INNER, PAD, VOCABULARY, WIDTH

WORDS: dict[str, Any] = {"vocab_size": len(VOCABULARY)}
ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": VOCABULARY[PAD]}
PLAIN: dict[str, Any] = {
    **WORDS,
    **ENDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
GATED: dict[str, Any] = {**PLAIN, "intermediate_size": INNER}
GROUPED: dict[str, Any] = {**GATED, "num_key_value_heads": 2}
HEAD: dict[str, Any] = {"head_dim": 8}
GEMMA: dict[str, Any] = {**GROUPED, **HEAD, "query_pre_attn_scalar": 8, "sliding_window": 4}
GPT2: dict[str, Any] = {**WORDS, **ENDS, "n_embd": WIDTH, "n_layer": 3, "n_head": HEADS, "n_positions": CONTEXT}
BERT: dict[str, Any] = {**GATED, "max_position_embeddings": CONTEXT + 4, "type_vocab_size": 2}
DISTIL: dict[str, Any] = {
    **WORDS,
    "pad_token_id": VOCABULARY[PAD],
    "dim": WIDTH,
    "hidden_dim": INNER,
    "n_layers": 3,
    "n_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
T5: dict[str, Any] = {
    **WORDS,
    "eos_token_id": 0,
    "pad_token_id": VOCABULARY[PAD],
    "decoder_start_token_id": 0,
    "d_model": WIDTH,
    "d_kv": 8,
    "d_ff": INNER,
    "num_layers": 3,
    "num_heads": HEADS,
}
FLAN: dict[str, Any] = {**T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
BART: dict[str, Any] = {
    **WORDS,
    **ENDS,
    "decoder_start_token_id": 0,
    "d_model": WIDTH,
    "encoder_layers": 3,
    "decoder_layers": 3,
    "encoder_attention_heads": HEADS,
    "decoder_attention_heads": HEADS,
    "encoder_ffn_dim": INNER,
    "decoder_ffn_dim": INNER,
    "max_position_embeddings": CONTEXT,
    "forced_eos_token_id": None,
}
OPT: dict[str, Any] = {**PLAIN, "ffn_dim": INNER, "word_embed_proj_dim": WIDTH}
EXPERTS: dict[str, Any] = {"num_local_experts": 4, "num_experts_per_tok": 2}
MAMBA: dict[str, Any] = {
    "mamba_d_state": 8,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
}
