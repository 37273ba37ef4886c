"""Social cards: the picture that is shown where somebody shares the address of a page.

In: a title and a small picture. Out: a PNG of 1200 x 630 pixels. Never: text outside the card.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from ecco_reports.records import digest
from ecco_reports.resources import code_digest, resource

WIDTH, HEIGHT = 1200, 630
"""The size that Open Graph's readers agree on, in pixels."""

SERIF = "Charter, Georgia, 'Liberation Serif', 'DejaVu Serif', 'Noto Serif CJK SC', serif"
SANS = "'Liberation Sans', 'DejaVu Sans', Arial, 'Noto Sans CJK SC', sans-serif"
PAPER, INK, MUTED, LINE, TEAL = "#fcfbf8", "#1b1f24", "#565e68", "#e2ddd2", "#006a60"
LETTER = 0.53
"""Mean width of a letter of a bold serif face, as part of its size; an ideograph is as wide as its size."""


class Cards:
    """Draws cards, and keeps them: a picture of text takes a tenth of a second.

    Args:
        folder: Where cards are kept; made when the first one is.
        site_name: Stands on each card.
        address: Where the site will be found; stands on each card without its scheme.
    """

    def __init__(self, folder: Path, site_name: str, address: str) -> None:
        self.folder = folder
        self.site_name = site_name
        self.address = re.sub(r"^https?://|/$", "", address)
        self._code = code_digest()

    def card(self, title: str, picture: bytes = b"", text: str = "") -> bytes:
        """A card as PNG.

        Args:
            title: In a few words, as somebody wrote it.
            picture: An SVG without a size of its own, or nothing.
            text: A sentence that stands below the title of a card without a picture.
        """
        drawing = card_svg(title, self.site_name, self.address, picture, text)
        path = self.folder / f"{digest([self._code, drawing])}.png"
        if path.is_file():
            return path.read_bytes()
        import vl_convert

        png: bytes = vl_convert.svg_to_png(svg=drawing, scale=1)
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        temporary.write_bytes(png)
        temporary.replace(path)
        return png


def card_svg(title: str, site_name: str, address: str, picture: bytes = b"", text: str = "") -> str:
    """The card as SVG: who speaks, about what, and a picture of it."""
    from ecco_reports.pages.escape import one_line

    inner = 470 if picture else 1060
    size, lines = _fitted(one_line(title).strip(), inner, 5 if picture else 3)
    top = 190
    words = [_text(line, 70, top + index * size * 1.2, size, INK, SERIF, bold=True) for index, line in enumerate(lines)]
    if not picture:
        start = top + len(lines) * size * 1.2 + 12
        more = _wrapped(one_line(text), 30, inner)[:3]
        words += [_text(line, 70, start + index * 44, 30, MUTED, SANS) for index, line in enumerate(more)]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}">'
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{PAPER}"/><rect width="{WIDTH}" height="10" fill="{TEAL}"/>'
        + _placed(_mark(), 66, 62, 46, 46)
        + _text(_cut(one_line(site_name), 30, 1000), 126, 96, 30, INK, SANS)
        + "".join(words)
        + _text(_cut(address, 24, 1060 if not picture else inner), 70, 578, 24, MUTED, SANS)
        + (_panel(picture.decode()) if picture else "")
        + "</svg>"
    )


def _panel(picture: str) -> str:
    """The picture on white, as it lies on the page."""
    frame = f'<rect x="580" y="136" width="560" height="420" rx="10" fill="#fff" stroke="{LINE}" stroke-width="2"/>'
    return frame + _placed(picture, 604, 160, 512, 372)


def _placed(picture: str, x: float, y: float, width: float, height: float) -> str:
    """An SVG as part of another one."""
    head, rest = picture.split(">", 1)
    head = re.sub(r'\s(?:x|y|width|height)="[^"]*"', "", head)
    return f'{head} x="{x}" y="{y}" width="{width}" height="{height}">{rest}'


def _mark() -> str:
    return (resource("site") / "docs/assets/images/mark.svg").read_text(encoding="utf-8").strip()


def _text(line: str, x: float, y: float, size: float, fill: str, family: str, bold: bool = False) -> str:
    weight = ' font-weight="700"' if bold else ""
    return (
        f'<text x="{x:g}" y="{y:g}" font-size="{size:g}" fill="{fill}" font-family="{family}"{weight} '
        f'xml:space="preserve">{escape(line)}</text>'
    )


def _fitted(title: str, room: float, most: int) -> tuple[int, list[str]]:
    """The largest of three sizes at which a title has no more lines than fit, and its lines; the rest is left out."""
    for size in (58, 50, 42):
        lines = _wrapped(title, size, room)
        if len(lines) <= most:
            return size, lines
    return size, [*lines[: most - 1], _cut(lines[most - 1] + " " + lines[most], size, room)]


def _wrapped(text: str, size: float, room: float) -> list[str]:
    """Lines that fit; words break only where they are longer than a line, ideographs anywhere."""
    lines = [""]
    for piece in _pieces(text, size, room):
        if _width(lines[-1] + piece.rstrip(), size) > room and lines[-1]:
            lines.append("")
            piece = piece.lstrip()
        lines[-1] += piece
    return [line.strip() for line in lines if line.strip()]


def _pieces(text: str, size: float, room: float) -> Iterator[str]:
    for word in re.findall(r"\s*[^\s\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]+|\s*\S|\s+", text):
        per_line = max(1, int(room / (size * LETTER)))
        yield from (word[start : start + per_line] for start in range(0, len(word), per_line))


def _cut(text: str, size: float, room: float) -> str:
    """The beginning of a text that fits into a line, with an ellipsis where something was left out."""
    if _width(text, size) <= room:
        return text
    while text and _width(text + "…", size) > room:
        text = text[:-1]
    return text.rstrip() + "…"


def _width(text: str, size: float) -> float:
    wide = sum(unicodedata.east_asian_width(char) in "WF" for char in text)
    return size * (wide + LETTER * (len(text) - wide))
