"""What was found out about a model, kept between runs: finding it takes some passes, reading it up takes none.

In: a module that was loaded from files, and a way to explore it. Out: what exploring finds. Never: weights or numbers
of a prompt, anything of a model that is only in memory, anything that was found by other code than this.

Everything that was found can be said in paths of modules, flags and numbers. It lies under the user's cache folder, one
small file per model; a damaged or unwritable one, and one of other versions, only costs time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
import transformers
from pydantic import BaseModel, ConfigDict
from torch import nn

from ecco_reports.models import cache
from ecco_reports.models.anatomy import Anatomy, AttentionTap, NeuronTap, Projection, Writer, WriteTap
from ecco_reports.models.base import Capability, ModelFacts
from ecco_reports.models.exploring import Findings
from ecco_reports.models.passes import EmbeddingCall, Passes
from ecco_reports.records import canonical_json, digest

_KIND = "discoveries"
_SOURCES = ("*.py", "anatomy/*.py")


class _Kept(BaseModel):
    """A part of what lies in the file: nothing is missing, and nothing else is there."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class _Stream(_Kept):
    path: str
    call: int


class _Projection(_Kept):
    path: str
    transposed: bool
    neurons: int


class _Writer(_Kept):
    path: str
    inside: str
    role: str
    scale: float


class _Discovery(_Kept):
    """The file: modules stand in it by their paths.

    Attributes:
        seal: A hash of the rest, and of all that it depends on beside the model itself.
        interface: How attention can be had (``AttentionTap.by_interface``), or None.
    """

    seal: str = ""
    narrows: bool
    encodes_apart: bool
    streams: tuple[_Stream, ...]
    capabilities: tuple[Capability, ...]
    reasons: dict[Capability, str]
    proofs: dict[Capability, float]
    blocks: tuple[str, ...]
    encoder: tuple[str, ...]
    calls: int
    interface: bool | None
    neurons: dict[int, _Projection] | None
    encoder_neurons: dict[int, _Projection] | None
    writes: tuple[tuple[_Writer, ...], ...] | None
    inside_proofs: dict[Capability, float]
    inside_reasons: dict[Capability, str]
    partly: dict[Capability, str]


def discovered(passes: Passes, facts: ModelFacts, explore: Callable[[], Findings]) -> Findings:
    """What is known of a model that was loaded from files, or else what exploring it finds, which is kept.

    Args:
        passes: The model's passes; told which of its shortcuts hold.
        facts: What the files say.
        explore: Tries everything, and tells ``passes``.
    """
    name = f"{digest(_model(passes, facts))[:32]}.json"
    circumstances = _circumstances(passes)
    known = _read(cache.read(_KIND, name), circumstances)
    if known is not None:
        return _restored(known, passes)
    found = explore()
    kept = _taken_down(found, passes)
    sealed = kept.model_copy(update={"seal": _seal(kept, circumstances)})
    cache.write(_KIND, name, canonical_json(sealed.model_dump(mode="json")))
    return found


def _model(passes: Passes, facts: ModelFacts) -> dict[str, Any]:
    """What makes a model this one, here."""
    return {
        "identity": dict(facts.identity),
        "dtype": str(passes.module.dtype),
        "device": str(passes.device),
        "family": passes.speech.family,
    }


def _circumstances(passes: Passes) -> dict[str, Any]:
    """What else decides what is found: how the module was built, and the code that looks."""
    module = passes.module
    kind = type(module)
    own = Path(__file__).parent
    sources = sorted(path for pattern in _SOURCES for path in own.glob(pattern))
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "modules": [[path, type(part).__name__] for path, part in module.named_modules()],
        "parameters": [
            [name, [*part.shape], str(part.dtype), str(part.device)] for name, part in module.named_parameters()
        ],
        "attention": str(getattr(module.config, "_attn_implementation", None)),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "code": [hashlib.sha256(path.read_bytes()).hexdigest() for path in sources],
    }


