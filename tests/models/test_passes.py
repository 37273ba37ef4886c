"""Logits at places and logits from embeddings, of every family, against transformers called directly."""

from __future__ import annotations

import pytest
import torch

from ecco_reports.models.base import Capability
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family
from tests import zoo
from tests.models.families import PROMPTS, QUESTION, names, raw, tokenizer_of, wrapped, writers
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

DECODING = Decoding(max_new_tokens=4)
# Architectures that differ in what this is about: tied and scaled embeddings, embeddings narrower than the hidden
# states, one embedding module for both stacks, what the head takes, and whether ``logits_to_keep`` is understood.
CHOSEN = [
    *("GPT-2", "Llama", "Gemma 2", "Granite", "OPT (post-norm)", "GPT", "Mamba"),
    *("BERT", "RoBERTa", "ALBERT", "ELECTRA", "DistilBERT", "ModernBERT", "MobileBERT"),
    *("T5", "Flan-T5", "BART", "Pegasus", "T5Gemma", "Switch Transformers"),
    *("BERT (classifier)", "DistilBERT (classifier)", "GPT-2 (classifier)"),
    *("BERT (answers by a span)", "DistilBERT (answers by a span)"),
]
PER_POSITION = [name for name in CHOSEN if "(c" not in name and "(a" not in name]


def read(name):
    model = wrapped(name)
    return model, model.read(PROMPTS[model.family], DECODING)


def whole(name, reading, **more):
    """All that the model says, ``[place, outcome]``, with the places in order."""
    ids, border = torch.tensor([reading.ids]), reading.passage.encoder_length
    inputs = {"input_ids": ids} if not border else {"input_ids": ids[:, :border], "decoder_input_ids": ids[:, border:]}
    if any(reading.segments):
        inputs["token_type_ids"] = torch.tensor([reading.segments])
    return zoo.logits_of(raw(name)(**inputs, **more))[0]


def rows_of(logits, reading, places):
    """The rows of some places."""
    return logits.reshape(-1, logits.shape[-1])[[reading.places.index(place) for place in places]]


def choices(reading):
    first, last = reading.places[0], reading.places[-1]
    return [[last], [last, first], [first, first], list(reading.places)]


def near(found, expected):
    limit = 1e-5 * max(1.0, float(expected.abs().max()))
    assert found.detach().numpy() == pytest.approx(expected.detach().numpy(), abs=limit)


@pytest.mark.parametrize("name", CHOSEN)
def test_logits_at_places_are_those_of_transformers(name):
    model, reading = read(name)
    expected = whole(name, reading)
    for places in choices(reading):
        near(model.logits(reading, places), rows_of(expected, reading, places))
        passes = model._passes
        near(passes.logits(reading, torch.tensor([reading.ids]), places)[0], rows_of(expected, reading, places))


@pytest.mark.parametrize("name", PER_POSITION)
def test_only_the_places_asked_for_go_through_the_head(name):
    model, reading = read(name)
    passes, widths = model._passes, []
    head = passes.module.get_output_embeddings()
    handle = head.register_forward_hook(lambda _, args, output: widths.append(output.shape[1]))
    places = [reading.places[-1], reading.places[0]]
    few = passes.logits(reading, torch.tensor([reading.ids]), places)
    handle.remove()
    passes_all = name == "MobileBERT"  # It multiplies by the matrix of its head without calling it.
    assert passes.narrows is not passes_all
    assert widths == ([] if passes_all else [2])
    near(few[0], rows_of(whole(name, reading), reading, places))


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "BERT", "T5", "BART"])
def test_without_narrowing_the_numbers_are_the_same(name, monkeypatch):
    model, reading = read(name)
    places, ids = [reading.places[2], reading.places[0]], torch.tensor([reading.ids])
    narrow = model._passes.logits(reading, ids, places)
    monkeypatch.setattr(model._passes, "narrows", False)
    near(model._passes.logits(reading, ids, places), narrow)


@pytest.mark.parametrize("name", CHOSEN)
def test_embeddings_in_place_of_token_numbers_are_all_that_counts(name):
    """The token numbers underneath are those of other words; the places of the template stay."""
    model, reading = read(name)
    embeddings = model.embed(reading)
    assert embeddings.shape[0] == len(reading.ids)
    expected = whole(name, reading)
    near(
        model.logits_from_embeddings(reading, embeddings[None], reading.places)[0],
        rows_of(expected, reading, reading.places),
    )
    ids = torch.tensor([reading.ids])
    text = torch.tensor([not token.special for token in reading.passage.tokens])
    others = ids.clone()
    others[:, text] = ids[:, text].roll(2, 1)
    assert not torch.equal(others, ids)
    under = model._passes.logits(reading, others, reading.places, embeddings[None])
    near(under[0], rows_of(expected, reading, reading.places))
    # And other embeddings make a difference.
    moved = model.logits_from_embeddings(reading, embeddings[None].roll(1, -1), reading.places)
    assert (moved[0] - rows_of(expected, reading, reading.places)).abs().max() > 1e-3


