from __future__ import annotations

import numpy as np
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


def test_the_prompts_own_tokens_can_be_followed_too(tiny_model):
    model = tiny_model("gpt2")
    everything, some = run(model, positions="all", top_k=2), run(model, positions=[0, 8, -1])
    ids = [token.id for token in everything.passage.tokens]
    assert everything.places == tuple(range(len(ids) - 1))
    assert [token.id for token in everything.tokens] == ids[1:]
    assert everything.generated == (False,) * 7 + (True,) * 3
    logits = model.read_out(reading_of(model, ids), model.residual_states(reading_of(model, ids)), everything.places)
    named = [[[everything.numbers[index] for index in cell] for cell in row] for row in everything.candidates.tolist()]
    assert named == logits.topk(2).indices.tolist()
    assert everything.ranks[:, 0].tolist() == [1 + int((row[0] > row[0, ids[1]]).sum()) for row in logits]
    assert some.places == (0, 7, 8)
    # Only what the model said itself is judged.
    assert ROOM.metrics(everything)["median_final_rank"].value == 1.0


def test_inputs_and_what_a_layer_would_rather_say_stand_in_the_chart(tiny_model):
    result = run(tiny_model("gpt2"), top_k=2)
    spec = ROOM.charts(result)[0].chart.to_dict(validate=False)
    values = {param["name"]: param["value"] for param in spec["params"] if "value" in param}
    assert values["inputs"] == [token.label for token in result.passage.tokens[7:10]]
    top = spec["datasets"]["cells"][-1]
    assert [values["tokens"][cell[0]] for cell in top["k"]] == values["outputs"]


def test_the_first_layer_that_puts_the_target_first_is_a_metric(tiny_model):
    result = run(tiny_model("gpt2"), RACE)
    told = result.model_copy(update={"target": np.array([7, 3, 1, 2])})
    assert ROOM.metrics(told)["first_top_layer"].value == 1.0
    never = result.model_copy(update={"target": np.array([7, 3, 2, 2])})
    assert "first_top_layer" not in ROOM.metrics(never)
