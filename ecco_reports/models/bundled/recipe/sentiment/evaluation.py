"""Everything that is measured on the finished checkpoint, gathered into `evaluation.json`."""

from pathlib import Path
from typing import Any

from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.sentiment import explanations, probes, prompts
from ecco_reports.models.bundled.recipe.sentiment.loaded import LoadedModel
from ecco_reports.models.bundled.recipe.sentiment.tokenizer import known_words
from ecco_reports.models.bundled.recipe.text import opinions, passages, scenes, verdicts


def evaluate(folder: Path, training: checkpoint.Record) -> checkpoint.Record:
    """Measure a checkpoint.

    Args:
        folder: Folder of the checkpoint.
        training: Record of the training, which is reported along with the figures.

    Returns:
        The content of `evaluation.json`.
    """
    loaded = LoadedModel(folder)
    return {
        "model": "bundled:sentiment",
        "world": _world_in_words(),
        "shape": _shape(loaded),
        "files": checkpoint.file_facts(folder),
        "training": training,
        "words": _words(loaded),
        "sentiment": probes.sentiment(loaded),
        "flips": probes.flips(loaded),
        "hand_written": probes.hand_written(loaded),
        "questions": probes.questions(loaded),
        "grammar": probes.grammar(loaded),
        "lens": probes.lens(loaded),
        "deciding_words": {
            baseline: explanations.deciding_words(loaded, baseline) for baseline in explanations.BASELINES
        },
        "answering_sentences": explanations.answering_sentences(loaded),
        "prompts": [probes.shipped(loaded, prompt) for prompt in prompts.SHIPPED],
    }


def _world_in_words() -> str:
    """Sum up the tables in a phrase."""
    praise, blame = (sum(len(kind.of(praises)) for kind in opinions.KINDS.values()) for praises in (True, False))
    return (
        f"{praise} words and phrases of praise and {blame} of blame in {len(verdicts.TEMPLATES)} sentences, "
        f"{len(scenes.SCENES)} kinds of statements with {sum(len(scene.questions) for scene in scenes.SCENES)} "
        f"questions in passages of up to {passages.LONGEST} sentences, and six rules of grammar"
    )


def _shape(loaded: LoadedModel) -> dict[str, int]:
    config = loaded.model.config
    return {
        "encoder_layers": config.num_layers,
        "decoder_layers": config.num_decoder_layers,
        "width": config.d_model,
        "heads": config.num_heads,
        "pieces": config.vocab_size,
        "parameters": sum(value.numel() for value in loaded.model.parameters()),
    }


def _words(loaded: LoadedModel) -> dict[str, Any]:
    """Count how many words of the tables are one token."""
    words = sorted({word for word in known_words() if " " not in word})
    one = sum(len(loaded.encode(word)) == 2 for word in words)  # the word and the end of the text
    return {"words": len(words), "one_token": one}
