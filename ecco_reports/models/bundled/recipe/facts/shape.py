"""Shape of the causal model, and length of its training."""

from dataclasses import dataclass

from transformers import GPT2Config, GPT2LMHeadModel

FUSED_ACTIVATION = "gelu_pytorch_tanh"
"""The activation function under the name whose implementation trains faster."""

SAVED_ACTIVATION = "gelu_new"
"""The same function under the name that GPT-2 checkpoints use."""


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
        mlp_shares: What share of it the MLP of each block gets. The first blocks learn slowly, so that facts settle in
            the later ones: a logit lens of a model whose first block knows everything has nothing to show.
        copying_blocks: How many blocks, from the first, learn to copy from repeated tokens before they see any text.
        copying_steps: Number of optimizer steps for that.
        copying_rows: Rows of a batch there.
        copying_length: Tokens of a row there.
        copying_rate: Peak learning rate of the attention of those blocks there.
        kept_rate: Peak learning rate of the attention of those blocks when the model learns to read.
        repeated_share: Share of rows with repeated random tokens among the rows of text.
        other_rate: Peak learning rate of embeddings, biases and norms.
        weight_decay: Weight decay of the matrices inside the blocks.
    """

    seed: int = 0
    steps: int = 4000
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
    mlp_shares: tuple[float, ...] = (0.01, 0.02, 0.05, 0.3, 1.0, 1.0)
    copying_blocks: int = 3
    copying_steps: int = 400
    copying_rows: int = 64
    copying_length: int = 32
    copying_rate: float = 2e-3
    kept_rate: float = 1e-3
    repeated_share: float = 0.1
    other_rate: float = 3e-3
    weight_decay: float = 0.1


def untrained(settings: Settings, separator: int) -> GPT2LMHeadModel:
    """Make a model with the usual random weights.

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
    model.train()
    return model
