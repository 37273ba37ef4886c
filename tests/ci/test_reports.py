"""What reports.yml does on a push to the default branch: it publishes the site and remembers the numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from tests.ci.conftest import workflow
from tests.ci.expressions import evaluated
from tests.ci.github import GitHub, git
from tests.ci.running import Run, run_workflow


@pytest.fixture(scope="module")
def first(github: GitHub, project: Path, python: Path) -> Run:
    """The first push."""
    return run_workflow(github, workflow(project, "reports"), github.push(project), python)


@pytest.fixture(scope="module")
def second(github: GitHub, project: Path, python: Path, first: Run) -> Run:
    """Another push, of another commit."""
    git(project, "commit", "--quiet", "--allow-empty", "--message", "Nothing but a commit")
    return run_workflow(github, workflow(project, "reports"), github.push(project), python)


def _history(github: GitHub) -> list[str]:
    return git(github.origin, "show", "ecco-history:first.jsonl").splitlines()


def test_the_site_is_published_with_its_address(github: GitHub, first: Run) -> None:
    assert first.conclusion == "success", first.log
    assert set(first.jobs) == {"build", "deploy", "history"}
    assert "<loc>https://me.github.io/demo/" in (github.pages / "sitemap.xml").read_text(encoding="utf-8")
    assert (github.pages / "experiments" / "first.html").is_file()


def test_the_numbers_of_a_commit_are_kept_on_a_branch_of_their_own(github: GitHub, first: Run) -> None:
    assert git(github.origin, "ls-tree", "--name-only", "ecco-history").splitlines() == ["first.jsonl"]
    assert git(github.origin, "log", "--format=%s", "ecco-history").endswith(
        f"Numbers of {first.jobs['build'].event.sha}"
    )


def test_each_commit_adds_a_line_and_computes_nothing_again(github: GitHub, first: Run, second: Run) -> None:
    assert second.conclusion == "success", second.log
    lines = _history(github)
    assert len(lines) == 2
    assert first.jobs["build"].event.sha in lines[0]
    assert second.jobs["build"].event.sha in lines[1]
    assert "everything is stored" in second.jobs["build"].step("Run the experiments").log


def test_only_the_job_that_pushes_may_write_to_the_repository(first: Run) -> None:
    assert {name: job.permissions for name, job in first.jobs.items()} == {
        "build": {"contents": "read", "pages": "read"},
        "deploy": {"pages": "write", "id-token": "write"},
        "history": {"contents": "write"},
    }


def test_a_variable_of_the_repository_ends_the_history(project: Path) -> None:
    steps = yaml.safe_load(workflow(project, "reports").read_text(encoding="utf-8"))["jobs"]["build"]["steps"]
    looks = next(step["if"] for step in steps if step.get("id") == "kept")
    keeps = next(step["with"]["history"] for step in steps if step.get("id") == "reports")
    for variables, looked, kept in (({}, True, "history"), ({"ECCO_REPORTS_HISTORY": "off"}, False, "")):
        assert evaluated(looks, {"vars": variables}, {}) is looked
        assert evaluated(keeps, {"vars": variables}, {}) == kept
