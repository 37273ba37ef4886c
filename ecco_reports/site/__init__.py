"""Pages become a site: MkDocs builds the staged project, and the finished folder takes the place of the old one.

In: pages. Out: a folder of HTML that opens anywhere. Never: drawing, results; and no plugin or hook of our own, MkDocs
is a leaf. Light to import: MkDocs comes with ``publish``.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ecco_reports.errors import SiteError
from ecco_reports.site.base_url import base_url
from ecco_reports.site.staging import Scratch, cached_bundle, stage
from ecco_reports.site.stamp import is_current, site_stamp, sizes, write_stamp

if TYPE_CHECKING:
    from ecco_reports.pages import Page

__all__ = ["Site", "base_url", "describe", "is_current", "publish", "site_stamp"]


@dataclass(frozen=True)
class Site:
    """A finished site.

    Attributes:
        index: Its front page.
        pages: How many HTML pages it has.
        size: Bytes of all files together.
        largest: The largest HTML page, by path below the site.
        largest_size: Bytes of that page.
    """

    index: Path
    pages: int
    size: int
    largest: str
    largest_size: int

    def __str__(self) -> str:
        return (
            f"{self.index} ({self.pages} pages, {self.size / 1e6:.1f} MB; "
            f"the largest page is {self.largest} with {self.largest_size / 1e3:.0f} kB)"
        )


def publish(
    pages: Iterable[Page],
    out: Path,
    staging: Path | None = None,
    stamp: str = "",
    settings: Mapping[str, Any] | None = None,
    source: Path | None = None,
) -> Site:
    """Builds the site.

    Args:
        pages: Rendered pages, in the order of the navigation.
        out: Where the site goes. What is there is replaced as a whole, and only when the new site is complete.
        staging: Where the MkDocs project is kept that the site is built from; by default ``docs`` beside a folder
            named ``site``, and ``NAME-docs`` beside any other.
        stamp: What ``site_stamp`` said, so that ``is_current`` can tell next time.
        settings: MkDocs settings that replace those of the source (``site_name``, ``site_url``). With ``site_url``
            there are a sitemap, canonical links and cards; without it there is no sitemap.
        source: The folder with ``mkdocs.yml`` and hand-written ``docs``; by default the package's own.

    Raises:
        SiteError: A folder belongs to somebody else, or MkDocs found a page wanting; then nothing was replaced.
    """
    staging = staging or _staging_of(out)
    with Scratch(out) as site, Scratch(staging) as project:
        cache = staging.parent / ".cache"
        config = stage(pages, project.folder, cached_bundle(cache), settings, source, cache / "cards")
        _build(config, site.folder)
        write_stamp(site.folder, stamp)
        project.take_place()
        site.take_place()
    return describe(out)


def _staging_of(out: Path) -> Path:
    """Where the MkDocs project of a site is kept.

    Raises:
        SiteError: Another site stands there.
    """
    staging = out.with_name("docs" if out.name == "site" else f"{out.name}-docs")
    if (staging / "index.html").is_file():
        raise SiteError(
            f"the pages of {out} are put together in {staging}, but a site stands there: name another --out."
        )
    return staging


def describe(out: Path) -> Site:
    """What is in a finished site."""
    found = sizes(out)
    html = {path: size for path, size in found.items() if path.endswith(".html")}
    largest = max(html, key=lambda path: (html[path], path))
    return Site(out / "index.html", len(html), sum(found.values()), largest, html[largest])


def _lighten(folder: Path, language: str) -> None:
    """Drops what the theme brings for other languages and for its own developers: a third of a small site."""
    scripts = folder / "assets" / "javascripts"
    if language == "en":
        shutil.rmtree(scripts / "lunr", ignore_errors=True)
    for source_map in [*scripts.rglob("*.map"), *(folder / "assets" / "stylesheets").glob("*.map")]:
        source_map.unlink()


def _without_sitemap(folder: Path) -> None:
    """Removes the sitemap of a site without an address: it would send robots to the root of whatever host it is on."""
    for name in ("sitemap.xml", "sitemap.xml.gz"):
        (folder / name).unlink(missing_ok=True)


def _build(config_file: Path, out: Path) -> None:
    from mkdocs.commands.build import build
    from mkdocs.config import load_config
    from mkdocs.exceptions import MkDocsException

    with _complaints() as complaints:
        try:
            config = load_config(config_file=str(config_file), site_dir=str(out.absolute()))
            config.plugins.on_startup(command="build", dirty=False)
            build(config)
            config.plugins.on_shutdown()
            _lighten(out, config.theme.get("language", ""))
            if not config.site_url:
                _without_sitemap(out)
        except (MkDocsException, SystemExit) as error:
            raise SiteError(f"MkDocs cannot build the site: {error}", complaints) from error
    if complaints:
        raise SiteError(f"MkDocs has {len(complaints)} complaints about the pages:", complaints)


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collects what MkDocs warns of, instead of letting it print."""
    said: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.append(record.getMessage())

    collector = Collector(logging.WARNING)
    logger = logging.getLogger("mkdocs")
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(collector)
    try:
        yield said
    finally:
        logger.removeHandler(collector)
        logger.propagate = propagate
