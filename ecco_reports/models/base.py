"""What every language model can be asked, whatever runs it. Light: no torch at import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from ecco_reports.errors import CapabilityError
from ecco_reports.records import Decoding, ModelSpec, Token

if TYPE_CHECKING:
    import torch


READOUT_TOLERANCE: Mapping[str, float] = {"float64": 1e-9, "float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-3}
"""How far replayed logits may be from the model's own, relative to the largest logit, by the type of its weights."""


class Capability(StrEnum):
    """Something a model may be able to do, in words that fit after "this model has no"."""

    GENERATION = "text generation"
    LOGITS = "next-token logits"
    GRADIENTS = "gradients with respect to its input embeddings"
    LAYER_READOUT = "readout of intermediate layers"


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model without loading it.

    Attributes:
        spec: The model as the experiment names it.
        identity: What the store's key is made of: resolved revision or file hashes, and the tokenizer's hash.
        layers: Number of blocks, or None when unknown.
        context_length: The largest number of tokens it reads, or None when unknown.
        tokenize: Text to tokens, or None when the tokenizer cannot be had without loading.
    """

    spec: ModelSpec
    identity: Mapping[str, str]
    layers: int | None = None
    context_length: int | None = None
    tokenize: TextTokenizer | None = field(default=None, compare=False)


class TextTokenizer(ABC):
    """Turns text into tokens and token numbers into what a reader sees."""

    @abstractmethod
    def ids(self, text: str) -> list[int]:
        """The token numbers of a prompt, special tokens of the model's own template included."""

    @abstractmethod
    def continuation_ids(self, text: str) -> list[int]:
        """The token numbers of a text that goes on after a prompt: no special tokens are added."""

    @abstractmethod
    def tokens(self, ids: Sequence[int]) -> tuple[Token, ...]:
        """What a reader sees of a sequence; bytes of split characters are shown as such."""

    @abstractmethod
    def token(self, token_id: int) -> Token:
        """What a reader sees of a single token out of any context."""


@dataclass(frozen=True)
class Continuation:
    """A prompt and what the model wrote after it.

    Attributes:
        ids: All token numbers, prompt first.
        prompt_length: How many of them are the prompt.
        step_logprobs: Natural log-probability of each generated token, raw (before temperature and truncation),
            as measured while generating.
    """

    ids: tuple[int, ...]
    prompt_length: int
    step_logprobs: tuple[float, ...]

    @property
    def generated(self) -> tuple[int, ...]:
        """The generated token numbers."""
        return self.ids[self.prompt_length :]


class LanguageModel(ABC):
    """A causal language model that can be asked for its insides.

    Attributes:
        facts: What is known without loading, completed by loading.
        tokenizer: Text to tokens and back.
        capabilities: What it can do.
        reasons: Why a capability is absent, in one sentence each.
    """

    facts: ModelFacts
    tokenizer: TextTokenizer
    capabilities: frozenset[Capability]
    reasons: Mapping[Capability, str]

    def demand(self, capabilities: frozenset[Capability]) -> None:
        """Makes sure that the model can do what an analysis needs.

        Raises:
            CapabilityError: Something is missing; the message names it and why.
        """
        if missing := sorted(capabilities - self.capabilities):
            why = "; ".join(f"{name}: {self.reasons[name]}" if name in self.reasons else name for name in missing)
            raise CapabilityError(self.facts.spec.source, f"{self.facts.spec.source} cannot do this: it has no {why}.")

    @property
    @abstractmethod
    def device(self) -> str:
        """Where it runs, for instance ``cpu`` or ``cuda:0``."""

    @property
    def best_threads(self) -> int | None:
        """How many threads of arithmetic serve it best; None leaves that to the library."""
        return None

    @property
    @abstractmethod
    def layers(self) -> int:
        """The number of block calls in one forward pass."""

    @abstractmethod
    def generate(self, ids: Sequence[int], decoding: Decoding) -> Continuation:
        """Continues a prompt; greedy, or drawn with the decoding's seed."""

    @abstractmethod
    def logits(self, ids: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """Next-token logits by teacher forcing.

        Args:
            ids: ``[batch, position]``.
            positions: The positions to keep; None keeps all.

        Returns:
            ``[batch, position, vocab]`` in float32 or the model's own float64.
        """

    @abstractmethod
    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Input embeddings as the model's own embedding module makes them (scale included).

        Args:
            ids: ``[batch, position]``.

        Returns:
            ``[batch, position, width]``.
        """

    @abstractmethod
    def mean_embedding(self) -> torch.Tensor:
        """The mean of the input embeddings of the whole vocabulary, ``[width]``."""

    @abstractmethod
    def end_of_text_embedding(self) -> torch.Tensor:
        """The input embedding of the end-of-text token, ``[width]``.

        Raises:
            CapabilityError: The model has no such token.
        """

    @abstractmethod
    def logits_from_embeddings(self, embeddings: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """Next-token logits of input embeddings; differentiable.

        Args:
            embeddings: ``[batch, position, width]``.
            positions: The positions to keep; None keeps all.

        Returns:
            ``[batch, position, vocab]``.
        """

    def logits_and_origin(
        self, embeddings: torch.Tensor, positions: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of input embeddings, and the tensor of the same graph that each position's logits come from alone.

        Differentiating all logits by that origin in one go and going on from there, one position at a time, saves as
        many passes through the head as there are positions. A model that knows no such tensor gives the logits.

        Args:
            embeddings: ``[batch, position, width]``.
            positions: The positions to keep; a position may be named twice and is then kept twice.

        Returns:
            Logits ``[batch, position, vocab]`` and their origin ``[batch, position, ...]``: row ``i`` of the logits
            depends on the embeddings only through row ``i`` of the origin.
        """
        logits = self.logits_from_embeddings(embeddings, positions)
        return logits, logits

    @abstractmethod
    def residual_states(self, ids: torch.Tensor) -> torch.Tensor:
        """The residual stream: the input of the first block, then the output of every block call.

        Args:
            ids: ``[position]``.

        Returns:
            ``[state, position, width]`` with ``layers + 1`` states.
        """

    @abstractmethod
    def read_out(self, ids: torch.Tensor, states: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """What the model would predict if a state were the output of its last block: its own tail, replayed.

        Args:
            ids: ``[position]``, the sequence the states belong to.
            states: ``[state, position, width]``.
            positions: The positions to keep; None keeps all.

        Returns:
            Logits ``[state, position, vocab]``.
        """
