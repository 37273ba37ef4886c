"""How a prompt becomes a reading: the model continues it, reads a given continuation, fills in, chooses or points.

In: a prompt, and the parts of a model that reading needs. Out: the reading, with what was said and how probable it was.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ecco_reports.models.base import TextTokenizer
from ecco_reports.models.families import MaskedSpeech, SpanSpeech, Speech, mask_positions
from ecco_reports.models.passes import Passes
from ecco_reports.models.reading import Beam, Reading, Spoken
from ecco_reports.models.writing import NothingToChooseError, Written, start_of_decoder, write
from ecco_reports.records import Decoding, Family, Passage, Prompt, Token, written_text

_WRITERS = (Family.CAUSAL, Family.ENCODER_DECODER)


def template_token(tokenizer: TextTokenizer, number: int) -> Token:
    """A token that a model begins with by itself, such as the one that starts a decoder."""
    return tokenizer.token(number).model_copy(update={"special": True})


@dataclass(frozen=True)
class Speaker:
    """What it takes to let a model speak.

    Attributes:
        module: The transformers model.
        tokenizer: Text to tokens and back.
        speech: The ways of its family.
        passes: Its passes.
        logits: What it says at places of a reading, ``[place, outcome]``.
        outcome: What a reader sees of the number of an outcome.
        speaks: Whether it has a head to speak with.
    """

    module: Any
    tokenizer: TextTokenizer
    speech: Speech
    passes: Passes
    logits: Callable[[Reading, Sequence[int]], torch.Tensor]
    outcome: Callable[[Reading, int], Token]
    speaks: bool

    def read(self, prompt: Prompt, decoding: Decoding) -> Reading:
        """The reading of a prompt, with what the model says of it."""
        encoding = self.tokenizer.encode(prompt)
        if self.speech.family in _WRITERS:
            start = start_of_decoder(self.module) if self.speech.family is Family.ENCODER_DECODER else None
            given = Passage(tokens=encoding.tokens, prompt_length=len(encoding.tokens))
            if start is not None:
                tokens, length = (*given.tokens, template_token(self.tokenizer, start)), given.prompt_length
                given = Passage(tokens=tokens, prompt_length=length + 1, encoder_length=length)
            if prompt.continuation is not None:
                return self._continued(given, prompt.continuation)
            return self._written(given, start, decoding)
        reading = self.speech.unspoken(encoding)
        return self.speech.reading(reading.passage, reading.segments, self._spoken(reading))

    def _written(self, given: Passage, start: int | None, decoding: Decoding) -> Reading:
        """The reading of a model that writes on."""
        after = given.tokens[given.encoder_length :]
        read = given.tokens[: given.encoder_length] or given.tokens
        ids = torch.tensor([[token.id for token in read]], device=self.passes.device)

        def text_of(numbers: Sequence[int]) -> str:
            return written_text(self.tokenizer.tokens(numbers, after=after))

        def reading_of(written: Written) -> Reading:
            return self._going_on(given, self.tokenizer.tokens(written.ids, after=after), written.logprobs)

        try:
            writing = write(self.module, ids, start, decoding, text_of)
        except NothingToChooseError as trouble:
            raise self.passes.unsound(reading_of(Written(trouble.ids, (0.0,) * len(trouble.ids)))) from None
        beams = tuple(Beam(reading_of(beam), beam.score) for beam in writing.beams)
        return replace(reading_of(writing.best), beams=beams, chance_gap=writing.chance_gap)

    def _continued(self, given: Passage, continuation: str) -> Reading:
        """The reading of a text that the model is given to go on with, as if it had written it.

        What it says first is measured on the prompt alone, where nothing can tell it what follows; the rest in one pass
        over the whole text.
        """
        after = given.tokens[given.encoder_length :]
        tokens = self.tokenizer.tokens(self.tokenizer.continuation_ids(continuation), after=after)
        given = given.model_copy(update={"forced": True})
        reading = self._going_on(given, tokens, [0.0] * len(tokens))
        if not tokens:
            return reading
        places, chosen = [one.place for one in reading.spoken], torch.tensor([one.outcome for one in reading.spoken])
        alone = self.logits(self.speech.reading(given, ()), places[:1])
        whole = self.logits(reading, places)
        logprobs = torch.cat([alone, whole[1:]]).log_softmax(-1).cpu().gather(-1, chosen[:, None])[:, 0]
        return self._going_on(given, tokens, logprobs.tolist())

    def _going_on(self, given: Passage, tokens: Sequence[Token], logprobs: Sequence[float]) -> Reading:
        """The reading of a prompt and what stands after it."""
        first = given.prompt_length
        spoken = tuple(
            Spoken(first + step - 1, token.id, token, logprob, first + step)
            for step, (token, logprob) in enumerate(zip(tokens, logprobs, strict=True))
        )
        return self.speech.reading(given.model_copy(update={"tokens": (*given.tokens, *tokens)}), (), spoken)

    def _spoken(self, reading: Reading) -> tuple[Spoken, ...]:
        """What a model says that fills in or chooses."""
        if not self.speaks:
            return ()
        if isinstance(self.speech, MaskedSpeech):
            mask = self.tokenizer.mask
            masks = [] if mask is None else mask_positions(reading, mask.id)
            if mask is None or not masks:
                return ()
            logprobs = self.logits(reading, masks).log_softmax(-1)
            return self.speech.spoken(reading, mask.id, logprobs, self.tokenizer.token)
        if not reading.places:
            return ()
        logprobs = self.logits(reading, reading.places).log_softmax(-1)
        if isinstance(self.speech, SpanSpeech):
            return self.speech.spoken(reading, logprobs)
        number = int(logprobs[0].argmax())
        return (Spoken(0, number, self.outcome(reading, number), float(logprobs[0, number]), None),)
