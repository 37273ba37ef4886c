"""Masked language models."""

from __future__ import annotations

from ecco_reports.records import Family
from tests.zoo.entry import Entry
from tests.zoo.settings import BERT, DISTIL, GATED, GROUPED

MASKED = (
    Entry("BERT", Family.MASKED, "BertForMaskedLM", "BertConfig", BERT),
    Entry("RoBERTa", Family.MASKED, "RobertaForMaskedLM", "RobertaConfig", {**BERT, "pad_token_id": 1}),
    Entry("DistilBERT", Family.MASKED, "DistilBertForMaskedLM", "DistilBertConfig", DISTIL),
    Entry("ALBERT", Family.MASKED, "AlbertForMaskedLM", "AlbertConfig", {**BERT, "embedding_size": 24}),
    Entry("ELECTRA", Family.MASKED, "ElectraForMaskedLM", "ElectraConfig", {**BERT, "embedding_size": 24}),
    Entry(
        "DeBERTa-v2",
        Family.MASKED,
        "DebertaV2ForMaskedLM",
        "DebertaV2Config",
        {
            **BERT,
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
        Family.MASKED,
        "ModernBertForMaskedLM",
        "ModernBertConfig",
        {**GATED, "cls_token_id": 0, "sep_token_id": 0, "local_attention": 4},
    ),
    Entry("Longformer", Family.MASKED, "LongformerForMaskedLM", "LongformerConfig", {**BERT, "attention_window": 4}),
    Entry("BigBird", Family.MASKED, "BigBirdForMaskedLM", "BigBirdConfig", BERT),
    Entry("FNet", Family.MASKED, "FNetForMaskedLM", "FNetConfig", BERT),
    Entry("MPNet", Family.MASKED, "MPNetForMaskedLM", "MPNetConfig", BERT),
    Entry(
        "MobileBERT",
        Family.MASKED,
        "MobileBertForMaskedLM",
        "MobileBertConfig",
        {**BERT, "embedding_size": 24, "intra_bottleneck_size": 16, "true_hidden_size": 16},
    ),
    Entry("EuroBERT", Family.MASKED, "EuroBertForMaskedLM", "EuroBertConfig", GROUPED),
    Entry("RoBERTa (pre-norm)", Family.MASKED, "RobertaPreLayerNormForMaskedLM", "RobertaPreLayerNormConfig", BERT),
)
