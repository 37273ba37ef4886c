"""Reading states without the final norm, held against the formula of the original ecco on transformers' own states."""

from __future__ import annotations

import pytest
import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.lens import logit_lens, token_ranks
from ecco_reports.methods.readouts import bare_head
from ecco_reports.models.bare_head import disorder
from ecco_reports.records import Decoding
from tests import tiny
from tests.models.families import PROMPTS, raw, wrapped
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")
IDS = torch.tensor(tiny.word_tokenizer().encode(tiny.TEXT).ids)
EVERYWHERE = list(range(len(IDS)))


def as_the_original(model, hidden_states):
    """Its ``layer_predictions``: the head on ``hidden_states[1:]``, whatever the model does before and after it."""
    return torch.stack([model.lm_head(state)[0] for state in hidden_states[1:]])


@torch.no_grad()
@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_every_layer_of_a_causal_model_is_read_as_the_original_ecco_reads_it(family, tiny_model):
    model, ours = tiny.build(family), tiny_model(family)
    output = model(IDS[None], output_hidden_states=True)
    head = model.get_output_embeddings()
    expected = torch.stack([head(state)[0] for state in output.hidden_states[1:]])
    read = ours.read_bare(reading_of(ours, IDS), [1, 2, 3], EVERYWHERE)
    assert read.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    # The top row is behind the norm. What Gemma 2 does to its logits afterwards is not in it, but keeps their order.
    own = output.logits[0]
    assert torch.equal(read[-1].argsort(-1), own.argsort(-1))
    assert torch.allclose(read[-1], own, atol=1e-5) is (family != "gemma2")


@torch.no_grad()
@pytest.mark.parametrize("name", ["T5", "Flan-T5", "Pegasus"])
def test_every_layer_of_a_decoder_is_read_as_the_original_ecco_reads_it(name):
    model, ours = raw(name), wrapped(name)
    reading = ours.read(PROMPTS[ours.family], Decoding(max_new_tokens=3))
    ids, border = torch.tensor([reading.ids]), reading.passage.encoder_length
    output = model(ids[:, :border], decoder_input_ids=ids[:, border:], output_hidden_states=True)
    expected = as_the_original(model, output.decoder_hidden_states)
    read = ours.read_bare(reading, list(range(1, ours.layers + 1)), reading.places)
    assert read.numpy() == pytest.approx(expected.numpy(), abs=1e-4)
    assert torch.equal(read[-1].argmax(-1), output.logits[0].argmax(-1))
    # T5 scales before its head, which the original left out: the same order, other probabilities.
    assert torch.allclose(read[-1], output.logits[0], atol=1e-3) is (name != "T5")


@torch.no_grad()
def test_rows_below_the_top_are_the_head_on_the_state_by_hand(tiny_model):
    ours, weight = tiny_model("gpt2"), tiny.build("gpt2").lm_head.weight.numpy()
    reading = reading_of(ours, IDS)
    states = ours.residual_states(reading).numpy()
    read = ours.read_bare(reading, [0, 2], [1, 5]).numpy()
    for row, state in enumerate((0, 2)):
        assert read[row] == pytest.approx(states[state][[1, 5]] @ weight.T, abs=1e-5)


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_lens_and_ranks_say_what_the_bare_head_says(family, tiny_model):
    ours = tiny_model(family)
    reading = reading_of(ours, IDS)
    states, places = [0, 1, 2, 3], [2, 7]
    logits = ours.read_bare(reading, states, places)
    lens = logit_lens(ours, reading, states, places, torch.tensor([4, 9]), 3, bare_head)
    ranks = token_ranks(ours, reading, states, [(2, 4), (7, 9)], 3, bare_head)
    for state, row in enumerate(lens.rows):
        assert torch.equal(row.tokens, logits[state].topk(3).indices)
        assert torch.equal(row.tokens, ranks.tokens[state])
        assert row.target_rank.tolist() == ranks.ranks[state].tolist()
        assert row.probabilities.numpy() == pytest.approx(logits[state].softmax(-1).topk(3).values.numpy(), abs=1e-6)
    assert (lens.readout_gap, ranks.readout_gap, ranks.final_rank_gap) == (
        pytest.approx(0, abs=1e-6),
        pytest.approx(0, abs=1e-6),
        0,
    )
    assert not torch.equal(
        lens.rows[1].probabilities,
        logit_lens(ours, reading, [1], places, torch.tensor([4, 9]), 3).rows[0].probabilities,
    )


@pytest.mark.parametrize("name", ["BERT", "ModernBERT", "BERT (classifier)", "BERT (answers by a span)"])
def test_a_head_that_is_more_than_a_matrix_behind_a_norm_is_refused(name):
    ours = wrapped(name)
    reading = ours.read(PROMPTS[ours.family], Decoding(max_new_tokens=3))
    with pytest.raises(CapabilityError, match=r"without its final norm.*: it has no head that is one matrix"):
        ours.read_bare(reading, [1], reading.places[:1])


def test_a_head_that_does_not_order_outcomes_as_the_model_does_is_refused(tiny_model):
    """Something between the head and the logits that is not the same for all outcomes, as a bias would be."""
    ours = tiny_model("gpt2")
    module = ours._module
    handle = module.register_forward_hook(
        lambda _m, _a, output: setattr(output, "logits", output.logits + 5.0 * torch.arange(output.logits.shape[-1]))
    )
    try:
        with pytest.raises(CapabilityError, match="in the order that the model does"):
            ours.read_bare(reading_of(ours, IDS[2:6]), [1], [0])
    finally:
        handle.remove()


def test_disorder_is_nought_for_what_rises_together_and_else_the_largest_drop():
    scores = torch.tensor([[1.0, 3.0, 2.0], [0.0, 1.0, 2.0]])
    assert disorder(scores, torch.tanh(scores)).item() == 0
    assert disorder(scores, torch.tensor([[1.0, 3.0, 2.0], [5.0, 4.5, 3.0]])).item() == 2.0
