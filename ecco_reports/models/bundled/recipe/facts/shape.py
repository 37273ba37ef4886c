"""Shape of the causal model, length of its training, and the untrained model."""

import math
from dataclasses import dataclass

import torch
from transformers import GPT2Config, GPT2LMHeadModel

FUSED_ACTIVATION = "gelu_pytorch_tanh"
"""The activation function under the name whose implementation trains faster."""

SAVED_ACTIVATION = "gelu_new"
"""The same function under the name that GPT-2 checkpoints use."""

_POSITION_SCALE = 0.02


@dataclass(frozen=True)
class Settings:
    """Shape of the model and length of its training.

    Attributes:
        seed: Seed of the corpus, the first weights and the order of the batches.
        steps: Number of optimizer steps.
        pieces: Size of the vocabulary.
        tokenizer_documents: Number of documents that the vocabulary is learned from.
        layers: Number of transformer blocks.
        width: Size of the hidden state.
        heads: Attention heads per block.
        positions: Longest input in tokens.
        rows: Rows of a batch.
        row_length: Tokens of a row.
        long_every: Every so many steps, a batch has fewer rows of full length instead.
        hidden_rate: Peak learning rate of the matrices inside the blocks.
        attention_shares: What share of it the attention of each block gets.
        mlp_shares: What share of it the MLP of each block gets. The first blocks learn slowly, so that facts settle in
            the later ones: a logit lens of a model whose first block knows everything has nothing to show.
        other_rate: Peak learning rate of embeddings, biases and norms.
        weight_decay: Weight decay of the matrices inside the blocks.
    """

    seed: int = 0
    steps: int = 4200
    pieces: int = 3072
    tokenizer_documents: int = 60_000
    layers: int = 6
    width: int = 128
    heads: int = 4
    positions: int = 512
    rows: int = 16
    row_length: int = 128
    long_every: int = 16
    hidden_rate: float = 6e-3
    attention_shares: tuple[float, ...] = (0.3, 0.5, 1.0, 1.0, 1.0, 1.0)
    mlp_shares: tuple[float, ...] = (0.01, 0.02, 0.05, 0.3, 1.0, 1.0)
    other_rate: float = 3e-3
    weight_decay: float = 0.1


def new_model(settings: Settings, separator: int) -> GPT2LMHeadModel:
    """Make an untrained model.

    Position embeddings start as sinusoids instead of noise, which saves the model the time to find out which
    positions are neighbors.

    Args:
        settings: Shape of the model.
        separator: Number of the token between documents.

    Returns:
        The model, in training mode.
    """
    config = GPT2Config(
        vocab_size=settings.pieces,
        n_positions=settings.positions,
        n_embd=settings.width,
        n_layer=settings.layers,
        n_head=settings.heads,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        activation_function=FUSED_ACTIVATION,
        bos_token_id=separator,
        eos_token_id=separator,
    )
    model = GPT2LMHeadModel(config)
    half = settings.width // 2
    speeds = torch.exp(-math.log(1000.0) * torch.arange(half) / half)
    angles = torch.arange(settings.positions)[:, None] * speeds
    waves = torch.cat((angles.sin(), angles.cos()), dim=1)
    model.transformer.wpe.weight.data.copy_(waves * _POSITION_SCALE * math.sqrt(2.0))
    model.train()
    return model
