"""What holds for all bundled models: size, goals, cards, and the page about them."""

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoConfig, AutoTokenizer

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe import checkpoint, overview
from ecco_reports.models.bundled.recipe.__main__ import RECIPES
from ecco_reports.models.bundled.recipe.goals import GOALS, Goal
from ecco_reports.models.source import bundled_names, facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Prompt

FOLDER = Path(bundled.__file__).parent
FIVE_MEGABYTES = 5_000_000
TWELVE_MEGABYTES = 12_000_000
MISSED: frozenset[tuple[str, str]] = frozenset(
    {
        ("facts", "integrated gradients: the entity contributes more than all function words together"),
        ("facts", "integrated gradients: the entity contributes more than any function word"),
        ("sentiment", "sentiment, new sentence"),
        (
            "sentiment",
            "logit lens: states before the last third of the layers at which the median rank of the label of a review "
            "is not 1",
        ),
        ("sentiment-classifier", "sentiment, new sentence"),
    }
)

NAMES = sorted(GOALS)


def test_every_model_has_a_recipe_goals_and_a_folder() -> None:
    assert sorted(RECIPES) == NAMES == bundled_names()


def test_all_models_together_are_smaller_than_twelve_megabytes() -> None:
    assert sum(path.stat().st_size for name in NAMES for path in (FOLDER / name).iterdir()) < TWELVE_MEGABYTES


@pytest.mark.parametrize("name", NAMES)
def test_the_weights_are_small_and_float16(name: str) -> None:
    path = FOLDER / name / "model.safetensors"
    assert path.stat().st_size < FIVE_MEGABYTES
    with safe_open(path, framework="pt") as weights:
        assert {weights.get_tensor(key).dtype for key in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize("name", NAMES)
def test_the_figures_belong_to_the_files(name: str) -> None:
    assert checkpoint.file_facts(FOLDER / name) == checkpoint.read_figures(FOLDER / name)["files"]


@pytest.mark.parametrize("name", NAMES)
def test_the_card_says_what_the_model_is(name: str) -> None:
    card = (FOLDER / name / checkpoint.CARD_FILE).read_text(encoding="utf-8")
    (architecture,) = AutoConfig.from_pretrained(FOLDER / name).architectures
    flowing = " ".join(card.split())
    for statement in (
        f"# The bundled model `{name}`",
        "toy",
        f"`{architecture}`",
        "trained on generated sentences",
        "for demonstration and for tests",
        "What it knows** is exactly what the tables",
        "say nothing about other models",
        f"python -m ecco_reports.models.bundled.recipe {name} --seed 0",
    ):
        assert statement in flowing


@pytest.mark.parametrize("name", NAMES)
def test_the_tokenizer_gives_the_same_numbers_with_and_without_torch(name: str) -> None:
    text = "The capital of Japan is the city of Tokyo."
    light = facts_of(ModelSpec(source=f"bundled:{name}")).tokenize
    assert light is not None
    heavy = AutoTokenizer.from_pretrained(FOLDER / name)
    assert list(light.encode(Prompt(name="p", text=text)).ids) == heavy(text)["input_ids"]


@pytest.mark.parametrize(
    ("name", "goal"), [pytest.param(name, goal, id=f"{name}: {goal.text}") for name in NAMES for goal in GOALS[name]]
)
def test_the_goal_is_reached_unless_it_is_listed_as_missed(name: str, goal: Goal) -> None:
    is_reached = goal.reached(checkpoint.read_figures(FOLDER / name)) >= goal.least
    assert is_reached != ((name, goal.text) in MISSED)


def test_the_overview_is_what_the_figures_say() -> None:
    assert (FOLDER / overview.OVERVIEW_FILE).read_text(encoding="utf-8") == overview.render(FOLDER)
