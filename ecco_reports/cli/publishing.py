"""Where ``build`` puts its pages: options that go together, and what is said in the end."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from ecco_reports.cli.group import FINE
from ecco_reports.cli.shared import Command, counted

if TYPE_CHECKING:
    from ecco_reports.site.into import Delivery


def base_url_option(command: Command) -> Command:
    """``--base-url``: where the site will be found."""
    return click.option(
        "--base-url",
        metavar="URL",
        help="Where the site will be found: gives it a sitemap, canonical links and cards.",
    )(command)


def into_options(command: Command) -> Command:
    """``--into``, ``--under`` and ``--remove``: pages in a MkDocs site that is there already."""
    command = click.option("--remove", is_flag=True, help="Take the pages out of the site of --into again.")(command)
    command = click.option(
        "--under",
        metavar="NAME",
        default="reports",
        show_default=True,
        help="Folder of the pages in the site of --into.",
    )(command)
    return click.option(
        "--into",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        help="A MkDocs project that gets the pages, instead of a site of their own.",
    )(command)


def check_options() -> None:
    """Refuses options of ``build`` that do not go together.

    Raises:
        click.UsageError: Two of them contradict each other.
    """
    context = click.get_current_context()
    given = {name for name in context.params if context.get_parameter_source(name) is not ParameterSource.DEFAULT}
    if "into" not in given:
        for name in ("under", "remove"):
            if name in given:
                raise click.UsageError(f"--{name} is about the site that --into names; name one.")
        return
    if "base_url" in given:
        raise click.UsageError("--base-url is for a site of our own; the site of --into has its address in site_url.")
    if "out" in given:
        raise click.UsageError("--out is for a site of our own; the pages go into the site of --into.")
    if "remove" in given and context.params["files"]:
        raise click.UsageError("--remove takes all pages out of the site of --into; FILES say nothing about that.")


def site_settings(base_url: str | None) -> dict[str, str]:
    """The settings of MkDocs that follow from the options."""
    from ecco_reports.site import base_url as checked

    return {} if base_url is None else {"site_url": checked(base_url)}


def say_delivered(delivery: Delivery) -> None:
    """Says what was changed in somebody's site."""
    click.echo(f"{delivery.place}: {counted(delivery.written, 'file')} written, {delivery.removed} removed.")
    _say_left(delivery)


def say_removed(folder: Path) -> int:
    """Takes the pages out of a site, and says so."""
    from ecco_reports.site.into import open_host, take_out

    delivery = take_out(open_host(folder))
    click.echo(f"{counted(delivery.removed, 'file')} removed from {folder}.")
    _say_left(delivery)
    return FINE


def _say_left(delivery: Delivery) -> None:
    for path in delivery.left:
        click.echo(f"left: {path} was changed since ecco-reports made it, and is yours now.", err=True)
