"""Says what a machine has: for people whose first run fails, and for bug reports."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ecco_reports import __version__
from ecco_reports.errors import ModelLoadError
from ecco_reports.models.hub import why_unreachable
from ecco_reports.models.source import BUNDLED, bundled_names, facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.resources import resource

_PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "accelerate",
    "huggingface_hub",
    "altair",
    "vl-convert-python",
    "mkdocs",
    "mkdocs-material",
    "pydantic",
)
_EXTRAS = {"peft": ("adapters", "adapters of models")}
_ENOUGH_DISK = 500 * 2**20


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    name: str
    fine: bool
    detail: str


def examine(store: Path) -> list[Finding]:
    """Looks at everything that a build needs."""
    return [
        Finding("ecco_reports", True, f"{__version__} on Python {platform.python_version()}, {platform.platform()}"),
        *_packages(),
        _device(),
        _hub(),
        *_bundled(),
        *_resources(),
        _writable(store),
    ]


def _packages() -> Iterator[Finding]:
    for name in _PACKAGES:
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, False, "missing: install ecco-reports again")
    for name, (extra, use) in _EXTRAS.items():
        try:
            yield Finding(name, True, version(name))
        except PackageNotFoundError:
            yield Finding(name, True, f"not installed, needed for {use} only: pip install 'ecco-reports[{extra}]'")


def _device() -> Finding:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        return Finding("device", False, f"torch cannot be imported: {error}")
    if torch.cuda.is_available():
        return Finding("device", True, f"cuda: {torch.cuda.get_device_name(0)}")
    if torch.backends.mps.is_available():
        return Finding("device", True, "mps")
    return Finding("device", True, f"cpu, {os.cpu_count()} cores (no GPU found; none is needed)")


def _hub() -> Finding:
    """Whether models can be downloaded. Doing without is no fault: bundled ones, folders and the cache still serve."""
    try:
        hub = importlib.import_module("huggingface_hub")
        obstacle = why_unreachable()
    except ImportError as error:
        return Finding("hub", False, f"huggingface_hub cannot be imported: {error}")
    reach = f"no downloads: {obstacle}" if obstacle else f"{hub.constants.ENDPOINT} answers"
    token = "with a token" if hub.get_token() else "without a token, which gated models need in HF_TOKEN"
    return Finding("hub", True, f"{reach}; {token}; cache in {hub.constants.HF_HUB_CACHE}")


def _bundled() -> Iterator[Finding]:
    for name in bundled_names():
        try:
            facts = facts_of(ModelSpec(source=BUNDLED + name))
        except ModelLoadError as error:
            yield Finding(BUNDLED + name, False, str(error))
        else:
            reach = "texts of any length" if facts.context_length is None else f"{facts.context_length} tokens"
            yield Finding(BUNDLED + name, True, f"{facts.layers} layers, reads {reach}")


def _resources() -> Iterator[Finding]:
    for name in ("templates", "site"):
        try:
            yield Finding(name, True, str(resource(name)))
        except FileNotFoundError as error:
            yield Finding(name, False, str(error))


def _writable(store: Path) -> Finding:
    existing = next(folder for folder in (store, *store.absolute().parents) if folder.exists())
    try:
        with tempfile.TemporaryFile(dir=existing):
            free = shutil.disk_usage(existing).free
    except OSError as error:
        return Finding("store", False, f"{store} cannot be written: {error}")
    return Finding("store", free > _ENOUGH_DISK, f"{store}, {free / 2**30:.1f} GiB free")
