"""What a server may answer, brought to one form, and the answers kept on the disk.

In: the bytes of an answer. Out: ``Answer``, or ``UnexpectedError`` in words. Kept: every answer by the digest of its
question, written at once under its final name; never a key, which is in no question and taken out of every answer.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecco_reports.errors import StoreError
from ecco_reports.models.api.words import bytes_of
from ecco_reports.records import canonical_json, digest

# What OpenAI writes for a token that is less probable than all that it lists (API reference, chat completions).
_UNTOLD = -9999.0
_NOTES = "offers.json"


class UnexpectedError(Exception):
    """An answer is not what was asked for; says in words what it is instead. Never leaves this package."""


@dataclass(frozen=True)
class Listed:
    """A token and its log-probability.

    Attributes:
        written: How the server writes the token.
        piece: Its bytes.
        logprob: Its natural log-probability.
    """

    written: str
    piece: bytes
    logprob: float


@dataclass(frozen=True)
class Step:
    """One token of an answer.

    Attributes:
        written: How the server writes the token.
        piece: Its bytes.
        logprob: Its natural log-probability, or None where the server tells none.
        listing: The most probable tokens at its place, most probable first; empty where the server lists none.
    """

    written: str
    piece: bytes
    logprob: float | None
    listing: tuple[Listed, ...]


@dataclass(frozen=True)
class Written:
    """One text of an answer.

    Attributes:
        text: The text.
        steps: Its tokens; empty when the server told no log-probabilities.
        offsets: Where each token begins, in characters, where the server tells; counted from what the server likes.
    """

    text: str
    steps: tuple[Step, ...]
    offsets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Answer:
    """What a server answered to one question.

    Attributes:
        texts: One for each prompt, in the order of the prompts.
        served: What the server says of itself: the name of its model, the fingerprint of its system.
        tokens: How many tokens it says that the question cost, or None.
    """

    texts: tuple[Written, ...]
    served: Mapping[str, str]
    tokens: int | None


class _Shape(BaseModel):
    """A part of an answer; what else a server tells is left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class _Usage(_Shape):
    total_tokens: int | None = Field(default=None, ge=0)


class _Whole(_Shape):
    model: str | None = None
    system_fingerprint: str | None = None
    usage: _Usage | None = None


class _Logprobs(_Shape):
    tokens: tuple[str, ...]
    token_logprobs: tuple[float | None, ...]
    top_logprobs: tuple[dict[str, float] | None, ...] | None = None
    text_offset: tuple[int, ...] | None = None


class _Alternative(_Shape):
    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None


class _Spoken(_Alternative):
    top_logprobs: tuple[_Alternative, ...] = ()


class _Content(_Shape):
    content: tuple[_Spoken, ...] | None = None


class _Choice(_Shape):
    index: int = 0
    text: str
    # The server of llama.cpp tells here what belongs to the chat endpoint.
    logprobs: _Logprobs | _Content | None = None


class _Completion(_Whole):
    choices: tuple[_Choice, ...] = Field(min_length=1)


class _Message(_Shape):
    content: str | None = None


class _Reply(_Shape):
    message: _Message
    logprobs: _Content | None = None


class _Chat(_Whole):
    choices: tuple[_Reply, ...] = Field(min_length=1)


def read_answer(data: bytes, *, is_chat: bool, texts: int, listed: int) -> Answer:
    """The answer that the bytes hold.

    Args:
        data: JSON, one hopes.
        is_chat: Whether it is of the chat endpoint.
        texts: How many texts were asked for.
        listed: How many tokens were asked for at each place.

    Raises:
        UnexpectedError: They hold something else.
    """
    if data.lstrip()[:1] == b"<":
        raise UnexpectedError("a web page instead of JSON")
    shape = _Chat if is_chat else _Completion
    try:
        whole = shape.model_validate(json.loads(data))
    except (ValueError, RecursionError) as error:
        if not isinstance(error, ValidationError):
            raise UnexpectedError("something that is no JSON") from error
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the whole"
        raise UnexpectedError(f"JSON of another shape ({where}: {error.errors()[0]['msg']})") from error
    if isinstance(whole, _Chat):
        found = [Written(reply.message.content or "", tuple(_spoken_steps(reply.logprobs))) for reply in whole.choices]
    else:
        found = [_written(choice, listed) for choice in sorted(whole.choices, key=lambda choice: choice.index)]
    if len(found) != texts:
        raise UnexpectedError(f"{len(found)} texts where {texts} were asked for")
    if any(written.text and not written.steps for written in found):
        raise UnexpectedError("text without log-probabilities, which are all that can be explained of it")
    told = {"served model": whole.model, "system fingerprint": whole.system_fingerprint}
    return Answer(
        texts=tuple(found),
        served={name: value for name, value in told.items() if value},
        tokens=whole.usage.total_tokens if whole.usage else None,
    )


