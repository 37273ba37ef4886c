"""How models write: beams, stops and penalties, against transformers itself and against trying all texts."""

from __future__ import annotations

import itertools

import pytest
import torch

from ecco_reports.models.chances import chances
from ecco_reports.models.writing import write
from ecco_reports.records import Decoding, Prompt, Sampling, written_text
from tests import tiny
from tests.models.families import END, PLAIN, PROMPTS, raw, wrapped, writers

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = Prompt(name="p", text=tiny.TEXT)
SETTINGS = {
    "temperature": Decoding(sampling=Sampling(temperature=0.7, seed=3)),
    "top-k": Decoding(sampling=Sampling(top_k=5, seed=3)),
    "top-p": Decoding(sampling=Sampling(top_p=0.6, seed=3)),
    "min-p": Decoding(sampling=Sampling(min_p=0.3, seed=3)),
    "penalty": Decoding(repetition_penalty=1.7),
    "all": Decoding(
        repetition_penalty=1.3, sampling=Sampling(temperature=1.6, top_k=20, top_p=0.9, min_p=0.05, seed=3)
    ),
}


def ids_of(model, text=tiny.TEXT):
    return torch.tensor([model.tokenizer.encode(Prompt(name="p", text=text)).ids])


def forced_logits(module, ids, given):
    """Raw logits ``[step, vocab]`` of one pass over a whole text."""
    return module(torch.tensor([ids])).logits[0, given - 1 : -1].float()


def generated(module, ids, **settings):
    """What transformers writes of itself, with all that it can tell about it."""
    return module.generate(
        ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=6,
        pad_token_id=0,
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=True,
        **settings,
    )


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_chances_are_those_that_transformers_draws_from(family, name, tiny_model):
    model, module, decoding = tiny_model(family), tiny.build(family), SETTINGS[name]
    ids, sampling = ids_of(model), decoding.sampling
    torch.manual_seed(3)
    drawn = {} if sampling is None else {"do_sample": True, **sampling.model_dump(exclude={"seed"})}
    drawn["top_k"] = drawn.get("top_k") or 0
    output = generated(module, ids, repetition_penalty=decoding.repetition_penalty, **drawn)
    written = output.sequences[0].tolist()
    before = [written[: ids.shape[1] + step] for step in range(len(output.scores))]
    ours = chances(forced_logits(module, written, ids.shape[1]), before, decoding)
    assert torch.allclose(ours, torch.cat(output.scores).softmax(-1), atol=2e-6)
    assert torch.allclose(ours.double().sum(-1), torch.ones(len(ours), dtype=torch.double), atol=1e-6)
    reading = model.read(PROMPT, decoding.model_copy(update={"max_new_tokens": 6}))
    assert list(reading.ids) == written
    assert 0 <= reading.chance_gap < 1e-6
    assert reading.before == tuple(map(tuple, before))


def test_chances_by_hand():
    logits = torch.tensor([[2.0, 1.0, -1.0, 0.0]])
    halved = chances(logits, [[0, 2]], Decoding(repetition_penalty=2.0))
    assert torch.allclose(halved, torch.tensor([[1.0, 1.0, -2.0, 0.0]]).softmax(-1))
    two = chances(logits, [[]], Decoding(sampling=Sampling(temperature=0.5, top_k=2)))
    assert torch.allclose(two, torch.tensor([[4.0, 2.0, -torch.inf, -torch.inf]]).softmax(-1))
    # 0.644, 0.237, 0.087, 0.032: it takes two to reach 80 %, and one has a twentieth of the first.
    assert (chances(logits, [[]], Decoding(sampling=Sampling(top_p=0.8))) > 0).tolist() == [[True, True, False, False]]
    assert (chances(logits, [[]], Decoding(sampling=Sampling(min_p=0.1))) > 0).tolist() == [[True, True, False, True]]


