"""The small GitHub does what GitHub does, and refuses what it refuses: what passes here would not pass by accident."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ci.actions import KNOWN
from tests.ci.github import Event, GitHub, git
from tests.ci.running import Run, run_workflow

CHECKOUT_ACTION = f"actions/checkout@{KNOWN['actions/checkout'].commit}"
UPLOAD = f"actions/upload-artifact@{KNOWN['actions/upload-artifact'].commit}"


@pytest.fixture
def hosted(tmp_path: Path) -> tuple[GitHub, Path]:
    """A repository with one commit, and a clone of it."""
    clone = tmp_path / "clone"
    clone.mkdir()
    git(clone, "init", "--quiet")
    (clone / "a.txt").write_text("a\n", encoding="utf-8")
    git(clone, "add", ".")
    git(clone, "commit", "--quiet", "--message", "one")
    github = GitHub(tmp_path / "github")
    github.push(clone)
    return github, clone


@pytest.fixture
def run(hosted: tuple[GitHub, Path], tmp_path: Path) -> Callable[..., Run]:
    """Runs the jobs of a workflow on a push, or on another event."""
    github, clone = hosted

    def run(jobs: str, event: Event | None = None, permissions: str = "{contents: read}") -> Run:
        path = tmp_path / "workflow.yml"
        path.write_text(f"on: [push, pull_request]\npermissions: {permissions}\njobs:\n{jobs}", encoding="utf-8")
        return run_workflow(github, path, event or github.push(clone), tmp_path)

    return run


def job(*steps: str, name: str = "one", more: str = "") -> str:
    return f"  {name}:\n    runs-on: x\n{more}    steps:\n" + "".join(f"      - {step}\n" for step in steps)


def test_steps_run_in_order_and_hand_on_outputs(run: Callable[..., Run]) -> None:
    done = run(
        job(
            '{id: a, run: "echo said=hello >> $GITHUB_OUTPUT"}',
            '{name: b, env: {SAID: "${{ steps.a.outputs.said }}"}, run: "echo $SAID, $GITHUB_SHA"}',
        )
    )
    assert done.jobs["one"].step("b").log == f"hello, {done.jobs['one'].event.sha}\n"


def test_after_a_failure_only_what_asks_for_it_runs(run: Callable[..., Run]) -> None:
    done = run(job('{run: "exit 3"}', "{name: b, run: 'true'}", "{name: c, if: always(), run: 'true'}"))
    assert [step.outcome for step in done.jobs["one"].steps] == ["failure", "skipped", "success"]
    assert done.conclusion == "failure"


def test_a_failing_command_in_a_pipe_fails_only_where_the_shell_is_named(run: Callable[..., Run]) -> None:
    done = run(job("{run: 'false | true'}", "{shell: bash, run: 'false | true'}"))
    assert [step.outcome for step in done.jobs["one"].steps] == ["success", "failure"]


def test_a_job_waits_for_what_it_needs(run: Callable[..., Run]) -> None:
    needs = "    needs: one\n"
    late = job("{run: 'true'}", name="two", more=needs) + job(
        "{run: 'true'}", name="three", more=needs + "    if: ${{ !cancelled() }}\n"
    )
    assert set(run(job("{run: 'true'}") + late).jobs) == {"one", "two", "three"}
    assert set(run(job("{run: 'false'}") + late).jobs) == {"one", "three"}


def test_a_job_may_not_do_what_it_did_not_ask_for(run: Callable[..., Run]) -> None:
    done = run(job(f"uses: {CHECKOUT_ACTION}"), permissions="{}")
    assert "403" in done.log
    with pytest.raises(AssertionError, match="takes whatever permissions there are"):
        run(job("{run: 'true'}"), permissions="")


def test_a_fork_may_not_write_whatever_its_workflow_asks_for(
    hosted: tuple[GitHub, Path], run: Callable[..., Run]
) -> None:
    github, clone = hosted
    asks = "{pull-requests: write}"
    command = "{env: {GH_TOKEN: '${{ github.token }}'}, run: 'gh api --method POST repos/me/demo/issues/1/comments'}"
    mine, theirs = (github.pull_request(clone, 1, "x", source) for source in (None, "stranger/demo"))
    assert run(job(command), mine, asks).conclusion == "success"
    refused = run(job(command), theirs, asks)
    assert "HTTP 403" in refused.log
    assert len(github.comments()) == 1


def test_credentials_that_are_not_kept_cannot_push(run: Callable[..., Run], hosted: tuple[GitHub, Path]) -> None:
    push = "{run: 'git push --quiet origin HEAD:refs/heads/new'}"
    kept = f"{{uses: {CHECKOUT_ACTION}, with: {{persist-credentials: true}}}}"
    dropped = f"{{uses: {CHECKOUT_ACTION}, with: {{persist-credentials: false}}}}"
    assert run(job(dropped, push), permissions="{contents: write}").conclusion == "failure"
    assert run(job(kept, push)).conclusion == "failure"
    assert run(job(kept, push), permissions="{contents: write}").conclusion == "success"
    assert git(hosted[0].origin, "rev-parse", "new") == git(hosted[0].origin, "rev-parse", "main")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("uses: actions/checkout@v7", "is meant to be"),
        (f"{{uses: {CHECKOUT_ACTION}, with: {{deep: 1}}}}", "unknown"),
        (f"{{uses: {UPLOAD}}}", "missing"),
        ("{run: 'echo ${{ github.head_ref }}'}", "hand it over in env"),
        ("{env: {A: '${{ steps.b.outputs.c }}'}, run: 'true'}", "nothing is called 'b'"),
        ("{env: {T: '${{ github.token }}'}, run: 'echo $T'}", "a token is in a log"),
        ("{uses: ecco-reports/ecco_reports@v1, with: {command: check, fast: true}}", "has no inputs"),
        ("{uses: ecco-reports/ecco_reports@v1}", "needs the inputs"),
    ],
)
def test_what_would_be_a_mistake_on_github_is_one_here(run: Callable[..., Run], step: str, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        run(job(step))


def test_an_artifact_is_made_once_and_begins_below_what_its_paths_share(
    hosted: tuple[GitHub, Path], run: Callable[..., Run]
) -> None:
    make = "{run: 'mkdir -p out/a out/b && touch out/a/1 out/b/2 out/b/.hidden'}"
    both = f'{{uses: {UPLOAD}, with: {{name: both, path: "out/a\\nout/b\\n"}}}}'
    one = f"{{uses: {UPLOAD}, with: {{name: one, path: out/b}}}}"
    done = run(job(make, both, one))
    folder = hosted[0].artifacts(done.id)
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        "both/a/1",
        "both/b/2",
        "one/2",
    }
    assert "has an artifact" in run(job(make, one, one)).log


def test_the_newest_cache_that_a_key_begins_is_restored_and_those_of_other_pull_requests_are_not(
    hosted: tuple[GitHub, Path], tmp_path: Path
) -> None:
    github, _ = hosted
    for number, (key, scope) in enumerate(
        [("s-1", "refs/heads/main"), ("s-2", "refs/heads/main"), ("s-3", "refs/pull/2")]
    ):
        (tmp_path / key).mkdir()
        (tmp_path / key / str(number)).touch()
        github.keep(key, scope, tmp_path / key)
    assert github.restored(["s-9", "s-"], "refs/pull/1", tmp_path / "got") == "s-2"
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["1"]
    assert github.restored(["s-1", "s-"], "refs/pull/1", tmp_path / "again") == "s-1"
    assert github.restored(["t-"], "refs/pull/1", tmp_path / "none") == ""


def test_the_command_that_plays_gh_knows_no_stranger(hosted: tuple[GitHub, Path]) -> None:
    script = Path(__file__).with_name("fake_gh.py")
    env = {"FAKE_GITHUB": str(hosted[0].state), "GH_TOKEN": "ghs_guessed", "PATH": "/usr/bin:/bin"}
    command = [sys.executable, str(script), "api", "repos/me/demo/pulls/1"]
    asked = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert asked.returncode == 1
    assert "HTTP 401" in asked.stderr
