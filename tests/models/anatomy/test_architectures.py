"""Every handle of every architecture of the zoo, against what the model itself does on another text than the probe."""

from __future__ import annotations

from functools import cache

import pytest
import torch

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.anatomy import explore, replaced_output, resumed, trace_blocks
from ecco_reports.models.base import AttentionKind, Capability
from ecco_reports.records import Family
from tests import zoo

pytestmark = pytest.mark.usefixtures("one_thread", "no_gradients")

TEXT = "when I hear the sound of summer rain"
NAMES = tuple(zoo.BY_NAME)
HANDLES = (
    Capability.STATES,
    Capability.LAYER_READOUT,
    Capability.RESUME,
    Capability.ATTENTION,
    Capability.NEURONS,
    Capability.WRITES,
)

NO_VECTOR = "its residual stream has 4 axes instead of text, position and width"
NO_ATTENTION = "none of its layers compares positions with one another by attention weights"
FUSED = "its experts are fused into one matrix product"
MIXED = "the last projection of a block reads what was mixed over positions"
NORMED = "its blocks end in a norm, so that what their parts write does not simply add up"
NO_SUM = "no one to three modules of a block add up to what it changes"
NO_CHAIN = "no list of blocks was found in it, each of which goes on where the one before it ended"
OTHER_AXES = "its residual stream has other axes than text, position and width, in this order"
NO_PAIRS = "what it gives out as attention is not from every position to every position"
NO_SHARES = "what it gives out as attention does not add up to one for each position"
NOT_FED = "no projection into its residual stream reads what another one wrote"
TWICE = "a block of it attends more than once"
STATES, READOUT, RESUME, ATTENTION, NEURONS, WRITES = HANDLES
LACKING = {
    "Mixtral": {NEURONS: FUSED},
    "Qwen3-MoE": {NEURONS: FUSED},
    "GPT-OSS": {NEURONS: FUSED},
    "Llama 4": {NEURONS: FUSED},
    "Gemma 3n": {STATES: NO_VECTOR, READOUT: NO_VECTOR, RESUME: NO_VECTOR, WRITES: NO_SUM},
    "DeepSeek-V4": {
        **dict.fromkeys((STATES, READOUT, RESUME), NO_VECTOR),
        **{ATTENTION: NO_PAIRS, NEURONS: NOT_FED, WRITES: NO_SUM},
    },
    "DiffLlama": {ATTENTION: TWICE},
    "HRM": dict.fromkeys(HANDLES, NO_CHAIN),
    "Mamba": {ATTENTION: NO_ATTENTION, NEURONS: MIXED},
    "Mamba 2": {ATTENTION: NO_ATTENTION, NEURONS: MIXED},
    "Qwen3-Next": {NEURONS: FUSED},
    "MiniMax": {WRITES: NO_SUM},
    "Zamba 2": {NEURONS: MIXED},
    "RWKV": {ATTENTION: NO_PAIRS, WRITES: NO_SUM},
    "Longformer": {ATTENTION: NO_PAIRS, WRITES: NORMED},
    "FNet": {ATTENTION: NO_ATTENTION, WRITES: NORMED},
    "LED": {ATTENTION: NO_PAIRS, WRITES: NORMED},
    "ProphetNet": {ATTENTION: NO_SHARES, WRITES: NORMED},
    "FSMT": dict.fromkeys(HANDLES, OTHER_AXES),
}
POST_NORM = """
BERT, RoBERTa, DistilBERT, ALBERT, ELECTRA, DeBERTa-v2, BigBird, MPNet, MobileBERT, GPT, OPT (post-norm), BART, Marian,
BERT (classifier), RoBERTa (classifier), DistilBERT (classifier), BART (classifier), BERT (answers by a span),
DistilBERT (answers by a span), RoBERTa (answers by a span)
"""
LACKING |= {name.strip(): {WRITES: NORMED} for name in POST_NORM.split(",")}


@pytest.fixture(scope="module")
def no_gradients():
    with torch.no_grad():
        yield


@cache
def anatomy(name):
    entry, model = zoo.BY_NAME[name], zoo.model(name)
    layers = getattr(model.config, "num_hidden_layers", None)
    return explore(model, entry.family, zoo.forward_of(model, entry.inputs()), layers)


