"""How often the shipped regression experiment raises an alarm: at copies that are as good, and at damaged ones.

    python benchmarks/regression_rates.py [--harmless 200] [--damaged 50] [--keep build/regression-rates]

Every copy goes the whole way: it is written to a folder, loaded, run on the questions of ``experiments/regression``,
and held against the original by the gates of that experiment. An alarm is a gate that fails.

Harmless copies are, in turn, the weights rounded to float16 or to bfloat16 (up or down by chance, after scalings that
leave the function alone) and weights whose neurons and heads stand in another order. Of the damaged copies half have
forgotten one to five of the questions, and half answer right for other reasons, moved with five different strengths.
They take minutes to train and are kept in the folder that ``--keep`` names.
"""

from __future__ import annotations

import argparse
import random
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
from scipy.stats import binomtest
from transformers import GPT2LMHeadModel

from ecco_reports.comparison import compare
from ecco_reports.executors.local import LocalExecutor
from ecco_reports.experiment import Experiment, load_experiments
from ecco_reports.gates import judge_snapshots
from ecco_reports.models.bundled.recipe.damaged.__main__ import original
from ecco_reports.models.bundled.recipe.damaged.copies import harmless
from ecco_reports.models.bundled.recipe.damaged.questions import known, shipped
from ecco_reports.models.bundled.recipe.damaged.spoiling import displace, forget
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import make_plan
from ecco_reports.resources import bundled_models
from ecco_reports.runner import execute
from ecco_reports.snapshot import Snapshot, snapshots_of
from ecco_reports.store import Store

STRENGTHS = (0.05, 0.1, 0.2, 0.3, 0.5)
MOST_FORGOTTEN = 5
FILES = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")


@dataclass(frozen=True)
class Copy:
    """A candidate.

    Attributes:
        kind: What was done to it.
        name: What tells it from others of its kind.
        folder: Where it lies.
    """

    kind: str
    name: str
    folder: Path


def harmless_copies(count: int, folder: Path) -> Iterator[Copy]:
    """Copies as good as the original, one at a time: each is removed when the next one is asked for."""
    for name, model in harmless(original(), count):
        kind = name.split()[0]
        written = folder / name.replace(" ", "-")
        write(model, written, torch.float32 if kind == "re-exported" else getattr(torch, kind))
        yield Copy(kind, name, written)
        shutil.rmtree(written)


def damaged_copies(count: int, folder: Path) -> Iterator[Copy]:
    """Damaged copies, trained where they are not kept from an earlier time."""
    model = original()
    questions = known(LoadedModel(bundled_models() / "facts"))
    asked = shipped(questions)
    for seed in range(count):
        turn = seed // 2
        forgets = seed % 2 == 0
        lost = 1 + turn % MOST_FORGOTTEN
        strength = STRENGTHS[turn % len(STRENGTHS)]
        name = f"forgot {lost}, seed {seed}" if forgets else f"moved by {strength:g}, seed {seed}"
        written = folder / name.replace(", ", "-").replace(" ", "-")
        if not (written / FILES[0]).is_file():
            if forgets:
                made = forget(model, questions, random.Random(seed).sample(list(asked), lost), seed=seed)
            else:
                made = displace(model, questions, seed=seed, strength=strength)
            write(made, written, torch.float16)
        yield Copy("forgetful" if forgets else "displaced", name, written)


def write(model: GPT2LMHeadModel, folder: Path, dtype: torch.dtype) -> None:
    """A model with the original's tokenizer; the settings last, so that a folder with them is whole."""
    model.to(dtype).save_pretrained(folder)
    for name in FILES[::-1]:
        shutil.copyfile(bundled_models() / "facts" / name, folder / name)


def snapshot(experiment: Experiment, source: str, store: Path) -> Snapshot:
    """The experiment with one model, run."""
    models = {"model": ModelSpec(source=source, dtype="float32")}
    entries = tuple(replace(entry, models=("model",)) for entry in experiment.analyses)
    asked = replace(experiment, models=models, analyses=entries)
    results = Store(store)
    return snapshots_of(execute(make_plan([asked], results), LocalExecutor(), results))[experiment.name]


def alarms(experiment: Experiment, before: Snapshot, copy: Copy) -> Counter[str]:
    """The gates that fail for a copy, and at how many prompts."""
    with TemporaryDirectory() as store:
        after = snapshot(experiment, str(copy.folder), Path(store))
    comparison = compare(before, after)
    gates = tuple(replace(gate, models=()) for gate in experiment.gates)
    verdicts = judge_snapshots(
        [replace(experiment, gates=gates)], {after.experiment: after}, {after.experiment: comparison}
    )
    return Counter(verdict.name for verdict in verdicts.failed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--harmless", type=int, default=200, help="copies that are as good")
    parser.add_argument("--damaged", type=int, default=50, help="damaged copies")
    parser.add_argument(
        "--keep", type=Path, default=Path("build/regression-rates"), help="where damaged copies are kept"
    )
    options = parser.parse_args()
    torch.set_num_threads(1)
    (experiment,) = load_experiments([Path("experiments/regression/facts.yaml")])
    rows = []
    with TemporaryDirectory() as scratch:
        before = snapshot(experiment, "bundled:facts", Path(scratch) / "store")
        copies = chain(damaged_copies(options.damaged, options.keep), harmless_copies(options.harmless, Path(scratch)))
        for copy in copies:
            found = alarms(experiment, before, copy)
            rows.append((copy.kind, bool(found)))
            print(
                f"{copy.name}: {', '.join(f'{name} at {count}' for name, count in found.items()) or 'no alarm'}",
                flush=True,
            )
    print()
    for kind in dict.fromkeys(kind for kind, _ in rows):
        raised = [alarm for of, alarm in rows if of == kind]
        low, high = binomtest(sum(raised), len(raised)).proportion_ci(method="wilson")
        print(f"{kind}: {sum(raised)} of {len(raised)} raised an alarm ({low:.1%} to {high:.1%}, Wilson 95 %)")


if __name__ == "__main__":
    main()
