"""Command line of the recipes: `python -m ecco_reports.models.bundled.recipe facts masked`."""

import argparse
from pathlib import Path
from types import MappingProxyType

from ecco_reports.models.bundled.recipe import overview
from ecco_reports.models.bundled.recipe.facts import making as facts
from ecco_reports.models.bundled.recipe.making import Recipe
from ecco_reports.models.bundled.recipe.masked import making as masked
from ecco_reports.models.bundled.recipe.sentiment import making as sentiment
from ecco_reports.models.bundled.recipe.sentiment_classifier import making as sentiment_classifier

RECIPES: MappingProxyType[str, Recipe] = MappingProxyType(
    {
        "facts": facts.RECIPE,
        "masked": masked.RECIPE,
        "sentiment": sentiment.RECIPE,
        "sentiment-classifier": sentiment_classifier.RECIPE,
    }
)
"""Recipes by the name of the model."""


def main() -> None:
    """Run recipes, one after the other."""
    parser = argparse.ArgumentParser(
        prog="python -m ecco_reports.models.bundled.recipe",
        description="Regenerate bundled models: corpus, tokenizer, weights, evaluation and card.",
    )
    parser.add_argument("models", nargs="*", metavar="MODEL", help=f"which: {', '.join(RECIPES)} (default: all)")
    parser.add_argument("--out", type=Path, help="folder that gets a folder for each model (default: build/bundled)")
    parser.add_argument("--seed", type=int, default=0, help="seed of everything that is drawn (default: 0)")
    parser.add_argument(
        "--describe-only",
        action="store_true",
        help="do not train: measure the weights in the folders again and rewrite evaluation.json and CARD.md",
    )
    arguments = parser.parse_args()
    for name in arguments.models:
        if name not in RECIPES:
            parser.error(f"there is no recipe for {name!r}; choose from {', '.join(RECIPES)}.")
    out = arguments.out or Path("build") / "bundled"
    for name in arguments.models or RECIPES:
        folder = out / name
        print(f"{'Measuring' if arguments.describe_only else 'Making'} {name} in {folder}", flush=True)
        if arguments.describe_only:
            RECIPES[name].describe(folder)
        else:
            RECIPES[name].make(folder, arguments.seed)
    overview.write(out)


if __name__ == "__main__":
    main()