def forward_of(name):
    return zoo.forward_of(zoo.model(name), zoo.BY_NAME[name].inputs(TEXT))


def having(capability):
    return [name for name in NAMES if capability not in LACKING.get(name, {})]


def close(one, other, tolerance=2e-5):
    return (one - other).abs().max().item() <= tolerance * other.abs().max().item()


@pytest.mark.parametrize("name", NAMES)
def test_what_a_model_has_is_proven_and_what_it_lacks_has_its_reason(name):
    found = anatomy(name)
    lacking = LACKING.get(name, {})
    assert dict(found.reasons) == lacking
    assert set(found.proofs) == set(HANDLES) - set(lacking)
    assert max(found.proofs.values(), default=0.0) < 1e-5
    assert found.calls == (0 if READOUT in lacking and NEURONS in lacking and name != "DeepSeek-V4" else 3)


@pytest.mark.parametrize("name", having(Capability.LAYER_READOUT))
def test_the_replayed_tail_says_what_the_model_says_for_many_states_at_once(name):
    found, forward = anatomy(name), forward_of(name)
    trace = trace_blocks(found.blocks, forward)
    with replaced_output(found.blocks, trace.outputs, trace.states[-1]):
        assert close(forward(), trace.logits, 1e-6)
    with replaced_output(found.blocks, trace.outputs, trace.states[0]):
        earliest = forward()
    assert not close(earliest, trace.logits, 1e-2)


@pytest.mark.parametrize("name", having(Capability.RESUME))
def test_going_on_from_any_layer_is_going_through_all(name):
    found, forward = anatomy(name), forward_of(name)
    trace = trace_blocks(found.blocks, forward)
    for layer in range(found.calls + 1):
        with resumed(found.blocks, trace.outputs, layer, trace.states[layer]):
            assert close(forward(), trace.logits)


@pytest.mark.parametrize("name", having(Capability.RESUME))
def test_going_on_from_a_changed_state_is_a_pass_with_that_state_put_in(name):
    found, forward = anatomy(name), forward_of(name)
    trace = trace_blocks(found.blocks, forward)
    changed = trace.states[1].clone()
    changed[:, 2:4] = changed[:, 2:4].flip(-1)
    calls = []

    def put_in(module, args, kwargs):
        calls.append(module)
        if len(calls) == 2:
            return ((changed.clone(), *args[1:]), kwargs) if args else (args, {**kwargs, "hidden_states": changed})
        return None

    handles = [block.register_forward_pre_hook(put_in, with_kwargs=True) for block in dict.fromkeys(found.blocks)]
    expected = forward()
    for handle in handles:
        handle.remove()
    with resumed(found.blocks, trace.outputs, 1, changed):
        assert close(forward(), expected)
    assert not close(expected, trace.logits, 1e-4)


def own_attentions(name):
    """What the library itself hands out on ``output_attentions``, by kind and layer."""
    model, inputs = zoo.BY_NAME[name].build(attn_implementation="eager"), zoo.BY_NAME[name].inputs(TEXT)
    model(**inputs)  # BigBird chooses how to attend at its first text.
    output = model(**inputs, output_attentions=True)
    places = {AttentionKind.SELF: "attentions"}
    if model.config.is_encoder_decoder:
        places = {
            AttentionKind.ENCODER: "encoder_attentions",
            AttentionKind.SELF: "decoder_attentions",
            AttentionKind.CROSS: "cross_attentions",
        }
    return {kind: [given for given in output[place] if given is not None] for kind, place in places.items()}


# What the library gives out for some layers is no attention: states of linear attention, windows of a long text.
NO_MAPS = {("MiniMax", AttentionKind.SELF): [1], ("LongT5", AttentionKind.ENCODER): []}


@pytest.mark.parametrize("name", having(Capability.ATTENTION))
def test_attention_is_what_the_library_hands_out(name):
    trace = anatomy(name).attention.trace(forward_of(name))
    assert close(trace.logits, forward_of(name)(), 1e-5)
    for kind, expected in own_attentions(name).items():
        found = list(trace.of(kind).values())
        if (name, kind) in NO_MAPS:
            assert list(trace.of(kind)) == NO_MAPS[name, kind]
            expected = [expected[layer] for layer in NO_MAPS[name, kind]]
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            assert close(one.weights, other, 1e-6)


