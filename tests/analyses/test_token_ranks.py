from __future__ import annotations

import pytest

from ecco_reports.analyses.token_ranks import TokenRanks, TokenRanksParams
from ecco_reports.records import Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent
from tests.readings import reading_of

ROOM = TokenRanks()
PROMPT = Prompt(name="p", text=tiny.TEXT)
RACE = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")


def run(model, prompt=PROMPT, **params):
    return ROOM.run(model, prompt, TokenRanksParams(**{"max_new_tokens": 3, **params}))


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, run(tiny_model(family, dtype), watch=["London", "Paris"]))


def test_ranks_are_counted_in_the_logits_of_each_layer(tiny_model):
    model = tiny_model("neox")
    result = run(model, RACE, watch=["cat", "dog", "sea"], position=2, layers=[0, 2])
    reading = reading_of(model, [token.id for token in result.passage.tokens])
    logits = model.read_out(reading, model.residual_states(reading), reading.places)[[1, 3]]

    def rank(position, token):
        return [1 + int((row[position] > row[position, token]).sum()) for row in logits]

    assert result.generated == (True, True, True)
    for step, token in enumerate(result.passage.generated):
        assert result.ranks[:, step].tolist() == rank(7 + step, token.id)
    for column, token in enumerate(result.watched):
        assert result.watched_ranks[:, column].tolist() == rank(2, token.id)
    assert result.target.tolist() == rank(7, model.tokenizer.continuation_ids("London")[0])
    assert (result.states, result.watch_place) == ((1, 3), 2)


def test_greedy_tokens_end_in_first_place(tiny_model):
    result = run(tiny_model("gpt2"))
    assert result.ranks[-1].tolist() == [1, 1, 1]
    assert ROOM.metrics(result)["median_final_rank"].value == 1.0


def test_without_a_watch_list_target_and_foil_compete(tiny_model):
    result = run(tiny_model("gpt2"), RACE)
    assert [token.text.strip() for token in result.watched] == ["London", "Paris"]
    assert "Of the watched words" in ROOM.summary(result)
    assert [figure.id for figure in ROOM.charts(result)] == ["grid", "watch"]


def test_a_model_that_writes_nothing_gets_a_page_all_the_same(tiny_model):
    result = run(silent(tiny_model("gpt2")))
    check_words(ROOM, result)
    assert ROOM.summary(result) == "The model wrote nothing."
    assert (ROOM.metrics(result), ROOM.charts(result)) == ({}, [])


def test_words_compete_although_nothing_was_written(tiny_model):
    result = run(silent(tiny_model("gpt2")), Prompt(name="p", text="London"), watch=["dog", "cat"])
    check_words(ROOM, result)
    assert [figure.id for figure in ROOM.charts(result)] == ["watch"]