def _seal(kept: _Discovery, circumstances: dict[str, Any]) -> str:
    return digest([circumstances, kept.model_dump(mode="json", exclude={"seal"})])


def _read(text: str | None, circumstances: dict[str, Any]) -> _Discovery | None:
    """What a file says, or None if it is damaged or was written under other circumstances."""
    try:
        kept = _Discovery.model_validate_json(text or "")
        return kept if kept.seal == _seal(kept, circumstances) else None
    except ValueError:
        return None


def _taken_down(found: Findings, passes: Passes) -> _Discovery:
    """What was found, by paths."""
    paths = {id(module): path for path, module in passes.module.named_modules()}
    inside = found.anatomy

    def projections(tap: NeuronTap | None) -> dict[int, _Projection] | None:
        if tap is None:
            return None
        return {
            layer: _Projection(path=paths[id(each.module)], transposed=each.transposed, neurons=each.neurons)
            for layer, each in tap.layers.items()
        }

    writes = inside.writes and tuple(
        tuple(
            _Writer(path=paths[id(each.module)], inside=each.path, role=each.role, scale=each.scale) for each in writers
        )
        for writers in inside.writes.layers
    )
    return _Discovery(
        narrows=passes.narrows,
        encodes_apart=passes.encodes_apart,
        streams=tuple(_Stream(path=paths[id(stream.module)], call=stream.call) for stream in passes.streams),
        capabilities=tuple(sorted(found.capabilities)),
        reasons=found.reasons,
        proofs=found.proofs,
        blocks=tuple(paths[id(block)] for block in inside.blocks),
        encoder=tuple(paths[id(block)] for block in inside.encoder),
        calls=inside.calls,
        interface=inside.attention and inside.attention.by_interface,
        neurons=projections(inside.neurons),
        encoder_neurons=projections(inside.encoder_neurons),
        writes=writes,
        inside_proofs=dict(inside.proofs),
        inside_reasons=dict(inside.reasons),
        partly=dict(inside.partly),
    )


def _restored(kept: _Discovery, passes: Passes) -> Findings:
    """What was kept, in terms of a module that is built as the one before."""
    modules = dict(passes.module.named_modules())
    passes.narrows, passes.encodes_apart = kept.narrows, kept.encodes_apart
    passes.streams = tuple(EmbeddingCall(modules[stream.path], stream.call) for stream in kept.streams)
    inside = _anatomy(kept, passes.module, modules)
    return Findings(inside, set(kept.capabilities), kept.reasons, kept.proofs)


def _anatomy(kept: _Discovery, module: nn.Module, modules: dict[str, nn.Module]) -> Anatomy:
    """The handles that were kept."""

    def at(paths: Sequence[str]) -> tuple[nn.Module, ...]:
        return tuple(modules[path] for path in paths)

    blocks, encoder = at(kept.blocks), at(kept.encoder)
    attention = None if kept.interface is None else AttentionTap(module, blocks, encoder, kept.interface)

    def tap(stack: tuple[nn.Module, ...], projections: dict[int, _Projection] | None) -> NeuronTap | None:
        layers = {
            layer: Projection(modules[each.path], each.transposed, each.neurons)
            for layer, each in (projections or {}).items()
        }
        return NeuronTap(stack, layers) if layers else None

    writes = tuple(
        tuple(Writer(modules[each.path], each.inside, each.role, each.scale) for each in writers)
        for writers in kept.writes or ()
    )
    return Anatomy(
        blocks=blocks,
        encoder=encoder,
        calls=kept.calls,
        attention=attention,
        neurons=tap(blocks, kept.neurons),
        encoder_neurons=tap(encoder, kept.encoder_neurons),
        writes=WriteTap(blocks, writes) if writes else None,
        proofs=kept.inside_proofs,
        reasons=kept.inside_reasons,
        partly=kept.partly,
    )
