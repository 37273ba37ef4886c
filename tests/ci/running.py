"""Runs workflows: job after job, step after step, each command in a shell of its own, as a runner of GitHub would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from tests.ci.actions import KNOWN, RefusedError
from tests.ci.expressions import Declared, calls, evaluated, filled, truth
from tests.ci.github import Event, GitHub

CHECKOUT = Path(__file__).parents[2]
OURS = "ecco-reports/ecco_reports"
PATIENCE = 240
"""Seconds that a step may take."""

_FILES = ("GITHUB_OUTPUT", "GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")
_STATUS = {"success", "failure", "always", "cancelled"}


@dataclass
class Step:
    """What became of a step.

    Attributes:
        name: What it is called, or what it uses.
        outcome: ``success``, ``failure`` or ``skipped``.
        log: What it printed.
    """

    name: str
    outcome: str
    log: str = ""


@dataclass
class Job:
    """A job while it runs, and what is left of it.

    Attributes:
        name: As the workflow calls it.
        github: The repository.
        event: Why it runs.
        run_id: Of the run that it belongs to.
        permissions: What its token may do.
        folder: Where it works; nobody else does.
        python: The environment that setting up Python gives.
        environment: Of a deployment.
        steps: Those of the workflow, and those of the actions that are made of steps.
        outputs: What later jobs are told.
        path: Folders of commands, those that come first first.
        at_the_end: What actions do after the last step, if all went well.
        summary: The step summary.
    """

    name: str
    github: GitHub
    event: Event
    run_id: int
    permissions: dict[str, str]
    folder: Path
    python: Path
    environment: str = ""
    steps: list[Step] = field(default_factory=list)
    outputs: Declared = field(default_factory=Declared)
    path: list[str] = field(default_factory=list)
    at_the_end: list[Callable[[], object]] = field(default_factory=list)
    summary: str = ""
    token: str = ""

    @property
    def workspace(self) -> Path:
        """Where the repository is checked out."""
        return self.folder / "workspace"

    @property
    def conclusion(self) -> str:
        """How it ended."""
        return "failure" if any(step.outcome == "failure" for step in self.steps) else "success"

    @property
    def log(self) -> str:
        """What all steps printed."""
        return "".join(f"== {step.name}: {step.outcome}\n{step.log}" for step in self.steps)

    def step(self, name: str) -> Step:
        """A step by its name."""
        return next(step for step in self.steps if step.name == name)

    def needs_permission(self, what: str, least: str) -> None:
        """Refuses what the token may not do."""
        if self.permissions.get(what) not in (least, "write"):
            raise RefusedError(f"403: the job {self.name} may not {least} {what}")


@dataclass
class Run:
    """A workflow that ran.

    Attributes:
        id: Its number.
        jobs: The jobs that ran, by name; those that were skipped are not there.
    """

    id: int
    jobs: dict[str, Job]

    @property
    def conclusion(self) -> str:
        """How it ended."""
        ended = {job.conclusion for job in self.jobs.values()}
        return "failure" if "failure" in ended else "success" if ended else "skipped"

    @property
    def log(self) -> str:
        """What all of it printed."""
        return "".join(job.log for job in self.jobs.values())


def run_workflow(github: GitHub, workflow: Path, event: Event, python: Path) -> Run:
    """Runs a workflow that the event starts.

    Args:
        github: The repository, which changes.
        workflow: The file.
        event: Why it runs.
        python: The environment that setting up Python gives.
    """
    said = _read(workflow)
    assert event.name in said["on"], f"{workflow.name} does not run on {event.name}"
    github.runs += 1
    run = Run(github.runs, {})
    needs: dict[str, Declared] = {}
    for name, job in said["jobs"].items():
        asked = job.get("permissions", said.get("permissions"))
        assert asked is not None, f"the job {name} of {workflow.name} takes whatever permissions there are"
        permissions = {what: "read" if event.read_only and how == "write" else how for what, how in asked.items()}
        folder = github.root / "work" / f"{run.id}-{name}"
        environment = job.get("environment", {}).get("name", "")
        running = Job(name, github, event, run.id, permissions, folder, python, environment)
        running.token = github.token(name, permissions)
        before = [needs[other] for other in _listed(job.get("needs"))]
        contexts = {"github": _github(running), "vars": github.variables}
        contexts["needs"] = Declared({other: needs[other] for other in _listed(job.get("needs"))})
        fine = all(other["result"] == "success" for other in before)
        if _goes(job.get("if"), contexts, fine):
            _run_job(running, job, contexts)
            run.jobs[name] = running
        result = running.conclusion if name in run.jobs else "skipped"
        outputs = running.outputs or Declared(dict.fromkeys(job.get("outputs", {}), ""))
        needs[name] = Declared(result=result, outputs=outputs)
    tokens = github.read()["tokens"]
    assert not any(token in run.log for token in tokens), "a token is in a log"
    return run


def _read(path: Path) -> dict[str, Any]:
    # PyYAML takes the key `on` for true; GitHub does not.
    text = re.sub(r"^on:", '"on":', path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    said: dict[str, Any] = yaml.safe_load(text)
    return said


def _listed(value: Any) -> list[str]:
    return [] if value is None else [value] if isinstance(value, str) else list(value)


def _github(job: Job) -> dict[str, Any]:
    event = job.event
    return {
        "event": event.payload,
        "event_name": event.name,
        "sha": event.sha,
        "ref": event.ref,
        "ref_name": event.ref.removeprefix("refs/heads/"),
        "head_ref": event.head_ref,
        "repository": job.github.repository,
        "run_id": job.run_id,
        "token": job.token,
    }


def _goes(condition: Any, contexts: Mapping[str, Any], fine: bool) -> bool:
    """Whether a step or a job is run: if it asks for no state, only as long as all is fine."""
    functions = {
        "success": lambda: fine,
        "failure": lambda: not fine,
        "always": lambda: True,
        "cancelled": lambda: False,
        "startsWith": lambda text, head: str(text or "").casefold().startswith(head.casefold()),
    }
    if condition is None:
        return fine
    stated = calls(str(condition)) & _STATUS
    return (fine or bool(stated)) and truth(evaluated(str(condition), contexts, functions))


def _run_job(job: Job, said: Mapping[str, Any], contexts: Mapping[str, Any]) -> None:
    job.workspace.mkdir(parents=True)
    (job.folder / "temp").mkdir()
    shim = job.folder / "commands" / "gh"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{CHECKOUT}/tests/ci/fake_gh.py" "$@"\n', encoding="utf-8")
    shim.chmod(0o755)
    job.path[:] = [str(shim.parent), "/usr/local/bin", "/usr/bin", "/bin"]
    contexts = {**contexts, "runner": {"os": "Linux", "arch": "X64", "temp": str(job.folder / "temp")}}
    steps = _run_steps(job, said["steps"], contexts, said.get("env", {}), None)
    if job.conclusion == "success":
        for act in job.at_the_end:
            act()
    told = {**contexts, "steps": steps}
    job.outputs = Declared({name: filled(value, told, {}) for name, value in said.get("outputs", {}).items()})


def _run_steps(
    job: Job, steps: list[Any], contexts: Mapping[str, Any], env: Mapping[str, Any], action: Path | None
) -> Declared:
    """Runs steps in order; answers the context ``steps`` as it is after the last."""
    told = Declared()
    contexts = {**contexts, "steps": told}
    fine = True
    for step in steps:
        name = step.get("name") or step.get("uses") or "run"
        outputs: dict[str, str] = {}
        if _goes(step.get("if"), contexts, fine):
            here = {**env, **{key: filled(value, contexts, {}) for key, value in step.get("env", {}).items()}}
            done, outputs = _run_step(job, name, step, contexts, here, action)
        else:
            done = Step(name, "skipped")
        fine = fine and done.outcome != "failure"
        job.steps.append(done)
        if "id" in step:
            told[step["id"]] = Declared(outputs=outputs, outcome=done.outcome, conclusion=done.outcome)
    return told


def _run_step(
    job: Job,
    name: str,
    step: Mapping[str, Any],
    contexts: Mapping[str, Any],
    env: Mapping[str, str],
    action: Path | None,
) -> tuple[Step, dict[str, str]]:
    if "run" in step:
        return _run_command(job, name, step, contexts, env, action)
    inputs = {key: filled(value, contexts, {}) for key, value in step.get("with", {}).items()}
    reference, _, ref = step["uses"].partition("@")
    if reference == OURS or reference.startswith(f"{OURS}/"):
        where = CHECKOUT / reference.removeprefix(OURS).strip("/")
        return _run_ours(job, name, where, inputs, contexts, env)
    known = KNOWN[reference]
    assert ref == known.commit, f"{reference} is meant to be {known.version}, {known.commit}"
    unknown = set(inputs) - {*known.required, *known.optional}
    missing = {one for one in known.required if not inputs.get(one)}
    assert not unknown | missing, f"{reference}: unknown {unknown}, missing {missing}"
    try:
        outputs = known.act(job, {key: value for key, value in inputs.items() if value})
    except (RefusedError, subprocess.CalledProcessError) as error:
        return Step(name, "failure", f"{error}\n{getattr(error, 'stderr', None) or ''}\n"), {}
    assert set(outputs) <= set(known.outputs)
    return Step(name, "success"), outputs


def _run_ours(
    job: Job,
    name: str,
    folder: Path,
    inputs: Mapping[str, str],
    contexts: Mapping[str, Any],
    env: Mapping[str, str],
) -> tuple[Step, dict[str, str]]:
    """Runs an action that is made of steps."""
    said = _read(folder / "action.yml")
    declared = said.get("inputs", {})
    assert set(inputs) <= set(declared), f"{folder} has no inputs {set(inputs) - set(declared)}"
    missing = {one for one, about in declared.items() if about.get("required") and one not in inputs}
    assert not missing, f"{folder} needs the inputs {missing}"
    given = {one: inputs.get(one, filled(about.get("default"), contexts, {})) for one, about in declared.items()}
    inside = {**contexts, "inputs": Declared(given)}
    before = len(job.steps)
    steps = _run_steps(job, said["runs"]["steps"], inside, env, folder)
    failed = any(step.outcome == "failure" for step in job.steps[before:])
    told = {**inside, "steps": steps}
    outputs = {one: filled(about["value"], told, {}) for one, about in said.get("outputs", {}).items()}
    return Step(name, "failure" if failed else "success"), outputs


def _run_command(
    job: Job,
    name: str,
    step: Mapping[str, Any],
    contexts: Mapping[str, Any],
    env: Mapping[str, str],
    action: Path | None,
) -> tuple[Step, dict[str, str]]:
    assert "${{" not in step["run"], f"{name}: what is put into a script may end it; hand it over in env"
    folder = job.folder / f"step-{len(job.steps)}"
    folder.mkdir()
    script = folder / "script.sh"
    script.write_text(step["run"], encoding="utf-8")
    files = {kind: folder / kind.lower() for kind in _FILES}
    for file in files.values():
        file.touch()
    event = folder / "event.json"
    event.write_text(json.dumps(job.event.payload), encoding="utf-8")
    where = job.workspace / filled(step.get("working-directory", "."), contexts, {})
    if step.get("shell") == "bash":
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail"]
    else:
        assert action is None, f"{name}: a step of an action must name its shell"
        shell = ["bash", "-e"]
    known = {
        **_environment(job),
        **{kind: str(file) for kind, file in files.items()},
        "GITHUB_EVENT_PATH": str(event),
        **({"GITHUB_ACTION_PATH": str(action)} if action else {}),
        **env,
    }
    command = [*shell, str(script)]
    done = subprocess.run(
        command, cwd=where, env=known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE
    )
    assert not files["GITHUB_ENV"].read_text(encoding="utf-8")
    assert not files["GITHUB_PATH"].read_text(encoding="utf-8")
    job.summary += files["GITHUB_STEP_SUMMARY"].read_text(encoding="utf-8")
    lines = files["GITHUB_OUTPUT"].read_text(encoding="utf-8").splitlines()
    assert all("=" in line for line in lines), f"{name}: an output of several lines"
    outputs = dict(line.split("=", 1) for line in lines)
    return Step(name, "failure" if done.returncode else "success", done.stdout), outputs


def _environment(job: Job) -> dict[str, str]:
    """What every command sees; the last lines keep pip and the hub from asking the network."""
    return {
        "PATH": ":".join(job.path),
        "HOME": str(job.folder),
        "LANG": "C.UTF-8",
        "CI": "true",
        "GITHUB_ACTIONS": "true",
        "GITHUB_WORKSPACE": str(job.workspace),
        "GITHUB_REPOSITORY": job.github.repository,
        "GITHUB_RUN_ID": str(job.run_id),
        "GITHUB_SERVER_URL": "https://github.com",
        "GITHUB_SHA": job.event.sha,
        "GITHUB_REF": job.event.ref,
        "GITHUB_REF_NAME": job.event.ref.removeprefix("refs/heads/"),
        "RUNNER_TEMP": str(job.folder / "temp"),
        "RUNNER_OS": "Linux",
        "FAKE_GITHUB": str(job.github.state),
        "PIP_NO_INDEX": "1",
        "PIP_NO_BUILD_ISOLATION": "0",
        "PIP_CONFIG_FILE": os.devnull,
        "HF_HUB_OFFLINE": "1",
        "OMP_NUM_THREADS": "1",
    }
