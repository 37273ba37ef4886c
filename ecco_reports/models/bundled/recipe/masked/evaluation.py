"""Everything that is measured on the finished checkpoint, gathered into `evaluation.json`."""

from pathlib import Path

from ecco_reports.models.bundled.recipe.bert import sizes
from ecco_reports.models.bundled.recipe.checkpoint import Record, file_facts
from ecco_reports.models.bundled.recipe.masked import probes, prompts
from ecco_reports.models.bundled.recipe.masked.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.text import world


def evaluate(folder: Path, training: Record) -> Record:
    """Measure a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        training: Record of the training, which is reported along with the figures.

    Returns:
        The content of `evaluation.json`.
    """
    loaded = LoadedModel(folder)
    return {
        "model": "bundled:masked",
        "world": _world_in_words(),
        "shape": sizes(loaded.model),
        "files": file_facts(folder),
        "training": training,
        "facts": probes.facts(loaded),
        "agreement": probes.agreement_by_shape(loaded),
        "lens": probes.lens(loaded),
        "contributions": probes.contributions(loaded),
        "factors": probes.factors(loaded),
        "heads": probes.heads(loaded),
        "prompts": [probes.cloze(loaded, case) for case in prompts.CLOZES],
    }


def _world_in_words() -> str:
    """Sum up the tables in a phrase."""
    return (
        f"{len(world.COUNTRIES)} countries with their capital, continent and language, {len(world.AIRPORTS)} airports, "
        f"{len(world.LANDMARKS)} landmarks, {len(world.OTHER_CITIES)} further cities, {len(world.OPPOSITES)} pairs of "
        f"opposites, {len(world.SOUNDS)} sounds and {len(world.YOUNG)} young of animals, {len(world.COLORS)} colors, "
        f"and {len(world.AUTHORS)} works and their authors"
    )
