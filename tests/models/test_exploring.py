"""What a model can do is found by trying; what it cannot do comes with the reason."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models.base import READOUT_TOLERANCE, Capability
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family, Prompt
from tests import tiny, zoo
from tests.models.families import PLAIN, names, tokenizer_of, wrapped
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

# What ProphetNet's decoder predicts changes with the length of its text (transformers 5.23); it has a test of its own.
EVERY = [name for name in names(*Family) if name != "ProphetNet"]
SIZE = {
    "vocab_size": len(zoo.VOCABULARY),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
}
SPEAKING = {Capability.GENERATION, Capability.LOGITS}


def built(kind, **settings):
    """A model with the weights of its own initialisation, large enough to tell its answers apart."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(kind.config_class(**{**SIZE, "initializer_range": 0.5, **settings})).eval()


@pytest.mark.parametrize("name", EVERY)
def test_whatever_a_model_can_do_is_proven_and_whatever_it_cannot_has_a_reason(name):
    model = wrapped(name)
    assert model.capabilities >= SPEAKING
    assert not model.reasons.keys() & model.capabilities
    assert model.proofs.keys() <= model.capabilities
    assert {Capability.GRADIENTS, Capability.LAYER_READOUT} & model.capabilities <= model.proofs.keys()
    assert max(model.proofs.values(), default=0.0) <= READOUT_TOLERANCE["float32"]
    for capability in (Capability.SCORES, Capability.GRADIENTS, Capability.LAYER_READOUT):
        assert (capability in model.capabilities) != (capability in model.reasons)


# What these architectures really lack. Gradients: a second vector per token that is looked up by its number, one text
# in both stacks, a text that is padded before it is looked up, padding found in a decoder's text. Lens: several streams
# at once, blocks that run in cycles, axes in another order.
LACKING = {
    "Gemma 3n": {Capability.GRADIENTS, Capability.LAYER_READOUT},
    "Gemma 4": {Capability.GRADIENTS},
    "DeepSeek-V4": {Capability.LAYER_READOUT},
    "HRM": {Capability.LAYER_READOUT},
    "BART (classifier)": {Capability.GRADIENTS},
    "Longformer": {Capability.GRADIENTS},
    "FSMT": {Capability.GRADIENTS, Capability.LAYER_READOUT},
    **{name: {Capability.SCORES} for name in names(Family.QUESTION_ANSWERING)},
}


@pytest.mark.parametrize("name", EVERY)
def test_nothing_else_is_missing(name):
    wanted = {*SPEAKING, Capability.SCORES, Capability.GRADIENTS, Capability.LAYER_READOUT}
    assert wanted - wrapped(name).capabilities == LACKING.get(name, set())


def test_a_decoder_that_looks_ahead_is_refused():
    with pytest.raises(ModelLoadError, match="is no causal decoder: what it predicts for a token changes"):
        wrapped("ProphetNet")


@pytest.mark.parametrize("name", ["RoBERTa", "RoBERTa (classifier)", "RoBERTa (answers by a span)"])
def test_a_model_that_counts_positions_from_its_padding_is_not_fooled_by_a_padding_token(name):
    """RoBERTa's padding is number 1, which neighbours its first token: a probe must not put it into the text."""
    assert wrapped(name).proofs[Capability.GRADIENTS] <= READOUT_TOLERANCE["float32"]


def test_a_model_that_looks_at_token_numbers_beside_its_embeddings_has_no_gradients():
    class Peeking(transformers.GPT2LMHeadModel):
        def forward(self, input_ids=None, **more):
            output = super().forward(input_ids=input_ids, **more)
            output.logits = output.logits + 0.1 * input_ids[..., None] * self.lm_head.weight.sum(-1)
            return output

    settings = zoo.BY_NAME["GPT-2"].settings
    module = Peeking(transformers.GPT2Config(**settings))
    module.load_state_dict(zoo.BY_NAME["GPT-2"].build().state_dict())
    model = wrap_as(module, Family.CAUSAL)
    assert Capability.GRADIENTS not in model.capabilities
    reason = model.reasons[Capability.GRADIENTS]
    assert reason.startswith("its logits from embeddings miss those from token numbers by ")
    with pytest.raises(CapabilityError, match="its logits from embeddings miss"):
        model.demand(frozenset({Capability.GRADIENTS}))


def wrap_as(module, family):
    """A module taken for one of another family than its name says."""
    from ecco_reports.models.base import ModelFacts
    from ecco_reports.models.huggingface import HuggingFaceModel
    from ecco_reports.models.tokens import FastTokenizer
    from ecco_reports.modelspec import ModelSpec

    tokenize = FastTokenizer.of(tokenizer_of(family))
    return HuggingFaceModel(module, tokenize, ModelFacts(ModelSpec(source="x"), {}, tokenize=tokenize, family=family))


def test_a_head_that_mixes_positions_gets_all_of_them():
    class Mixing(nn.Module):
        def __init__(self, head):
            super().__init__()
            self.head, self.weight = head, head.weight

        def forward(self, hidden):
            return self.head(hidden - hidden.mean(1, keepdim=True))

    module = zoo.BY_NAME["BERT"].build()
    module.cls.predictions.decoder = Mixing(module.cls.predictions.decoder)
    model = wrap(module, tokenizer_of(Family.MASKED))
    assert model._passes.narrows is False
    ids = [0, *range(4, 12), 0]
    whole = module(torch.tensor([ids])).logits[0]
    assert model.logits(reading_of(model, ids), [3, 1]).numpy() == pytest.approx(whole[[3, 1]].numpy(), abs=1e-5)


