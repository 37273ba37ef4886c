"""Text from users and models on one line, with all that could do something there as a sign.

In: any string. Out: the same to read, without control characters. Never: escaping for a language.
"""

from __future__ import annotations

import unicodedata

from ecco_reports.records import control_sign

_LINES = {"\n": "⏎", "\r": "␍", "\t": "⇥"}
_JOINERS = frozenset("\u200c\u200d")
"""Formats that scripts and emoji need inside a word."""


def one_line(text: str) -> str:
    """The text with control characters, halves of characters and what turns text around as signs."""
    return "".join(_LINES.get(char) or _sign(char) for char in text)


def cut(text: str, limit: int) -> str:
    """The text with at most so many characters; a cut is shown."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def _sign(char: str) -> str:
    if char < " " or char == "\x7f":
        return control_sign(char)
    category = unicodedata.category(char)
    if (category[0] == "C" or category in {"Zl", "Zp"}) and char not in _JOINERS:
        return f"⟨U+{ord(char):04X}⟩"
    return char
