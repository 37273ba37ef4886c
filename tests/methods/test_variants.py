"""Scores of shortened texts against the transformers model itself, and against captum, an independent library."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from captum.attr import FeatureAblation, ShapleyValues

import ecco_reports
from ecco_reports.methods.perturbation import Remembered, occlusion, shapley
from ecco_reports.methods.targets import Target
from ecco_reports.methods.variants import Perturbed, by_model, own_scores
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Prompt
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")

BUNDLED = Path(ecco_reports.__file__).parent / "models" / "bundled"
PROMPT = Prompt(name="p", text="Heathrow airport is located in")
UNITS = ((0,), (1,), (2, 3), (4,))
ALL = np.array(list(itertools.product([False, True], repeat=len(UNITS))))


def causal(family="gpt2", dtype=torch.float32):
    """The transformers model, ours around the same object, and what it read and wrote."""
    module = tiny.build(family, dtype)
    ours = wrap(module, tiny.word_tokenizer())
    return module, ours, ours.read(PROMPT, Decoding(max_new_tokens=3))


def said(reading):
    return [Target(one.place, one.outcome) for one in reading.spoken]


def left(reading, kept, units=UNITS):
    """The token numbers of the prompt that are left."""
    gone = {position for unit, there in zip(units, kept, strict=True) if not there for position in unit}
    return [number for position, number in enumerate(reading.ids) if position not in gone]


def by_hand(module, reading, kept):
    """Log-probabilities of what was written after the tokens that are left, by the transformers model alone."""
    ids = left(reading, kept)
    written = list(reading.ids[reading.passage.prompt_length :])
    if len(ids) == len(written):
        ids = [0, *ids]  # The end-of-text token of tiny models.
    logprobs = module(torch.tensor([ids])).logits[0].log_softmax(-1)
    start = len(ids) - len(written)
    return [float(logprobs[start + step - 1, number]) for step, number in enumerate(written)]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_a_causal_text_without_some_of_its_tokens_is_that_text_also_when_none_is_left(family):
    module, ours, reading = causal(family)
    found = Perturbed(ours, reading, UNITS, said(reading), "logprob").deleting()(ALL)
    expected = [by_hand(module, reading, kept) for kept in ALL]
    assert found.values == pytest.approx(np.array(expected), abs=1e-5)
    assert not found.bounds.any()


def test_a_model_that_deletes_by_itself_agrees():
    _, ours, reading = causal()
    targets = said(reading)
    alone = Perturbed(ours, reading, UNITS, targets[1:], "logprob").deleting()(ALL)
    asked = by_model(ours, reading, UNITS, [1, 2])(ALL)
    assert asked.values == pytest.approx(alone.values, abs=1e-5)


def test_foils_and_other_scores_are_those_of_the_shortened_text():
    module, ours, reading = causal()
    targets = [Target(reading.question, 4, foil=7), Target(reading.question, 9)]
    found = Perturbed(ours, reading, UNITS, targets, "probability").deleting()(ALL[5:6])
    p = module(torch.tensor([left(reading, ALL[5])[: -len(reading.spoken)]])).logits[0, -1].softmax(-1)
    assert found.values[0] == pytest.approx([float(p[4] - p[7]), float(p[9])], abs=1e-6)


def test_the_whole_text_scores_as_the_model_itself_says():
    _, ours, reading = causal("neox", torch.float64)
    targets = said(reading)
    whole = np.ones((1, len(UNITS)), bool)
    own = own_scores(ours, reading, targets, "logprob")
    assert own == pytest.approx([one.logprob for one in reading.spoken], abs=1e-6)
    assert Perturbed(ours, reading, UNITS, targets, "logprob").deleting()(whole).values[0] == pytest.approx(own)


def test_small_passes_change_nothing(monkeypatch):
    _, ours, reading = causal("gemma2")
    task = Perturbed(ours, reading, UNITS, said(reading), "logprob")
    baseline = ours.mean_embedding().expand(len(reading.ids), -1)
    whole = task.deleting()(ALL).values, task.replacing(baseline)(ALL).values
    monkeypatch.setattr("ecco_reports.methods.variants._TOKENS_AT_ONCE", 1)
    small = task.deleting()(ALL).values, task.replacing(baseline)(ALL).values
    for left_side, right_side in zip(whole, small, strict=True):
        assert right_side == pytest.approx(left_side, abs=1e-5)


def captum_deleting(module, reading, target):
    """A function of which units are there, as captum wants it."""

    def forward(kept):
        rows = [by_hand(module, reading, row > 0.5) for row in kept]
        return torch.tensor([row[target] for row in rows], dtype=torch.float64)

    return forward


@pytest.mark.parametrize("family", ["gpt2", "gemma2"])
def test_deletions_give_the_contributions_of_captum(family):
    module, ours, reading = causal(family)
    scores = Remembered(Perturbed(ours, reading, UNITS, said(reading), "logprob").deleting())
    lost, shared = occlusion(scores, len(UNITS)), shapley(scores, len(UNITS), samples=100, seed=0)
    everything = torch.ones(1, len(UNITS))
    for target in range(len(reading.spoken)):
        forward = captum_deleting(module, reading, target)
        assert lost.contributions[target] == pytest.approx(
            FeatureAblation(forward).attribute(everything)[0].numpy(), abs=1e-5
        )
        assert shared.contributions[target] == pytest.approx(
            ShapleyValues(forward).attribute(everything)[0].numpy(), abs=1e-5
        )


def test_replacements_give_the_contributions_of_captum():
    module, ours, reading = causal("llama")
    inputs = ours.embed(reading)
    baseline = inputs.clone()
    baseline[:5] = ours.mean_embedding()
    target = said(reading)[1]
    scores = Remembered(Perturbed(ours, reading, UNITS, [target], "logprob").replacing(baseline))
    lost, shared = occlusion(scores, len(UNITS)), shapley(scores, len(UNITS), samples=100, seed=0)
    unit_of = {position: unit for unit, positions in enumerate(UNITS) for position in positions}
    mask = torch.tensor([unit_of.get(position, len(UNITS)) for position in range(len(inputs))])[None, :, None]

    def forward(embeddings):
        return module(inputs_embeds=embeddings).logits[:, target.place].log_softmax(-1)[:, target.token]

    for method, mine in ((FeatureAblation, lost), (ShapleyValues, shared)):
        theirs = method(forward).attribute(inputs[None], baselines=baseline[None], feature_mask=mask)[0, :, 0]
        for unit, positions in enumerate(UNITS):
            assert mine.contributions[0, unit] == pytest.approx(float(theirs[positions[0]]), abs=1e-5)


def bundled(name, auto):
    module = auto.from_pretrained(BUNDLED / name, dtype=torch.float32)
    return module.eval().requires_grad_(False), ecco_reports.load_model(f"bundled:{name}")


def some(units):
    """All units, none, and a few coalitions in between."""
    drawn = np.random.default_rng(0).random((6, units)) < 0.6
    return np.concatenate([np.ones((1, units), bool), np.zeros((1, units), bool), drawn])


def test_masks_are_filled_where_they_stand_after_a_deletion():
    from transformers import AutoModelForMaskedLM

    module, ours = bundled("masked", AutoModelForMaskedLM)
    prompt = Prompt(name="p", text="The capital of [MASK] is Tokyo and the [MASK] of France is Paris")
    reading = ours.read(prompt, Decoding())
    masks = [one.place for one in reading.spoken]
    assert len(masks) == 2
    units = [(position,) for position in range(1, len(reading.ids) - 1) if position not in masks]
    kept = some(len(units))
    found = Perturbed(ours, reading, units, said(reading), "logprob").deleting()(kept)
    for row, values in zip(kept, found.values, strict=True):
        ids = left(reading, row, units)
        where = [place for place, number in enumerate(ids) if number == reading.ids[masks[0]]]
        logprobs = module(torch.tensor([ids])).logits[0].log_softmax(-1)
        expected = [float(logprobs[place, one.outcome]) for place, one in zip(where, reading.spoken, strict=True)]
        assert values == pytest.approx(expected, abs=1e-4)


def test_an_encoder_reads_less_and_its_decoder_says_the_same():
    from transformers import AutoModelForSeq2SeqLM

    module, ours = bundled("sentiment", AutoModelForSeq2SeqLM)
    reading = ours.read(Prompt(name="p", text="sst2 sentence: The film is not bad at all."), Decoding())
    border = reading.passage.encoder_length
    units = [(position,) for position in range(border - 1)]
    kept = some(len(units))
    found = Perturbed(ours, reading, units, said(reading), "logprob").deleting()(kept)
    for row, values in zip(kept, found.values, strict=True):
        ids = left(reading, row, units)
        cut = len(ids) - (len(reading.ids) - border)
        output = module(input_ids=torch.tensor([ids[:cut]]), decoder_input_ids=torch.tensor([ids[cut:]]))
        logprobs = output.logits[0].log_softmax(-1)
        expected = [float(logprobs[step, one.outcome]) for step, one in enumerate(reading.spoken)]
        assert values == pytest.approx(expected, abs=1e-4)


def test_each_token_of_two_texts_keeps_the_text_it_belongs_to():
    from transformers import AutoModelForSequenceClassification

    module, ours = bundled("sentiment-classifier", AutoModelForSequenceClassification)
    reading = ours.read(Prompt(name="p", text="The film is not bad", text_pair="It is a mess"), Decoding())
    assert set(reading.segments) == {0, 1}
    units = [(position,) for position, token in enumerate(reading.passage.tokens) if not token.special]
    kept = some(len(units))
    found = Perturbed(ours, reading, units, [Target(0, 0), Target(0, 1)], "logit").deleting()(kept)
    for row, values in zip(kept, found.values, strict=True):
        gone = {unit[0] for unit, there in zip(units, row, strict=True) if not there}
        told = [number for position, number in enumerate(reading.segments) if position not in gone]
        output = module(torch.tensor([left(reading, row, units)]), token_type_ids=torch.tensor([told]))
        assert values == pytest.approx(output.logits[0].tolist(), abs=1e-4)


def test_hidden_parts_are_scored_by_what_the_model_says_without_looking_at_them():
    _, ours, reading = causal()
    targets = said(reading)
    found = Perturbed(ours, reading, UNITS, targets, "logprob").hiding()(ALL)
    for kept, values in zip(ALL, found.values, strict=True):
        gone = [position for unit, there in zip(UNITS, kept, strict=True) if not there for position in unit]
        unseen = torch.zeros(1, len(reading.ids), dtype=torch.bool)
        unseen[0, gone] = True
        logprobs = ours.logits_unseen(reading, unseen, [one.place for one in targets])[0].log_softmax(-1)
        assert values == pytest.approx([float(row[one.token]) for row, one in zip(logprobs, targets, strict=True)])
    assert found.values[-1] == pytest.approx(own_scores(ours, reading, targets, "logprob"), abs=1e-5)
    assert np.ptp(found.values, axis=0).min() > 0.1


def test_an_answer_as_a_whole_is_scored_by_both_its_ends():
    from tests.models import families

    ours = families.wrapped("BERT (answers by a span)")
    reading = ours.read(families.QUESTION, Decoding())
    start, end = Target(0, 9), Target(1, 11)
    scores = own_scores(ours, reading, [Target(0, 9, also=(end,)), start, end], "logprob")
    assert scores[0] == pytest.approx(scores[1] + scores[2])
    likely = own_scores(ours, reading, [Target(0, 9, 10, also=(Target(1, 11, 12),))], "probability")
    chances = np.exp(own_scores(ours, reading, [start, end, Target(0, 10), Target(1, 12)], "logprob"))
    assert likely[0] == pytest.approx(chances[0] * chances[1] - chances[2] * chances[3])


LONG = Prompt(name="p", text=" ".join([tiny.TEXT] * 5))


def long_case(family, dtype=torch.float32):
    ours = wrap(tiny.build(family, dtype), tiny.word_tokenizer())
    reading = ours.read(LONG, Decoding(max_new_tokens=3))
    units = tuple((position,) for position in range(reading.passage.prompt_length))
    return ours, reading, units


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("way", ["deleting", "replacing"])
def test_reading_from_the_first_change_on_says_what_reading_all_says(family, way, monkeypatch):
    ours, reading, units = long_case(family)
    texts = np.concatenate([np.ones((1, 40), bool), ~np.eye(40, dtype=bool), np.zeros((1, 40), bool)])
    texts = np.concatenate([texts, np.random.default_rng(0).random((20, 40)) < 0.8])

    nothing = ours.mean_embedding().expand(len(reading.ids), -1)

    def scores():
        variants = Perturbed(ours, reading, units, said(reading), "logprob")
        scorer = variants.deleting() if way == "deleting" else variants.replacing(nothing)
        read = []
        plain = ours.logits_from_embeddings
        monkeypatch.setattr(ours, "logits_from_embeddings", lambda r, e, p: read.append(len(e)) or plain(r, e, p))
        found = scorer(texts).values
        monkeypatch.setattr(ours, "logits_from_embeddings", plain)
        return found, sum(read)

    found, whole = scores()
    monkeypatch.setattr(ours, "prefix", lambda reading, length: None)
    expected, all_of_them = scores()
    assert found == pytest.approx(expected, abs=1e-4)
    assert all_of_them == len(texts)
    # What keeps all its beginnings apart reads whole texts only where something in the first eighth is missing.
    assert whole < 0.6 * len(texts)


@pytest.mark.parametrize("name", ["Mamba", "RWKV", "RecurrentGemma", "Jamba"])
def test_a_memory_that_cannot_be_cut_is_not_used(name):
    from tests.models import families

    ours = families.wrapped(name)
    reading = ours.read(Prompt(name="p", text=tiny.TEXT), Decoding(max_new_tokens=1))
    assert ours.prefix(reading, len(reading.ids)) is None


@pytest.mark.parametrize("name", ["BERT", "T5"])
def test_who_looks_ahead_remembers_no_beginning(name):
    from tests.models import families

    ours = families.wrapped(name)
    reading = ours.read(families.PROMPTS[ours.family], Decoding(max_new_tokens=1))
    assert ours.prefix(reading, len(reading.ids)) is None