def test_an_argument_that_does_not_keep_what_it_is_told_is_not_used():
    """A model may take ``logits_to_keep`` and read it as a number of positions from the end only."""

    class Counting(transformers.LlamaForCausalLM):
        def forward(self, input_ids=None, logits_to_keep=0, **more):
            return super().forward(input_ids=input_ids, logits_to_keep=int(torch.as_tensor(logits_to_keep).sum()))

    module = built(Counting)
    model = wrap_as(module, Family.CAUSAL)
    assert model._passes.narrows is False
    ids = list(range(4, 12))
    whole = transformers.LlamaForCausalLM.forward(module, torch.tensor([ids])).logits[0]
    assert model.logits(reading_of(model, ids), [5, 2]).numpy() == pytest.approx(
        whole[[5, 2]].detach().numpy(), abs=1e-5
    )


@pytest.mark.parametrize("kind", ["BertModel", "DistilBertModel", "BartModel", "T5EncoderModel", "GPT2Model"])
def test_a_model_without_a_head_says_nothing_and_says_why(kind):
    cls = getattr(transformers, kind)
    named = {"BartModel": "BART", "T5EncoderModel": "T5", "GPT2Model": "GPT-2", "DistilBertModel": "DistilBERT"}
    module = cls(cls.config_class(**zoo.BY_NAME[named.get(kind, "BERT")].settings))
    model = wrap(module, tokenizer_of(Family.NONE))
    assert model.family is Family.NONE
    wanted = {*SPEAKING, Capability.SCORES, Capability.GRADIENTS, Capability.LAYER_READOUT}
    assert not wanted & model.capabilities
    assert {model.reasons[capability] for capability in wanted} == {
        "it has no head that turns its vectors into words or classes"
    }
    assert model.layers == 3
    reading = model.read(PLAIN, Decoding())
    assert (reading.places, reading.spoken, reading.passage.answers) == ((), (), ())
    with pytest.raises(CapabilityError, match="it has no head"):
        model.demand(frozenset({Capability.LOGITS}))


@pytest.mark.parametrize(
    "kind", [transformers.BertForTokenClassification, transformers.BertForMultipleChoice, transformers.T5Model]
)
def test_a_kind_of_model_that_is_none_of_the_families_is_refused_in_a_sentence(kind):
    settings = zoo.BY_NAME["T5" if kind is transformers.T5Model else "BERT"].settings
    with pytest.raises(ModelLoadError, match=rf"^{kind.__name__} cannot be run on a text \(.*\)\.$"):
        wrap(kind(kind.config_class(**settings)), tokenizer_of(Family.NONE))


def test_exploring_and_reading_leave_the_world_as_it_was():
    """Neither chance nor threads nor gradients nor the module's own hooks, methods and settings are changed."""
    for name in ("Llama", "BERT", "T5", "GPT-2 (classifier)", "DistilBERT (answers by a span)"):
        entry = zoo.BY_NAME[name]
        module = entry.build()
        before = state_of_the_world(module)
        model = wrap(module, tokenizer_of(entry.family))
        prompt = Prompt(
            name="p", text=tiny.TEXT, text_pair="the cat" if entry.family is Family.QUESTION_ANSWERING else None
        )
        reading = model.read(prompt, Decoding(max_new_tokens=2))
        if reading.places:
            model.logits_from_embeddings(reading, model.embed(reading)[None], reading.places)
            model.read_out(reading, model.residual_states(reading), reading.places)
        assert state_of_the_world(module) == before, name


def state_of_the_world(module):
    return (
        torch.get_rng_state().tolist(),
        random.getstate(),
        np.random.get_state()[1].tolist(),
        torch.get_num_threads(),
        torch.is_grad_enabled(),
        torch.get_default_dtype(),
        module.config.to_dict(),
        [
            (name, len(part._forward_hooks), len(part._forward_pre_hooks), "forward" in part.__dict__)
            for name, part in module.named_modules()
        ],
    )


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"num_labels": 1}, "predicts a number"),
        ({"problem_type": "regression"}, "predicts a number"),
        ({"problem_type": "multi_label_classification"}, "do not exclude each other"),
    ],
)
def test_a_head_that_does_not_choose_between_classes_is_not_taken_for_one_that_does(settings, why):
    """A softmax over such logits would be a probability of nothing."""
    entry = zoo.BY_NAME["BERT (classifier)"]
    module = entry.build()
    for name, value in settings.items():
        setattr(module.config, name, value)
    model = wrap(module, zoo.tokenizer(entry.family))
    saying = {
        Capability.GENERATION,
        Capability.LOGITS,
        Capability.SCORES,
        Capability.GRADIENTS,
        Capability.LAYER_READOUT,
    }
    assert not model.capabilities & saying
    assert not model.proofs.keys() & saying
    assert all(why in model.reasons[one] for one in saying)
    assert Capability.ATTENTION in model.capabilities
    assert model.read(Prompt(name="p", text="one two three four"), Decoding()).spoken == ()
