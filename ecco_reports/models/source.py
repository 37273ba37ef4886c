"""Finds out what an experiment's ``models:`` entry means, without loading any weights and without torch.

In: a ``ModelSpec``. Out: the folder that holds the model, and its ``ModelFacts``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ecco_reports.errors import ModelLoadError, nearest
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.tokens import FastTokenizer
from ecco_reports.records import ModelSpec
from ecco_reports.resources import bundled_models

BUNDLED = "bundled:"
_LIGHT_FILES = ["*.json", "*.txt", "*.model"]
_LAYER_KEYS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
_CONTEXT_KEYS = ("n_positions", "max_position_embeddings", "max_sequence_length", "seq_length")


def facts_of(spec: ModelSpec) -> ModelFacts:
    """What is known of a model from its configuration, its tokenizer and the hashes of its files.

    Raises:
        ModelLoadError: There is no such model, or it cannot be had without a network that is not there.
    """
    folder = locate(spec)
    config = _read_config(spec, folder)
    return ModelFacts(
        spec=spec,
        identity=_identity(spec, folder),
        layers=_first_number(config, _LAYER_KEYS),
        context_length=_first_number(config, _CONTEXT_KEYS),
        tokenize=FastTokenizer.from_folder(folder),
    )


def bundled_names() -> list[str]:
    """The names that may follow ``bundled:``."""
    return sorted(config.parent.name for config in bundled_models().glob("*/config.json"))


def locate(spec: ModelSpec, weights: bool = False) -> Path:
    """The folder that holds the model's files.

    Args:
        spec: The model as the experiment names it.
        weights: Whether the weights are needed, or only configuration and tokenizer.

    Raises:
        ModelLoadError: There is no such model.
    """
    if spec.source.startswith(BUNDLED):
        return _bundled(spec)
    folder = Path(spec.source).expanduser()
    if folder.is_dir():
        return folder
    if spec.source.startswith((".", "/", "~")) or spec.source.count("/") > 1:
        raise ModelLoadError(spec.source, f"there is no folder {spec.source!r}.")
    return _from_hub(spec, weights)


def _bundled(spec: ModelSpec) -> Path:
    name = spec.source.removeprefix(BUNDLED)
    names = bundled_names()
    if name not in names:
        # Compared without the prefix, which would make every name look like every other one.
        close = nearest(name, names)
        listed = " or ".join(repr(BUNDLED + match) for match in close)
        hint = f"Did you mean {listed}?" if close else f"Known: {', '.join(BUNDLED + known for known in names)}."
        raise ModelLoadError(spec.source, f"no model called {name!r} ships with ecco_reports. {hint}")
    return bundled_models() / name


def _from_hub(spec: ModelSpec, weights: bool) -> Path:
    """The snapshot of a Hugging Face hub id: from the cache if it is there, else downloaded."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = [*_LIGHT_FILES, "*.safetensors"] if weights else _LIGHT_FILES
    try:
        cached = Path(snapshot_download(spec.source, revision=spec.revision, local_files_only=True))
        if (cached / "config.json").is_file() and (not weights or any(cached.glob("*.safetensors"))):
            return cached
    except LocalEntryNotFoundError:
        pass
    except ValueError as error:
        raise ModelLoadError(spec.source, f"{spec.source!r} is no name of a model: {error}") from error
    try:
        return Path(snapshot_download(spec.source, revision=spec.revision, allow_patterns=patterns))
    except LocalEntryNotFoundError as error:
        raise ModelLoadError(
            spec.source,
            f"{spec.source} is neither a folder here nor in the local Hugging Face cache, and the hub cannot be "
            "reached. Give a folder, use a bundled model, or download it where there is a network.",
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelLoadError(spec.source, f"{spec.source} cannot be had from the Hugging Face hub: {error}") from error


def _read_config(spec: ModelSpec, folder: Path) -> Mapping[str, Any]:
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelLoadError(spec.source, f"{folder} is no model: it has no config.json.") from None
    except (OSError, ValueError) as error:
        raise ModelLoadError(spec.source, f"{path} cannot be read: {error}") from error
    return {**config, **config.get("text_config", {})}


def _identity(spec: ModelSpec, folder: Path) -> Mapping[str, str]:
    """What makes this model this model: the commit of a hub snapshot, else the hashes of its files."""
    tokenizer = {path.name: _sha256(path) for path in sorted(folder.glob("tokenizer*.json"))}
    if folder.parent.name == "snapshots":
        return {"source": spec.source, "revision": folder.name, **tokenizer}
    weights = {path.name: _sha256(path) for path in sorted(folder.glob("*.safetensors"))}
    return {"config.json": _sha256(folder / "config.json"), **weights, **tokenizer}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _first_number(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    return next((config[key] for key in keys if isinstance(config.get(key), int)), None)
