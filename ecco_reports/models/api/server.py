"""Where a model behind a server is, which key it wants, and what it may cost.

In: a ``ModelSpec`` whose source begins with ``openai:``. Out: a ``Server``, and the ``ModelFacts`` of its model. Asks
nobody anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from ecco_reports.models.base import ModelFacts
from ecco_reports.modelspec import SERVED, ModelSpec, is_local
from ecco_reports.records import Decoding, Family, digest

TEXTS_PER_CALL = 16
"""How many texts go into one question of the completions endpoint."""

OPENAI = "https://api.openai.com/v1"
_OPENAI_KEY = "OPENAI_API_KEY"
_MAX_CALLS = 1_000
_MAX_TOKENS = 1_000_000
# The most that OpenAI lists at either endpoint (API reference of completions and of chat completions).
_LISTED = {"completions": 5, "chat": 20}


@dataclass(frozen=True)
class Server:
    """A server, as far as an experiment tells of it.

    Attributes:
        spec: The model as the experiment names it.
    """

    spec: ModelSpec

    @property
    def model(self) -> str:
        """The name of the model there."""
        return self.spec.source.removeprefix(SERVED)

    @property
    def base_url(self) -> str:
        """The address that the endpoint follows."""
        return self.spec.base_url or OPENAI

    @property
    def is_chat(self) -> bool:
        """Whether it answers messages rather than continues texts."""
        return self.spec.endpoint == "chat"

    @property
    def url(self) -> str:
        """Where questions are sent."""
        return f"{self.base_url}/{'chat/completions' if self.is_chat else 'completions'}"

    @property
    def is_local(self) -> bool:
        """Whether it runs on this very machine."""
        return is_local(self.base_url)

    @property
    def key_name(self) -> str | None:
        """The environment variable of its key.

        A key goes only to the server it was named for: without a name there is one for OpenAI's own server alone, so
        that an experiment of a stranger cannot have it sent elsewhere unseen.
        """
        return self.spec.api_key_env or (_OPENAI_KEY if self.base_url == OPENAI else None)

    @property
    def max_calls(self) -> int:
        """How many calls a run may make."""
        return self.spec.max_calls or _MAX_CALLS

    @property
    def max_tokens(self) -> int:
        """How many tokens a run may send and receive."""
        return self.spec.max_tokens or _MAX_TOKENS

    @property
    def listed(self) -> int:
        """How many of the most probable tokens to ask for."""
        return self.spec.top_logprobs or _LISTED[self.spec.endpoint]

    @cached_property
    def folder(self) -> str:
        """The name of the folder in which its answers are kept."""
        return digest([self.base_url, self.spec.endpoint, self.model])[:16]

    @property
    def identity(self) -> Mapping[str, str]:
        """What the store's key is made of: a server tells no hashes of its files."""
        return {
            "source": self.spec.source,
            "base_url": self.base_url,
            "endpoint": self.spec.endpoint,
            "top_logprobs": str(self.listed),
        }


def facts_of(spec: ModelSpec) -> ModelFacts:
    """What is known of a model behind a server: nothing but its name and what it was made for."""
    server = Server(spec)
    note = f"Asked at {server.url}; its log-probabilities are taken as that server tells them."
    return ModelFacts(spec=spec, identity=server.identity, family=Family.CAUSAL, notes=(note,))


def refused_settings(decoding: Decoding) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Settings of how to write that the protocol has no word for.

    Servers have extensions of their own, and an unknown word is refused by some and overlooked by others: a text that
    was not written as asked must not be shown as if it were.

    Yields:
        Where the setting stands, what cannot be done, and what to do instead.
    """
    sampling = decoding.sampling
    if sampling is not None and sampling.top_k is not None:
        yield ("sampling", "top_k"), "cannot draw from its top_k tokens: the server has no such setting.", "Use top_p."
    if sampling is not None and sampling.min_p is not None:
        yield ("sampling", "min_p"), "cannot draw by min_p: the server has no such setting.", "Use top_p."
    if decoding.repetition_penalty != 1:
        what = "cannot be given a repetition_penalty: the penalties of the protocol are others."
        yield ("repetition_penalty",), what, "Leave it out for this model."
    if decoding.beams > 1:
        what = "follows no beams: the server writes one continuation at a time."
        yield ("beams",), what, "Leave it out for this model."
