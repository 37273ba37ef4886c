"""Lays tokens over the text they were made from, so that together they show every character of it once.

In: a text, and what a tokenizer says of its tokens. Out: ``Token`` records whose text is the text's own. A tokenizer's
offsets alone do not do: some leave out the space that a token includes, some let a prefix that was only added overlap
with the token after it, and a normaliser may make many characters of one.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate

from ecco_reports.models.pieces import byte_sign
from ecco_reports.records import Token


@dataclass(frozen=True)
class Raw:
    """What a tokenizer says of one token.

    Attributes:
        id: Its number.
        piece: How the vocabulary writes it.
        data: The bytes it stands for, as the vocabulary has them.
        offsets: The characters of the text that it was made from, according to the tokenizer.
    """

    id: int
    piece: str
    data: bytes
    offsets: tuple[int, int]


@dataclass(frozen=True)
class _Laid:
    """A token in its place: bytes from ``start`` up to ``end``; ``exact`` if they are the very bytes of the piece."""

    raw: Raw
    start: int
    end: int
    exact: bool


class _Text:
    """A text as characters and as bytes."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.data = text.encode()
        self.byte_at = [0, *accumulate(len(char.encode()) for char in text)]

    def char_of(self, byte: int) -> int:
        """The character that a byte is a part of."""
        return bisect_right(self.byte_at, byte) - 1

    def char_after(self, byte: int) -> int:
        """The first character that begins at a byte or after it."""
        return bisect_left(self.byte_at, byte)

    def blank(self, start: int, end: int) -> bool:
        """Whether there is nothing but white space, or nothing at all, between two bytes."""
        return start >= end or self.data[start:end].decode(errors="replace").isspace()


def lay_over(text: str, raws: Sequence[Raw], eager: bool) -> list[Token]:
    """The tokens of a text, in its own words.

    The characters of ``text`` are those of all tokens in order: each token's ``before``, ``completes``, whole
    characters of its text, and ``after``. Characters that stand for no token, such as spaces that a tokenizer drops,
    are in ``before`` and, after the last token, in ``after``. Where several tokens share a character, each of them is
    partial and the last one completes it.

    Args:
        text: What was tokenized.
        raws: Its tokens, in order.
        eager: Whether a token takes the first place where its bytes stand (byte-level vocabularies lose no space) or
            the place that the tokenizer names.
    """
    whole = _Text(text)
    laid = list(_laid(whole, raws, eager))
    spans = _with_accents(text, [_characters(whole, token) for token in laid])
    tokens = [
        _token(whole, token, spans[index], spans[index - 1] if index else None, spans[index + 1 : index + 2])
        for index, token in enumerate(laid)
    ]
    return _with_gaps(text, tokens)


def _laid(whole: _Text, raws: Sequence[Raw], eager: bool) -> Iterator[_Laid]:
    start = end = 0
    for raw in raws:
        laid = _place(whole, raw, end, eager)
        # A token never begins or ends before the one before it did.
        start, end = max(start, laid.start), max(end, laid.end, laid.start)
        yield laid if (laid.start, laid.end) == (start, end) else _Laid(raw, start, end, False)


def _place(whole: _Text, raw: Raw, cursor: int, eager: bool) -> _Laid:
    """Where a token stands, given that those before it end at ``cursor``."""
    first, last = (whole.byte_at[min(offset, len(whole.text))] for offset in raw.offsets)
    lead = raw.data.startswith(b" ")
    named = [first, *([first - 1] if lead else [])]
    begins = [cursor, *reversed(named)] if eager else [*named, cursor]
    # The space that a tokenizer puts before the first word stands nowhere in the text.
    for data in (raw.data, raw.data[1:]) if lead else (raw.data,):
        for begin in begins:
            stop = begin + len(data)
            near = whole.blank(begin, first) and whole.blank(last, stop)
            if cursor <= begin and stop <= len(whole.data) and near and whole.data[begin:stop] == data:
                return _Laid(raw, begin, stop, True)
    if lead and cursor < first and whole.data[first - 1 : first] == b" ":
        first -= 1
    return _Laid(raw, first, last, False)


def _characters(whole: _Text, laid: _Laid) -> tuple[int, int]:
    start = whole.char_of(laid.start)
    return start, start if laid.start == laid.end else whole.char_after(laid.end)


def _with_accents(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The same spans, where an accent that a normaliser stripped is part of its letter's."""
    wider: list[tuple[int, int]] = []
    limit, last, widened = len(text), -1, -1
    for start, end in reversed(spans):
        if end > limit:  # It shares a character with the token after it, and with it the accent.
            wide = widened if end == last else end
        else:
            wide = end
            while start < wide < limit and unicodedata.category(text[wide]).startswith("M"):
                wide += 1
        wider.append((start, wide))
        limit, last, widened = start, end, wide
    wider.reverse()
    return wider


def _token(
    whole: _Text,
    laid: _Laid,
    span: tuple[int, int],
    previous: tuple[int, int] | None,
    following: Sequence[tuple[int, int]],
) -> Token:
    text, (start, end) = whole.text, span
    shared_until = min(end, max(start, previous[1])) if previous else start
    shared_from = max(start, min(end, following[0][0])) if following else end
    completes = text[start : min(shared_until, shared_from)]
    body = text[shared_until : max(shared_until, shared_from)]
    begins, continues = shared_from < end, shared_until > start
    partial = begins or continues
    data = laid.raw.data if partial else text[start:end].encode()
    head, tail = _signs(whole, laid, shared_until, shared_from, body) if partial else ("", "")
    return Token(
        id=laid.raw.id,
        text=(head if continues or not body else "") + body + (tail if begins and body else ""),
        piece=laid.raw.piece,
        utf8=data.hex(),
        span=span,
        partial=partial,
        completes=completes or None if continues else None,
    )


def _signs(whole: _Text, laid: _Laid, shared_until: int, shared_from: int, body: str) -> tuple[str, str]:
    """What a token has of the character it shares with the tokens before it, and with those after it."""
    data = laid.raw.data
    if not body:
        return (byte_sign(data) if laid.exact or not _readable(data) else f"⟨{data.decode().strip()}⟩"), ""
    if laid.exact:
        stop, begin = whole.byte_at[shared_until], whole.byte_at[shared_from]
        return byte_sign(whole.data[laid.start : stop]), byte_sign(whole.data[begin : laid.end])
    spelt = data.decode(errors="replace")
    head = spelt.removesuffix(body) if spelt.endswith(body) else "…"
    tail = spelt.removeprefix(body) if spelt.startswith(body) else "…"
    return f"⟨{head}⟩", f"⟨{tail}⟩"


def _readable(data: bytes) -> bool:
    try:
        return bool(data.decode().strip())
    except UnicodeDecodeError:
        return False


def _with_gaps(text: str, tokens: Sequence[Token]) -> list[Token]:
    shown, covered = [], 0
    for token in tokens:
        start, end = token.span or (covered, covered)
        shown.append(token.model_copy(update={"before": text[covered:start]}) if start > covered else token)
        covered = max(covered, end)
    if shown and covered < len(text):
        shown[-1] = shown[-1].model_copy(update={"after": text[covered:]})
    return shown
