"""The page about all bundled models: what they are for, how large they are, and which goals they reach."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from ecco_reports.models.bundled.recipe.card import code, table
from ecco_reports.models.bundled.recipe.checkpoint import CARD_FILE, EVALUATION_FILE, Record, read_figures
from ecco_reports.models.bundled.recipe.goals import GOALS, Goal

OVERVIEW_FILE = "OVERVIEW.md"
"""Name of the page."""

_PURPOSES: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "facts": (
            "GPT2LMHeadModel",
            "continues text: facts, agreement, counting, lists, induction, short passages",
        ),
        "masked": ("BertForMaskedLM", "fills masks: facts, agreement, a diary of walks with nameable neuron factors"),
        "sentiment": (
            "T5ForConditionalGeneration",
            "writes an answer to a task: sentiment of a review, grammar of a sentence, a question about a passage",
        ),
        "sentiment-classifier": ("BertForSequenceClassification", "labels a review as positive or negative"),
    }
)

_INTRODUCTION = """\
# The bundled models

Small models that travel with the package, so that every example and every test runs without a download. They have
standard architectures and were trained by the scripts in `ecco_reports/models/bundled/recipe` on sentences that these
scripts write.

**They are toys**, made for demonstration and for tests. What they know is exactly the tables in the source, and
explanations of them say nothing about other models. Each has a card with everything that was measured."""

_USING = """\
## Using them

In an experiment, `bundled:facts` or any other of these names stands where a model is expected; the analyses that ship
explain all four. Each loads with `transformers` from its folder in the package, too:

```python
from importlib.resources import files
from transformers import pipeline

fill = pipeline("fill-mask", str(files("ecco_reports") / "models" / "bundled" / "masked"))
print(fill("The capital of Japan is the city of [MASK].")[0]["token_str"])  # tokyo
```"""

_MAKING = """\
## Making them again

```shell
make models                                                             # all of them, into build/bundled
python -m ecco_reports.models.bundled.recipe masked sentiment --seed 1  # two of them, from another seed
python -m ecco_reports.models.bundled.recipe facts --describe-only      # measure again, do not train
```

A recipe draws its text, learns a vocabulary, trains, measures, and writes the card. The same seed on the same machine
gives the same bytes. One CPU core is enough; a GPU is used if there is one."""


def render(folder: Path) -> str:
    """Write the page.

    Args:
        folder: Folder with one folder per model.

    Returns:
        The page, in Markdown.
    """
    figures = {name: read_figures(folder / name) for name in GOALS}
    parts = [_INTRODUCTION, _list(), _sizes(figures), "## Goals", _GOALS_NOTE]
    for name, goals in GOALS.items():
        parts += [f"### {code(f'bundled:{name}')}", _reached(goals, figures[name])]
    return "\n\n".join([*parts, _USING, _MAKING]) + "\n"


_GOALS_NOTE = (
    "What a model has to show to be worth looking into, and what was measured. Shares are between 0 and 1; a goal that "
    "is missed says so."
)


def write(folder: Path) -> None:
    """Write the page next to the models, if all of them are there.

    Args:
        folder: Folder with one folder per model.
    """
    if all((folder / name / EVALUATION_FILE).is_file() for name in GOALS):
        (folder / OVERVIEW_FILE).write_text(render(folder), encoding="utf-8")


def _list() -> str:
    return "\n".join(
        f"- [{code(f'bundled:{name}')}]({name}/{CARD_FILE}), a {code(architecture)}: {purpose}."
        for name, (architecture, purpose) in _PURPOSES.items()
    )


def _sizes(figures: Mapping[str, Record]) -> str:
    rows = []
    for name in _PURPOSES:
        size = sum(file["bytes"] for file in figures[name]["files"].values())
        minutes = max(1, round(figures[name]["training"]["cpu_seconds"] / 60))
        rows.append((name, f"{figures[name]['shape']['parameters']:,}", f"{size / 1e6:.1f} MB", f"{minutes} min"))
    return table(("Model", "Parameters", "On disk", "CPU time to train"), rows, "lrrr")


def _reached(goals: tuple[Goal, ...], figures: Record) -> str:
    rows = []
    for goal in goals:
        value = goal.reached(figures)
        is_met = value >= goal.least
        rows.append((goal.text, f"{goal.least:g}", f"{round(value, 3):g}", "reached" if is_met else "**missed**"))
    return table(("Measured", "At least", "Found", ""), rows, "lrrl")
