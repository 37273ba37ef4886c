from __future__ import annotations

import numpy as np
import pytest
import torch

from ecco_reports.analyses.logit_lens import LogitLens, LogitLensParams
from ecco_reports.records import Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent

ROOM = LogitLens()
PROMPT = Prompt(name="p", text=tiny.TEXT)


def run(model, prompt=PROMPT, **params):
    return ROOM.run(model, prompt, LogitLensParams(**{"max_new_tokens": 2, **params}))


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, run(tiny_model(family, dtype)))


def test_the_last_row_is_what_the_model_predicts(tiny_model):
    result = run(tiny_model("gemma2"), top_k=3)
    ids = torch.tensor([[token.id for token in result.passage.tokens]])
    p = tiny.build("gemma2")(ids).logits[0, :-1].softmax(-1)
    assert result.probabilities[-1] == pytest.approx(p.topk(3).values.numpy(), abs=1e-5)
    named = [[result.vocabulary[index].id for index in cell] for cell in result.candidates[-1]]
    assert named == p.topk(3).indices.tolist()
    following = [token.id for token in result.next_tokens]
    assert np.exp(result.next_logprob[-1]) == pytest.approx(p[range(len(following)), following].numpy(), abs=1e-5)
    assert np.abs(result.divergence[-1]).max() < 1e-6


def test_layers_and_positions_are_chosen_as_people_count(tiny_model):
    result = run(tiny_model("gpt2"), layers=["embedding", 0, -1], positions=[-1, 0, 7])
    assert result.states == (0, 1, tiny.LAYERS)
    assert result.places == (0, 7)
    assert result.next_tokens[0].text.strip() == "airport"


def test_target_and_foil_are_watched_at_the_end_of_the_prompt(tiny_model):
    result = run(tiny_model("llama"), Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris"))
    assert [token.text.strip() for token in result.watched] == ["London", "Paris"]
    assert result.watched_probabilities.shape == (tiny.LAYERS + 1, 2)


def test_the_settled_layer_is_the_first_from_which_the_rank_stays_one(tiny_model):
    result = run(tiny_model("gpt2"))
    ranks = result.next_rank.copy()
    ranks[:, 7] = [1, 5, 1, 1]
    told = result.model_copy(update={"next_rank": ranks})
    assert ROOM.metrics(told)["settled_layer"].value == 1.0
    ranks = ranks.copy()
    ranks[-1, 7] = 2
    never = result.model_copy(update={"next_rank": ranks})
    assert "settled_layer" not in ROOM.metrics(never)
    assert "never the first choice for good" in ROOM.summary(never)


def test_a_model_that_writes_nothing_gets_a_page_all_the_same(tiny_model):
    result = run(silent(tiny_model("gpt2")))
    check_words(ROOM, result)
    assert result.places == tuple(range(len(result.passage.tokens) - 1))
    assert (result.watched, ROOM.metrics(result)) == ((), {})


def test_one_token_and_nothing_after_it_leaves_nothing_to_read(tiny_model):
    result = run(silent(tiny_model("gpt2")), Prompt(name="p", text="London"))
    check_words(ROOM, result)
    assert "nothing to read out" in ROOM.summary(result)
    assert (ROOM.charts(result), ROOM.table(result).rows) == ([], ())


def test_a_prompt_of_one_token_is_enough(tiny_model):
    check_words(ROOM, run(tiny_model("neox"), Prompt(name="p", text="London")))


@pytest.mark.parametrize("params", [{"layers": []}, {"positions": []}, {"layers": ["top"]}, {"top_k": 0}])
def test_empty_and_unknown_choices_are_refused(params):
    with pytest.raises(ValueError, match="validation error"):
        LogitLensParams(**params)


def test_without_the_final_norm_cells_are_those_of_the_bare_head_and_the_difference_is_counted(tiny_model):
    model = tiny_model("gpt2")
    bare, normed = run(model, apply_final_norm=False, top_k=1), run(model, top_k=1)
    ids = torch.tensor([[token.id for token in bare.passage.tokens]])
    output = tiny.build("gpt2")(ids, output_hidden_states=True)
    expected = torch.stack([tiny.build("gpt2").lm_head(state)[0, :-1].argmax(-1) for state in output.hidden_states])
    found = [[bare.vocabulary[index].id for index in row] for row in bare.candidates[:, :, 0]]
    assert found == expected.tolist()
    named = np.array([[normed.vocabulary[index].id for index in row] for row in normed.candidates[:, :, 0]])
    assert bare.agreement == pytest.approx((named == np.array(found))[:-1].mean())
    assert 0 < bare.agreement < 1
    assert normed.agreement is None
    check_words(ROOM, bare)
    assert ROOM.charts(bare)[0].title == "What each layer would say next, without the final norm"


def test_a_long_text_is_kept_whole_and_shown_in_part(tiny_model, monkeypatch):
    monkeypatch.setattr("ecco_reports.analyses.logit_lens.figures._NUMBERS_SHOWN", 1000)
    result = run(tiny_model("gpt2"), Prompt(name="p", text=" ".join(["the city of"] * 20)), max_new_tokens=1)
    (grid, _) = ROOM.charts(result)
    shown = grid.chart.to_dict(validate=False)["datasets"]["columns"]
    assert len(result.places) == 60
    assert len(shown) < 60
    assert f"The chart shows {len(shown)} of 60 places, from position {60 - len(shown)} on" in grid.reading
    assert len(ROOM.table(result).rows) == 60 * (tiny.LAYERS + 1)


def test_the_first_layer_that_says_it_need_not_be_the_one_that_stays(tiny_model):
    result = run(tiny_model("gpt2"))
    ranks = result.next_rank.copy()
    ranks[:, 7] = [4, 1, 3, 1]
    metrics = ROOM.metrics(result.model_copy(update={"next_rank": ranks}))
    assert (metrics["first_top_layer"].value, metrics["settled_layer"].value) == (0.0, 2.0)
