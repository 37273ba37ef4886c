"""Baselines and comparisons as a user meets them: what is blessed, what is refused, what is compared with what."""

from __future__ import annotations

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ecco_reports.analyses.token_ranks import TokenRanks
from ecco_reports.baselines import leave_record, run_ids, write_baseline
from ecco_reports.cli import comparing, main
from tests.baselines.making import entry, snapshot
from tests.fakes import ROOT

GOOD = """\
title: Where is it?
models: {facts: bundled:facts}
prompts:
  heathrow: {text: Heathrow airport is located in the city of, target: " London"}
  orly: {text: Orly airport is located in the city of, target: " Paris"}
analyses:
  - token_ranks
gates:
  - {metric: token_ranks.target_rank, max: 1}
"""
STORE = Path(".ecco-reports/store")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one experiment that is the current directory, in no checkout."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    write(tmp_path, GOOD)
    return tmp_path


@pytest.fixture
def no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves out the page of a comparison, which takes longest."""
    monkeypatch.setattr(comparing, "_publish", lambda report, out: None)


def write(project: Path, text: str, name: str = "one.yaml") -> Path:
    file = project / "experiments" / name
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def call(*arguments: str, answer: str | None = None) -> Result:
    return CliRunner().invoke(main, list(arguments), input=answer)


def fine(*arguments: str) -> str:
    answer = call(*arguments)
    assert answer.exit_code == 0, answer.output
    return answer.output


def refused(*arguments: str) -> str:
    """What is said where nothing can be done; every baseline is as it was."""
    files = {file: file.read_bytes() for file in Path("baselines").glob("*")}
    answer = call(*arguments)
    assert answer.exit_code == 2, answer.output
    assert "Traceback" not in answer.output
    assert {file: file.read_bytes() for file in Path("baselines").glob("*")} == files
    return answer.output


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    subprocess.run(command, check=True, capture_output=True)


def edited(path: Path) -> Path:
    """The file with a number that somebody changed."""
    text = path.read_text(encoding="utf-8")
    assert '"target_rank": 1.0' in text
    path.write_text(text.replace('"target_rank": 1.0', '"target_rank": 2.0', 1), encoding="utf-8")
    return path


def test_a_run_is_blessed_listed_shown_compared_and_removed(project: Path) -> None:
    fine("run")
    said = fine("baseline", "bless", "--note", "The first.")
    assert "one: blessed 2 results of 2 prompts as baselines/one.json" in said
    assert "It is the first one." in said
    listed = fine("baseline", "list")
    assert listed.startswith("one  20")
    assert listed.rstrip().endswith("The first.")
    shown = fine("baseline", "show", "one")
    assert "Where is it? (one)" in shown
    assert "note      The first." in shown
    assert "facts · orly · token_ranks: " in shown
    assert "target_rank 1" in shown
    assert "baseline one" in fine("baseline", "diff", "one")
    assert fine("baseline", "rm", "one", "--yes") == "removed baselines/one.json\n"
    assert "There is no baseline in baselines." in fine("baseline", "list")


def test_blessing_says_what_changed_and_leaves_the_file_where_nothing_did(project: Path) -> None:
    fine("run")
    fine("baseline", "bless")
    file = project / "baselines" / "one.json"
    before = file.read_bytes()
    assert "nothing has changed since it was blessed" in fine("baseline", "bless")
    assert file.read_bytes() == before
    write(project, GOOD.replace("Orly airport", "Heathrow airport"))
    assert call("run").exit_code == 3
    assert "Against the one of 20" in fine("baseline", "bless", "--allow-failed")
    assert file.read_bytes() != before


def test_a_file_that_cannot_be_used_is_refused_everywhere_and_mended_by_blessing(project: Path) -> None:
    fine("run")
    fine("baseline", "bless")
    file = edited(project / "baselines" / "one.json")
    for verb in (["baseline", "list"], ["baseline", "show", "one"], ["baseline", "diff", "one"], ["run"], ["build"]):
        assert "baselines/one.json was changed by hand" in refused(*verb)
    assert not (project / "build").exists()
    assert "takes the place of a file that could not be used: " in fine("baseline", "bless")
    assert "1.0" in file.read_text()
    fine("run")


def test_nothing_is_blessed_whose_results_are_missing(project: Path) -> None:
    said = refused("baseline", "bless", "--allow-failed", "--allow-dirty")
    assert "one: 2 of 2 results are not in the store. First: ecco-reports run experiments/one.yaml" in said
    assert "Nothing was blessed" in said
    assert not (project / "baselines").exists()


def test_nothing_is_blessed_whose_gates_failed_unless_that_is_forgiven(project: Path) -> None:
    write(project, GOOD.replace("max: 1", "max: 0"))
    assert call("run").exit_code == 3
    said = refused("baseline", "bless", "--allow-dirty")
    assert (
        "one: 2 of the gates and checks did not pass (gate heathrow · token_ranks.target_rank: 1 is more than 0" in said
    )
    assert "--allow-failed" in said
    fine("baseline", "bless", "--allow-failed")


def test_nothing_is_blessed_whose_tasks_failed_unless_that_is_forgiven(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def trip(self: object, model: object, prompt: object, params: object) -> None:
        raise RuntimeError("the analysis tripped")

    write(project, GOOD.partition("gates:")[0])
    with monkeypatch.context() as patch:
        patch.setattr(TokenRanks, "run", trip)
        assert call("run").exit_code == 4
    said = refused("baseline", "bless", "--allow-dirty")
    assert "one: 2 of the tasks failed (heathrow · token_ranks: the analysis tripped" in said
    fine("baseline", "bless", "--allow-failed")
    assert "the analysis tripped" in fine("baseline", "show", "one")


def test_one_refusal_keeps_all_from_being_blessed(project: Path) -> None:
    fine("run")
    fine("baseline", "bless")
    write(project, GOOD.replace("Where is it?", "Where?"))
    write(project, GOOD, "two.yaml")
    write(project, GOOD.replace("Orly airport", "Gatwick airport"), "three.yaml")
    assert "three: 1 of 2 results are not in the store" in refused("baseline", "bless")


def test_nothing_is_blessed_from_a_dirty_tree_unless_that_is_forgiven(project: Path) -> None:
    (project / ".gitignore").write_text("*.pyc\n.ecco-reports/\n")
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "one")
    fine("run")
    fine("baseline", "bless")
    (project / "README.md").write_text("What stands beside the experiments does not matter.")
    file = write(project, GOOD.replace("Where is it?", "Where?"))
    fine("run")
    said = refused("baseline", "bless", "--allow-failed")
    assert "experiments: 1 change not committed (experiments/one.yaml)" in said
    assert "--allow-dirty" in said
    fine("baseline", "bless", "--allow-dirty")
    assert "with changes that were not committed" in fine("baseline", "show", "one")
    git(project, "add", str(file))
    git(project, "commit", "-qm", "two")
    assert "1 change not committed" not in fine("baseline", "bless", "--note", "Clean now.")
    assert "not committed" not in fine("baseline", "show", "one")


def test_a_project_that_keeps_everything_in_one_folder_can_bless_twice(project: Path) -> None:
    flat = project / "one.yaml"
    flat.write_text(GOOD)
    (project / "experiments" / "one.yaml").unlink()
    (project / "two.yaml").write_text(GOOD)
    (project / ".gitignore").write_text(".ecco-reports/\n")
    git(project, "init", "-q")
    git(project, "add", "-A")
    git(project, "commit", "-qm", "one")
    fine("run", "one.yaml", "two.yaml")
    fine("baseline", "bless", "one.yaml")
    fine("baseline", "bless", "two.yaml")


@pytest.mark.parametrize("verb", ["show", "diff", "rm"])
def test_an_unknown_baseline_is_refused_with_the_nearest_name(project: Path, verb: str) -> None:
    assert "There is none; ecco-reports baseline bless makes them." in refused("baseline", verb, "won")
    write_baseline(project / "baselines", snapshot("one"))
    assert "there is no baseline 'onne' in baselines. Did you mean 'one'?" in refused("baseline", verb, "onne")
    assert "there is no baseline '../x'" in refused("baseline", verb, "../x")


def test_removing_asks_first(project: Path) -> None:
    file = write_baseline(project / "baselines", snapshot("one"))
    assert call("baseline", "rm", "one", answer="n\n").exit_code == 1
    assert file.exists()
    assert call("baseline", "rm", "one", answer="y\n").exit_code == 0
    assert not file.exists()


def test_a_baseline_that_cannot_be_used_can_be_removed(project: Path) -> None:
    file = edited(write_baseline(project / "baselines", snapshot("one")))
    fine("baseline", "rm", "one", "--yes")
    assert not file.exists()


def test_a_list_names_what_cannot_be_used_beside_what_can(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    edited(write_baseline(project / "baselines", snapshot("two")))
    said = refused("baseline", "list")
    assert "one  20" in said
    assert "baselines/two.json was changed by hand" in said


def test_the_difference_needs_the_results_and_the_experiment(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    assert "one: 2 of 2 results are not in the store" in refused("baseline", "diff", "one")
    write_baseline(project / "baselines", snapshot("other"))
    assert "there is no experiment 'other' to hold against its baseline" in refused("baseline", "diff", "other")


def test_a_run_leaves_a_record_and_says_its_name_once(project: Path) -> None:
    (name,) = re.findall(r"This is run (\S+)\.\n", fine("run"))
    assert run_ids(STORE) == (name,)
    assert f"This is run {name}." in fine("run")
    assert run_ids(STORE) == (name,)
    write(project, GOOD.replace("Orly airport", "Heathrow airport").replace("Paris", "London"))
    fine("run")
    assert len(run_ids(STORE)) == 2


def test_a_store_that_takes_no_record_is_good_enough_to_run_from(project: Path) -> None:
    fine("run")
    (STORE / "runs" / f"{run_ids(STORE)[0]}.json").unlink()
    (STORE / "runs").rmdir()
    (STORE / "runs").write_text("in the way")
    assert "This run leaves no record: " in fine("run")


def test_runs_are_held_against_their_baseline_of_themselves(project: Path) -> None:
    gate = "  - {metric: token_ranks.target_logprob, against: baseline, max_drop: 0.5}\n"
    write(project, GOOD + gate)
    fine("run")
    fine("baseline", "bless")
    fine("run")
    better = snapshot_with(project, "target_logprob", 3.0)
    write_baseline(project / "baselines", better)
    answer = call("run")
    assert answer.exit_code == 3, answer.output
    assert "token_ranks.target_logprob" in answer.output
    assert call("run", "--baselines", "nowhere").exit_code == 0


def snapshot_with(project: Path, metric: str, value: float) -> object:
    """What was blessed, with another number in all entries: as of a model that was better."""
    from ecco_reports.baselines import read_baseline

    blessed = read_baseline(project / "baselines" / "one.json").snapshot
    entries = [kept.model_copy(update={"metrics": {**kept.metrics, metric: value}}) for kept in blessed.entries]
    return blessed.model_copy(update={"entries": tuple(entries)})


@pytest.mark.usefixtures("no_page")
def test_two_runs_are_compared_and_reported(project: Path) -> None:
    fine("run")
    write(project, GOOD.replace("Orly airport is", "The airport of Orly is"))
    fine("run")
    answer = call("compare", "latest~1", "latest", "-o", "out/report.json", "-o", "report.md", "-o", "r.junit.xml")
    assert answer.exit_code == 0, answer.output
    first, second = run_ids(STORE)
    assert f"baseline: the run {first}" in answer.output
    assert f"candidate: the run {second}" in answer.output
    assert "no gates were judged of one" in answer.output
    assert json.loads((project / "out" / "report.json").read_text())
    assert (project / "report.md").read_text().startswith("<!-- ecco-reports -->")
    assert (project / "r.junit.xml").is_file()


@pytest.mark.usefixtures("no_page")
def test_an_experiment_file_is_computed_and_judged_by_its_gates(project: Path) -> None:
    fine("run")
    fine("baseline", "bless")
    write(project, GOOD.replace("Orly airport", "Heathrow airport"))
    answer = call("compare", "one", "experiments/one.yaml")
    assert answer.exit_code == 3, answer.output
    assert "candidate: the run of experiments/one.yaml as it is now" in answer.output


@pytest.mark.usefixtures("no_page")
def test_two_models_of_one_experiment_are_paired_by_prompt(project: Path) -> None:
    models = "models: {old: bundled:facts, new: {source: bundled:facts, dtype: float64}}"
    write(project, GOOD.replace("models: {facts: bundled:facts}", models))
    fine("run")
    said = fine("compare", "experiments/one.yaml#old", "experiments/one.yaml#new")
    assert "the model new of the run of experiments/one.yaml as it is now" in said
    assert "one: new against old" in said
    assert "new against old" in fine("compare", "latest#old", "latest#new")
    assert fine("compare", "latest#old", "latest")
    assert "there is no model 'nwe' in the run" in refused("compare", "latest#old", "latest#nwe")


@pytest.mark.usefixtures("no_page")
def test_models_that_nobody_paired_are_refused(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one", models=("a", "b")))
    leave_record(STORE, {"one": snapshot("one", models=("c", "d"))})
    said = refused("compare", "one#a", "latest")
    assert "nobody knows which model of the run" in said
    assert "c, d" in said
    assert "facts" not in refused("compare", "one", "latest")


@pytest.mark.usefixtures("no_page")
def test_what_has_nothing_in_common_is_refused_with_the_reason(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    write_baseline(project / "baselines", snapshot("two"))
    said = refused("compare", "one", "two")
    assert "nothing can be compared: the baseline baselines/one.json is about one" in said
    leave_record(STORE, {"one": snapshot("one", texts={"x": "Other prompts"})})
    assert "prompt" in refused("compare", "one", "latest")


@pytest.mark.usefixtures("no_page")
def test_what_only_one_side_has_is_said(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    leave_record(STORE, {"one": snapshot("one"), "two": snapshot("two")})
    answer = call("compare", "one", "latest")
    assert answer.exit_code == 0, answer.output
    assert "only in the run" in answer.output
    assert ": two" in answer.output


@pytest.mark.usefixtures("no_page")
@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"failure": "it tripped", "metrics": {}}, 4),
        ({"unproven": ("gap: the residual 1 is above its tolerance 0.1",)}, 3),
    ],
)
def test_a_candidate_that_failed_is_never_passed_over(project: Path, fields: dict[str, object], code: int) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    broken = snapshot("one", entries=(entry("heathrow", **fields), entry("orly")))
    leave_record(STORE, {"one": broken})
    answer = call("compare", "one", "latest")
    assert answer.exit_code == code, answer.output
    assert "failed: one: heathrow · token_ranks: " in answer.output


def test_an_output_that_cannot_be_written_is_refused_before_anything_is_computed(project: Path) -> None:
    assert ".junit.xml" in refused("compare", "one", "experiments/one.yaml", "-o", "report.docx")
    assert not STORE.exists()


def test_a_comparison_has_a_page(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    worse = entry("heathrow", metrics={"target_rank": 9.0})
    leave_record(STORE, {"one": snapshot("one", entries=(worse, entry("orly")))})
    said = fine("compare", "one", "latest", "--out", "page")
    assert "Open page/comparisons/one.html" in said
    page = html.unescape((project / "page" / "comparisons" / "one.html").read_text(encoding="utf-8"))
    assert "1 of 2 prompts lost its answer: heathrow" in page


@pytest.mark.usefixtures("no_page")
def test_comparing_what_is_kept_imports_no_torch(project: Path) -> None:
    write_baseline(project / "baselines", snapshot("one"))
    leave_record(
        STORE, {"one": snapshot("one", entries=(entry("heathrow", metrics={"target_rank": 9.0}), entry("orly")))}
    )
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom ecco_reports.cli import comparing, main\n"
        "comparing._publish = lambda report, out: None\n"
        "for words in ('compare one latest -o r.md', 'baseline list', 'baseline show one'):\n"
        "    answer = CliRunner().invoke(main, words.split())\n"
        "    assert answer.exit_code == 0, answer.output\n"
        "print([name for name in ('torch', 'transformers', 'mkdocs') if name in sys.modules])\n"
    )
    here = {**os.environ, "PYTHONPATH": str(ROOT)}
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=here, check=False)
    assert (answer.stdout.strip(), answer.stderr) == ("[]", "")
