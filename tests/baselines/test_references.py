"""What a word means: runs, baselines, files, folders, experiments, and one of their models."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest

from ecco_reports.baselines import Places, leave_record, resolve, run_ids, write_baseline
from ecco_reports.errors import BaselineError
from ecco_reports.runner import NOT_RUN, Failure, Outcome, Run
from tests.baselines.making import snapshot
from tests.fakes import ROOT


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A project that is the current folder: two baselines, three runs."""
    monkeypatch.chdir(tmp_path)
    here = Places(tmp_path / "baselines", tmp_path / "store")
    for name in ("heathrow", "japan"):
        write_baseline(here.baselines, snapshot(name))
    for number in range(3):
        leave_record(here.store, {"heathrow": snapshot("heathrow", commit=str(number) * 40)})
    return here


def no_run(path):
    raise AssertionError(f"nobody asked for a run of {path}")


def found(text, places, run_of=no_run):
    return resolve(text, places, run_of)


def refusal(text, places):
    with pytest.raises(BaselineError) as caught:
        found(text, places)
    return str(caught.value)


def commit(resolved):
    return resolved.snapshots["heathrow"].commit[0]


def test_a_run_is_known_by_its_id_and_by_a_beginning_of_its_own(places):
    ids = run_ids(places.store)
    assert commit(found(ids[1], places)) == "1"
    assert found(ids[1], places).name == f"run {ids[1]}"
    assert commit(found(ids[1][:-1], places)) == "1"


def test_a_beginning_that_several_runs_have_is_refused(places):
    ids = run_ids(places.store)
    assert f"is the beginning of 3 runs ({', '.join(ids)})" in refusal(ids[0][:8], places)


def test_the_latest_runs_are_counted_backwards(places):
    assert [commit(found(text, places)) for text in ("latest", "latest~0", "latest~1", "latest~2")] == list("2210")
    assert "latest~3 asks the store" in refusal("latest~3", places)
    assert "and it has 3." in refusal("latest~3", places)


def test_without_runs_there_is_no_latest(places, tmp_path):
    assert "and it has none." in refusal("latest", Places(places.baselines, tmp_path / "nowhere"))


def test_a_baseline_is_known_by_the_name_of_its_experiment(places):
    resolved = found("japan", places)
    assert dict(resolved.snapshots) == {"japan": snapshot("japan")}
    assert resolved.name == "baseline japan"
    assert str(places.baselines / "japan.json") in resolved.said


def test_a_file_may_be_a_baseline_or_a_run_under_any_name(places, tmp_path):
    write_baseline(tmp_path / "old", snapshot("heathrow")).rename(tmp_path / "old" / "of-main.json")
    assert list(found("old/of-main.json", places).snapshots) == ["heathrow"]
    assert found("old/of-main.json", places).name == "baseline of-main"
    (run,) = list((places.store / "runs").glob(f"{run_ids(places.store)[0]}.json"))
    run.rename(tmp_path / "kept.json")
    assert commit(found("kept.json", places)) == "0"


def test_a_folder_of_baselines_and_a_project_with_one_are_all_of_them(places, tmp_path):
    for text, folder in (("baselines", "baselines"), (".", "baselines"), (str(tmp_path), f"{tmp_path}/baselines")):
        resolved = found(text, places)
        assert list(resolved.snapshots) == ["heathrow", "japan"]
        assert resolved.said == f"2 baselines in {folder}"


def test_a_store_is_its_newest_run_and_says_so(places):
    resolved = found("store", places)
    assert commit(resolved) == "2"
    assert resolved.said == "the newest run of the store store"


