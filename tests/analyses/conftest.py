"""Models that are held against each other."""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture(scope="session")
def half_facts(one_thread: None) -> Any:
    """The bundled causal model in half precision."""
    import ecco_reports
    from ecco_reports.modelspec import ModelSpec

    return ecco_reports.load_model(ModelSpec(source="bundled:facts", dtype="float16"))


@pytest.fixture(scope="session")
def stranger(one_thread: None) -> Any:
    """A random model of four layers that cuts text into whole words, so that " London" is a token of it, too."""
    import torch
    from tokenizers import Tokenizer, decoders
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import GPT2Config, GPT2LMHeadModel

    from ecco_reports.models.huggingface import wrap

    words = ["Heathrow", "airport", "is", "located", "in", "the", "city", "of", "London", "Paris", "Rome", "a", "and"]
    vocabulary = {word: number for number, word in enumerate(["<end>", "<unk>", words[0], *(f"Ġ{w}" for w in words)])}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<end>"])
    torch.manual_seed(3)
    size = len(vocabulary)
    shape = {"n_embd": 16, "n_layer": 4, "n_head": 2, "n_positions": 32, "initializer_range": 0.5}
    module = GPT2LMHeadModel(GPT2Config(vocab_size=size, bos_token_id=0, eos_token_id=0, **shape))
    return wrap(module.eval(), tokenizer)
