"""The verbs that make pages: the river from experiments to a site, and a site that follows its sources."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ecco_reports.cli.group import explain
from ecco_reports.cli.publishing import (
    base_url_option,
    check_options,
    into_options,
    say_delivered,
    say_removed,
    site_settings,
)
from ecco_reports.cli.shared import (
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
from ecco_reports.errors import EccoReportsError

if TYPE_CHECKING:
    from ecco_reports.comparison import Comparison
    from ecco_reports.gates import Verdicts
    from ecco_reports.pages import Pages
    from ecco_reports.runner import Run


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@baselines_option
@base_url_option
@into_options
def build(
    files: tuple[Path, ...],
    store: Path,
    jobs: int,
    out: Path,
    baselines: Path,
    base_url: str | None,
    into: Path | None,
    under: str,
    remove: bool,
) -> None:
    """Run what is missing, render, and assemble the site."""
    check_options()
    if into is None:
        sys.exit(_build(files, store, jobs, out, baselines, site_settings(base_url)))
    if remove:
        sys.exit(say_removed(into))
    sys.exit(_build_into(files, store, jobs, out, baselines, into, under))


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
    for watched in (*sources(files), *([baselines] if baselines.is_dir() else [])):
        server.watch(str(watched))
    click.echo(f"Serving {server.url}; Ctrl-C ends it.")
    try:
        server.serve()
    finally:
        server.shutdown()


@dataclass(frozen=True)
class _Judged:
    """A finished run, what it was held against, and what the gates say."""

    run: Run
    comparisons: Mapping[str, Comparison]
    verdicts: Verdicts

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """The comparisons, in the order of the experiments."""
        return tuple(self.comparisons.values())


def _judged(files: Sequence[Path], store: Path, jobs: int, baselines: Path) -> _Judged:
    """The river from experiments to verdicts."""
    from ecco_reports.gates import judge

    experiments = load(files)
    before = blessed(experiments, baselines)
    with stage("Ran"):
        done = run_all(experiments, store, jobs)
    comparisons = held_against(experiments, before, noted(done, store))
    return _Judged(done, comparisons, judge(done, comparisons))


def _build(
    files: Sequence[Path], store: Path, jobs: int, out: Path, baselines: Path, base: Mapping[str, Any] | None = None
) -> int:
    """The river: experiments, plan, run, verdicts, pages, site."""
    from ecco_reports.site import describe, is_current, publish, site_stamp
    from ecco_reports.site.settings import project_settings

    settings = project_settings() | dict(base or {})
    found = _judged(files, store, jobs, baselines)
    templates = _own_templates()
    stamp = site_stamp(found.run, found.verdicts, templates, settings)
    if is_current(out, stamp):
        click.echo("The site is current; nothing was drawn or built.")
    else:
        with stage("Drew"):
            pages = _rendered(found, templates, out)
        with stage("Built"):
            publish(pages, out, stamp=stamp, settings=settings)
    site = describe(out)
    click.echo(f"{counted(site.pages, 'page')}, {site.size / 1e6:.1f} MB. Open {site.index}")
    return finish(found.run, found.verdicts)


def _build_into(
    files: Sequence[Path], store: Path, jobs: int, out: Path, baselines: Path, into: Path, under: str
) -> int:
    """The river up to the pages, which go into a site that is there already."""
    from ecco_reports.site import site_stamp
    from ecco_reports.site.into import deliver, is_delivered, open_host
    from ecco_reports.site.staging import cached_bundle

    host = open_host(into)
    host.place(under)
    found = _judged(files, store, jobs, baselines)
    templates = _own_templates()
    settings = {"theme": host.theme, "directory_urls": host.directory_urls}
    stamp = site_stamp(found.run, found.verdicts, templates, settings)
    if is_delivered(host, under, stamp):
        click.echo(f"The pages in {host.place(under)} are current; nothing was drawn or written.")
    else:
        with stage("Drew"):
            pages = _rendered(found, templates, out)
            delivery = deliver(pages, host, under, cached_bundle(out.with_name(".cache")), stamp)
        say_delivered(delivery)
    click.echo(f"Next: mkdocs build --strict -f {host.config}")
    return finish(found.run, found.verdicts)


def _own_templates() -> list[Path]:
    """The project's folder of templates, whose files come before those of the package."""
    from ecco_reports.resources import resource

    own = Path("templates")
    return [own] if own.is_dir() and own.resolve() != resource("templates") else []


def _rendered(found: _Judged, templates: Sequence[Path], out: Path) -> Pages:
    """The pages of a run; what could not be drawn is said."""
    from ecco_reports.pages import KeptDrawings, render

    pages = render(found.run, found.verdicts, templates, KeptDrawings(out.with_name(".cache") / "drawings"))
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)
    return pages
