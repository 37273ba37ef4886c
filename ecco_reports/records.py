"""What crosses a border (YAML, disk, HTTP): frozen pydantic records, and how they are written down.

In: plain values. Out: records, canonical JSON, and the arrays beside it. Never: tensors, files, drawing.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal, Self, TypeVar

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    computed_field,
    model_validator,
)

SCHEMA_VERSION = 2
"""Raised when stored records change their meaning; it is part of every store key."""

ARRAY_KEY = "$array"


_SIGN = re.compile("(⟨[^⟩]*⟩)")


class Record(BaseModel):
    """A value that crosses a border: frozen, and unknown fields are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())


R = TypeVar("R", bound=Record)


def _as_array(value: Any) -> np.ndarray:
    array = np.asarray(value)
    if array.dtype == object:
        raise ValueError("an array of numbers was expected")
    array = array.view()
    array.flags.writeable = False
    return array


Array = Annotated[np.ndarray, BeforeValidator(_as_array)]
"""A read-only numpy array inside a record; the store keeps it beside the JSON, not in it."""


class Sampling(Record):
    """How a token is drawn from the model's distribution.

    Attributes:
        temperature: Divides the logits before the softmax.
        top_k: Only this many most probable tokens may be drawn.
        top_p: Only the smallest set of most probable tokens with at least this probability together may be drawn.
        min_p: Only tokens with at least this share of the most probable token's probability may be drawn.
        seed: Seed of the draw; None derives one from the experiment's seed and the prompt.
    """

    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    min_p: float | None = Field(default=None, gt=0, le=1, exclude_if=lambda share: share is None)
    seed: int | None = Field(default=None, ge=0, lt=2**63)

    @property
    def reshapes(self) -> bool:
        """Whether tokens are drawn with other probabilities than the model's own."""
        return self.temperature != 1 or self.top_k is not None or (self.top_p or 1) < 1 or self.min_p is not None


class Decoding(Record):
    """How a continuation of the prompt is chosen, one token at a time.

    What is left as it is by default is not written down, so that results stored before there was a choice stay valid.

    Attributes:
        max_new_tokens: Tokens to generate at most; generation ends earlier at an end-of-text token.
        sampling: How tokens are drawn; None takes the most probable token each time (greedy).
        repetition_penalty: Makes tokens less probable that the text has already: above 1 it divides their positive
            logits and multiplies their negative ones; 1 leaves them alone.
        beams: How many continuations are followed side by side (beam search); the best of them is explained, the others
            are shown. 1 follows a single one.
        stop: Texts that end the generation: it stops after the first token that completes one of them.
    """

    max_new_tokens: int = Field(default=5, ge=1)
    sampling: Sampling | None = None
    repetition_penalty: float = Field(default=1.0, gt=0, allow_inf_nan=False, exclude_if=lambda penalty: penalty == 1)
    beams: int = Field(default=1, ge=1, le=32, exclude_if=lambda beams: beams == 1)
    stop: tuple[Annotated[str, Field(min_length=1)], ...] = Field(default=(), exclude_if=lambda stop: not stop)

    @model_validator(mode="after")
    def _search_or_chance(self) -> Self:
        if self.beams > 1 and self.sampling is not None:
            raise ValueError(
                "beams and sampling exclude each other: a beam search follows the most probable continuations, and "
                "sampling draws one. Leave out one of them"
            )
        return self

    @property
    def reshapes(self) -> bool:
        """Whether tokens are chosen by other probabilities than the model's own."""
        drawn = self.sampling is not None and self.sampling.reshapes
        return self.beams == 1 and (drawn or self.repetition_penalty != 1)


class Family(StrEnum):
    """What a model was made to do, which says how it reads and where it speaks."""

    CAUSAL = "causal"
    MASKED = "masked"
    ENCODER_DECODER = "encoder_decoder"
    CLASSIFICATION = "classification"
    QUESTION_ANSWERING = "question_answering"
    NONE = "none"


class Message(Record):
    """One turn of a conversation.

    Attributes:
        role: Who speaks: ``system``, ``user`` or ``assistant``.
        content: What is said.
    """

    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class Prompt(Record):
    """A text to explain, and what to explain about its next token.

    Attributes:
        name: Its name in the experiment.
        text: What the model reads; of a conversation, its turns one below the other.
        text_pair: The second text of a model that reads two: the passage of a question, the hypothesis of a premise.
        messages: The turns of a conversation, which the model's own chat template makes a text of; else none.
        continuation: What stands after it, for a model that writes on: a text the model did not write itself and that
            is explained as if it had. None has the model write.
        written: What the page shows where ``text`` had to be mended (half surrogate pairs), else None.
        target: The token whose prediction is explained; None means the tokens the model generates.
        foil: The token to contrast the target with: why ``target`` rather than ``foil``.
    """

    name: str
    text: str
    text_pair: str | None = None
    messages: tuple[Message, ...] = ()
    continuation: str | None = None
    written: str | None = None
    target: str | None = None
    foil: str | None = None

    @property
    def shown(self) -> str:
        """The text as its author wrote it."""
        return self.text if self.written is None else self.written


