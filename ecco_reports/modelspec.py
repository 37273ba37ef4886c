"""Models as an experiment names them: where they come from, how they are loaded, what a server may cost.

In: what stands under ``models:``. Out: frozen records whose keys make sense together. Never: files, networks, weights.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from ecco_reports.records import Record


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
