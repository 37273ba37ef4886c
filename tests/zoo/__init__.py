"""One tiny model of many architectures, built from configurations: no downloads, weights from numpy.

Each is small enough to build and run in milliseconds, and its weights are large enough that effects stand out from
rounding. All read the words of ``tiny.VOCABULARY``, a mask and a padding token.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import PreTrainedTokenizerFast

from ecco_reports.records import Family
from tests import tiny
from tests.zoo.causal import CAUSAL
from tests.zoo.encoder_decoders import ENCODER_DECODERS
from tests.zoo.entry import HEADS, MASK, PAD, TEXT, VOCABULARY, Entry
from tests.zoo.heads import HEADS_OF_TASKS
from tests.zoo.hybrids import HYBRIDS
from tests.zoo.masked import MASKED

__all__ = [
    "BY_NAME",
    "ENTRIES",
    "HEADS",
    "MASK",
    "TEXT",
    "VOCABULARY",
    "Entry",
    "forward_of",
    "logits_of",
    "model",
    "tokenizer",
    "without_cache",
]

ENTRIES = (*CAUSAL, *HYBRIDS, *MASKED, *ENCODER_DECODERS, *HEADS_OF_TASKS)

BY_NAME: Mapping[str, Entry] = {entry.name: entry for entry in ENTRIES}


def tokenizer(family: Family) -> PreTrainedTokenizerFast:
    """One token per word, with all special tokens; models that read a text as a whole get one at its end."""
    words = Tokenizer(WordLevel(VOCABULARY, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    end = tiny.END
    if family is not Family.CAUSAL:
        words.post_processor = TemplateProcessing(
            single=f"$A {end}", pair=f"$A {end} $B:1 {end}:1", special_tokens=[(end, VOCABULARY[end])]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=end, eos_token=end, unk_token="<unk>", mask_token=MASK, pad_token=PAD
    )


@cache
def model(name: str) -> Any:
    """The model of an entry, built once; whoever changes one builds it with ``Entry.build``."""
    return BY_NAME[name].build()


def logits_of(output: Any) -> torch.Tensor:
    """What a model says, whatever its head: logits, or start and end of a span one below the other."""
    if hasattr(output, "start_logits"):
        return torch.stack([output.start_logits, output.end_logits], dim=1)
    return output.logits


def without_cache(module: Any) -> dict[str, bool]:
    """What tells a model to keep nothing for a next token, if it can."""
    takes = inspect.signature(module.forward).parameters
    open_ended = any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values())
    return {"use_cache": False} if open_ended or "use_cache" in takes else {}


def forward_of(module: Any, inputs: dict[str, torch.Tensor]) -> Callable[[], torch.Tensor]:
    """A closure that runs a model on some input and gives its logits."""
    return lambda: logits_of(module(**inputs, **without_cache(module)))
