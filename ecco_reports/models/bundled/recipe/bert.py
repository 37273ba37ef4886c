"""What the encoder models have in common: their shape, how it starts, and how fast its parts learn."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import BertConfig, BertModel, PreTrainedModel

from ecco_reports.models.bundled.recipe.optimization import Matrices

_POSITION_SCALE = 0.02
_SLOWEST_WAVE = 1_000.0


@dataclass(frozen=True)
class EncoderShape:
    """Shape of an encoder.

    Attributes:
        layers: Number of blocks.
        width: Size of the hidden state.
        heads: Attention heads per block.
        inner_width: Neurons of a block's MLP.
        positions: Longest input in tokens.
    """

    layers: int
    width: int
    heads: int
    inner_width: int
    positions: int

    def config(self, pieces: int, padding: int) -> BertConfig:
        """Describe the encoder to `transformers`.

        Args:
            pieces: Size of the vocabulary.
            padding: Number of the padding token.

        Returns:
            The configuration, without dropout: generated text does not run out, so nothing is seen twice.
        """
        return BertConfig(
            vocab_size=pieces,
            hidden_size=self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            intermediate_size=self.inner_width,
            max_position_embeddings=self.positions,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=padding,
        )


@torch.no_grad()
def start_positions_as_waves(encoder: BertModel) -> None:
    """Start the position embeddings as sinusoids, which saves the model the time to find out what is next to what.

    Args:
        encoder: The untrained encoder.
    """
    weight = encoder.embeddings.position_embeddings.weight
    positions, width = weight.shape
    half = width // 2
    speeds = torch.exp(-math.log(_SLOWEST_WAVE) * torch.arange(half) / half)
    angles = torch.arange(positions)[:, None] * speeds
    weight.copy_(torch.cat((angles.sin(), angles.cos()), dim=1) * _POSITION_SCALE * math.sqrt(2.0))


def block_matrices(encoder: BertModel, rate: float, mlp_shares: Sequence[float]) -> list[Matrices]:
    """Group the matrices inside the blocks by their learning rate.

    Args:
        encoder: The encoder.
        rate: Peak learning rate.
        mlp_shares: What share of it the MLP of each block gets; attention gets all of it.

    Returns:
        One group for the attention of all blocks, and one for the MLP of each.
    """
    blocks = encoder.encoder.layer
    attention = [value for block in blocks for value in block.attention.parameters() if value.dim() == 2]
    groups = [Matrices(attention, rate)]
    for block, share in zip(blocks, mlp_shares, strict=True):
        mlp = (*block.intermediate.parameters(), *block.output.parameters())
        groups.append(Matrices([value for value in mlp if value.dim() == 2], rate * share))
    return groups


def sizes(model: PreTrainedModel) -> dict[str, int]:
    """Read the shape off a finished model.

    Args:
        model: An encoder with any head.

    Returns:
        Its sizes, as a card lists them.
    """
    config = model.config
    return {
        "layers": config.num_hidden_layers,
        "width": config.hidden_size,
        "heads": config.num_attention_heads,
        "inner_width": config.intermediate_size,
        "positions": config.max_position_embeddings,
        "pieces": config.vocab_size,
        "parameters": sum(value.numel() for value in model.parameters()),
    }
