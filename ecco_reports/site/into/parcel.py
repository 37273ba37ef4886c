"""Makes our pages fit into somebody else's site: addresses, styles, and what its settings have to say.

In: rendered pages, and what the site is like. Out: files by path below our folder. Never: a file written into the site.
"""

from __future__ import annotations

import posixpath
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from ecco_reports.resources import resource
from ecco_reports.site.into.lines import Additions
from ecco_reports.site.staging import stage

if TYPE_CHECKING:
    from ecco_reports.pages import Page
    from ecco_reports.site.into.host import Host

EXTENSIONS = ("admonition", "attr_list", "def_list")
"""Extensions of Markdown that our pages need, beyond those that MkDocs always has."""

LEFT_AT_HOME = frozenset({"assets/stylesheets/skin.css", "assets/javascripts/iframe-worker-shim.js"})
"""Files that only our own site needs: it is they who clothe Material, and make its search work from a folder."""

SHEET = "assets/stylesheets/site.css"

REM = 1.25
"""How much larger Material's rem is than that of other themes: 20 pixels against 16."""

_ADDRESS = re.compile(r'(?<=\s)(href|src|data-chart)="([^"#?:]+)([^"]*)"')
_SIZE = re.compile(r"(?<![\w.-])(\d*\.?\d+)rem\b")


@dataclass(frozen=True)
class Parcel:
    """What goes into a site.

    Attributes:
        files: Contents by path below our folder.
        additions: What the settings of the site have to say.
    """

    files: Mapping[str, bytes]
    additions: Additions


def pack(pages: Iterable[Page], host: Host, under: str, bundle: bytes, source: Path | None = None) -> Parcel:
    """Makes a parcel of pages.

    Args:
        pages: Rendered pages, in the order of the navigation.
        host: The site they go into.
        under: Our folder among its pages.
        bundle: The script that draws charts.
        source: The folder with ``mkdocs.yml`` and hand-written ``docs``; by default the package's own.
    """
    source = source or resource("site")
    with tempfile.TemporaryDirectory(prefix="ecco-reports-") as scratch:
        config = yaml.safe_load(stage(pages, Path(scratch), bundle, source=source).read_text(encoding="utf-8"))
        docs = Path(scratch) / "docs"
        files = {path.relative_to(docs).as_posix(): path.read_bytes() for path in docs.rglob("*") if path.is_file()}
    files = {path: content for path, content in files.items() if path not in LEFT_AT_HOME}
    if SHEET in files:
        guest = (source / "guest.css").read_text(encoding="utf-8")
        files[SHEET] = sheet(files[SHEET].decode() + guest, host.theme).encode()
    known = frozenset(files)
    for path in known:
        if path.endswith(".md"):
            files[path] = page(files[path].decode(), path, known, host.directory_urls).encode()
    return Parcel(files, _additions(config, under))


def page(markdown: str, path: str, known: frozenset[str], directory_urls: bool) -> str:
    """A page as another site needs it: with its navigation, and with addresses as that site makes them.

    Args:
        markdown: The page.
        path: Where it lies below our folder.
        known: All files below our folder; what leads to none of them is no address of ours.
        directory_urls: Whether the site makes a folder of each page.
    """
    markdown = markdown.replace("\nhide: [navigation, toc]\n", "\nhide: [toc]\n", 1)
    if not directory_urls:
        return markdown
    here = posixpath.dirname(path)
    seen_from = _folder_of(path)

    def moved(found: re.Match[str]) -> str:
        name, address, fragment = found.groups()
        target = posixpath.normpath(posixpath.join(here, address))
        source = f"{target.removesuffix('.html')}.md"
        if target.endswith(".html") and source in known:
            return f'{name}="{posixpath.relpath(_folder_of(source) or ".", seen_from or ".")}/{fragment}"'
        if target in known:
            return f'{name}="{posixpath.relpath(target, seen_from or ".")}{fragment}"'
        return found[0]

    return _ADDRESS.sub(moved, markdown)


def _folder_of(path: str) -> str:
    """The folder that a page becomes."""
    return posixpath.dirname(path) if posixpath.basename(path) == "index.md" else path.removesuffix(".md")


def sheet(css: str, theme: str) -> str:
    """Our style sheet for another theme: rules hold there too, and weigh the same; sizes are in its units."""
    css = css.replace(".md-typeset ", ":is(.md-typeset, body) ")
    return css if theme == "material" else _SIZE.sub(lambda size: f"{float(size[1]) * REM:g}rem", css)


def _additions(config: Mapping[str, Any], under: str) -> Additions:
    lists = {
        key: [f"{under}/{path}" for path in config.get(key, ()) if path not in LEFT_AT_HOME]
        for key in ("extra_css", "extra_javascript")
    }
    path = "index.md"  # The home of this part of the site only, so its own title says more.
    title = under.rsplit("/", 1)[-1].replace("-", " ").replace("_", " ").capitalize()
    nav = {title: [_below(path if item == {"Home": path} else item, under) for item in config["nav"]]}
    return Additions(
        {**lists, "markdown_extensions": EXTENSIONS}, nav, f"/{under}/" if config.get("not_in_nav") else ""
    )


def _below(item: Any, under: str) -> Any:
    """A piece of navigation with our folder before each path."""
    if isinstance(item, Mapping):
        return {title: _below(inside, under) for title, inside in item.items()}
    if isinstance(item, list):
        return [_below(one, under) for one in item]
    return f"{under}/{item}"