@pytest.mark.parametrize("name", having(Capability.ATTENTION))
def test_rows_add_up_to_one_and_nothing_falls_on_what_is_hidden(name):
    trace, entry = anatomy(name).attention.trace(forward_of(name)), zoo.BY_NAME[name]
    for found in trace.maps:
        rows = found.weights.sum(-1)
        assert found.weights.shape[1] == zoo.HEADS
        assert found.missing == pytest.approx((1 - rows).max().item())
        if name == "GPT-OSS":
            assert rows.max() < 1 - 1e-3
        else:
            assert (rows - 1).abs().max() < 1e-5
        if found.kind is AttentionKind.SELF and entry.family in (Family.CAUSAL, Family.ENCODER_DECODER):
            assert found.weights.triu(1).max() == 0


@pytest.mark.parametrize("stack", ["neurons", "encoder_neurons"])
@pytest.mark.parametrize("name", having(Capability.NEURONS))
def test_neurons_times_what_they_write_is_what_their_projection_returns(name, stack):
    tap = getattr(anatomy(name), stack)
    if tap is None:
        assert stack == "encoder_neurons"
        assert not anatomy(name).encoder
        return
    for layer, projection in tap.layers.items():
        returned = []
        handle = projection.module.register_forward_hook(lambda _m, _a, output, seen=returned: seen.append(output + 0))
        activations = tap.activations(forward_of(name))[layer]
        handle.remove()
        output = returned[layer if len(returned) > 1 else 0]
        bias = getattr(projection.module, "bias", None)
        made = activations @ projection.written + (0 if bias is None else bias)
        assert activations.shape[-1] == projection.neurons == len(projection.written)
        assert close(made, output.reshape(made.shape), 2e-6)


# Some put a norm or a multiplier between the neurons of a layer and the stream.
INDIRECT = ("Gemma 2", "Gemma 3", "Gemma 4", "OLMo 2", "T5Gemma")


@pytest.mark.parametrize("name", [name for name in having(NEURONS) if name in having(WRITES) and name not in INDIRECT])
def test_without_its_neurons_a_block_lacks_what_they_wrote(name):
    """The stream after a block without neurons, from a pass with nothing at the projection's input."""
    found, forward = anatomy(name), forward_of(name)
    layer, projection = max(found.neurons.layers.items())
    scale = found.writes.layers[layer][-1].scale
    wrote = scale * (found.neurons.activations(forward)[layer] @ projection.written)
    before = trace_blocks(found.blocks, forward).states[layer + 1]
    handle = projection.module.register_forward_pre_hook(lambda _m, args: (torch.zeros_like(args[0]),))
    after = trace_blocks(found.blocks[layer : layer + 1], forward).states[-1]
    handle.remove()
    assert close(after, before - wrote)


@pytest.mark.parametrize("name", having(Capability.WRITES))
def test_what_is_written_adds_up_to_the_change_of_the_stream(name):
    found, forward = anatomy(name), forward_of(name)
    states = trace_blocks(found.blocks, forward).states
    written = found.writes.written(forward)
    for layer, parts in enumerate(written):
        assert close(sum(parts), states[layer + 1] - states[layer])
        assert 1 <= len(parts) <= 3


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("Llama", ["attention", "mlp"]),
        ("GPT-NeoX", ["attention", "mlp"]),
        ("BLOOM", ["attention", "mlp"]),
        ("Gemma 2", ["attention", "mlp"]),
        ("T5", ["attention", "cross_attention", "mlp"]),
        ("Mixtral", ["attention", ""]),
        ("Falcon-H1", ["", "attention", "mlp"]),
        ("Mamba", [""]),
    ],
)
def test_writers_know_their_roles(name, roles):
    assert [[writer.role for writer in layer] for layer in anatomy(name).writes.layers] == [roles] * 3


