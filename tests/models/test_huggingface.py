from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from torch import nn

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models.base import READOUT_TOLERANCE, Capability
from ecco_reports.models.huggingface import load, wrap
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Prompt, Sampling
from tests import tiny
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = Prompt(name="p", text=tiny.TEXT)
IDS = tiny.word_tokenizer().encode(tiny.TEXT).ids
EVERYWHERE = range(len(IDS))
EVERYTHING = frozenset(Capability) - {Capability.CANDIDATES}


def fresh(family="gpt2", change=lambda model: None):
    model = tiny.build(family)
    change(model)
    return wrap(model, tiny.word_tokenizer())


def logits_of(model, places=EVERYWHERE):
    """Logits of the text, ``[place, vocab]``."""
    return model.logits(reading_of(model, IDS), places)


def embedded(model, ids=IDS):
    """Input embeddings, ``[position, width]``."""
    return model.embed(reading_of(model, ids))


def written_by(model, decoding):
    """The token numbers that a model writes after the text."""
    return tuple(token.id for token in model.read(PROMPT, decoding).passage.generated)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "float64", "bfloat16", "float16"])
def test_every_architecture_can_do_everything_in_every_precision(family, dtype, tiny_model):
    model = tiny_model(family, dtype)
    assert (model.capabilities, set(model.reasons)) == (EVERYTHING, {Capability.CANDIDATES})
    softmax = {capability: 1e-5 if capability is Capability.ATTENTION else 0.0 for capability in model.proofs}
    assert all(model.proofs[one] <= max(READOUT_TOLERANCE[dtype], softmax[one]) for one in model.proofs)
    assert (model.layers, model.facts.layers, model.facts.spec.dtype) == (tiny.LAYERS, tiny.LAYERS, dtype)
    assert logits_of(model).dtype == (torch.float64 if dtype == "float64" else torch.float32)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_saved_folder_gives_the_same_logits(family, tmp_path, tiny_model):
    loaded = load(ModelSpec(source=str(tiny.save(tmp_path, family)), device="cpu"))
    assert loaded.device == "cpu"
    assert torch.equal(logits_of(loaded), logits_of(tiny_model(family)))


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_logits_at_places_are_those_of_the_whole(family, tiny_model):
    model = tiny_model(family)
    whole = tiny.build(family)(torch.tensor([IDS])).logits[0]
    for places in ([2], [6, 1], [1, 1], [], EVERYWHERE):
        # Nothing is kept of an earlier pass: each of them is asked of a text of its own.
        ids = [*IDS, places[0] if places else 0]
        assert model.logits(reading_of(model, ids), places).numpy() == pytest.approx(
            whole[list(places)].numpy(), abs=1e-5
        )
        assert logits_of(model, places).numpy() == pytest.approx(whole[list(places)].numpy(), abs=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_each_row_of_the_logits_hangs_on_its_own_row_of_the_origin(family, tiny_model):
    model = tiny_model(family)
    embeddings = embedded(model)[None].requires_grad_(True)
    logits, origin = model.logits_and_origin(reading_of(model, IDS), embeddings, [3, 5, 5])
    (slopes,) = torch.autograd.grad(logits[:, 1].sum(), origin)
    assert slopes[:, 1].abs().max() > 0
    assert slopes[:, [0, 2]].abs().max() == 0


def test_the_embedding_module_scales_what_it_looks_up(tiny_model):
    """Gemma multiplies by the root of its width inside the module; the matrix alone would be another input."""
    model = tiny.build("gemma2")
    rows = model.get_input_embeddings().weight[IDS]
    assert embedded(tiny_model("gemma2")).numpy() == pytest.approx(rows.numpy() * 32**0.5, abs=1e-5)


def test_the_mean_embedding_is_the_mean_of_all(tiny_model):
    expected = tiny.build("gpt2").get_input_embeddings().weight.mean(0)
    assert tiny_model("gpt2").mean_embedding().numpy() == pytest.approx(expected.numpy(), abs=1e-6)


def test_greedy_generation_takes_the_best_each_time(tiny_model):
    model = tiny_model("gpt2")
    reading = model.read(PROMPT, Decoding(max_new_tokens=6))
    assert reading.ids[: len(IDS)] == tuple(IDS)
    assert [one.place for one in reading.spoken] == list(range(len(IDS) - 1, len(IDS) + 5))
    assert [one.position for one in reading.spoken] == list(range(len(IDS), len(IDS) + 6))
    outcomes = [one.outcome for one in reading.spoken]
    assert outcomes == list(reading.ids[len(IDS) :])
    logits = tiny.build("gpt2")(torch.tensor([reading.ids])).logits[0]
    assert outcomes == logits[len(IDS) - 1 : -1].argmax(-1).tolist()
    forced = logits.log_softmax(-1)[range(len(IDS) - 1, len(reading.ids) - 1), outcomes]
    assert [one.logprob for one in reading.spoken] == pytest.approx(forced.tolist(), abs=1e-5)


def test_a_seed_draws_the_same_text_and_another_seed_another():
    def drawn(seed):
        return written_by(fresh(), Decoding(max_new_tokens=8, sampling=Sampling(temperature=2.0, seed=seed)))

    assert drawn(3) == drawn(3)
    assert len({drawn(seed) for seed in range(5)}) > 1


def test_drawing_with_one_candidate_is_greedy():
    sampling = Sampling(temperature=5.0, top_k=1, seed=1)
    greedy = written_by(fresh(), Decoding(max_new_tokens=6))
    assert written_by(fresh(), Decoding(max_new_tokens=6, sampling=sampling)) == greedy


def test_drawing_leaves_every_global_state_of_chance_alone():
    model = fresh()
    states = torch.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist()
    written_by(model, Decoding(max_new_tokens=4, sampling=Sampling(seed=9)))
    assert torch.equal(torch.get_rng_state(), states[0])
    assert random.getstate() == states[1]
    assert np.random.get_state()[1].tolist() == states[2]


def test_a_checkpoint_cannot_slip_in_penalties_or_sampling():
    def sly(model):
        model.generation_config.update(
            do_sample=True, temperature=9.0, repetition_penalty=9.0, no_repeat_ngram_size=1, min_new_tokens=8, top_k=3
        )

    plain = Decoding(max_new_tokens=8)
    assert written_by(fresh("llama", sly), plain) == written_by(fresh("llama"), plain)
    drawn = Decoding(max_new_tokens=8, sampling=Sampling(seed=4))
    assert written_by(fresh("gpt2", sly), drawn) == written_by(fresh("gpt2"), drawn)


def test_a_model_may_have_several_ends_of_text():
    greedy = written_by(fresh(), Decoding(max_new_tokens=6))

    def several(model):
        model.generation_config.eos_token_id = [45, greedy[1]]

    model = fresh(change=several)
    assert written_by(model, Decoding(max_new_tokens=6)) == greedy[: greedy.index(greedy[1]) + 1]
    assert torch.equal(model.token_embedding("eos"), embedded(model, [45])[0])


def test_a_model_without_end_of_text_says_so_when_asked_for_it():
    def endless(model):
        model.generation_config.eos_token_id = None
        model.config.eos_token_id = None

    model = fresh(change=endless)
    assert len(written_by(model, Decoding(max_new_tokens=4))) == 4
    with pytest.raises(CapabilityError, match="eos needs a token of that kind, and the model has none"):
        model.token_embedding("eos")


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_tied_and_untied_heads_are_read_out_alike(family, tiny_model):
    model = tiny.build(family)
    assert (model.get_output_embeddings().weight is model.get_input_embeddings().weight) == (family == "gpt2")
    ours = tiny_model(family)
    reading = reading_of(ours, IDS)
    read = ours.read_out(reading, ours.residual_states(reading)[-1:], EVERYWHERE)[0]
    assert read.numpy() == pytest.approx(model(torch.tensor([IDS])).logits[0].numpy(), abs=1e-5)


class Hidden(nn.Module):
    """Blocks that stand in no list, though one can go through them."""

    def __init__(self, blocks):
        super().__init__()
        for number, block in enumerate(blocks):
            setattr(self, f"block_{number}", block)

    def __getitem__(self, key):
        return list(self.children())[key]

    def __iter__(self):
        return iter(self.children())

    def __len__(self):
        return len(list(self.children()))


def hide(model):
    model.transformer.h = Hidden(model.transformer.h)


def test_blocks_that_are_in_no_list_are_found_by_what_the_model_declares(tiny_model):
    model = fresh(change=hide)
    assert model.capabilities == EVERYTHING
    states = model.residual_states(reading_of(model, IDS))
    assert torch.equal(states, tiny_model("gpt2").residual_states(reading_of(model, IDS)))


def test_a_model_whose_blocks_are_in_no_list_and_not_declared_says_why_it_has_no_lens():
    def undeclared(model):
        hide(model)
        for part in model.modules():
            part._can_record_outputs = {}

    model = fresh(change=undeclared)
    inside = {
        Capability.STATES,
        Capability.LAYER_READOUT,
        Capability.RESUME,
        Capability.ATTENTION,
        Capability.NEURONS,
        Capability.WRITES,
    }
    assert model.capabilities & (EVERYTHING - inside) == EVERYTHING - inside
    assert Capability.LAYER_READOUT not in model.capabilities
    assert "no list of blocks was found" in model.reasons[Capability.LAYER_READOUT]
    assert model.layers == 0
    assert logits_of(model).shape == (len(IDS), len(tiny.VOCABULARY))
    with pytest.raises(CapabilityError, match=r"readout of intermediate layers: no list of blocks"):
        model.demand(frozenset({Capability.LAYER_READOUT}))


def test_a_model_that_looks_ahead_is_no_causal_one():
    """A BERT without ``is_decoder`` whose head is called causal reads in both directions all the same."""
    from transformers import BertConfig, BertLMHeadModel

    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    torch.manual_seed(0)
    model = BertLMHeadModel(BertConfig(vocab_size=len(tiny.VOCABULARY), initializer_range=0.5, **size))
    with pytest.raises(ModelLoadError, match=r"no causal language model.*write family: masked"):
        wrap(model, tiny.word_tokenizer())


def test_what_is_no_model_or_no_tokenizer_is_refused():
    with pytest.raises(ModelLoadError, match="no fast tokenizer"):
        wrap(tiny.build("gpt2"), None)
    with pytest.raises(ModelLoadError, match="no model of the transformers library"):
        wrap(nn.Linear(2, 2), tiny.word_tokenizer())


def test_damaged_weights_are_refused(tmp_path):
    folder = tiny.save(tmp_path)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(ModelLoadError, match="cannot be loaded as a causal language model"):
        load(ModelSpec(source=str(folder)))


def test_weights_that_are_missing_are_not_made_up(tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tiny.save(tmp_path, "llama")
    weights = load_file(folder / "model.safetensors")
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelLoadError, match=r"1 of its weights are not in the files \(model\.layers\.1\.mlp"):
        load(ModelSpec(source=str(folder)))


def test_a_folder_without_tokenizer_or_of_another_kind_is_refused(tmp_path):
    from transformers import T5Config

    folder = tiny.save(tmp_path / "a")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelLoadError, match="has no tokenizer"):
        load(ModelSpec(source=str(folder)))
    other = tiny.save(tmp_path / "b")
    T5Config().save_pretrained(other)
    with pytest.raises(ModelLoadError, match="cannot be loaded as a causal language model") as caught:
        load(ModelSpec(source=str(other), family="causal"))
    assert len(str(caught.value)) < 400


def test_one_prompt_costs_one_pass():
    module, passes = tiny.build("gpt2"), []
    model = wrap(module, tiny.word_tokenizer())
    module.register_forward_pre_hook(lambda *_: passes.append(1))
    reading = reading_of(model, IDS)
    model.logits(reading, EVERYWHERE)
    model.residual_states(reading)
    model.logits(reading, [2, 3])
    assert len(passes) == 1
