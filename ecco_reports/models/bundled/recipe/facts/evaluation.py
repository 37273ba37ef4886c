"""Everything that is measured on the finished checkpoint, gathered into `evaluation.json`."""

from pathlib import Path
from typing import Any

from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.facts import mechanisms, probes, prompts
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.text import world


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
        "files": checkpoint.file_facts(folder),
        "training": training,
        "facts": probes.facts(loaded),
        "agreement": probes.agreement_by_shape(loaded),
        "union_list": probes.union_list(loaded),
        "repetition": probes.repetition(loaded),
        "lens": mechanisms.lens(loaded),
        "entity_first": mechanisms.entity_first(loaded),
        "heads": mechanisms.heads(loaded),
        "prompts": [probes.next_word(loaded, case) for case in prompts.NEXT_WORDS],
        "texts": [probes.free_text(loaded, case, known) for case in prompts.free_texts()],
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
