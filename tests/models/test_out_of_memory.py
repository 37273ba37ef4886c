"""A model for which there is too little memory is no broken model, and none that can do less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from ecco_reports.errors import ModelMemoryError
from ecco_reports.models import huggingface
from ecco_reports.models.huggingface import wrap
from ecco_reports.modelspec import ModelSpec
from tests import tiny

ROOT = Path(__file__).resolve().parents[2]
FULL = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes. Error code 12"


@pytest.mark.parametrize("passes", range(6))
def test_what_there_was_no_room_to_try_is_not_said_to_be_absent(passes, one_thread, monkeypatch):
    module, calls = tiny.build("gpt2"), []
    honest = module.forward

    def forward(*args, **kwargs):
        calls.append(1)
        if len(calls) > passes:
            raise RuntimeError(FULL)
        return honest(*args, **kwargs)

    monkeypatch.setattr(module, "forward", forward)
    with pytest.raises(RuntimeError, match="4096 bytes"):
        wrap(module, tiny.word_tokenizer())
    assert len(calls) == passes + 1


def test_weights_that_do_not_fit_are_no_damaged_files(monkeypatch):
    def full(*_, **__):
        raise RuntimeError(FULL)

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", full)
    with pytest.raises(ModelMemoryError, match=r"memory for loading it; 4.0 KiB \(4,096 bytes\)") as caught:
        huggingface.load(ModelSpec(source="bundled:facts"))
    assert (caught.value.source, caught.value.wanted) == ("bundled:facts", 4096)


def scarce():
    """Reads a lens with room for everything, and with very little; prints what differs."""
    import resource

    from transformers import GPT2Config, GPT2LMHeadModel

    from ecco_reports.methods.lens import logit_lens
    from ecco_reports.models.families import SPEECHES
    from ecco_reports.records import Family, Passage

    torch.set_num_threads(1)
    torch.manual_seed(0)
    shape = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 256, "vocab_size": 50_000}
    model = wrap(GPT2LMHeadModel(GPT2Config(**shape)), tiny.word_tokenizer())
    tokens = tuple(model.tokenizer.token(number % 40) for number in range(200))
    reading = SPEECHES[Family.CAUSAL].reading(Passage(tokens=tokens, prompt_length=200), ())
    asked = (model, reading, range(3), range(200), torch.arange(200), 3)
    whole = logit_lens(*asked)
    print(model.memory.collect())
    status = Path("/proc/self/status").read_text().splitlines()
    used = int(next(line for line in status if line.startswith("VmSize")).split()[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**24, used + 2**24))
    cramped = logit_lens(*asked)
    print(all(torch.equal(one.tokens, other.tokens) for one, other in zip(whole.rows, cramped.rows, strict=True)))
    print(max(float((a.divergence - b.divergence).abs().max()) for a, b in zip(whole.rows, cramped.rows, strict=True)))
    print(model.memory.collect())


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not bound the address space")
def test_a_lens_goes_on_where_the_processor_really_has_no_more_memory():
    code = "from tests.models.test_out_of_memory import scarce; scarce()"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    before, same, difference, after = ended.stdout.splitlines()
    assert (before, same) == ("()", "True")
    assert float(difference) < 1e-5
    assert "For want of memory, the lens took " in after
