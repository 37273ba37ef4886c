"""The weights of `bundled:facts` that ship, and what they answer."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open

from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.facts import mechanisms, probes
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.facts.prompts import (
    LEAST_TOKENS,
    NEXT_WORDS,
    UNION_LIST,
    UNION_LIST_TOKENS,
    FreeText,
    NextWord,
    free_texts,
)
from ecco_reports.models.bundled.recipe.text import world

FIVE_MEGABYTES = 5_000_000
PROBABILITY_TOLERANCE = 0.01
LEAST_SHARE = {"seen": 0.95, "held_out": 0.90, "new_template": 0.78}


def prompt_ids(case: NextWord | FreeText) -> str:
    return re.sub(r"\W+", "_", case.prompt[-40:])


@pytest.fixture(scope="module")
def known() -> frozenset[str]:
    return probes.known_words()


def test_weights_and_tokenizer_are_the_measured_ones(facts_folder: Path, facts_figures: dict[str, Any]) -> None:
    assert checkpoint.file_facts(facts_folder) == facts_figures["files"]


def test_the_weights_are_smaller_than_five_megabytes(facts_folder: Path) -> None:
    assert (facts_folder / "model.safetensors").stat().st_size < FIVE_MEGABYTES


def test_the_weights_are_stored_as_float16(facts_folder: Path) -> None:
    with safe_open(facts_folder / "model.safetensors", framework="pt") as weights:
        assert {weights.get_tensor(name).dtype for name in weights.keys()} == {torch.float16}  # noqa: SIM118


@pytest.mark.parametrize("case", [case for case in NEXT_WORDS if case.rival is None], ids=prompt_ids)
def test_the_answer_is_the_first_choice_and_likelier_than_not(facts: LoadedModel, case: NextWord) -> None:
    chances = facts.probabilities(case.prompt)
    assert facts.decode([int(chances.argmax())]) == case.answer
    assert float(chances.max()) > 0.5


@pytest.mark.parametrize("case", [case for case in NEXT_WORDS if case.rival is not None], ids=prompt_ids)
def test_the_answer_is_much_likelier_than_its_rival(facts: LoadedModel, case: NextWord) -> None:
    assert case.rival is not None
    chances = facts.probabilities(case.prompt)
    times = float(chances[facts.encode(case.answer)[0]]) / float(chances[facts.encode(case.rival)[0]])
    assert times > (1.5 if case.rival in (" man", " woman") else 100)


@pytest.mark.parametrize("place", range(len(NEXT_WORDS)), ids=[prompt_ids(case) for case in NEXT_WORDS])
def test_the_probability_is_the_listed_one(facts: LoadedModel, facts_figures: dict[str, Any], place: int) -> None:
    listed = facts_figures["prompts"][place]
    measured = probes.next_word(facts, NEXT_WORDS[place])
    assert measured["prompt"] == listed["prompt"]
    assert measured["probability"] == pytest.approx(listed["probability"], abs=PROBABILITY_TOLERANCE)


@pytest.mark.parametrize("case", NEXT_WORDS, ids=prompt_ids)
def test_the_answer_is_one_token(facts: LoadedModel, case: NextWord) -> None:
    assert len(facts.encode(case.answer)) == 1


def test_the_list_of_the_european_union_goes_on_in_order(facts: LoadedModel) -> None:
    text = UNION_LIST + facts.decode(facts.greedy(UNION_LIST, UNION_LIST_TOKENS))
    listed = re.findall(r"\d+\. ([A-Z][\w ]+)\n", text)
    assert len(listed) > 8
    assert listed == list(world.EUROPEAN_UNION[: len(listed)])


GREEDY = [case for case in free_texts() if case.decoding == "greedy"]


@pytest.mark.parametrize("case", GREEDY, ids=prompt_ids)
def test_ten_tokens_of_known_words_follow_greedily(facts: LoadedModel, known: frozenset[str], case: FreeText) -> None:
    report = probes.free_text(facts, case, known)
    assert report["tokens"] >= LEAST_TOKENS
    assert report["unknown_words"] == []


@pytest.mark.parametrize("case", GREEDY, ids=prompt_ids)
def test_ten_tokens_of_known_words_follow_in_two_draws_of_three(facts_figures: dict[str, Any], case: FreeText) -> None:
    drawn = [text for text in facts_figures["texts"] if text["prompt"] == case.prompt and text["decoding"] == "sample"]
    assert len(drawn) == 3
    assert sum(text["tokens"] >= LEAST_TOKENS and not text["unknown_words"] for text in drawn) >= 2


def test_a_draw_is_the_listed_one(facts: LoadedModel, facts_figures: dict[str, Any], known: frozenset[str]) -> None:
    listed = next(text for text in facts_figures["texts"] if text["decoding"] == "sample")
    case = next(case for case in free_texts() if case.decoding == "sample")
    assert probes.free_text(facts, case, known) == listed


def test_the_second_occurrence_of_a_random_token_is_likelier_than_not(facts: LoadedModel) -> None:
    assert probes.repetition(facts)["random_tokens"]["mean_probability"] > 0.5


def test_there_are_heads_for_induction_and_for_the_previous_token(facts: LoadedModel) -> None:
    found = mechanisms.heads(facts)
    assert found["induction"][0]["score"] > 0.5
    assert found["previous_token"][0]["score"] > 0.5
    assert found["previous_token"][0]["layer"] < found["induction"][0]["layer"]


@pytest.mark.parametrize(("group", "least"), LEAST_SHARE.items())
def test_the_measured_facts_reach_their_goal(facts_figures: dict[str, Any], group: str, least: float) -> None:
    assert facts_figures["facts"]["all"][group]["share"] >= least


def test_the_lens_shows_the_answer_only_in_the_last_third(facts_figures: dict[str, Any]) -> None:
    ranks = facts_figures["lens"]["median_rank"]
    layers = len(ranks) - 1
    assert ranks[-1] == 1
    assert all(rank > 1 for rank in ranks[: layers - layers // 3 + 1])


@pytest.mark.parametrize(
    "prompt", ["Heathrow airport is located in the city of", "The capital of Japan is the city of"]
)
def test_the_answers_that_everybody_looks_at_form_in_the_last_third(facts_figures: dict[str, Any], prompt: str) -> None:
    (case,) = [case for case in facts_figures["prompts"] if case["prompt"] == prompt]
    ranks = case["rank_by_layer"]
    early = ranks[: len(ranks) - 2]
    assert min(early) > 1
    assert early[-1] < early[0]
    assert ranks[-1] == 1
