"""NaN and infinity are errors that name where they begin, and minus infinity said on purpose is none."""

from __future__ import annotations

import re

import pytest
import torch

from ecco_reports.errors import NumericalError
from ecco_reports.methods.gradients import gradients, integrated_gradients
from ecco_reports.methods.targets import Target
from ecco_reports.models.anatomy.blocks import find_blocks
from ecco_reports.models.finite import all_finite, can_be_chosen_from
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Decoding, Family, Sampling
from tests import zoo
from tests.models.families import PLAIN, PROMPTS, tokenizer_of

pytestmark = pytest.mark.usefixtures("one_thread")

GREEDY = Decoding(max_new_tokens=3)
DRAWN = Decoding(max_new_tokens=3, sampling=Sampling(seed=1))


def fresh(name, dtype=torch.float32):
    """A module of the zoo that nobody else has, and the model made of it."""
    entry = zoo.BY_NAME[name]
    module = entry.build(dtype)
    return module, wrap(module, tokenizer_of(entry.family, "type_vocab_size" in entry.settings))


def break_weight(module, name, number=float("nan")):
    with torch.no_grad():
        module.get_parameter(name).view(-1)[3] = number


def refusal(deed):
    with pytest.raises(NumericalError) as caught:
        deed()
    return caught.value


CASES = [
    ("GPT-2", "transformer.h.1.mlp.c_proj.weight", "layer 1", 0),
    ("Llama", "model.layers.2.mlp.down_proj.weight", "layer 2", 0),
    ("BERT", "bert.encoder.layer.1.output.dense.weight", "layer 1", 0),
    ("ALBERT", "albert.encoder.albert_layer_groups.0.albert_layers.0.ffn_output.weight", "layer 0", 0),
    ("BART", "model.decoder.layers.1.fc2.weight", "layer 1", 10),
    ("BART", "model.encoder.layers.1.fc2.weight", "the encoder's layer 1", 0),
    ("T5", "decoder.block.2.layer.2.DenseReluDense.wo.weight", "layer 2", 10),
    ("T5", "encoder.block.0.layer.1.DenseReluDense.wo.weight", "the encoder's layer 0", 0),
    ("BERT (classifier)", "bert.encoder.layer.2.output.dense.weight", "layer 2", 0),
    ("BERT (classifier)", "classifier.weight", "the head", None),
    ("BERT (answers by a span)", "bert.encoder.layer.0.output.dense.weight", "layer 0", 0),
]


@pytest.mark.parametrize(("name", "weight", "part", "position"), CASES, ids=[f"{c[0]}: {c[2]}" for c in CASES])
def test_a_broken_weight_is_traced_to_its_layer(name, weight, part, position):
    module, model = fresh(name)
    break_weight(module, weight)
    found = refusal(lambda: model.read(PROMPTS[model.family], GREEDY))
    assert (found.part, found.position) == (part, position)
    assert str(found).startswith(f"{type(module).__name__} gives NaN from {part} on")
    assert f"Its weight {weight} holds numbers that are not finite: the checkpoint is damaged" in str(found)


@pytest.mark.parametrize("decoding", [GREEDY, DRAWN], ids=["greedy", "drawn"])
@pytest.mark.parametrize("name", ["GPT-2", "BART"])
def test_what_is_written_is_not_chosen_from_nothing(name, decoding):
    module, model = fresh(name)
    break_weight(module, find_head(module))
    found = refusal(lambda: model.read(PLAIN, decoding))
    assert found.part in ("the head", "the embedding", "the encoder's embedding")


def find_head(module):
    """The weight of the head; tied to the embedding in these models, so that either may be named."""
    names = {id(parameter): name for name, parameter in module.named_parameters()}
    return names[id(module.get_output_embeddings().weight)]


@pytest.mark.parametrize(("name", "position"), [("Llama", 7), ("BERT", 6)])
def test_a_broken_row_of_the_embedding_is_traced_to_the_word_that_has_it(name, position):
    module, model = fresh(name)
    word = model.tokenizer.encode(PROMPTS[model.family]).ids[position]
    with torch.no_grad():
        module.get_input_embeddings().weight[word, 0] = float("nan")
    found = refusal(lambda: model.read(PROMPTS[model.family], GREEDY))
    # A model that ties its head to its embedding says NaN of every text; the embedding is still where it begins.
    assert (found.part, found.position) == ("the embedding", position)
    token = model.tokenizer.token(word).label
    assert f"first at position {position} ({token!r})" in str(found)


def test_a_half_precision_overflow_says_which_formats_reach_further():
    module, model = fresh("GPT-2", torch.float16)
    with torch.no_grad():
        module.get_parameter("transformer.h.1.mlp.c_proj.weight").fill_(6e4)
    found = refusal(lambda: model.read(PLAIN, GREEDY))
    assert found.part == "layer 1"
    assert "in float16 this is often an overflow: try dtype: float32 or bfloat16." in str(found).lower()


