"""What the pieces of a vocabulary spell: bytes in disguise, ``▁`` for spaces, ``##`` for the inside of a word.

In: a ``tokenizers.Tokenizer``. Out: the bytes that a piece stands for, whatever the text around it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

_BYTE_FALLBACK = re.compile(r"<0x([0-9A-Fa-f]{2})>")


class Vocabulary:
    """The pieces of a tokenizer.

    Attributes:
        byte_level: Whether each character of a piece stands for a byte (GPT-2's byte-level BPE).
        spells_spaces: Whether a piece says itself where its spaces are; else the decoder puts them between words.
        added: What was added to the vocabulary, by number: special tokens above all.
    """

    def __init__(self, backend: Tokenizer) -> None:
        self._backend = backend
        parts = [_described(part) for part in (backend.decoder, backend.pre_tokenizer, backend.normalizer)]
        self.byte_level = any(kind == "ByteLevel" for part in parts for kind in _kinds(part))
        self._byte_of = {char: byte for byte, char in enumerate(_byte_level_alphabet())} if self.byte_level else {}
        self._underscored = "▁" in json.dumps(parts, ensure_ascii=False)
        self.spells_spaces = self.byte_level or self._underscored
        self._inside = getattr(backend.model, "continuing_subword_prefix", None) or ""
        self._ending = getattr(backend.model, "end_of_word_suffix", None) or ""
        self.added: dict[int, Any] = dict(backend.get_added_tokens_decoder())

    def piece(self, token_id: int) -> str | None:
        """How the vocabulary writes a token; None where the number names none."""
        return self._backend.id_to_token(token_id) if token_id >= 0 else None

    def is_special(self, token_id: int) -> bool:
        """Whether a token is a sign of a template, such as "end of text", or unknown, and stands for no text."""
        if (added := self.added.get(token_id)) is not None:
            return bool(added.special)
        return self.piece(token_id) is None

    def spelling(self, token_id: int) -> bytes:
        """The bytes that a token stands for, its leading space included where it has one."""
        piece = self.piece(token_id)
        if piece is None:
            return b""
        if self.is_special(token_id):
            return piece.encode()
        if fallback := _BYTE_FALLBACK.fullmatch(piece):
            return bytes.fromhex(fallback[1])
        if self.byte_level:
            if token_id not in self.added and all(char in self._byte_of for char in piece):
                return bytes(self._byte_of[char] for char in piece)
            return piece.encode()
        piece = piece.removeprefix(self._inside).removesuffix(self._ending)
        return (piece.replace("▁", " ") if self._underscored else piece).encode()


def as_signs(data: bytes) -> str:
    """Text where it is text, and ``⟨E3 81⟩`` where it is not."""
    parts = re.split(r"([\udc80-\udcff]+)", data.decode("utf-8", errors="surrogateescape"))
    return "".join(
        byte_sign(part.encode("utf-8", errors="surrogateescape")) if index % 2 else part
        for index, part in enumerate(parts)
    )


def byte_sign(data: bytes) -> str:
    """Bytes as a sign, ``⟨E3 81⟩``; nothing for none."""
    return f"⟨{data.hex(' ').upper()}⟩" if data else ""


def finished(data: bytes) -> str:
    """The characters of ``data`` that are complete."""
    return codecs.getincrementaldecoder("utf-8")("replace").decode(data, final=False)


def unfinished(data: bytes) -> bytes:
    """The bytes at the end of ``data`` that begin a character without ending it."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    decoder.decode(data, final=False)
    return decoder.getstate()[0]


def _described(part: Any) -> Any:
    """The settings of a part of a tokenizer: what its own pickling writes down, unless it is somebody's own code."""
    try:
        return None if part is None else json.loads(part.__getstate__())
    except Exception:  # The library raises nothing more precise.
        return None


def _kinds(part: Any) -> Iterator[str]:
    if part:
        yield part.get("type", "")
        for inner in (*part.get("decoders", ()), *part.get("pretokenizers", ()), *part.get("normalizers", ())):
            yield from _kinds(inner)


def _byte_level_alphabet() -> list[str]:
    """The character by which byte-level BPE writes each byte (Radford et al. 2019): printable ones as themselves."""
    printable = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
    shifted = iter(range(256, 512))
    return [chr(byte) if byte in printable else chr(next(shifted)) for byte in range(256)]
