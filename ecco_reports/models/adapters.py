"""Merges a PEFT adapter into the weights of the model that it was trained on.

In: a module and the adapter's folder. Out: the same kind of module, with other numbers in it. A merged model has the
anatomy of its base, so that the two can be compared block by block.
"""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.memory import is_out_of_memory, told
from ecco_reports.modelspec import ModelSpec

_SHOWN = 200
"""Characters of another library's message that are repeated."""


def brought_by(folder: Path) -> frozenset[str]:
    """The names of the modules that an adapter brings whole: often the head, which its base need not have."""
    config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
    return frozenset(config.get("modules_to_save") or ())


def merged(spec: ModelSpec, module: Any, folder: Path) -> Any:
    """The module with the adapter's changes added to its weights.

    Raises:
        ModelLoadError: peft is not installed, the adapter belongs to another model, or is of a kind that changes the
            input rather than the weights.
    """
    try:
        import peft
    except ImportError as error:
        what = f"{spec.adapter} is a PEFT adapter, which needs another package: pip install 'ecco-reports[adapters]'."
        raise ModelLoadError(spec.source, what) from error
    from safetensors import SafetensorError

    try:
        config = peft.PeftConfig.from_pretrained(str(folder))
        if config.is_prompt_learning:
            kind = getattr(config.peft_type, "value", config.peft_type)
            what = f"{spec.adapter} ({kind}) adds to the input and changes no weights: it cannot be merged."
            raise ModelLoadError(spec.source, what)
        config.inference_mode = True
        config.base_model_name_or_path = None  # Where the base lay when it was trained says nothing here.
        with warnings.catch_warnings(action="ignore"):  # What peft has to say to the authors of adapters.
            adapted = peft.get_peft_model(module, config)
            weights = peft.utils.load_peft_weights(str(folder), device="cpu")
            lacking = set(peft.get_peft_model_state_dict(adapted, save_embedding_layers=False)) - set(weights)
            outcome = peft.set_peft_model_state_dict(adapted, weights)
            if odd := sorted({*lacking, *outcome.unexpected_keys}):
                raise ValueError(f"{odd[0]} is in one of them only")
            return adapted.merge_and_unload(safe_merge=True)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError) as error:
        if is_out_of_memory(error):
            raise told(error, spec.source, "its adapter") from error
        what = " ".join(str(error).split())
        what = what if len(what) <= _SHOWN else f"{what[:_SHOWN]}…"
        raise ModelLoadError(
            spec.source, f"the adapter {spec.adapter} does not belong to {spec.source}, or is damaged: {what}"
        ) from error
