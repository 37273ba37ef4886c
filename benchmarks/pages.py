"""How heavy each page of a built site is, without what all pages share: its HTML, and the charts and pictures it loads.

Usage: python benchmarks/pages.py [build/site] [--limit 500]

Prints a table, the heaviest first, and ends with 1 if a page is above the limit (in kB of 1000 bytes). Left out are
scripts, styles and fonts, which a browser keeps from page to page, and files that are fetched only when a reader asks
for them, such as the data of a chart.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LIMIT = 500


@dataclass(frozen=True)
class Weight:
    """What a page is made of, in bytes.

    Attributes:
        page: Its path in the site.
        html: Of the page itself.
        charts: Of the charts it draws.
        pictures: Of the pictures it shows.
        missing: What it names and the site does not have.
    """

    page: str
    html: int
    charts: int
    pictures: int
    missing: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """All of it."""
        return self.html + self.charts + self.pictures


class _Loaded(HTMLParser):
    """Collects what a page loads by itself: ``data-chart`` of its figures, ``src`` of its pictures."""

    def __init__(self) -> None:
        super().__init__()
        self.charts: set[str] = set()
        self.pictures: set[str] = set()

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        """Looks at one tag."""
        named = dict(attrs)
        if chart := named.get("data-chart"):
            self.charts.add(chart)
        if tag in ("img", "source") and (picture := named.get("src")) and not picture.startswith("data:"):
            self.pictures.add(picture)


def weights(site: Path) -> Iterator[Weight]:
    """The weight of every page of a built site."""
    for page in sorted(site.rglob("*.html")):
        loaded = _Loaded()
        loaded.feed(page.read_text(encoding="utf-8"))
        sizes = {name: _size(site, page, name) for name in loaded.charts | loaded.pictures}
        yield Weight(
            page=page.relative_to(site).as_posix(),
            html=page.stat().st_size,
            charts=sum(sizes[name] or 0 for name in loaded.charts),
            pictures=sum(sizes[name] or 0 for name in loaded.pictures),
            missing=tuple(sorted(name for name, size in sizes.items() if size is None)),
        )


def _size(site: Path, page: Path, address: str) -> int | None:
    path = unquote(urlsplit(address).path)
    # What stands for a page that is not there may stand anywhere, and names everything from the root of the site.
    file = site / path.lstrip("/") if path.startswith("/") else page.parent / path
    return file.stat().st_size if file.is_file() else None


def table(found: Sequence[Weight], limit: int) -> Iterator[str]:
    """The weights in kB, the heaviest page first."""
    yield f"{'total':>7} {'html':>7} {'charts':>7} {'pictures':>8}  page"
    for one in sorted(found, key=lambda one: -one.total):
        sign = f"  ABOVE {limit} kB" if one.total > limit * 1000 else ""
        gone = f"  LACKS {', '.join(one.missing)}" if one.missing else ""
        kilobytes = [f"{size / 1000:.1f}" for size in (one.total, one.html, one.charts, one.pictures)]
        yield "{:>7} {:>7} {:>7} {:>8}  ".format(*kilobytes) + one.page + sign + gone


def main(arguments: Sequence[str] | None = None) -> int:
    """Weighs a site, and says whether every page is light enough."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("site", type=Path, nargs="?", default=Path("build/site"))
    parser.add_argument("--limit", type=int, default=LIMIT, help="kB that a page may have")
    asked = parser.parse_args(arguments)
    found = list(weights(asked.site))
    if not found:
        print(f"there is no page in {asked.site}", file=sys.stderr)
        return 2
    for line in table(found, asked.limit):
        print(line)
    heavy = [one for one in found if one.total > asked.limit * 1000 or one.missing]
    print(f"{len(found)} pages, {len(heavy)} of them above {asked.limit} kB or incomplete")
    return 1 if heavy else 0


if __name__ == "__main__":
    sys.exit(main())
