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
    history_option,
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
    from ecco_reports.history import History
    from ecco_reports.pages import Pages
    from ecco_reports.runner import Run


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@baselines_option
@history_option
@base_url_option
@into_options
def build(
    files: tuple[Path, ...],
    store: Path,
    jobs: int,
    out: Path,
    baselines: Path,
    history: Path,
    base_url: str | None,
    into: Path | None,
    under: str,
    remove: bool,
) -> None:
    """Run what is missing, render, and assemble the site."""
    check_options()
    if into is None:
        sys.exit(_build(_Asked(files, store, baselines, history, jobs), out, site_settings(base_url)))
    if remove:
        sys.exit(say_removed(into))
    sys.exit(_build_into(_Asked(files, store, baselines, history, jobs), out, into, under))


@click.command()
@files_argument
@store_option
@jobs_option
@out_option
@baselines_option
@history_option
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True)
def serve(
    files: tuple[Path, ...],
    store: Path,
    jobs: int,
    out: Path,
    baselines: Path,
    history: Path,
    host: str,
    port: int,
) -> None:
    """Build, serve, watch the experiments, and reload the browser when they change."""
    from mkdocs.livereload import LiveReloadServer

    asked = _Asked(files, store, baselines, history, jobs)
    _build(asked, out)

    def again() -> None:
        try:
            _build(asked, out)
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
class _Asked:
    """What a site is made of, and with how many workers."""

    files: Sequence[Path]
    store: Path
    baselines: Path
    history: Path
    jobs: int


@dataclass(frozen=True)
class _Judged:
    """A finished run, what it was held against, what the gates say, and what earlier commits gave."""

    run: Run
    comparisons: Mapping[str, Comparison]
    verdicts: Verdicts
    histories: Sequence[History]

    @property
    def compared(self) -> tuple[Comparison, ...]:
        """The comparisons, in the order of the experiments."""
        return tuple(self.comparisons.values())


def _judged(asked: _Asked) -> _Judged:
    """The river from experiments to verdicts."""
    from ecco_reports.gates import judge
    from ecco_reports.history import histories

    experiments = load(asked.files)
    before = blessed(experiments, asked.baselines)
    past = histories(asked.history)
    with stage("Ran"):
        done = run_all(experiments, asked.store, asked.jobs)
    comparisons = held_against(experiments, before, noted(done, asked.store))
    return _Judged(done, comparisons, judge(done, comparisons), past)


def _build(asked: _Asked, out: Path, base: Mapping[str, Any] | None = None) -> int:
    """The river: experiments, plan, run, verdicts, pages, site."""
    from ecco_reports.site import describe, is_current, publish
    from ecco_reports.site.settings import project_settings

    settings = project_settings() | dict(base or {})
    found = _judged(asked)
    templates = _own_templates()
    stamp = _stamp(found, templates, settings)
    if is_current(out, stamp):
        click.echo("The site is current; nothing was drawn or built.")
    else:
        with stage("Drew"):
            pages = _rendered(found, templates, out, settings.get("site_url") or "")
        with stage("Built"):
            publish(pages, out, stamp=stamp, settings=settings)
    site = describe(out)
    click.echo(f"{counted(site.pages, 'page')}, {site.size / 1e6:.1f} MB. Open {site.index}")
    return finish(found.run, found.verdicts)


def _build_into(asked: _Asked, out: Path, into: Path, under: str) -> int:
    """The river up to the pages, which go into a site that is there already."""
    from ecco_reports.site.into import deliver, is_delivered, open_host
    from ecco_reports.site.staging import cached_bundle

    host = open_host(into)
    host.place(under)
    found = _judged(asked)
    templates = _own_templates()
    stamp = _stamp(found, templates, {"theme": host.theme, "directory_urls": host.directory_urls})
    if is_delivered(host, under, stamp):
        click.echo(f"The pages in {host.place(under)} are current; nothing was drawn or written.")
    else:
        with stage("Drew"):
            pages = _rendered(found, templates, out)
            delivery = deliver(pages, host, under, cached_bundle(out.with_name(".cache")), stamp)
        say_delivered(delivery)
    click.echo(f"Next: mkdocs build --strict -f {host.config}")
    return finish(found.run, found.verdicts)


def _stamp(found: _Judged, templates: Sequence[Path], settings: Mapping[str, Any]) -> str:
    """Digest of all that the pages depend on."""
    from ecco_reports.records import digest
    from ecco_reports.site import site_stamp

    site = site_stamp(found.run, found.verdicts, templates, settings, comparisons=found.compared)
    return digest([site, *map(repr, found.histories)])


def _own_templates() -> list[Path]:
    """The project's folder of templates, whose files come before those of the package."""
    from ecco_reports.resources import resource

    own = Path("templates")
    return [own] if own.is_dir() and own.resolve() != resource("templates") else []


def _rendered(found: _Judged, templates: Sequence[Path], out: Path, base_url: str = "") -> Pages:
    """The pages of a run and of what earlier commits gave; what could not be drawn or used is said."""
    from ecco_reports.pages import KeptDrawings, Pages, render
    from ecco_reports.pages.trending import render_histories

    drawings = KeptDrawings(out.with_name(".cache") / "drawings")
    pages = render(found.run, found.verdicts, templates, drawings, comparisons=found.compared)
    past = render_histories(found.histories, templates, drawings, base_url=base_url)
    for history in found.histories:
        for damage in history.damages:
            click.echo(str(damage), err=True)
    for trouble in pages.problems:
        click.echo(f"not drawn: {trouble.page}#{trouble.anchor}: {trouble.message}", err=True)
    return Pages((*pages, *past), pages.problems)
