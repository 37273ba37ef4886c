"""What a project says about its own site: ``site.yml`` beside its experiments.

In: the project's folder. Out: settings for MkDocs, to be laid over those of the package. Never: plugins, hooks, scripts
or anything else that runs; the keys are few, and each of them only changes what a reader reads.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ecco_reports.errors import ExperimentError, PublishingError, SiteError, nearest
from ecco_reports.experiment.documents import Document, read_document
from ecco_reports.experiment.validation import Report, validated
from ecco_reports.records import Record
from ecco_reports.site.base_url import base_url

FILE = "site.yml"
"""Not ``mkdocs.yml``: a project may lie inside an MkDocs site of its own, whose settings are not ours to read."""

Text = Annotated[str, Field(min_length=1)]

_LINK = re.compile(r"(https?://|mailto:)\S+")


class Link(Record):
    """A link in the footer of every page.

    Attributes:
        icon: Of the theme's own icons, by path: ``fontawesome/brands/github``.
        link: Where it leads.
        name: What it is called by a screen reader and under the pointer.
    """

    icon: Text
    link: Text
    name: Text


class ProjectSite(Record):
    """What ``site.yml`` may say.

    Attributes:
        site_name: Name of the site, on every page.
        site_url: Where it will be found; ``build --base-url`` comes before it.
        site_description: One sentence for search engines.
        site_author: For search engines.
        copyright: Footer of every page; HTML is allowed.
        social: Links in the footer.
    """

    site_name: Text | None = None
    site_url: Text | None = None
    site_description: Text | None = None
    site_author: Text | None = None
    copyright: Text | None = None
    social: tuple[Link, ...] = ()


def project_settings(folder: Path = Path()) -> dict[str, Any]:
    """The MkDocs settings of a project; empty where it has no ``site.yml``.

    Args:
        folder: The project.

    Raises:
        ExperimentError: The file says something that cannot be used, with the place of each problem.
    """
    path = folder / FILE
    if not path.exists():
        return {}
    document = read_document(path)
    report = Report()
    report.add_unsound(document.problems)
    said = validated(document.root, ProjectSite, report, "the site")
    if said is not None:
        _check(said, document, report)
    if said is None or report.problems:
        raise ExperimentError(report.problems)
    settings = said.model_dump(mode="json", exclude_none=True, exclude={"social"})
    if said.site_url is not None:
        settings["site_url"] = base_url(said.site_url)
    if said.social:
        settings["extra"] = {"social": [link.model_dump(mode="json") for link in said.social]}
    return settings


def _check(said: ProjectSite, document: Document, report: Report) -> None:
    """Notes addresses that are none, and icons that the theme does not have."""
    if said.site_url is not None:
        try:
            base_url(said.site_url)
        except PublishingError as error:
            report.extend([document.problem(["site_url"], str(error))])
    icons = _icons() if said.social else frozenset()
    for index, link in enumerate(said.social):
        if not _LINK.fullmatch(link.link):
            hint = "Begin it with https:// or mailto:."
            report.extend([document.problem(["social", index, "link"], f"{link.link!r} is not an address.", hint)])
        if link.icon not in icons:
            close = nearest(link.icon, icons) or ("fontawesome/brands/github",)
            hint = f"Did you mean {' or '.join(map(repr, close))}?"
            report.extend([document.problem(["social", index, "icon"], f"no icon is called {link.icon!r}.", hint)])


def _icons() -> frozenset[str]:
    """The theme's own icons, by path; found without importing it."""
    theme = find_spec("material")
    if theme is None or theme.origin is None:
        raise SiteError("mkdocs-material is not installed: install ecco-reports again.")
    folder = Path(theme.origin).parent / "templates" / ".icons"
    return frozenset(path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.svg"))


def merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Settings laid over others: mappings key by key, everything else as a whole."""
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            value = merged(under, value)
        result[key] = value
    return result
