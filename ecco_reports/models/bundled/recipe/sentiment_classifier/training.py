"""Training of the classifier: batches, optimizers, and the files that come out."""

from dataclasses import asdict
from pathlib import Path

import torch
from transformers import BertForSequenceClassification

from ecco_reports.models.bundled.recipe.bert import block_matrices
from ecco_reports.models.bundled.recipe.checkpoint import Record, round_to_float16
from ecco_reports.models.bundled.recipe.fitting import Clock, Progress, fit
from ecco_reports.models.bundled.recipe.optimization import Optimizers, reproducible, training_device
from ecco_reports.models.bundled.recipe.sentiment_classifier.batches import Batch, Batches, texts
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import Settings, new_model
from ecco_reports.models.bundled.recipe.wordpiece import (
    PADDING,
    SPECIAL_PIECES,
    choose_pieces,
    for_transformers,
    new_tokenizer,
)


def logits(model: BertForSequenceClassification, batch: Batch) -> torch.Tensor:
    """Score the labels.

    Args:
        model: The classifier.
        batch: The batch.

    Returns:
        Scores, (rows, labels).
    """
    scores: torch.Tensor = model(
        input_ids=batch.inputs.tokens.to(model.device), attention_mask=batch.inputs.is_text.to(model.device)
    ).logits
    return scores


def train(out: Path, settings: Settings, progress: Progress | None = None) -> Record:
    """Train tokenizer and model and write them.

    Args:
        out: Folder to write to.
        settings: Shape of the model and length of its training.
        progress: Called every 200 steps.

    Returns:
        The record of the training.
    """
    clock = Clock()
    with reproducible(settings.seed):
        sample = texts(settings.tokenizer_reviews, settings.seed + 2)
        tokenizer = new_tokenizer(choose_pieces(sample, settings.pieces))
        model = new_model(settings, tokenizer.get_vocab_size(), SPECIAL_PIECES.index(PADDING)).to(training_device())
        batches = Batches(tokenizer, settings)
        matrices = block_matrices(model.bert, settings.hidden_rate, settings.mlp_shares)
        optimizers = Optimizers(model, matrices, other_rate=settings.other_rate, weight_decay=settings.weight_decay)

        def loss_of(step: int) -> torch.Tensor:
            batch = batches.draw(step)
            return torch.nn.functional.cross_entropy(logits(model, batch), batch.labels.to(model.device))

        curve = fit(loss_of, optimizers, settings.steps, progress)
        model.to("cpu").eval()
        check = batches.draw(settings.steps)
        rounding = round_to_float16(model, lambda: logits(model, check))
    model.to(torch.float16).save_pretrained(out)
    for_transformers(tokenizer, settings.encoder.positions).save_pretrained(out)
    return clock.record(asdict(settings), model, curve, rounding)
