"""Training of the masked model: batches, optimizers, schedule, and the files that come out."""

from dataclasses import asdict
from pathlib import Path

import torch
from transformers import BertForMaskedLM

from ecco_reports.models.bundled.recipe.bert import block_matrices
from ecco_reports.models.bundled.recipe.checkpoint import Record, round_to_float16
from ecco_reports.models.bundled.recipe.fitting import Clock, Progress, fit
from ecco_reports.models.bundled.recipe.masked import corpus
from ecco_reports.models.bundled.recipe.masked.batches import Batch, Batches
from ecco_reports.models.bundled.recipe.masked.shape import Settings, new_model
from ecco_reports.models.bundled.recipe.optimization import IGNORED, Optimizers, reproducible, training_device
from ecco_reports.models.bundled.recipe.wordpiece import PADDING, choose_pieces, for_transformers, new_tokenizer


def loss(model: BertForMaskedLM, batch: Batch) -> torch.Tensor:
    """Measure how well a model finds what is masked.

    Args:
        model: The model.
        batch: The batch.

    Returns:
        The mean loss in nats per masked token, a scalar.
    """
    labels = batch.labels.to(model.device)
    states = model.bert(
        input_ids=batch.inputs.tokens.to(model.device),
        attention_mask=batch.inputs.is_text.to(model.device),
        position_ids=batch.positions.to(model.device),
    ).last_hidden_state
    # The vocabulary is read off the masked places alone: nine in ten carry no loss.
    is_asked = labels != IGNORED
    return torch.nn.functional.cross_entropy(model.cls(states[is_asked]), labels[is_asked])


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
        sample = corpus.documents(settings.tokenizer_documents, settings.seed + 2)
        tokenizer = new_tokenizer(choose_pieces((each.text for each in sample), settings.pieces))
        model = new_model(settings, tokenizer.get_vocab_size(), tokenizer.get_vocab()[PADDING]).to(training_device())
        batches = Batches(tokenizer, settings)
        matrices = block_matrices(model.bert, settings.hidden_rate, settings.mlp_shares)
        optimizers = Optimizers(model, matrices, other_rate=settings.other_rate, weight_decay=settings.weight_decay)
        curve = fit(lambda step: loss(model, batches.draw(step)), optimizers, settings.steps, progress)
        model.to("cpu").eval()
        check = batches.draw(settings.steps).inputs
        rounding = round_to_float16(
            model, lambda: model(input_ids=check.tokens, attention_mask=check.is_text).logits[check.is_text == 1]
        )
    model.to(torch.float16).save_pretrained(out)
    for_transformers(tokenizer, settings.encoder.positions).save_pretrained(out)
    return clock.record(asdict(settings), model, curve, rounding)
