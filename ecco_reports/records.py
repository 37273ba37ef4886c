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
from urllib.parse import urlsplit

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    computed_field,
    field_validator,
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
        seed: Seed of the draw; None derives one from the experiment's seed and the prompt.
    """

    temperature: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    top_k: int | None = Field(default=None, ge=1)
    top_p: float | None = Field(default=None, gt=0, le=1)
    seed: int | None = Field(default=None, ge=0, lt=2**63)


class Decoding(Record):
    """How a continuation of the prompt is chosen, one token at a time.

    Attributes:
        max_new_tokens: Tokens to generate at most; generation ends earlier at an end-of-text token.
        sampling: How tokens are drawn; None takes the most probable token each time (greedy).
    """

    max_new_tokens: int = Field(default=5, ge=1)
    sampling: Sampling | None = None


class Family(StrEnum):
    """What a model was made to do, which says how it reads and where it speaks."""

    CAUSAL = "causal"
    MASKED = "masked"
    ENCODER_DECODER = "encoder_decoder"
    CLASSIFICATION = "classification"
    QUESTION_ANSWERING = "question_answering"
    NONE = "none"


class Quantization(BaseModel):
    """How weights are made smaller while they are loaded; every other key goes to that method's own configuration.

    Attributes:
        method: A method of the transformers library: `bitsandbytes`, `torchao`, `quanto`, `hqq` and others.
    """

    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())

    method: str = Field(min_length=1, examples=["bitsandbytes", "torchao", "quanto"])

    @property
    def settings(self) -> Mapping[str, Any]:
        """Everything but the method."""
        return dict(self.__pydantic_extra__ or {})


SERVED = "openai:"
"""How the source of a model behind an OpenAI-compatible server begins."""


class ServerFields(Record):
    """Where a model is that runs behind a server, and what it may cost.

    Attributes:
        base_url: Of a model behind a server: the address that ``/completions`` follows; without it, OpenAI's own.
        api_key_env: The environment variable that holds the key for this server; without it, OPENAI_API_KEY for
            OpenAI's own server, and no key for any other.
        endpoint: Whether the server continues texts (``completions``) or answers messages (``chat``).
        max_calls: How many calls a run may make at most, repeated ones included; without it, 1,000.
        max_tokens: How many tokens a run may send and receive at most; without it, 1,000,000.
        timeout: Seconds to wait for one answer.
        top_logprobs: How many of the most probable tokens to ask for; without it, 5 of completions and 20 of chat.
    """

    base_url: str | None = Field(default=None, examples=["http://127.0.0.1:8000/v1"])
    api_key_env: str | None = Field(default=None, examples=["OPENAI_API_KEY"])
    endpoint: Literal["completions", "chat"] = "completions"
    max_calls: int | None = Field(default=None, ge=1)
    max_tokens: int | None = Field(default=None, ge=1)
    timeout: float = Field(default=60.0, gt=0, le=3600)
    top_logprobs: int | None = Field(default=None, ge=1, le=100)

    @field_validator("base_url")
    @classmethod
    def _plain_address(cls, address: str | None) -> str | None:
        return None if address is None else plain_address(address)

    @field_validator("api_key_env")
    @classmethod
    def _name_of_a_variable(cls, name: str | None) -> str | None:
        # The value is not repeated: it may be the key itself.
        if name is not None and not re.fullmatch(r"[A-Z_][A-Z0-9_]*", name):
            raise ValueError("this must be the name of an environment variable in capitals, never the key itself")
        return name

    @model_validator(mode="after")
    def _keys_travel_encrypted(self) -> Self:
        if self.api_key_env and self.base_url and self.base_url.startswith("http:") and not is_local(self.base_url):
            raise ValueError("a key is not sent over http:, where everybody can read it; use https:, or no api_key_env")
        return self


class ModelSpec(ServerFields):
    """A model as an experiment names it.

    Attributes:
        source: ``bundled:NAME``, a local folder, a Hugging Face hub id, or ``openai:MODEL`` for a model behind an
            OpenAI-compatible server.
        revision: Branch, tag or commit of a hub id.
        subfolder: The folder inside the source that holds the model.
        family: What the model was made for; without it, what its configuration says.
        dtype: The floating point type to load the weights in; ``auto`` is the one the checkpoint names.
        device: ``auto`` takes a GPU when there is one.
        device_map: ``auto`` spreads a model over all GPUs, and over the memory of the machine when they are too small.
        quantization: How weights are made smaller while they are loaded.
        token_env: The environment variable with the hub's token, when it is not HF_TOKEN.
        trust_remote_code: Whether Python files that come with the model may run; false takes the library's own code.
        adapter: A PEFT adapter to merge into the weights: a local folder or a hub id.
        adapter_revision: Branch, tag or commit of an adapter's hub id.
    """

    model_config = ConfigDict(hide_input_in_errors=True)  # Somebody may have written a token into it.

    source: str = Field(min_length=1)
    revision: str | None = Field(default=None, min_length=1)
    subfolder: str | None = Field(default=None, min_length=1)
    family: Literal["causal", "masked", "encoder_decoder", "classification", "question_answering"] | None = None
    dtype: Literal["float32", "float64", "bfloat16", "float16", "auto"] = "float32"
    device: str = Field(default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?|mps)$", examples=["auto", "cpu", "cuda:0"])
    device_map: Literal["auto"] | None = None
    quantization: Quantization | None = None
    token_env: str | None = Field(default=None, min_length=1)
    trust_remote_code: bool | None = None
    adapter: str | None = Field(default=None, min_length=1)
    adapter_revision: str | None = Field(default=None, min_length=1)

    @field_validator("*")
    @classmethod
    def _fits(cls, value: Any, info: ValidationInfo) -> Any:
        """Refuses a key that makes no sense beside those before it, where it stands."""
        if value is not None and (objection := _objection(str(info.field_name), value, info.data)):
            raise ValueError(objection)
        return value

    @property
    def described(self) -> str:
        """The source, and what is done to its weights: enough to tell the models of an experiment apart."""
        changes = {
            "revision": self.revision,
            "subfolder": self.subfolder,
            "family": self.family,
            "adapter": self.adapter,
            "adapter_revision": self.adapter_revision,
            "quantization": self.quantization and self.quantization.method,
        }
        said = ", ".join(f"{name} {value}" for name, value in changes.items() if value)
        return f"{self.source} ({said})" if said else self.source

    @property
    def is_served(self) -> bool:
        """Whether the model runs behind a server."""
        return self.source.startswith(SERVED)

    @model_validator(mode="after")
    def _server_fields_need_a_server(self) -> Self:
        if self.source == SERVED:
            raise ValueError(f"the name of the server's model must follow {SERVED!r}")
        if not self.is_served and (told := sorted(self.model_fields_set & set(ServerFields.model_fields))):
            raise ValueError(f"{told[0]} is for models behind a server, whose source begins with {SERVED!r}")
        return self


_OF_WEIGHTS = {
    *("revision", "subfolder", "device_map", "quantization", "token_env"),
    *("trust_remote_code", "adapter", "adapter_revision"),
}
_OF_THE_HUB = {"revision", "subfolder", "token_env", "trust_remote_code"}


def _objection(key: str, value: Any, others: Mapping[str, Any]) -> str | None:
    """Why a key of a model makes no sense beside those before it, or None when it does."""
    source = str(others.get("source", ""))
    if key in _OF_THE_HUB and source.startswith("bundled:"):
        return "a model that comes with ecco-reports has no such thing; remove this key"
    if key in _OF_WEIGHTS and source.startswith(SERVED):
        return "a model behind an API is loaded by its server, which this key cannot reach; remove it"
    if key == "device" and value == "mps" and others.get("dtype") == "float64":
        return "mps has no float64; take another dtype, or device: cpu"
    if key == "device_map" and others.get("device", "auto") != "auto":
        return "device_map spreads a model over all devices; remove it or the key 'device'"
    if key == "subfolder" and ("\\" in value or ".." in value.split("/") or value.startswith("/")):
        return "the subfolder must lie inside the source"
    if key == "token_env" and (value.startswith("hf_") or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", value)):
        # The value is not repeated: it may be the secret itself.
        return "this must be the name of an environment variable, never the token itself"
    if key == "adapter" and (others.get("quantization") or others.get("device_map")):
        return "an adapter is merged into whole weights on one device; remove quantization and device_map"
    if key == "adapter_revision" and not others.get("adapter"):
        return "there is no adapter that it could belong to"
    return None


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
        written: What the page shows where ``text`` had to be mended (half surrogate pairs), else None.
        target: The token whose prediction is explained; None means the tokens the model generates.
        foil: The token to contrast the target with: why ``target`` rather than ``foil``.
    """

    name: str
    text: str
    text_pair: str | None = None
    messages: tuple[Message, ...] = ()
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


