"""Models that read one text and write another."""

from __future__ import annotations

from ecco_reports.records import Family
from tests.zoo.entry import CONTEXT, HEADS, INNER, VOCABULARY, WIDTH, Entry
from tests.zoo.settings import BART, ENDS, FLAN, GEMMA, T5, WORDS

ENCODER_DECODERS = (
    Entry("T5", Family.ENCODER_DECODER, "T5ForConditionalGeneration", "T5Config", T5),
    Entry("Flan-T5", Family.ENCODER_DECODER, "T5ForConditionalGeneration", "T5Config", FLAN),
    Entry("mT5", Family.ENCODER_DECODER, "MT5ForConditionalGeneration", "MT5Config", FLAN),
    Entry("BART", Family.ENCODER_DECODER, "BartForConditionalGeneration", "BartConfig", BART),
    Entry("Pegasus", Family.ENCODER_DECODER, "PegasusForConditionalGeneration", "PegasusConfig", BART),
    Entry("LongT5", Family.ENCODER_DECODER, "LongT5ForConditionalGeneration", "LongT5Config", T5),
    Entry(
        "Switch Transformers",
        Family.ENCODER_DECODER,
        "SwitchTransformersForConditionalGeneration",
        "SwitchTransformersConfig",
        {
            **T5,
            "num_decoder_layers": 3,
            "num_experts": 4,
            "num_sparse_encoder_layers": 1,
            "num_sparse_decoder_layers": 1,
        },
    ),
    Entry(
        "T5Gemma",
        Family.ENCODER_DECODER,
        "T5GemmaForConditionalGeneration",
        "T5GemmaConfig",
        {**WORDS, "encoder": GEMMA, "decoder": GEMMA},
    ),
    Entry("Marian", Family.ENCODER_DECODER, "MarianMTModel", "MarianConfig", BART),
    Entry("NLLB", Family.ENCODER_DECODER, "M2M100ForConditionalGeneration", "M2M100Config", BART),
    Entry(
        "NLLB-MoE",
        Family.ENCODER_DECODER,
        "NllbMoeForConditionalGeneration",
        "NllbMoeConfig",
        {**BART, "num_experts": 4, "encoder_sparse_step": 2, "decoder_sparse_step": 2},
    ),
    Entry(
        "LED",
        Family.ENCODER_DECODER,
        "LEDForConditionalGeneration",
        "LEDConfig",
        {
            **BART,
            "attention_window": 4,
            "max_encoder_position_embeddings": CONTEXT,
            "max_decoder_position_embeddings": CONTEXT,
        },
    ),
    Entry(
        "ProphetNet",
        Family.ENCODER_DECODER,
        "ProphetNetForConditionalGeneration",
        "ProphetNetConfig",
        {
            **WORDS,
            **ENDS,
            "hidden_size": WIDTH,
            "encoder_ffn_dim": INNER,
            "decoder_ffn_dim": INNER,
            "num_encoder_layers": 3,
            "num_decoder_layers": 3,
            "num_encoder_attention_heads": HEADS,
            "num_decoder_attention_heads": HEADS,
            "decoder_start_token_id": 0,
        },
    ),
    Entry(
        "FSMT",
        Family.ENCODER_DECODER,
        "FSMTForConditionalGeneration",
        "FSMTConfig",
        {
            **{key: value for key, value in BART.items() if key != "vocab_size"},
            "src_vocab_size": len(VOCABULARY),
            "tgt_vocab_size": len(VOCABULARY),
            "langs": ["en", "de"],
        },
    ),
)