@pytest.mark.parametrize("name", SETTINGS)
def test_what_is_shown_are_the_models_own_log_probabilities_whatever_the_decoding(name, tiny_model):
    model = tiny_model("gpt2")
    reading = model.read(PROMPT, SETTINGS[name])
    given = reading.passage.prompt_length
    logprobs = forced_logits(tiny.build("gpt2"), list(reading.ids), given).log_softmax(-1)
    expected = [logprobs[step, one.outcome].item() for step, one in enumerate(reading.spoken)]
    assert [one.logprob for one in reading.spoken] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("penalty", [1.0, 1.4])
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_beams_are_those_of_transformers_and_their_scores_are_their_own_teacher_forced_means(
    family, penalty, tiny_model
):
    model, module = tiny_model(family), tiny.build(family)
    ids = ids_of(model)
    output = generated(module, ids, num_beams=4, num_return_sequences=4, repetition_penalty=penalty)
    reading = model.read(PROMPT, Decoding(max_new_tokens=6, beams=4, repetition_penalty=penalty))
    lengths = (output.beam_indices >= 0).sum(1)
    expected = [row[: ids.shape[1] + length].tolist() for row, length in zip(output.sequences, lengths, strict=True)]
    assert [list(beam.reading.ids) for beam in reading.beams] == expected
    assert [beam.score for beam in reading.beams] == pytest.approx(output.sequences_scores.tolist(), abs=1e-6)
    assert (reading.ids, reading.spoken) == (reading.beams[0].reading.ids, reading.beams[0].reading.spoken)
    assert len({beam.reading.ids for beam in reading.beams}) == 4
    for beam in reading.beams:
        own = list(beam.reading.ids)
        forced = forced_logits(module, own, ids.shape[1]).log_softmax(-1)
        logprobs = [forced[step, one.outcome].item() for step, one in enumerate(beam.reading.spoken)]
        assert [one.logprob for one in beam.reading.spoken] == pytest.approx(logprobs, abs=2e-5)
        repeated = [one.outcome in own[: ids.shape[1] + step] for step, one in enumerate(beam.reading.spoken)]
        total = sum(value * (penalty if again else 1) for value, again in zip(logprobs, repeated, strict=True))
        assert beam.score == pytest.approx(total / len(logprobs), abs=2e-5)


@pytest.mark.parametrize("name", writers())
def test_beams_of_an_encoder_decoder_are_scored_by_their_own_tokens(name):
    reading = wrapped(name).read(PLAIN, Decoding(max_new_tokens=5, beams=3))
    border = reading.passage.encoder_length
    assert len(reading.beams) == 3
    for beam in reading.beams:
        ids = torch.tensor([beam.reading.ids])
        forced = raw(name)(ids[:, :border], decoder_input_ids=ids[:, border:], use_cache=False).logits[0]
        numbers = ids[0, border + 1 :]
        logprobs = forced.log_softmax(-1)[range(len(numbers)), numbers]
        assert [one.logprob for one in beam.reading.spoken] == pytest.approx(logprobs.tolist(), abs=1e-4)
        assert beam.score == pytest.approx(logprobs.mean().item(), abs=1e-4)


@pytest.mark.parametrize("name", ["RWKV", "RecurrentGemma", "Zamba 2", "MiniMax"])
def test_beams_of_a_recurrent_model_go_on_from_their_own_states(name):
    model = wrapped(name)
    reading = model.read(PROMPTS[model.family], Decoding(max_new_tokens=4, beams=3))
    for beam in reading.beams:
        spoken = beam.reading.spoken
        logprobs = model.logits(beam.reading, [one.place for one in spoken]).log_softmax(-1)
        forced = [logprobs[step, one.outcome].item() for step, one in enumerate(spoken)]
        assert [one.logprob for one in spoken] == pytest.approx(forced, abs=1e-4)
        assert beam.score == pytest.approx(sum(forced) / len(forced), abs=1e-4)


def small_model(words=9):
    """A model of so few words that all texts can be tried; the first ends a text."""
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=words, n_embd=16, n_layer=1, n_head=2, n_positions=16, bos_token_id=0, eos_token_id=0
    )
    module = GPT2LMHeadModel(config).eval()
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.mul_(20 if parameter.dim() > 1 else 1)
    return module


@pytest.mark.parametrize("stop", [(), ("d",), ("bc", "h")])
def test_a_beam_for_every_word_finds_the_best_texts_of_all(stop):
    module, given = small_model(), torch.tensor([[3, 5]])

    def text_of(numbers):
        return "".join("abcdefghi"[number] for number in numbers)

    found = write(module, given, None, Decoding(max_new_tokens=2, beams=9, stop=stop), text_of).beams
    ends = [(number,) for number in range(9) if number == 0 or text_of([number]) in stop]
    texts = [*ends, *(pair for pair in itertools.product(range(9), range(9)) if pair[:1] not in ends)]
    scores = {}
    for text in texts:
        logits = module(torch.tensor([[3, 5, *text]])).logits[0, 1:-1].log_softmax(-1)
        scores[text] = logits[range(len(text)), list(text)].mean().item()
    best = sorted(texts, key=lambda text: -scores[text])[:9]
    assert [beam.ids for beam in found] == best
    assert [beam.score for beam in found] == pytest.approx([scores[text] for text in best], abs=1e-5)
    assert {len(beam.ids) for beam in found} == {1, 2}


