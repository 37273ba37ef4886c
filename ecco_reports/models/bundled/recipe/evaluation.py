"""Everything that is measured on the finished checkpoint, gathered into `evaluation.json`."""

import hashlib
import json
from pathlib import Path
from typing import Any

from ecco_reports.models.bundled.recipe import probes, prompts, world
from ecco_reports.models.bundled.recipe.loaded import LoadedModel

EVALUATION_FILE = "evaluation.json"
"""Name of the file with the figures."""

_WEIGHTS_FILES: tuple[str, ...] = ("model.safetensors", "tokenizer.json")


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
        for name in _WEIGHTS_FILES
    }


def evaluate(folder: Path, training: dict[str, Any]) -> dict[str, Any]:
    """Measure a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        training: Record of the training, which is reported along with the figures.

    Returns:
        The content of `evaluation.json`.
    """
    loaded = LoadedModel(folder)
    known = probes.known_words()
    capitals = [country.capital for country in world.COUNTRIES]
    groups = (
        ("answers of the shipped prompts", sorted({case.answer.strip() for case in prompts.NEXT_WORDS})),
        ("capitals", capitals),
        ("countries", [country.name.removeprefix("the ") for country in world.COUNTRIES]),
        ("airports", [airport for airport, _ in world.AIRPORTS]),
    )
    return {
        "model": "bundled:facts",
        "world": _world_in_words(),
        "shape": _shape(loaded),
        "files": file_facts(folder),
        "training": training,
        "facts": probes.facts(loaded),
        "agreement": probes.agreement_by_shape(loaded),
        "union_list": probes.union_list(loaded),
        "repetition": probes.repetition(loaded),
        "lens": probes.lens(loaded),
        "prompts": [probes.next_word(loaded, case) for case in prompts.NEXT_WORDS],
        "texts": [probes.free_text(loaded, case, known) for case in prompts.FREE_TEXTS],
        "single_tokens": probes.single_tokens(loaded, groups),
    }


def _world_in_words() -> str:
    """Sum up the tables in a phrase."""
    union = len(world.EUROPEAN_UNION)
    return (
        f"{len(world.COUNTRIES)} countries with their capital, continent and language, {len(world.AIRPORTS)} airports, "
        f"{len(world.LANDMARKS)} landmarks, {len(world.OTHER_CITIES)} further cities, {len(world.OPPOSITES)} pairs of "
        f"opposites, {len(world.SOUNDS)} sounds and {len(world.YOUNG)} young of animals, {len(world.COLORS)} colors, "
        f"{len(world.AUTHORS)} works and their authors, the {union} members of the European Union in alphabetical "
        f"order, and {len(world.SEQUENCES)} sequences such as the days of the week"
    )


def _shape(loaded: LoadedModel) -> dict[str, int]:
    config = loaded.model.config
    return {
        "layers": config.n_layer,
        "width": config.n_embd,
        "heads": config.n_head,
        "positions": config.n_positions,
        "pieces": config.vocab_size,
        "parameters": sum(value.numel() for value in loaded.model.parameters()),
    }


def write(evaluation: dict[str, Any], folder: Path) -> None:
    """Write the figures next to the weights.

    Args:
        evaluation: The figures.
        folder: Folder of the checkpoint.
    """
    text = json.dumps(evaluation, indent=1, ensure_ascii=False) + "\n"
    (folder / EVALUATION_FILE).write_text(text, encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Read the figures that ship with a checkpoint.

    Args:
        folder: Folder of the checkpoint.

    Returns:
        The figures.
    """
    content: dict[str, Any] = json.loads((folder / EVALUATION_FILE).read_text(encoding="utf-8"))
    return content
