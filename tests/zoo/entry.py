"""What a model of the zoo is made from."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import transformers

from ecco_reports.records import Family
from tests import tiny

MASK, PAD = "<mask>", "<pad>"
VOCABULARY = {word: number for number, word in enumerate([*tiny.VOCABULARY, MASK, PAD])}
TEXT = tiny.TEXT
WIDTH, HEADS, INNER, CONTEXT = 32, 4, 48, 64


@dataclass(frozen=True)
class Entry:
    """One architecture of the zoo.

    Attributes:
        name: As people call it.
        family: What it was made for.
        model: Name of the class in transformers.
        config: Name of the class of its configuration.
        settings: What its configuration says.
        scale: Standard deviation of its matrices.
    """

    name: str
    family: Family
    model: str
    config: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    scale: float = 0.25

    def build(self, dtype: torch.dtype = torch.float32, **more: Any) -> Any:
        """A new model with the weights that its parameters' names prescribe; ``more`` goes into its configuration."""
        config = getattr(transformers, self.config)(**self.settings, **more)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            model = getattr(transformers, self.model)(config)
        _fill(model, self.scale)
        return model.to(dtype).eval().requires_grad_(False)

    def inputs(self, text: str = TEXT) -> dict[str, torch.Tensor]:
        """Token numbers of a text as the model's own call takes them."""
        words = [VOCABULARY[word] for word in text.split()]
        if self.family is Family.MASKED:
            words[-2] = VOCABULARY[MASK]
        if self.config == "BartConfig":
            words.append(VOCABULARY[tiny.END])
        inputs = {"input_ids": torch.tensor([words])}
        if self.family is Family.ENCODER_DECODER:
            inputs["decoder_input_ids"] = torch.tensor([[0, 4, 7, 12, 9]])
        return inputs


def _fill(model: Any, scale: float) -> None:
    """Weights by name. Gains and biases vary around what they start from, be it one, zero or something else."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            numbers = np.random.default_rng(zlib.crc32(name.encode())).normal(size=tuple(parameter.shape))
            noise = torch.from_numpy(numbers).to(parameter.dtype)
            if parameter.dim() < 2 or name.endswith("A_log"):
                parameter.add_(0.2 * scale * noise)
            else:
                parameter.copy_(scale * noise)
