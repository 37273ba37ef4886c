"""Attributions of models that fill in, translate, classify and answer are those of captum."""

from __future__ import annotations

import pytest
import torch
from captum.attr import InputXGradient, IntegratedGradients

from ecco_reports.methods.gradients import gradients, integrated_gradients
from ecco_reports.methods.targets import Target, score_targets
from ecco_reports.records import Decoding, Family
from tests.models.families import PROMPTS, raw, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = [
    *("BERT", "RoBERTa", "ALBERT", "ModernBERT"),
    *("T5", "BART", "Pegasus"),
    *("BERT (classifier)", "GPT-2 (classifier)"),
    *("BERT (answers by a span)", "DistilBERT (answers by a span)"),
]
NODES = 8


def case(name):
    """Ours, a reading, its embeddings, a baseline for all of them, and a target for each thing that was said."""
    ours = wrapped(name)
    reading = ours.read(PROMPTS[ours.family], Decoding(max_new_tokens=3))
    inputs = ours.embed(reading)
    targets = [Target(one.place, one.outcome) for one in reading.spoken]
    # A contrast of two classes, of which the model chose neither perhaps.
    targets.append(Target(reading.spoken[0].place, 1, foil=0))
    return ours, reading, inputs, ours.token_embedding("pad").expand_as(inputs), targets


def directly(name, reading, target, score):
    """The target's score by transformers' own arguments for embeddings, as captum wants it."""
    model, border = raw(name), reading.passage.encoder_length

    def forward(*parts):
        if border:
            logits = model(inputs_embeds=parts[0], decoder_inputs_embeds=parts[1], use_cache=False).logits
            rows = logits[:, [target.place - border]]
        else:
            (part,) = parts
            told = {}
            if any(reading.segments):
                told["token_type_ids"] = torch.tensor([reading.segments]).expand(len(part), -1)
            output = model(inputs_embeds=part, **told)
            match reading.family:
                case Family.MASKED:
                    rows = output.logits[:, [target.place]]
                case Family.CLASSIFICATION:
                    rows = output.logits[:, None]
                case _:
                    rows = (output.start_logits, output.end_logits)[target.place][:, None]
        return score_targets(rows, [target], score)[:, 0]

    return forward


def parts_of(embeddings, reading):
    """Embeddings as the model takes them: one stream, or the encoder's and the decoder's."""
    border = reading.passage.encoder_length
    return (embeddings[None, :border], embeddings[None, border:]) if border else (embeddings[None],)


def near(found, theirs):
    assert found.numpy() == pytest.approx(theirs.numpy(), abs=2e-5 * max(1.0, float(theirs.abs().max())))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", ["logprob", "probability"])
def test_integrated_gradients_are_those_of_captum(name, score):
    ours, reading, inputs, baseline, targets = case(name)
    found = integrated_gradients(ours, reading, inputs, baseline, targets, score, 1e9, ladder=(NODES,))
    for row, target in zip(found.vectors, targets, strict=True):
        theirs = IntegratedGradients(directly(name, reading, target, score)).attribute(
            parts_of(inputs, reading), parts_of(baseline, reading), n_steps=NODES
        )
        near(row, torch.cat([part[0] for part in theirs]).float().detach())
        if reading.passage.encoder_length:
            assert all(part.abs().max() > 1e-6 for part in theirs)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("score", ["logprob", "logit"])
def test_input_x_gradient_is_that_of_captum(name, score):
    ours, reading, inputs, _, targets = case(name)
    found = gradients(ours, reading, inputs, targets, score)
    for row, target in zip(found.vectors, targets, strict=True):
        parts = tuple(part.clone().requires_grad_(True) for part in parts_of(inputs, reading))
        theirs = InputXGradient(directly(name, reading, target, score)).attribute(parts)
        near(row * inputs, torch.cat([part[0].detach() for part in theirs]))


@pytest.mark.parametrize("name", NAMES)
def test_scores_are_those_of_the_model(name):
    ours, reading, inputs, baseline, targets = case(name)
    found = integrated_gradients(ours, reading, inputs, baseline, targets, "logprob", 1e9, ladder=(4,))
    assert found.scores[:-1].tolist() == pytest.approx([one.logprob for one in reading.spoken], abs=1e-5)
    for target, score, empty in zip(targets, found.scores, found.baseline_scores, strict=True):
        forward = directly(name, reading, target, "logprob")
        assert score.item() == pytest.approx(forward(*parts_of(inputs, reading)).item(), abs=1e-5)
        assert empty.item() == pytest.approx(forward(*parts_of(baseline, reading)).item(), abs=1e-5)


@pytest.mark.parametrize("name", ["BERT", "BART", "BERT (classifier)", "BERT (answers by a span)"])
def test_contributions_are_complete_to_nine_digits_in_double_precision(name):
    ours = wrapped(name, "float64")
    reading = ours.read(PROMPTS[ours.family], Decoding(max_new_tokens=2))
    inputs = ours.embed(reading)
    targets = [Target(one.place, one.outcome) for one in reading.spoken]
    baseline = ours.mean_embedding().expand_as(inputs)
    found = integrated_gradients(ours, reading, inputs, baseline, targets, "logprob", 1e-10, ladder=(64, 256))
    missing = found.vectors.sum((1, 2)) - (found.scores - found.baseline_scores)
    assert missing.abs().max().item() < 1e-9


@pytest.mark.parametrize("name", ["T5", "BART"])
def test_what_an_encoder_reads_moves_every_token_and_what_the_decoder_wrote_later_none(name):
    ours, reading, inputs, _, targets = case(name)
    found = gradients(ours, reading, inputs, targets[:-1], "logprob").vectors
    border = reading.passage.encoder_length
    for row, target in zip(found, targets[:-1], strict=True):
        assert row[:border].abs().amax(1).min() > 0
        assert row[border : target.place + 1].abs().amax(1).min() > 0
        assert not row[target.place + 1 :].any()


def test_every_word_moves_what_is_filled_in():
    ours, reading, inputs, _, targets = case("BERT")
    found = gradients(ours, reading, inputs, targets, "logprob").vectors
    assert found.abs().amax(2).min() > 0
