"""First weights from which a small model learns to copy in minutes.

Induction needs two heads that are of no use without each other, one that looks at the token before and a later one
that looks for the current token, so that training starts on a plateau. From the usual weights it had not left it after
900 steps; from these it has after 400: positions are sinusoids, two heads of the first block look back by
one token, and the heads of the next blocks look at tokens like the current one and copy what they look at. None of
them does induction; that is learned. Attention that starts as a multiple of the identity: Trockman and Kolter 2023,
"Mimetic Initialization of Self-Attention Layers".
"""

import math

import torch
from transformers import GPT2LMHeadModel
from transformers.models.gpt2.modeling_gpt2 import GPT2Attention

_POSITION_SHARE = 4  # one dimension in four
_SLOWEST, _FASTEST = 0.15, 2.6  # radians per token: a sharp peak at a distance of one, and no period within a row
_POSITION_SIZE = 0.1
_TOKEN_SIZE = 0.05
_LOOKING_BACK = 2
_LOOKING_BACK_SHARPNESS = 0.8
_LOOKING_BACK_SIZE = 0.1
_COPY_SIZE = 0.05
_NOISE = 0.02


@torch.no_grad()
def prepare(model: GPT2LMHeadModel, copying_blocks: int) -> None:
    """Set the first weights.

    Args:
        model: An untrained model with at least four heads.
        copying_blocks: How many blocks, from the first, are made ready to copy. What stands behind them adds nothing
            at first, so that it does not disturb what these learn.
    """
    blocks, heads = model.transformer.h, model.config.n_head
    waves = _waves(model.config.n_positions, model.config.n_embd)
    model.transformer.wpe.weight.zero_()
    model.transformer.wpe.weight[:, : waves.shape[1]] = waves * _POSITION_SIZE * math.sqrt(2.0)
    model.transformer.wte.weight.normal_(std=_TOKEN_SIZE)
    for block in blocks:
        block.mlp.c_proj.weight.zero_()
    for block in blocks[copying_blocks:]:
        block.attn.c_proj.weight.zero_()
    _look_back(blocks[0].attn, heads)
    for block in blocks[1:copying_blocks]:
        for head in range(heads):
            _look_for_the_same(block.attn, head, heads)


def _speeds(width: int) -> torch.Tensor:
    """How fast each wave turns, in radians per token, (wave,)."""
    return torch.linspace(_SLOWEST, _FASTEST, width // _POSITION_SHARE // 2)


def _waves(positions: int, width: int) -> torch.Tensor:
    """Sines and cosines of every position, (position, 2 x wave)."""
    angles = torch.arange(positions)[:, None] * _speeds(width)
    return torch.cat((angles.sin(), angles.cos()), dim=1)


def _away_from_positions(width: int, count: int) -> torch.Tensor:
    """Orthonormal directions, (width, count), at right angles to the positions."""
    free = width - width // _POSITION_SHARE
    directions = torch.zeros(width, count)
    directions[-free:] = torch.linalg.qr(torch.randn(free, count))[0]
    return directions


def _set_head(
    attention: GPT2Attention, head: int, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, size: float
) -> None:
    """Write the weights of one head, each (width, head width); its output is its value, times a size."""
    width, head_width = value.shape
    for place, part in enumerate((query, key, value)):
        first = place * width + head * head_width
        attention.c_attn.weight[:, first : first + head_width] = part
    attention.c_proj.weight[head * head_width : (head + 1) * head_width] = value.T * size


def _look_back(attention: GPT2Attention, heads: int) -> None:
    """Make the first heads attend to the token before, by turning the query's waves by one position."""
    width = attention.c_proj.weight.shape[0]
    head_width, speeds = width // heads, _speeds(width)
    waves = len(speeds)
    key, query = torch.zeros(width, head_width), torch.zeros(width, head_width)
    sines = torch.arange(waves)
    cosines = sines + waves
    key[sines, sines] = key[cosines, cosines] = _LOOKING_BACK_SHARPNESS
    query[sines, sines] = query[cosines, cosines] = _LOOKING_BACK_SHARPNESS * speeds.cos()
    query[cosines, sines] = -_LOOKING_BACK_SHARPNESS * speeds.sin()
    query[sines, cosines] = _LOOKING_BACK_SHARPNESS * speeds.sin()
    values = _away_from_positions(width, _LOOKING_BACK * head_width)
    for head in range(_LOOKING_BACK):
        value = values[:, head * head_width : (head + 1) * head_width]
        _set_head(attention, head, query, key, value, _LOOKING_BACK_SIZE)


def _look_for_the_same(attention: GPT2Attention, head: int, heads: int) -> None:
    """Make a head attend to tokens like the current one, and copy them."""
    width = attention.c_proj.weight.shape[0]
    same, value = (_away_from_positions(width, width // heads) for _ in range(2))
    query, key = (same + torch.randn_like(same) * _NOISE for _ in range(2))
    _set_head(attention, head, query, key, value, _COPY_SIZE)
