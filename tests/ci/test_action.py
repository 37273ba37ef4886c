"""The action used otherwise than by the workflows of ``init``: in a folder of a repository, and with slips."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ci.actions import KNOWN
from tests.ci.conftest import EXPERIMENT, call
from tests.ci.github import GitHub, git
from tests.ci.running import Run, run_workflow

WORKFLOW = """\
on: push
jobs:
  one:
    runs-on: ubuntu-24.04
    permissions: {{contents: read}}
    outputs:
      code: ${{{{ steps.it.outputs.exit-code }}}}
      reports: ${{{{ steps.it.outputs.reports }}}}
      site: ${{{{ steps.it.outputs.site }}}}
      comment: ${{{{ steps.it.outputs.comment }}}}
    steps:
      - uses: actions/checkout@{checkout}
      - id: it
        uses: ecco-reports/ecco_reports@v0
        with: {{{inputs}}}
"""


@pytest.fixture
def monorepo(tmp_path: Path) -> tuple[GitHub, Path]:
    """A repository with a project in a folder of it, and an experiment that cannot be read."""
    folder = tmp_path / "all"
    folder.mkdir()
    call(folder, "init", "lab", "--only", "project")
    experiment = folder / "lab" / "experiments" / "with space.yaml"
    experiment.write_text(EXPERIMENT.replace("MODEL", "bundled:fakts"), encoding="utf-8")
    git(folder, "init", "--quiet")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "--message", "All")
    return GitHub(tmp_path / "github"), folder


def use(monorepo: tuple[GitHub, Path], python: Path, inputs: str) -> Run:
    github, folder = monorepo
    path = folder.parent / "workflow.yml"
    path.write_text(WORKFLOW.format(checkout=KNOWN["actions/checkout"].commit, inputs=inputs), encoding="utf-8")
    return run_workflow(github, path, github.push(folder), python)


def test_a_project_may_lie_in_a_folder_and_name_its_files(monorepo: tuple[GitHub, Path], python: Path) -> None:
    inputs = r'command: check, folder: lab, files: "experiments/with space.yaml\n\n"'
    job = use(monorepo, python, inputs).jobs["one"]
    assert job.conclusion == "success", job.log
    assert "experiments/with space.yaml:2:17:" in job.log
    assert "first.yaml" not in job.log
    assert job.outputs == {"code": "2", "reports": "lab/build/report", "site": "", "comment": ""}
    assert "Did you mean 'bundled:facts'?" in job.summary


def test_a_build_that_cannot_be_says_so_and_names_no_site(monorepo: tuple[GitHub, Path], python: Path) -> None:
    job = use(monorepo, python, "command: build, folder: lab").jobs["one"]
    assert job.outputs == {"code": "2", "reports": "", "site": "", "comment": ""}
    assert job.summary.startswith("### Explainability reports: unusable")


def test_a_command_that_there_is_none_of_fails_at_once(monorepo: tuple[GitHub, Path], python: Path) -> None:
    job = use(monorepo, python, "command: deploy").jobs["one"]
    assert job.conclusion == "failure"
    assert "neither build nor check" in job.step("Look around").log
    assert job.step("Install").outcome == "skipped"
