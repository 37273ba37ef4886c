"""Shape of the text-to-text model, length of its training, and the untrained model."""

from dataclasses import dataclass

import torch
from transformers import T5Config, T5ForConditionalGeneration

_EMBEDDING_SCALE = 0.3
_LAST_NORM = 1.3
_BRANCH_SCALE = 0.1
_AWAY_FROM_ITSELF = -6.0
_LONGEST_DISTANCE = 64


@dataclass(frozen=True)
class Settings:
    """Shape of the model and length of its training.

    Attributes:
        seed: Seed of the corpus, the first weights and the order of the examples.
        steps: Number of optimizer steps.
        pieces: Size of the vocabulary.
        tokenizer_examples: Number of examples that the vocabulary is learned from.
        encoder_layers: Number of blocks of the encoder.
        decoder_layers: Number of blocks of the decoder.
        width: Size of the hidden state.
        heads: Attention heads per block.
        inner_width: Size of the layer inside the MLP.
        distances: Number of classes that relative positions are sorted into.
        positions: Longest input that the tokenizer announces, in tokens; the model itself has no limit.
        reviews: Reviews of a step.
        judged: Sentences of a step that are acceptable or not.
        gapped: Sentences of a step with a gap.
        passage_sentences: Sentences of a step that passages are made of; the passages of a step are equally long.
        finding_steps: Number of steps at the beginning in which the encoder alone learns to find the sentence that
            answers a question.
        plain_reviews_until: Share of the training after which reviews are of all kinds; before, fewer and fewer are
            held to plain opinions, without negation or concession.
        hidden_rate: Peak learning rate of the matrices inside the blocks.
        encoder_shares: What share of it each block of the encoder gets.
        decoder_shares: What share of it each block of the decoder gets. The first blocks learn slowly, so that an
            answer forms in the last one: otherwise a logit lens has little to show.
        pattern_share: What share of it queries and keys of the encoder get, on top of the share of their block.
        other_rate: Peak learning rate of embeddings, relative positions and norms.
        weight_decay: Weight decay of the matrices inside the blocks.
    """

    seed: int = 0
    steps: int = 1700
    pieces: int = 2048
    tokenizer_examples: int = 40_000
    encoder_layers: int = 4
    decoder_layers: int = 3
    width: int = 128
    heads: int = 4
    inner_width: int = 256
    distances: int = 32
    positions: int = 512
    reviews: int = 48
    judged: int = 16
    gapped: int = 8
    passage_sentences: int = 96
    finding_steps: int = 300
    plain_reviews_until: float = 0.4
    hidden_rate: float = 4e-3
    encoder_shares: tuple[float, ...] = (1.0, 1.0, 1.0, 1.0)
    decoder_shares: tuple[float, ...] = (0.01, 0.02, 1.0)
    pattern_share: float = 0.25
    other_rate: float = 4e-3
    weight_decay: float = 0.05


def new_model(settings: Settings) -> T5ForConditionalGeneration:
    """Make an untrained model.

    Embeddings start small, because they are also what scores the answers. In the encoder, what the blocks add starts
    smaller still, so that a word is known by its embedding in every block. And half of the heads start by looking at
    other occurrences of the same word, which is what it takes to match a question with a passage.

    Args:
        settings: Shape of the model.

    Returns:
        The model, in training mode.
    """
    config = T5Config(
        vocab_size=settings.pieces,
        d_model=settings.width,
        d_kv=settings.width // settings.heads,
        d_ff=settings.inner_width,
        num_layers=settings.encoder_layers,
        num_decoder_layers=settings.decoder_layers,
        num_heads=settings.heads,
        relative_attention_num_buckets=settings.distances,
        relative_attention_max_distance=_LONGEST_DISTANCE,
        dropout_rate=0.0,
        feed_forward_proj="relu",
        tie_word_embeddings=True,
        pad_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
    )
    model = T5ForConditionalGeneration(config)
    model.shared.weight.data.mul_(_EMBEDDING_SCALE)
    _start_with_equal_words(model, settings.heads)
    model.decoder.final_layer_norm.weight.data.fill_(_LAST_NORM)
    model.train()
    return model


@torch.no_grad()
def _start_with_equal_words(model: T5ForConditionalGeneration, heads: int) -> None:
    """Let keys be queries in half of the heads, scaled so that a word scores well above chance with its copies.

    Relative positions, which all blocks share, keep these heads from looking at the word itself.
    """
    some = heads // 2
    for block in model.encoder.block:
        attention, mlp = block.layer[0].SelfAttention, block.layer[1].DenseReluDense
        rows = slice(0, some * attention.key_value_proj_dim)
        attention.k.weight[rows] = attention.q.weight[rows] * attention.key_value_proj_dim**0.5
        attention.o.weight.mul_(_BRANCH_SCALE)
        mlp.wo.weight.mul_(_BRANCH_SCALE)
    distances = model.encoder.block[0].layer[0].SelfAttention.relative_attention_bias.weight
    distances[0, :some] = _AWAY_FROM_ITSELF  # the first class of distances is "no distance"
