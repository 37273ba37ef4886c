"""The lens of models that fill in, translate, classify and answer, against tails written down by hand."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import gelu

from ecco_reports.methods.lens import logit_lens, token_ranks
from ecco_reports.records import Decoding
from tests.models.families import PROMPTS, raw, wrapped
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")


def bert(m, h):
    head = m.cls.predictions
    h = head.transform.LayerNorm(gelu(head.transform.dense(h)))
    return h @ m.bert.embeddings.word_embeddings.weight.T + head.bias


def albert(m, h):
    head = m.predictions
    h = head.LayerNorm(gelu(head.dense(h), approximate="tanh"))
    return h @ m.albert.embeddings.word_embeddings.weight.T + head.bias


def roberta(m, h):
    h = m.lm_head.layer_norm(gelu(m.lm_head.dense(h)))
    return h @ m.roberta.embeddings.word_embeddings.weight.T + m.lm_head.bias


def modern_bert(m, h):
    h = m.head.norm(gelu(m.head.dense(m.model.final_norm(h))))
    return h @ m.model.embeddings.tok_embeddings.weight.T + m.decoder.bias


# One row of logits per place, from a state [1, position, width] of the stack that speaks.
TAILS = {
    "BERT": bert,
    "RoBERTa": roberta,
    "ALBERT": albert,
    "ModernBERT": modern_bert,
    "T5": lambda m, h: 32**-0.5 * m.decoder.final_layer_norm(h) @ m.shared.weight.T,
    "Flan-T5": lambda m, h: m.lm_head(m.decoder.final_layer_norm(h)),
    "BART": lambda m, h: h @ m.model.shared.weight.T + m.final_logits_bias,
    "Pegasus": lambda m, h: m.model.decoder.layer_norm(h) @ m.model.shared.weight.T + m.final_logits_bias,
    "BERT (classifier)": lambda m, h: m.classifier(torch.tanh(m.bert.pooler.dense(h[:, 0])))[:, None],
    "RoBERTa (classifier)": lambda m, h: m.classifier.out_proj(torch.tanh(m.classifier.dense(h[:, 0])))[:, None],
    "DistilBERT (classifier)": lambda m, h: m.classifier(torch.relu(m.pre_classifier(h[:, 0])))[:, None],
    "GPT-2 (classifier)": lambda m, h: m.score(m.transformer.ln_f(h[:, -1:])),
    "BERT (answers by a span)": lambda m, h: m.qa_outputs(h).transpose(1, 2),
    "DistilBERT (answers by a span)": lambda m, h: m.qa_outputs(h).transpose(1, 2),
}


def case(name):
    ours = wrapped(name)
    return raw(name), ours, ours.read(PROMPTS[ours.family], Decoding(max_new_tokens=3))


def hidden_states(model, reading):
    """Transformers' own hidden states of the stack that speaks, the last of which may be behind the final norm."""
    ids, border = torch.tensor([reading.ids]), reading.passage.encoder_length
    if border:
        return model(
            ids[:, :border], decoder_input_ids=ids[:, border:], output_hidden_states=True
        ).decoder_hidden_states
    told = {"token_type_ids": torch.tensor([reading.segments])} if any(reading.segments) else {}
    return model(ids, output_hidden_states=True, **told).hidden_states


@pytest.mark.parametrize("name", TAILS)
def test_each_state_is_read_out_as_by_hand(name):
    model, ours, reading = case(name)
    hidden = hidden_states(model, reading)
    states = ours.residual_states(reading)
    assert len(states) == len(hidden) == ours.layers + 1
    read = ours.read_out(reading, states, reading.places)
    for state in range(ours.layers):
        assert states[state].numpy() == pytest.approx(hidden[state][0].numpy(), rel=1e-5, abs=1e-5)
        expected = TAILS[name](model, hidden[state])[0]
        limit = 1e-5 * max(1.0, float(expected.abs().max()))
        assert read[state].numpy() == pytest.approx(expected.numpy(), abs=limit)
    own = ours.logits(reading, reading.places)
    assert read[-1].numpy() == pytest.approx(own.numpy(), abs=1e-5 * max(1.0, float(own.abs().max())))
    assert read[-1].numpy() == pytest.approx(TAILS[name](model, states[-1:])[0].numpy(), abs=1e-4)
    # One state alone is read out like the same state among others, and a place like the same place among others.
    alone = ours.read_out(reading, states[1:2], reading.places[-1:])
    assert alone[0, 0].numpy() == pytest.approx(read[1, -1].numpy(), abs=1e-5)


@pytest.mark.parametrize("name", TAILS)
def test_the_rows_and_the_ranks_say_what_the_logits_say(name):
    _, ours, reading = case(name)
    states, places = list(range(ours.layers + 1)), list(reading.places[-2:])
    logits = ours.read_out(reading, ours.residual_states(reading), places).double()
    p = logits.softmax(-1)
    targets = torch.tensor([1] * len(places))
    lens = logit_lens(ours, reading, states, places, targets, k=2)
    ranks = token_ranks(ours, reading, states, [(place, 1) for place in places])
    for state, row in enumerate(lens.rows):
        assert torch.equal(row.tokens, p[state].topk(2).indices)
        assert row.entropy.numpy() == pytest.approx(-(p[state] * p[state].log()).sum(-1).numpy(), abs=1e-5)
        kl = (p[-1] * (p[-1] / p[state]).log()).sum(-1)
        assert row.divergence.numpy() == pytest.approx(kl.numpy(), abs=1e-5)
        above = 1 + (logits[state] > logits[state, :, 1:2]).sum(-1)
        assert row.target_rank.tolist() == ranks.ranks[state].tolist() == above.tolist()
    assert lens.readout_gap < 1e-6
    assert (ranks.readout_gap < 1e-6, ranks.final_rank_gap) == (True, 0)
    assert ranks.vocab_size == logits.shape[-1]


@pytest.mark.parametrize("name", ["BERT", "T5", "BART"])
def test_a_reading_cut_elsewhere_has_its_own_states(name):
    """The pass that is kept belongs to one text: another one of the same length does not get its numbers."""
    _, ours, reading = case(name)
    border = reading.passage.encoder_length
    first = ours.residual_states(reading)
    other = list(reading.ids)
    other[1], other[2] = other[2], other[1]
    swapped = reading_of(ours, other, encoder_length=border)
    moved = ours.residual_states(swapped)
    assert (moved - first).abs().max() > 1e-3
    again = ours.residual_states(reading_of(ours, reading.ids, encoder_length=border))
    assert torch.equal(again, first)
