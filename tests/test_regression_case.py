"""The regression experiment that ships tells a model that forgot, and one that reasons otherwise, from rounding."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from ecco_reports.comparison import compare_within, gained, headline, lost
from ecco_reports.executors import LocalExecutor
from ecco_reports.experiment import load_experiment
from ecco_reports.gates import judge
from ecco_reports.plan import make_plan
from ecco_reports.runner import execute
from ecco_reports.snapshot import snapshots_of
from ecco_reports.store import Store
from tests.fakes import ROOT
from tests.models.bundled.test_damaged import FORGOTTEN


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The experiment on its five lost facts and seven others, which is a third of its work."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)
        whole = load_experiment(ROOT / "experiments" / "regression" / "facts.yaml")
        others = sorted(set(whole.prompts) - FORGOTTEN)
        asked = {*FORGOTTEN, *random.Random(0).sample(others, 7)}
        prompts = {name: prompt for name, prompt in whole.prompts.items() if name in asked}
        entries = tuple(replace(entry, prompts=tuple(prompts)) for entry in whole.analyses)
        store = Store(tmp_path_factory.mktemp("regression"))
        plan = make_plan([replace(whole, prompts=prompts, analyses=entries)], store)
        run = execute(plan, LocalExecutor(), store)
    comparison = compare_within(snapshots_of(run)[whole.name], whole.baseline)
    return comparison, judge(run, {whole.name: comparison})


def broken(judged, model):
    return {(verdict.name, verdict.prompt) for verdict in judged[1].gates if verdict.failed and verdict.model == model}


def test_the_facts_that_were_lost_are_named(judged):
    comparison, _ = judged
    assert {fact.prompt.name for fact in lost(comparison)} == FORGOTTEN
    assert {fact.models for fact in lost(comparison)} == {("original", "forgetful")}
    assert not gained(comparison)
    assert all(name in headline(comparison) for name in FORGOTTEN)
    at = {prompt for name, prompt in broken(judged, "forgetful") if name == "the target is the first choice"}
    assert at == FORGOTTEN


def test_moved_reasons_are_flagged_although_every_answer_is_right(judged):
    names = {name for name, _ in broken(judged, "displaced")}
    assert names == {"attribution.moved_share"}
    assert len(broken(judged, "displaced")) == 12


def test_rounding_passes(judged):
    comparison, verdicts = judged
    assert not broken(judged, "rounded")
    assert {verdict.status for verdict in verdicts.gates if verdict.model == "rounded"} == {"pass"}
    marks = {pair.mark for pair in comparison.pairs if pair.models[1] == "rounded"}
    assert marks == {"same"}


def test_the_original_is_held_against_nothing(judged):
    names = {verdict.name for verdict in judged[1].gates if verdict.model == "original"}
    assert names == {"the target is the first choice"}
