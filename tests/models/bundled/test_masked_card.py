"""The model card of `bundled:masked`: it says what was measured, and the limits of the model."""

from pathlib import Path
from typing import Any

import pytest

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe.checkpoint import CARD_FILE, read_figures
from ecco_reports.models.bundled.recipe.masked import card

FOLDER = Path(bundled.__file__).parent / "masked"


@pytest.fixture(scope="module")
def text() -> str:
    return (FOLDER / CARD_FILE).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return read_figures(FOLDER)


def test_the_card_is_what_the_generator_makes_of_the_figures(text: str, figures: dict[str, Any]) -> None:
    assert text == card.render(figures)


def test_the_card_changes_when_a_figure_changes(figures: dict[str, Any]) -> None:
    changed = figures | {"heads": {"previous_token": [{"layer": 7, "head": 3, "score": 0.125}]}}
    assert "| 7 | 3 | 0.12 |" in card.render(changed)


@pytest.mark.parametrize(
    "statement",
    [
        "toy masked language model",
        "`BertForMaskedLM`",
        "generated sentences",
        "say nothing about other models",
        "python -m ecco_reports.models.bundled.recipe masked",
        "Same license as the project (MIT)",
    ],
)
def test_the_card_states_what_the_model_is(text: str, statement: str) -> None:
    assert statement in " ".join(text.split())


def test_every_row_of_a_table_has_as_many_cells_as_its_header(text: str) -> None:
    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("| ")]
    assert tables
    assert all(len({row.replace("\\|", "").count("|") for row in rows}) == 1 for rows in tables)
