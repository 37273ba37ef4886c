"""What was explained, as a trace keeps it, and which outputs two models have in common.

In: targets of two results. Out: pairs of them. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import Field

from ecco_reports.analyses.explained import Explained, Kind
from ecco_reports.records import Record

MOST_TARGETS = 8
"""So many outputs are kept in a trace; the first come first."""


class TracedTarget(Record):
    """An output that was explained.

    Attributes:
        kind: What was said: see ``Explained``.
        token: The word, without the spaces around it.
        foil: The word it is compared with, or None.
        said: Which of the things the model said it is, from 0; None where it is none of them.
    """

    kind: Kind
    token: str
    foil: str | None = Field(default=None, exclude_if=lambda foil: foil is None)
    said: int | None = Field(default=None, exclude_if=lambda said: said is None)

    @classmethod
    def of(cls, explained: Explained) -> TracedTarget:
        """What is kept of a target."""
        foil = None if explained.foil is None else explained.foil.word
        return cls(kind=explained.kind, token=explained.token.word, foil=foil, said=explained.said)

    @property
    def word(self) -> str:
        """How a sentence speaks of it."""
        return f"“{self.token}”" if self.foil is None else f"“{self.token}” rather than “{self.foil}”"

    @property
    def label(self) -> str:
        """Its name on axes and buttons."""
        if self.foil is not None:
            return f"{self.token} rather than {self.foil}"
        return {"start": "start: ", "end": "end: ", "span": "answer: "}.get(self.kind, "") + self.token

    def same_as(self, other: TracedTarget) -> bool:
        """Whether two models were asked for the same word, or said it; vocabularies may differ in capitals."""
        return self._identity == other._identity

    @property
    def _identity(self) -> tuple[object, ...]:
        foil = None if self.foil is None else self.foil.casefold()
        if self.kind in ("start", "end", "span"):
            return self.kind, self.token.casefold(), foil
        # A prompt's own target is about the first thing that the model says.
        return "word", self.token.casefold(), foil, None if foil else self.said or 0


def paired_targets(first: Sequence[TracedTarget], second: Sequence[TracedTarget]) -> tuple[tuple[int, int], ...]:
    """The outputs that both models explain, by their numbers in each.

    What models wrote is paired up to the first place where they differ: after it they go on from different texts. What
    one said first and the other was only asked for is one output: both explain the same word at the same place.
    """
    pairs: list[tuple[int, int]] = []
    for index, one in enumerate(first):
        found = next((number for number, other in enumerate(second) if one.same_as(other)), None)
        if found is not None:
            pairs.append((index, found))
        elif one.foil is None and one.kind == "next" and one.said is not None:
            break
    return tuple(pairs)
