"""Training of the causal model: batches, loss, and the files that come out."""

import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import torch
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.checkpoint import Record, round_to_float16, versions
from ecco_reports.models.bundled.recipe.facts.batches import Batches
from ecco_reports.models.bundled.recipe.facts.shape import SAVED_ACTIVATION, Settings, new_model
from ecco_reports.models.bundled.recipe.facts.tokenizer import for_transformers, separator_number, train_tokenizer
from ecco_reports.models.bundled.recipe.optimization import (
    IGNORED,
    Matrices,
    Optimizers,
    rate_factor,
    reproducible,
    training_device,
)

Progress = Callable[[int, float, GPT2LMHeadModel], None]
"""Called now and then with the step, the mean loss since the last call, and the model."""

_LOG_EVERY = 200


def _matrices(model: GPT2LMHeadModel, settings: Settings) -> list[Matrices]:
    """Give attention and MLP of every block their share of the learning rate."""
    shares = zip(model.transformer.h, settings.attention_shares, settings.mlp_shares, strict=True)
    return [
        Matrices([value for value in part.parameters() if value.dim() == 2], settings.hidden_rate * share)
        for block, attention_share, mlp_share in shares
        for part, share in ((block.attn, attention_share), (block.mlp, mlp_share))
    ]


def fit(
    model: GPT2LMHeadModel, batches: Batches, settings: Settings, progress: Progress | None = None
) -> list[tuple[int, float]]:
    """Train a model in place.

    Args:
        model: The model.
        batches: Source of the batches.
        settings: Length of the training and learning rates.
        progress: Called every 200 steps.

    Returns:
        Steps and the mean loss up to them, in nats per token.
    """
    optimizers = Optimizers(
        model, _matrices(model, settings), other_rate=settings.other_rate, weight_decay=settings.weight_decay
    )
    curve: list[tuple[int, float]] = []
    total, since = 0.0, 0
    for step in range(settings.steps):
        tokens, positions, labels = (part.to(model.device) for part in batches.draw(step))
        logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        optimizers.step(loss, rate_factor(step, settings.steps))
        total, since = total + loss.item(), since + 1
        if since == _LOG_EVERY or step == settings.steps - 1:
            curve.append((step + 1, round(total / since, 4)))
            if progress is not None:
                progress(*curve[-1], model)
            total, since = 0.0, 0
    return curve


def train(out: Path, settings: Settings, progress: Progress | None = None) -> Record:
    """Train tokenizer and model and write them.

    Args:
        out: Folder to write to.
        settings: Shape of the model and length of its training.
        progress: Called every 200 steps.

    Returns:
        The record of the training.
    """
    started, cpu_started = time.perf_counter(), time.process_time()
    device = training_device()
    with reproducible(settings.seed):
        tokenizer = train_tokenizer(settings.pieces, settings.tokenizer_documents, settings.seed + 4)
        separator = separator_number(tokenizer)
        model = new_model(settings, separator)
        batches = Batches(tokenizer, settings)
        curve = fit(model.to(device), batches, settings, progress)
        model.to("cpu").eval()
        sample = batches.draw(0)[0]
        rounding = round_to_float16(model, lambda: model(input_ids=sample, use_cache=False).logits)
    model.config.activation_function = SAVED_ACTIVATION
    model.generation_config.pad_token_id = separator
    model.to(torch.float16).save_pretrained(out)
    for_transformers(tokenizer, settings.positions).save_pretrained(out)
    return {
        "settings": asdict(settings),
        "parameters": sum(value.numel() for value in model.parameters()),
        "tokens": settings.steps * settings.rows * settings.row_length,
        "cpu_seconds": round(time.process_time() - cpu_started),
        "wall_seconds": round(time.perf_counter() - started),
        "device": device.type,
        "threads": 1,
        "float16": rounding,
        "loss": curve,
        "versions": versions(),
    }
