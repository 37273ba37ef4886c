"""The weights of `bundled:masked` that ship, and what they answer."""

import random
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe import inside
from ecco_reports.models.bundled.recipe.checkpoint import file_facts, read_figures
from ecco_reports.models.bundled.recipe.masked import probes
from ecco_reports.models.bundled.recipe.masked.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.masked.prompts import CLOZES, NATURE_PARAGRAPH, Cloze
from ecco_reports.models.bundled.recipe.text import nature, world
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS

MOST_BYTES = 3_200_000
PROBABILITY_TOLERANCE = 0.01
LEAST_SHARE = {"seen": 0.99, "held_out": 0.98, "new_template": 0.80}
SAMPLE = 200


def prompt_ids(case: Cloze) -> str:
    return re.sub(r"\W+", "_", case.prompt[:40])


@pytest.fixture(scope="module")
def folder() -> Path:
    return Path(bundled.__file__).parent / "masked"


@pytest.fixture(scope="module")
def masked(folder: Path) -> LoadedModel:
    return LoadedModel(folder)


@pytest.fixture(scope="module")
def figures(folder: Path) -> dict[str, Any]:
    return read_figures(folder)


def test_weights_and_tokenizer_are_the_measured_ones(folder: Path, figures: dict[str, Any]) -> None:
    assert file_facts(folder) == figures["files"]


def test_the_weights_are_small(folder: Path) -> None:
    assert (folder / "model.safetensors").stat().st_size < MOST_BYTES


def test_the_weights_are_stored_as_float16(folder: Path) -> None:
    with safe_open(folder / "model.safetensors", framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


def test_the_model_is_a_bert(masked: LoadedModel) -> None:
    assert type(masked.model).__name__ == "BertForMaskedLM"


def test_a_mask_is_one_token_and_offsets_point_into_the_text(masked: LoadedModel) -> None:
    text = "Heathrow airport is in [MASK], near the Thames!"
    encoding = masked.tokenizer(text, return_offsets_mapping=True)
    assert encoding["input_ids"].count(masked.mask) == 1
    spelled = [text[start:end].lower() for start, end in encoding["offset_mapping"] if start < end]
    pieces = [piece.removeprefix("##") for piece in masked.pieces(encoding["input_ids"])[1:-1]]
    assert spelled == [piece.lower() for piece in pieces]


def test_every_word_of_the_tables_is_known(masked: LoadedModel) -> None:
    names = [word for country in world.COUNTRIES for field in country for word in field.split()]
    names += [word for airport, city in world.AIRPORTS for word in f"{airport} {city}".split()]
    assert [name for name in names if len(masked.encode(name)) != 3] == []


@pytest.mark.parametrize("case", [case for case in CLOZES if case.answer and not case.rival], ids=prompt_ids)
def test_the_answer_is_the_first_choice_and_likelier_than_not(masked: LoadedModel, case: Cloze) -> None:
    chances = masked.chances(case.prompt)
    assert masked.pieces([int(chances.argmax())]) == [case.answer]
    assert float(chances.max()) > 0.5


@pytest.mark.parametrize("case", [case for case in CLOZES if case.rival], ids=prompt_ids)
def test_the_answer_is_much_likelier_than_its_rival(masked: LoadedModel, case: Cloze) -> None:
    assert case.answer is not None
    assert case.rival is not None
    chances = masked.chances(case.prompt)
    assert float(chances[masked.number(case.answer)]) > 4 * float(chances[masked.number(case.rival)])


def test_a_masked_adjective_is_filled_with_adjectives(masked: LoadedModel) -> None:
    chances = masked.chances("In the early morning we saw a [MASK] bird near the river.")
    assert set(masked.pieces(chances.topk(5).indices.tolist())) <= set(nature.ADJECTIVES)


@pytest.mark.parametrize("place", range(len(CLOZES)), ids=[prompt_ids(case) for case in CLOZES])
def test_the_probability_is_the_listed_one(masked: LoadedModel, figures: dict[str, Any], place: int) -> None:
    listed = figures["prompts"][place]
    measured = probes.cloze(masked, CLOZES[place])
    assert measured["prompt"] == listed["prompt"]
    assert measured["probability"] == pytest.approx(listed["probability"], abs=PROBABILITY_TOLERANCE)


@pytest.mark.parametrize(("group", "least"), LEAST_SHARE.items())
def test_a_sample_of_the_facts_reaches_the_goal(masked: LoadedModel, group: str, least: float) -> None:
    rng = random.Random(1)
    asked = [question for relation in RELATIONS for question in probes.questions(relation)[group]]
    results = masked.answers(masked.rows(rng.sample(asked, SAMPLE)))
    assert sum(result.is_right for result in results) / SAMPLE >= least - 0.02


@pytest.mark.parametrize(("group", "least"), LEAST_SHARE.items())
def test_the_measured_facts_reach_their_goal(figures: dict[str, Any], group: str, least: float) -> None:
    assert figures["facts"]["all"][group]["share"] >= least


@pytest.mark.parametrize("group", ["seen", "held_out"])
def test_the_verb_agrees_with_its_subject_across_a_distractor(figures: dict[str, Any], group: str) -> None:
    assert figures["agreement"]["one distractor"][group]["share"] >= 0.95


def test_the_lens_falls_and_shows_the_answer_only_in_the_last_third(figures: dict[str, Any]) -> None:
    ranks = figures["lens"]["median_rank"]
    layers = len(ranks) - 1
    assert ranks == sorted(ranks, reverse=True)
    assert all(rank > 1 for rank in ranks[: layers - layers // 3 + 1])
    assert ranks[-1] == 1


def test_the_subject_of_a_fact_decides_its_answer(figures: dict[str, Any]) -> None:
    assert figures["contributions"]["all"]["share"] >= 0.9


def test_contributions_point_at_the_airport(masked: LoadedModel) -> None:
    tokens = masked.encode("Heathrow airport is located in the city of [MASK].")
    given = masked.contributions(tokens, tokens.index(masked.mask), masked.number("london"), 32).abs()
    assert masked.pieces(tokens)[int(given.argmax())] == "heathrow"


def test_five_factors_have_a_name(masked: LoadedModel) -> None:
    pieces = masked.pieces(masked.encode(NATURE_PARAGRAPH))
    factors = inside.named_factors(masked.activations(NATURE_PARAGRAPH), pieces, probes.word_classes(pieces))
    assert sum(factor.is_nameable for factor in factors) >= 5


def test_every_word_of_the_nature_paragraph_is_one_piece_of_a_known_class(masked: LoadedModel) -> None:
    pieces = masked.pieces(masked.encode(NATURE_PARAGRAPH))
    classes = probes.word_classes(pieces)
    names = [*nature.WORD_CLASSES, "special token"]
    assert [piece for place, piece in enumerate(pieces) if not any(classes[name][place] for name in names)] == []
