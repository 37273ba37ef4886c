"""What every language model can be asked, whatever runs it. Light: no torch at import."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ecco_reports.errors import CapabilityError
from ecco_reports.models.configs import Shape
from ecco_reports.models.memory import Memory
from ecco_reports.models.reading import Candidates, Encoding, Reading, Scores
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt, Token

if TYPE_CHECKING:
    import torch

    from ecco_reports.models.prefix import Prefix


READOUT_TOLERANCE: Mapping[str, float] = {"float64": 1e-9, "float32": 1e-4, "bfloat16": 2e-2, "float16": 2e-3}
"""How far replayed logits may be from the model's own, relative to the largest logit, by the type of its weights."""


class Capability(StrEnum):
    """Something a model may be able to do, in words that fit after "this model has no"."""

    GENERATION = "prediction of text, classes or spans"
    LOGITS = "complete distributions over what comes next"
    CANDIDATES = "most probable tokens with their log-probabilities"
    SCORES = "log-probabilities of given tokens after other texts"
    GRADIENTS = "gradients with respect to its input embeddings"
    STATES = "residual stream between its layers"
    LAYER_READOUT = "readout of intermediate layers"
    RESUME = "resuming from a layer"
    ATTENTION = "attention patterns"
    NEURONS = "neuron activations"
    WRITES = "parts of a layer that add up to what it writes"


class AttentionKind(StrEnum):
    """Who looks at whom: a stack at itself, an encoder at itself, or a decoder at what its encoder made."""

    SELF = "self"
    ENCODER = "encoder"
    CROSS = "cross"


class Stack(StrEnum):
    """One of the stacks of blocks that a text goes through: the one that speaks, or the encoder it listens to."""

    MAIN = "main"
    ENCODER = "encoder"


@dataclass(frozen=True)
class ModelFacts:
    """What is known of a model without loading it.

    Attributes:
        spec: The model as the experiment names it.
        identity: What the store's key is made of: resolved revision or file hashes, and the tokenizer's hash.
        layers: Number of blocks, or None when unknown.
        context_length: The largest number of tokens it reads, or None when unknown.
        tokenize: Text to tokens, or None when the tokenizer cannot be had without loading.
        family: What it was made for, or None when its configuration does not say.
        labels: The names of the classes of a classifier, by number.
        notes: What a page should say of how it is loaded, one sentence each: own code, an adapter, quantization.
        shape: How large it is, as far as its files tell.
    """

    spec: ModelSpec
    identity: Mapping[str, str]
    layers: int | None = None
    context_length: int | None = None
    tokenize: TextTokenizer | None = field(default=None, compare=False)
    family: Family | None = None
    labels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    shape: Shape = field(default_factory=Shape)


class TextTokenizer(ABC):
    """Turns text into tokens and token numbers into what a reader sees."""

    @abstractmethod
    def encode(self, prompt: Prompt) -> Encoding:
        """What a model reads of a prompt: its text, its pair of texts, or its conversation in the model's template.

        Raises:
            CapabilityError: The prompt is a conversation and there is no chat template.
        """

    @abstractmethod
    def continuation_ids(self, text: str) -> list[int]:
        """The token numbers of a text that goes on after a prompt: no special tokens are added."""

    @abstractmethod
    def tokens(self, ids: Sequence[int], after: Sequence[Token] = ()) -> tuple[Token, ...]:
        """What a reader sees of a sequence; bytes of split characters are shown as such.

        Args:
            ids: Token numbers.
            after: The tokens that stand before them, on which spaces and split characters depend.
        """

    @abstractmethod
    def token(self, token_id: int) -> Token:
        """What a reader sees of a single token out of any context."""

    @property
    def mask(self) -> Token | None:
        """The token that a masked language model fills in, or None when there is none."""
        return None

    def sign(self, kind: str) -> int | None:
        """The number of its token of a kind (``pad``, ``eos``, ``unk``), or None when it names none."""
        return None


