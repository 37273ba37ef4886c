"""From nothing to a folder that can be shipped: the same way for every model."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.checkpoint import CARD_FILE, Record, read_figures, write_figures
from ecco_reports.models.bundled.recipe.optimization import reproducible


class Recipe(NamedTuple):
    """What is particular to a model.

    Attributes:
        train: Trains tokenizer and model from a seed, writes them to a folder, and returns the record of the training.
        evaluate: Measures the checkpoint in a folder; the record of the training goes into the figures.
        render: Writes the card from the figures.
    """

    train: Callable[[Path, int], Record]
    evaluate: Callable[[Path, Record], Record]
    render: Callable[[Record], str]

    def make(self, folder: Path, seed: int) -> None:
        """Train the model and write weights, tokenizer, figures and card.

        Args:
            folder: Folder to write to; made if it is missing.
            seed: Seed of everything that is drawn.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._describe(folder, self.train(folder, seed))

    def describe(self, folder: Path) -> None:
        """Measure an existing checkpoint again and rewrite its figures and card.

        Args:
            folder: Folder with weights, tokenizer and `evaluation.json`, from which the training record is kept.
        """
        self._describe(folder, read_figures(folder)["training"])

    def _describe(self, folder: Path, training: Record) -> None:
        with reproducible(0):
            figures = self.evaluate(folder, training)
        write_figures(figures, folder)
        (folder / CARD_FILE).write_text(self.render(figures), encoding="utf-8")
