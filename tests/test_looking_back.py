"""The verb history as a user meets it."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecco_reports.cli import building, main
from ecco_reports.history import add, read
from tests.fakes import ROOT
from tests.history.makers import line, written

EXPERIMENT = """\
title: Capitals
models: {facts: bundled:facts}
prompts:
  japan: {text: The capital of Japan is the city of, target: " Tokyo"}
  france: {text: The capital of France is the city of, target: " Paris"}
analyses:
  - token_ranks
gates:
  - {metric: token_ranks.target_rank, max: 1}
"""


def git(*words):
    who = ("-c", "user.name=A", "-c", "user.email=a@b.example", "-c", "commit.gpgsign=false")
    return subprocess.run(["git", *who, *words], check=True, capture_output=True, text=True).stdout.strip()


def invoke(*words, code=0):
    result = CliRunner().invoke(main, [str(word) for word in words])
    assert result.exit_code == code, result.output
    return result.output


@pytest.fixture(scope="module")
def computed(tmp_path_factory, one_thread):
    """A store with the results of the experiment, which takes longest."""
    folder = tmp_path_factory.mktemp("computed")
    (folder / "capitals.yaml").write_text(EXPERIMENT)
    invoke("run", folder / "capitals.yaml", "--store", folder / "store", "--baselines", folder / "none")
    return folder / "store"


@pytest.fixture
def project(tmp_path, monkeypatch, computed):
    """A checkout with the experiment and its results, which is the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "capitals.yaml").write_text(EXPERIMENT)
    git("init", "-q", "-b", "main", ".")
    git("add", ".")
    git("commit", "-q", "-m", "one", "--date", "2026-03-01T12:00:00+01:00")
    return lambda *words, code=0: invoke("history", *words, code=code)


def test_a_run_is_added_once(project, computed):
    output = project("add", "--store", computed, "--run-url", "https://ci.example/1")
    sha = git("rev-parse", "HEAD")
    assert output == f"capitals: {sha[:7]} added\n"
    (told,) = read(Path("history/capitals.jsonl")).lines
    assert (told.commit, told.branch, told.run, told.failures) == (sha, "main", "https://ci.example/1", 0)
    assert told.means["facts"]["token_ranks"]["target_rank"].mean == 1
    assert (told.verdicts, told.failing, told.lost) == ({"pass": 2}, (), None)
    assert told.time == git("show", "-s", "--format=%cI", "HEAD")
    before = Path("history/capitals.jsonl").read_bytes()
    assert project("add", "--store", computed) == f"capitals: {sha[:7]} already there\n"
    assert Path("history/capitals.jsonl").read_bytes() == before


def test_another_result_of_one_commit_is_refused_until_told(project, computed):
    project("add", "--store", computed)
    text = Path("experiments/capitals.yaml").read_text()
    Path("experiments/capitals.yaml").write_text(text.replace("max: 1", "max: 0.5"))
    assert "tells something else of the commit" in project("add", "--store", computed, "--allow-dirty", code=2)
    assert "in place of" in project("add", "--store", computed, "--allow-dirty", "--replace")
    (told,) = read(Path("history/capitals.jsonl")).lines
    assert told.verdicts == {"fail": 2}
    assert told.failing == ("token_ranks.target_rank of france (facts)", "token_ranks.target_rank of japan (facts)")


def test_a_dirty_checkout_and_none_are_refused(project, computed, tmp_path, monkeypatch):
    Path("experiments/more.txt").write_text("x")
    said = project("add", "--store", computed, code=2)
    assert "experiments: 1 change not committed (experiments/more.txt). Commit, or add with --allow-dirty." in said
    assert not Path("history").exists()
    bare = tmp_path / "bare"
    bare.mkdir()
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (bare / "capitals.yaml").write_text(EXPERIMENT)
    monkeypatch.chdir(bare)
    assert "is in no commit" in project("add", "capitals.yaml", "--store", computed, code=2)


def test_nothing_that_was_not_run_is_added(project):
    assert "has no result" in project("add", code=2)
    assert not Path("history").exists()


def test_the_address_of_a_run_is_an_address(project, computed):
    assert "https://" in project("add", "--store", computed, "--run-url", "javascript:alert(1)", code=2)


def test_what_is_known_is_listed_and_shown(project, tmp_path):
    assert "There is no history in history" in project("list")
    path = written(tmp_path / "history", [-1.0] * 6 + [-3.0] * 4)
    path.write_text(path.read_text() + '{"cut')
    listed = project("list")
    assert "capitals: 10 commits, the latest 000000a of 2026-03-10" in listed
    assert f"{Path('history/capitals.jsonl')}:11: this line is cut off or no JSON, so it is left out." in listed
    shown = project("show", "capitals")
    assert "capitals: 1 metric over 10 commits" in shown
    assert "changed: −1 → −3 in 0000006..0000007" in shown
    assert "Did you mean 'capitals'?" in project("show", "capitls", code=2)


def test_a_site_has_the_history_and_is_built_again_where_it_grew(project, computed, tmp_path):
    path = written(tmp_path / "history", [-1.0] * 6 + [-3.0] * 4)
    asked = building._Asked((), computed, Path("none"), path.parent, 1)
    found = building._judged(asked)
    pages = {page.path: page for page in building._rendered(found, (), tmp_path / "site", "https://team.example/x")}
    assert {"index.md", "history/index.md", "history/capitals.md"} <= set(pages)
    feed = pages["history/index.md"].assets["history/feed.xml"].decode()
    assert "https://team.example/x/history/feed.xml" in feed
    stamp = building._stamp(found, (), {})
    assert building._stamp(building._judged(asked), (), {}) == stamp
    add(path.parent, line(10, -3.0))
    assert building._stamp(building._judged(asked), (), {}) != stamp
    none = replace(asked, history=tmp_path / "nothing")
    assert not any(
        page.path.startswith("history/") for page in building._rendered(building._judged(none), (), tmp_path)
    )


def test_metrics_without_a_step_are_shown_on_demand(project, tmp_path):
    written(tmp_path / "history", [-1.0] * 6)
    assert "No metric stepped." in project("show", "capitals")
    assert "weighing.logprob of m: −1 (mean of 40 prompts)" in project("show", "capitals", "--all")


def test_looking_back_imports_no_torch(project, computed, tmp_path):
    script = (
        "import sys; from ecco_reports.cli import main\n"
        "try: main(sys.argv[1:], standalone_mode=False)\n"
        "except SystemExit as end: assert not end.code, end.code\n"
        "print(sorted({'torch', 'transformers', 'altair'} & set(sys.modules)))"
    )
    written(tmp_path / "history", [-1.0] * 6 + [-3.0] * 4)
    for words in (["list"], ["show", "capitals"]):
        done = subprocess.run(
            [sys.executable, "-c", script, "history", *words], capture_output=True, text=True, check=True,
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT)},
        )  # fmt: skip
        assert json.loads(done.stdout.splitlines()[-1].replace("'", '"')) == []
