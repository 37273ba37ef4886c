"""One tiny model of many architectures, built from configurations: no downloads, weights from numpy.

Each is small enough to build and run in milliseconds, and its weights are large enough that effects stand out from
rounding. All read the words of ``tiny.VOCABULARY``, a mask and a padding token.
"""

from __future__ import annotations

import inspect
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from ecco_reports.records import Family
from tests import tiny

MASK, PAD = "<mask>", "<pad>"
VOCABULARY = {word: number for number, word in enumerate([*tiny.VOCABULARY, MASK, PAD])}
TEXT = tiny.TEXT
WIDTH, HEADS, INNER, CONTEXT = 32, 4, 48, 64

_CAUSAL, _MASKED, _SEQ2SEQ = Family.CAUSAL, Family.MASKED, Family.ENCODER_DECODER
_CLASSES, _SPAN = Family.CLASSIFICATION, Family.QUESTION_ANSWERING


@dataclass(frozen=True)
class Entry:
    """One architecture of the zoo.

    Attributes:
        name: As people call it.
        family: What it was made for.
        model: Name of the class in transformers.
        config: Name of the class of its configuration.
        settings: What its configuration says.
        scale: Standard deviation of its matrices.
    """

    name: str
    family: Family
    model: str
    config: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 0.25

    def build(self, dtype: torch.dtype = torch.float32, **more: Any) -> Any:
        """A new model with the weights that its parameters' names prescribe; ``more`` goes into its configuration."""
        config = getattr(transformers, self.config)(**self.settings, **more)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = getattr(transformers, self.model)(config)
        _fill(model, self.scale)
        return model.to(dtype).eval().requires_grad_(False)

    def inputs(self, text: str = TEXT) -> dict[str, torch.Tensor]:
        """Token numbers of a text as the model's own call takes them."""
        words = [VOCABULARY[word] for word in text.split()]
        if self.family is _MASKED:
            words[-2] = VOCABULARY[MASK]
        if self.config == "BartConfig":
            words.append(VOCABULARY[tiny.END])
        inputs = {"input_ids": torch.tensor([words])}
        if self.family is _SEQ2SEQ:
            inputs["decoder_input_ids"] = torch.tensor([[0, 4, 7, 12, 9]])
        return inputs


