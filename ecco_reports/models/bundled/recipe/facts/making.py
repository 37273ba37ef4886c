"""The recipe of `bundled:facts`, from nothing to a folder that can be shipped."""

from dataclasses import replace
from pathlib import Path

from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.facts import card, evaluation, training
from ecco_reports.models.bundled.recipe.facts.shape import Settings
from ecco_reports.models.bundled.recipe.fitting import print_progress


def make(folder: Path, seed: int) -> None:
    """Train the model and write weights, tokenizer, figures and card.

    Args:
        folder: Folder to write to; made if it is missing.
        seed: Seed of everything that is drawn.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = replace(Settings(), seed=seed)
    record = training.train(folder, settings, print_progress(settings.steps))
    _describe(folder, record)


def describe(folder: Path) -> None:
    """Measure an existing checkpoint again and rewrite its figures and card.

    Args:
        folder: Folder with weights, tokenizer and `evaluation.json`, from which the training record is kept.
    """
    _describe(folder, checkpoint.read_figures(folder)["training"])


def _describe(folder: Path, record: checkpoint.Record) -> None:
    figures = evaluation.evaluate(folder, record)
    checkpoint.write_figures(figures, folder)
    (folder / checkpoint.CARD_FILE).write_text(card.render(figures), encoding="utf-8")
