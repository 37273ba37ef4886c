"""What two models said to a prompt, and where their words differ.

In: pairs of entries, whose traces may hold what was said. Out: texts, and pieces of them. Never: markup.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ecco_reports.comparison.findings import Pair
from ecco_reports.snapshot import Entry

SAID, GIVEN = "said", "given"
"""The fields of a trace that hold what a model said, and whether it was given these words to read."""


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
        """Both texts as one, word by word; where only one is known there is nothing to tell apart."""
        if self.before is None or self.after is None:
            return (Piece("same", self.before or self.after or ""),)
        return word_diff(self.before, self.after)


def said_of(pairs: Iterable[Pair]) -> tuple[Said, ...]:
    """What was said to a prompt, once for each different answer; entries that do not tell are left out."""
    found: dict[tuple[str | None, str | None], Said] = {}
    for pair in pairs:
        before, after = _said(pair.before), _said(pair.after)
        if before is not None or after is not None:
            found.setdefault((before, after), Said(pair.label, before, after))
    return tuple(found.values())


def _said(entry: Entry | None) -> str | None:
    trace: Mapping[str, Any] = (entry.trace if entry else None) or {}
    text = trace.get(SAID)
    return text if isinstance(text, str) and not trace.get(GIVEN) else None


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
