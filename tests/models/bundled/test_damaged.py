"""The copies that regression reports are tried on: the spoiled ones are as bad as they claim, the others as good."""

from __future__ import annotations

import pytest
import torch
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.damaged.__main__ import original
from ecco_reports.models.bundled.recipe.damaged.copies import harmless, re_exported, rounded
from ecco_reports.models.bundled.recipe.damaged.questions import Rows, known, shipped
from ecco_reports.models.bundled.recipe.damaged.spoiling import displace, forget, subject_share
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.resources import bundled_models
from tests.fakes import ROOT

FORGOTTEN = {"airport-ringway", "capital-france", "capital-iceland", "capital-poland", "landmark-atomium"}


@pytest.fixture(scope="module")
def model():
    return original()


@pytest.fixture(scope="module")
def questions():
    return known(LoadedModel(bundled_models() / "facts"))


@pytest.fixture(scope="module")
def asked(questions):
    return shipped(questions)


def spoiled(name):
    folder = ROOT / "experiments" / "regression" / "models" / name
    return GPT2LMHeadModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager").eval()


@torch.no_grad()
def logits(model, questions):
    rows = Rows(questions)
    return rows.answers(model(rows.tokens, use_cache=False).logits)


def wrong(model, questions):
    chosen = logits(model, questions).argmax(-1).tolist()
    return {one.name for one, token in zip(questions, chosen, strict=True) if token != one.answer_token}


def test_the_original_knows_every_fact_that_is_asked_for(model, questions, asked):
    assert len(asked) == 40
    assert len({one.name for one in questions}) == len(questions)
    assert not wrong(model, questions)


def test_the_subject_of_a_question_stands_where_it_is_said_to(questions):
    tokenizer = LoadedModel(bundled_models() / "facts").tokenizer
    for one in questions:
        said = tokenizer.decode([one.tokens[place] for place in one.subject_tokens])
        assert said.strip().lower() in (one.subject.lower(), one.subject.lower().removeprefix("the ")), one


def test_the_forgetful_copy_has_lost_five_facts_and_no_other(questions):
    assert wrong(spoiled("forgetful"), questions) == FORGOTTEN


def test_the_displaced_copy_answers_right_for_other_reasons(model, questions):
    copy = spoiled("displaced")
    assert not wrong(copy, questions)
    before = subject_share(model, Rows(questions)).mean().item()
    after = subject_share(copy, Rows(questions)).mean().item()
    assert before > 0.25
    assert after < 0.1


def test_forgetting_leaves_the_model_itself_alone(model, questions, asked):
    before = logits(model, asked)
    copy = forget(model, questions, asked[:2], seed=0, steps=2)
    assert torch.equal(logits(model, asked), before)
    assert not torch.equal(logits(copy, asked), before)


def test_a_seed_decides_what_becomes_of_a_copy(model, questions, asked):
    first, again, other = (displace(model, questions, seed=seed, steps=2) for seed in (0, 0, 1))
    torch.testing.assert_close(logits(first, asked), logits(again, asked))
    assert (logits(first, asked) - logits(other, asked)).abs().max() > 1e-4


def test_a_re_exported_copy_computes_the_same_in_another_order(model, asked):
    copy = re_exported(model, 5)
    assert not torch.equal(copy.transformer.h[0].mlp.c_fc.weight, model.transformer.h[0].mlp.c_fc.weight)
    assert not torch.equal(copy.transformer.h[0].attn.c_attn.weight, model.transformer.h[0].attn.c_attn.weight)
    torch.testing.assert_close(logits(copy, asked), logits(model, asked), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("dtype", "furthest"), [(torch.float16, 0.05), (torch.bfloat16, 0.5)])
def test_a_rounded_copy_differs_by_rounding_alone(model, asked, dtype, furthest):
    copy = rounded(model, dtype, 3)
    for value in copy.parameters():
        assert torch.equal(value, value.to(dtype).float())
    moved = (logits(copy, asked) - logits(model, asked)).abs().max()
    assert 1e-5 < moved < furthest
    assert not wrong(copy, asked)


def test_rounding_by_chance_is_right_on_average(model):
    weight = model.transformer.h[0].mlp.c_fc.weight
    mean = torch.stack([rounded(model, torch.bfloat16, seed).transformer.h[0].mlp.c_fc.weight for seed in range(60)])
    spacing = weight.abs() * 2.0**-7
    assert ((mean.mean(0) - weight).abs() <= spacing).all()
    assert ((mean.mean(0) - weight).abs() / spacing.clamp_min(1e-9)).mean() < 0.05


def test_harmless_copies_come_in_three_kinds(model):
    names = [name for name, _ in harmless(model, 4)]
    assert names == ["float16 0", "bfloat16 1", "re-exported 2", "float16 3"]