@pytest.mark.parametrize("name", ["GPT-2", "BERT", "T5", "BERT (classifier)"])
def test_a_model_with_a_broken_weight_is_not_taken_in(name):
    """Also where its logits would look sound: a fused kernel makes zeros of a head whose scores are NaN."""
    entry = zoo.BY_NAME[name]
    module = entry.build(torch.float32)
    weight = next(path for path, one in find_blocks(module, None)[-1].named_parameters() if one.dim() > 1)
    block = find_blocks(module, None)[-1]
    with torch.no_grad():
        block.get_parameter(weight).view(-1)[0] = float("nan")
    with pytest.raises(NumericalError, match=rf"cannot be used\. Its weight \S*{re.escape(weight)} holds numbers"):
        wrap(module, tokenizer_of(entry.family, "type_vocab_size" in entry.settings))


def test_a_row_that_no_text_looks_up_may_be_anything():
    module = zoo.BY_NAME["Llama"].build(torch.float32)
    with torch.no_grad():
        module.get_input_embeddings().weight[zoo.VOCABULARY["sea"]] = float("nan")
    model = wrap(module, tokenizer_of(Family.CAUSAL))
    assert model.read(PLAIN, Decoding(max_new_tokens=1)).spoken


def test_minus_infinity_on_purpose_is_no_accident():
    module, model = fresh("Llama")
    module.get_output_embeddings().register_forward_hook(
        lambda _module, _args, logits: logits.index_fill(-1, torch.tensor([0, 5]), -torch.inf)
    )
    reading = model.read(PLAIN, GREEDY)
    assert all(one.outcome not in (0, 5) for one in reading.spoken)
    assert bool((model.logits(reading, reading.places)[:, [0, 5]] == -torch.inf).all())


def test_a_distribution_in_which_nothing_is_possible_is_an_accident():
    nothing = torch.full((1, 2, 5), -torch.inf)
    assert not can_be_chosen_from(nothing)
    nothing[..., 1] = 0.0
    assert can_be_chosen_from(nothing)
    assert not can_be_chosen_from(torch.tensor([[0.0, torch.inf]]))
    assert not can_be_chosen_from(torch.tensor([[0.0, torch.nan]]))
    assert can_be_chosen_from(torch.zeros(1, 0, 5))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_one_bad_number_among_many_is_seen(dtype):
    numbers = torch.zeros(7, 11, dtype=dtype)
    assert all_finite(numbers)
    assert all_finite(numbers[:0])
    for bad in (torch.nan, torch.inf, -torch.inf):
        numbers[3, 4] = bad
        assert not all_finite(numbers)


def spoil_first_position(module, _args, output):
    output = output.clone()
    output[0, 0, 3] = float("nan")
    return output


@pytest.mark.parametrize("look", ["neurons", "writes", "residual_states"])
def test_what_is_seen_inside_a_pass_is_checked_where_the_logits_are_sound(look):
    module, model = fresh("GPT-2")
    reading = model.read(PLAIN, Decoding(max_new_tokens=1))
    # In the last layer nothing reads the first position any more but its own logits, which nobody asks for.
    module.transformer.h[-1].mlp.act.register_forward_hook(spoil_first_position)
    found = refusal(lambda: getattr(model, look)(reading))
    assert (found.part, found.position) == ("layer 2", 0)


def test_states_that_the_tail_makes_nothing_of_are_told_from_a_broken_model():
    _, model = fresh("GPT-2")
    reading = model.read(PLAIN, Decoding(max_new_tokens=1))
    states = model.residual_states(reading)
    states = states[1:2].index_fill(1, torch.tensor([4]), torch.inf)
    for deed in (
        lambda: model.read_out(reading, states, [4]),
        lambda: model.resume(reading, 1, states, [5]),
        lambda: model.logits_from_embeddings(reading, model.embed(reading)[None] * torch.inf, [5]),
    ):
        found = refusal(deed)
        assert found.part is None
        assert "for a changed text or changed states, though not for the text as it is" in str(found)
    assert model.logits(reading, [5]).isfinite().all()


def test_a_gradient_that_is_none_names_its_target_and_its_position():
    module, model = fresh("Llama")
    reading = model.read(PLAIN, Decoding(max_new_tokens=1))
    # Adds nothing, and has no derivative there: that of the root of nought is infinite, times nought.
    add = lambda _m, _a, output: output + (output * 0).clamp_min(0).sqrt()  # noqa: E731
    module.get_input_embeddings().register_forward_hook(add)
    module.model.layers[1].mlp.register_forward_hook(add)
    inputs = model.embed(reading)
    targets = [Target(reading.spoken[0].place, reading.spoken[0].outcome)]
    said = model.outcome(reading, targets[0].token).label
    for deed in (
        lambda: gradients(model, reading, inputs, targets, "logprob"),
        lambda: integrated_gradients(model, reading, inputs, inputs * 0.5, targets, "logprob", 0.01),
    ):
        found = refusal(deed)
        assert found.position == 0
        assert f"the gradient of {said!r} (target 0) by position 0 ('Heathrow') is no finite number" in str(found)
