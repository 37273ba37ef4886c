"""The verbs that compute and build: from experiments to a served site, and what helps on the way."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecco_reports.cli.group import FINE, UNEXPECTED, USERS_MISTAKE, explain
from ecco_reports.cli.publishing import (
    base_url_option,
    check_options,
    into_options,
    say_delivered,
    say_removed,
    site_settings,
)
from ecco_reports.cli.shared import (
    counted,
    files_argument,
    finish,
    jobs_option,
    load,
    out_option,
    run_all,
    sources,
    stage,
    store_option,
)
from ecco_reports.errors import EccoReportsError, ExperimentError

if TYPE_CHECKING:
    from ecco_reports.gates import Verdicts
    from ecco_reports.pages import Pages
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
        # The annotation format of GitHub's workflow commands: % and line ends are written as %25, %0D, %0A.
        text = f"{problem.message} {problem.hint}".strip()
        text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
        click.echo(f"::error file={problem.file},line={problem.line or 1},col={problem.column or 1}::{text}")


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
def run(files: tuple[Path, ...], store: Path, jobs: int) -> None:
    """Compute what is missing; safe to interrupt: running again goes on."""
    from ecco_reports.gates import judge

    with stage("Ran"):
        done = run_all(load(files), store, jobs)
    sys.exit(finish(done, judge(done)))


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@base_url_option
@into_options
def build(
    files: tuple[Path, ...],
    store: Path,
    jobs: int,
    out: Path,
    base_url: str | None,
    into: Path | None,
    under: str,
    remove: bool,
) -> None:
    """Run what is missing, render, and assemble the site."""
    check_options()
    if into is None:
        sys.exit(_build(files, store, jobs, out, site_settings(base_url)))
    if remove:
        sys.exit(say_removed(into))
    sys.exit(_build_into(files, store, jobs, out, into, under))


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(files: tuple[Path, ...], store: Path, jobs: int, out: Path, host: str, port: int) -> None:
    """Build, serve, watch the experiments, and reload the browser when they change."""
    from mkdocs.livereload import LiveReloadServer

    _build(files, store, jobs, out)

    def again() -> None:
        try:
            _build(files, store, jobs, out)
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


def _build(files: Sequence[Path], store: Path, jobs: int, out: Path, base: Mapping[str, Any] | None = None) -> int:
    """The river: experiments, plan, run, verdicts, pages, site."""
    from ecco_reports.gates import judge
    from ecco_reports.site import describe, is_current, site_stamp
    from ecco_reports.site.settings import project_settings

    settings = project_settings() | dict(base or {})
    with stage("Ran"):
        done = run_all(load(files), store, jobs)
    verdicts = judge(done)
    templates = _own_templates()
    stamp = site_stamp(done, verdicts, templates, settings)
    if is_current(out, stamp):
        click.echo("The site is current; nothing was drawn or built.")
    else:
        _draw(done, verdicts, templates, settings, stamp, out)
    site = describe(out)
    click.echo(f"{counted(site.pages, 'page')}, {site.size / 1e6:.1f} MB. Open {site.index}")
    return finish(done, verdicts)


def _build_into(files: Sequence[Path], store: Path, jobs: int, out: Path, into: Path, under: str) -> int:
    """The river up to the pages, which go into a site that is there already."""
    from ecco_reports.gates import judge
    from ecco_reports.site import site_stamp
    from ecco_reports.site.into import deliver, is_delivered, open_host
    from ecco_reports.site.staging import cached_bundle

    host = open_host(into)
    host.place(under)
    with stage("Ran"):
        done = run_all(load(files), store, jobs)
    verdicts = judge(done)
    templates = _own_templates()
    stamp = site_stamp(done, verdicts, templates, {"theme": host.theme, "directory_urls": host.directory_urls})
    if is_delivered(host, under, stamp):
        click.echo(f"The pages in {host.place(under)} are current; nothing was drawn or written.")
    else:
        with stage("Drew"):
            pages = _rendered(done, verdicts, templates, out)
            delivery = deliver(pages, host, under, cached_bundle(out.with_name(".cache")), stamp)
        say_delivered(delivery)
    click.echo(f"Next: mkdocs build --strict -f {host.config}")
    return finish(done, verdicts)


def _own_templates() -> list[Path]:
    """The project's folder of templates, whose files come before those of the package."""
    from ecco_reports.resources import resource

    own = Path("templates")
    return [own] if own.is_dir() and own.resolve() != resource("templates") else []


def _draw(
    done: Run, verdicts: Verdicts, templates: Sequence[Path], settings: Mapping[str, Any], stamp: str, out: Path
) -> None:
    from ecco_reports.site import publish

    with stage("Drew"):
        pages = _rendered(done, verdicts, templates, out)
    with stage("Built"):
        publish(pages, out, stamp=stamp, settings=settings)


def _rendered(done: Run, verdicts: Verdicts, templates: Sequence[Path], out: Path) -> Pages:
    """The pages of a run; what could not be drawn is said."""
    from ecco_reports.pages import KeptDrawings, render

    pages = render(done, verdicts, templates, KeptDrawings(out.with_name(".cache") / "drawings"))
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)
    return pages
