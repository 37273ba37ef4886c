"""The residual stream of every stack is what the library itself hands from layer to layer."""

from __future__ import annotations

import pytest
import torch

import ecco_reports
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import Capability, Stack
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family, Prompt
from tests import zoo
from tests.models.families import PLAIN, PROMPTS, names, raw, tokenizer_of, wrapped
from tests.zoo.entry import WIDTH

pytestmark = pytest.mark.usefixtures("one_thread")

REVIEW = Prompt(name="p", text="sst2 sentence: The film is not bad at all.")


def read(model, prompt=None):
    return model.read(prompt or PROMPTS[model.family], Decoding(max_new_tokens=3))


@torch.no_grad()
def encoded_by(module, reading):
    """All that an encoder hands out, called directly."""
    ids = torch.tensor([reading.ids[: reading.passage.encoder_length]])
    return module.get_encoder()(input_ids=ids, output_hidden_states=True)


@pytest.mark.parametrize("name", ["T5", "Flan-T5", "BART", "Pegasus", "Marian"])
def test_an_encoder_has_a_stream_of_its_own_that_ends_in_what_its_decoder_listens_to(name):
    model = wrapped(name)
    reading = read(model)
    states = model.residual_states(reading, Stack.ENCODER)
    theirs = encoded_by(raw(name), reading)
    assert model.stacks == (Stack.ENCODER, Stack.MAIN)
    assert states.shape == (4, reading.passage.encoder_length, WIDTH)
    for state, hidden in zip(states[:-1], theirs.hidden_states, strict=False):
        assert torch.allclose(state, hidden[0], rtol=1e-5, atol=1e-6)
    norms = [
        part for path, part in raw(name).get_encoder().named_children() if path in ("final_layer_norm", "layer_norm")
    ]
    with torch.no_grad():
        handed = norms[0](states[-1]) if norms else states[-1]
    assert torch.allclose(handed, theirs.last_hidden_state[0], rtol=1e-5, atol=1e-6)


def test_the_bundled_encoder_ends_in_what_its_decoder_listens_to():
    model = ecco_reports.load_model("bundled:sentiment")
    reading = read(model, REVIEW)
    states = model.residual_states(reading, Stack.ENCODER)
    module = model._module
    theirs = encoded_by(module, reading)
    assert torch.allclose(states[0], theirs.hidden_states[0][0], rtol=1e-5, atol=1e-6)
    with torch.no_grad():
        assert torch.allclose(
            module.get_encoder().final_layer_norm(states[-1]), theirs.last_hidden_state[0], rtol=1e-5, atol=1e-6
        )
    main = model.residual_states(reading)
    assert main.shape[1] == len(reading.ids) - reading.passage.encoder_length


@pytest.mark.parametrize("name", names(Family.ENCODER_DECODER))
def test_the_proof_of_an_encoder_decoder_covers_its_encoder(name):
    try:
        model = wrapped(name)
    except ecco_reports.errors.ModelLoadError:
        return
    if Capability.STATES in model.capabilities:
        assert Stack.ENCODER in model.stacks
        # Rounding: another matrix product is done where the last block alone runs.
        assert model.proofs[Capability.STATES] < 1e-5
    else:
        assert model.stacks == ()


@pytest.mark.parametrize("kind", ["BertModel", "DistilBertModel", "T5EncoderModel", "GPT2Model"])
def test_a_model_without_a_head_has_states_all_the_same(kind):
    import transformers

    cls = getattr(transformers, kind)
    named = {"T5EncoderModel": "T5", "GPT2Model": "GPT-2", "DistilBertModel": "DistilBERT"}
    module = cls(cls.config_class(**zoo.BY_NAME[named.get(kind, "BERT")].settings))
    model = wrap(module, tokenizer_of(Family.NONE))
    model.demand(frozenset({Capability.STATES}))
    reading = model.read(PLAIN, Decoding())
    with torch.no_grad():
        theirs = module(torch.tensor([reading.ids]), output_hidden_states=True).hidden_states
    states = model.residual_states(reading)
    assert states.shape == (4, len(reading.ids), WIDTH)
    assert torch.allclose(states[1], theirs[1][0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["GPT-2", "BERT", "BERT (classifier)"])
def test_a_model_of_one_stack_has_no_encoder_to_listen_to(name):
    model = wrapped(name)
    assert model.stacks == (Stack.MAIN,)
    with pytest.raises(CapabilityError, match="residual stream"):
        model.residual_states(read(model), Stack.ENCODER)


def test_a_classifier_that_makes_no_choice_has_states_all_the_same():
    module = zoo.BY_NAME["BERT (classifier)"].build(problem_type="multi_label_classification")
    model = wrap(module, tokenizer_of(Family.CLASSIFICATION))
    assert {Capability.LAYER_READOUT, Capability.LOGITS}.isdisjoint(model.capabilities)
    assert model.residual_states(model.read(PLAIN, Decoding())).shape[0] == 4
