"""The verb that begins a project: an experiment that runs at once, and the workflows that publish and judge it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

_ACTION = re.compile(r"[A-Za-z0-9_.-]+/[A-Za-z0-9_.-]+@[A-Za-z0-9_./-]+")
"""``OWNER/REPO@REF``: nothing in it needs quotes in YAML."""

_IN_TEMPLATES = re.compile(r"ecco-reports/ecco_reports((?:/[\w./-]+)?)@v0\.0\.0")
"""How the templates call the action, so that they are workflows themselves and can be checked as such."""

_ON_GITHUB = re.compile(r"(?:git\+)?(?:https|ssh)://(?:[^/@]+@)?github\.com/(?P<name>[\w.-]+/[\w.-]+?)(?:\.git)?/?")


def _checked_action(_: click.Context, __: click.Parameter, action: str | None) -> str | None:
    if action is not None and not _ACTION.fullmatch(action):
        raise click.BadParameter(f"{action!r} is not of the form OWNER/REPO@REF, like ecco-reports/ecco_reports@v1.")
    return action


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path())
@click.option(
    "--only",
    type=click.Choice(["workflows", "project"]),
    help="Write the workflows alone, or all but the workflows.",
)
@click.option(
    "--action",
    metavar="OWNER/REPO@REF",
    callback=_checked_action,
    help="The action that the workflows use.  [default: the one of this version]",
)
def init(folder: Path, only: str | None, action: str | None) -> None:
    """Make a new project in FOLDER: an experiment that runs at once, and the workflows that publish and judge it."""
    files = [name for name in sorted(_template_files()) if only is None or _part(name) == only]
    written = [name for name in files if _write(name, folder, action or _own_action())]
    for name in written:
        click.echo(f"wrote {folder / name}")
    for name in files:
        if name not in written:
            click.echo(f"kept {folder / name}, which was there already")
    if not written:
        click.echo(f"{folder} is a project already; nothing was changed.")
    elif any(_part(name) == "workflows" for name in written):
        _warn_below_the_root(folder)
    step = "" if folder == Path() else f"cd {folder} && "
    click.echo(f"Next: {step}ecco-reports build")


def _template_files() -> dict[Path, Path]:
    """The files of a project by the path they get; ``dot-`` at the head of a name stands for a dot.

    A wheel's build, and much else, leaves out what is hidden.
    """
    from ecco_reports.resources import resource

    source = resource("templates") / "project"
    found = (path for path in source.rglob("*") if path.is_file())
    return {Path(*_dotted(path.relative_to(source))): path for path in found}


def _dotted(path: Path) -> Iterator[str]:
    for part in path.parts:
        yield f".{part.removeprefix('dot-')}" if part.startswith("dot-") else part


def _part(name: Path) -> str:
    return "workflows" if ".github" in name.parts else "project"


def _write(name: Path, folder: Path, action: str) -> bool:
    """Writes a file of a project unless something of its name is there; says whether it did."""
    target = folder / name
    text = _template_files()[name].read_text(encoding="utf-8")
    repository, _, ref = action.partition("@")
    text = _IN_TEMPLATES.sub(lambda found: f"{repository}{found[1]}@{ref}", text)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        return False
    return True


def _own_action() -> str:
    """The action of this very installation: at the commit that pip fetched from GitHub, else at the version's tag."""
    import json
    from importlib.metadata import PackageNotFoundError, distribution

    from ecco_reports import __version__

    try:
        origin = json.loads(distribution("ecco-reports").read_text("direct_url.json") or "{}")
    except PackageNotFoundError:
        origin = {}
    commit = origin.get("vcs_info", {}).get("commit_id", "")
    on_github = _ON_GITHUB.fullmatch(origin.get("url", ""))
    if commit and on_github:
        return f"{on_github['name']}@{commit}"
    return f"ecco-reports/ecco_reports@v{__version__}"


def _warn_below_the_root(folder: Path) -> None:
    """GitHub reads workflows in the root of a repository alone."""
    here = folder.resolve()
    root = next((above for above in (here, *here.parents) if (above / ".git").exists()), here)
    if root != here:
        click.echo(
            f"note: GitHub reads workflows in {root / '.github'} alone. Move them there, and give the action "
            f"`folder: {here.relative_to(root).as_posix()}`.",
            err=True,
        )
