"""A model for which there is too little memory is no broken model, and none that can do less."""

from __future__ import annotations

import pytest
from transformers import AutoModelForCausalLM

from ecco_reports.errors import ModelMemoryError
from ecco_reports.models import huggingface
from ecco_reports.models.huggingface import wrap
from ecco_reports.modelspec import ModelSpec
from tests import tiny

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
