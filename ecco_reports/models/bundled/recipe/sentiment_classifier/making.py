"""The recipe of `bundled:sentiment-classifier`."""

from dataclasses import replace
from pathlib import Path

from ecco_reports.models.bundled.recipe.checkpoint import Record
from ecco_reports.models.bundled.recipe.fitting import print_progress
from ecco_reports.models.bundled.recipe.making import Recipe
from ecco_reports.models.bundled.recipe.sentiment_classifier import card, evaluation, training
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import Settings


def _train(folder: Path, seed: int) -> Record:
    settings = replace(Settings(), seed=seed)
    return training.train(folder, settings, print_progress(settings.steps))


RECIPE = Recipe(_train, evaluation.evaluate, card.render)
"""How the model is made."""
