from __future__ import annotations

import numpy as np
import pytest

from ecco_reports.analyses.attribution import Attribution, AttributionParams
from ecco_reports.records import Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent

ROOM = Attribution()
PROMPT = Prompt(name="p", text=tiny.TEXT)
RACE = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")
METHODS = ("integrated_gradients", "input_x_gradient", "saliency")


def run(model, prompt=PROMPT, **params):
    return ROOM.run(model, prompt, AttributionParams(**{"max_new_tokens": 3, **params}))


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(family, dtype, tiny_model):
    check_words(ROOM, run(tiny_model(family, dtype), methods=METHODS))


def test_contributions_add_up_to_what_the_text_changed(tiny_model):
    (method,) = run(tiny_model("gpt2")).methods
    assert method.contributions.sum(-1) == pytest.approx(method.scores - method.baseline_scores, rel=0.01)


def test_a_target_against_its_foil_comes_first_and_the_written_tokens_follow(tiny_model):
    model = tiny_model("gpt2")
    result = run(model, RACE)
    assert result.explained[0].label == "London rather than Paris"
    assert [target.position for target in result.explained] == [None, 8, 9, 10]
    logits = model.logits(model_ids(model, PROMPT))[0, -1]
    london, paris = (model.tokenizer.continuation_ids(word)[0] for word in ("London", "Paris"))
    assert result.methods[0].scores[0] == pytest.approx((logits[london] - logits[paris]).item(), abs=1e-5)


def model_ids(model, prompt):
    import torch

    return torch.tensor([model.tokenizer.ids(prompt.text)])


def test_only_the_given_target_or_only_what_was_written_can_be_asked_for(tiny_model):
    given, written = (run(tiny_model("gpt2"), RACE, targets=targets) for targets in ("given", "generated"))
    assert [target.position for target in given.explained] == [None]
    assert [target.position for target in written.explained] == [8, 9, 10]


def test_nothing_flows_back_from_later_tokens(tiny_model):
    result = run(tiny_model("llama"), methods=METHODS)
    for method in result.methods:
        assert method.leak == 0.0
        for target, row in zip(result.explained, method.contributions, strict=True):
            assert not row[target.after + 1 :].any()


def test_the_methods_are_told_apart(tiny_model):
    integrated, times, saliency = run(tiny_model("gpt2"), methods=METHODS).methods
    assert saliency.contributions.min() >= 0
    assert times.contributions.min() < 0 < times.contributions.max()
    assert not np.allclose(integrated.contributions, times.contributions)
    assert times.steps.tolist() == [1, 1, 1]
    assert integrated.steps.min() >= 32


def test_normalised_shares_add_up_to_one_on_the_page_and_stay_raw_in_the_table(tiny_model):
    result = run(tiny_model("gpt2"), normalize=True, aggregation="l2")
    strip = ROOM.charts(result)[0]
    assert [sum(row.scores) for row in strip.rows] == pytest.approx([1.0, 1.0, 1.0], abs=1e-6)
    raw = [row[-1] for row in ROOM.table(result).rows if row[1] == result.explained[0].label]
    assert raw[: len(strip.rows[0].scores)] == pytest.approx(
        result.methods[0].contributions[0][: result.explained[0].after + 1].tolist()
    )


def test_special_tokens_are_no_information_and_get_none(tiny_model):
    result = run(tiny_model("gpt2"), Prompt(name="p", text=f"{tiny.END} London is"))
    assert result.passage.tokens[0].special
    assert not result.methods[0].contributions[:, 0].any()


def test_a_zero_baseline_where_it_is_singular_fails_its_check_instead_of_lying(tiny_model):
    result = run(tiny_model("llama"), baseline="zero")
    assert [check.passed for check in ROOM.proof(result)] == [False, True]


@pytest.mark.parametrize("prompt", [PROMPT, Prompt(name="p", text="London")])
def test_a_model_that_writes_nothing_gets_a_page_all_the_same(prompt, tiny_model):
    result = run(silent(tiny_model("gpt2")), prompt)
    check_words(ROOM, result)
    assert "nothing to explain" in ROOM.summary(result)
    assert (result.explained, result.methods, ROOM.charts(result)) == ((), (), [])


def test_a_given_target_can_be_explained_although_nothing_was_written(tiny_model):
    result = run(silent(tiny_model("gpt2")), RACE, methods=METHODS)
    check_words(ROOM, result)
    assert len(result.explained) == 1


def test_a_prompt_of_one_token_is_enough(tiny_model):
    check_words(ROOM, run(tiny_model("neox"), Prompt(name="p", text="London"), methods=METHODS, max_new_tokens=1))


def test_a_long_text_goes_through_the_model_in_bounded_chunks(one_thread):
    """500 tokens: what is held at once is a chunk of targets, not all targets x nodes x positions."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    from ecco_reports.models.huggingface import wrap

    torch.manual_seed(0)
    config = GPT2Config(vocab_size=46, n_embd=16, n_layer=2, n_head=2, n_positions=512, bos_token_id=0, eos_token_id=0)
    model = wrap(GPT2LMHeadModel(config), tiny.word_tokenizer())
    rows, forward = [], model.logits_from_embeddings

    def counted(embeddings, positions=None):
        rows.append(len(embeddings) * embeddings.shape[1])
        return forward(embeddings, positions)

    model.logits_from_embeddings = counted
    result = run(model, Prompt(name="p", text="the city of London is " * 100), max_new_tokens=3)
    assert result.methods[0].contributions.shape == (len(result.explained), 500 + len(result.passage.generated))
    assert max(rows) <= 2048
