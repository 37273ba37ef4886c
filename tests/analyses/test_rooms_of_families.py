"""Generation, lens and ranks for models that fill in masks, write from an encoder, classify, and answer by a span."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.analyses.generation import Generation, GenerationParams
from ecco_reports.analyses.logit_lens import LogitLens, LogitLensParams
from ecco_reports.analyses.preflight import outcome_problems, target_problems
from ecco_reports.analyses.token_ranks import TokenRanks, TokenRanksParams
from ecco_reports.errors import CapabilityError, ExperimentError
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family, Prompt
from ecco_reports.testing import check_analysis, check_words
from tests import zoo
from tests.models.families import MASK, MASKED, PLAIN, PROMPTS, QUESTION, raw, tokenizer_of, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

ROOMS = [Generation, LogitLens, TokenRanks]
TINY = [
    *("BERT", "ALBERT", "ModernBERT", "T5", "BART"),
    *("BERT (classifier)", "GPT-2 (classifier)", "BART (classifier)"),
    *("BERT (answers by a span)", "DistilBERT (answers by a span)"),
]
BUNDLED = {
    "bundled:masked": Prompt(name="p", text="The capital of Japan is [MASK]."),
    "bundled:sentiment": Prompt(name="p", text="sst2 sentence: The film is not bad at all."),
    "bundled:sentiment-classifier": Prompt(
        name="p", text="The film is not bad at all.", target="positive", foil="negative"
    ),
}


def prompt_of(model):
    return PROMPTS[model.family]


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", TINY)
def test_every_room_keeps_the_contract_for_every_family(room, name):
    model = wrapped(name)
    check_analysis(room, None, model, prompt_of(model))


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("source", BUNDLED)
def test_every_room_keeps_the_contract_for_the_bundled_models(room, source):
    check_analysis(room, None, ecco_reports.load_model(source), BUNDLED[source])


@pytest.mark.parametrize("name", ["BERT", "ALBERT"])
def test_the_steps_of_a_masked_model_are_its_masks(name):
    result = Generation().run(wrapped(name), MASKED, GenerationParams(top_k=3))
    text = torch.tensor([[token.id for token in result.passage.tokens]])
    masks = (text[0] == MASK).nonzero()[:, 0].tolist()
    p = raw(name)(text).logits[0, masks].double().softmax(-1)
    assert [step.position for step in result.steps] == masks
    for step, row in zip(result.steps, p, strict=True):
        assert [candidate.token.id for candidate in step.candidates] == row.topk(3).indices.tolist()
        assert step.probability == pytest.approx(row.max().item(), rel=1e-4)
        assert step.entropy == pytest.approx(-(row * row.log2()).sum().item(), rel=1e-4)
        assert step.rank == 1
    words = [step.token.word for step in result.steps]
    summary = Generation().summary(result)
    assert summary.startswith(f"The model filled in “{words[0]}” (probability ")
    assert f" and “{words[1]}” " in summary
    assert [token.word for token in result.passage.answers] == words


def test_the_step_of_a_classifier_offers_every_class():
    model = wrapped("BERT (classifier)")
    result = Generation().run(model, PLAIN, GenerationParams())
    (step,) = result.steps
    assert step.position is None
    assert sorted(candidate.token.text for candidate in step.candidates) == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert sum(candidate.probability for candidate in step.candidates) == pytest.approx(1.0, abs=1e-5)
    assert Generation().summary(result).startswith(f"The model chose the class “{step.token.text}” (probability ")
    assert "decoding against teacher forcing" not in [check.name for check in Generation().proof(result)]


def test_the_steps_of_an_answer_are_its_ends():
    model = wrapped("BERT (answers by a span)")
    reading = model.read(QUESTION, Decoding())
    result = Generation().run(model, QUESTION, GenerationParams())
    start, end = result.steps
    tokens = result.passage.tokens
    assert [start.token, end.token] == [tokens[one.outcome] for one in reading.spoken]
    assert [start.position, end.position] == [one.outcome for one in reading.spoken]
    text = " ".join(token.text.strip() for token in tokens[start.position : end.position + 1])
    assert Generation().summary(result).startswith(f"The model answered “{text}” (start ")
    # The best allowed pair need not be the best start and the best end.
    assert "greedy choice" not in [check.name for check in Generation().proof(result)]


def test_a_text_without_a_mask_gets_a_page_all_the_same():
    result = Generation().run(wrapped("BERT"), PLAIN, GenerationParams())
    check_words(Generation(), result)
    assert Generation().summary(result) == "There is no mask in this text that the model could fill in."
    for room, params in ((LogitLens(), LogitLensParams()), (TokenRanks(), TokenRanksParams())):
        check_words(room, room.run(wrapped("BERT"), PLAIN, params))


def test_the_lens_of_a_masked_model_asks_for_the_token_in_each_place():
    model = wrapped("BERT")
    result = LogitLens().run(model, MASKED, LogitLensParams(top_k=2))
    tokens = result.passage.tokens
    assert result.places == tuple(range(len(tokens)))
    said = dict(zip([p for p, t in enumerate(tokens) if t.id == MASK], result.passage.answers, strict=True))
    assert [t.id for t in result.next_tokens] == [said.get(p, t).id for p, t in enumerate(tokens)]
    assert result.question == min(said)
    p = raw("BERT")(torch.tensor([[token.id for token in tokens]])).logits[0].softmax(-1)
    assert result.probabilities[-1] == pytest.approx(p.topk(2).values.numpy(), abs=1e-5)
    assert LogitLens().metrics(result)["final_rank"].value == 1.0
    chosen = LogitLens().run(model, MASKED, LogitLensParams(positions=(4, -1)))
    assert chosen.places == (4, len(tokens) - 1)


@pytest.mark.parametrize("name", ["T5", "BART"])
def test_the_lens_of_an_encoder_decoder_asks_what_its_decoder_says_next(name):
    result = LogitLens().run(wrapped(name), PLAIN, LogitLensParams(max_new_tokens=3, top_k=2))
    tokens, border = result.passage.tokens, result.passage.encoder_length
    assert result.places == tuple(range(border, len(tokens) - 1))
    assert result.next_tokens == tokens[border + 1 :]
    assert result.question == border
    text = torch.tensor([[token.id for token in tokens]])
    p = raw(name)(text[:, :border], decoder_input_ids=text[:, border:-1]).logits[0].softmax(-1)
    assert result.probabilities[-1] == pytest.approx(p.topk(2).values.numpy(), abs=1e-5)
    assert np.abs(result.divergence[-1]).max() < 1e-6


def test_the_lens_of_a_classifier_has_one_column_of_classes():
    result = LogitLens().run(wrapped("BERT (classifier)"), PLAIN, LogitLensParams())
    assert (result.places, result.question) == ((0,), 0)
    assert result.probabilities.sum(-1) == pytest.approx(np.ones((4, 1)), abs=1e-5)
    assert result.next_tokens == result.passage.answers
    assert "class" in LogitLens().table(result).columns[5]


def test_the_lens_names_the_token_at_a_position_and_not_the_one_with_that_number():
    """The answer is position 5, and the token at position 1, the place of its end, is number 5 of the vocabulary."""
    model = wrapped("BERT (answers by a span)")
    reading = model.read(QUESTION, Decoding())
    tokens = reading.passage.tokens
    assert reading.ids[1] == 5
    assert tokens[1].text != tokens[5].text
    ends = tuple(replace(one, outcome=5, token=tokens[5], position=5) for one in reading.spoken)
    told = copy.copy(model)
    told.read = lambda prompt, decoding: replace(reading, spoken=ends)
    result = LogitLens().run(told, QUESTION, LogitLensParams())
    assert result.next_tokens == (tokens[5], tokens[5])


def test_the_lens_of_an_answer_has_a_column_for_each_end():
    model = wrapped("BERT (answers by a span)")
    result = LogitLens().run(model, QUESTION, LogitLensParams())
    reading = model.read(QUESTION, Decoding())
    output = raw("BERT (answers by a span)")(
        torch.tensor([reading.ids]), token_type_ids=torch.tensor([reading.segments])
    )
    p = torch.cat([output.start_logits, output.end_logits]).softmax(-1)
    assert result.probabilities[-1] == pytest.approx(p.topk(10).values.numpy(), abs=1e-5)
    chosen = p[range(2), [one.outcome for one in reading.spoken]]
    assert np.exp(result.next_logprob[-1]) == pytest.approx(chosen.numpy(), abs=1e-5)
    assert result.next_tokens == tuple(reading.passage.tokens[one.outcome] for one in reading.spoken)


def test_words_compete_in_the_place_of_a_mask():
    model = wrapped("BERT")
    result = TokenRanks().run(model, MASKED, TokenRanksParams(watch=("London", "Paris")))
    masks = [place for place, token in enumerate(result.passage.tokens) if token.id == MASK]
    assert result.watch_place == masks[0]
    logits = raw("BERT")(torch.tensor([[token.id for token in result.passage.tokens]])).logits[0]
    for column, word in enumerate(("London", "Paris")):
        own = logits[masks[0], zoo.VOCABULARY[word]]
        assert result.watched_ranks[-1, column] == 1 + int((logits[masks[0]] > own).sum())
    assert result.ranks[-1].tolist() == [1, 1]
    elsewhere = TokenRanks().run(model, MASKED, TokenRanksParams(watch=("London",), position=-2))
    assert elsewhere.watch_place == len(result.passage.tokens) - 2


def test_classes_compete_for_the_whole_text():
    model = wrapped("BERT (classifier)")
    prompt = PLAIN.model_copy(update={"target": "LABEL_2", "foil": "LABEL_0"})
    result = TokenRanks().run(model, prompt, TokenRanksParams())
    logits = raw("BERT (classifier)")(torch.tensor([[token.id for token in result.passage.tokens]])).logits[0]
    order = logits.argsort(descending=True).tolist()
    assert result.vocab_size == 3
    assert result.watched_ranks[-1].tolist() == [1 + order.index(2), 1 + order.index(0)]
    assert result.target.tolist() == result.watched_ranks[:, 0].tolist()
    assert result.ranks[-1].tolist() == [1]


def test_words_compete_for_what_a_decoder_says_first():
    model = wrapped("T5")
    result = TokenRanks().run(model, PLAIN, TokenRanksParams(watch=("London", "dog"), max_new_tokens=2))
    tokens, border = result.passage.tokens, result.passage.encoder_length
    assert result.watch_place == border
    text = torch.tensor([[token.id for token in tokens]])
    logits = raw("T5")(text[:, :border], decoder_input_ids=text[:, border : border + 1]).logits[0, 0]
    for column, word in enumerate(("London", "dog")):
        assert result.watched_ranks[-1, column] == 1 + int((logits > logits[zoo.VOCABULARY[word]]).sum())


def test_a_class_that_there_is_not_is_named_with_those_there_are():
    facts = wrapped("BERT (classifier)").facts
    ((_, what, hint),) = outcome_problems("sad", ("watch", 0), facts)
    assert what == "'sad' is no class of this model, which knows 'LABEL_0', 'LABEL_1', 'LABEL_2'."
    assert hint == "Write one of these."
    assert not list(target_problems(PLAIN.model_copy(update={"target": "LABEL_1"}), facts))


def test_a_model_that_answers_by_a_span_takes_no_target():
    with pytest.raises(ExperimentError, match="this model answers by a span of the text"):
        ecco_reports.analyze(
            wrapped("BERT (answers by a span)"), QUESTION.model_copy(update={"target": "mat"}), "logit_lens"
        )


@pytest.mark.parametrize("room", ["generation", "logit_lens", "token_ranks"])
def test_a_model_without_a_head_is_refused_with_the_reason(room):
    import transformers

    module = transformers.BertModel(transformers.BertConfig(**zoo.BY_NAME["BERT"].settings))
    with pytest.raises(CapabilityError, match="it has no head that turns its vectors into words or classes"):
        ecco_reports.analyze(wrap(module, tokenizer_of(Family.NONE)), PLAIN, room)


def test_the_bundled_masked_model_makes_up_its_mind_in_its_later_layers():
    model = ecco_reports.load_model("bundled:masked")
    result = LogitLens().run(model, BUNDLED["bundled:masked"], LogitLensParams())
    metrics = LogitLens().metrics(result)
    assert result.next_tokens[result.question].word == "tokyo"
    assert metrics["final_rank"].value == 1.0
    assert metrics["settled_layer"].value >= 2.0
