"""The verbs that compute and build: from experiments to a served site, and what helps on the way."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecco_reports.cli.group import FINE, UNEXPECTED, USERS_MISTAKE, explain
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
    out_option,
    run_all,
    sources,
    stage,
    store_option,
)
from ecco_reports.errors import EccoReportsError, ExperimentError

if TYPE_CHECKING:
    from ecco_reports.gates import Verdicts
    from ecco_reports.runner import Run


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
    sys.exit(finish(done, judge(done, held_against(before, noted(done, store)))))


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@baselines_option
@click.option("--base-url", metavar="URL", help="Where the site will be found: for its sitemap, links and cards.")
def build(files: tuple[Path, ...], store: Path, jobs: int, out: Path, baselines: Path, base_url: str | None) -> None:
    """Run what is missing, render, and assemble the site."""
    from ecco_reports.site import base_url as checked

    settings = {"site_url": checked(base_url)} if base_url is not None else {}
    sys.exit(_build(files, store, jobs, out, baselines, settings))


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@baselines_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(files: tuple[Path, ...], store: Path, jobs: int, out: Path, baselines: Path, host: str, port: int) -> None:
    """Build, serve, watch the experiments, and reload the browser when they change."""
    from mkdocs.livereload import LiveReloadServer

    _build(files, store, jobs, out, baselines)

    def again() -> None:
        try:
            _build(files, store, jobs, out, baselines)
        except EccoReportsError as error:
            # A half-typed experiment is no reason to stop serving what is there.
            explain(error)

    server = LiveReloadServer(builder=again, host=host, port=port, root=str(out))
    for watched in sources(files):
        server.watch(str(watched))
    click.echo(f"Serving {server.url}; Ctrl-C ends it.")
    try:
        server.serve()
    finally:
        server.shutdown()


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


def _build(
    files: Sequence[Path],
    store: Path,
    jobs: int,
    out: Path,
    baselines: Path,
    base: Mapping[str, Any] | None = None,
) -> int:
    """The river: experiments, plan, run, verdicts, pages, site."""
    from ecco_reports.gates import judge
    from ecco_reports.site import describe, is_current, site_stamp
    from ecco_reports.site.settings import project_settings

    settings = project_settings() | dict(base or {})
    experiments = load(files)
    before = blessed(experiments, baselines)
    with stage("Ran"):
        done = run_all(experiments, store, jobs)
    comparisons = held_against(before, noted(done, store))
    verdicts = judge(done, comparisons)
    templates = _own_templates()
    stamp = site_stamp(done, verdicts, templates, settings)
    if is_current(out, stamp):
        click.echo("The site is current; nothing was drawn or built.")
    else:
        _draw(done, verdicts, templates, settings, stamp, out)
    site = describe(out)
    click.echo(f"{counted(site.pages, 'page')}, {site.size / 1e6:.1f} MB. Open {site.index}")
    return finish(done, verdicts)


def _own_templates() -> list[Path]:
    """The project's folder of templates, whose files come before those of the package."""
    from ecco_reports.resources import resource

    own = Path("templates")
    return [own] if own.is_dir() and own.resolve() != resource("templates") else []


def _draw(
    done: Run, verdicts: Verdicts, templates: Sequence[Path], settings: Mapping[str, Any], stamp: str, out: Path
) -> None:
    from ecco_reports.pages import KeptDrawings, render
    from ecco_reports.site import publish

    with stage("Drew"):
        pages = render(done, verdicts, templates, KeptDrawings(out.with_name(".cache") / "drawings"))
    with stage("Built"):
        publish(pages, out, stamp=stamp, settings=settings)
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)
