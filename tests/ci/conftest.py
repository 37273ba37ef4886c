"""A project as ``init`` writes it, on the small GitHub, with what its workflows need on this machine."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from ecco_reports.cli import main
from tests.ci.github import GitHub, git

EXPERIMENT = """\
title: Where is it?
models: {facts: MODEL}
prompts:
  heathrow: {text: Heathrow airport is located in the city of, target: " London"}
  italy: {text: The capital of Italy is the city of, target: " Rome"}
analyses:
  - token_ranks
gates:
  - {expect: the target is the first choice}
  - {expect: the target loses at most half a nat}
"""
"""Small enough to be run again and again."""


@pytest.fixture(scope="package")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What setting up Python gives: an environment whose packages, all but ours, are lent by this one."""
    folder = tmp_path_factory.mktemp("python") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    site = folder / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    lent = [path for path in sys.path if Path(path).name == "site-packages"]
    (site / "lent.pth").write_text("\n".join(lent) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="package")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project made by ``init``, with a small experiment and its baseline, committed."""
    folder = tmp_path_factory.mktemp("projects") / "demo"
    call(folder.parent, "init", "demo")
    (folder / "experiments" / "first.yaml").write_text(EXPERIMENT.replace("MODEL", "bundled:facts"), encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "A project")
    call(folder, "build")
    call(folder, "baseline", "bless")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "What the model does now is how it should be")
    return folder


@pytest.fixture(scope="package")
def github(project: Path, tmp_path_factory: pytest.TempPathFactory) -> GitHub:
    """The project on GitHub, where a run on the default branch has left its results."""
    hosted = GitHub(tmp_path_factory.mktemp("github"))
    hosted.push(project)
    kept = [project / ".ecco-reports" / "store", project / "build" / ".cache"]
    hosted.keep("ecco-reports-store-v1-Linux-of-main", "refs/heads/main", kept)
    return hosted


def call(folder: Path, *arguments: str) -> str:
    """Runs the command in a folder; says what it printed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        answer = CliRunner().invoke(main, list(arguments))
    assert answer.exit_code == 0, answer.output
    return answer.output


def workflow(project: Path, name: str) -> Path:
    """A workflow of the project."""
    return project / ".github" / "workflows" / f"{name}.yml"