def _written(choice: _Choice, listed: int) -> Written:
    told = choice.logprobs
    if not isinstance(told, _Logprobs):
        return Written(choice.text, tuple(_spoken_steps(told)))
    listings: Sequence[dict[str, float] | None] = told.top_logprobs or [None] * len(told.tokens)
    if not len(told.tokens) == len(told.token_logprobs) == len(listings):
        raise UnexpectedError("log-probabilities of which some are missing")
    steps = tuple(
        Step(token, bytes_of(token), _told(logprob), _listing(listing or {}, token, listed))
        for token, logprob, listing in zip(told.tokens, told.token_logprobs, listings, strict=True)
    )
    return Written(choice.text, steps, told.text_offset or ())


def _listing(listing: Mapping[str, float], taken: str, listed: int) -> tuple[Listed, ...]:
    """The most probable tokens; the one that was taken stands beside them even if it is none of them."""
    ranked = sorted(listing.items(), key=lambda item: -item[1])
    if len(ranked) > listed:
        ranked = [item for item in ranked if item[0] != taken] if ranked[-1][0] == taken else ranked[:listed]
    return tuple(Listed(token, bytes_of(token), min(0.0, logprob)) for token, logprob in ranked)


def _spoken_steps(told: _Content | None) -> Iterator[Step]:
    for spoken in (told.content if told else None) or ():
        ranked = sorted(spoken.top_logprobs, key=lambda other: -other.logprob)
        listing = tuple(Listed(other.token, _piece(other), min(0.0, other.logprob)) for other in ranked)
        yield Step(spoken.token, _piece(spoken), _told(spoken.logprob), listing)


def _piece(told: _Alternative) -> bytes:
    return told.token.encode("utf-8", errors="surrogatepass") if told.bytes is None else bytes(told.bytes)


def _told(logprob: float | None) -> float | None:
    return None if logprob is None or logprob <= _UNTOLD else min(0.0, logprob)


class Kept:
    """The answers of one server on the disk.

    Args:
        folder: Where they are; made by the first answer. None keeps them in memory alone.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._memory: dict[str, bytes] = {}
        self._notes: dict[str, bool] = _read_notes(folder)

    def get(self, question: Mapping[str, Any]) -> bytes | None:
        """The answer to a question, or None when it was never answered or what is there is damaged."""
        key = digest(question)
        if self._folder is None:
            return self._memory.get(key)
        try:
            kept = json.loads(self._file(self._folder, key).read_bytes())
            return kept["answer"].encode() if kept["question"] == question else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None

    def put(self, question: Mapping[str, Any], answer: bytes) -> None:
        """Keeps an answer.

        Raises:
            StoreError: The disk is full or read-only.
        """
        key = digest(question)
        if self._folder is None:
            self._memory[key] = answer
            return
        kept = canonical_json({"question": question, "answer": answer.decode("utf-8", errors="replace")})
        write_whole(self._file(self._folder, key), kept.encode())

    def noted(self, offer: str) -> bool | None:
        """Whether the server offers something, or None when nobody has tried."""
        return self._notes.get(offer)

    def note(self, offer: str, *, offered: bool) -> None:
        """Notes whether the server offers something.

        Raises:
            StoreError: The disk is full or read-only.
        """
        if self._notes.get(offer) is offered:
            return
        self._notes[offer] = offered
        if self._folder is not None:
            write_whole(self._folder / _NOTES, canonical_json(self._notes).encode())

    @staticmethod
    def _file(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def _read_notes(folder: Path | None) -> dict[str, bool]:
    if folder is None:
        return {}
    try:
        notes = json.loads((folder / _NOTES).read_bytes())
    except (OSError, ValueError):
        return {}
    return {name: value for name, value in notes.items() if isinstance(value, bool)} if isinstance(notes, dict) else {}


def count_kept(folder: Path) -> int:
    """How many answers are kept in the folder of a server."""
    return sum(1 for _ in folder.glob("[0-9a-f][0-9a-f]/*.json"))


def write_whole(path: Path, data: bytes) -> None:
    """Puts a whole file in its place at once.

    Raises:
        StoreError: The disk is full or read-only.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            temporary.write_bytes(data)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StoreError(
            f"An answer of the server cannot be kept in {path.parent}: {error.strerror or error}. Make room or choose "
            "another folder; what was kept before is unharmed."
        ) from error
