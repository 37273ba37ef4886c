"""How each family of models reads a passage and where it speaks: what goes into a pass, and which rows come out.

In: token numbers of a reading. Out: the keyword arguments of a transformers model, and its output as logits
``[batch, place, outcome]``. Never: names of architectures.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from ecco_reports.models.reading import Encoding, Reading, Spoken
from ecco_reports.records import Family, Passage, Token

LONGEST_ANSWER = 30
"""Tokens that the answer of a question-answering model may have, as in the evaluation of SQuAD."""


class Speech(ABC):
    """The ways of one family.

    Attributes:
        family: Which.
        per_position: Whether each place is a position that goes through the head by itself.
    """

    family: Family
    per_position = True

    @abstractmethod
    def places(self, passage: Passage) -> tuple[int, ...]:
        """Where a model of this family speaks about a passage."""

    def positions(self, reading: Reading, places: Sequence[int]) -> list[int]:
        """The positions of the stack that speaks, for places (of a family that speaks per position)."""
        return list(places)

    def inputs(self, reading: Reading, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """What goes into a pass over ``ids`` ``[batch, position]``, which may be cut after the last place."""
        return {"input_ids": ids, **self._segments(reading, ids)}

    def rows(self, output: Any) -> torch.Tensor:
        """Everything the model said in a pass: ``[batch, place, outcome]``."""
        rows: torch.Tensor = output.logits
        return rows

    def reading(self, passage: Passage, segments: tuple[int, ...], spoken: tuple[Spoken, ...] = ()) -> Reading:
        """A reading of a passage by this family."""
        said = () if passage.generated else spoken
        answers, positions = tuple(one.token for one in said), tuple(one.position for one in said)
        passage = passage.model_copy(update={"family": self.family, "answers": answers, "answer_positions": positions})
        return Reading(passage, segments, self.places(passage), spoken)

    def unspoken(self, encoding: Encoding) -> Reading:
        """A reading of which the model has not said anything yet."""
        return self.reading(Passage(tokens=encoding.tokens, prompt_length=len(encoding.tokens)), encoding.segments)

    @staticmethod
    def _segments(reading: Reading, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        if not any(reading.segments):
            return {}
        row = torch.tensor(reading.segments[: ids.shape[1]], device=ids.device)
        return {"token_type_ids": row.expand(len(ids), -1)}


class CausalSpeech(Speech):
    """Says at each position what comes next."""

    family = Family.CAUSAL

    def places(self, passage: Passage) -> tuple[int, ...]:
        """Every position."""
        return tuple(range(len(passage.tokens)))


class MaskedSpeech(Speech):
    """Says at each position which token belongs there."""

    family = Family.MASKED

    def places(self, passage: Passage) -> tuple[int, ...]:
        """Every position."""
        return tuple(range(len(passage.tokens)))

    def spoken(self, reading: Reading, mask: int, logprobs: torch.Tensor, token: Any) -> tuple[Spoken, ...]:
        """The most probable token for each mask, from log-probabilities ``[mask, vocab]``."""
        masks = mask_positions(reading, mask)
        best, chosen = logprobs.max(-1)
        return tuple(
            Spoken(position, number, token(number), logprob, position)
            for position, number, logprob in zip(masks, chosen.tolist(), best.tolist(), strict=True)
        )


class EncoderDecoderSpeech(Speech):
    """Reads one text with its encoder, and writes another with its decoder."""

    family = Family.ENCODER_DECODER

    def places(self, passage: Passage) -> tuple[int, ...]:
        """Every position of the decoder."""
        return tuple(range(passage.encoder_length, len(passage.tokens)))

    def positions(self, reading: Reading, places: Sequence[int]) -> list[int]:
        """Positions of the decoder, counted from its start."""
        return [place - reading.passage.encoder_length for place in places]

    def inputs(self, reading: Reading, ids: torch.Tensor) -> dict[str, torch.Tensor]:
        """The encoder's and the decoder's share."""
        border = reading.passage.encoder_length
        return {"input_ids": ids[:, :border], "decoder_input_ids": ids[:, border:]}


class ClassificationSpeech(Speech):
    """Says one thing about the whole text: its class."""

    family = Family.CLASSIFICATION
    per_position = False

    def places(self, passage: Passage) -> tuple[int, ...]:
        """One place."""
        return (0,)

    def rows(self, output: Any) -> torch.Tensor:
        """The one row of each text."""
        row: torch.Tensor = output.logits[:, None]
        return row


class SpanSpeech(Speech):
    """Answers a question by the start and the end of a span of the passage."""

    family = Family.QUESTION_ANSWERING
    per_position = False

    def places(self, passage: Passage) -> tuple[int, ...]:
        """The start and the end."""
        return (0, 1)

    def rows(self, output: Any) -> torch.Tensor:
        """Logits of every position to be the start, and to be the end."""
        return torch.stack([output.start_logits, output.end_logits], 1)

    def spoken(self, reading: Reading, logprobs: torch.Tensor) -> tuple[Spoken, ...]:
        """The most probable span inside the second text, from log-probabilities ``[2, position]``."""
        tokens = reading.passage.tokens
        inside = torch.tensor([position in answerable(reading) for position in range(len(tokens))])
        starts, ends = logprobs.cpu().masked_fill(~inside, -torch.inf)
        pairs = starts[:, None] + ends[None]
        allowed = torch.ones_like(pairs, dtype=torch.bool).triu().tril(LONGEST_ANSWER - 1)
        best = int(pairs.masked_fill(~allowed, -torch.inf).argmax())
        chosen = divmod(best, len(tokens))
        return tuple(
            Spoken(place, position, tokens[position], float(logprobs[place, position]), position)
            for place, position in enumerate(chosen)
        )


class SilentSpeech(Speech):
    """Has no head: it turns a text into vectors and says nothing of it."""

    family = Family.NONE
    per_position = False

    def places(self, passage: Passage) -> tuple[int, ...]:
        """None."""
        return ()

    def rows(self, output: Any) -> torch.Tensor:
        """Its last hidden states, which stand where others have logits."""
        rows: torch.Tensor = output.last_hidden_state
        return rows


SPEECHES: Mapping[Family, Speech] = {
    speech.family: speech
    for speech in (
        CausalSpeech(),
        MaskedSpeech(),
        EncoderDecoderSpeech(),
        ClassificationSpeech(),
        SpanSpeech(),
        SilentSpeech(),
    )
}


def mask_positions(reading: Reading, mask: int) -> list[int]:
    """Where a passage has a token to be filled in."""
    return [position for position, number in enumerate(reading.ids) if number == mask]


def answerable(reading: Reading) -> frozenset[int]:
    """The positions that an answer may cover: the second text; all of the text where there is only one."""
    tokens = reading.passage.tokens
    text = [position for position, token in enumerate(tokens) if not token.special]
    # A template token stands between two texts and none inside one.
    second = [position for position in text if any(tokens[between].special for between in range(text[0], position))]
    return frozenset(second or text)


def label_token(number: int, labels: Sequence[str]) -> Token:
    """The name of a class as a token."""
    return Token(id=number, text=labels[number] if number < len(labels) else f"LABEL_{number}")
