"""What regression.yml does on a pull request, and what regression-comment.yml adds for one from a fork."""

from __future__ import annotations

import html
import shutil
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from ecco_reports.resources import bundled_models
from tests.ci.conftest import EXPERIMENT, workflow
from tests.ci.expressions import evaluated, truth
from tests.ci.github import BOT, Event, GitHub, git
from tests.ci.running import Run, run_workflow

MARKER = "<!-- ecco-reports -->"
FORK = "stranger/demo"


@contextmanager
def branch(project: Path, name: str) -> Iterator[Path]:
    """The project with a branch checked out, and then as it was."""
    git(project, "switch", "--quiet", "--create", name)
    try:
        yield project
    finally:
        git(project, "switch", "--quiet", "main")


def commit(project: Path, path: str, text: str) -> None:
    (project / path).write_text(text, encoding="utf-8")
    git(project, "add", ".")
    git(project, "commit", "--quiet", "--message", f"Changes {path}")


def damaged_model(folder: Path) -> None:
    """A copy of the bundled model whose last block is switched off: it has forgotten where everything is."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(bundled_models() / "facts", folder)
    weights = load_file(folder / "model.safetensors")
    for name in weights:
        if ".h.5." in name and "weight" in name:
            weights[name] = weights[name] * 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


Judge = Callable[[Event], Run]


@pytest.fixture(scope="module")
def judged(github: GitHub, project: Path, python: Path) -> Judge:
    """Runs regression.yml."""

    def run(event: Event) -> Run:
        return run_workflow(github, workflow(project, "regression"), event, python)

    return run


@pytest.fixture(scope="module")
def first_push(github: GitHub, project: Path, judged: Judge) -> Run:
    """A pull request that changes a text and no model."""
    with branch(project, "words"):
        commit(project, "README.md", "# Other words\n")
        return judged(github.pull_request(project, 1, "words"))


@pytest.fixture(scope="module")
def second_push(github: GitHub, project: Path, judged: Judge, first_push: Run) -> Run:
    """The same pull request, which now brings a model that has forgotten what the first one knew."""
    with branch(project, "words-and-model"):
        damaged_model(project / "candidate")
        commit(project, "experiments/first.yaml", EXPERIMENT.replace("MODEL", "./candidate"))
        return judged(github.pull_request(project, 1, "words"))


@pytest.fixture(scope="module")
def from_fork(github: GitHub, project: Path, judged: Judge, second_push: Run) -> tuple[Event, Run]:
    """A stranger's pull request, and its run."""
    with branch(project, "stranger"):
        commit(project, "README.md", "# A stranger was here\n")
        event = github.pull_request(project, 2, "main", source=FORK)
        return event, judged(event)


class TestAPullRequestThatPasses:
    def test_the_job_is_green(self, first_push: Run) -> None:
        assert first_push.conclusion == "success", first_push.log
        assert "ecco-reports: passed" in first_push.jobs["check"].step("End as the gates did").log

    def test_the_summary_is_the_report(self, first_push: Run) -> None:
        summary = first_push.jobs["check"].summary
        assert summary.startswith(MARKER)
        assert "All 4 gates passed" in summary

    def test_one_comment_says_so_and_leads_to_the_run(self, github: GitHub, first_push: Run) -> None:
        (made,) = [path for method, path in github.read()["calls"] if method == "POST"][:1]
        assert made == "repos/me/demo/issues/1/comments"
        posted = (github.artifacts(first_push.id) / "ecco-reports-comment" / "comment.md").read_text(encoding="utf-8")
        assert posted.startswith(MARKER)
        assert f"https://github.com/me/demo/actions/runs/{first_push.id}" in posted

    def test_the_site_and_every_form_of_the_report_are_uploaded(self, github: GitHub, first_push: Run) -> None:
        uploaded = github.artifacts(first_push.id) / "ecco-reports"
        assert (uploaded / "site" / "index.html").is_file()
        for name in ("report.md", "report.json", "report.html", "report.junit.xml"):
            assert (uploaded / "report" / name).stat().st_size > 0
        cases = ElementTree.parse(uploaded / "report" / "report.junit.xml").getroot().iter("testcase")
        assert len(list(cases)) >= 4

    def test_what_the_default_branch_computed_is_not_computed_again(self, first_push: Run) -> None:
        assert "everything is stored" in first_push.jobs["check"].step("Run the experiments").log