def test_a_folder_with_nothing_of_all_that_is_refused(places, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "the folder empty has no baselines" in refusal("empty", places)


def test_a_blessed_name_comes_before_a_folder_of_that_name(places, tmp_path):
    (tmp_path / "japan").mkdir()
    assert found("japan", places).name == "baseline japan"
    assert "the folder japan has no" in refusal("./japan", places)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("heathrw", "Did you mean 'heathrow'?"),
        ("lates", "Did you mean 'latest'?"),
        ("baselines/heatrow.json", "Did you mean 'baselines/heathrow.json'?"),
        ("qqqq", "Baselines in "),
        ("2019", "Runs in "),
        ("latest~", "Did you mean 'latest'?"),
        ("", "there is no baseline, run, file or folder called ''"),
    ],
)
def test_what_nothing_answers_to_is_refused_with_what_there_is(places, text, said):
    assert said.rstrip("?") in refusal(text, places)


def test_a_name_that_no_file_system_takes_is_refused(places):
    assert "cannot be looked up: File name too long" in refusal("x" * 5000, places)


def test_a_file_that_cannot_be_used_is_named(places):
    path = places.baselines / "japan.json"
    path.write_text(path.read_text().replace("1.0", "2.0"))
    for text in ("japan", "baselines", "baselines/japan.json", "japan#facts"):
        assert "was changed by hand" in refusal(text, places)
    assert found("heathrow", places).snapshots


def test_a_model_is_chosen_and_others_of_its_name_stay_apart(places):
    write_baseline(places.baselines, snapshot("two", models=("old", "new")))
    resolved = found("two#new", places)
    assert (resolved.model, resolved.name) == ("new", "new of baseline two")
    assert list(found("baselines#new", places).snapshots) == ["two"]
    assert "there is no model 'nwe'" in refusal("two#nwe", places)
    assert "Did you mean 'new'?" in refusal("two#nwe", places)
    assert "chooses no model" in refusal("two#", places)
    assert "chooses no model" in refusal("#new", places)


def test_a_file_whose_name_has_the_sign_is_that_file(places, tmp_path):
    write_baseline(tmp_path / "odd", snapshot("heathrow")).rename(tmp_path / "odd" / "a#b.json")
    assert found("odd/a#b.json", places).model is None
    assert found("odd/a#b.json#facts", places).model == "facts"


def test_an_experiment_file_is_the_run_of_now(places, tmp_path, monkeypatch):
    asked = []
    run = Run((SimpleNamespace(name="heathrow"),), ())
    monkeypatch.setattr(
        "ecco_reports.baselines.references.snapshots_of", lambda run: {"heathrow": snapshot("heathrow")}
    )

    def run_of(path):
        asked.append(str(path))
        return run

    resolved = found("experiments/heathrow.yaml#facts", places, run_of)
    assert (resolved.name, resolved.model) == ("facts of heathrow now", "facts")
    assert list(resolved.experiments) == ["heathrow"]
    (tmp_path / "questions").mkdir()
    (tmp_path / "questions" / "one.yml").write_text("title: one")
    assert found("questions", places, run_of).said == "the run of questions as it is now"
    assert asked == ["experiments/heathrow.yaml", "questions"]


def test_a_run_that_is_not_all_there_is_refused(places):
    failure = Failure(kind=NOT_RUN, message="It has not been run.")
    run = Run((SimpleNamespace(name="heathrow"),), (Outcome(None, None, failure, None, fresh=False),))
    with pytest.raises(BaselineError, match=r"1 of the 1 results of one\.yaml are not in the store"):
        found("one.yaml", places, lambda path: run)


def test_finding_snapshots_imports_neither_torch_nor_what_draws(places):
    code = (
        "import sys; from pathlib import Path; from ecco_reports.baselines import Places, resolve\n"
        "places = Places(Path('baselines'), Path('store'))\n"
        "for text in ('latest', 'heathrow', 'baselines', 'store'): resolve(text, places, None)\n"
        "print([m for m in ('torch', 'transformers', 'altair', 'mkdocs', 'tokenizers') if m in sys.modules])"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)}, check=False
    )
    assert (answer.stdout.strip(), answer.stderr) == ("[]", "")
