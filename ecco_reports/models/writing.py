"""How a model is made to write: the decoding that was asked for, and nothing that a checkpoint would add silently."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ecco_reports.models.finite import can_be_chosen_from
from ecco_reports.records import Decoding


class NothingToChooseError(Exception):
    """A distribution that a token should be chosen from holds NaN or infinity.

    Attributes:
        ids: The token numbers written until then.
    """

    def __init__(self, ids: tuple[int, ...]) -> None:
        self.ids = ids
        super().__init__("there is no token to choose")


@dataclass(frozen=True)
class Written:
    """What a model wrote.

    Attributes:
        ids: The token numbers, without those it was given.
        logprobs: Natural log-probability of each, raw (before temperature and truncation), as measured while writing.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]


@torch.no_grad()
def write(module: Any, given: torch.Tensor, start: int | None, decoding: Decoding) -> Written:
    """Lets a model write.

    Args:
        module: A transformers model that generates.
        given: What it reads, ``[1, position]``.
        start: The token its decoder starts with; None for a model that goes on from what it reads.
        decoding: Greedy, or drawn with the decoding's seed.

    Raises:
        NothingToChooseError: Its logits are not finite.
    """
    length = given.shape[1] if start is None else 1

    def judged(ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        if not can_be_chosen_from(logits):
            raise NothingToChooseError(tuple(ids[0, length:].tolist()))
        return logits

    sampling = decoding.sampling
    device = given.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0 if sampling is None else sampling.seed or 0)
        with _generating_by(module, decoding, start):
            output = module.generate(given, attention_mask=torch.ones_like(given), logits_processor=[judged])
    written = output.sequences[0, length:].tolist()
    logprobs = [
        float(logits[0].float().log_softmax(-1)[token]) for logits, token in zip(output.logits, written, strict=True)
    ]
    return Written(tuple(written), tuple(logprobs))


def start_of_decoder(module: Any) -> int:
    """The token that the decoder of an encoder-decoder starts with."""
    own, config = module.generation_config, module.config
    candidates = (
        own.decoder_start_token_id,
        getattr(config, "decoder_start_token_id", None),
        own.bos_token_id,
        getattr(config, "bos_token_id", None),
    )
    start = next((number for number in candidates if number is not None), 0)
    return int(start[0] if isinstance(start, list) else start)


@contextmanager
def _generating_by(module: Any, decoding: Decoding, start: int | None) -> Iterator[None]:
    """Inside, the decoding is the model's own configuration, from which generate fills whatever one leaves out."""
    own = module.generation_config
    module.generation_config = _generation_config(own, decoding, start)
    try:
        yield
    finally:
        module.generation_config = own


def _generation_config(own: Any, decoding: Decoding, start: int | None) -> Any:
    from transformers import GenerationConfig

    sampling = decoding.sampling
    pad = own.pad_token_id if own.pad_token_id is not None else own.eos_token_id
    drawn = (
        {}
        if sampling is None
        else {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k or 0,
            "top_p": sampling.top_p or 1.0,
        }
    )
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=own.eos_token_id,
        pad_token_id=pad[0] if isinstance(pad, list) else pad,
        bos_token_id=own.bos_token_id,
        decoder_start_token_id=start,
        return_dict_in_generate=True,
        output_logits=True,
        **drawn,
    )
