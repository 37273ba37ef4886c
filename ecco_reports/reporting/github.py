"""Text from users and models that stays text in a comment on GitHub, and nothing else.

GitHub reads a comment twice: as Markdown, where character references mean nothing but their character, and then once
more as finished text, in which it looks for mentions, references to issues, emoji, formulas and addresses. The second
reading looks into no ``<code>``; elsewhere a word joiner, which nobody sees, takes what follows a sign away from it.

In: any string. Out: Markdown of one line. Never: what is said.
"""

from __future__ import annotations

import re
import unicodedata

from ecco_reports.reporting.text import cut, one_line

JOINER = "\u2060"
NAME, SPEECH, SENTENCE = 120, 400, 600
"""Characters that a name, a text of a model and a sentence may have; more are cut, and the cut is shown."""

_PLAIN = frozenset(" ,;()%")
_LATER_PLAIN = _PLAIN | frozenset(".-/'\"=+")
"""These mean something at the start of a line only, which a text may happen to begin."""
_START = 12
"""As far as the sign of a list can reach: nine digits and a point."""
_LIVE = re.compile(r"(://|[@#:$]|\bGH-|\bwww\.)(?=\S)", re.IGNORECASE)
"""What GitHub's second reading begins at: mentions, issues, emoji, formulas, addresses."""


def prose(text: str, limit: int = SENTENCE) -> str:
    """A sentence that may hold text of users: every sign is a character reference, and none begins anything."""
    still = _LIVE.sub(lambda found: found[0] + JOINER, cut(one_line(text), limit))
    return _references(still[:_START], _PLAIN) + _references(still[_START:], _plain(still))


def code(text: str, limit: int = NAME) -> str:
    """A text of users as it is, in the face of code."""
    shown = cut(one_line(text), limit)
    return f"<code>{_references(shown, _plain(shown)) or '(nothing)'}</code>"


def _plain(text: str) -> frozenset[str]:
    """What means nothing behind the start of a line; a point may belong to an address."""
    return _PLAIN if "www" in text.lower() else _LATER_PLAIN


def _references(text: str, plain: frozenset[str]) -> str:
    kept = "".join(char if _inert(char, plain) else f"&#{ord(char)};" for char in text)
    return kept.replace("&#58; ", ": ")  # A colon before a blank begins neither an emoji nor an address.


def _inert(char: str, plain: frozenset[str]) -> bool:
    if char.isascii():
        return char.isalnum() or char in plain
    return unicodedata.category(char)[0] in "LNSP"
