"""Command line of the recipes: `python -m ecco_reports.models.bundled.recipe facts --out build/facts`."""

import argparse
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from ecco_reports.models.bundled.recipe.facts import making as facts


class Recipe(NamedTuple):
    """What the command line can do with one bundled model.

    Attributes:
        make: Trains the model from a seed and writes a complete folder.
        describe: Measures an existing folder again and rewrites its figures and card.
    """

    make: Callable[[Path, int], None]
    describe: Callable[[Path], None]


RECIPES: MappingProxyType[str, Recipe] = MappingProxyType({"facts": Recipe(facts.make, facts.describe)})
"""Recipes by the name of the model."""


def main() -> None:
    """Run one recipe."""
    parser = argparse.ArgumentParser(
        prog="python -m ecco_reports.models.bundled.recipe",
        description="Regenerate a bundled model: corpus, tokenizer, weights, evaluation and card.",
    )
    parser.add_argument("model", choices=tuple(RECIPES), help="which bundled model")
    parser.add_argument("--out", type=Path, help="folder to write to (default: build/bundled/MODEL)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default: 0)")
    parser.add_argument(
        "--describe-only",
        action="store_true",
        help="do not train: measure the weights in the folder again and rewrite evaluation.json and CARD.md",
    )
    arguments = parser.parse_args()
    recipe = RECIPES[arguments.model]
    folder = arguments.out or Path("build") / "bundled" / arguments.model
    if arguments.describe_only:
        recipe.describe(folder)
    else:
        recipe.make(folder, arguments.seed)


if __name__ == "__main__":
    main()
