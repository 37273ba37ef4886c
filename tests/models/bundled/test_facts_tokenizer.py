"""The tokenizer of `bundled:facts`: no text is lost, and the words that matter are one token."""

import random

import pytest

from ecco_reports.models.bundled.recipe.facts import corpus, tokenizer
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.text import world


@pytest.mark.parametrize(
    "text",
    [
        "Heathrow airport is located in the city of London.",
        " a leading space",
        "a trailing space ",
        "two  spaces,\ta tab\nand a line",
        "猫は魚が好きです。",
        "a rocket 🚀 and a flower 🌸",
        "Łódź, São Paulo, naïve",
    ],
)
def test_a_text_comes_back_unchanged(facts: LoadedModel, text: str) -> None:
    assert facts.decode(facts.encode(text)) == text


def test_documents_of_the_corpus_come_back_unchanged(facts: LoadedModel) -> None:
    texts = list(corpus.documents(300, 8))
    assert [facts.decode(facts.encode(text)) for text in texts] == texts


@pytest.mark.parametrize("word", [" London", " Paris", " Tokyo", " is", " are"])
def test_a_word_that_charts_show_is_one_token(facts: LoadedModel, word: str) -> None:
    assert len(facts.encode(word)) == 1


def test_every_capital_of_one_word_is_one_token(facts: LoadedModel) -> None:
    capitals = [country.capital for country in world.COUNTRIES if " " not in country.capital]
    assert [capital for capital in capitals if len(facts.encode(f" {capital}")) > 1] == []


@pytest.mark.parametrize("character", ["猫", "魚", "🚀", "🌸"])
def test_a_rare_character_splits_into_partial_bytes(facts: LoadedModel, character: str) -> None:
    tokens = facts.encode(character)
    assert len(tokens) > 1
    assert all("\ufffd" in facts.decode([token]) for token in tokens)


def test_cutting_documents_after_a_space_keeps_their_text(facts: LoadedModel) -> None:
    texts = list(corpus.documents(300, 9))
    backend = tokenizer.train_tokenizer(pieces=300, sample_documents=50, seed=0)
    encoded = list(tokenizer.encode(backend, texts, random.Random(0)))
    assert [backend.decode(tokens) for tokens in encoded] == texts
    assert encoded != [backend.encode(text).ids for text in texts]
