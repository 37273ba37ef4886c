"""What methods find does not depend on how much memory there is."""

from __future__ import annotations

from dataclasses import fields

import pytest
import torch

from ecco_reports.errors import ModelMemoryError
from ecco_reports.methods.gradients import gradients, integrated_gradients
from ecco_reports.methods.lens import logit_lens, token_ranks
from ecco_reports.methods.targets import Target
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Prompt
from tests import tiny

ALL_STATES = range(tiny.LAYERS + 1)
WATCHED = [(7, 4), (2, 9), (7, 30), (2, 9), (5, 1)]
TARGETS = [Target(6, 3), Target(7, 4), Target(7, 5, foil=2), Target(4, 4)]


@pytest.fixture(params=["gpt2", "gemma2"])
def model(request, one_thread):
    return wrap(tiny.build(request.param), tiny.word_tokenizer())


@pytest.fixture
def reading(model):
    return model.read(Prompt(name="p", text=tiny.TEXT), Decoding(max_new_tokens=1))


def bounded(method, texts):
    """A method of a model that has memory for so many texts in a batch, and its own answers."""

    def answer(reading, batch, places):
        if len(batch) * len(places) > texts:
            raise RuntimeError(f"MPS backend out of memory. Tried to allocate {len(batch)}.00 KB on private pool.")
        return method(reading, batch, places)

    return answer


def assert_close(left, right):
    """Two records of tensors and numbers say the same but for rounding."""
    for field in fields(left):
        one, other = torch.as_tensor(getattr(left, field.name)), torch.as_tensor(getattr(right, field.name))
        torch.testing.assert_close(one, other, rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("rows", [1, 2, 5, 9, 30])
def test_a_lens_reads_the_same_with_little_memory(model, reading, monkeypatch, rows):
    targets = torch.arange(len(reading.places))
    whole = logit_lens(model, reading, ALL_STATES, reading.places, targets, k=3)
    assert model.memory.collect() == ()
    monkeypatch.setattr(model, "read_out", bounded(model.read_out, rows))
    cramped = logit_lens(model, reading, ALL_STATES, reading.places, targets, k=3)
    for left, right in zip(whole.rows, cramped.rows, strict=True):
        assert_close(left, right)
    assert cramped.readout_gap < 1e-6
    notes = model.memory.collect()
    assert notes
    assert all(note.startswith("For want of memory, the lens took ") for note in notes)


@pytest.mark.parametrize("rows", [1, 2, 5])
def test_ranks_are_the_same_with_little_memory(model, reading, monkeypatch, rows):
    whole = token_ranks(model, reading, [0, 2], WATCHED)
    monkeypatch.setattr(model, "read_out", bounded(model.read_out, rows))
    cramped = token_ranks(model, reading, [0, 2], WATCHED)
    assert_close(whole, cramped)
    assert torch.equal(whole.ranks, cramped.ranks)
    assert model.memory.collect()


def test_a_lens_that_cannot_read_a_single_state_says_what_it_wanted(model, reading, monkeypatch):
    monkeypatch.setattr(model, "read_out", bounded(model.read_out, 0))
    with pytest.raises(ModelMemoryError, match="memory for the lens, even one state at a time") as caught:
        logit_lens(model, reading, ALL_STATES, reading.places, torch.arange(len(reading.places)), k=3)
    assert caught.value.wanted == 1024


def pull_back_at_most(monkeypatch, rows):
    """Lets a backward pass take so many points times targets at once."""
    honest = torch.autograd.grad

    def grad(outputs, inputs, seeds=None, **options):
        if seeds is not None and seeds.shape[0] * seeds.shape[1] > rows:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 KiB.")
        return honest(outputs, inputs, seeds, **options)

    monkeypatch.setattr(torch.autograd, "grad", grad)


@pytest.mark.parametrize("rows", [1, 3, 16])
def test_gradients_are_the_same_with_little_memory(model, reading, monkeypatch, rows):
    inputs = model.embed(reading)
    baseline = model.mean_embedding().expand_as(inputs)
    asked = (model, reading, inputs, baseline, TARGETS, "logprob", 1.0, (8,))
    whole, slopes = integrated_gradients(*asked), gradients(model, reading, inputs, TARGETS, "logprob")
    assert model.memory.collect() == ()
    pull_back_at_most(monkeypatch, rows)
    assert_close(whole, integrated_gradients(*asked))
    assert_close(slopes, gradients(model, reading, inputs, TARGETS, "logprob"))
    assert "For want of memory, the gradients took " in " ".join(model.memory.collect())


def test_gradients_that_cannot_be_taken_one_by_one_say_what_they_wanted(model, reading, monkeypatch):
    pull_back_at_most(monkeypatch, 0)
    with pytest.raises(ModelMemoryError, match="the gradients, even one target at a time") as caught:
        gradients(model, reading, model.embed(reading), TARGETS, "logprob")
    assert caught.value.wanted == 2048


def test_scores_are_the_same_one_point_at_a_time(model, reading, monkeypatch):
    inputs = model.embed(reading)
    whole = gradients(model, reading, inputs, TARGETS, "logit")
    honest = model.logits_from_embeddings
    few = bounded(lambda reading, points, places: honest(reading, points, places), len(TARGETS))
    monkeypatch.setattr(model, "logits_from_embeddings", few)
    assert_close(whole, gradients(model, reading, inputs, TARGETS, "logit"))
    assert "For want of memory, the scores took one point at a time instead of 2." in model.memory.collect()
