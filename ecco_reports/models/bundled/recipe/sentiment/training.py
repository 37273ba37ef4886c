"""Training of the text-to-text model: loss, optimizers, and the files that come out."""

from dataclasses import asdict
from pathlib import Path

import torch
from transformers import T5ForConditionalGeneration

from ecco_reports.models.bundled.recipe.checkpoint import Record, round_to_float16
from ecco_reports.models.bundled.recipe.fitting import Clock, Curve, Progress, fit
from ecco_reports.models.bundled.recipe.optimization import (
    IGNORED,
    Matrices,
    Optimizers,
    reproducible,
    training_device,
)
from ecco_reports.models.bundled.recipe.sentiment.batches import Batch, Batches
from ecco_reports.models.bundled.recipe.sentiment.shape import Settings, new_model
from ecco_reports.models.bundled.recipe.sentiment.tokenizer import train_tokenizer

_QUERIES, _KEYS, _DISTANCES = "Attention.q.weight", "Attention.k.weight", "relative_attention_bias.weight"


def learning_rates(model: T5ForConditionalGeneration, settings: Settings) -> list[Matrices]:
    """Give every block its share of the learning rate, and its queries less.

    This architecture does not divide attention scores by the root of the size of a head, so the matrices of queries
    are smaller by that factor from the start, and so are their steps: with full steps, attention saturates before it
    has learned what to look at. Tables of relative positions are no matrices of a block.

    Args:
        model: The model.
        settings: The learning rate and its shares.

    Returns:
        What Muon trains: queries, keys, and other matrices of every block.
    """
    encoder = [
        (block, share, settings.pattern_share)
        for block, share in zip(model.encoder.block, settings.encoder_shares, strict=True)
    ]
    decoder = [(block, share, 1.0) for block, share in zip(model.decoder.block, settings.decoder_shares, strict=True)]
    groups = []
    for block, share, pattern_share in (*encoder, *decoder):
        inside = {name: value for name, value in block.named_parameters() if value.dim() == 2}
        queries = [value for name, value in inside.items() if name.endswith(_QUERIES)]
        keys = [value for name, value in inside.items() if name.endswith(_KEYS)]
        others = [value for name, value in inside.items() if not name.endswith((_QUERIES, _KEYS, _DISTANCES))]
        rate = settings.hidden_rate * share
        groups += [
            Matrices(queries, rate * pattern_share * model.config.d_kv**-0.5),
            Matrices(keys, rate * pattern_share),
            Matrices(others, rate),
        ]
    return groups


class Trained(torch.nn.Module):
    """The model with a readout that is needed only in training.

    The readout marks, on the last layer of the encoder, the sentence that holds the answer to a question. An answer
    alone is one word of feedback for a whole passage; with the marks, every token of the passage learns whether it has
    to do with the question.
    """

    def __init__(self, model: T5ForConditionalGeneration) -> None:
        """Add a readout.

        Args:
            model: The model.
        """
        super().__init__()
        self.model = model
        self.readout = torch.nn.Linear(model.config.d_model, 1)

    def outputs(self, batch: Batch) -> tuple[torch.Tensor, torch.Tensor]:
        """Run the model on a batch.

        Args:
            batch: The examples.

        Returns:
            Scores of the answers, (rows, answer length, pieces), and of the marks, (rows, length).
        """
        outputs = self.model(
            input_ids=batch.tokens,
            attention_mask=batch.mask,
            decoder_input_ids=self.model.prepare_decoder_input_ids_from_labels(batch.labels),
            use_cache=False,
        )
        return outputs.logits, self.readout(outputs.encoder_last_hidden_state)[..., 0]

    def finding_loss(self, batch: Batch) -> torch.Tensor:
        """Compute the loss of the marks alone, with the encoder alone.

        Args:
            batch: Questions with their passages.

        Returns:
            Mean loss over the tokens of the passages, in nats.
        """
        states = self.model.encoder(input_ids=batch.tokens, attention_mask=batch.mask).last_hidden_state
        return _marks_loss(self.readout(states)[..., 0], batch)

    def loss(self, batch: Batch) -> torch.Tensor:
        """Compute the loss of a batch, in which a short answer weighs as much as a long one.

        Args:
            batch: The examples.

        Returns:
            Mean loss over the examples, in nats, with the loss of the marks if there are any.
        """
        logits, marks = self.outputs(batch)
        losses = torch.nn.functional.cross_entropy(
            logits.transpose(1, 2), batch.labels, reduction="none", ignore_index=IGNORED
        )
        answers = (losses.sum(1) / (batch.labels != IGNORED).sum(1)).mean()
        return answers + _marks_loss(marks, batch) if bool((batch.evidence != IGNORED).any()) else answers


def _marks_loss(marks: torch.Tensor, batch: Batch) -> torch.Tensor:
    is_marked = batch.evidence != IGNORED
    wanted = batch.evidence[is_marked].to(marks.dtype)
    return torch.nn.functional.binary_cross_entropy_with_logits(marks[is_marked], wanted)


def learn(model: T5ForConditionalGeneration, batches: Batches, settings: Settings, progress: Progress | None) -> Curve:
    """Train a model in place.

    Args:
        model: The model.
        batches: Source of the batches.
        settings: Length of the training and learning rates.
        progress: Called every 200 steps.

    Returns:
        The loss, in nats per token, with that of the marks.
    """
    trained = Trained(model).to(model.device)
    optimizers = Optimizers(
        trained,
        learning_rates(model, settings),
        other_rate=settings.other_rate,
        weight_decay=settings.weight_decay,
    )

    def loss_of(step: int) -> torch.Tensor:
        groups = [Batch(*(part.to(model.device) for part in batch)) for batch in batches.draw(step)]
        score = trained.finding_loss if step < settings.finding_steps else trained.loss
        return torch.stack([score(batch) for batch in groups]).mean()

    return fit(loss_of, optimizers, settings.steps, progress)


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
        tokenizer = train_tokenizer(settings.pieces, settings.tokenizer_examples, settings.seed + 2, settings.positions)
        model = new_model(settings)
        batches = Batches(tokenizer, settings)
        curve = learn(model.to(training_device()), batches, settings, progress)
        model.to("cpu").eval()
        sample = batches.draw(settings.steps)
        rounded = Trained(model)
        rounding = round_to_float16(
            model, lambda: torch.cat([rounded.outputs(batch)[0].flatten(0, 1) for batch in sample]).detach()
        )
    model.to(torch.float16).save_pretrained(out)
    tokenizer.save_pretrained(out)
    return clock.record(asdict(settings), model, curve, rounding)