class Token(Record):
    """One token as a reader sees it.

    Attributes:
        id: Its number in the vocabulary; -1 where a server does not tell it.
        text: What it adds to the text, as it was written; for a part of a character its bytes, as ``⟨E3 81⟩``.
        piece: How the vocabulary writes it: ``Ġcity``, ``▁city``, ``##ing``; empty where nothing is known of it.
        utf8: The bytes of the text it stands for, in hexadecimal; empty for a token of the template.
        span: The characters of the prompt it covers, from and up to; None for what does not stand in the prompt. They
            count in the second text for a token of that.
        second: Whether it stands in the second of two texts.
        special: Whether it is a token of the template rather than of the text.
        partial: Whether it is only a part of a character.
        completes: The character that this token completes, if it is the last part of one.
        before: The characters between the token before it and this one that no token stands for, such as spaces.
        after: The same at the end of a text, for its last token.
    """

    id: int
    text: str
    piece: str = ""
    utf8: str = ""
    span: tuple[int, int] | None = None
    second: bool = False
    special: bool = False
    partial: bool = False
    completes: str | None = None
    before: str = ""
    after: str = ""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def label(self) -> str:
        """The text with white space and control characters made visible, for axes and tables.

        Tokens of one spelling that the vocabulary tells apart have labels of their own: ``·city`` begins with a space,
        also where the prompt has none before its first word, and ``##ing`` goes on with a word.
        """
        for sign, shown in (("▁", "·"), ("Ġ", "·"), ("##", "##")):
            if self.piece.startswith(sign) and not self.special and not self.text.startswith((" ", sign)):
                return shown + visible(self.text)
        return visible(self.text)

    @property
    def inside(self) -> tuple[tuple[str, bool], ...]:
        """What stands in it, in order: characters that can be read, and signs (True) for bytes and for nothing."""
        if not self.partial:
            return ((self.text, False),) if self.text else ((self.label, True),)
        pieces = [(piece, bool(_SIGN.fullmatch(piece))) for piece in _SIGN.split(self.text) if piece]
        place = 1 if pieces and pieces[0][1] else 0
        return (*pieces[:place], *([(self.completes, False)] if self.completes else []), *pieces[place:])

    @property
    def characters(self) -> str:
        """What of it can be read: whole characters, and the one it completes."""
        return "".join(piece for piece, is_sign in self.inside if not is_sign)

    @property
    def word(self) -> str:
        """How a sentence speaks of it: without the spaces around it, unless nothing else is left."""
        return self.text.strip() or self.label


def joined_text(tokens: Sequence[Token]) -> str:
    """What can be read of tokens that follow one another."""
    return "".join((token.before if index else "") + token.characters for index, token in enumerate(tokens))


def joined_label(tokens: Sequence[Token]) -> str:
    """The label of tokens that are read as one piece of text."""
    text = joined_text(tokens)
    if len(tokens) == 1 or not text:
        return "".join(token.label for token in tokens)
    # A space that the vocabulary has and the prompt has not, before its first word, still tells two tokens apart.
    added = "·" if tokens[0].label.startswith("·") and not text.startswith((" ", "·")) else ""
    return added + visible(text)


def written_text(tokens: Sequence[Token]) -> str:
    """The text that tokens make, without signs of the template (such as "end of text").

    A character that is spread over several tokens stands once; one that was never finished is left out.
    """
    parts = (
        token.before.encode() + (bytes.fromhex(token.utf8) if token.partial else token.text.encode())
        for token in tokens
        if not token.special
    )
    return b"".join(parts).decode(errors="ignore")


class Passage(Record):
    """A prompt and what the model wrote after it, or was given to go on with, as a reader sees them.

    Attributes:
        tokens: All tokens, prompt first.
        prompt_length: How many of them are of the prompt rather than of what comes after it.
        encoder_length: How many of the given ones an encoder reads; 0 for a model that has one stream of text.
        family: What kind of model read it.
        answers: What a model that does not write on said of it: a token for each mask, a class, the ends of a span.
        answer_positions: Where each answer stands, or None for a class, which stands nowhere.
        forced: Whether what comes after the prompt was given, too, rather than written by the model.
    """

    tokens: tuple[Token, ...]
    prompt_length: int
    encoder_length: int = 0
    family: Family = Family.CAUSAL
    answers: tuple[Token, ...] = ()
    answer_positions: tuple[int | None, ...] = ()
    forced: bool = False

    @property
    def prompt(self) -> tuple[Token, ...]:
        """The tokens of the prompt."""
        return self.tokens[: self.prompt_length]

    @property
    def generated(self) -> tuple[Token, ...]:
        """The tokens after the prompt: those that the model wrote, or those it was given to go on with."""
        return self.tokens[self.prompt_length :]

    @property
    def written(self) -> str:
        """The text after the prompt, as ``written_text`` tells it."""
        return written_text(self.generated)


