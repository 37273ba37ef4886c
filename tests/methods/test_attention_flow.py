"""Attention and its rollout against ports of the formulas that know nothing of our code, and against transformers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.attention_flow import (
    Attention,
    attention_of,
    attention_rollout,
    raw_attention,
    speaking_positions,
)
from ecco_reports.methods.targets import Target
from ecco_reports.models.base import Capability
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family
from tests import tiny
from tests.models import families

pytestmark = pytest.mark.usefixtures("one_thread")


def rows(rng, *shape):
    """Random rows that add up to one."""
    weights = rng.random(shape)
    return weights / weights.sum(-1, keepdims=True)


def joint(maps):
    """Abnar & Zuidema 2020, written down once more: 0.5 A + 0.5 I, multiplied from the first layer up."""
    product = np.eye(maps[0].shape[-1])
    for weights in maps:
        product = (0.5 * weights.mean(0) + 0.5 * np.eye(weights.shape[-1])) @ product
    return product


def joint_of_two(encoder, own, cross):
    """The same for two stacks, on all positions of both texts at once: a square matrix for each step."""
    read, written = encoder[0].shape[-1], own[0].shape[-1]
    whole = np.eye(read + written)
    whole[:read, :read] = joint(encoder)
    for self_weights, cross_weights in zip(own, cross, strict=True):
        looks_at_itself, listens = np.eye(read + written), np.eye(read + written)
        looks_at_itself[read:, read:] = 0.5 * self_weights.mean(0) + 0.5 * np.eye(written)
        listens[read:, read:] *= 0.5
        listens[read:, :read] = 0.5 * cross_weights.mean(0)
        whole = listens @ looks_at_itself @ whole
    return whole


def layered(maps):
    return dict(enumerate(maps))


def test_rollout_is_the_formula_of_its_paper_to_twelve_digits():
    rng = np.random.default_rng(0)
    maps = [
        np.stack([np.tril(head) / np.tril(head).sum(-1, keepdims=True) for head in rows(rng, 3, 6, 6)]) for _ in "abcd"
    ]
    found = attention_rollout(Attention(layered(maps), {}, {}, 0), [[5], [3], [2, 4]], 6)
    expected = joint(maps)
    assert found.weights[:2] == pytest.approx(expected[[5, 3]], abs=1e-12)
    assert found.weights[2] == pytest.approx(expected[[2, 4]].mean(0), abs=1e-12)
    assert found.residuals.max() < 1e-12
    assert not found.weights[1, 4:].any()
    assert found.layers == (0, 1, 2, 3)


def test_rollout_of_two_stacks_is_one_product_over_both_texts():
    rng = np.random.default_rng(1)
    encoder = [rows(rng, 2, 5, 5) for _ in range(3)]
    own, cross = [rows(rng, 2, 4, 4) for _ in range(2)], [rows(rng, 2, 4, 5) for _ in range(2)]
    attention = Attention(layered(own), layered(encoder), layered(cross), 5)
    found = attention_rollout(attention, [[8], [5]], 9)
    assert found.weights == pytest.approx(joint_of_two(encoder, own, cross)[[8, 5]], abs=1e-12)
    assert found.residuals.max() < 1e-12


def test_what_a_sink_takes_is_said_and_rolled_over():
    weights = rows(np.random.default_rng(2), 2, 3, 3)
    weights[1] *= 0.6
    attention = Attention({0: weights}, {}, {}, 0)
    raw, rolled = raw_attention(attention, [[2]], 3, "last", "mean"), attention_rollout(attention, [[2]], 3)
    assert raw.missing == pytest.approx([0.4])
    assert raw.weights.sum() == pytest.approx(0.8)
    assert raw.residuals == pytest.approx([0.0])
    assert rolled.missing == pytest.approx([0.4])
    assert rolled.weights.sum() == pytest.approx(1.0)
    both = weights.mean(0)[2] + np.eye(3)[2]
    assert rolled.weights[0] == pytest.approx(both / both.sum())


def test_rows_that_add_up_to_more_or_are_negative_are_found_out():
    attention = Attention({0: np.array([[[0.7, 0.5], [1.2, -0.2]]])}, {}, {}, 0)
    assert raw_attention(attention, [[0], [1]], 2, "last", "mean").residuals == pytest.approx([0.2, 0.2])


def test_layers_and_heads_can_be_chosen():
    maps = [rows(np.random.default_rng(number), 3, 4, 4) for number in range(3)]
    attention = Attention({0: maps[0], 2: maps[1], 3: maps[2]}, {}, {}, 0, "m")

    def said(layer, heads):
        return raw_attention(attention, [[1]], 4, layer, heads).weights[0]

    assert said("last", "mean") == pytest.approx(maps[2][:, 1].mean(0))
    assert said(-2, "max") == pytest.approx(maps[1][:, 1].max(0))
    assert said(0, 2) == pytest.approx(maps[0][2, 1])
    assert said("mean", "mean") == pytest.approx(np.mean([each[:, 1].mean(0) for each in maps], axis=0))
    with pytest.raises(CapabilityError, match="m has attention in layers 0, 2, 3, and none in 1"):
        said(1, "mean")
    with pytest.raises(CapabilityError, match="m has 3 heads in a layer, 0 to 2, and no head 3"):
        said("last", 3)


def hand_on(reading, model, layer="last"):
    targets = [Target(one.place, one.outcome) for one in reading.spoken]
    attention, queries = attention_of(model, reading), speaking_positions(model, reading, targets)
    return raw_attention(attention, queries, len(reading.ids), layer, "mean"), queries


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_raw_attention_is_what_transformers_hands_out(family):
    module = tiny.build(family)
    model = wrap(tiny.build(family), tiny.word_tokenizer())
    reading = model.read(families.PROMPTS[Family.CAUSAL], Decoding(max_new_tokens=3))
    found, _ = hand_on(reading, model)
    module.set_attn_implementation("eager")
    weights = module(torch.tensor([reading.ids]), output_attentions=True).attentions[-1][0]
    places = [one.place for one in reading.spoken]
    assert found.weights == pytest.approx(weights.mean(0)[places].numpy(), abs=1e-6)


def test_two_streams_are_each_looked_at_whole():
    module, model = families.raw("T5"), families.wrapped("T5")
    reading = model.read(families.PLAIN, Decoding(max_new_tokens=2))
    found, queries = hand_on(reading, model)
    border = reading.passage.encoder_length
    module.set_attn_implementation("eager")
    said = module(
        input_ids=torch.tensor([reading.ids[:border]]),
        decoder_input_ids=torch.tensor([reading.ids[border:]]),
        output_attentions=True,
    )
    at = [query[0] - border for query in queries]
    assert found.weights[:, :border] == pytest.approx(said.cross_attentions[-1][0].mean(0)[at].numpy(), abs=1e-6)
    assert found.weights[:, border:] == pytest.approx(said.decoder_attentions[-1][0].mean(0)[at].numpy(), abs=1e-6)
    assert found.weights.sum(-1) == pytest.approx([2.0, 2.0], abs=1e-5)


@pytest.mark.parametrize(
    ("name", "prompt", "expected"),
    [
        ("BERT (classifier)", families.PLAIN, [0]),
        ("GPT-2 (classifier)", families.PLAIN, [-1]),
        ("BERT", families.MASKED, [4]),
    ],
)
def test_the_place_where_a_model_speaks_is_found_by_trying(name, prompt, expected):
    model = families.wrapped(name)
    reading = model.read(prompt, Decoding())
    queries = speaking_positions(model, reading, [Target(reading.spoken[0].place, 1)])
    assert queries == [[at % len(reading.ids) for at in expected]]


def test_the_ends_of_an_answer_look_from_where_they_stand():
    model = families.wrapped("BERT (answers by a span)")
    reading = model.read(families.QUESTION, Decoding())
    whole, start = Target(0, 9, also=(Target(1, 11),)), Target(0, 9)
    assert speaking_positions(model, reading, [whole, start]) == [[9, 11], [9]]


def test_a_class_read_from_states_out_of_reach_is_refused(monkeypatch):
    model = families.wrapped("BERT (classifier)")
    reading = model.read(families.PLAIN, Decoding())
    monkeypatch.setattr(model, "capabilities", model.capabilities - {Capability.LAYER_READOUT})
    with pytest.raises(CapabilityError, match="readout"):
        speaking_positions(model, reading, [Target(0, 1)])
