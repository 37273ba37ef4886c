"""Causal language models of the transformers library, from a folder, a hub snapshot, the package or memory.

In: a ``ModelSpec``, or a model object with its tokenizer. Out: a ``LanguageModel``. Never: names of architectures,
code from a hub, pickled weights.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ecco_reports.errors import CapabilityError, ModelLoadError
from ecco_reports.models.anatomy import BlockTrace, find_blocks, replaced_output, trace_blocks
from ecco_reports.models.base import (
    READOUT_TOLERANCE,
    Capability,
    Continuation,
    LanguageModel,
    ModelFacts,
    TextTokenizer,
)
from ecco_reports.models.source import facts_of, locate
from ecco_reports.models.threads import threads_for
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.records import Decoding, ModelSpec

_PROBE_LENGTH = 4
# How far rounding may move a prediction when a later token is left out, as a part of the spread of the logits.
_LOOK_AHEAD_TOLERANCE = {torch.float32: 1e-4, torch.float64: 1e-9}
_LOOK_AHEAD_TOLERANCE_HALF = 5e-2
# Parameters below which one thread is faster than several, and very much faster on a machine that has other work.
_SMALL_MODEL = 20_000_000


def load(spec: ModelSpec) -> LanguageModel:
    """Loads a model and finds out what it can do.

    Raises:
        ModelLoadError: There is no such model, its weights are not safetensors, or it is not a causal language model.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging

    facts = facts_of(spec)
    if facts.tokenize is None:
        raise ModelLoadError(spec.source, f"{spec.source} has no tokenizer.json, which is needed to show its tokens.")
    folder = locate(spec, weights=True)
    logging.disable_progress_bar()
    try:
        model, loading = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=getattr(torch, spec.dtype),
            use_safetensors=True,
            local_files_only=True,
            output_loading_info=True,
        )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        what = f"{spec.source} cannot be loaded as a causal language model: {str(error).partition(chr(10))[0]}"
        raise ModelLoadError(spec.source, what) from error
    if missing := sorted(loading["missing_keys"]):
        raise ModelLoadError(
            spec.source,
            f"{spec.source} is no complete causal language model: {len(missing)} of its weights are not in the files "
            f"({missing[0]} is one) and would be random numbers.",
        )
    return HuggingFaceModel(model.to(_device(spec)), facts.tokenize, facts)


def wrap(model: nn.Module, tokenizer: Any) -> LanguageModel:
    """Makes a model that is in memory one that can be explained.

    The model itself is used, not a copy: it is put into evaluation mode, and its parameters stop asking for gradients.

    Args:
        model: A causal language model of transformers.
        tokenizer: Its (fast) transformers tokenizer, or a ``tokenizers.Tokenizer``.

    Raises:
        ModelLoadError: This is no transformers model, or its tokenizer is not a fast one.
    """
    source = getattr(model, "name_or_path", "") or type(model).__name__
    backend = getattr(tokenizer, "backend_tokenizer", tokenizer)
    if not hasattr(backend, "get_added_tokens_decoder"):
        kind = type(tokenizer).__name__
        raise ModelLoadError(source, f"{kind} is no fast tokenizer, which is needed to show tokens.")
    config: Any = getattr(model, "config", None)
    if config is None or not hasattr(config, "get_text_config"):
        raise ModelLoadError(source, f"{source} is no model of the transformers library.")
    config = config.get_text_config()
    facts = ModelFacts(
        spec=ModelSpec(source=source, dtype=str(next(model.parameters()).dtype).removeprefix("torch.")),
        identity={"memory": source},
        layers=getattr(config, "num_hidden_layers", None),
        context_length=getattr(config, "max_position_embeddings", None),
        tokenize=FastTokenizer(backend),
    )
    return HuggingFaceModel(model, FastTokenizer(backend), facts)


