"""Writes the questions and the damaged copies that the shipped regression experiment uses."""

import random
import shutil
import sys
from pathlib import Path

import torch
import yaml
from transformers import GPT2LMHeadModel

from ecco_reports.models.bundled.recipe.damaged.questions import Question, known, shipped
from ecco_reports.models.bundled.recipe.damaged.spoiling import displace, forget
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.resources import bundled_models

_FORGOTTEN = 5
_HEAD = "# Facts that the bundled model knows. Written by `python -m ecco_reports.models.bundled.recipe.damaged`.\n"
_AS_IN_THE_ORIGINAL = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


def main(folder: Path) -> None:
    """Make everything below a folder.

    Args:
        folder: Where to write ``_questions.yaml`` and ``models``.
    """
    source = bundled_models() / "facts"
    questions = known(LoadedModel(source))
    asked = shipped(questions)
    _write_questions(asked, folder / "_questions.yaml")
    model = original()
    lost = random.Random(1).sample(list(asked), _FORGOTTEN)
    _save(forget(model, questions, lost, seed=1), source, folder / "models" / "forgetful")
    _save(displace(model, questions, seed=3), source, folder / "models" / "displaced")
    sys.stdout.write("forgotten: " + ", ".join(sorted(one.name for one in lost)) + "\n")


def original() -> GPT2LMHeadModel:
    """The bundled model in float32, with attention that can be differentiated twice."""
    folder = bundled_models() / "facts"
    return GPT2LMHeadModel.from_pretrained(
        folder, dtype=torch.float32, attn_implementation="eager", local_files_only=True
    ).eval()


def _write_questions(questions: tuple[Question, ...], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    prompts = {one.name: {"text": one.text, "target": one.answer} for one in questions}
    written = yaml.safe_dump({"prompts": prompts}, sort_keys=False, allow_unicode=True, width=120)
    path.write_text(_HEAD + written, encoding="utf-8")


def _save(model: GPT2LMHeadModel, source: Path, folder: Path) -> None:
    """Writes weights in float16, as the original has them, beside the original's own settings and tokenizer."""
    model.to(torch.float16).save_pretrained(folder)
    for name in _AS_IN_THE_ORIGINAL:
        shutil.copyfile(source / name, folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