class TestAPullRequestThatFailsAGate:
    def test_the_job_ends_with_the_exit_code_of_the_gates_after_everything_is_uploaded(self, second_push: Run) -> None:
        job = second_push.jobs["check"]
        assert job.conclusion == "failure", job.log
        assert [step.name for step in job.steps if step.outcome == "failure"] == ["End as the gates did"]
        assert job.steps[-1].log == "ecco-reports: failed\n"

    def test_the_artifacts_are_there_all_the_same(self, github: GitHub, second_push: Run) -> None:
        uploaded = github.artifacts(second_push.id) / "ecco-reports"
        assert (uploaded / "site" / "comparisons" / "first.html").is_file()
        failures = ElementTree.parse(uploaded / "report" / "report.junit.xml").getroot().iter("failure")
        assert list(failures)

    def test_the_comment_of_the_first_push_is_changed_and_no_second_one_made(
        self, github: GitHub, second_push: Run
    ) -> None:
        assert second_push.jobs["comment"].conclusion == "success", second_push.jobs["comment"].log
        (comment,) = [comment for comment in github.comments() if comment["issue"] == 1]
        assert f"/actions/runs/{second_push.id}" in comment["body"]
        assert "fail" in html.unescape(comment["body"]).lower()
        assert ["PATCH", f"repos/me/demo/issues/comments/{comment['id']}"] in github.read()["calls"]

    def test_what_it_computed_is_kept_for_its_next_push_and_for_nobody_else(
        self, github: GitHub, second_push: Run
    ) -> None:
        kept = [cache for cache in github.caches if cache.key.startswith("ecco-reports-store-")]
        scopes = {cache.scope for cache in kept} - {"refs/heads/main"}
        assert "refs/pull/1/merge" in scopes
        assert all(scope.startswith("refs/pull/") for scope in scopes)

    def test_the_job_that_may_write_runs_nothing_that_the_pull_request_brings(self, second_push: Run) -> None:
        assert second_push.jobs["check"].permissions == {"contents": "read"}
        assert [step.name for step in second_push.jobs["comment"].steps if step.log] == []
        assert not list(second_push.jobs["comment"].workspace.iterdir())


class TestAPullRequestFromAFork:
    def test_its_own_run_writes_no_comment(self, github: GitHub, from_fork: tuple[Event, Run]) -> None:
        _, run = from_fork
        assert run.conclusion == "success", run.log
        assert set(run.jobs) == {"check"}

    def test_the_second_half_writes_it(
        self, github: GitHub, project: Path, python: Path, from_fork: tuple[Event, Run]
    ) -> None:
        event, run = from_fork
        after = github.finished(event, run.id, run.conclusion)
        second = run_workflow(github, workflow(project, "regression-comment"), after, python)
        assert second.conclusion == "success", second.log
        (comment,) = [comment for comment in github.comments() if comment["issue"] == 2]
        assert comment["body"].startswith(MARKER)
        assert "the pull request's own code" in comment["body"]
        assert f"/actions/runs/{run.id}" in comment["body"]

    def test_the_second_half_leaves_alone_what_the_first_half_did(
        self, github: GitHub, project: Path, python: Path, first_push: Run
    ) -> None:
        event = Event("pull_request", {"pull_request": github.read()["pulls"]["1"]}, "", "", "words")
        after = github.finished(event, first_push.id, "success")
        assert run_workflow(github, workflow(project, "regression-comment"), after, python).conclusion == "skipped"


@pytest.mark.parametrize("source", ["me/demo", FORK])
@pytest.mark.parametrize("head", ["words", "dependabot/pip/torch-2.14", "main"])
def test_exactly_one_of_the_two_halves_comments(project: Path, source: str, head: str) -> None:
    jobs = {
        name: yaml.safe_load(workflow(project, name).read_text(encoding="utf-8"))["jobs"]["comment"]["if"]
        for name in ("regression", "regression-comment")
    }
    run = {
        "event": "pull_request",
        "conclusion": "failure",
        "head_branch": head,
        "head_repository": {"full_name": source},
    }
    event = {"pull_request": {"head": {"repo": {"full_name": source}}}, "workflow_run": run}
    needs = {"check": {"outputs": {"comment": "./build/report/comment"}}}
    contexts = {"github": {"event": event, "head_ref": head, "repository": "me/demo"}, "needs": needs}
    functions = {"cancelled": lambda: False, "startsWith": str.startswith}
    first, second = (truth(evaluated(condition, contexts, functions)) for condition in jobs.values())
    assert first is not second
    assert first is (source == "me/demo" and head != "dependabot/pip/torch-2.14")
    run["conclusion"] = "cancelled"
    assert not truth(evaluated(jobs["regression-comment"], contexts, functions))


