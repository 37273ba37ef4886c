"""Shortened texts: what the model says of them is what transformers says of the shortened token numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import Capability
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family, Prompt
from tests import tiny, zoo
from tests.models.families import END, MASK, MASKED, PLAIN, QUESTION, names, raw, tokenizer_of, wrapped, writers

pytestmark = pytest.mark.usefixtures("one_thread")

UNITS = [(1,), (2, 3), (5,), (7,)]
DROPPED = [[], [0], [1], [2], [0, 3], [1, 2], [3]]
DECODING = Decoding(max_new_tokens=3)


def shortened(ids, indices):
    gone = {position for index in indices for position in UNITS[index]}
    return torch.tensor([[number for position, number in enumerate(ids) if position not in gone]])


def found_for(model, reading, units=UNITS, dropped=DROPPED):
    scores = model.scores_without(reading, units, dropped)
    assert scores.bounds == frozenset()
    return scores.logprobs


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "Mamba"])
def test_a_text_that_goes_on_loses_tokens_of_its_prompt(name):
    model = wrapped(name)
    reading = model.read(Prompt(name="p", text=tiny.TEXT), DECODING)
    length, spoken = reading.passage.prompt_length, [one.outcome for one in reading.spoken]
    for indices, scores in zip(DROPPED, found_for(model, reading), strict=True):
        prompt = shortened(reading.ids[:length], indices)
        text = torch.cat([prompt, torch.tensor([spoken])], 1)
        logprobs = raw(name)(text).logits[0, prompt.shape[1] - 1 : -1].log_softmax(-1)
        assert scores == pytest.approx(logprobs[range(3), spoken].tolist(), abs=1e-5)


@pytest.mark.parametrize("name", ["GPT-2", "Llama"])
def test_where_nothing_of_the_prompt_is_left_the_text_begins_with_the_models_first_token(name):
    model = wrapped(name)
    reading = model.read(Prompt(name="p", text=tiny.TEXT), DECODING)
    units = [tuple(range(reading.passage.prompt_length))]
    (scores,) = found_for(model, reading, units, [[0]])
    spoken = [one.outcome for one in reading.spoken]
    logprobs = raw(name)(torch.tensor([[END, *spoken]])).logits[0, :-1].log_softmax(-1)
    assert scores == pytest.approx(logprobs[range(3), spoken].tolist(), abs=1e-5)


def test_a_model_without_a_first_token_says_nothing_of_an_empty_text():
    nameless = tokenizer_of(Family.CAUSAL)
    nameless.bos_token = nameless.eos_token = None
    module = zoo.BY_NAME["GPT-2"].build()
    for config in (module.config, module.generation_config):
        config.bos_token_id = config.eos_token_id = None
    model = wrap(module, nameless)
    reading = model.read(Prompt(name="p", text="London"), DECODING)
    with pytest.raises(CapabilityError, match="nothing of the prompt is left"):
        model.scores_without(reading, [(0,)], [[0]])


@pytest.mark.parametrize("name", ["BERT", "RoBERTa", "ALBERT", "ModernBERT"])
def test_masks_stay_and_move_with_the_tokens_around_them(name):
    model = wrapped(name)
    reading = model.read(MASKED, DECODING)
    # Texts of one length in which the masks stand in different places, which one pass must not mix up.
    units, dropped = [(1,), (5,), (8,)], [[], [0], [1], [2], [0, 2], [1, 2]]
    for indices, scores in zip(dropped, found_for(model, reading, units, dropped), strict=True):
        gone = {position for index in indices for position in units[index]}
        text = torch.tensor([[number for position, number in enumerate(reading.ids) if position not in gone]])
        masks = (text[0] == MASK).nonzero()[:, 0].tolist()
        assert len(masks) == 2
        logprobs = raw(name)(text).logits[0, masks].log_softmax(-1)
        assert scores == pytest.approx(logprobs[range(2), [one.outcome for one in reading.spoken]].tolist(), abs=1e-5)


@pytest.mark.parametrize("name", writers())
def test_an_encoder_loses_tokens_and_the_decoder_keeps_its_own(name):
    model = wrapped(name)
    reading = model.read(PLAIN, DECODING)
    border = reading.passage.encoder_length
    spoken = [one.outcome for one in reading.spoken]
    written = torch.tensor([reading.ids[border:-1]])
    assert written.tolist() == [[END, *spoken[:-1]]]
    for indices, scores in zip(DROPPED, found_for(model, reading), strict=True):
        text = shortened(reading.ids[:border], indices)
        logprobs = raw(name)(input_ids=text, decoder_input_ids=written, use_cache=False).logits[0].log_softmax(-1)
        assert scores == pytest.approx(logprobs[range(len(spoken)), spoken].tolist(), abs=1e-5)


@pytest.mark.parametrize("name", names(Family.CLASSIFICATION))
def test_the_class_of_a_shorter_text_is_scored(name):
    model = wrapped(name)
    reading = model.read(PLAIN, DECODING)
    (spoken,) = reading.spoken
    for indices, (score,) in zip(DROPPED, found_for(model, reading), strict=True):
        logprobs = raw(name)(shortened(reading.ids, indices)).logits[0].log_softmax(-1)
        assert score == pytest.approx(logprobs[spoken.outcome].item(), abs=1e-5)


def test_a_classifier_without_a_padding_token_reads_several_texts_at_once():
    """Transformers refuses such batches, for it could not tell where the shorter texts end; these have one length."""
    entry = zoo.BY_NAME["GPT-2 (classifier)"]
    module = replace(entry, settings={**entry.settings, "pad_token_id": None}).build()
    model = wrap(module, tokenizer_of(Family.CLASSIFICATION))
    reading = model.read(PLAIN, DECODING)
    (spoken,) = reading.spoken
    for indices, (score,) in zip(DROPPED, found_for(model, reading), strict=True):
        logprobs = module(shortened(reading.ids, indices)).logits[0].log_softmax(-1)
        assert score == pytest.approx(logprobs[spoken.outcome].item(), abs=1e-5)
    assert module.config.pad_token_id is None


def test_what_is_left_of_two_texts_keeps_to_its_text():
    """Two variants of one length differ in which text a token belongs to."""
    name = "BERT (classifier)"
    model = wrapped(name)
    reading = model.read(QUESTION, DECODING)
    (spoken,) = reading.spoken
    assert any(reading.segments)
    units = [(1, 2), (10, 11)]
    found = found_for(model, reading, units, [[0], [1]])
    for unit, (score,) in zip(units, found, strict=True):
        kept = [position for position in range(len(reading.ids)) if position not in unit]
        output = raw(name)(
            torch.tensor([[reading.ids[position] for position in kept]]),
            token_type_ids=torch.tensor([[reading.segments[position] for position in kept]]),
        )
        assert score == pytest.approx(output.logits[0].log_softmax(-1)[spoken.outcome].item(), abs=1e-5)


@pytest.mark.parametrize("name", ["GPT-2", "BERT", "T5", "BERT (classifier)"])
def test_small_batches_change_nothing(name, monkeypatch):
    model = wrapped(name)
    reading = model.read(MASKED if name == "BERT" else PLAIN, DECODING)
    units = [(1,), (3,), (5,)]
    whole = found_for(model, reading, units, [[], [0], [1], [2]])
    monkeypatch.setattr("ecco_reports.models.variants._TOKENS_AT_ONCE", 1)
    single = found_for(model, reading, units, [[], [0], [1], [2]])
    for left, right in zip(whole, single, strict=True):
        assert left == pytest.approx(right, abs=1e-5)


@pytest.mark.parametrize("name", names(Family.QUESTION_ANSWERING))
def test_a_span_has_no_score_elsewhere_and_says_why(name):
    model = wrapped(name)
    assert Capability.SCORES not in model.capabilities
    assert "positions, which move" in model.reasons[Capability.SCORES]
