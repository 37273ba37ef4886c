"""How a model is made to write: the decoding that was asked for, and nothing that a checkpoint would add silently."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from ecco_reports.models.chances import chances
from ecco_reports.models.finite import can_be_chosen_from
from ecco_reports.records import Decoding

# A beam of this score or less was never filled: there are fewer continuations than beams.
_NO_BEAM = -1e8


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
        logprobs: Natural log-probability of each, raw (before any decoding setting), as measured while writing.
        score: What a beam search ranks it by; 0 where there is only one continuation.
    """

    ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    score: float = 0.0


@dataclass(frozen=True)
class Writing:
    """How a model wrote.

    Attributes:
        best: What it wrote.
        beams: All beams of a beam search, the best first; empty without one.
        chance_gap: Largest difference between the probabilities that the library chose by and those that
            ``models.chances`` makes of the same logits; 0 where both are the model's own.
    """

    best: Written
    beams: tuple[Written, ...] = ()
    chance_gap: float = 0.0


@torch.no_grad()
def write(
    module: Any, given: torch.Tensor, start: int | None, decoding: Decoding, text_of: Callable[[Sequence[int]], str]
) -> Writing:
    """Lets a model write.

    Args:
        module: A transformers model that generates.
        given: What it reads, ``[1, position]``.
        start: The token its decoder starts with; None for a model that goes on from what it reads.
        decoding: Greedy, drawn with the decoding's seed, or by beams.
        text_of: The text of tokens that it wrote, in which its ends are looked for.

    Raises:
        NothingToChooseError: Its logits are not finite.
    """
    sampling = decoding.sampling
    device = given.device
    before = given[0].tolist() if start is None else [start]
    more: dict[str, Any] = {"logits_processor": [_Judge(len(before))]}
    if decoding.stop:
        more["stopping_criteria"] = [_Ending(len(before), decoding.stop, text_of)]
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(0 if sampling is None else sampling.seed or 0)
        with _generating_by(module, decoding, start):
            output = module.generate(given, attention_mask=torch.ones_like(given), **more)
    if decoding.beams > 1:
        beams = tuple(_beams(output, len(before)))
        return Writing(beams[0], beams)
    written = output.sequences[0, len(before) :].tolist()
    rows = [(step, 0) for step in range(len(written))]
    gap = _chance_gap(output, [*before, *written], decoding) if decoding.reshapes else 0.0
    return Writing(_measured(output.logits, rows, written), chance_gap=gap)


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


@dataclass(frozen=True)
class _Ending:
    """Ends a continuation after the first token that completes one of some texts.

    Attributes:
        given: How many tokens stand before the continuation.
        texts: The texts.
        text_of: The text of the tokens of a continuation.
    """

    given: int
    texts: Sequence[str]
    text_of: Callable[[Sequence[int]], str]

    def __call__(self, ids: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        """Whether each row of ``ids`` has come to its end, as the transformers library asks after each step."""
        written = [self.text_of(row) for row in ids[:, self.given :].tolist()]
        return torch.tensor([any(text in said for text in self.texts) for said in written], device=ids.device)


@dataclass(frozen=True)
class _Judge:
    """Makes sure that there is something to choose from at each step.

    Attributes:
        given: How many tokens stand before the continuation.
    """

    given: int

    def __call__(self, ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """The logits as they are, as the transformers library asks before each choice."""
        for row, one in zip(ids, logits, strict=True):
            if not can_be_chosen_from(one):
                raise NothingToChooseError(tuple(row[self.given :].tolist()))
        return logits


def _beams(output: Any, given: int) -> Iterator[Written]:
    """All beams, the best first, each with the log-probabilities of its own tokens: those of the beams it came from."""
    for sequence, origins, score in zip(
        output.sequences.tolist(), output.beam_indices.tolist(), output.sequences_scores.tolist(), strict=True
    ):
        if score > _NO_BEAM:
            rows = [(step, row) for step, row in enumerate(origins) if row >= 0]
            found = _measured(output.logits, rows, sequence[given : given + len(rows)])
            yield Written(found.ids, found.logprobs, score)


def _measured(logits: Sequence[torch.Tensor], rows: Sequence[tuple[int, int]], written: Sequence[int]) -> Written:
    """Tokens with their log-probabilities, from the step and the row of the logits that each was chosen from."""
    logprobs = [
        float(logits[step][row].float().log_softmax(-1)[token])
        for (step, row), token in zip(rows, written, strict=True)
    ]
    return Written(tuple(written), tuple(logprobs))


def _chance_gap(output: Any, ids: Sequence[int], decoding: Decoding) -> float:
    """Largest difference between the probabilities that the library chose by and our own of the same logits."""
    first = len(ids) - len(output.logits)
    gaps = [
        float((chances(logits.float(), [ids[: first + step]], decoding) - scores.float().softmax(-1)).abs().max())
        for step, (logits, scores) in enumerate(zip(output.logits, output.scores, strict=True))
    ]
    return max(gaps, default=0.0)


@contextmanager
def _generating_by(module: Any, decoding: Decoding, start: int | None) -> Iterator[None]:
    """Inside, the decoding is the model's own configuration, from which generate fills whatever one leaves out."""
    own = module.generation_config
    module.generation_config = _generation_config(own, decoding, start, _has_state(module))
    try:
        yield
    finally:
        module.generation_config = own


def _has_state(module: Any) -> bool:
    """Whether a model keeps a recurrent state of what it has read, as its class or its configuration says."""
    layers = getattr(module.config.get_text_config(), "layer_types", None) or ()
    return bool(getattr(module, "_is_stateful", False)) or "linear_attention" in layers


def _generation_config(own: Any, decoding: Decoding, start: int | None, is_stateful: bool) -> Any:
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
            "min_p": sampling.min_p,
        }
    )
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=own.eos_token_id,
        pad_token_id=pad[0] if isinstance(pad, list) else pad,
        bos_token_id=own.bos_token_id,
        decoder_start_token_id=start,
        repetition_penalty=decoding.repetition_penalty,
        num_beams=decoding.beams,
        num_return_sequences=decoding.beams,
        # Without a preference for long texts or short ones: the mean log-probability of the tokens ranks the beams.
        length_penalty=1.0,
        early_stopping=False,
        # A recurrent state belongs to one text, and is not always handed on to the beams that go on from it.
        use_cache=decoding.beams == 1 or not is_stateful,
        return_dict_in_generate=True,
        output_logits=True,
        output_scores=decoding.beams > 1 or decoding.reshapes,
        **drawn,
    )
