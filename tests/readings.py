"""Readings of bare token numbers, for questions about logits and states that need no text."""

from __future__ import annotations

from collections.abc import Sequence

from ecco_reports.models.base import LanguageModel
from ecco_reports.models.families import SPEECHES
from ecco_reports.models.reading import Reading
from ecco_reports.records import Passage, Token


def reading_of(
    model: LanguageModel,
    ids: Sequence[int],
    prompt_length: int | None = None,
    encoder_length: int = 0,
    segments: tuple[int, ...] = (),
) -> Reading:
    """Token numbers as a model of this family reads them; nothing has been said about them.

    Args:
        model: Whose family says where it would speak.
        ids: Token numbers, those of an encoder first.
        prompt_length: How many of them are given; all by default.
        encoder_length: How many of them an encoder reads.
        segments: Which of two texts each belongs to.
    """
    passage = Passage(
        tokens=tuple(Token(id=number, text=f" {number}") for number in map(int, ids)),
        prompt_length=len(ids) if prompt_length is None else prompt_length,
        encoder_length=encoder_length,
    )
    return SPEECHES[model.family].reading(passage, segments)