def _fill(model: Any, scale: float) -> None:
    """Weights by name. Gains and biases vary around what they start from, be it one, zero or something else."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = np.random.default_rng(zlib.crc32(name.encode())).normal(size=tuple(parameter.shape))
            noise = torch.from_numpy(numbers).to(parameter.dtype)
            if parameter.dim() < 2 or name.endswith("A_log"):
                parameter.add_(0.2 * scale * noise)
            else:
                parameter.copy_(scale * noise)


def tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """One token per word, with all special tokens; models that read a text as a whole get one at its end."""
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    end = tiny.END
    if family is not _CAUSAL:
        words.post_processor = TemplateProcessing(
            single=f"$A {end}", pair=f"$A {end} $B:1 {end}:1", special_tokens=[(end, VOCABULARY[end])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=end, eos_token=end, unk_token="<unk>", mask_token=MASK, pad_token=PAD
    )


_VOCABULARY = {"vocab_size": len(VOCABULARY)}
_ENDS = {"bos_token_id": 0, "eos_token_id": 0, "pad_token_id": VOCABULARY[PAD]}
_PLAIN = {
    **_VOCABULARY,
    **_ENDS,
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
_GATED = {**_PLAIN, "intermediate_size": INNER}
_GROUPED = {**_GATED, "num_key_value_heads": 2}
_HEAD = {"head_dim": 8}
_GEMMA = {**_GROUPED, **_HEAD, "query_pre_attn_scalar": 8, "sliding_window": 4}
_GPT2 = {**_VOCABULARY, **_ENDS, "n_embd": WIDTH, "n_layer": 3, "n_head": HEADS, "n_positions": CONTEXT}
_BERT = {**_GATED, "max_position_embeddings": CONTEXT + 4, "type_vocab_size": 2}
_DISTIL = {
    **_VOCABULARY,
    "pad_token_id": VOCABULARY[PAD],
    "dim": WIDTH,
    "hidden_dim": INNER,
    "n_layers": 3,
    "n_heads": HEADS,
    "max_position_embeddings": CONTEXT,
}
_T5 = {
    **_VOCABULARY,
    "eos_token_id": 0,
    "pad_token_id": VOCABULARY[PAD],
    "decoder_start_token_id": 0,
    "d_model": WIDTH,
    "d_kv": 8,
    "d_ff": INNER,
    "num_layers": 3,
    "num_heads": HEADS,
}
_FLAN = {**_T5, "feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
_BART = {
    **_VOCABULARY,
    **_ENDS,
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
_OPT = {**_PLAIN, "ffn_dim": INNER, "word_embed_proj_dim": WIDTH}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
_MAMBA = {
    "mamba_d_state": 8,
    "mamba_d_conv": 4,
    "mamba_expand": 2,
    "mamba_n_heads": 8,
    "mamba_d_head": 8,
    "mamba_n_groups": 1,
    "mamba_chunk_size": 8,
}

ENTRIES = (
    Entry("GPT-2", _CAUSAL, "GPT2LMHeadModel", "GPT2Config", _GPT2),
    Entry("GPT-NeoX", _CAUSAL, "GPTNeoXForCausalLM", "GPTNeoXConfig", _GATED),
    Entry("GPT-J", _CAUSAL, "GPTJForCausalLM", "GPTJConfig", {**_GPT2, "rotary_dim": 4}),
    Entry(
        "GPT-Neo",
        _CAUSAL,
        "GPTNeoForCausalLM",
        "GPTNeoConfig",
        {
            **_VOCABULARY,
            **_ENDS,
            "hidden_size": WIDTH,
            "num_layers": 3,
            "num_heads": HEADS,
            "attention_types": [[["global", "local", "global"], 1]],
            "window_size": 3,
            "max_position_embeddings": CONTEXT,
        },
    ),
    Entry(
        "BLOOM",
        _CAUSAL,
        "BloomForCausalLM",
        "BloomConfig",
        {**_VOCABULARY, **_ENDS, "hidden_size": WIDTH, "n_layer": 3, "n_head": HEADS},
    ),
    Entry("OPT", _CAUSAL, "OPTForCausalLM", "OPTConfig", _OPT),
    Entry(
        "OPT (post-norm)",
        _CAUSAL,
        "OPTForCausalLM",
        "OPTConfig",
        {**_OPT, "word_embed_proj_dim": 24, "do_layer_norm_before": False},
    ),
    Entry("Falcon", _CAUSAL, "FalconForCausalLM", "FalconConfig", _PLAIN),
    Entry("Llama", _CAUSAL, "LlamaForCausalLM", "LlamaConfig", _GROUPED),
    Entry("Mistral", _CAUSAL, "MistralForCausalLM", "MistralConfig", {**_GROUPED, "sliding_window": 4}),
    Entry("Mixtral", _CAUSAL, "MixtralForCausalLM", "MixtralConfig", {**_GROUPED, **_EXPERTS}),
    Entry("Qwen2", _CAUSAL, "Qwen2ForCausalLM", "Qwen2Config", _GROUPED),
    Entry("Qwen3", _CAUSAL, "Qwen3ForCausalLM", "Qwen3Config", {**_GROUPED, "head_dim": 16}),
    Entry(
        "Qwen3-MoE",
        _CAUSAL,
        "Qwen3MoeForCausalLM",
        "Qwen3MoeConfig",
        {**_GROUPED, **_HEAD, "num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 24},
    ),
    Entry("Phi", _CAUSAL, "PhiForCausalLM", "PhiConfig", _GATED),
    Entry("Phi-3", _CAUSAL, "Phi3ForCausalLM", "Phi3Config", _GROUPED),
    Entry("Gemma", _CAUSAL, "GemmaForCausalLM", "GemmaConfig", {**_GROUPED, **_HEAD}),
    Entry(
        "Gemma 2",
        _CAUSAL,
        "Gemma2ForCausalLM",
        "Gemma2Config",
        {**_GEMMA, "final_logit_softcapping": 6.0, "attn_logit_softcapping": 20.0},
    ),
    Entry("Gemma 3", _CAUSAL, "Gemma3ForCausalLM", "Gemma3TextConfig", _GEMMA),
    Entry("OLMo 2", _CAUSAL, "Olmo2ForCausalLM", "Olmo2Config", _GROUPED),
    Entry("Cohere", _CAUSAL, "CohereForCausalLM", "CohereConfig", {**_GROUPED, "logit_scale": 0.5}),
    Entry(
        "Granite",
        _CAUSAL,
        "GraniteForCausalLM",
        "GraniteConfig",
        {
            **_GROUPED,
            "residual_multiplier": 0.3,
            "embedding_multiplier": 3.0,
            "attention_multiplier": 0.3,
            "logits_scaling": 2.0,
        },
    ),
    Entry("StarCoder2", _CAUSAL, "Starcoder2ForCausalLM", "Starcoder2Config", _GROUPED),
    Entry("SmolLM3", _CAUSAL, "SmolLM3ForCausalLM", "SmolLM3Config", {**_GROUPED, "no_rope_layers": [1, 1, 0]}),
    Entry(
        "GPT-OSS",
        _CAUSAL,
        "GptOssForCausalLM",
        "GptOssConfig",
        {
            **_GROUPED,
            **_EXPERTS,
            **_HEAD,
            "sliding_window": 4,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
    ),
    Entry(
        "Gemma 3n",
        _CAUSAL,
        "Gemma3nForCausalLM",
        "Gemma3nTextConfig",
        {
            **_GROUPED,
            **_HEAD,
            "intermediate_size": [INNER] * 3,
            "layer_types": ["sliding_attention", "full_attention", "full_attention"],
            "sliding_window": 4,
            "vocab_size_per_layer_input": len(VOCABULARY),
            "hidden_size_per_layer_input": 8,
            "num_kv_shared_layers": 1,
            "laurel_rank": 4,
            "altup_num_inputs": 2,
            "activation_sparsity_pattern": [0.0] * 3,
        },
    ),
    Entry(
        "Llama 4",
        _CAUSAL,
        "Llama4ForCausalLM",
        "Llama4TextConfig",
        {
            **_GROUPED,
            **_EXPERTS,
            **_HEAD,
            "intermediate_size_mlp": INNER,
            "attention_chunk_size": 16,
            "num_experts_per_tok": 1,
        },
    ),
    Entry(
        "DeepSeek-V3",
        _CAUSAL,
        "DeepseekV3ForCausalLM",
        "DeepseekV3Config",
        {
            **_GATED,
            "num_key_value_heads": HEADS,
            "moe_intermediate_size": 24,
            "n_routed_experts": 4,
            "num_experts_per_tok": 2,
            "n_group": 1,
            "topk_group": 1,
            "first_k_dense_replace": 1,
            "q_lora_rank": 16,
            "kv_lora_rank": 16,
            "qk_rope_head_dim": 8,
            "qk_nope_head_dim": 8,
            "v_head_dim": 12,
        },
    ),
    Entry(
        "LFM2",
        _CAUSAL,
        "Lfm2ForCausalLM",
        "Lfm2Config",
        {**_GROUPED, "layer_types": ["conv", "full_attention", "conv"], "block_auto_adjust_ff_dim": False},
    ),
    Entry(
        "Mamba",
        _CAUSAL,
        "MambaForCausalLM",
        "MambaConfig",
        {**_VOCABULARY, **_ENDS, "hidden_size": WIDTH, "num_hidden_layers": 3, "state_size": 8},
    ),
    Entry(
        "Mamba 2",
        _CAUSAL,
        "Mamba2ForCausalLM",
        "Mamba2Config",
        {
            **_VOCABULARY,
            **_ENDS,
            "hidden_size": WIDTH,
            "num_hidden_layers": 3,
            "state_size": 8,
            "num_heads": 8,
            "head_dim": 8,
            "n_groups": 1,
            "chunk_size": 8,
        },
    ),
    Entry(
        "Jamba",
        _CAUSAL,
        "JambaForCausalLM",
        "JambaConfig",
        {
            **_GROUPED,
            "attn_layer_period": 2,
            "attn_layer_offset": 1,
            "expert_layer_period": 2,
            "expert_layer_offset": 1,
            "num_experts": 2,
            "mamba_d_state": 8,
            "use_mamba_kernels": False,
        },
    ),
    Entry("Bamba", _CAUSAL, "BambaForCausalLM", "BambaConfig", {**_GROUPED, **_MAMBA, "attn_layer_indices": [1]}),
    Entry(
        "Falcon-H1",
        _CAUSAL,
        "FalconH1ForCausalLM",
        "FalconH1Config",
        {**_GROUPED, **_HEAD, **_MAMBA, "mamba_d_ssm": 64, "attention_out_multiplier": 0.5, "ssm_out_multiplier": 0.7},
    ),
    Entry(
        "RecurrentGemma",
        _CAUSAL,
        "RecurrentGemmaForCausalLM",
        "RecurrentGemmaConfig",
        {**_GROUPED, "lru_width": WIDTH, "attention_window_size": 4},
    ),
    Entry(
        "Nemotron-H",
        _CAUSAL,
        "NemotronHForCausalLM",
        "NemotronHConfig",
        {
            **_GROUPED,
            **_HEAD,
            "layers_block_type": ["mamba", "attention", "mlp"],
            "mamba_num_heads": 8,
            "mamba_head_dim": 8,
            "ssm_state_size": 8,
            "n_groups": 1,
            "chunk_size": 8,
        },
    ),
    Entry("BERT", _MASKED, "BertForMaskedLM", "BertConfig", _BERT),
    Entry("RoBERTa", _MASKED, "RobertaForMaskedLM", "RobertaConfig", {**_BERT, "pad_token_id": 1}),
    Entry("DistilBERT", _MASKED, "DistilBertForMaskedLM", "DistilBertConfig", _DISTIL),
    Entry("ALBERT", _MASKED, "AlbertForMaskedLM", "AlbertConfig", {**_BERT, "embedding_size": 24}),
    Entry("ELECTRA", _MASKED, "ElectraForMaskedLM", "ElectraConfig", {**_BERT, "embedding_size": 24}),
    Entry(
        "DeBERTa-v2",
        _MASKED,
        "DebertaV2ForMaskedLM",
        "DebertaV2Config",
        {
            **_BERT,
            "relative_attention": True,
            "pos_att_type": ["p2c", "c2p"],
            "position_buckets": 8,
            "share_att_key": True,
            "norm_rel_ebd": "layer_norm",
            "type_vocab_size": 0,
            "position_biased_input": False,
        },
    ),
    Entry(
        "ModernBERT",
        _MASKED,
        "ModernBertForMaskedLM",
        "ModernBertConfig",
        {**_GATED, "cls_token_id": 0, "sep_token_id": 0, "local_attention": 4},
    ),
    Entry("T5", _SEQ2SEQ, "T5ForConditionalGeneration", "T5Config", _T5),
    Entry("Flan-T5", _SEQ2SEQ, "T5ForConditionalGeneration", "T5Config", _FLAN),
    Entry("mT5", _SEQ2SEQ, "MT5ForConditionalGeneration", "MT5Config", _FLAN),
    Entry("BART", _SEQ2SEQ, "BartForConditionalGeneration", "BartConfig", _BART),
    Entry("Pegasus", _SEQ2SEQ, "PegasusForConditionalGeneration", "PegasusConfig", _BART),
    Entry("BERT (classifier)", _CLASSES, "BertForSequenceClassification", "BertConfig", {**_BERT, "num_labels": 3}),
    Entry(
        "RoBERTa (classifier)",
        _CLASSES,
        "RobertaForSequenceClassification",
        "RobertaConfig",
        {**_BERT, "pad_token_id": 1, "num_labels": 3},
    ),
    Entry(
        "DistilBERT (classifier)",
        _CLASSES,
        "DistilBertForSequenceClassification",
        "DistilBertConfig",
        {**_DISTIL, "num_labels": 3},
    ),
    Entry("GPT-2 (classifier)", _CLASSES, "GPT2ForSequenceClassification", "GPT2Config", {**_GPT2, "num_labels": 3}),
    Entry("BART (classifier)", _CLASSES, "BartForSequenceClassification", "BartConfig", {**_BART, "num_labels": 3}),
    Entry("BERT (answers by a span)", _SPAN, "BertForQuestionAnswering", "BertConfig", _BERT),
    Entry("DistilBERT (answers by a span)", _SPAN, "DistilBertForQuestionAnswering", "DistilBertConfig", _DISTIL),
    Entry(
        "RoBERTa (answers by a span)",
        _SPAN,
        "RobertaForQuestionAnswering",
        "RobertaConfig",
        {**_BERT, "pad_token_id": 1},
    ),
)

BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}


@cache
def model(name: str) -> Any:
    """The model of an entry, built once; whoever changes one builds it with ``Entry.build``."""
    return BY_NAME[name].build()


def logits_of(output: Any) -> torch.Tensor:
    """What a model says, whatever its head: logits, or start and end of a span one below the other."""
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], dim=1)
    return output.logits


def forward_of(module: Any, inputs: dict[str, torch.Tensor]) -> Callable[[], torch.Tensor]:
    """A closure that runs a model on some input and gives its logits."""
    takes = inspect.signature(module.forward).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    cacheless = {"use_cache": False} if open_ended or "use_cache" in takes else {}
    return lambda: logits_of(module(**inputs, **cacheless))
