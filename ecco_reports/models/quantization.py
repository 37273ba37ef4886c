"""Makes of ``quantization:`` in an experiment the configuration that the transformers library asks for.

In: a ``ModelSpec``. Out: the library's own object, so that a method of tomorrow needs no line here. Never: numbers of
its own.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from ecco_reports.errors import ModelLoadError, did_you_mean
from ecco_reports.modelspec import ModelSpec

# What is called otherwise by people than by the library, which has two names for one configuration.
_SYNONYMS = {"bitsandbytes": "bitsandbytes_4bit"}


def quantization_config(spec: ModelSpec) -> Any:
    """The configuration of the method that an experiment names, or None when it names none.

    Raises:
        ModelLoadError: There is no such method, it has no such setting, or its package is not installed.
    """
    if spec.quantization is None:
        return None
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING as CLASSES

    method, settings = spec.quantization.method, dict(spec.quantization.settings)
    cls = CLASSES.get(_SYNONYMS.get(method, method))
    if cls is None:
        hint = did_you_mean(method, sorted({*CLASSES, *_SYNONYMS}))
        raise ModelLoadError(spec.source, f"quantization: there is no method {method!r}. {hint}")
    known = [
        name
        for name, parameter in inspect.signature(cls.__init__).parameters.items()
        if name != "self" and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    ]
    for name in settings:
        if name not in known:
            hint = did_you_mean(name, known)
            raise ModelLoadError(spec.source, f"quantization: {method} has no setting {name!r}. {hint}")
    try:
        if method == "torchao" and "quant_type" in settings:
            settings["quant_type"] = _torchao_type(spec, settings["quant_type"])
        return cls(**settings)
    except ImportError as error:
        what = f"quantization: {method} needs a package that is not installed: pip install {error.name or method}."
        raise ModelLoadError(spec.source, what) from error
    except (ValueError, TypeError, AttributeError) as error:
        what = f"quantization: {method} refuses these settings: {' '.join(str(error).split())}"
        raise ModelLoadError(spec.source, what) from error


def _torchao_type(spec: ModelSpec, named: object) -> Any:
    """An object of torchao, which takes no names: ``Int8WeightOnlyConfig`` or ``{Int4WeightOnlyConfig: {...}}``."""
    name, settings = (*named.items(),)[0] if isinstance(named, Mapping) and len(named) == 1 else (named, None)
    types = importlib.import_module("torchao.quantization")
    cls = getattr(types, str(name), None)
    if not inspect.isclass(cls):
        known = [name for name in dir(types) if name.endswith("Config")]
        what = f"quantization: torchao has no quant_type {name!r}. {did_you_mean(str(name), known)}"
        raise ModelLoadError(spec.source, what)
    return cls(**(settings or {}))
