"""The weights of `bundled:sentiment` that ship, and what they answer."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.sentiment import card, corpus, explanations, probes
from ecco_reports.models.bundled.recipe.sentiment.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.sentiment.prompts import SHIPPED, Shipped
from ecco_reports.models.bundled.recipe.text import passages, reviews, scenes

FOLDER = Path(bundled.__file__).parent / "sentiment"
THREE_MEGABYTES = 3_000_000
PROBABILITY_TOLERANCE = 0.01
SAMPLE = 150


def shipped_ids(prompt: Shipped) -> str:
    return re.sub(r"\W+", "_", f"{prompt.name} {prompt.example.source[-40:]}")


@pytest.fixture(scope="module")
def loaded() -> LoadedModel:
    return LoadedModel(FOLDER)


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return checkpoint.read_figures(FOLDER)


def right_share(loaded: LoadedModel, examples: list[corpus.Example]) -> float:
    return sum(answer.is_right for answer in loaded.answers(examples)) / len(examples)


def test_weights_and_tokenizer_are_the_measured_ones(figures: dict[str, Any]) -> None:
    assert checkpoint.file_facts(FOLDER) == figures["files"]


def test_the_weights_are_smaller_than_three_megabytes() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < THREE_MEGABYTES


def test_the_weights_are_stored_as_float16() -> None:
    with safe_open(FOLDER / "model.safetensors", framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize("prompt", SHIPPED, ids=shipped_ids)
def test_a_shipped_prompt_is_answered_right_and_ends_there(loaded: LoadedModel, prompt: Shipped) -> None:
    assert loaded.greedy(prompt.example.source) == prompt.example.target


@pytest.mark.parametrize("place", range(len(SHIPPED)), ids=[shipped_ids(prompt) for prompt in SHIPPED])
def test_the_probability_is_the_listed_one(loaded: LoadedModel, figures: dict[str, Any], place: int) -> None:
    listed = figures["prompts"][place]
    assert listed["prompt"] == SHIPPED[place].example.source
    (answer,) = loaded.answers([SHIPPED[place].example])
    assert answer.probability == pytest.approx(listed["probability"], abs=PROBABILITY_TOLERANCE)


def test_the_last_layer_of_the_lens_is_the_answer(loaded: LoadedModel) -> None:
    (answer,) = loaded.answers([SHIPPED[0].example])
    assert loaded.layers(SHIPPED[0].example)[-1].probability == pytest.approx(answer.probability, abs=1e-4)


def test_held_out_reviews_are_answered_right(loaded: LoadedModel) -> None:
    rng = random.Random(31)
    examples = [corpus.from_review(reviews.held_out_review(rng)) for _ in range(SAMPLE)]
    assert right_share(loaded, examples) >= 0.93


def test_held_out_questions_are_answered_right(loaded: LoadedModel) -> None:
    rng = random.Random(32)
    examples = [corpus.from_passage(passages.passage(rng, 4, held_out=True)) for _ in range(SAMPLE)]
    assert right_share(loaded, examples) >= 0.85


@pytest.mark.parametrize(
    ("part", "name", "least"),
    [
        ("sentiment", "held_out", 0.95),
        ("sentiment", "negated_held_out", 0.95),
        ("sentiment", "new_template", 0.90),
        ("questions", "held_out", 0.85),
    ],
)
def test_a_measured_share_reaches_its_goal(figures: dict[str, Any], part: str, name: str, least: float) -> None:
    assert figures[part][name]["share"] >= least


def test_the_measured_flips_reach_their_goal(figures: dict[str, Any]) -> None:
    assert figures["flips"]["share"] >= 0.90


@pytest.mark.parametrize("task", ["reviews", "questions"])
def test_the_lens_shows_the_answer_forming_over_the_layers(figures: dict[str, Any], task: str) -> None:
    ranks, chances = figures["lens"][task]["median_rank"], figures["lens"][task]["median_probability"]
    assert ranks[0] > 100 > ranks[1] > ranks[-1] == 1
    assert max(chances[:-1]) < 0.5 < chances[-1]


def test_the_lens_shows_the_answer_to_a_question_only_in_the_last_layer(figures: dict[str, Any]) -> None:
    assert min(figures["lens"]["questions"]["median_rank"][:-1]) > 1


def test_contributions_add_up_to_what_the_text_changes(loaded: LoadedModel) -> None:
    example = SHIPPED[3].example
    score = explanations.answer_score(loaded, example.target)
    inputs, nothing = explanations.path_ends(loaded, example.source, "padding")
    with torch.no_grad():
        change = float(score(inputs[None]) - score(nothing[None]))
    total = float(explanations.contributions(loaded, example, "padding").sum())
    assert total == pytest.approx(change, rel=0.1)


@pytest.mark.parametrize("kind", ["plain", "negated"])
def test_the_deciding_word_gets_more_than_the_function_words(figures: dict[str, Any], kind: str) -> None:
    assert figures["deciding_words"]["zero"][kind]["share"] >= 0.90


@pytest.mark.parametrize(
    "text",
    [
        "sst2 sentence: I have a well-documented weakness for sci-fi and expected Dune to feed my soul.",
        "question: Who bought the lamp? context: Anna went to the kitchen. Tom bought the lamp.",
        "  two  spaces, (parentheses) -- and don't!",
    ],
)
def test_offsets_point_at_the_text_of_each_token(loaded: LoadedModel, text: str) -> None:
    encoded = loaded.tokenizer(text, return_offsets_mapping=True)
    pieces = loaded.tokenizer.convert_ids_to_tokens(encoded["input_ids"])
    spans = encoded["offset_mapping"]
    assert [text[start:end] for start, end in spans[:-1]] == [piece.lstrip("▁") for piece in pieces[:-1]]
    assert pieces[-1] == "</s>"


def test_every_answer_is_one_token_and_the_end(loaded: LoadedModel) -> None:
    labels = [corpus.POSITIVE, corpus.NEGATIVE, corpus.ACCEPTABLE, corpus.UNACCEPTABLE]
    answers = [*labels, *(word for table in scenes.SLOTS.values() for word in table)]
    assert [word for word in answers if len(loaded.encode(word)) != 2] == []


def test_the_card_is_what_the_generator_makes_of_the_figures(figures: dict[str, Any]) -> None:
    assert (FOLDER / checkpoint.CARD_FILE).read_text(encoding="utf-8") == card.render(figures)


def test_the_card_changes_when_a_figure_changes(figures: dict[str, Any]) -> None:
    changed = figures | {"flips": probes.share(123, 1_000)}
    assert "12.3\N{NO-BREAK SPACE}%" in card.render(changed)


@pytest.mark.parametrize(
    "statement",
    [
        "toy text-to-text model",
        "`T5ForConditionalGeneration`",
        "generated sentences",
        "say nothing about other models",
        "python -m ecco_reports.models.bundled.recipe sentiment",
        "Same license as the project (MIT)",
    ],
)
def test_the_card_states_what_the_model_is(figures: dict[str, Any], statement: str) -> None:
    assert statement in card.render(figures)


def test_every_row_of_a_table_has_as_many_cells_as_its_header(figures: dict[str, Any]) -> None:
    tables = [block.splitlines() for block in card.render(figures).split("\n\n") if block.startswith("| ")]
    assert tables
    assert all(len({row.replace("\\|", "").count("|") for row in rows}) == 1 for rows in tables)
