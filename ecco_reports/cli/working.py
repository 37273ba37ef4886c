"""The verbs that compute and build: from experiments to a served site, and what helps on the way."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ecco_reports.cli.group import FINE, UNEXPECTED, USERS_MISTAKE
from ecco_reports.cli.shared import (
    annotation,
    baselines_option,
    blessed,
    counted,
    files_argument,
    finish,
    held_against,
    jobs_option,
    load,
    noted,
    run_all,
    stage,
    store_option,
)
from ecco_reports.errors import ExperimentError

if TYPE_CHECKING:
    pass


@click.command()
@files_argument
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True)
def validate(files: tuple[Path, ...], form: str) -> None:
    """Check experiments without loading a model."""
    from ecco_reports.plan import make_plan
    from ecco_reports.store import Store

    try:
        experiments = load(files)
        plan = make_plan(experiments, Store(Path("/nonexistent")))
    except ExperimentError as error:
        if form == "text":
            raise
        _print_problems(error, form)
        sys.exit(USERS_MISTAKE)
    if form == "json":
        click.echo("[]")
    elif form == "text":
        tasks = len(plan.tasks) + sum(model.results for model in plan.out_of_reach)
        click.echo(f"{counted(len(experiments), 'experiment')} with {counted(tasks, 'task')}: no problems.")
        for model in plan.out_of_reach:
            click.echo(f"{model.spec.described} needs the hub, and was checked only as far as that goes without it.")


def _print_problems(error: ExperimentError, form: str) -> None:
    import json
    from dataclasses import asdict

    if form == "json":
        click.echo(json.dumps([asdict(problem) for problem in error.problems], indent=2))
        return
    for problem in error.problems:
        text = f"{problem.message} {problem.hint}".strip()
        click.echo(annotation("error", problem.file, problem.line, problem.column, text))


@click.command()
@files_argument
@store_option
def plan(files: tuple[Path, ...], store: Path) -> None:
    """Show what would run, what it costs, and what is stored already."""
    from ecco_reports.plan import make_plan
    from ecco_reports.plan.words import described
    from ecco_reports.store import Store

    for line in described(make_plan(load(files), Store(store))):
        click.echo(line)


@click.command()
@files_argument
@store_option
@jobs_option
@baselines_option
def run(files: tuple[Path, ...], store: Path, jobs: int, baselines: Path) -> None:
    """Compute what is missing; safe to interrupt: running again goes on."""
    from ecco_reports.gates import judge

    experiments = load(files)
    before = blessed(experiments, baselines)
    with stage("Ran"):
        done = run_all(experiments, store, jobs)
    sys.exit(finish(done, judge(done, held_against(experiments, before, noted(done, store)))))


@click.command()
def schema() -> None:
    """Print the JSON Schema of experiment files, for editors."""
    import json

    from ecco_reports.experiment import json_schema

    click.echo(json.dumps(json_schema(), indent=2))


@click.command()
@store_option
def doctor(store: Path) -> None:
    """Say what this machine has, and what is missing."""
    from ecco_reports.doctor import examine

    found = examine(store)
    width = max(len(finding.name) for finding in found)
    for finding in found:
        click.echo(f"{'ok  ' if finding.fine else 'LOOK'}  {finding.name:<{width}}  {finding.detail}")
    sys.exit(FINE if all(finding.fine for finding in found) else UNEXPECTED)