@pytest.mark.parametrize("name", CHOSEN)
def test_a_batch_of_embeddings_is_as_many_passes(name):
    model, reading = read(name)
    one = model.embed(reading)
    batch = torch.stack([one, one * 0.5, one.flip(0)])
    together = model.logits_from_embeddings(reading, batch, reading.places)
    for row, embeddings in zip(together, batch, strict=True):
        near(row, model.logits_from_embeddings(reading, embeddings[None], reading.places)[0])


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "Gemma 2", "T5", "BART"])
def test_a_text_may_be_cut_after_the_last_place(name):
    model, reading = read(name)
    place = reading.places[1]
    cut = model.embed(reading)[None, : reading.reach(place) + 1]
    near(model.logits_from_embeddings(reading, cut, [place])[0], rows_of(whole(name, reading), reading, [place]))


@pytest.mark.parametrize("name", CHOSEN)
def test_logits_and_their_origin_belong_together(name):
    model, reading = read(name)
    places = [reading.places[0], reading.places[-1], reading.places[-1]]
    embeddings = model.embed(reading)[None].requires_grad_(True)
    logits, origin = model.logits_and_origin(reading, embeddings, places)
    near(logits[0], rows_of(whole(name, reading), reading, places))
    (slopes,) = torch.autograd.grad(logits[:, 1].sum(), origin, retain_graph=True)
    assert slopes[:, 1].abs().max() > 0
    assert slopes[:, [0, 2]].abs().max() == 0
    (direct,) = torch.autograd.grad(logits[0, 1, 0], embeddings, retain_graph=True)
    (step,) = torch.autograd.grad(logits[0, 1, 0], origin, retain_graph=True)
    (through,) = torch.autograd.grad(origin, embeddings, step)
    near(through, direct)


SCALED = {"Gemma 2": 32**0.5, "Gemma 3": 32**0.5, "BART": 1.0, "GPT-2": 1.0, "T5": 1.0}


@pytest.mark.parametrize("name", SCALED)
def test_embeddings_are_scaled_where_the_module_scales_them(name):
    model, reading = read(name)
    matrix = raw(name).get_input_embeddings().weight[list(reading.ids)]
    near(model.embed(reading), matrix * SCALED[name])


def test_bart_scales_its_embeddings_inside_the_module():
    entry = zoo.BY_NAME["BART"]
    module = entry.build(scale_embedding=True)
    model = wrap(module, tokenizer_of(entry.family))
    reading = model.read(PROMPTS[entry.family], DECODING)
    near(model.embed(reading), module.model.shared.weight[list(reading.ids)] * 32**0.5)
    assert Capability.GRADIENTS in model.capabilities


@pytest.mark.parametrize(("name", "width"), [("ALBERT", 24), ("ELECTRA", 24), ("OPT (post-norm)", 24), ("BERT", 32)])
def test_embeddings_are_as_wide_as_the_matrix_and_states_as_the_blocks(name, width):
    model, reading = read(name)
    assert model.embed(reading).shape == (len(reading.ids), width)
    assert model.mean_embedding().shape == (width,)
    assert model.residual_states(reading).shape[-1] == 32


@pytest.mark.parametrize("name", [name for name in writers() if name != "FSMT"])
def test_both_stacks_are_fed_although_they_may_share_an_embedding_module(name):
    """Changing the embeddings of either side alone changes what is said."""
    model = wrapped(name)
    reading = model.read(PROMPTS[Family.ENCODER_DECODER], DECODING)
    border, embeddings = reading.passage.encoder_length, model.embed(reading)[None].requires_grad_(True)
    logits = model.logits_from_embeddings(reading, embeddings, reading.places[-1:])
    (slope,) = torch.autograd.grad(logits.square().sum(), embeddings)
    assert slope[0, :border].abs().max() > 1e-4
    assert slope[0, border:].abs().max() > 1e-4
    streams = model._passes.streams
    assert len(streams) == 2
    assert len({(stream.module, stream.call) for stream in streams}) == 2


def test_the_baseline_tokens_are_those_of_the_model():
    model = wrapped("BERT")
    mask = reading_of(model, [zoo.VOCABULARY[zoo.MASK]])
    assert torch.equal(model.token_embedding("mask"), model.embed(mask)[0])
    pad = reading_of(model, [zoo.VOCABULARY[zoo.PAD]])
    assert torch.equal(model.token_embedding("pad"), model.embed(pad)[0])


@pytest.mark.parametrize("name", names(Family.QUESTION_ANSWERING))
def test_the_second_text_is_told_apart_where_the_model_is_told(name):
    """Segments count: without them another answer would be computed."""
    model = wrapped(name)
    reading = model.read(QUESTION, DECODING)
    near(model.logits(reading, [0, 1]), whole(name, reading))
    if any(reading.segments):
        plain = reading_of(model, reading.ids)
        assert (model.logits(plain, [0, 1]) - whole(name, reading)).abs().max() > 1e-3
    else:
        assert name.startswith("Distil")
