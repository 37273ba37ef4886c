"""What was found out about a model is kept: the second time nothing is run, and everything is the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch
from torch import nn

from ecco_reports.errors import ModelLoadError
from ecco_reports.models import discovery, huggingface
from ecco_reports.models.base import AttentionKind, Capability
from ecco_reports.models.huggingface import load, wrap
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding
from tests import tiny, zoo
from tests.models.families import PROMPTS, tokenizer_of

pytestmark = pytest.mark.usefixtures("one_thread")

# Architectures that differ in what is found: shared embeddings and blocks, experts, several kinds of layers, scales,
# attention by the interface or handed out, two stacks, no gradients, no lens, heads that are not narrowed.
SAVED = [
    *("GPT-2", "Llama", "Gemma 2", "Gemma 3n", "Granite", "Mamba", "Falcon-H1", "BLOOM", "GPT", "DeepSeek-V4", "HRM"),
    *("BERT", "ALBERT", "MobileBERT", "ModernBERT", "Longformer"),
    *("T5", "BART", "FSMT", "Switch Transformers", "T5Gemma"),
    *("GPT-2 (classifier)", "BART (classifier)", "RoBERTa (answers by a span)"),
]
BUNDLED = ["bundled:facts", "bundled:masked", "bundled:sentiment", "bundled:sentiment-classifier"]
DECODING = Decoding(max_new_tokens=2)


@pytest.fixture(autouse=True)
def kept(tmp_path, monkeypatch):
    """Where findings are kept, empty at first."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ecco-reports" / "discoveries"


@pytest.fixture
def folder(tmp_path):
    return tiny.save(tmp_path / "model")


@contextmanager
def calls_of_modules() -> Iterator[list[str]]:
    """The classes of all modules that are called inside."""
    called: list[str] = []
    handle = nn.modules.module.register_module_forward_pre_hook(lambda module, _: called.append(type(module).__name__))
    try:
        yield called
    finally:
        handle.remove()


def loaded(source, **settings):
    """A model, and how many modules were called to find out what it can do."""
    with calls_of_modules() as called:
        model = load(ModelSpec(source=str(source), device="cpu", **settings))
    return model, len(called)


def saved(name, folder):
    """A model of the zoo as a folder."""
    entry = zoo.BY_NAME[name]
    entry.build().save_pretrained(folder)
    tokenizer_of(entry.family, "type_vocab_size" in entry.settings).save_pretrained(folder)
    return folder


def same(one, other):
    """Whether two answers are equal to the last bit, whatever holds the tensors."""
    if isinstance(one, torch.Tensor):
        return torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return len(one) == len(other) and all(map(same, one, other))


def answers(model):
    """What a model says when it is asked for everything it can do."""
    prompt = PROMPTS[model.family]
    reading = model.read(prompt, DECODING)
    asked = {"logits": model.logits(reading, reading.places)}
    if Capability.GRADIENTS in model.capabilities:
        asked["embeddings"] = model.logits_from_embeddings(reading, model.embed(reading)[None], reading.places)
    if Capability.LAYER_READOUT in model.capabilities:
        states = model.residual_states(reading)
        asked |= {"states": states, "readout": model.read_out(reading, states, reading.places)}
    if Capability.RESUME in model.capabilities:
        states = model.residual_states(reading)
        asked["resumed"] = model.resume(reading, 1, states[1:2], reading.places)
    if Capability.ATTENTION in model.capabilities:
        asked["attention"] = {kind: dict(model.attention(reading, kind)) for kind in AttentionKind}
    if Capability.NEURONS in model.capabilities:
        asked["neurons"] = {stack: dict(model.neurons(reading, stack)) for stack in model.neuron_stacks}
    if Capability.WRITES in model.capabilities:
        asked["writes"] = list(map(dict, model.writes(reading)))
    return asked


def found(model):
    """What is said of a model's abilities, and which shortcuts are taken."""
    passes = model._passes
    calls = [stream.call for stream in passes.streams]
    said = model.capabilities, dict(model.reasons), dict(model.proofs), dict(model.partly), model.layers
    return *said, passes.narrows, passes.encodes_apart, calls


def agree(source):
    explored, first = loaded(source)
    restored, second = loaded(source)
    assert first > 0
    assert second == 0
    assert found(restored) == found(explored)
    assert same(answers(restored), answers(explored))


@pytest.mark.parametrize("name", SAVED)
def test_a_model_that_is_known_does_what_it_did_and_nothing_is_run_to_know_it(name, tmp_path):
    agree(saved(name, tmp_path / "model"))


@pytest.mark.parametrize("source", BUNDLED)
def test_so_do_the_bundled_ones(source):
    agree(source)


def test_one_small_file_is_kept_for_each_model(folder, kept):
    loaded(folder)
    loaded(folder)
    (file,) = kept.iterdir()
    assert file.suffix == ".json"
    assert file.stat().st_size < 20_000
    assert str(folder) not in file.read_text()


def without_a_block(text):
    values = json.loads(text)
    values["blocks"].pop()
    return json.dumps(values)


