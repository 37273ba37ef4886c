"""The experiments for models of the hub can be read without it, and work on small models of the same architectures."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ecco_reports.executors.local import LocalExecutor
from ecco_reports.experiment import load_experiment, load_experiments
from ecco_reports.gates import judge
from ecco_reports.pages import render
from ecco_reports.plan import make_plan
from ecco_reports.runner import execute
from ecco_reports.store import Store
from tests.twins import HUB, TWINS, with_twins

pytestmark = pytest.mark.usefixtures("one_thread")
FILES = sorted(HUB.glob("*.yaml"))


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("twins")


def test_they_ask_the_five_models_of_the_original_examples() -> None:
    sources = {model.source for one in load_experiments([HUB]) for model in one.models.values()}
    assert sources == set(TWINS)


def test_their_names_stay_apart_from_those_on_bundled_models() -> None:
    together = load_experiments([HUB.parent, HUB])
    assert len({experiment.name for experiment in together}) == len(together)
    assert all(experiment.name.startswith("hub-") for experiment in load_experiments([HUB]))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_works_on_models_of_its_architectures(file: Path, models: Path, tmp_path: Path) -> None:
    experiment = load_experiment(with_twins(file, models, tmp_path, small=True))
    store = Store(tmp_path / "store")
    run = execute(make_plan([experiment], store), LocalExecutor(), store)
    assert [f"{one.task.label}: {one.failure}" for one in run.failures] == []
    assert [f"{one.name}: {one.message}" for one in judge(run).failed] == []
    pages = render(run)
    assert pages.problems == ()
    page = next(page for page in pages if page.path == f"experiments/{experiment.name}.md")
    assert not re.search(r"\b(nan|inf)\b", page.markdown, re.IGNORECASE)