class Passage(Record):
    """A prompt and what the model wrote after it, as a reader sees them.

    Attributes:
        tokens: All tokens, prompt first.
        prompt_length: How many of them are given rather than written by the model.
        encoder_length: How many of the given ones an encoder reads; 0 for a model that has one stream of text.
        family: What kind of model read it.
        answers: What a model that does not write on said of it: a token for each mask, a class, the ends of a span.
        answer_positions: Where each answer stands, or None for a class, which stands nowhere.
    """

    tokens: tuple[Token, ...]
    prompt_length: int
    encoder_length: int = 0
    family: Family = Family.CAUSAL
    answers: tuple[Token, ...] = ()
    answer_positions: tuple[int | None, ...] = ()

    @property
    def prompt(self) -> tuple[Token, ...]:
        """The tokens of the prompt."""
        return self.tokens[: self.prompt_length]

    @property
    def generated(self) -> tuple[Token, ...]:
        """The tokens that the model wrote."""
        return self.tokens[self.prompt_length :]

    @property
    def written(self) -> str:
        """The text that the model wrote, without signs of the template (such as "end of text").

        A character that is spread over several tokens stands once; one that was never finished is left out.
        """
        parts = (
            token.before.encode() + (bytes.fromhex(token.utf8) if token.partial else token.text.encode())
            for token in self.generated
            if not token.special
        )
        return b"".join(parts).decode(errors="ignore")


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


def plain_address(address: str) -> str:
    """The address of a server without a slash at its end.

    Raises:
        ValueError: It is no address, or it holds what must not be written in a file: a name, a password, a query.
    """
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must begin with https:// or http:// and name a server")
    if parts.username is not None or parts.password is not None or parts.query or parts.fragment:
        raise ValueError("must hold no user name, password, ? or #; a key belongs in the environment (api_key_env)")
    return address.rstrip("/")


def is_local(address: str) -> bool:
    """Whether an address is of this very machine, so that what is sent to it meets nobody."""
    host = urlsplit(address).hostname or ""
    return host in ("localhost", "::1") or re.fullmatch(r"127(\.\d{1,3}){3}", host) is not None


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
