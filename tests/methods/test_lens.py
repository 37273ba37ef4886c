from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ecco_reports.methods.lens import logit_lens, token_ranks
from tests import tiny
from tests.readings import reading_of

IDS = torch.tensor(tiny.word_tokenizer().encode(tiny.TEXT).ids)
EVERYWHERE = list(range(len(IDS)))
STATES = list(range(tiny.LAYERS + 1))
GOLDEN = Path(__file__).parent.parent / "oracles" / "transformer_lens.npz"
# How each family normalises and reads out, written down from the papers' side: what the replay must find by itself.
TAILS = {
    "gpt2": lambda m, h: m.lm_head(m.transformer.ln_f(h)),
    "llama": lambda m, h: m.lm_head(m.model.norm(h)),
    "neox": lambda m, h: m.lm_head(m.gpt_neox.final_layer_norm(h)),
    "gemma2": lambda m, h: 6.0 * torch.tanh(m.lm_head(m.model.norm(h)) / 6.0),
}


def read_out(ours):
    """Every state of the text, read out everywhere: ``[state, position, vocab]``."""
    reading = reading_of(ours, IDS)
    return ours.read_out(reading, ours.residual_states(reading), EVERYWHERE)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_each_state_is_read_out_as_by_hand(family, tiny_model):
    model = tiny.build(family)
    hidden = model(IDS[None], output_hidden_states=True).hidden_states
    ours = tiny_model(family)
    read = read_out(ours)
    # The library's last entry is behind the final norm, so only the others are raw states.
    for state in STATES[:-1]:
        assert read[state].numpy() == pytest.approx(TAILS[family](model, hidden[state])[0].numpy(), abs=1e-5)
    assert read[-1].numpy() == pytest.approx(model(IDS[None]).logits[0].numpy(), abs=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_each_state_is_read_out_as_by_transformer_lens(family, tiny_model):
    golden = np.load(GOLDEN)
    assert golden[f"{family}_labels"].tolist() == ["0_pre", "1_pre", "2_pre", "final_post"]
    ours = tiny_model(family)
    assert ours.logits(reading_of(ours, IDS), EVERYWHERE).numpy() == pytest.approx(golden[f"{family}_model"], abs=1e-5)
    assert read_out(ours).numpy() == pytest.approx(golden[f"{family}_logits"], abs=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_the_rows_say_what_the_logits_say(family, tiny_model):
    ours = tiny_model(family)
    targets = torch.arange(len(IDS)) % 7
    lens = logit_lens(ours, reading_of(ours, IDS), STATES, EVERYWHERE, targets, k=5)
    logits = read_out(ours).double()
    p = logits.softmax(-1)
    final = p[-1]
    for state, row in enumerate(lens.rows):
        best = p[state].topk(5)
        chosen = p[state].gather(-1, targets[:, None])
        assert torch.equal(row.tokens, best.indices)
        assert row.probabilities.numpy() == pytest.approx(best.values.numpy(), abs=1e-6)
        assert row.entropy.numpy() == pytest.approx(-(p[state] * p[state].log()).sum(-1).numpy(), abs=1e-5)
        assert row.divergence.numpy() == pytest.approx((final * (final / p[state]).log()).sum(-1).numpy(), abs=1e-5)
        assert row.target_logprob.numpy() == pytest.approx(chosen.log()[:, 0].numpy(), abs=1e-5)
        assert row.target_rank.tolist() == (1 + (p[state] > chosen).sum(-1)).tolist()
    assert lens.rows[-1].divergence.abs().max().item() < 1e-6
    assert lens.readout_gap < 1e-6


def test_the_proof_stands_when_the_last_layer_is_not_asked_for(tiny_model):
    ours = tiny_model("llama")
    lens = logit_lens(ours, reading_of(ours, IDS), [0, 2], EVERYWHERE, IDS, k=3)
    assert len(lens.rows) == 2
    assert lens.readout_gap < 1e-6


def test_a_tail_that_is_not_the_models_own_is_found_out(tiny_model, monkeypatch):
    ours = tiny_model("gpt2")
    honest = ours.read_out
    monkeypatch.setattr(ours, "read_out", lambda *args: honest(*args) + torch.arange(len(tiny.VOCABULARY)) * 0.1)
    assert logit_lens(ours, reading_of(ours, IDS), STATES, EVERYWHERE, IDS, k=3).readout_gap > 0.1
    assert token_ranks(ours, reading_of(ours, IDS), STATES, [(p, 0) for p in EVERYWHERE]).final_rank_gap > 0


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_ranks_count_the_tokens_above(family, tiny_model):
    ours = tiny_model(family)
    places = [(7, 4), (2, 9), (7, 30), (2, 9)]
    found = token_ranks(ours, reading_of(ours, IDS), [0, 2], places)
    logits = read_out(ours).double()
    for column, (position, token) in enumerate(places):
        for row, state in enumerate((0, 2)):
            values = logits[state, position]
            assert found.ranks[row, column].item() == 1 + int((values > values[token]).sum())
            assert found.probabilities[row, column].item() == pytest.approx(values.softmax(-1)[token].item(), abs=1e-6)
    assert found.vocab_size == len(tiny.VOCABULARY)
    assert found.readout_gap < 1e-6
    assert found.final_rank_gap == 0


def test_chunks_change_nothing(tiny_model, monkeypatch):
    ours = tiny_model("gemma2")
    whole = logit_lens(ours, reading_of(ours, IDS), STATES, EVERYWHERE, IDS, k=4)
    monkeypatch.setattr("ecco_reports.methods.portions.NUMBERS_AT_ONCE", 1)
    monkeypatch.setattr("ecco_reports.methods.lens._NUMBERS_IN_CACHE", 1)
    small = logit_lens(ours, reading_of(ours, IDS), STATES, EVERYWHERE, IDS, k=4)
    for left, right in zip(whole.rows, small.rows, strict=True):
        assert torch.equal(left.tokens, right.tokens)
        assert left.divergence.numpy() == pytest.approx(right.divergence.numpy(), abs=1e-6)
