"""The tokens of a server as a reader sees them, and the words of a text where a server tells no tokens.

In: texts and what a server calls its tokens. Out: ``Token`` records with the characters of the text they cover.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator, Sequence

from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import TextTokenizer
from ecco_reports.models.pieces import as_signs
from ecco_reports.models.reading import Encoding
from ecco_reports.records import Prompt, Token

NO_NUMBER = -1
"""The number of a token whose number the server does not tell."""

# The completions endpoint writes a part of a character as ``bytes:\xe3\x81``.
_ESCAPED = "bytes:"
_ESCAPE = re.compile(r"\\x([0-9a-fA-F]{2})")
# A word with the white space before it; of a script without spaces every character is taken as one.
_ALONE = "\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003134f"
_WORD = re.compile(rf"\s*(?:[{_ALONE}]|[^\s{_ALONE}]+)|\s+\Z")
# Byte-level tokenizers make a token of about four characters of English (OpenAI's guide to tokens); three is on the
# safe side for prose.
_BYTES_PER_TOKEN = 3


def bytes_of(written: str) -> bytes:
    """The bytes that a token stands for; a token that is no text is written as escaped bytes."""
    if written.startswith(_ESCAPED) and _ESCAPE.search(written):
        escaped = written.removeprefix(_ESCAPED).encode()
        return re.sub(rb"\\x([0-9a-fA-F]{2})", lambda found: bytes.fromhex(found[1].decode()), escaped)
    return written.encode("utf-8", errors="surrogatepass")


def words(text: str, start: int = 0) -> tuple[Token, ...]:
    """A text as words with the white space before them, which together are the whole text.

    Args:
        text: The text.
        start: Where it begins in the prompt.
    """
    return tuple(
        Token(
            id=NO_NUMBER,
            text=found[0],
            utf8=found[0].encode().hex(),
            span=(start + found.start(), start + found.end()),
        )
        for found in _WORD.finditer(text)
    )


def token_of(piece: bytes, *, special: bool = False) -> Token:
    """A token out of any context.

    Args:
        piece: Its bytes.
        special: Whether it is a sign of the template rather than text.
    """
    if special:
        return Token(id=NO_NUMBER, text=piece.decode("utf-8", errors="replace"), special=True)
    try:
        return Token(id=NO_NUMBER, text=piece.decode(), utf8=piece.hex())
    except UnicodeDecodeError:
        return Token(id=NO_NUMBER, text=as_signs(piece), utf8=piece.hex(), partial=True)


def about_tokens(text: str) -> int:
    """How many tokens a text has, about; rather more than fewer."""
    return max(len(words(text)), -(-len(text.encode()) // _BYTES_PER_TOKEN))


def laid_out(pieces: Sequence[bytes], text: str, offsets: Sequence[int] = ()) -> tuple[Token, ...] | None:
    """The tokens of a text, each with the characters it covers.

    What is no part of the text at its place (the sign that a text begins or ends) becomes a special token.

    Args:
        pieces: The bytes of each token.
        text: The text that they make.
        offsets: Where each token begins in the text, in characters, as the server tells; used where the bytes of the
            tokens are not those of the text, as a server may write the pieces of its vocabulary instead.

    Returns:
        The tokens, or None when they do not make the text.
    """
    whole = text.encode()
    starts: list[tuple[int, bytes] | None] = []
    done = 0
    for piece in pieces:
        fits = bool(piece) and whole.startswith(piece, done)
        starts.append((done, piece) if fits else None)
        done += len(piece) if fits else 0
    if done == len(whole):
        return tuple(_tokens(pieces, starts, whole))
    if len(offsets) == len(pieces) and offsets[:1] == [0] and list(offsets) == sorted(offsets):
        ends = [*offsets[1:], len(text)]
        cut = [text[start:end].encode() for start, end in zip(offsets, ends, strict=True)]
        return laid_out(cut, text) if any(cut) else None
    return None


def length_of(pieces: Sequence[bytes], text: str, offsets: Sequence[int] = ()) -> int:
    """How many of the first tokens make a text, those of the template before it included.

    Args:
        pieces: The bytes of each token.
        text: The text.
        offsets: As for ``laid_out``.
    """
    whole = text.encode()
    done = 0
    for index, piece in enumerate(pieces):
        if piece and whole.startswith(piece, done):
            done += len(piece)
            if done == len(whole):
                return index + 1
    return next((index for index, offset in enumerate(offsets) if offset >= len(text)), len(offsets))


def _tokens(pieces: Sequence[bytes], starts: Sequence[tuple[int, bytes] | None], whole: bytes) -> Iterator[Token]:
    """The tokens of known places; bytes that begin a character are shown as such, as those of local models are."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    for piece, start in zip(pieces, starts, strict=True):
        if start is None:
            yield token_of(piece, special=True)
            continue
        before = len(whole[: start[0]].decode("utf-8", errors="ignore"))
        after = len(whole[: start[0] + len(piece)].decode("utf-8", errors="ignore"))
        was_open = bool(decoder.getstate()[0])
        decoded = decoder.decode(piece)
        partial = was_open or bool(decoder.getstate()[0])
        yield Token(
            id=NO_NUMBER,
            text=as_signs(piece) if partial else piece.decode("utf-8", errors="replace"),
            utf8=piece.hex(),
            span=(before, after),
            partial=partial,
            completes=decoded if was_open and decoded else None,
        )


class Words(TextTokenizer):
    """What stands in for the tokenizer that a server keeps to itself: a prompt is shown as words."""

    def __init__(self, source: str) -> None:
        self._source = source

    def encode(self, prompt: Prompt) -> Encoding:
        """The words of a prompt."""
        return Encoding(words(prompt.text))

    def continuation_ids(self, text: str) -> list[int]:
        """Not to be had."""
        raise self._hidden()

    def tokens(self, ids: Sequence[int], after: Sequence[Token] = ()) -> tuple[Token, ...]:
        """Not to be had."""
        raise self._hidden()

    def token(self, token_id: int) -> Token:
        """Not to be had."""
        raise self._hidden()

    def _hidden(self) -> CapabilityError:
        return CapabilityError(self._source, f"{self._source} has no token numbers: its server keeps its tokenizer.")
