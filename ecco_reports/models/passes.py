"""Passes of a transformers module over batches of one reading, with its embeddings and its head in reach.

In: a reading, token numbers ``[batch, position]``, and perhaps embeddings to use in their place. Out: logits
``[batch, place, outcome]``. What has to be known of the module is found by running it.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.utils.hooks import RemovableHandle

from ecco_reports.errors import NumericalError
from ecco_reports.models.families import Speech
from ecco_reports.models.finite import all_finite, can_be_chosen_from, unsound
from ecco_reports.models.pointwise import Pointwise
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family

_NO_TOKEN = -1


@dataclass(frozen=True)
class EmbeddingCall:
    """The call of a module that looks up the token numbers of one stream of text.

    Attributes:
        module: The embedding module.
        call: Which of its calls in a pass, from 0: the streams of an encoder-decoder may share a module.
    """

    module: nn.Module
    call: int


class Passes:
    """Runs one module.

    Attributes:
        module: The transformers model.
        source: The model as the experiment names it, for the message of an error.
        device: Where its input goes.
        speech: How its family reads and speaks.
        narrows: Whether only the places asked for go through the head; set to False where that proves wrong.
        encodes_apart: Whether what an encoder made may be given to its decoder; set to False where that proves wrong.
        streams: The calls that embed the text: one, or the encoder's and the decoder's.
        parameters: The names of what the module can be given.
    """

    def __init__(self, module: Any, speech: Speech, device: str | None = None, source: str = "") -> None:
        self.module = module
        self.source = source or type(module).__name__
        self.device = torch.device(device) if device else next(module.parameters()).device
        self.speech = speech
        self.narrows = speech.per_position
        self.encodes_apart = speech.family is Family.ENCODER_DECODER
        self.streams: tuple[EmbeddingCall, ...] = ()
        self._pointwise = Pointwise(module)
        parameters = inspect.signature(module.forward).parameters
        self.parameters = frozenset(parameters)
        self._open = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())

    def logits(
        self,
        reading: Reading,
        ids: torch.Tensor,
        places: Sequence[int],
        embeddings: torch.Tensor | None = None,
        encoded: Any = None,
        more: Mapping[str, Any] | None = None,
    ) -> torch.Tensor:
        """One pass.

        Args:
            reading: What is read.
            ids: ``[batch, position]``; cut where ``embeddings`` are.
            places: The places to keep, in order.
            embeddings: ``[batch, position, width]`` in place of what the module looks up.
            encoded: What ``encode`` gave, to be used instead of running the encoder.
            more: What else the module is given, by the names it has for it.

        Returns:
            ``[batch, place, outcome]``, at least in float32.

        Raises:
            NumericalError: They are not finite.
        """
        with ExitStack() as stack:
            if embeddings is not None:
                stack.enter_context(self._embedding_by(embeddings, reading.passage.encoder_length))
            return self._run(reading, ids.to(self.device), list(places), encoded, stack, more=more)

    def logits_and_origin(
        self, reading: Reading, ids: torch.Tensor, places: Sequence[int], embeddings: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of embeddings, and what enters the head, which works on every place by itself."""
        head = self._head()
        if head is None or not self.narrows:
            with self._pointwise.shortened():
                logits = self.logits(reading, ids, places, embeddings)
            return logits, logits
        seen: list[torch.Tensor] = []
        with ExitStack() as stack:
            stack.enter_context(self._pointwise.shortened())
            stack.enter_context(self._embedding_by(embeddings, reading.passage.encoder_length))
            logits = self._run(
                reading,
                ids.to(self.device),
                list(places),
                None,
                stack,
                watch=lambda: stack.enter_context(
                    hooked(head.register_forward_pre_hook(lambda _, args: seen.extend(args[:1])))
                ),
            )
        if len(seen) == 1 and seen[0].shape[:2] == logits.shape[:2]:
            return logits, seen[0]
        return logits, logits

    def encode(self, reading: Reading) -> Any:
        """What the encoder of an encoder-decoder makes of its part, as its module says it; None where there is none."""
        if not self.encodes_apart:
            return None
        ids = torch.tensor([reading.ids[: reading.passage.encoder_length]], device=self.device)
        return self.module.get_encoder()(input_ids=ids)

    def embed(self, reading: Reading) -> torch.Tensor:
        """Input embeddings of a reading ``[position, width]``, as the modules make them."""
        ids = torch.tensor([reading.ids], device=self.device)
        border = reading.passage.encoder_length
        parts = [ids] if len(self.streams) == 1 else [ids[:, :border], ids[:, border:]]
        return torch.cat(
            [stream.module(part) for stream, part in zip(self.streams, parts, strict=True) if part.shape[1]], 1
        )[0]

    def rows(self, reading: Reading, ids: torch.Tensor) -> torch.Tensor:
        """Everything that comes out of a plain pass, ``[batch, row, number]``: logits, or vectors where no head is."""
        inputs = self._inputs(reading, ids.to(self.device))
        return _at_least_float32(self.speech.rows(self.module(**inputs)))

    def find_streams(self, reading: Reading) -> tuple[torch.Tensor, str]:
        """Finds the calls that embed the text, by watching which modules look up its token numbers.

        Returns:
            What a plain pass says ``[place, outcome]``, and why the calls were not found (else empty).
        """
        border = reading.passage.encoder_length
        ids = torch.tensor(reading.ids, device=self.device)
        texts = [ids] if self.speech.family is not Family.ENCODER_DECODER else [ids[:border], ids[border:]]
        calls: dict[nn.Module, int] = {}
        found: list[list[tuple[EmbeddingCall, int]]] = [[] for _ in texts]

        def watch(module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            call = calls[module] = calls.get(module, -1) + 1
            looked_up = args[0] if args else None
            if not isinstance(looked_up, torch.Tensor) or not isinstance(output, torch.Tensor) or output.dim() != 3:
                return
            for text, matches in zip(texts, found, strict=True):
                if looked_up.shape == (1, len(text)) and torch.equal(looked_up[0], text):
                    matches.append((EmbeddingCall(module, call), output.shape[-1]))

        own = self.module.get_input_embeddings()
        with ExitStack() as stack:
            for module in {own, *(each for each in self.module.modules() if isinstance(each, nn.Embedding))}:
                stack.enter_context(hooked(module.register_forward_hook(watch)))
            logits = self.rows(reading, ids[None])[0]
        if not all(found):
            return logits, "no module was found that looks up the token numbers of its text"
        # Some models look up a second set of vectors by the same numbers; their input embeddings are the declared ones.
        chosen = [next((one for one in matches if one[0].module is own), matches[0]) for matches in found]
        if len(chosen) == 2 and chosen[0][0] == chosen[1][0]:
            chosen[1] = next(one for one in found[1] if one[0] != chosen[0][0])
        if len({width for _, width in chosen}) > 1:
            return logits, "its encoder and its decoder have embeddings of different widths"
        self.streams = tuple(call for call, _ in chosen)
        return logits, ""

    def _inputs(self, reading: Reading, ids: torch.Tensor) -> dict[str, Any]:
        inputs: dict[str, Any] = self.speech.inputs(reading, ids)
        if self._open or "use_cache" in self.parameters:
            inputs["use_cache"] = False
        return inputs

    def _head(self) -> nn.Module | None:
        head: nn.Module | None = self.module.get_output_embeddings() if self.speech.per_position else None
        return head

    def _run(
        self,
        reading: Reading,
        ids: torch.Tensor,
        places: list[int],
        encoded: Any,
        stack: ExitStack,
        watch: Any = None,
        more: Mapping[str, Any] | None = None,
    ) -> torch.Tensor:
        """A pass with what is on the stack; ``watch`` is called once the head has been narrowed."""
        inputs = {**self._inputs(reading, ids), **(more or {})}
        if encoded is not None:
            del inputs["input_ids"]
            # Its other members (what routed tokens to experts) may be asked for, too, and say nothing of the batch.
            hidden = encoded.last_hidden_state.expand(len(ids), -1, -1)
            inputs["encoder_outputs"] = replace(encoded, last_hidden_state=hidden)
        chosen = places
        if self.speech.per_position:
            chosen = self.speech.positions(reading, places)
        keep = torch.tensor(chosen, device=self.device, dtype=torch.long)
        narrowed = self.narrows
        head = self._head()
        if narrowed and "logits_to_keep" in self.parameters:
            inputs["logits_to_keep"] = keep
        elif narrowed and head is not None:
            narrow = head.register_forward_pre_hook(lambda _, args: (args[0][:, keep.to(args[0].device)], *args[1:]))
            stack.enter_context(hooked(narrow))
        else:
            narrowed = False
        if watch is not None:
            watch()
        stack.enter_context(self._batches_of_equals())
        rows = self.speech.rows(self.module(**inputs))
        if not narrowed:
            rows = rows[:, keep.to(rows.device)]
        if not can_be_chosen_from(rows):
            stack.close()  # What was put in place of embeddings would confuse a plain pass.
            raise self.unsound(reading)
        return _at_least_float32(rows)

    def unsound(self, reading: Reading, what: str = "logits") -> NumericalError:
        """The error for numbers that are not finite: where in a plain pass over a reading they begin."""
        ids = torch.tensor([reading.ids])
        return unsound(self.module, reading, self.source, lambda: self.rows(reading, ids), what)

    def demand_finite(self, reading: Reading, what: str, numbers: Iterable[torch.Tensor]) -> None:
        """Makes sure that what was seen inside a pass are numbers.

        Raises:
            NumericalError: Some are not.
        """
        if not all(map(all_finite, numbers)):
            raise self.unsound(reading, what)

    @contextmanager
    def _batches_of_equals(self) -> Iterator[None]:
        """Inside, a classifier that names no padding token reads several texts at once.

        Without one it looks for the end of none of them and refuses; the texts of a batch here have one length.
        """
        config = self.module.config.get_text_config()
        nameless = self.speech.family is Family.CLASSIFICATION and getattr(config, "pad_token_id", 0) is None
        if nameless:
            config.pad_token_id = _NO_TOKEN
        try:
            yield
        finally:
            if nameless:
                config.pad_token_id = None

    @contextmanager
    def _embedding_by(self, embeddings: torch.Tensor, border: int) -> Iterator[None]:
        """Inside, the modules that look up the text give these embeddings instead, ``[batch, position, width]``."""
        parts = [embeddings] if len(self.streams) == 1 else [embeddings[:, :border], embeddings[:, border:]]
        calls: dict[nn.Module, int] = {}
        given = {(stream.module, stream.call): part for stream, part in zip(self.streams, parts, strict=True)}

        def replace(module: nn.Module, _args: Any, output: Any) -> Any:
            call = calls[module] = calls.get(module, -1) + 1
            return given.get((module, call), output)

        with ExitStack() as stack:
            for module in {stream.module for stream in self.streams}:
                stack.enter_context(hooked(module.register_forward_hook(replace)))
            yield


def _at_least_float32(rows: torch.Tensor) -> torch.Tensor:
    return rows if rows.dtype == torch.float64 else rows.float()


@contextmanager
def hooked(handle: RemovableHandle) -> Iterator[None]:
    """Takes a hook away again, whatever happens inside."""
    try:
        yield
    finally:
        handle.remove()
