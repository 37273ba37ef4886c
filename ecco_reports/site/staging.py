"""Puts together the MkDocs project of a site: hand-written pages, rendered pages, assets and settings.

In: pages. Out: a folder with ``mkdocs.yml`` and ``docs/`` that MkDocs, or a successor, builds without any plugin or
hook of ours. Never: MkDocs itself, or a file outside the folder it is given.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import yaml

from ecco_reports.errors import SiteError
from ecco_reports.resources import bundled_models, resource
from ecco_reports.site.cards import Cards
from ecco_reports.site.front import described, with_front
from ecco_reports.site.settings import merged
from ecco_reports.site.stamp import STAMP

if TYPE_CHECKING:
    from ecco_reports.pages import Page

NAV_LIMIT = 80
"""Pages of one folder that the navigation lists; it stands on every page, so more would make each of them heavy."""

BUNDLE = PurePosixPath("assets/javascripts/vega-embed.js")

CARDS = PurePosixPath("assets/cards")
"""Where the pictures of pages lie that are shown where somebody shares their address."""


class Scratch:
    """A new folder beside ``target`` that takes its place when it is finished, or disappears.

    Args:
        target: The folder to replace. It must be absent, empty, or made by ecco-reports.

    Raises:
        SiteError: ``target`` holds files of somebody else.
    """

    def __init__(self, target: Path) -> None:
        self.target = target
        if target.exists() and not _ours(target):
            raise SiteError(
                f"{target} was not made by ecco-reports, so it is left alone: name another folder, or empty this one."
            )
        self.folder = target.parent / f".{target.name}.{uuid.uuid4().hex[:8]}.new"

    def __enter__(self) -> Scratch:
        self._sweep()
        self.folder.mkdir(parents=True)
        (self.folder / STAMP).touch()
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def take_place(self) -> None:
        """Replaces the target in two renames; whoever looks sees the old folder or the new one, both whole."""
        old = self.folder.with_suffix(".old")
        if self.target.exists():
            self.target.rename(old)
        self.folder.rename(self.target)
        shutil.rmtree(old, ignore_errors=True)

    def _sweep(self) -> None:
        """Removes what killed builds left beside the target."""
        for left in self.target.parent.glob(f".{self.target.name}.????????.*"):
            if left.suffix in {".new", ".old"} and left.is_dir() and _ours(left):
                shutil.rmtree(left, ignore_errors=True)


def _ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / STAMP).is_file() or not any(folder.iterdir()))


def stage(
    pages: Iterable[Page],
    folder: Path,
    bundle: bytes,
    settings: Mapping[str, Any] | None = None,
    source: Path | None = None,
    cache: Path | None = None,
) -> Path:
    """Writes the MkDocs project.

    Args:
        pages: Rendered pages, in the order of the navigation.
        folder: An empty folder.
        bundle: The script that draws charts.
        settings: MkDocs settings that are laid over those of ``mkdocs.yml``; with ``site_url``, pages get cards.
        source: The folder with ``mkdocs.yml``, hand-written ``docs`` and what replaces parts of the theme
            (``overrides``); by default the package's own.
        cache: Where cards are kept from one site to the next; by default they are not.

    Returns:
        Path of the settings file.

    Raises:
        SiteError: A page or an asset wants to lie outside the docs.
    """
    source = source or resource("site")
    docs = folder / "docs"
    for part in ("docs", "overrides"):
        if (source / part).is_dir():
            shutil.copytree(source / part, folder / part)
    config = yaml.safe_load((source / "mkdocs.yml").read_text(encoding="utf-8"))
    config = merged(config, settings or {})
    cards = _cards(config, docs, cache or folder / ".cache")
    made: list[str] = []
    for page in pages:
        _write_page(docs, page, cards)
        made.append(page.path)
    made += _model_cards(docs)
    for path in sorted(docs.rglob("*.md")):
        path.write_bytes(described(path.read_bytes().decode()).encode())
    _write(docs, str(BUNDLE), bundle)
    config["nav"], unlisted = expand_nav(config.get("nav", []), made, docs)
    if unlisted:
        config["not_in_nav"] = "\n".join(f"/{path}" for path in unlisted)
    written = folder / "mkdocs.yml"
    written.write_text(yaml.safe_dump(config, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return written


def _cards(config: dict[str, Any], docs: Path, cache: Path) -> Cards | None:
    """Who draws cards, and the card of the site itself; nobody where the site has no address to be shared."""
    if not config.get("site_url"):
        return None
    cards = Cards(cache / "cards", config["site_name"], config["site_url"])
    whole = str(CARDS / "site.png")
    _write(docs, whole, cards.card(config["site_name"], text=config.get("site_description") or ""))
    config["extra"] = {**config.get("extra", {}), "card": whole}
    return cards


def _write_page(docs: Path, page: Page, cards: Cards | None) -> None:
    markdown = page.markdown
    if cards and page.picture:
        card = str((CARDS / page.path).with_suffix(".png"))
        _write(docs, card, cards.card(page.title, page.picture))
        markdown = with_front(markdown, card=card)
    _write(docs, page.path, markdown.encode("utf-8", "replace"))
    for path, content in page.assets.items():
        _write(docs, path, content)


def expand_nav(nav: Sequence[Any], made: Sequence[str], docs: Path) -> tuple[list[Any], list[str]]:
    """Replaces each folder in the navigation by the pages made for it; drops hand-written pages that are not there.

    Returns:
        The navigation, and the pages that are too many to be listed.
    """
    expanded: list[Any] = []
    unlisted: list[str] = []
    for item in nav:
        if isinstance(item, Mapping):
            ((title, inside),) = item.items()
            if isinstance(inside, str):
                expanded.append({title: inside})
                continue
            children, left = expand_nav(inside, made, docs)
            unlisted += left
            if children:
                expanded.append({title: children})
        elif str(item).endswith("/"):
            members = [path for path in made if path.startswith(item)]
            members.sort(key=lambda path: PurePosixPath(path).name != "index.md")
            expanded += members[:NAV_LIMIT] if len(members) <= NAV_LIMIT else members[:1]
            unlisted += [] if len(members) <= NAV_LIMIT else members[1:]
        elif (docs / str(item)).is_file():
            expanded.append(item)
    return expanded, unlisted


def _model_cards(docs: Path) -> list[str]:
    """The cards of the bundled models as pages, and the page about all of them."""
    overview = (bundled_models() / "OVERVIEW.md").read_text(encoding="utf-8")
    made = ["models/index.md"]
    for card in sorted(bundled_models().glob("*/CARD.md")):
        name = card.parent.name
        _write(docs, f"models/{name}.md", card.read_bytes())
        made.append(f"models/{name}.md")
        overview = overview.replace(f"({name}/{card.name})", f"({name}.md)")
    _write(docs, made[0], overview.encode())
    return made


def _write(docs: Path, path: str, content: bytes) -> None:
    parts = PurePosixPath(path).parts
    if PurePosixPath(path).is_absolute() or ".." in parts or not parts:
        raise SiteError(f"a page wants to write to {path!r}, which is outside the site.")
    target = docs.joinpath(*parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


def cached_bundle(folder: Path) -> bytes:
    """The script that draws charts, made once per version of its makers and kept in ``folder``."""
    from importlib.metadata import version

    name = f"vega-embed-{version('altair')}-{version('vl-convert-python')}.js"
    path = folder / name
    if path.is_file():
        return path.read_bytes()
    from ecco_reports.charts.bundle import vega_bundle

    content = vega_bundle()
    folder.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_bytes(content)
    temporary.rename(path)
    return content
