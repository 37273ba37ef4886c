"""Tokens as a reader sees them: text as it was written, and bytes where a token is only a part of a character.

In: a ``tokenizers.Tokenizer``. Out: token numbers and ``Token`` records. Needs neither torch nor transformers.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecco_reports.models.base import Encoding, TextTokenizer
from ecco_reports.records import Prompt, Token

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTE_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")
# Decoding a token needs the few before it (leading spaces, joined pieces), never the whole text.
_WINDOW = 6


class FastTokenizer(TextTokenizer):
    """A tokenizer of the ``tokenizers`` library: byte-level BPE, SentencePiece-like, WordPiece."""

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend

    @classmethod
    def from_file(cls, path: Path) -> FastTokenizer:
        """Reads a ``tokenizer.json``."""
        from tokenizers import Tokenizer

        return cls(Tokenizer.from_file(str(path)))

    @cached_property
    def _byte_of_char(self) -> dict[str, int] | None:
        """What each character of a piece stands for, if pieces are bytes in disguise (GPT-2's byte-level BPE)."""
        kinds = set(_decoder_types(json.loads(self._backend.to_str()).get("decoder")))
        return {char: byte for byte, char in enumerate(_byte_level_alphabet())} if "ByteLevel" in kinds else None

    @cached_property
    def _added(self) -> dict[int, Any]:
        return dict(self._backend.get_added_tokens_decoder())

    def encode(self, prompt: Prompt) -> Encoding:
        """What a model reads of a prompt, special tokens of the tokenizer's template included."""
        return Encoding(self.tokens(self._backend.encode(prompt.text).ids))

    def continuation_ids(self, text: str) -> list[int]:
        """The token numbers of a text that goes on after a prompt: no special tokens are added."""
        return list(self._backend.encode(text, add_special_tokens=False).ids)

    @property
    def mask(self):
        number = self._backend.token_to_id("[MASK]")
        return None if number is None else self.token(number)

    def token(self, token_id: int) -> Token:
        """What a reader sees of a single token out of any context."""
        return self.tokens([token_id])[0]

    def tokens(self, ids: Sequence[int], after: Sequence[Token] = ()) -> tuple[Token, ...]:
        """What a reader sees of a sequence, one record per token."""
        if self._byte_of_char is not None:
            return tuple(self._tokens_from_bytes(ids, self._byte_of_char))
        return tuple(self._tokens_from_text(ids))

    def _tokens_from_bytes(self, ids: Sequence[int], byte_of_char: dict[str, int]) -> Iterator[Token]:
        pending = b""
        for token_id in ids:
            piece = self._backend.id_to_token(token_id)
            if token_id in self._added or piece is None:
                pending = b""
                yield self._added_token(token_id, piece)
                continue
            data = bytes(byte_of_char[char] for char in piece)
            yield _byte_token(token_id, pending, data)
            pending = _unfinished(pending + data)

    def _tokens_from_text(self, ids: Sequence[int]) -> Iterator[Token]:
        pending = b""
        for index, token_id in enumerate(ids):
            piece = self._backend.id_to_token(token_id)
            fallback = _BYTE_FALLBACK.fullmatch(piece or "")
            if piece is None or (token_id in self._added and not fallback):
                pending = b""
                yield self._added_token(token_id, piece)
            elif fallback:
                data = bytes.fromhex(fallback[1])
                yield _byte_token(token_id, pending, data)
                pending = _unfinished(pending + data)
            else:
                pending = b""
                before = list(ids[max(0, index - _WINDOW) : index])
                yield Token(id=token_id, text=self._gain(before, token_id, piece))

    def _gain(self, before: list[int], token_id: int, piece: str) -> str:
        """What the token adds to the text of those before it."""
        head = self._backend.decode(before, skip_special_tokens=False)
        whole = self._backend.decode([*before, token_id], skip_special_tokens=False)
        if whole.startswith(head):
            gain = whole[len(head) :]
            return " " + gain if not before and piece.startswith("▁") and not gain.startswith(" ") else gain
        return piece.replace("▁", " ")

    def _added_token(self, token_id: int, piece: str | None) -> Token:
        added = self._added.get(token_id)
        if piece is None:
            return Token(id=token_id, text=f"⟨{token_id}⟩", special=True)
        return Token(id=token_id, text=piece, special=bool(added is None or added.special))


def _byte_token(token_id: int, pending: bytes, data: bytes) -> Token:
    """A token that is ``data``, after the bytes of an unfinished character."""
    if not pending:
        try:
            return Token(id=token_id, text=data.decode())
        except UnicodeDecodeError:
            pass
    finished = _finished(pending + data)
    completes = finished[0] if pending and finished and finished[0] != "\ufffd" else None
    return Token(id=token_id, text=_with_bytes(data), partial=True, completes=completes)


def _with_bytes(data: bytes) -> str:
    """Text where it is text, and ``⟨E3 81⟩`` where it is not."""
    codecs_text = data.decode("utf-8", errors="surrogateescape")
    parts = re.split(r"([\udc80-\udcff]+)", codecs_text)
    return "".join(
        "⟨" + " ".join(f"{ord(char) - 0xDC00:02X}" for char in part) + "⟩" if index % 2 else part
        for index, part in enumerate(parts)
    )


def _finished(data: bytes) -> str:
    """The characters of ``data`` that are complete."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=False)


def _unfinished(data: bytes) -> bytes:
    """The bytes at the end of ``data`` that begin a character without ending it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data, final=False)
    return decoder.getstate()[0]


def _decoder_types(decoder: dict[str, Any] | None) -> Iterator[str]:
    if decoder:
        yield decoder["type"]
        for inner in decoder.get("decoders", ()):
            yield from _decoder_types(inner)


def _byte_level_alphabet() -> list[str]:
    """The character by which byte-level BPE writes each byte (Radford et al. 2019): printable ones as themselves."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    shifted = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(shifted)) for byte in range(256)]