def test_there_are_no_more_beams_than_texts():
    found = write(small_model(4), torch.tensor([[1]]), None, Decoding(max_new_tokens=1, beams=6), str).beams
    assert sorted(beam.ids for beam in found) == [(0,), (1,), (2,), (3,)]


def greedy_words(model, **settings):
    return [token.text for token in model.read(PROMPT, Decoding(max_new_tokens=8, **settings)).passage.generated]


def test_writing_stops_after_the_first_token_that_completes_a_stop(tiny_model):
    model = tiny_model("neox")
    words = greedy_words(model)
    assert len(words) == 8
    assert greedy_words(model, stop=(words[2],)) == words[: words.index(words[2]) + 1]
    # Over the border of two tokens, and from the middle of one to the middle of the next.
    across = f"{words[3][-1]} {words[4][0]}"
    end = next(n for n in range(1, 9) if across in " ".join(words[:n]))
    assert greedy_words(model, stop=(across,)) == words[:end]
    assert greedy_words(model, stop=("no such text", across)) == words[:end]
    assert greedy_words(model, stop=("no such text",)) == words
    # What the prompt holds already ends nothing.
    assert "Heathrow" not in words
    assert greedy_words(model, stop=("Heathrow",)) == words


def test_bytes_of_a_character_complete_a_stop_only_together(facts_model):
    prompt = Prompt(name="p", text="Heathrow airport is located in the city of")
    whole = facts_model.read(prompt, Decoding(max_new_tokens=6)).passage
    stop = whole.written.strip()[1:3]
    cut = facts_model.read(prompt, Decoding(max_new_tokens=6, stop=(stop,))).passage
    assert cut.written == whole.written[: len(cut.written)]
    assert stop in cut.written
    assert stop not in written_text(cut.generated[:-1])


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_a_given_continuation_is_read_as_if_it_had_been_written(family, tiny_model):
    model, module = tiny_model(family), tiny.build(family)
    prompt = PROMPT.model_copy(update={"continuation": "Tokyo and not Paris"})
    reading = model.read(prompt, Decoding())
    given = reading.passage.prompt_length
    assert reading.passage.forced
    assert [token.text for token in reading.passage.generated] == ["Tokyo", "and", "not", "Paris"]
    assert reading.passage.written.strip() == "Tokyo and not Paris"
    assert [(one.place, one.position) for one in reading.spoken] == [(given - 1 + n, given + n) for n in range(4)]
    logprobs = forced_logits(module, list(reading.ids), given).log_softmax(-1)
    expected = [logprobs[step, one.outcome].item() for step, one in enumerate(reading.spoken)]
    assert [one.logprob for one in reading.spoken] == pytest.approx(expected, abs=2e-5)
    again = model.read(prompt, Decoding(max_new_tokens=1)).spoken
    assert [one.position for one in again] == [one.position for one in reading.spoken]
    assert [one.logprob for one in again] == pytest.approx([one.logprob for one in reading.spoken], abs=1e-5)
    assert not model.read(PROMPT, Decoding()).passage.forced


@pytest.mark.parametrize("name", writers())
def test_a_decoder_is_given_a_continuation(name):
    reading = wrapped(name).read(PLAIN.model_copy(update={"continuation": "two three"}), Decoding())
    border = reading.passage.encoder_length
    ids = torch.tensor([reading.ids])
    forced = raw(name)(ids[:, :border], decoder_input_ids=ids[:, border:], use_cache=False).logits[0].log_softmax(-1)
    assert [token.text for token in reading.passage.generated] == ["two", "three"]
    assert reading.ids[border - 1] == END
    expected = [forced[step, one.outcome].item() for step, one in enumerate(reading.spoken)]
    assert [one.logprob for one in reading.spoken] == pytest.approx(expected, abs=1e-4)


def test_what_the_model_wrote_and_is_then_given_has_the_same_log_probabilities(tiny_model):
    model = tiny_model("neox")
    wrote = model.read(PROMPT, Decoding(max_new_tokens=6))
    again = model.read(PROMPT.model_copy(update={"continuation": wrote.passage.written}), Decoding())
    assert again.ids == wrote.ids
    assert [one.logprob for one in again.spoken] == pytest.approx([one.logprob for one in wrote.spoken], abs=1e-5)
