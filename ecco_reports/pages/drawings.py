"""Figures as HTML and files, and a folder that remembers them: drawing the static pictures is what takes time.

In: figures, and what they were made from. Out: strings and files. Never: results, Markdown.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ecco_reports.charts.embed import embed, thumbnail
from ecco_reports.pages.escape import slug
from ecco_reports.records import digest
from ecco_reports.resources import code_digest

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure


@dataclass(frozen=True)
class Drawn:
    """A figure ready for a page.

    Attributes:
        id: Its id on the page.
        title: A few words.
        reading: How to read it.
        html: A block of HTML without empty lines.
    """

    id: str
    title: str
    reading: str
    html: str


@dataclass(frozen=True)
class Drawing:
    """The figures of one section.

    Attributes:
        figures: In the order of the analysis.
        files: What they need, by path from the site's root.
    """

    figures: tuple[Drawn, ...] = ()
    files: Mapping[str, str] | None = None


class Drawings:
    """Draws what it is asked for, each time."""

    def section(self, made_from: Sequence[str], draw: Callable[[], Drawing]) -> Drawing:
        """The figures of a section; ``made_from`` is all that they depend on but the code."""
        return draw()

    def picture(self, made_from: Sequence[str], draw: Callable[[], str]) -> str:
        """A thumbnail."""
        return draw()


class KeptDrawings(Drawings):
    """Draws what it has not drawn before with the same code.

    Args:
        folder: Where drawings are kept; made when the first one is. What other code has drawn is removed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder / code_digest()[:16]
        for other in folder.glob("????????????????") if folder.is_dir() else ():
            if other != self.folder:
                shutil.rmtree(other, ignore_errors=True)

    def section(self, made_from: Sequence[str], draw: Callable[[], Drawing]) -> Drawing:
        """The figures of a section, drawn or remembered."""
        path = self._path("section", made_from)
        try:
            kept = json.loads(path.read_text(encoding="utf-8"))
            return Drawing(tuple(Drawn(**figure) for figure in kept["figures"]), kept["files"])
        except (OSError, ValueError, TypeError, KeyError):
            drawing = draw()
        self._keep(path, json.dumps(asdict(drawing)))
        return drawing

    def picture(self, made_from: Sequence[str], draw: Callable[[], str]) -> str:
        """A thumbnail, drawn or remembered."""
        path = self._path("picture", made_from)
        try:
            return str(json.loads(path.read_text(encoding="utf-8"))["picture"])
        except (OSError, ValueError, TypeError, KeyError):
            picture = draw()
        self._keep(path, json.dumps({"picture": picture}))
        return picture

    def _path(self, kind: str, made_from: Sequence[str]) -> Path:
        return self.folder / f"{digest([kind, *made_from])}.json"

    def _keep(self, path: Path, text: str) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)


def draw_section(figures: Sequence[Figure], anchor: str, folder: str) -> Drawing:
    """Lowers figures for a page one level below the root.

    Args:
        figures: The figures.
        anchor: The section's id, which begins those of its figures.
        folder: Where their files go, from the site's root, with a slash at the end.
    """
    drawn: list[Drawn] = []
    files: dict[str, str] = {}
    for figure in figures:
        id = f"{anchor}-{slug(figure.id)}"
        embedded = embed(figure, id, f"../{folder}")
        html = "\n".join(line for line in embedded.html.splitlines() if line.strip())
        drawn.append(Drawn(id, figure.title, figure.reading, html))
        files |= {folder + path: content.decode() for path, content in embedded.assets.items()}
    return Drawing(tuple(drawn), files)


def draw_thumbnail(figures: Sequence[Figure]) -> str:
    """A small picture of the first figure that can be one; empty when none can."""
    for figure in figures:
        try:
            return thumbnail(figure).decode()
        except Exception:  # A picture is an ornament; the experiment's page says what could not be drawn.
            continue
    return ""
