"""Hidden positions against transformers with a mask of our own, and against what a blind model must not notice."""

from __future__ import annotations

import pytest
import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family
from tests import tiny
from tests.models import families
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

IDS = tiny.word_tokenizer().encode(tiny.TEXT).ids
# They look at their neighbours without attention, or number what is seen alone.
UNABLE = ("FNet", "MobileBERT", "BLOOM", "Mamba", "Mamba 2", "RWKV", "RecurrentGemma", "BART (classifier)")
OFTEN = (
    *("GPT-2", "OPT", "Llama", "Gemma 2", "GPT-OSS", "BERT", "RoBERTa", "ModernBERT", "T5", "BART"),
    *("GPT-2 (classifier)", "BERT (classifier)", "BERT (answers by a span)"),
)
LENGTH = len(IDS)


def hidden(*positions, length=LENGTH):
    unseen = torch.zeros(1, length, dtype=torch.bool)
    unseen[0, list(positions)] = True
    return unseen


@pytest.mark.parametrize("family", ["gpt2", "llama", "neox"])
def test_a_hidden_token_is_one_that_no_other_position_looks_at(family):
    module = tiny.build(family)
    model = wrap(tiny.build(family), tiny.word_tokenizer())
    found = model.logits_unseen(reading_of(model, IDS), hidden(2, 5), range(len(IDS)))[0]
    seen = torch.ones(len(IDS), len(IDS), dtype=torch.bool).tril()
    for position in (2, 5):
        seen[position + 1 :, position] = False
    mask = torch.zeros(1, 1, len(IDS), len(IDS)).masked_fill(~seen, float("-inf"))
    module.set_attn_implementation("eager")
    expected = module(torch.tensor([IDS]), attention_mask=mask).logits[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_what_an_encoder_read_is_hidden_from_its_decoder_too():
    module, model = families.raw("T5"), families.wrapped("T5")
    reading = model.read(families.PLAIN, Decoding(max_new_tokens=2))
    border = reading.passage.encoder_length
    found = model.logits_unseen(reading, hidden(1, 3, length=len(reading.ids)), reading.places)[0]
    seen = torch.ones(1, border, dtype=torch.long)
    seen[0, [1, 3]] = 0
    expected = module(
        input_ids=torch.tensor([reading.ids[:border]]),
        attention_mask=seen,
        decoder_input_ids=torch.tensor([reading.ids[border:]]),
    ).logits[0]
    assert found.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


@pytest.mark.parametrize("name", OFTEN)
def test_another_token_makes_no_difference_where_it_is_hidden(name):
    model = families.wrapped(name)
    reading = model.read(families.PROMPTS[model.family], Decoding(max_new_tokens=1))
    other = list(reading.ids)
    other[2] = next(number for number in reading.ids if number != other[2])
    swapped = reading_of(model, other, reading.passage.prompt_length, reading.passage.encoder_length, reading.segments)
    place, unseen = reading.spoken[-1].place, hidden(2, length=len(other))
    one, two = (model.logits_unseen(each, unseen, [place])[0, 0] for each in (reading, swapped))
    if model.family is Family.QUESTION_ANSWERING:
        one[2] = two[2] = 0  # It still speaks of itself there.
    assert one.numpy() == pytest.approx(two.numpy(), abs=1e-5)
    seen = model.logits_unseen(reading, torch.zeros_like(unseen), [place])[0, 0]
    assert seen.numpy() == pytest.approx(model.logits(reading, [place])[0].numpy(), abs=1e-4)
    assert not torch.allclose(seen, one, atol=1e-4)


@pytest.mark.parametrize("name", UNABLE)
def test_a_model_that_does_not_obey_is_refused(name):
    model = families.wrapped(name)
    reading = model.read(families.PROMPTS[model.family], Decoding(max_new_tokens=1))
    with pytest.raises(CapabilityError, match="cannot be hidden from the attention"):
        model.logits_unseen(reading, hidden(1, length=len(reading.ids)), reading.places[-1:])


def test_a_decoder_that_would_have_nothing_to_listen_to_is_refused():
    model = families.wrapped("T5")
    reading = model.read(families.PLAIN, Decoding(max_new_tokens=1))
    everything = hidden(*range(reading.passage.encoder_length), length=len(reading.ids))
    with pytest.raises(CapabilityError, match="nothing to look at"):
        model.logits_unseen(reading, everything, reading.places[-1:])


def test_a_stack_that_reads_and_speaks_still_sees_itself_when_all_else_is_hidden():
    module, model = tiny.build("gpt2"), wrap(tiny.build("gpt2"), tiny.word_tokenizer())
    found = model.logits_unseen(reading_of(model, IDS), hidden(*range(len(IDS))), [4])[0, 0]
    alone = module(torch.tensor([IDS[4:5]]), position_ids=torch.tensor([[4]])).logits[0, 0]
    assert found.numpy() == pytest.approx(alone.numpy(), abs=1e-5)
