"""What ``init`` writes, and what it leaves as it was."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from ecco_reports import __version__
from ecco_reports.cli import main, starting

ALL = {
    ".github/workflows/regression-comment.yml",
    ".github/workflows/regression.yml",
    ".github/workflows/reports.yml",
    ".gitignore",
    "README.md",
    "experiments/first.yaml",
    "site.yml",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def used(folder: Path) -> set[str]:
    """What the workflows of a project use of ours."""
    found = set()
    for path in (folder / ".github" / "workflows").glob("*.yml"):
        for job in yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"].values():
            found |= {step["uses"] for step in job["steps"] if "uses" in step}
    return {uses for uses in found if not uses.startswith("actions/")}


def test_a_project_has_an_experiment_a_site_and_its_workflows(folder: Path) -> None:
    answer = init("demo")
    assert answer.exit_code == 0
    assert files(folder / "demo") == ALL
    assert answer.output.splitlines()[-1] == "Next: cd demo && ecco-reports build"


def test_every_file_of_a_project_that_is_yaml_is_yaml(folder: Path) -> None:
    init()
    for path in [*folder.rglob("*.yml"), *folder.rglob("*.yaml")]:
        assert yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("part", "written"),
    [
        ("workflows", {name for name in ALL if name.startswith(".github")}),
        ("project", {name for name in ALL if not name.startswith(".github")}),
    ],
)
def test_a_part_of_a_project_can_be_had_alone(folder: Path, part: str, written: set[str]) -> None:
    assert init("--only", part).exit_code == 0
    assert files(folder) == written


def test_what_was_there_stays_and_is_named(folder: Path) -> None:
    (folder / "README.md").write_text("mine", encoding="utf-8")
    (folder / "site.yml").symlink_to("nowhere")
    answer = init()
    assert answer.exit_code == 0
    assert (folder / "README.md").read_text(encoding="utf-8") == "mine"
    assert (folder / "site.yml").is_symlink()
    assert not (folder / "nowhere").exists()
    assert "kept README.md, which was there already" in answer.output
    assert "kept site.yml" in answer.output
    assert "wrote experiments/first.yaml" in answer.output


def test_the_workflows_use_the_action_of_this_version(folder: Path) -> None:
    init()
    assert used(folder) == {
        f"ecco-reports/ecco_reports@v{__version__}",
        f"ecco-reports/ecco_reports/.github/actions/comment@v{__version__}",
    }


def test_the_workflows_use_the_action_that_is_asked_for(folder: Path) -> None:
    init("--action", "my-lab/fork@0123abc")
    assert used(folder) == {"my-lab/fork@0123abc", "my-lab/fork/.github/actions/comment@0123abc"}


@pytest.mark.parametrize("action", ["fork@v1", "my-lab/fork", "a/b@c d", "a/b@c\n  evil: true", "a/b@${{ x }}", ""])
def test_an_action_that_could_not_be_one_is_refused(folder: Path, action: str) -> None:
    answer = init("--action", action)
    assert answer.exit_code == 2
    assert "OWNER/REPO@REF" in answer.output
    assert not files(folder)


@pytest.mark.parametrize(
    ("origin", "action"),
    [
        (
            '{"url": "https://github.com/my-lab/fork.git", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}}',
            "my-lab/fork@0123abc",
        ),
        (
            '{"url": "ssh://git@github.com/my-lab/fork", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}}',
            "my-lab/fork@0123abc",
        ),
        (
            '{"url": "https://git.example.org/my-lab/fork", "vcs_info": {"vcs": "git", "commit_id": "0123abc"}}',
            f"ecco-reports/ecco_reports@v{__version__}",
        ),
        ('{"url": "file:///here", "dir_info": {"editable": true}}', f"ecco-reports/ecco_reports@v{__version__}"),
        (None, f"ecco-reports/ecco_reports@v{__version__}"),
    ],
)
def test_what_pip_fetched_from_github_is_pinned_to_that_very_commit(
    monkeypatch: pytest.MonkeyPatch, origin: str | None, action: str
) -> None:
    class Installed:
        def read_text(self, name: str) -> str | None:
            assert name == "direct_url.json"
            return origin

    monkeypatch.setattr("importlib.metadata.distribution", lambda _: Installed())
    assert starting._own_action() == action


def test_a_project_below_the_root_of_a_repository_is_told_where_its_workflows_belong(folder: Path) -> None:
    (folder / ".git").mkdir()
    answer = init("lab/reports")
    assert f"GitHub reads workflows in {folder / '.github'} alone" in answer.output
    assert "`folder: lab/reports`" in answer.output
    assert "GitHub reads" not in init(".").output


def test_importing_what_init_needs_is_light() -> None:
    import subprocess
    import sys

    code = (
        "import sys; from ecco_reports.cli.starting import init, _template_files, _own_action; _template_files(); "
        "_own_action(); print([name for name in ('torch', 'transformers', 'altair', 'mkdocs') if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"
