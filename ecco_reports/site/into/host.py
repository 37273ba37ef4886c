"""The MkDocs project that pages go into, as far as we have to know it.

In: a folder. Out: its settings file, its docs, and what its settings say, those it inherits included. Never: a change,
and none of its plugins or extensions; tags that name code are read as text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ecco_reports.errors import PublishingError
from ecco_reports.site.into.lines import without_ours
from ecco_reports.site.into.settings import all_settings, own_settings
from ecco_reports.site.stamp import STAMP

_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*")


@dataclass(frozen=True)
class Host:
    """A MkDocs project of somebody.

    Attributes:
        folder: Where it lies.
        config: Its settings file.
        docs: Its folder of pages.
        text: The settings file as it is, line ends included.
        settings: What the settings say, with those that are inherited, and without lines of ours.
    """

    folder: Path
    config: Path
    docs: Path
    text: str
    settings: Mapping[str, Any]

    @property
    def directory_urls(self) -> bool:
        """Whether ``page.md`` becomes ``page/index.html``, as MkDocs does if it is not told otherwise."""
        return bool(self.settings.get("use_directory_urls", True))

    @property
    def theme(self) -> str:
        """Name of the theme; empty where it has none but its own."""
        said = self.settings.get("theme", "mkdocs")
        return str((said.get("name") if isinstance(said, Mapping) else said) or "")

    def place(self, under: str) -> Path:
        """Our folder among its pages.

        Raises:
            PublishingError: The name is none, a page of the project has it already, or it leads elsewhere.
        """
        parts = under.strip("/").split("/")
        if not all(_PART.fullmatch(part) for part in parts):
            raise PublishingError(
                f"{under!r} cannot be the folder of the pages: write letters, digits, hyphens, dots and underscores."
            )
        place = self.docs.joinpath(*parts)
        self.inside(place)
        twin = place.with_name(f"{place.name}.md")
        if twin.exists():
            raise PublishingError(f"{twin} would get the same address as the pages in {place}: choose another --under.")
        return place

    def holds(self, path: Path) -> bool:
        """Whether a path is no link and stays in the project, whatever links there are on the way."""
        return not path.is_symlink() and path.resolve().is_relative_to(self.folder.resolve())

    def inside(self, path: Path) -> None:
        """Makes sure that a path is in the project.

        Raises:
            PublishingError: It is a link, or leads out of it.
        """
        if not self.holds(path):
            raise PublishingError(f"{path} is a link or leads out of {self.folder}; nothing is written there.")


def open_host(folder: Path) -> Host:
    """Looks at a MkDocs project.

    Raises:
        PublishingError: The folder holds none that pages can go into.
    """
    if (folder / STAMP).is_file():
        raise PublishingError(f"{folder} was built by ecco-reports itself; --into wants a MkDocs project of your own.")
    config = next((folder / name for name in ("mkdocs.yml", "mkdocs.yaml") if (folder / name).is_file()), None)
    if config is None:
        raise PublishingError(f"{folder} is no MkDocs project: there is no mkdocs.yml in it.")
    if not config.resolve().is_relative_to(folder.resolve()):
        raise PublishingError(f"{config} leads out of {folder}; nothing is written there.")
    try:
        text = config.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        raise PublishingError(f"{config} is not UTF-8: {error}") from error
    own_settings(text)
    settings = all_settings(without_ours(text), config)
    said = settings.get("docs_dir", "docs")
    docs = folder / str(said)
    if not isinstance(said, str) or not docs.is_dir():
        raise PublishingError(f"the folder of pages that {config} names is not there: {docs}")
    host = Host(folder, config, docs, text, settings)
    host.inside(docs)
    if docs.resolve() == folder.resolve():
        raise PublishingError(f"{config} names its own folder as the one of its pages, which MkDocs does not take.")
    return host
