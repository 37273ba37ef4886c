"""The folder of a finished model: weights in float16, the figures that were measured on them, and their checksums."""

import hashlib
import json
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

Record = dict[str, Any]
"""How weights were trained, or a part of what was measured on them, as `evaluation.json` reports it."""

EVALUATION_FILE = "evaluation.json"
"""Name of the file with the figures."""

CARD_FILE = "CARD.md"
"""Name of the card."""

_MEASURED_FILES: tuple[str, ...] = ("model.safetensors", "tokenizer.json")


@torch.no_grad()
def round_to_float16(model: torch.nn.Module, logits: Callable[[], torch.Tensor]) -> Record:
    """Round the weights to what float16 can hold, and measure what the model loses.

    Args:
        model: The model; its weights stay float32 but hold rounded values afterwards.
        logits: Runs the model on a sample, (..., pieces).

    Returns:
        The largest change of a logit, and the share of positions with the same first choice.
    """
    before = logits()
    for value in model.parameters():
        value.copy_(value.to(torch.float16))
    after = logits()
    return {
        "tokens": after[..., 0].numel(),
        "largest_logit_change": round(float((after - before).abs().max()), 5),
        "same_first_choice": round(float((after.argmax(-1) == before.argmax(-1)).float().mean()), 5),
    }


def versions() -> dict[str, str]:
    """Name the versions that decide which bytes a seed gives.

    Returns:
        Versions of Python, PyTorch and Transformers.
    """
    return {
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
    }


def file_facts(folder: Path) -> dict[str, dict[str, Any]]:
    """Describe the files that the figures belong to.

    Args:
        folder: Folder of the checkpoint.

    Returns:
        Size and SHA-256 of weights and tokenizer.
    """
    return {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": hashlib.sha256((folder / name).read_bytes()).hexdigest(),
        }
        for name in _MEASURED_FILES
    }


def write_figures(figures: Record, folder: Path) -> None:
    """Write the figures next to the weights.

    Args:
        figures: The figures.
        folder: Folder of the checkpoint.
    """
    text = json.dumps(figures, indent=1, ensure_ascii=False) + "\n"
    (folder / EVALUATION_FILE).write_text(text, encoding="utf-8")


def read_figures(folder: Path) -> Record:
    """Read the figures that ship with a checkpoint.

    Args:
        folder: Folder of the checkpoint.

    Returns:
        The figures.
    """
    content: Record = json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
    return content