class LanguageModel(ABC):
    """A language model that can be asked for its insides.

    Attributes:
        facts: What is known without loading, completed by loading.
        tokenizer: Text to tokens and back.
        family: What it was made for.
        capabilities: What it can do.
        reasons: Why a capability is absent, in one sentence each.
        proofs: How exactly the identity of a capability held when it was tried, as a relative residual.
        partly: For capabilities that only some layers have, which ones lack them and why.
    """

    facts: ModelFacts
    tokenizer: TextTokenizer
    family: Family
    capabilities: frozenset[Capability]
    reasons: Mapping[Capability, str]
    proofs: Mapping[Capability, float]
    partly: Mapping[Capability, str] = MappingProxyType({})

    def demand(self, capabilities: frozenset[Capability]) -> None:
        """Makes sure that the model can do what an analysis needs.

        Raises:
            CapabilityError: Something is missing; the message names it and why.
        """
        if missing := sorted(capabilities - self.capabilities):
            why = "; ".join(f"{name}: {self.reasons[name]}" if name in self.reasons else name for name in missing)
            raise CapabilityError(self.facts.spec.source, f"{self.facts.spec.source} cannot do this: it has no {why}.")

    @cached_property
    def memory(self) -> Memory:
        """Does its work in parts that fit into memory."""
        return Memory(self.facts.spec.source)

    def lacks(self, capability: Capability) -> CapabilityError:
        """The error of a method that needs what this model cannot do: which capability it is, and why it is absent."""
        why = f": {self.reasons[capability]}" if capability in self.reasons else ""
        return CapabilityError(self.facts.spec.source, f"{self.facts.spec.source} has no {capability}{why}.")

    @property
    def served(self) -> Mapping[str, str]:
        """What a server says of the model behind it, by names for the page; a local model has none."""
        return {}

    def keep_answers(self, folder: Path, run: str) -> None:  # noqa: B027
        """Keeps what a server answers in a folder, so that nothing is asked twice; a local model has none.

        Args:
            folder: Where the answers of all models are.
            run: Names the run, all of whose workers share the limits of a model.
        """

    @property
    @abstractmethod
    def device(self) -> str:
        """Where it runs, for instance ``cpu`` or ``cuda:0``."""

    @property
    def best_threads(self) -> int | None:
        """How many threads of arithmetic serve it best; None leaves that to the library."""
        return None

    @property
    def module(self) -> torch.nn.Module:
        """The module whose passes these are, for methods with rules of their own for its parts."""
        raise self.lacks(Capability.GRADIENTS)

    @property
    @abstractmethod
    def layers(self) -> int:
        """The number of block calls in one forward pass (of the decoder, where there are two stacks)."""

    @abstractmethod
    def read(self, prompt: Prompt, decoding: Decoding) -> Reading:
        """Reads a prompt and says what comes next: continues it, fills in its masks, chooses a class or a span.

        Raises:
            CapabilityError: There is nothing to say about this prompt, such as one without a mask.
        """

    @abstractmethod
    def outcome(self, reading: Reading, number: int) -> Token:
        """What a reader sees of an outcome: a token of the vocabulary, the name of a class, a token of the text."""

    def candidates(self, reading: Reading, k: int) -> Sequence[Candidates]:
        """The ``k`` most probable outcomes for each thing the model said (needs ``CANDIDATES``).

        A server tells fewer where it lists fewer.
        """
        raise self.lacks(Capability.CANDIDATES)

    def scores_without(
        self, reading: Reading, units: Sequence[Sequence[int]], dropped: Sequence[Sequence[int]]
    ) -> Scores:
        """Log-probabilities of what the model said, if parts of the prompt had not been there (needs ``SCORES``).

        Args:
            reading: What was read and said.
            units: Parts of the prompt, each as the positions of its tokens.
            dropped: For each variant of the prompt, the indices of the units that are left out.
        """
        raise self.lacks(Capability.SCORES)

    def logits(self, reading: Reading, places: Sequence[int]) -> torch.Tensor:
        """What the model says at places of a reading, by teacher forcing.

        Returns:
            ``[place, outcome]`` in float32 or the model's own float64.
        """
        raise self.lacks(Capability.LOGITS)

    def embed(self, reading: Reading) -> torch.Tensor:
        """Input embeddings as the model's own embedding modules make them (scale included).

        Returns:
            ``[position, width]``.
        """
        raise self.lacks(Capability.GRADIENTS)

    def mean_embedding(self) -> torch.Tensor:
        """The mean of the input embeddings of the whole vocabulary, ``[width]``."""
        raise self.lacks(Capability.GRADIENTS)

    def token_embedding(self, kind: str) -> torch.Tensor:
        """The input embedding of one of the tokenizer's special tokens, ``[width]``.

        Args:
            kind: ``eos``, ``pad``, ``mask`` or ``unk``.

        Raises:
            CapabilityError: The model has no such token.
        """
        raise self.lacks(Capability.GRADIENTS)

    def logits_from_embeddings(self, reading: Reading, embeddings: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if the input embeddings of a reading were these; differentiable.

        Args:
            reading: What the embeddings stand for.
            embeddings: ``[batch, position, width]``; a reading may be cut after the reach of its last place.
            places: The places to keep; a place may be named twice and is then kept twice.

        Returns:
            ``[batch, place, outcome]``.
        """
        raise self.lacks(Capability.GRADIENTS)

    def prefix(self, reading: Reading, length: int) -> Prefix | None:
        """What the model remembers of a text's first positions, so that other endings can be read from there.

        None where it remembers nothing that can be cut, or looks ahead.
        """
        return None

    def logits_unseen(self, reading: Reading, unseen: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if nobody looked at some positions, which all stay where they are.

        Each position still sees itself: hidden where the model speaks, a token keeps what it brings along.

        Args:
            reading: What is read.
            unseen: Which positions the others do not look at, ``[batch, position]``; a reading may be cut after the
                reach of its last place.
            places: The places to keep; a place may be named twice and is then kept twice.

        Returns:
            ``[batch, place, outcome]``.

        Raises:
            CapabilityError: It has no attention that obeys.
        """
        raise self.lacks(Capability.LOGITS)

    def logits_and_origin(
        self, reading: Reading, embeddings: torch.Tensor, places: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of input embeddings, and the tensor of the same graph that each place's logits come from alone.

        Differentiating all logits by that origin in one go and going on from there, one place at a time, saves as
        many passes through the head as there are places. A model that knows no such tensor gives the logits.

        Returns:
            Logits ``[batch, place, outcome]`` and their origin ``[batch, place, ...]``: row ``i`` of the logits
            depends on the embeddings only through row ``i`` of the origin.
        """
        logits = self.logits_from_embeddings(reading, embeddings, places)
        return logits, logits

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks whose residual stream can be had, the encoder first."""
        return ()

    def residual_states(self, reading: Reading, stack: Stack = Stack.MAIN) -> torch.Tensor:
        """The residual stream: the input of the first block, then the output of every block call (needs ``STATES``).

        Args:
            reading: What was read.
            stack: Whose stream; the positions are those that this stack reads, counted from its own first.

        Returns:
            ``[state, position, width]`` with one state more than the stack has block calls.

        Raises:
            CapabilityError: It cannot be had of this model, or there is no such stack.
        """
        raise self.lacks(Capability.STATES)

    def read_out(self, reading: Reading, states: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model would say if a state were the output of its last block: its own tail, replayed.

        Args:
            reading: What the states belong to.
            states: ``[state, position, width]``.
            places: The places to keep.

        Returns:
            Logits ``[state, place, outcome]``.
        """
        raise self.lacks(Capability.LAYER_READOUT)

    def read_bare(self, reading: Reading, states: Sequence[int], places: Sequence[int]) -> torch.Tensor:
        """What the matrix of the head alone makes of states, as the original ecco reads them.

        The final norm, and what else stands around the head, is left out; only the last state is behind the norm.

        Args:
            reading: What the states belong to.
            states: Which of ``residual_states``.
            places: The places to keep.

        Returns:
            Scores ``[state, place, outcome]``.

        Raises:
            CapabilityError: The model has no such head.
        """
        raise self.lacks(Capability.LAYER_READOUT)

    def resume(self, reading: Reading, layer: int, states: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model would say if a block took in other states; the blocks before it compute nothing.

        Args:
            reading: What the states belong to.
            layer: The first block call that runs, from 0.
            states: What it takes in, ``[batch, position, width]``.
            places: The places to keep.

        Returns:
            Logits ``[batch, place, outcome]``.
        """
        raise self.lacks(Capability.RESUME)

    def attention(self, reading: Reading, kind: AttentionKind = AttentionKind.SELF) -> Mapping[int, torch.Tensor]:
        """Attention weights by layer, ``[head, query, key]``; hybrid models lack some layers."""
        raise self.lacks(Capability.ATTENTION)

    def layers_of(self, stack: Stack) -> int:
        """How many layers a stack has; of the one that speaks, the number of block calls in a pass."""
        return self.layers

    @property
    def neuron_stacks(self) -> tuple[Stack, ...]:
        """The stacks whose neurons can be had, the encoder first."""
        return ()

    def neurons(self, reading: Reading, stack: Stack = Stack.MAIN) -> Mapping[int, torch.Tensor]:
        """Activations by layer, ``[position, neuron]``: what the last projection of a block's MLP reads.

        Args:
            reading: What was read.
            stack: Whose neurons; the positions are those that this stack reads, counted from its own first.

        Raises:
            CapabilityError: They cannot be had of this stack, or there is none of that name.
        """
        raise self.lacks(Capability.NEURONS)

    def writes(self, reading: Reading) -> Sequence[Mapping[str, torch.Tensor]]:
        """What each part of a layer adds to the residual stream, by its path in the block, ``[position, width]``."""
        raise self.lacks(Capability.WRITES)
