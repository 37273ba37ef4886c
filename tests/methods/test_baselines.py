"""Baselines: what stands for "no information", written out by hand."""

from __future__ import annotations

import pytest
import torch

from ecco_reports.methods.baselines import baseline_embeddings
from tests.readings import reading_of

KEEP = torch.tensor([True, False, False])


def embeddings(model, ids):
    return model.embed(reading_of(model, ids))


@pytest.fixture
def inputs(tiny_model):
    return embeddings(tiny_model("gpt2"), [0, 3, 5])


def test_zero_is_zero_and_the_template_stays(tiny_model, inputs):
    found = baseline_embeddings(tiny_model("gpt2"), "zero", inputs, KEEP)
    assert found[0].equal(inputs[0])
    assert found[1:].abs().max() == 0


def test_mean_is_the_mean_of_the_vocabulary(tiny_model, inputs):
    model = tiny_model("gpt2")
    size = model.logits(reading_of(model, [0]), [0]).shape[-1]
    every = torch.stack([embeddings(model, [token])[0] for token in range(size)])
    found = baseline_embeddings(model, "mean", inputs, KEEP)
    torch.testing.assert_close(found[1], every.mean(0))


def test_eos_is_the_embedding_of_the_end_of_text_token(tiny_model, inputs):
    model = tiny_model("gpt2")
    found = baseline_embeddings(model, "eos", inputs, KEEP)
    assert found[2].equal(embeddings(model, [0])[0])