def test_an_experiment_that_cannot_be_read_is_named_and_the_comment_says_that_nothing_was_judged(
    github: GitHub, project: Path, judged: Judge
) -> None:
    with branch(project, "slip"):
        commit(project, "experiments/first.yaml", EXPERIMENT.replace("token_ranks", "token_rank"))
        run = judged(github.pull_request(project, 3, "slip"))
    job = run.jobs["check"]
    assert job.steps[-1].log == "ecco-reports: unusable\n"
    assert "::error file=experiments/first.yaml,line=7,col=5::" in job.log
    (comment,) = [comment for comment in github.comments() if comment["issue"] == 3]
    assert "nothing could be judged" in comment["body"]
    assert "Did you mean 'token_ranks'?" in comment["body"]
    assert "nothing could be judged" in job.summary


def test_a_baseline_that_was_changed_by_hand_is_named_and_nothing_is_judged_by_it(
    github: GitHub, project: Path, judged: Judge
) -> None:
    with branch(project, "by-hand"):
        baseline = (project / "baselines" / "first.json").read_text(encoding="utf-8")
        commit(project, "baselines/first.json", baseline.replace('"target_rank": 1.0', '"target_rank": 9.0'))
        run = judged(github.pull_request(project, 4, "by-hand"))
    assert run.jobs["check"].steps[-1].log == "ecco-reports: unusable\n"
    (comment,) = [comment for comment in github.comments() if comment["issue"] == 4]
    assert "nothing could be judged" in comment["body"]
    assert "baselines/first.json" in comment["body"]


class TestWhatAForkMayHandOver:
    """The second half of the fork form takes the artifact for what it is: a stranger's."""

    @pytest.fixture
    def handed_over(self, github: GitHub, project: Path, python: Path, tmp_path: Path) -> Callable[..., Run]:
        """Runs the second half on an artifact that a stranger made."""
        with branch(project, tmp_path.name):
            commit(project, "README.md", f"# {tmp_path.name}\n")
            event = github.pull_request(project, 9, "main", source=FORK)

        def run(comment: str = f"{MARKER}\nAll is well.\n", number: str = "9\n", link: str = "") -> Run:
            github.runs += 1
            folder = github.artifacts(github.runs) / "ecco-reports-comment"
            folder.mkdir(parents=True)
            (folder / "number").write_text(number, encoding="utf-8")
            if link:
                (folder / "comment.md").symlink_to(link)
            else:
                (folder / "comment.md").write_text(comment, encoding="utf-8")
            after = github.finished(event, github.runs, "success")
            return run_workflow(github, workflow(project, "regression-comment"), after, python)

        return run

    def test_what_is_as_it_should_be_is_posted(self, github: GitHub, handed_over: Callable[..., Run]) -> None:
        run = handed_over()
        assert run.conclusion == "success", run.log
        assert "All is well." in [comment for comment in github.comments() if comment["issue"] == 9][-1]["body"]

    @pytest.mark.parametrize(
        ("artifact", "said"),
        [
            ({"number": "1; curl evil.example"}, "names no pull request"),
            ({"number": "../../1"}, "names no pull request"),
            ({"number": ""}, "names no pull request"),
            ({"comment": f"{MARKER}\n" + "x" * 60_000}, "more than 60,000 bytes"),
            ({"comment": "Click here\n"}, "is not a report"),
            ({"link": "/proc/self/environ"}, "no plain file comment.md"),
        ],
    )
    def test_what_is_not_is_refused(
        self, github: GitHub, handed_over: Callable[..., Run], artifact: dict[str, str], said: str
    ) -> None:
        before = github.comments()
        run = handed_over(**artifact)
        assert run.conclusion == "failure"
        assert said in run.log
        assert github.comments() == before

    def test_the_number_of_another_pull_request_gets_no_comment(
        self, github: GitHub, handed_over: Callable[..., Run], from_fork: tuple[Event, Run]
    ) -> None:
        before = github.comments()
        run = handed_over(number="2\n")
        assert run.conclusion == "success"
        assert "is another commit by now" in run.log
        assert github.comments() == before

    def test_nothing_of_the_text_is_taken_for_a_command(
        self, github: GitHub, handed_over: Callable[..., Run], tmp_path: Path
    ) -> None:
        canary = tmp_path / "canary"
        text = f"{MARKER}\n$(touch {canary}) `touch {canary}` ${{{{ github.token }}}} @body.md\n"
        run = handed_over(comment=text)
        assert run.conclusion == "success", run.log
        assert not canary.exists()
        assert text.splitlines()[1] in [comment for comment in github.comments() if comment["issue"] == 9][-1]["body"]

    def test_a_comment_of_somebody_else_is_not_touched(self, github: GitHub, handed_over: Callable[..., Run]) -> None:
        known = github.read()
        theirs = {"id": 1, "issue": 9, "user": {"login": "mallory"}, "body": f"{MARKER}\nmine"}
        known["comments"].insert(0, theirs)
        github.write(known)
        assert handed_over().conclusion == "success"
        assert theirs in github.comments()
        assert any(one["issue"] == 9 and one["user"]["login"] == BOT for one in github.comments())
