"""Loads what ``source`` has found: a module of the transformers library, ready to be asked.

In: a ``ModelSpec`` and its ``ModelFacts``. Out: the module, in evaluation mode, on its devices. Never: pickled weights,
code of a model that the experiment does not trust, weights that were made up because the files lack them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from ecco_reports.errors import ModelLoadError
from ecco_reports.models import configs
from ecco_reports.models.adapters import brought_by, merged
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.memory import is_out_of_memory, told
from ecco_reports.models.quantization import quantization_config
from ecco_reports.models.source import find, find_adapter, read_config
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family

_AUTO_CLASSES = {
    Family.CAUSAL: ("AutoModelForCausalLM", "causal language model"),
    Family.MASKED: ("AutoModelForMaskedLM", "masked language model"),
    Family.ENCODER_DECODER: ("AutoModelForSeq2SeqLM", "encoder-decoder of texts"),
    Family.CLASSIFICATION: ("AutoModelForSequenceClassification", "classifier of texts"),
    Family.QUESTION_ANSWERING: ("AutoModelForQuestionAnswering", "model that answers by a span"),
    Family.NONE: ("AutoModel", "body without a head"),
}


@dataclass(frozen=True)
class Loaded:
    """A model in memory.

    Attributes:
        module: The transformers model: in evaluation mode, and its parameters ask for no gradients.
        device: Where its input goes.
        facts: What is known of it, completed by loading.
    """

    module: Any
    device: str
    facts: ModelFacts


def load_module(spec: ModelSpec, facts: ModelFacts) -> Loaded:
    """Loads a model.

    An adapter is merged into the weights in float32 or better, so that what is explained has the anatomy of its base.

    Args:
        spec: The model as the experiment names it.
        facts: What ``facts_of`` found out about it.

    Raises:
        ModelLoadError: It cannot be loaded as what it was made for, or not on the device that was asked for.
    """
    family = facts.family
    if family is None:
        what = f"the configuration of {spec.source} does not say what it was made for. Write it as family: causal, ..."
        raise ModelLoadError(spec.source, what)
    device = "auto" if spec.device_map else device_of(facts.spec)
    settings = _settings(spec, facts, device)
    folder = find(facts.spec, weights=True).folder  # At the commit that the plan has seen.
    adapter = find_adapter(spec, weights=True)
    with _explained(spec, family), torch.random.fork_rng(devices=[]):
        module, report = _from_pretrained(folder, family, settings)
    _refuse_gaps(spec, family, module, report, folder, brought_by(adapter.folder) if adapter else ())
    with _explained(spec, family), torch.random.fork_rng(devices=[]):
        if adapter is not None:
            module = _rounded(merged(spec, module, adapter.folder), getattr(torch, facts.spec.dtype))
        if "device_map" not in settings:
            module = module.to(device)
    module = module.eval().requires_grad_(False)
    notes = (*facts.notes, *_about_parts(spec, module, folder))
    return Loaded(module, _input_device(module, device), replace(facts, notes=notes))


def device_of(spec: ModelSpec) -> str:
    """The device asked for; ``auto`` takes a GPU when there is one that has the number format.

    Raises:
        ModelLoadError: This machine has no such device.
    """
    if spec.device == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() and spec.dtype != "float64" else "cpu"
    kind, _, number = spec.device.partition(":")
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelLoadError(spec.source, f"device {spec.device!r} was asked for, but torch sees no CUDA device.")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise ModelLoadError(spec.source, "device 'mps' was asked for, but torch sees no GPU of a Mac.")
    if number and int(number) >= (count := torch.cuda.device_count()):
        what = (
            f"device {spec.device!r} was asked for, but the last of the {count} CUDA devices here is cuda:{count - 1}."
        )
        raise ModelLoadError(spec.source, what)
    return spec.device


def _settings(spec: ModelSpec, facts: ModelFacts, device: str) -> dict[str, Any]:
    """What ``from_pretrained`` is told beyond the folder."""
    dtype = facts.spec.dtype
    if spec.adapter and dtype in ("bfloat16", "float16"):
        dtype = "float32"  # Where adapters are merged; rounding once at the end.
    settings: dict[str, Any] = {"dtype": getattr(torch, dtype), "trust_remote_code": bool(spec.trust_remote_code)}
    if (quantization := quantization_config(spec)) is not None:
        settings["quantization_config"] = quantization
    if spec.device_map:
        settings["device_map"] = spec.device_map
    elif quantization is not None:
        settings["device_map"] = {"": device}  # Quantized weights cannot be moved afterwards.
    return settings


def _from_pretrained(folder: Path, family: Family, settings: Mapping[str, Any]) -> tuple[Any, Mapping[str, Any]]:
    """The module, and what the library reports of keys that were missing."""
    import transformers

    config = transformers.AutoConfig.from_pretrained(
        folder, local_files_only=True, trust_remote_code=settings["trust_remote_code"]
    )
    auto_class = getattr(transformers, _AUTO_CLASSES[family][0])
    with_pictures = transformers.AutoModelForImageTextToText
    # A model of texts and pictures reads texts alone as well. The mappings are how the library itself chooses.
    if family is Family.CAUSAL and type(config) not in auto_class._model_mapping:
        auto_class = with_pictures if type(config) in with_pictures._model_mapping else auto_class
    with _quietly():
        module, report = auto_class.from_pretrained(
            folder, config=config, use_safetensors=True, local_files_only=True, output_loading_info=True, **settings
        )
    return module, report


def _rounded(module: Any, dtype: torch.dtype) -> Any:
    """The module with its weights in a number format, as if they had been loaded in it.

    Buffers (the frequencies of rotary positions) and the few weights that a model wants to keep in float32 stay.
    """
    if module.dtype is dtype:
        return module
    kept = {*(module._keep_in_fp32_modules_strict or ())}
    if dtype is torch.float16:
        kept |= {*(module._keep_in_fp32_modules or ())}
    for name, parameter in module.named_parameters():
        if kept.isdisjoint(name.split(".")):
            parameter.data = parameter.data.to(dtype)
    module.config.dtype = dtype
    return module


@contextmanager
def _quietly() -> Iterator[None]:
    """Without the library's progress bars, and without its table of keys: what matters in it becomes an error."""
    from transformers.utils import logging

    before = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(before)


