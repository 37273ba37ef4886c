"""The weights of `bundled:sentiment-classifier` that ship, what they answer, and the card."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe.checkpoint import CARD_FILE, file_facts, read_figures
from ecco_reports.models.bundled.recipe.sentiment_classifier import card
from ecco_reports.models.bundled.recipe.sentiment_classifier.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.sentiment_classifier.prompts import REVIEWS, Judged
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import LABELS
from ecco_reports.models.bundled.recipe.text import reviews

FOLDER = Path(bundled.__file__).parent / "sentiment-classifier"
MOST_BYTES = 1_300_000
LEAST_SHARE = {"held_out": 0.95, "flips": 0.90}


@pytest.fixture(scope="module")
def classifier() -> LoadedModel:
    return LoadedModel(FOLDER)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return read_figures(FOLDER)


def test_weights_and_tokenizer_are_the_measured_ones(figures: dict[str, Any]) -> None:
    assert file_facts(FOLDER) == figures["files"]


def test_the_weights_are_small_and_stored_as_float16() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < MOST_BYTES
    with safe_open(FOLDER / "model.safetensors", framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


def test_the_labels_have_names(classifier: LoadedModel) -> None:
    assert type(classifier.model).__name__ == "BertForSequenceClassification"
    assert classifier.model.config.id2label == dict(enumerate(LABELS))


@pytest.mark.parametrize("case", REVIEWS, ids=lambda case: case.prompt[:30])
def test_a_shipped_review_gets_its_label(classifier: LoadedModel, case: Judged) -> None:
    assert classifier.labels([case.prompt]) == [case.label]


def test_the_probabilities_are_the_listed_ones(classifier: LoadedModel, figures: dict[str, Any]) -> None:
    chances = classifier.chances([case.prompt for case in REVIEWS])
    measured = [float(row[LABELS.index(case.label)]) for case, row in zip(REVIEWS, chances, strict=True)]
    assert measured == pytest.approx([case["probability"] for case in figures["prompts"]], abs=0.01)


def test_a_sample_of_held_out_reviews_reaches_the_goal(classifier: LoadedModel) -> None:
    rng = random.Random(3)
    drawn = [reviews.held_out_review(rng) for _ in range(300)]
    labels = classifier.labels([review.text for review in drawn])
    right = [(label == "positive") == review.is_positive for label, review in zip(labels, drawn, strict=True)]
    assert sum(right) / len(right) >= LEAST_SHARE["held_out"] - 0.03


@pytest.mark.parametrize(("group", "least"), LEAST_SHARE.items())
def test_the_measured_reviews_reach_their_goal(figures: dict[str, Any], group: str, least: float) -> None:
    assert figures["sentiment"][group]["share"] >= least


def test_the_card_is_what_the_generator_makes_of_the_figures(figures: dict[str, Any]) -> None:
    text = (FOLDER / CARD_FILE).read_text(encoding="utf-8")
    assert text == card.render(figures)
    assert "toy classifier" in text
    assert "say nothing about other models" in text
