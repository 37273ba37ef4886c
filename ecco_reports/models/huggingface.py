"""Models of the transformers library, of any family, from wherever they were loaded.

In: a module with its tokenizer. Out: a ``LanguageModel`` that can do what was found to hold on this very module. Never:
names of architectures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models import configs
from ecco_reports.models.anatomy import BlockTrace, NeuronTap, replaced_output, resumed, trace_blocks
from ecco_reports.models.bare_head import BareHead, find_bare_head
from ecco_reports.models.base import AttentionKind, Capability, LanguageModel, ModelFacts, Stack, TextTokenizer
from ecco_reports.models.blinding import Blinding, found_blinding
from ecco_reports.models.discovery import discovered
from ecco_reports.models.exploring import Findings, explore
from ecco_reports.models.families import SPEECHES, label_token
from ecco_reports.models.loading import load_module
from ecco_reports.models.passes import Passes
from ecco_reports.models.prefix import Prefix, found_prefix
from ecco_reports.models.reading import Reading, Scores
from ecco_reports.models.source import facts_of
from ecco_reports.models.speaking import Speaker, template_token
from ecco_reports.models.threads import threads_for
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.models.variants import said_by, without
from ecco_reports.models.writing import start_of_decoder
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Passage, Prompt, Token

# Parameters below which one thread is faster than several, and very much faster on a machine that has other work.
_SMALL_MODEL = 20_000_000
_PROBE = Prompt(name="probe", text="one two three four five", text_pair="one two six")


def load(spec: ModelSpec) -> LanguageModel:
    """Loads a model and finds out what it can do.

    Raises:
        ModelLoadError: There is no such model, its weights are not safetensors, or it is not what it is said to be.
    """
    facts = facts_of(spec)
    if facts.tokenize is None:
        raise ModelLoadError(spec.source, f"{spec.source} has no tokenizer, which is needed to show its tokens.")
    loaded = load_module(spec, facts)
    return HuggingFaceModel(loaded.module, facts.tokenize, loaded.facts, loaded.device, from_files=True)


def wrap(module: nn.Module, tokenizer: Any) -> LanguageModel:
    """Makes a model that is in memory one that can be explained.

    The module itself is used, not a copy: it is put into evaluation mode, and its parameters stop asking for gradients.

    Args:
        module: A model of transformers.
        tokenizer: Its (fast) transformers tokenizer, or a ``tokenizers.Tokenizer``.

    Raises:
        ModelLoadError: This is no transformers model, or its tokenizer is not a fast one.
    """
    source = getattr(module, "name_or_path", "") or type(module).__name__
    tokenize = FastTokenizer.of(tokenizer)
    if not hasattr(getattr(module, "config", None), "get_text_config"):
        raise ModelLoadError(source, f"{source} is no model of the transformers library.")
    config = {**module.config.to_dict(), "architectures": [type(module).__name__]}  # type: ignore[operator, union-attr]
    family = configs.family_of(config)
    facts = ModelFacts(
        spec=ModelSpec(source=source, dtype=str(next(module.parameters()).dtype).removeprefix("torch.")),
        identity={"memory": source},
        layers=configs.layers_of(config, family),
        context_length=configs.context_of(config, None, family),
        tokenize=tokenize,
        family=family,
        labels=configs.labels_of(config) if family is Family.CLASSIFICATION else (),
    )
    return HuggingFaceModel(module, tokenize, facts)


@dataclass(frozen=True)
class _Trace:
    """What is kept of a pass.

    Attributes:
        blocks: What the blocks took in and gave out, and the logits.
        encoded: What the encoder of an encoder-decoder gave to the decoder, as its module says it.
        rows: The row of the logits for each place.
    """

    blocks: BlockTrace
    encoded: Any
    rows: Mapping[int, int]

    def logits_at(self, places: Sequence[int]) -> torch.Tensor:
        """``[place, outcome]``; not a copy where all of them are asked for in order."""
        rows, own = [self.rows[place] for place in places], self.blocks.logits[0]
        return own if rows == list(range(len(own))) else own[rows]


def _key_of(reading: Reading) -> tuple[object, ...]:
    """What the numbers of a text depend on."""
    return reading.ids, reading.segments, reading.passage.encoder_length


class HuggingFaceModel(LanguageModel):
    """A model in memory.

    What the analyses of one prompt share (the continuation, the residual stream) is kept for the last prompt only.

    Args:
        module: The transformers model.
        tokenizer: Text to tokens and back.
        facts: What is known of it.
        device: Where its input goes; None for where its weights are.
        from_files: Whether the identity in ``facts`` says which weights these are, so that what is found out about them
            may be kept for the next time.
    """

    def __init__(
        self,
        module: Any,
        tokenizer: TextTokenizer,
        facts: ModelFacts,
        device: str | None = None,
        from_files: bool = False,
    ) -> None:
        self.tokenizer = tokenizer
        self.facts = facts
        self.family = facts.family or Family.CAUSAL
        self._module = module.eval().requires_grad_(False)
        self._speech = SPEECHES[self.family]
        self._passes = Passes(module, self._speech, device, facts.spec.source)
        self._readings: dict[tuple[str, str], Reading] = {}
        self._traces: dict[tuple[object, ...], _Trace] = {}
        self._blinding: Blinding | None = None
        self._bare_heads: dict[tuple[object, ...], BareHead] = {}
        with threads_for(self):
            found = discovered(self._passes, facts, self._explored) if from_files else self._explored()
        self.capabilities = frozenset(found.capabilities)
        self.reasons: Mapping[Capability, str] = found.reasons
        self.proofs: Mapping[Capability, float] = found.proofs
        self._anatomy = found.anatomy
        self.partly: Mapping[Capability, str] = found.anatomy.partly
        self.facts = replace(facts, layers=self.layers or facts.layers)

    @property
    def device(self) -> str:
        """Where it runs, for instance ``cpu`` or ``cuda:0``."""
        return str(self._passes.device)

    @property
    def best_threads(self) -> int | None:
        """One for a small model: its matrices are done before a second thread has woken up, which then only spins."""
        return 1 if sum(parameter.numel() for parameter in self._module.parameters()) < _SMALL_MODEL else None

    @property
    def module(self) -> nn.Module:
        """The transformers model."""
        module: nn.Module = self._module
        return module

    @property
    def layers(self) -> int:
        """The number of block calls in one forward pass, 0 when its blocks were not found."""
        return self._anatomy.calls

    @property
    def stacks(self) -> tuple[Stack, ...]:
        """The stacks whose residual stream can be had, the encoder first."""
        if Capability.STATES not in self.capabilities:
            return ()
        return (Stack.ENCODER, Stack.MAIN) if self._anatomy.encoder else (Stack.MAIN,)

    def read(self, prompt: Prompt, decoding: Decoding) -> Reading:
        """Reads a prompt and says what comes next: continues it, fills in its masks, chooses a class or a span."""
        key = (prompt.model_dump_json(exclude={"name", "written", "target", "foil"}), decoding.model_dump_json())
        if key not in self._readings:
            speaks = Capability.GENERATION in self.capabilities
            speaker = Speaker(
                self._module, self.tokenizer, self._speech, self._passes, self.logits, self.outcome, speaks
            )
            self._readings = {key: speaker.read(prompt, decoding)}
        return self._readings[key]

    def outcome(self, reading: Reading, number: int) -> Token:
        """What a reader sees of an outcome: a token of the vocabulary, the name of a class, a token of the text."""
        if self.family is Family.CLASSIFICATION:
            return label_token(number, self.facts.labels)
        if self.family is Family.QUESTION_ANSWERING:
            return reading.passage.tokens[number]
        return self.tokenizer.token(number)

    @torch.no_grad()
    def logits(self, reading: Reading, places: Sequence[int]) -> torch.Tensor:
        """What the model says at places of a reading, ``[place, outcome]``; shares its pass with the residual."""
        if Capability.LAYER_READOUT in self.capabilities:
            return self._trace(reading, places).logits_at(places)
        return self._passes.logits(reading, torch.tensor([reading.ids]), places)[0]

    def embed(self, reading: Reading) -> torch.Tensor:
        """Input embeddings as the model's own embedding modules make them, ``[position, width]``."""
        return self._passes.embed(reading)

    @torch.no_grad()
    def mean_embedding(self) -> torch.Tensor:
        """The mean of the input embeddings of the whole vocabulary, ``[width]``."""
        module = self._passes.streams[0].module
        size = module.weight.shape[0]  # type: ignore[index]
        vocabulary = torch.arange(int(size), device=self._passes.device)
        total: torch.Tensor = module(vocabulary[None])[0].mean(0)
        return total

    @torch.no_grad()
    def token_embedding(self, kind: str) -> torch.Tensor:
        """The input embedding of the model's ``eos``, ``pad``, ``mask`` or ``unk`` token, ``[width]``.

        Raises:
            CapabilityError: The model has no such token.
        """
        number = self._special_number(kind)
        if number is None:
            what = f"{kind} needs a token of that kind, and the model has none."
            raise CapabilityError(self.facts.spec.source, what)
        looked_up: torch.Tensor = self._passes.streams[0].module(torch.tensor([[number]], device=self._passes.device))
        return looked_up[0, 0]

    def _special_number(self, kind: str) -> int | None:
        if kind == "mask":
            return None if self.tokenizer.mask is None else self.tokenizer.mask.id
        own = getattr(getattr(self._module, "generation_config", None), f"{kind}_token_id", None)
        found = own if own is not None else getattr(self._module.config, f"{kind}_token_id", None)
        found = self.tokenizer.sign(kind) if found is None else found
        return found[0] if isinstance(found, list) else found

    def logits_from_embeddings(self, reading: Reading, embeddings: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if the embeddings were these, ``[batch, place, outcome]``; differentiable."""
        return self._passes.logits(reading, self._ids_like(reading, embeddings), places, embeddings)

    def logits_and_origin(
        self, reading: Reading, embeddings: torch.Tensor, places: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of input embeddings and what enters the head, which works on every place by itself."""
        return self._passes.logits_and_origin(reading, self._ids_like(reading, embeddings), places, embeddings)

    def prefix(self, reading: Reading, length: int) -> Prefix | None:
        """What the model remembers of a text's first positions, or None where that is of no use."""
        return found_prefix(self._passes, reading, length) if self.family is Family.CAUSAL else None

    @torch.no_grad()
    def logits_unseen(self, reading: Reading, unseen: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if nobody looked at some positions, ``[batch, place, outcome]``.

        Raises:
            CapabilityError: It has no attention that obeys, or would have nothing to look at.
        """
        self._blinding = self._blinding or found_blinding(self._passes, reading, self.facts.spec.source)
        border = reading.passage.encoder_length
        if self._blinding.leaves_nothing(unseen, border, places):
            source = self.facts.spec.source
            raise CapabilityError(source, f"with all of the text hidden, {source} has nothing to look at.")
        ids = self._ids_like(reading, unseen)
        more = self._blinding.inputs(unseen.to(self._passes.device), border, self._module.dtype)
        return self._passes.logits(reading, ids, places, more=more)

    @torch.no_grad()
    def residual_states(self, reading: Reading, stack: Stack = Stack.MAIN) -> torch.Tensor:
        """The residual stream ``[state, position, width]``: what enters the first block, then what leaves each."""
        if stack not in self.stacks:
            raise self.lacks(Capability.STATES)
        if stack is Stack.MAIN:
            return self._trace(reading, ()).blocks.states[:, 0]
        states = trace_blocks(self._anatomy.encoder, lambda: self._last_rows(reading)).states[:, 0]
        self._passes.demand_finite(reading, "states of its encoder", [states])
        return states

    @torch.no_grad()
    def read_out(self, reading: Reading, states: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model's tail makes of states ``[state, position, width]``: logits ``[state, place, outcome]``."""
        trace = self._trace(reading, ())
        ids = torch.tensor([reading.ids]).expand(len(states), -1)
        with replaced_output(self._anatomy.blocks, trace.blocks.outputs, states.to(self._passes.device)):
            return self._passes.logits(reading, ids, places, encoded=trace.encoded)

    @torch.no_grad()
    def read_bare(self, reading: Reading, states: Sequence[int], places: Sequence[int]) -> torch.Tensor:
        """What the matrix of the head alone makes of states: scores ``[state, place, outcome]``."""
        residual = self.residual_states(reading)
        key = _key_of(reading)
        if key not in self._bare_heads:
            tried = [place for place in reading.places if place in (reading.question, reading.places[-1])]
            spec = self.facts.spec
            self._bare_heads = {key: find_bare_head(self._passes, reading, residual, tried, spec.dtype, spec.source)}
        found = self._bare_heads[key]
        rows = torch.tensor(self._speech.positions(reading, list(places)), device=residual.device)
        chosen = [found.last if state == self.layers else residual[state] for state in states]
        return found.of(torch.stack([state[rows] for state in chosen]))

    @torch.no_grad()
    def resume(self, reading: Reading, layer: int, states: torch.Tensor, places: Sequence[int]) -> torch.Tensor:
        """What the model says if block ``layer`` takes in other states, ``[batch, place, outcome]``."""
        self.demand(frozenset({Capability.RESUME}))
        trace = self._trace(reading, ())
        ids = torch.tensor([reading.ids]).expand(len(states), -1)
        with resumed(self._anatomy.blocks, trace.blocks.outputs, layer, states.to(self._passes.device)):
            return self._passes.logits(reading, ids, places, encoded=trace.encoded)

    @torch.no_grad()
    def attention(self, reading: Reading, kind: AttentionKind = AttentionKind.SELF) -> Mapping[int, torch.Tensor]:
        """Attention weights by layer, ``[head, query, key]``."""
        if self._anatomy.attention is None:
            raise self.lacks(Capability.ATTENTION)
        maps = self._anatomy.attention.trace(lambda: self._last_rows(reading)).of(kind)
        self._passes.demand_finite(reading, "attention weights", (found.weights for found in maps.values()))
        return {layer: found.weights[0] for layer, found in maps.items()}

    def layers_of(self, stack: Stack) -> int:
        """How many layers a stack has; of the one that speaks, the number of block calls in a pass."""
        return self.layers if stack is Stack.MAIN else len(self._anatomy.encoder)

    @property
    def neuron_stacks(self) -> tuple[Stack, ...]:
        """The stacks whose neurons can be had, the encoder first."""
        return tuple(stack for stack, tap in self._neuron_taps().items() if tap is not None)

    def _neuron_taps(self) -> Mapping[Stack, NeuronTap | None]:
        return {Stack.ENCODER: self._anatomy.encoder_neurons, Stack.MAIN: self._anatomy.neurons}

    @torch.no_grad()
    def neurons(self, reading: Reading, stack: Stack = Stack.MAIN) -> Mapping[int, torch.Tensor]:
        """Activations by layer, ``[position, neuron]``; positions count from the stack's own first."""
        tap = self._neuron_taps()[stack]
        if tap is None:
            raise self.lacks(Capability.NEURONS)
        found = tap.activations(lambda: self._last_rows(reading))
        self._passes.demand_finite(reading, "activations", found.values())
        return {layer: activations[0] for layer, activations in found.items()}

    @torch.no_grad()
    def writes(self, reading: Reading) -> Sequence[Mapping[str, torch.Tensor]]:
        """What each part of a layer adds to the residual stream, by its path, ``[position, width]``."""
        if self._anatomy.writes is None:
            raise self.lacks(Capability.WRITES)
        written = self._anatomy.writes.written(lambda: self._last_rows(reading))
        self._passes.demand_finite(reading, "writes", (part for parts in written for part in parts))
        return tuple(
            {writer.path: part[0] for writer, part in zip(writers, parts, strict=True)}
            for writers, parts in zip(self._anatomy.writes.layers, written, strict=True)
        )

    def _last_rows(self, reading: Reading) -> torch.Tensor:
        """A pass for what happens inside it: as little as possible goes through the head."""
        ids = torch.tensor([reading.ids])
        return self._passes.logits(reading, ids, reading.places[-1:])

    @torch.no_grad()
    def scores_without(
        self, reading: Reading, units: Sequence[Sequence[int]], dropped: Sequence[Sequence[int]]
    ) -> Scores:
        """Log-probabilities of what the model said, ``[variant, spoken]``, with the tokens of some units deleted.

        A causal text of which nothing is left begins with the model's own first token, if it has one.
        """
        number = next((found for kind in ("bos", "eos") if (found := self._special_number(kind)) is not None), None)
        start = None if number is None else template_token(self.tokenizer, number)
        variants = [
            without(reading, {position for unit in indices for position in units[unit]}, start) for indices in dropped
        ]
        return Scores(tuple(said_by(self._passes, variants)))

    def _ids_like(self, reading: Reading, embeddings: torch.Tensor) -> torch.Tensor:
        return torch.tensor([reading.ids[: embeddings.shape[1]]]).expand(len(embeddings), -1)

    def _trace(self, reading: Reading, places: Sequence[int]) -> _Trace:
        """The pass that keeps the residual stream and the logits at places; run again for other places."""
        key = _key_of(reading)
        known = self._traces.get(key)
        if known is None or not set(places) <= known.rows.keys():
            kept = sorted({*places}) or list(reading.places[-1:])
            ids = torch.tensor([reading.ids])
            encoded = self._passes.encode(reading) if known is None else known.encoded
            blocks = trace_blocks(
                self._anatomy.blocks, lambda: self._passes.logits(reading, ids, kept, encoded=encoded)
            )
            self._passes.demand_finite(reading, "states", [blocks.states])
            known = _Trace(blocks, encoded, {place: row for row, place in enumerate(kept)})
            self._traces = {key: known}
        return known

    def _explored(self) -> Findings:
        return explore(self._passes, self._probe(), self.facts.layers, self.facts.spec.source)

    def _probe(self) -> Reading:
        """A short text to try things on; its encoder and its decoder read different ones."""
        prompt = _PROBE if self.family is Family.QUESTION_ANSWERING else _PROBE.model_copy(update={"text_pair": None})
        encoding = self.tokenizer.encode(prompt)
        reading = self._speech.unspoken(encoding)
        if self.family is not Family.ENCODER_DECODER:
            return reading
        start = template_token(self.tokenizer, start_of_decoder(self._module))
        text = self.tokenizer.tokens(self.tokenizer.continuation_ids("six five four three"), after=(start,))
        given = len(encoding.tokens)
        passage = Passage(tokens=(*encoding.tokens, start, *text), prompt_length=given + 1, encoder_length=given)
        return self._speech.reading(passage, ())