@contextmanager
def _explained(spec: ModelSpec, family: Family) -> Iterator[None]:
    """Turns what the library raises into one sentence."""
    from safetensors import SafetensorError

    try:
        yield
    except torch.OutOfMemoryError as error:
        way = "dtype: bfloat16, device_map: auto, quantization:, or device: cpu"
        raise ModelLoadError(
            spec.source, f"{spec.source} does not fit into the memory of the GPU. Try {way}."
        ) from error
    except ImportError as error:
        what = f"{spec.source} needs a package that is not installed: {_first_line(error)}"
        raise ModelLoadError(spec.source, what) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise told(error, spec.source, "loading it") from error
        kind = _AUTO_CLASSES[family][1]
        why = _first_line(error)
        # With such words the library says that it knows the type of model, or one like it for this task, not at all.
        if "Unrecognized configuration class" in why or "custom code" in why:
            why = "the transformers library has none of its type."
        article = "an" if kind[0] in "aeiou" else "a"
        raise ModelLoadError(spec.source, f"{spec.source} cannot be loaded as {article} {kind}: {why}") from error


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if lines else type(error).__name__


def _refuse_gaps(
    spec: ModelSpec, family: Family, module: Any, report: Mapping[str, Any], folder: Path, brought: Iterable[str]
) -> None:
    """Refuses a model some of whose weights would be random numbers.

    A pooler that an encoder's files lack is taken away: nothing here looks at it.
    """
    missing = {key for key in report["missing_keys"] if not any(part in key.split(".") for part in brought)}
    pooler = {key for key in missing if key.startswith("pooler.")}
    if family is Family.NONE and pooler and "pooler" in dict(module.named_children()):
        module.pooler = None
        missing -= pooler
    if not missing:
        return
    first = sorted(missing)[0]
    what = (
        f"{spec.source} is no complete {_AUTO_CLASSES[family][1]}: {len(missing)} of its weights are not in the files "
        f"({first} is one) and would be random numbers."
    )
    config = read_config(spec, folder)
    fitting = configs.family_of(config)
    if fitting not in (None, family):
        key = "without the key family" if fitting is Family.NONE else f"with family: {fitting}"
        what += f" It was saved as {configs.architecture(config)}, which loads {key}."
    raise ModelLoadError(spec.source, what)


def _about_parts(spec: ModelSpec, module: Any, folder: Path) -> Iterator[str]:
    """What a page should say when less than the checkpoint was loaded, or not all of it onto a GPU."""
    saved = configs.architecture(read_config(spec, folder))
    if saved is not None and saved != type(module).__name__:
        yield f"It was saved as {saved} and loaded as {type(module).__name__}."
    elsewhere = sorted({str(place) for place in getattr(module, "hf_device_map", {}).values()} & {"cpu", "disk"})
    if elsewhere and torch.cuda.is_available():
        yield f"A part of it did not fit onto the GPUs and lies on: {', '.join(elsewhere)}."


def _input_device(module: Any, device: str) -> str:
    """Where token numbers go: to the embeddings, or where accelerate takes them for their pass."""
    embeddings = module.get_input_embeddings()
    hook = getattr(embeddings, "_hf_hook", None)
    execution = getattr(hook, "execution_device", None)
    if execution is not None:
        return f"cuda:{execution}" if isinstance(execution, int) else str(execution)
    parameter = next(embeddings.parameters(), None) if embeddings is not None else None
    return device if parameter is None else str(parameter.device)