class Check(Record):
    """The proof a result carries: a residual that must stay under a tolerance.

    Attributes:
        name: For instance "completeness gap".
        residual: What was measured; 0 is perfect.
        tolerance: The largest residual that passes.
        meaning: One sentence for the page: what was compared with what.
    """

    name: str
    residual: float
    tolerance: float
    meaning: str

    @property
    def passed(self) -> bool:
        """Whether the residual is finite and within the tolerance."""
        return math.isfinite(self.residual) and self.residual <= self.tolerance


class Direction(StrEnum):
    """Which way a metric is better."""

    HIGHER = "higher"
    LOWER = "lower"
    NEITHER = "neither"


class Metric(Record):
    """One number of a result that a gate may watch."""

    value: float
    direction: Direction
    meaning: str


class Table(Record):
    """The data of a result as rows, for the page's table and for the CSV beside it.

    Attributes:
        columns: Column names, units included.
        rows: One list of cells per row: strings, numbers or None.
        caption: One sentence that says what a row is.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str | int | float | bool | None, ...], ...]
    caption: str


class Provenance(Record):
    """Where a result comes from.

    Attributes:
        created: When it was computed, in UTC.
        seconds: How long that took.
        device: Where it was computed.
        dtype: The floating point type of the model.
        seed: What chance was drawn from.
        commit: Of the folder that holds the experiment, or None where it is in no repository.
        versions: Of the packages that computed it, by name.
        notes: What a reader should know of the way it was computed, one sentence each.
    """

    created: str
    seconds: float
    device: str
    dtype: str
    seed: int
    commit: str | None
    versions: Mapping[str, str]
    notes: tuple[str, ...] = ()


def visible(text: str) -> str:
    """The text with its white space and control characters shown as signs, so that no two tokens look alike."""
    signs = {" ": "·", "\n": "⏎", "\t": "⇥", "\u00a0": "⍽"}
    return "".join(signs.get(char) or control_sign(char) for char in text)


def control_sign(char: str) -> str:
    """A control character as its byte, ``⟨00⟩``; other characters as they are.

    Unicode has pictures of them (U+2400 and on), but few fonts do.
    """
    return f"⟨{ord(char):02X}⟩" if char < " " or char == "\x7f" else char


def canonical_json(value: Any) -> str:
    """JSON that is the same for equal values: sorted keys, no spaces, ASCII only, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """Sha256 of the canonical JSON of ``value``, in hexadecimal."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def split_arrays(record: Record) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Takes a record apart into JSON values and the arrays they refer to.

    Returns:
        The plain values, where each array stands as ``{"$array": path}``, and the arrays by path.
    """
    arrays: dict[str, np.ndarray] = {}

    def lower(value: Any, path: str) -> Any:
        if isinstance(value, np.ndarray):
            while path in arrays:  # A key may hold a dot, so that two paths read alike.
                path += "'"
            arrays[path] = value
            return {ARRAY_KEY: path}
        if isinstance(value, Mapping):
            return {
                _escaped(str(key)): lower(item, f"{path}.{key}" if path else str(key)) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [lower(item, f"{path}.{index}") for index, item in enumerate(value)]
        if isinstance(value, np.generic):
            return value.item()
        return value

    return lower(record.model_dump(mode="python", exclude_computed_fields=True), ""), arrays


def join_arrays(cls: type[R], values: Mapping[str, Any], array: Callable[[str], np.ndarray]) -> R:
    """Puts a record together again from what ``split_arrays`` returned."""

    def lift(value: Any) -> Any:
        if isinstance(value, dict):
            if set(value) == {ARRAY_KEY}:
                return array(value[ARRAY_KEY])
            return {_unescaped(key): lift(item) for key, item in value.items()}
        if isinstance(value, list):
            return [lift(item) for item in value]
        return value

    return cls.model_validate(lift(dict(values)))


def _escaped(key: str) -> str:
    """The key of a mapping, with one more ``$`` where it could be taken for the sign of an array."""
    return f"${key}" if key.lstrip("$") == ARRAY_KEY.lstrip("$") and key.startswith("$") else key


def _unescaped(key: str) -> str:
    return key.removeprefix("$") if key.lstrip("$") == ARRAY_KEY.lstrip("$") and key.startswith("$$") else key
