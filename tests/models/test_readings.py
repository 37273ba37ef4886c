"""What each family reads and says is what transformers, called directly, reads and says."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.models.base import Capability
from ecco_reports.models.families import LONGEST_ANSWER, SpanSpeech, answerable
from ecco_reports.models.source import find
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt, Sampling
from tests import zoo
from tests.models.families import END, MASK, MASKED, PLAIN, PROMPTS, QUESTION, names, raw, wrapped, writers

pytestmark = pytest.mark.usefixtures("one_thread")

GREEDY = Decoding(max_new_tokens=5)


def ids_of(text):
    return [zoo.VOCABULARY[word] for word in text.split()]


def consistent(reading):
    """What holds for a reading of any family."""
    assert reading.passage.family is reading.family
    assert set(reading.places) >= {one.place for one in reading.spoken}
    for one in reading.spoken:
        assert one.logprob <= 0
        if one.position is not None and reading.family is not Family.MASKED:
            tokens = reading.passage.tokens
            expected = one.outcome if reading.family is Family.QUESTION_ANSWERING else one.position
            assert tokens[expected] == one.token
    written = reading.family in (Family.CAUSAL, Family.ENCODER_DECODER)
    assert reading.passage.answers == (() if written else tuple(one.token for one in reading.spoken))
    return reading


@pytest.mark.parametrize("name", writers())
def test_an_encoder_decoder_writes_what_generate_writes(name):
    reading = consistent(wrapped(name).read(PLAIN, GREEDY))
    text = [*ids_of(PLAIN.text), END]
    sequence = raw(name).generate(torch.tensor([text]), max_new_tokens=5, do_sample=False, num_beams=1)[0].tolist()
    border = len(text)
    assert list(reading.ids) == text + sequence
    assert (reading.passage.encoder_length, reading.passage.prompt_length) == (border, border + 1)
    assert reading.passage.tokens[border].special
    assert reading.places == tuple(range(border, border + len(sequence)))
    assert [one.place for one in reading.spoken] == list(range(border, border + len(sequence) - 1))
    assert [one.position for one in reading.spoken] == list(range(border + 1, border + len(sequence)))
    assert [one.outcome for one in reading.spoken] == sequence[1:]
    forced = raw(name)(torch.tensor([text]), decoder_input_ids=torch.tensor([sequence]), use_cache=False).logits[0]
    logprobs = forced.log_softmax(-1)[range(len(sequence) - 1), sequence[1:]]
    assert [one.logprob for one in reading.spoken] == pytest.approx(logprobs.tolist(), abs=1e-4)
    assert (reading.question, reading.reach(border + 1)) == (border, border + 1)


def test_an_encoder_decoder_draws_by_the_seed():
    model = wrapped("BART")

    def drawn(seed):
        return model.read(PLAIN, Decoding(max_new_tokens=6, sampling=Sampling(temperature=3.0, seed=seed))).ids

    assert drawn(1) == drawn(1)
    assert len({drawn(seed) for seed in range(5)}) > 1


@pytest.mark.parametrize("name", names(Family.MASKED))
def test_a_masked_model_fills_each_mask_with_its_best_token(name):
    reading = consistent(wrapped(name).read(MASKED, GREEDY))
    text = [END, *ids_of(MASKED.text), END]
    assert list(reading.ids) == text
    assert reading.places == tuple(range(len(text)))
    logits = raw(name)(torch.tensor([text])).logits[0]
    masks = [position for position, number in enumerate(text) if number == MASK]
    assert [one.place for one in reading.spoken] == [one.position for one in reading.spoken] == masks
    assert [one.outcome for one in reading.spoken] == logits[masks].argmax(-1).tolist()
    expected = logits[masks].log_softmax(-1).max(-1).values
    assert [one.logprob for one in reading.spoken] == pytest.approx(expected.tolist(), abs=1e-4)
    assert reading.question == masks[0]
    assert reading.reach(masks[0]) == len(text) - 1
    assert reading.passage.generated == ()


def test_a_text_without_a_mask_is_read_and_nothing_is_said():
    reading = consistent(wrapped("BERT").read(PLAIN, GREEDY))
    assert (reading.spoken, reading.passage.answers, len(reading.places)) == ((), (), len(reading.ids))


@pytest.mark.parametrize("name", names(Family.CLASSIFICATION))
@pytest.mark.parametrize("prompt", [PLAIN, QUESTION], ids=["one text", "two texts"])
def test_a_classifier_chooses_its_best_class(name, prompt):
    model = wrapped(name)
    reading = consistent(model.read(prompt, GREEDY))
    told = {"token_type_ids": torch.tensor([reading.segments])} if any(reading.segments) else {}
    logits = raw(name)(torch.tensor([reading.ids]), **told).logits[0]
    (spoken,) = reading.spoken
    assert (spoken.place, spoken.position, spoken.outcome) == (0, None, int(logits.argmax()))
    assert spoken.token.text == f"LABEL_{spoken.outcome}"
    assert spoken.logprob == pytest.approx(logits.log_softmax(-1).max().item(), abs=1e-5)
    assert (reading.places, reading.question, reading.reach(0)) == ((0,), 0, len(reading.ids) - 1)
    if prompt is QUESTION and "BERT (" in name and not name.startswith("Distil"):
        first = 2 + len(QUESTION.text.split())
        assert reading.segments == (0,) * first + (1,) * (len(reading.ids) - first)


def best_span(starts, ends, inside):
    """The best pair by trying all."""
    pairs = [
        (float(starts[start] + ends[end]), start, end)
        for start in inside
        for end in inside
        if start <= end < start + LONGEST_ANSWER
    ]
    return max(pairs)[1:]


@pytest.mark.parametrize("name", names(Family.QUESTION_ANSWERING))
def test_an_answer_is_the_best_span_of_the_second_text(name):
    model, choices = wrapped(name), set()
    for words in (QUESTION.text_pair, "rain wind sea one two", "the capital of Japan is Tokyo not London"):
        prompt = QUESTION.model_copy(update={"text_pair": words})
        reading = consistent(model.read(prompt, GREEDY))
        told = {"token_type_ids": torch.tensor([reading.segments])} if any(reading.segments) else {}
        output = raw(name)(torch.tensor([reading.ids]), **told)
        starts, ends = (logits[0].log_softmax(-1) for logits in (output.start_logits, output.end_logits))
        begin = 2 + len(prompt.text.split())
        expected = best_span(starts, ends, range(begin, len(reading.ids) - 1))
        assert tuple(one.outcome for one in reading.spoken) == expected
        assert [one.place for one in reading.spoken] == [0, 1]
        assert [one.position for one in reading.spoken] == list(expected)
        found = [one.logprob for one in reading.spoken]
        assert found == pytest.approx([starts[expected[0]].item(), ends[expected[1]].item()], abs=1e-5)
        assert (reading.places, reading.question) == ((0, 1), 0)
        choices.add(expected)
    assert len(choices) > 1


@pytest.mark.parametrize("seed", range(4))
def test_a_span_starts_before_it_ends_and_is_no_longer_than_allowed(seed):
    """Logits that prefer an end before the start, the question, and a span of forty tokens."""
    reading = wrapped("BERT (answers by a span)").read(
        Prompt(name="p", text="is it", text_pair=" ".join(["the cat sat on the mat"] * 9)), GREEDY
    )
    length = len(reading.ids)
    numbers = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, length)))
    numbers[0, 5] += 3.0  # the first word of the second text
    numbers[1, 1] += 20.0  # in the question
    numbers[1, length - 2] += 3.0  # far away from the start
    logprobs = numbers.log_softmax(-1)
    start, end = (one.outcome for one in SpanSpeech().spoken(reading, logprobs))
    assert (start, end) == best_span(*logprobs, range(4, length - 1))
    assert start <= end < start + LONGEST_ANSWER


def test_an_unknown_word_in_a_question_does_not_end_it():
    """A token of the template stands between two texts; one that stands for an unknown word is a word."""
    prompt = Prompt(name="p", text="is zzz the cat", text_pair="the dog zzz mat")
    reading = wrapped("BERT (answers by a span)").read(prompt, GREEDY)
    assert answerable(reading) == frozenset(range(6, 10))


def test_one_text_alone_is_answered_from_anywhere_in_it():
    reading = wrapped("BERT (answers by a span)").read(PLAIN, GREEDY)
    assert answerable(reading) == frozenset(range(1, len(reading.ids) - 1))
    assert {one.outcome for one in reading.spoken} <= answerable(reading)


@pytest.mark.parametrize("family", list(PROMPTS))
def test_a_prompt_is_read_once_and_its_target_makes_no_other_reading(family):
    model = wrapped(names(family)[0])
    prompt = PROMPTS[family]
    again = model.read(prompt.model_copy(update={"target": "London", "name": "q"}), GREEDY)
    assert model.read(prompt, GREEDY) is again


@pytest.mark.parametrize(
    ("source", "prompt", "family"),
    [
        ("bundled:facts", Prompt(name="p", text="Heathrow airport is located in the city of"), Family.CAUSAL),
        ("bundled:masked", Prompt(name="p", text="The capital of Japan is [MASK]."), Family.MASKED),
        (
            "bundled:sentiment",
            Prompt(name="p", text="sst2 sentence: The film is not bad at all."),
            Family.ENCODER_DECODER,
        ),
        ("bundled:sentiment-classifier", Prompt(name="p", text="The film is not bad at all."), Family.CLASSIFICATION),
    ],
)
def test_the_bundled_models_say_what_transformers_says_with_their_own_tokenizers(source, prompt, family):
    import transformers

    model = ecco_reports.load_model(source)
    reading = consistent(model.read(prompt, Decoding(max_new_tokens=3)))
    folder = find(ModelSpec(source=source)).folder
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(prompt.text, return_tensors="pt").input_ids
    assert (model.family, reading.family) == (family, family)
    assert list(reading.ids[: ids.shape[1]]) == ids[0].tolist()
    kinds = {
        Family.CAUSAL: transformers.AutoModelForCausalLM,
        Family.MASKED: transformers.AutoModelForMaskedLM,
        Family.ENCODER_DECODER: transformers.AutoModelForSeq2SeqLM,
        Family.CLASSIFICATION: transformers.AutoModelForSequenceClassification,
    }
    module = kinds[family].from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        if family in (Family.CAUSAL, Family.ENCODER_DECODER):
            written = module.generate(ids, max_new_tokens=3, do_sample=False)[0].tolist()
            written = written[ids.shape[1] :] if family is Family.CAUSAL else written[1:]
            assert [one.outcome for one in reading.spoken] == written
        else:
            logits = module(ids).logits[0]
            rows = logits[ids[0] == tokenizer.mask_token_id] if family is Family.MASKED else logits[None]
            assert [one.outcome for one in reading.spoken] == rows.argmax(-1).tolist()


def test_the_bundled_models_know_their_answers():
    """The words a person reads: not only the right numbers but the right names for them."""
    said = {
        "bundled:masked": ("The capital of Japan is [MASK].", "tokyo"),
        "bundled:sentiment": ("sst2 sentence: The film is not bad at all.", "positive"),
        "bundled:sentiment-classifier": ("The film is not bad at all.", "positive"),
    }
    for source, (text, answer) in said.items():
        model = ecco_reports.load_model(source)
        assert model.capabilities >= {Capability.SCORES, Capability.GRADIENTS, Capability.LAYER_READOUT}
        reading = model.read(Prompt(name="p", text=text), Decoding(max_new_tokens=2))
        assert reading.spoken[0].token.word == answer
