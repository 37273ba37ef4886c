"""The workflows and the actions hold before GitHub's schema, a shell's grammar, and an auditor of supply chains."""

from __future__ import annotations

import re
import subprocess
import sysconfig
from pathlib import Path

import pytest
import yaml

from tests.ci.actions import KNOWN
from tests.ci.conftest import call
from tests.ci.running import CHECKOUT

SCRIPTS = Path(sysconfig.get_path("scripts"))
ACTIONS = (CHECKOUT / "action.yml", CHECKOUT / ".github" / "actions" / "comment" / "action.yml")
WORKFLOWS = tuple(sorted((CHECKOUT / "templates" / "project" / "dot-github" / "workflows").glob("*.yml")))
USES = re.compile(r"uses: (?P<action>\S+)@(?P<ref>\S+)(?: # (?P<version>\S+))?$", re.MULTILINE)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project as ``init`` writes it with an action that is pinned, and the actions of this checkout."""
    folder = tmp_path_factory.mktemp("linted")
    call(folder, "init", "--action", f"ecco-reports/ecco_reports@{COMMIT}")
    for action in ACTIONS:
        copy = folder / action.relative_to(CHECKOUT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(action.read_bytes())
    return folder


def test_actionlint_finds_nothing_in_the_workflows_and_shellcheck_nothing_in_their_scripts(repository: Path) -> None:
    files = sorted(map(str, (repository / ".github" / "workflows").glob("*.yml")))
    assert len(files) == 3
    command = [str(SCRIPTS / "actionlint"), "-no-color", "-shellcheck", str(SCRIPTS / "shellcheck"), *files]
    found = subprocess.run(command, capture_output=True, text=True)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


def test_actionlint_and_shellcheck_would_have_found_something(repository: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.yml"
    good = (repository / ".github" / "workflows" / "regression.yml").read_text(encoding="utf-8")
    bad.write_text(good.replace('exit "$EXIT_CODE"', "exit $EXIT_CODE").replace("timeout-minutes", "timeout"))
    command = [str(SCRIPTS / "actionlint"), "-no-color", "-shellcheck", str(SCRIPTS / "shellcheck"), str(bad)]
    found = subprocess.run(command, capture_output=True, text=True)
    assert "SC2086" in found.stdout
    assert 'unexpected key "timeout"' in found.stdout


@pytest.mark.parametrize("action", ACTIONS, ids=lambda path: path.parent.name)
def test_shellcheck_finds_nothing_in_the_scripts_of_an_action(action: Path) -> None:
    steps = [step for step in yaml.safe_load(action.read_text(encoding="utf-8"))["runs"]["steps"] if "run" in step]
    assert steps
    for step in steps:
        # SC2153 takes a variable that comes from `env` for a slip of the pen; the last lines do that better.
        command = [str(SCRIPTS / "shellcheck"), "--shell=bash", "--exclude=SC2153", "-"]
        found = subprocess.run(command, input=step["run"], capture_output=True, text=True)
        assert (found.returncode, found.stdout) == (0, ""), found.stdout
        assert step["run"].startswith("set -euo pipefail\n")
        assert step["shell"] == "bash"
        used = set(re.findall(r"\$\{?([A-Z][A-Z_]*)", step["run"]))
        given = {name for name in used if name.startswith(("GITHUB_", "RUNNER_"))}
        assert used - given == set(step.get("env", {})) & used, step["name"]
        assert set(step.get("env", {})) - used <= {"GH_TOKEN", "AUTHOR"}, step["name"]


def test_zizmor_finds_nothing_in_workflows_and_actions(repository: Path) -> None:
    command = [str(SCRIPTS / "zizmor"), "--offline", "--no-progress", "--color", "never", "--persona", "pedantic"]
    found = subprocess.run([*command, str(repository)], capture_output=True, text=True)
    assert found.returncode == 0, found.stdout + found.stderr
    assert found.stdout.startswith("No findings to report.")
    assert found.stderr.count("completed") == len(WORKFLOWS) + len(ACTIONS)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}-{path.name}")
def test_every_action_of_somebody_else_is_pinned_to_a_commit_and_says_its_version(path: Path) -> None:
    used = list(USES.finditer(path.read_text(encoding="utf-8")))
    assert len(used) == path.read_text(encoding="utf-8").count("uses:")
    for found in used:
        if not found["action"].startswith("ecco-reports/"):
            known = KNOWN[found["action"]]
            assert (found["ref"], found["version"]) == (known.commit, known.version)


@pytest.mark.parametrize("action", ACTIONS, ids=lambda path: path.parent.name)
def test_every_output_that_an_action_reads_is_written_by_the_step_it_is_read_of(action: Path) -> None:
    said = yaml.safe_load(action.read_text(encoding="utf-8"))
    steps = {step["id"]: step["run"] for step in said["runs"]["steps"] if "id" in step}
    for step, output in re.findall(r"steps\.([\w-]+)\.outputs\.([\w-]+)", action.read_text(encoding="utf-8")):
        assert re.search(rf'echo "{output}=', steps[step]), f"{step} writes no {output}"


@pytest.mark.parametrize("action", ACTIONS, ids=lambda path: path.parent.name)
def test_every_input_of_an_action_is_described_and_used(action: Path) -> None:
    text = action.read_text(encoding="utf-8")
    for name, about in yaml.safe_load(text)["inputs"].items():
        assert about["description"]
        assert f"inputs.{name}" in text


def test_every_job_says_what_it_may_and_how_long_it_may_take() -> None:
    for path in WORKFLOWS:
        said = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert said["permissions"] == {}
        for job in said["jobs"].values():
            assert job["permissions"]
            assert job["timeout-minutes"] <= 60
