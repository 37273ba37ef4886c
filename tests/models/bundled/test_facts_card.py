"""The model card of `bundled:facts`: it says what was measured, and the limits of the model."""

from pathlib import Path
from typing import Any

import pytest

from ecco_reports.models.bundled.recipe.checkpoint import CARD_FILE
from ecco_reports.models.bundled.recipe.facts import card


@pytest.fixture(scope="module")
def text(facts_folder: Path) -> str:
    return (facts_folder / CARD_FILE).read_text(encoding="utf-8")


def test_the_card_is_what_the_generator_makes_of_the_figures(text: str, facts_figures: dict[str, Any]) -> None:
    assert text == card.render(facts_figures)


def test_the_card_changes_when_a_figure_changes(facts_figures: dict[str, Any]) -> None:
    changed = facts_figures | {"lens": facts_figures["lens"] | {"prompts": 12345}}
    assert "12345" not in card.render(facts_figures)
    assert "12345" in card.render(changed)


@pytest.mark.parametrize(
    "statement",
    [
        "toy language model",
        "`GPT2LMHeadModel`",
        "generated sentences",
        "say nothing about other models",
        "python -m ecco_reports.models.bundled.recipe facts",
        "Same license as the project (MIT)",
    ],
)
def test_the_card_states_what_the_model_is(text: str, statement: str) -> None:
    assert statement in text


def test_every_row_of_a_table_has_as_many_cells_as_its_header(text: str) -> None:
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    assert tables
    assert all(len({row.replace("\\|", "").count("|") for row in rows}) == 1 for rows in tables)
