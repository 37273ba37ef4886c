"""Training of the causal model: first to copy, then to read; and the files that come out."""

from dataclasses import asdict
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.checkpoint import Record, round_to_float16
from ecco_reports.models.bundled.recipe.facts import start
from ecco_reports.models.bundled.recipe.facts.batches import Batch, Batches
from ecco_reports.models.bundled.recipe.facts.shape import SAVED_ACTIVATION, Settings, untrained
from ecco_reports.models.bundled.recipe.facts.tokenizer import for_transformers, separator_number, train_tokenizer
from ecco_reports.models.bundled.recipe.fitting import Clock, Curve, Progress, fit
from ecco_reports.models.bundled.recipe.optimization import (
    IGNORED,
    Matrices,
    Optimizers,
    reproducible,
    training_device,
)


def _matrices(part: torch.nn.Module, rate: float) -> Matrices:
    return Matrices([value for value in part.parameters() if value.dim() == 2], rate)


def _loss(logits: torch.Tensor, batch: Batch) -> torch.Tensor:
    return torch.nn.functional.cross_entropy(
        logits.flatten(0, 1), batch.labels.to(logits.device).flatten(), ignore_index=IGNORED
    )


def learn_to_copy(
    model: GPT2LMHeadModel, batches: Batches, settings: Settings, progress: Progress | None = None
) -> Curve:
    """Train embeddings and the attention of the first blocks on repeated random tokens.

    MLPs and later blocks add nothing yet and are left out, which makes a step several times faster.

    Args:
        model: The model, with its first weights.
        batches: Source of the batches.
        settings: Length of the training and learning rates.
        progress: Called every 200 steps.

    Returns:
        The loss, in nats per token that can be foreseen.
    """
    body = model.transformer
    blocks = body.h[: settings.copying_blocks]

    def loss_of(_: int) -> torch.Tensor:
        batch = batches.draw_repeated()
        state = body.wte(batch.tokens.to(model.device)) + body.wpe(batch.positions.to(model.device))
        for block in blocks:
            state = state + block.attn(block.ln_1(state))[0]
        return _loss(model.lm_head(body.ln_f(state)), batch)

    optimizers = Optimizers(
        model,
        [],
        delicate=[_matrices(block.attn, settings.copying_rate) for block in blocks],
        other_rate=settings.other_rate,
        weight_decay=settings.weight_decay,
    )
    return fit(loss_of, optimizers, settings.copying_steps, progress)


def learn_to_read(
    model: GPT2LMHeadModel, batches: Batches, settings: Settings, progress: Progress | None = None
) -> Curve:
    """Train the whole model on text.

    Args:
        model: The model.
        batches: Source of the batches.
        settings: Length of the training and learning rates.
        progress: Called every 200 steps.

    Returns:
        The loss, in nats per token.
    """

    def loss_of(step: int) -> torch.Tensor:
        batch = batches.draw(step)
        tokens, positions = batch.tokens.to(model.device), batch.positions.to(model.device)
        return _loss(model(input_ids=tokens, position_ids=positions, use_cache=False).logits, batch)

    blocks = model.transformer.h
    mlps = zip(blocks, settings.mlp_shares, strict=True)
    optimizers = Optimizers(
        model,
        [
            *(_matrices(block.mlp, settings.hidden_rate * share) for block, share in mlps),
            *(_matrices(block.attn, settings.hidden_rate) for block in blocks[settings.copying_blocks :]),
        ],
        delicate=[_matrices(block.attn, settings.kept_rate) for block in blocks[: settings.copying_blocks]],
        other_rate=settings.other_rate,
        weight_decay=settings.weight_decay,
    )
    return fit(loss_of, optimizers, settings.steps, progress)


def train(out: Path, settings: Settings, progress: Progress | None = None) -> Record:
    """Train tokenizer and model and write them.

    Args:
        out: Folder to write to.
        settings: Shape of the model and length of its training.
        progress: Called every 200 steps of either part.

    Returns:
        The record of the training.
    """
    clock = Clock()
    with reproducible(settings.seed):
        tokenizer = train_tokenizer(settings.pieces, settings.tokenizer_documents, settings.seed + 4)
        separator = separator_number(tokenizer)
        model = untrained(settings, separator)
        start.prepare(model, settings.copying_blocks)
        model.to(training_device())
        batches = Batches(tokenizer, settings)
        copying = learn_to_copy(model, batches, settings, progress)
        curve = learn_to_read(model, batches, settings, progress)
        model.to("cpu").eval()
        sample = batches.draw(0).tokens
        rounding = round_to_float16(model, lambda: model(input_ids=sample, use_cache=False).logits)
    model.config.activation_function = SAVED_ACTIVATION
    model.generation_config.pad_token_id = separator
    model.to(torch.float16).save_pretrained(out)
    for_transformers(tokenizer, settings.positions).save_pretrained(out)
    return clock.record(asdict(settings), model, curve, rounding) | {
        "copying_loss": copying,
        "tokens": settings.steps * settings.rows * settings.row_length,
    }
