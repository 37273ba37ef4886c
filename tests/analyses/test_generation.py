from __future__ import annotations

import math

import pytest
import torch

from ecco_reports.analyses.generation import Generation, GenerationParams
from ecco_reports.records import Prompt, Sampling
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent

ROOM = Generation()
PROMPT = Prompt(name="p", text=tiny.TEXT)


def test_steps_say_what_the_model_says(tiny_model):
    model = tiny_model("llama")
    result = ROOM.run(model, PROMPT, GenerationParams(max_new_tokens=1, top_k=4))
    ids = torch.tensor([model.tokenizer.encode(PROMPT).ids])
    p = tiny.build("llama")(ids).logits[0, -1].double().softmax(-1)
    (step,) = result.steps
    assert step.probability == pytest.approx(p.max().item(), rel=1e-5)
    assert step.surprisal == pytest.approx(-math.log2(p.max().item()), rel=1e-5)
    assert step.entropy == pytest.approx(-(p * p.log2()).sum().item(), rel=1e-5)
    assert step.nucleus == int((p.sort(descending=True).values.cumsum(0) < 0.9).sum()) + 1
    assert [candidate.token.id for candidate in step.candidates] == p.topk(4).indices.tolist()
    assert (step.rank, step.position) == (1, ids.shape[1])


def test_a_drawn_token_keeps_the_rank_it_has_without_temperature(tiny_model):
    params = GenerationParams(max_new_tokens=12, sampling=Sampling(temperature=3.0, seed=2))
    result = ROOM.run(tiny_model("gpt2"), PROMPT, params)
    assert max(step.rank for step in result.steps) > 1
    assert result.gap < 1e-4
    assert [check.name for check in ROOM.proof(result)] == ["decoding against teacher forcing", "probabilities add up"]
    assert "Tokens were drawn" in ROOM.summary(result)


def test_perplexity_is_that_of_the_steps(tiny_model):
    result = ROOM.run(tiny_model("neox"), PROMPT, GenerationParams(max_new_tokens=5))
    product = math.prod(step.probability for step in result.steps)
    assert ROOM.metrics(result)["perplexity"].value == pytest.approx(product ** (-1 / 5), rel=1e-6)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, ROOM.run(tiny_model(family, dtype), PROMPT, GenerationParams(max_new_tokens=6)))


def test_a_greedy_text_that_is_not_greedy_is_found_out(tiny_model):
    result = ROOM.run(tiny_model("gpt2"), PROMPT, GenerationParams(max_new_tokens=3))
    worse = result.steps[1].model_copy(update={"rank": 2, "logprob": result.steps[1].logprob - 1.0})
    forged = result.model_copy(update={"steps": (result.steps[0], worse, result.steps[2])})
    assert [check.passed for check in ROOM.proof(forged)] == [True, True, False]


def test_a_model_that_writes_nothing_gets_a_page_all_the_same(tiny_model):
    result = ROOM.run(silent(tiny_model("gpt2")), PROMPT, GenerationParams())
    check_words(ROOM, result)
    assert ROOM.summary(result) == "The model wrote nothing."
    assert (ROOM.charts(result), ROOM.metrics(result), ROOM.table(result).rows) == ((), {}, ())


def test_a_prompt_of_one_token_is_enough(tiny_model):
    check_words(ROOM, ROOM.run(tiny_model("gpt2"), Prompt(name="p", text="London"), GenerationParams()))
