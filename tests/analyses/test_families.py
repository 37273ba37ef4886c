"""What the rooms say of models that do not write on: masked, classifying, answering by a span, encoder-decoders."""

from __future__ import annotations

from importlib.resources import files

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertForQuestionAnswering

from ecco_reports.analyses.generation import Generation, GenerationParams
from ecco_reports.analyses.logit_lens import LogitLens, LogitLensParams
from ecco_reports.analyses.token_ranks import TokenRanks, TokenRanksParams
from ecco_reports.models.huggingface import load, wrap
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Prompt

QUESTION = Prompt(name="q", text="Is the film good?", text_pair="The film is slow, and the film is good.")
MASKS = Prompt(name="m", text="The capital of [MASK] is the city of [MASK].")
REVIEW = Prompt(name="r", text="I have a weakness for old films.")


@pytest.fixture(scope="module")
def answering():
    """A model of random weights that points at a span; every word of the question stands in the passage twice."""
    folder = files("ecco_reports") / "models" / "bundled" / "sentiment-classifier"
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=tokenizer.get_vocab_size(),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.4,
    )
    return wrap(BertForQuestionAnswering(config), tokenizer)


@pytest.fixture(scope="module")
def masked():
    return load(ModelSpec(source="bundled:masked", device="cpu"))


@pytest.fixture(scope="module")
def classifier():
    return load(ModelSpec(source="bundled:sentiment-classifier", device="cpu"))


def params_of(chart, name):
    return next(param["value"] for param in chart.to_dict(validate=False)["params"] if param["name"] == name)


def test_candidates_for_the_ends_of_an_answer_are_told_apart_by_their_positions(answering):
    room, tokens = Generation(), answering.tokenizer.encode(QUESTION).tokens
    result = room.run(answering, QUESTION, GenerationParams(top_k=len(tokens)))
    (figure,) = room.charts(result)
    bars = figure.chart.to_dict(validate=False)["datasets"]["bars"]
    expected = sorted(f"{token.label} ({position})" for position, token in enumerate(tokens))
    assert sorted(bar["token"] for bar in bars if bar["s"] == 1) == expected
    assert len(set(expected)) == len(tokens) > len({token.label for token in tokens})
    assert params_of(figure.chart, "tokens") == ["start", "end"]
    assert [sum(bar["chosen"] for bar in bars if bar["s"] == step) for step in (1, 2)] == [1, 1]


def test_the_lens_of_an_answer_names_the_very_token_that_a_layer_points_at(answering):
    room = LogitLens()
    result = room.run(answering, QUESTION, LogitLensParams(top_k=1))
    reading = answering.read(QUESTION, Decoding())
    best = answering.logits(reading, [0, 1]).argmax(-1).tolist()
    label = [f"{reading.passage.tokens[position].label} ({position})" for position in best]
    assert [row[3] for row in room.table(result).rows[-2:]] == label
    assert params_of(room.charts(result)[0].chart, "inputs") == ["start", "end"]


def test_the_ranks_of_an_answer_have_a_column_for_each_end(answering):
    room = TokenRanks()
    result = room.run(answering, QUESTION, TokenRanksParams())
    positions = [one.position for one in answering.read(QUESTION, Decoding()).spoken]
    outputs = params_of(room.charts(result)[0].chart, "outputs")
    assert outputs == [f"{result.passage.tokens[position].label} ({position})" for position in positions]


def test_the_answer_reads_as_it_stands_in_the_passage(answering):
    result = Generation().run(answering, QUESTION, GenerationParams())
    start, end = (step.position for step in result.steps)
    first, last = result.passage.tokens[start].span, result.passage.tokens[end].span
    assert f"“{QUESTION.text_pair[first[0] : last[1]]}”" in Generation().summary(result)


def test_a_single_class_has_no_slider_and_its_chart_no_next_token(classifier):
    room = Generation()
    (figure,) = room.charts(room.run(classifier, REVIEW, GenerationParams()))
    chart = figure.chart.to_dict(validate=False)
    assert not any("bind" in param for param in chart["params"])
    assert {bar["token"] for bar in chart["datasets"]["bars"]} == {"negative", "positive"}
    grid = LogitLens().charts(LogitLens().run(classifier, REVIEW, LogitLensParams()))[0].chart.to_dict(validate=False)
    assert grid["title"]["text"] == "Bold: the class it chose. Framed: from this layer on it stays first."


def test_a_lens_under_masks_speaks_of_places_and_not_of_what_comes_next(masked):
    room = LogitLens()
    result = room.run(masked, MASKS, LogitLensParams())
    grid = room.charts(result)[0].chart
    assert params_of(grid, "inputs")[4] == "[MASK]"
    assert params_of(grid, "targets")[4] == result.passage.answers[0].label
    assert "came next" not in str(grid.to_dict(validate=False))


def test_the_passage_says_where_the_answers_stand(masked, classifier):
    masks = masked.read(MASKS, Decoding()).passage
    assert [masks.tokens[position].text for position in masks.answer_positions] == ["[MASK]", "[MASK]"]
    assert classifier.read(REVIEW, Decoding()).passage.answer_positions == (None,)


def test_the_end_of_the_text_is_not_what_a_model_was_surest_of():
    model = load(ModelSpec(source="bundled:sentiment", device="cpu"))
    prompt = Prompt(name="p", text="sst2 sentence: The film is bad.")
    result = Generation().run(model, prompt, GenerationParams(max_new_tokens=2))
    assert [step.token.special for step in result.steps] == [False, True]
    assert Generation().summary(result).startswith("The model wrote “negative” (probability ")


def test_watched_words_compete_to_be_the_first_that_a_decoder_writes():
    model = load(ModelSpec(source="bundled:sentiment", device="cpu"))
    prompt = Prompt(name="p", text="sst2 sentence: The film is bad.", target=" negative", foil=" positive")
    result = TokenRanks().run(model, prompt, TokenRanksParams(max_new_tokens=1))
    assert "as the first token that the decoder writes" in TokenRanks().charts(result)[1].reading