def test_multipliers_of_the_stream_are_found():
    scales = {writer.role: writer.scale for writer in anatomy("Falcon-H1").writes.layers[0]}
    assert scales == pytest.approx({"": 0.7, "attention": 0.5, "mlp": 1.0}, rel=1e-5)
    assert anatomy("Granite").writes.layers[1][0].scale == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize(
    ("name", "attending", "neurons"),
    [("Jamba", [1], [0, 2]), ("LFM2", [1], [0, 1, 2]), ("Nemotron-H", [1], [2]), ("DeepSeek-V3", [0, 1, 2], [0])],
)
def test_a_hybrid_has_handles_in_some_layers_and_says_in_which_not(name, attending, neurons):
    found = anatomy(name)
    assert list(found.attention.trace(forward_of(name)).of(AttentionKind.SELF)) == attending
    assert list(found.neurons.layers) == neurons
    assert ("mix positions by other means" in found.partly.get(ATTENTION, "")) == (len(attending) < 3)
    without = [str(layer) for layer in range(3) if layer not in neurons]
    if without:
        assert f"{', '.join(without)}: " in found.partly[Capability.NEURONS]


@pytest.mark.parametrize("name", ["GPT-2", "Gemma 2", "BERT", "T5", "Jamba", "ALBERT"])
def test_exploring_costs_fewer_than_five_passes(name):
    model, entry = zoo.BY_NAME[name].build(), zoo.BY_NAME[name]
    parts, runs = dict(model.named_modules()), []
    known = {id(projection.module) for projection in anatomy(name).neurons.layers.values()}
    paths = [path for path, part in zoo.model(name).named_modules() if id(part) in known]
    for path in paths:
        parts[path].register_forward_hook(lambda *_: runs.append(1))
    explore(model, entry.family, zoo.forward_of(model, entry.inputs()), None)
    assert 0 < len(runs) < 5 * len(anatomy(name).neurons.layers)


@pytest.mark.parametrize("name", ["GPT-2", "BLOOM", "T5", "ALBERT"])
def test_a_model_is_left_as_it_was(name):
    model, entry = zoo.BY_NAME[name].build(), zoo.BY_NAME[name]
    forward = zoo.forward_of(model, entry.inputs())
    before, implementation = forward(), model.config._attn_implementation
    explore(model, entry.family, forward, None)
    assert torch.equal(forward(), before)
    assert model.config._attn_implementation == implementation
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert not any("forward" in part.__dict__ for part in model.modules())


@pytest.mark.parametrize("name", ["GPT-2", "Gemma 3", "BERT", "T5"])
def test_handles_hold_in_double_precision_too(name):
    entry = zoo.BY_NAME[name]
    model = entry.build(torch.float64)
    found = explore(model, entry.family, zoo.forward_of(model, entry.inputs()), None)
    softmax = found.proofs.get(Capability.ATTENTION, 0.0)  # It is computed in single precision.
    assert softmax < 1e-6
    assert max(miss for handle, miss in found.proofs.items() if handle is not Capability.ATTENTION) < 1e-9


@pytest.mark.parametrize("name", ["GPT-2", "Llama", "BERT", "T5", "BLOOM"])
def test_handles_are_found_in_half_precision(name):
    entry = zoo.BY_NAME[name]
    model = entry.build(torch.bfloat16)
    forward = zoo.forward_of(model, entry.inputs())
    for rounded_up in (forward, lambda: forward().float()):
        found = explore(model, entry.family, rounded_up, None)
        assert set(found.proofs) == set(HANDLES) - set(LACKING.get(name, {}))


def test_a_decoder_that_looks_ahead_is_refused():
    """Its steps could not be explained by one pass over all of them."""
    from ecco_reports.models.huggingface import wrap

    with pytest.raises(ModelLoadError, match=r"is no causal decoder: what it predicts .* the tokens after it\.$"):
        wrap(zoo.model("ProphetNet"), zoo.tokenizer(Family.ENCODER_DECODER))


def test_a_model_that_does_not_run_at_all_has_no_handles():
    found = explore(zoo.model("GPT-2"), Family.CAUSAL, lambda: 1 + torch.zeros(2, 3) @ torch.zeros(2, 3), None)
    assert all(why.startswith("the model does not run when it is tried (mat1") for why in found.reasons.values())
    assert set(found.reasons) == set(HANDLES)
