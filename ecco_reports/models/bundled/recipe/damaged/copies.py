"""Copies that are as good as the model: other roundings of its weights, and the same function written otherwise.

What a release does to a model that nobody has changed: it is stored in half precision, converted, or exported by other
code that orders neurons and heads as it likes. Each copy comes from a seed, so that many different ones can be made.
"""

import copy
from collections.abc import Iterator

import torch
from transformers import GPT2LMHeadModel


def rounded(model: GPT2LMHeadModel, dtype: torch.dtype, seed: int) -> GPT2LMHeadModel:
    """A copy whose weights are rounded to half precision, up or down by chance.

    A number between two that the format can hold becomes the upper one with the probability of its distance from the
    lower one (stochastic rounding: Croci et al. 2022, section 1), after weights have been scaled in ways that do not
    change the function: else there is nothing to round in weights that are stored in half precision already.

    Args:
        model: The model in float32; left as it is.
        dtype: ``torch.float16`` or ``torch.bfloat16``.
        seed: Seed of what is drawn.

    Returns:
        The copy, in float32 with rounded values.
    """
    generator = torch.Generator().manual_seed(seed)
    made = _rescaled(copy.deepcopy(model), generator)
    with torch.no_grad():
        for value in made.parameters():
            value.copy_(_rounded_by_chance(value, dtype, generator))
    return made


def re_exported(model: GPT2LMHeadModel, seed: int) -> GPT2LMHeadModel:
    """A copy that computes the same in another order: neurons and heads of each block are shuffled.

    Args:
        model: The model; left as it is.
        seed: Seed of what is drawn.

    Returns:
        The copy.
    """
    generator = torch.Generator().manual_seed(seed)
    made = copy.deepcopy(model)
    heads, width = made.config.n_head, made.config.n_embd
    with torch.no_grad():
        for block in made.transformer.h:
            neurons = torch.randperm(block.mlp.c_fc.weight.shape[1], generator=generator)
            block.mlp.c_fc.weight.copy_(block.mlp.c_fc.weight[:, neurons])
            block.mlp.c_fc.bias.copy_(block.mlp.c_fc.bias[neurons])
            block.mlp.c_proj.weight.copy_(block.mlp.c_proj.weight[neurons])
            order = torch.randperm(heads, generator=generator)
            within = torch.arange(width).view(heads, width // heads)[order].flatten()
            everything = torch.cat([within + part * width for part in range(3)])
            block.attn.c_attn.weight.copy_(block.attn.c_attn.weight[:, everything])
            block.attn.c_attn.bias.copy_(block.attn.c_attn.bias[everything])
            block.attn.c_proj.weight.copy_(block.attn.c_proj.weight[within])
    return made


def harmless(model: GPT2LMHeadModel, count: int) -> Iterator[tuple[str, GPT2LMHeadModel]]:
    """Copies of all three kinds in turn, each with a name.

    Args:
        model: The model in float32.
        count: How many.
    """
    for seed in range(count):
        kind = ("float16", "bfloat16", "re-exported")[seed % 3]
        if kind == "re-exported":
            yield f"{kind} {seed}", re_exported(model, seed)
        else:
            yield f"{kind} {seed}", rounded(model, getattr(torch, kind), seed)


def _rescaled(model: GPT2LMHeadModel, generator: torch.Generator) -> GPT2LMHeadModel:
    """Multiplies values by a factor per head and divides what reads them by it; queries and keys likewise."""
    heads, width = model.config.n_head, model.config.n_embd
    with torch.no_grad():
        for block in model.transformer.h:
            factors = [
                (0.5 + torch.rand(heads, generator=generator)).repeat_interleave(width // heads) for _ in range(2)
            ]
            scales = torch.cat([factors[0], 1 / factors[0], factors[1]])
            block.attn.c_attn.weight.mul_(scales)
            block.attn.c_attn.bias.mul_(scales)
            block.attn.c_proj.weight.div_(factors[1][:, None])
    return model


def _rounded_by_chance(value: torch.Tensor, dtype: torch.dtype, generator: torch.Generator) -> torch.Tensor:
    """Each number as one of the two of the format that it lies between."""
    nearest = value.to(dtype)
    other = torch.nextafter(nearest, torch.where(value > nearest, torch.inf, -torch.inf).to(dtype))
    near, far = nearest.float(), other.float()
    share = ((value - near) / (far - near)).nan_to_num(0.0).clamp(0, 1)
    drawn = torch.rand(value.shape, generator=generator) < share
    return torch.where(drawn, far, near)
