"""A comparison by prompt: all that was found about one prompt, with what was said before and after.

In: a comparison. Out: its pairs in groups, the prompts that changed most first. Never: sentences about the whole.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecco_reports.comparison.findings import Comparison, Mark, Pair
from ecco_reports.comparison.words import SIGNS
from ecco_reports.records import Prompt
from ecco_reports.snapshot import Entry

SAID = "text"
"""The field of a trace that holds what a model said."""
QUIET = frozenset({Mark.SAME, Mark.NOT_SIGNIFICANT})
APART = frozenset({Mark.NOT_COMPARABLE, Mark.NEWLY_FAILING, Mark.MENDED, Mark.ADDED, Mark.GONE})
"""Marks of pairs that have a reason instead of numbers."""


@dataclass(frozen=True)
class Piece:
    """Words that both said, that only the baseline said (``gone``), or only the candidate (``new``)."""

    kind: str
    text: str


@dataclass(frozen=True)
class Said:
    """What was said to one prompt.

    Attributes:
        label: The entry that says so.
        before: By the baseline; None where nothing is known.
        after: By the candidate; None where nothing is known.
    """

    label: str
    before: str | None
    after: str | None

    @property
    def same(self) -> bool:
        """Whether both are known and equal."""
        return self.before is not None and self.before == self.after

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """Both texts as one, word by word."""
        return word_diff(self.before or "", self.after or "")


@dataclass(frozen=True)
class Asked:
    """One prompt, read by two models that are held against each other.

    Attributes:
        models: Names of the model of the baseline and of the candidate.
        prompt: The prompt.
        pairs: One per label, in the order of the page.
    """

    models: tuple[str, str]
    prompt: Prompt
    pairs: tuple[Pair, ...]

    @property
    def mark(self) -> Mark:
        """The gravest mark of its pairs."""
        present = {pair.mark for pair in self.pairs}
        return next((mark for mark in SIGNS if mark in present), Mark.SAME)

    @property
    def quiet(self) -> bool:
        """Whether nothing changed, in no number and in no word."""
        return all(pair.mark in QUIET for pair in self.pairs) and all(said.same for said in self.said)

    @property
    def said(self) -> tuple[Said, ...]:
        """What was said, once for each different answer; entries that do not tell are left out."""
        found: dict[tuple[str | None, str | None], Said] = {}
        for pair in self.pairs:
            before, after = _said(pair.before), _said(pair.after)
            if before is not None or after is not None:
                found.setdefault((before, after), Said(pair.label, before, after))
        return tuple(found.values())

    @property
    def answer_changed(self) -> bool:
        """Whether another text was said."""
        return any(said.before is not None and said.after is not None and not said.same for said in self.said)


def _said(entry: Entry | None) -> str | None:
    trace: Mapping[str, Any] = (entry.trace if entry else None) or {}
    text = trace.get(SAID)
    return text if isinstance(text, str) else None


def by_prompt(comparison: Comparison) -> tuple[Asked, ...]:
    """All prompts of all pairs of models, in the order of the comparison."""
    groups: dict[tuple[tuple[str, str], str], list[Pair]] = {}
    for pair in comparison.pairs:
        groups.setdefault((pair.models, pair.prompt.name), []).append(pair)
    return tuple(Asked(models, pairs[0].prompt, tuple(pairs)) for (models, _), pairs in groups.items())


def word_diff(before: str, after: str) -> tuple[Piece, ...]:
    """Two texts as one, word by word: what both have, what is gone, what is new."""
    first, second = _words(before), _words(after)
    return tuple(_merged(first, second))


def _words(text: str) -> list[str]:
    """The words with the blanks before them; joined they are the text again."""
    return re.findall(r"\s*\w+|\s*[^\w\s]|\s+$", text)


def _merged(first: list[str], second: list[str]) -> Iterator[Piece]:
    matcher = difflib.SequenceMatcher(a=first, b=second, autojunk=False)
    for kind, a_from, a_to, b_from, b_to in matcher.get_opcodes():
        if kind == "equal":
            yield Piece("same", "".join(first[a_from:a_to]))
            continue
        if a_to > a_from:
            yield Piece("gone", "".join(first[a_from:a_to]))
        if b_to > b_from:
            yield Piece("new", "".join(second[b_from:b_to]))