class HuggingFaceModel(LanguageModel):
    """A causal language model in memory.

    What the analyses of one prompt share (the continuation, the residual stream) is kept for the last prompt only.
    """

    def __init__(self, model: Any, tokenizer: TextTokenizer, facts: ModelFacts) -> None:
        self._model = model.eval().requires_grad_(False)
        self._takes_positions = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._blocks = find_blocks(model, facts.layers)
        self._continuations: dict[tuple[tuple[int, ...], str], Continuation] = {}
        self._traces: dict[tuple[int, ...], BlockTrace] = {}
        self._traced_positions: dict[int, int] = {}
        self._layers = 0
        self.tokenizer = tokenizer
        self.facts = facts
        self.capabilities = frozenset({Capability.GENERATION, Capability.LOGITS})
        with threads_for(self):
            self.capabilities, self.reasons = self._explore()
        self.facts = replace(facts, layers=self.layers or facts.layers)

    @property
    def device(self) -> str:
        """Where it runs, for instance ``cpu`` or ``cuda:0``."""
        return str(next(self._model.parameters()).device)

    @property
    def best_threads(self) -> int | None:
        """One for a small model: its matrices are done before a second thread has woken up, which then only spins."""
        return 1 if sum(parameter.numel() for parameter in self._model.parameters()) < _SMALL_MODEL else None

    @property
    def layers(self) -> int:
        """The number of block calls in one forward pass, 0 when its blocks were not found."""
        return self._layers

    def generate(self, ids: Sequence[int], decoding: Decoding) -> Continuation:
        """Continues a prompt; greedy, or drawn with the decoding's seed."""
        key = (tuple(ids), decoding.model_dump_json())
        if key not in self._continuations:
            self._continuations = {key: self._generate(tuple(ids), decoding)}
        return self._continuations[key]

    @torch.no_grad()
    def _generate(self, ids: tuple[int, ...], decoding: Decoding) -> Continuation:
        prompt = torch.tensor([ids], device=self.device)
        sampling = decoding.sampling
        with torch.random.fork_rng(devices=[self.device] if self.device.startswith("cuda") else []):
            torch.manual_seed(0 if sampling is None else sampling.seed or 0)
            with _generating_by(self._model, decoding):
                output = self._model.generate(prompt, attention_mask=torch.ones_like(prompt))
        new = output.sequences[0, len(ids) :].tolist()
        logprobs = [
            float(_at_least_float32(logits[0]).log_softmax(-1)[token])
            for logits, token in zip(output.logits, new, strict=True)
        ]
        return Continuation((*ids, *new), len(ids), tuple(logprobs))

    @torch.no_grad()
    def logits(self, ids: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """Next-token logits by teacher forcing, ``[batch, position, vocab]``.

        A single sequence shares its pass with ``residual_states``.
        """
        if len(ids) > 1 or Capability.LAYER_READOUT not in self.capabilities:
            return self._forward(positions, input_ids=ids.to(self.device))
        return self._trace(ids[0], range(ids.shape[1]) if positions is None else positions)

    def embed(self, ids: torch.Tensor) -> torch.Tensor:
        """Input embeddings as the model's own embedding module makes them, ``[batch, position, width]``."""
        embedded: torch.Tensor = self._model.get_input_embeddings()(ids.to(self.device))
        return embedded

    @torch.no_grad()
    def mean_embedding(self) -> torch.Tensor:
        """The mean of the input embeddings of the whole vocabulary, ``[width]``."""
        vocabulary = torch.arange(self._model.get_input_embeddings().num_embeddings)
        return self.embed(vocabulary[None])[0].mean(0)

    @torch.no_grad()
    def end_of_text_embedding(self) -> torch.Tensor:
        """The input embedding of the end-of-text token, ``[width]``.

        Raises:
            CapabilityError: The model has no such token.
        """
        end = self._model.generation_config.eos_token_id
        if end is None:
            what = "baseline: eos needs an end-of-text token, and the model has none."
            raise CapabilityError(self.facts.spec.source, what)
        return self.embed(torch.tensor([[end[0] if isinstance(end, list) else end]]))[0, 0]

    def logits_from_embeddings(self, embeddings: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """Next-token logits of input embeddings, ``[batch, position, vocab]``; differentiable."""
        return self._forward(positions, inputs_embeds=embeddings)

    def logits_and_origin(
        self, embeddings: torch.Tensor, positions: Sequence[int]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of input embeddings and what enters the head, which works on every position by itself."""
        head = self._model.get_output_embeddings()
        seen: list[torch.Tensor] = []
        if head is None or not self._takes_positions:
            return super().logits_and_origin(embeddings, positions)
        with _hooked(head.register_forward_pre_hook(lambda _, args: seen.extend(args))):
            logits = self.logits_from_embeddings(embeddings, positions)
        if len(seen) == 1 and seen[0].shape[:2] == logits.shape[:2]:
            return logits, seen[0]
        return logits, logits

    @torch.no_grad()
    def residual_states(self, ids: torch.Tensor) -> torch.Tensor:
        """The residual stream ``[state, position, width]``: what enters the first block, then what leaves each."""
        self._trace(ids, ())
        return self._traces[tuple(ids.tolist())].states[:, 0]

    @torch.no_grad()
    def read_out(self, ids: torch.Tensor, states: torch.Tensor, positions: Sequence[int] | None = None) -> torch.Tensor:
        """What the model's tail makes of states ``[state, position, width]``: logits ``[state, position, vocab]``."""
        batch = ids.to(self.device).expand(len(states), -1)
        self._trace(ids, ())
        outputs = self._traces[tuple(ids.tolist())].outputs
        with replaced_output(self._blocks, outputs, states.to(self.device)):
            return self._forward(positions, input_ids=batch)

    def _forward(self, positions: Sequence[int] | None, **inputs: torch.Tensor) -> torch.Tensor:
        """One pass of the model; only the positions asked for go through the head, which is most of a small model."""
        if positions is None:
            return _at_least_float32(self._model(**inputs, use_cache=False).logits)
        keep = torch.tensor(positions, device=self.device, dtype=torch.long)
        if self._takes_positions:
            return _at_least_float32(self._model(**inputs, use_cache=False, logits_to_keep=keep).logits)
        return _at_least_float32(self._model(**inputs, use_cache=False).logits[:, keep])

    def _trace(self, ids: torch.Tensor, positions: Sequence[int]) -> torch.Tensor:
        """The logits at positions, from the pass that keeps the residual stream; run again for other positions."""
        key = tuple(ids.tolist())
        if key not in self._traces or not set(positions) <= set(self._traced_positions):
            kept = sorted({*positions}) or [len(key) - 1]
            batch = ids.to(self.device)[None]
            self._traces = {key: trace_blocks(self._blocks, lambda: self._forward(kept, input_ids=batch))}
            self._traced_positions = {position: row for row, position in enumerate(kept)}
        return self._traces[key].logits[:, [self._traced_positions[position] for position in positions]]

    def _explore(self) -> tuple[frozenset[Capability], Mapping[Capability, str]]:
        """Finds out by trying: a handle counts only when its identity holds on this very model."""
        reasons: dict[Capability, str] = {}
        probe = torch.arange(_PROBE_LENGTH)
        found = set(self.capabilities)
        logits = self.logits(probe[None])[0]
        with torch.no_grad():
            cut = self._forward(None, input_ids=probe[None, :-1].to(self.device))[0]
        ahead = (cut - logits[:-1]).abs().max().item()
        spread = (logits.max() - logits.min()).item()
        if ahead > _LOOK_AHEAD_TOLERANCE.get(self._model.dtype, _LOOK_AHEAD_TOLERANCE_HALF) * spread:
            source = self.facts.spec.source
            raise ModelLoadError(
                source,
                f"{source} is no causal language model: what it predicts for a token changes with the tokens after it.",
            )
        tolerance = READOUT_TOLERANCE[str(self._model.dtype).removeprefix("torch.")]
        tolerance *= max(1.0, logits.abs().max().item())
        with torch.no_grad():
            miss = (self.logits_from_embeddings(self.embed(probe[None]))[0] - logits).abs().max().item()
        if miss <= tolerance:
            found.add(Capability.GRADIENTS)
        else:
            reasons[Capability.GRADIENTS] = f"its logits from embeddings miss those from token numbers by {miss:.1e}"
        if not self._blocks:
            reasons[Capability.LAYER_READOUT] = "no list of transformer blocks was found in it"
            return frozenset(found), reasons
        try:
            states = self.residual_states(probe)
            gap = (self.read_out(probe, states[-1:])[0] - logits).abs().max().item()
        except (TypeError, KeyError, IndexError, RuntimeError, ValueError) as error:
            reasons[Capability.LAYER_READOUT] = f"its blocks cannot be told apart ({error})"
        else:
            self._layers = len(states) - 1
            if gap <= tolerance:
                found.add(Capability.LAYER_READOUT)
            else:
                reasons[Capability.LAYER_READOUT] = f"its replayed tail misses its own logits by {gap:.1e}"
        return frozenset(found), reasons


@contextmanager
def _generating_by(model: Any, decoding: Decoding) -> Iterator[None]:
    """Inside, the decoding is the model's own configuration, from which generate fills whatever one leaves out."""
    own = model.generation_config
    model.generation_config = _generation_config(own, decoding)
    try:
        yield
    finally:
        model.generation_config = own


def _generation_config(own: Any, decoding: Decoding) -> Any:
    """The decoding as asked for, and nothing of what a checkpoint would add silently (penalties, sampling)."""
    from transformers import GenerationConfig

    sampling = decoding.sampling
    pad = own.pad_token_id if own.pad_token_id is not None else own.eos_token_id
    drawn = (
        {}
        if sampling is None
        else {
            "do_sample": True,
            "temperature": sampling.temperature,
            "top_k": sampling.top_k or 0,
            "top_p": sampling.top_p or 1.0,
        }
    )
    return GenerationConfig(
        max_new_tokens=decoding.max_new_tokens,
        eos_token_id=own.eos_token_id,
        pad_token_id=pad[0] if isinstance(pad, list) else pad,
        bos_token_id=own.bos_token_id,
        return_dict_in_generate=True,
        output_logits=True,
        **drawn,
    )


@contextmanager
def _hooked(handle: RemovableHandle) -> Iterator[None]:
    """Takes a hook away again, whatever happens inside."""
    try:
        yield
    finally:
        handle.remove()


def _at_least_float32(logits: torch.Tensor) -> torch.Tensor:
    return logits if logits.dtype == torch.float64 else logits.float()


def _device(spec: ModelSpec) -> str:
    """The device asked for; ``auto`` takes a GPU when there is one."""
    if spec.device != "auto":
        if spec.device.startswith("cuda") and not torch.cuda.is_available():
            raise ModelLoadError(spec.source, f"device {spec.device!r} was asked for, but torch sees no CUDA device.")
        return spec.device
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
