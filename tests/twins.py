"""Twins of models on the hub: the same architectures, from their configurations, with random weights.

The experiments under ``experiments/hub`` need models that a machine without a network does not have. Whether they work
can be shown without: on twins of the same size (``benchmarks/hub_experiments.py``), and in the tests on small ones.
Vocabularies are those of the bundled models, so that the words that the experiments ask about are tokens; the matrices
of the vocabulary have their true size.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import yaml

from ecco_reports.resources import resource

HUB = resource("experiments") / "hub"


@dataclass(frozen=True)
class Twin:
    """How a model is built like one on the hub.

    Attributes:
        tokenizer: The bundled model whose vocabulary it takes.
        full: Makes it in its true size.
        small: Settings that make it small.
    """

    tokenizer: str
    full: Callable[..., Any]
    small: Mapping[str, int]


def _gpt2(n_layer: int = 12, **settings: int) -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(n_layer=n_layer, bos_token_id=0, eos_token_id=0, **settings))


def _distilgpt2(n_layer: int = 6, **settings: int) -> Any:
    return _gpt2(n_layer, **settings)


def _bert(**settings: int) -> Any:
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(**settings))


def _distilbert(**settings: int) -> Any:
    from transformers import DistilBertConfig, DistilBertForMaskedLM

    return DistilBertForMaskedLM(DistilBertConfig(**settings))


def _t5(**settings: int) -> Any:
    from transformers import T5Config, T5ForConditionalGeneration

    small = {"d_model": 512, "d_ff": 2048, "d_kv": 64, "num_layers": 6, "num_heads": 8, "vocab_size": 32128}
    return T5ForConditionalGeneration(T5Config(**{**small, **settings}, decoder_start_token_id=0))


_SMALL_GPT2 = {"n_layer": 3, "n_embd": 32, "n_head": 4, "vocab_size": 4096}
_SMALL_BERT = {"num_hidden_layers": 3, "hidden_size": 32, "num_attention_heads": 4, "intermediate_size": 64}

TWINS: Mapping[str, Twin] = {
    "openai-community/gpt2": Twin("facts", _gpt2, _SMALL_GPT2),
    "distilbert/distilgpt2": Twin("facts", _distilgpt2, _SMALL_GPT2),
    "google-bert/bert-base-uncased": Twin("masked", _bert, {**_SMALL_BERT, "vocab_size": 2048}),
    "distilbert/distilbert-base-uncased": Twin(
        "masked", _distilbert, {"n_layers": 3, "dim": 32, "n_heads": 4, "hidden_dim": 64, "vocab_size": 2048}
    ),
    "google-t5/t5-small": Twin(
        "sentiment", _t5, {"d_model": 32, "d_ff": 64, "d_kv": 8, "num_layers": 2, "num_heads": 4, "vocab_size": 2048}
    ),
}


def save_twin(source: str, folder: Path, *, small: bool) -> Path:
    """Saves the twin of a model as a folder that loads like any other.

    Args:
        source: The model on the hub.
        folder: Where folders of models are.
        small: Whether it is to be small rather than of its true size.

    Returns:
        The folder of the model.
    """
    twin, path = TWINS[source], folder / source.rpartition("/")[2]
    if not (path / "tokenizer.json").exists():
        torch.manual_seed(0)
        model = twin.full(**(twin.small if small else {}))
        model.save_pretrained(path)
        own = resource("experiments").parent / "ecco_reports" / "models" / "bundled" / twin.tokenizer
        for name in ("tokenizer_config.json", "tokenizer.json"):
            shutil.copy(own / name, path / name)
    return path


def with_twins(experiment: Path, models: Path, out: Path, *, small: bool) -> Path:
    """Writes an experiment anew, with the twins in the place of the models on the hub.

    Args:
        experiment: A file of ``experiments/hub``.
        models: Where the folders of the twins are, or will be.
        out: The folder to write into.
        small: Whether the twins are to be small.
    """
    asked = yaml.safe_load(experiment.read_text(encoding="utf-8"))
    asked["models"] = {name: str(save_twin(source, models, small=small)) for name, source in asked["models"].items()}
    path = out / experiment.name
    path.write_text(yaml.safe_dump(asked, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return path
