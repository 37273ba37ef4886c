"""Training of the causal model: batches, optimizers, schedule, and the files that come out."""

import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.batches import IGNORED, Batches
from ecco_reports.models.bundled.recipe.shape import SAVED_ACTIVATION, Settings, new_model
from ecco_reports.models.bundled.recipe.tokenizer import for_transformers, separator_number, train_tokenizer

Record = dict[str, Any]
"""How the weights were trained, as `evaluation.json` reports it."""

_WARM_UP_STEPS = 100
_FINAL_RATE = 0.02
_LOG_EVERY = 200


Progress = Callable[[int, float, GPT2LMHeadModel], None]
"""Called now and then with the step, the mean loss since the last call, and the model."""


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Make what happens inside depend on the seed alone, and leave the process as it was.

    Args:
        seed: Seed of the random numbers.

    Yields:
        Nothing.
    """
    threads, deterministic = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(1)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
            torch.use_deterministic_algorithms(deterministic)


def _optimizers(model: GPT2LMHeadModel, settings: Settings) -> list[tuple[torch.optim.Optimizer, float]]:
    """Pair each optimizer with its peak learning rate: Muon for matrices inside blocks, AdamW for the rest."""
    pairs: list[tuple[torch.optim.Optimizer, float]] = []
    inside: set[int] = set()
    shares = zip(model.transformer.h, settings.attention_shares, settings.mlp_shares, strict=True)
    for block, attention_share, mlp_share in shares:
        for part, share in ((block.attn, attention_share), (block.mlp, mlp_share)):
            matrices = [value for value in part.parameters() if value.dim() == 2]
            inside |= {id(value) for value in matrices}
            rate = settings.hidden_rate * share
            muon = torch.optim.Muon(
                matrices, lr=rate, weight_decay=settings.weight_decay, adjust_lr_fn="match_rms_adamw"
            )
            pairs.append((muon, rate))
    others = [value for value in model.parameters() if id(value) not in inside]
    adamw = torch.optim.AdamW(others, lr=settings.other_rate, betas=(0.9, 0.98), weight_decay=0.0)
    return [*pairs, (adamw, settings.other_rate)]


def rate_factor(step: int, steps: int) -> float:
    """Compute the learning rate of a step as a share of its peak: a linear warm-up, then half a cosine.

    Args:
        step: Number of the step, from 0.
        steps: Number of all steps.

    Returns:
        The share, between 0 and 1.
    """
    if step < _WARM_UP_STEPS:
        return (step + 1) / _WARM_UP_STEPS
    done = (step - _WARM_UP_STEPS) / max(1, steps - _WARM_UP_STEPS)
    return _FINAL_RATE + (1.0 - _FINAL_RATE) * 0.5 * (1.0 + math.cos(math.pi * done))


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
    optimizers = _optimizers(model, settings)
    curve: list[tuple[int, float]] = []
    total, since = 0.0, 0
    for step in range(settings.steps):
        tokens, positions, labels = batches.draw(step)
        logits = model(input_ids=tokens, position_ids=positions, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for optimizer, peak in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = peak * rate_factor(step, settings.steps)
            optimizer.step()
            optimizer.zero_grad()
        total, since = total + loss.item(), since + 1
        if since == _LOG_EVERY or step == settings.steps - 1:
            curve.append((step + 1, round(total / since, 4)))
            if progress is not None:
                progress(*curve[-1], model)
            total, since = 0.0, 0
    return curve


@torch.no_grad()
def round_to_float16(model: GPT2LMHeadModel, tokens: torch.Tensor) -> dict[str, float]:
    """Round the weights to what float16 can hold, and measure what the model loses.

    Args:
        model: The model; its weights stay float32 but hold rounded values afterwards.
        tokens: Token numbers to compare the model before and after on, (rows, length).

    Returns:
        The largest change of a logit, and the share of positions with the same first choice.
    """
    before = model(input_ids=tokens, use_cache=False).logits
    for value in model.parameters():
        value.copy_(value.to(torch.float16))
    after = model(input_ids=tokens, use_cache=False).logits
    return {
        "tokens": tokens.numel(),
        "largest_logit_change": round(float((after - before).abs().max()), 5),
        "same_first_choice": round(float((after.argmax(-1) == before.argmax(-1)).float().mean()), 5),
    }


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
    with reproducible(settings.seed):
        tokenizer = train_tokenizer(settings.pieces, settings.tokenizer_documents, settings.seed + 4)
        separator = separator_number(tokenizer)
        model = new_model(settings, separator)
        batches = Batches(tokenizer, settings)
        curve = fit(model, batches, settings, progress)
        rounding = round_to_float16(model.eval(), batches.draw(0)[0])
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
        "threads": 1,
        "float16": rounding,
        "loss": curve,
        "versions": {
            "python": platform.python_version(),
            "torch": torch.__version__,
            "transformers": transformers.__version__,
        },
    }