def with_another_path(text):
    return text.replace("transformer.h.1", "transformer.h.9")


def with_a_capability_more(text):
    values = json.loads(text)
    values["capabilities"].append(Capability.CANDIDATES.value)
    return json.dumps(values)


def without_a_part(text):
    values = json.loads(text)
    del values["partly"]
    return json.dumps(values)


DAMAGES = [
    *(without_a_block, with_another_path, with_a_capability_more, without_a_part),
    *(lambda text, cut=cut: text[:cut] for cut in (0, 1, 200)),
    *(lambda _, other=other: other for other in ("null", "[]", "{}", "\x00")),
]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_only_costs_time(damage, folder, kept):
    explored, passes = loaded(folder)
    (file,) = kept.iterdir()
    whole = file.read_text()
    file.write_text(damage(whole))
    assert file.read_text() != whole
    again, once_more = loaded(folder)
    assert once_more == passes
    assert found(again) == found(explored)
    assert file.read_text() == whole, "it was not mended"


def test_a_file_that_is_no_text_only_costs_time(folder, kept):
    _, passes = loaded(folder)
    (file,) = kept.iterdir()
    file.write_bytes(b"\xff\xfe\x00")
    assert loaded(folder)[1] == passes


def test_a_folder_that_cannot_be_written_only_costs_time(folder, tmp_path, monkeypatch):
    (tmp_path / "occupied").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "occupied"))
    assert loaded(folder)[1] == loaded(folder)[1] > 0


def test_other_weights_in_the_same_folder_are_another_model(folder, kept):
    from safetensors.torch import load_file, save_file

    _, passes = loaded(folder)
    weights = load_file(folder / "model.safetensors")
    weights["transformer.wpe.weight"] *= 2
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    assert loaded(folder)[1] == passes
    assert len([*kept.iterdir()]) == 2


def test_so_are_the_same_weights_in_another_precision(folder, kept):
    _, passes = loaded(folder)
    model, again = loaded(folder, dtype="float64")
    assert again == passes
    assert max(model.proofs.values()) < 1e-9


def other_code(monkeypatch):
    monkeypatch.setattr(discovery, "_SOURCES", ("*.py",))


def other_torch(monkeypatch):
    monkeypatch.setattr(torch, "__version__", f"{torch.__version__}.other")


def other_transformers(monkeypatch):
    monkeypatch.setattr(discovery.transformers, "__version__", "9.9")


@pytest.mark.parametrize("change", [other_code, other_torch, other_transformers])
def test_what_other_code_found_does_not_count(change, folder, kept, monkeypatch):
    _, passes = loaded(folder)
    with monkeypatch.context() as patch:
        change(patch)
        assert loaded(folder)[1] == passes
        assert loaded(folder)[1] == 0
    assert len([*kept.iterdir()]) == 1, "what nobody can use any more was left behind"


def test_a_module_that_is_built_otherwise_is_explored(folder, monkeypatch):
    """The files say the same, but a library puts another part in."""
    loaded(folder)
    load_module = huggingface.load_module

    def patched(spec, facts):
        found = load_module(spec, facts)
        found.module.transformer.h[1].mlp.dropout = nn.Identity()
        return found

    monkeypatch.setattr(huggingface, "load_module", patched)
    assert loaded(folder)[1] > 0
    assert loaded(folder)[1] == 0


def test_of_a_model_in_memory_nothing_is_kept(kept):
    wrap(tiny.build("gpt2"), tiny.word_tokenizer())
    assert not kept.exists()


def test_a_model_that_is_refused_is_refused_again(tmp_path, kept):
    folder = saved("ProphetNet", tmp_path / "model")
    for _ in range(2):
        with pytest.raises(ModelLoadError, match="changes with the tokens after it"):
            loaded(folder)
    assert not kept.exists()


def test_another_process_knows_it_too(folder, kept):
    loaded(folder)
    program = f"""
import torch
called = []
torch.nn.modules.module.register_module_forward_pre_hook(lambda *_: called.append(1))
from ecco_reports import load_model
print(len(load_model({str(folder)!r}).capabilities), len(called))
"""
    command = [sys.executable, "-c", program]
    said = subprocess.run(command, check=True, capture_output=True, text=True, env={**os.environ}).stdout
    assert said.split() == [str(len(Capability) - 1), "0"]


def test_the_tests_keep_nothing_in_the_users_own_folder():
    from tests import conftest

    assert Path(conftest.CACHE) != Path("~/.cache").expanduser()
    assert Path(conftest.CACHE).is_dir()


def test_finding_out_takes_few_passes(monkeypatch):
    """Multiplications of one discovery in those of one pass over the probe."""
    from torch.utils.flop_counter import FlopCounterMode

    module = tiny.build("gpt2")
    with FlopCounterMode(display=False) as one:
        module(torch.tensor([[5, 6, 7, 8, 9]]))
    with FlopCounterMode(display=False) as all_of_it:
        wrap(module, tiny.word_tokenizer())
    assert all_of_it.get_total_flops() < 5 * one.get_total_flops()
