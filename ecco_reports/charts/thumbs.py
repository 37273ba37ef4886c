"""Small pictures of figures for a gallery: a window of 640 x 400 on the figure's upper left."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from ecco_reports.charts import style
from ecco_reports.charts.factor_strip import fill, strongest
from ecco_reports.charts.figure import FactorStrip, TokenStrip
from ecco_reports.charts.strip import STEPS, shade, shares

WIDTH, HEIGHT = 640, 400
LETTER = 13.2
"""Width of a letter of the strip's picture in pixels, for a monospaced face of 22 pixels."""
LINE = 44


def chart_thumbnail(picture: str) -> str:
    """The static picture without its own size, so that a card can scale it; very large charts are cut off."""
    head, rest = picture.split(">", 1)
    width, height = (
        min(limit, float(size[1])) if (size := re.search(rf'\b{side}="([\d.]+)"', head)) else limit
        for side, limit in (("width", WIDTH), ("height", HEIGHT))
    )
    head = re.sub(r'\s(?:width|height|viewBox)="[^"]*"', "", head)
    return f'{head} viewBox="0 0 {width:g} {height:g}" preserveAspectRatio="xMidYMid meet">{rest}'


def strip_thumbnail(strip: TokenStrip) -> str:
    """The running text with the colours of its first output."""
    row = strip.rows[0] if strip.rows else None
    fills = [shade(share / STEPS, strip.signed) for share in shares(row)] if row else []
    return _text_picture(strip, fills, None if row is None else row.position)


def factors_thumbnail(strip: FactorStrip) -> str:
    """The running text, each token in the colour of its strongest factor."""
    best = [strongest(strip, index) for index in range(len(strip.tokens))]
    return _text_picture(strip, [fill(*one) if one else "#00000000" for one in best], None)


def _text_picture(strip: TokenStrip | FactorStrip, fills: Sequence[str], chosen: int | None) -> str:
    """Running text on coloured ground.

    Args:
        strip: What to show.
        fills: The ground of each token, as far as they go.
        chosen: The position of the token that is framed.
    """
    pieces, x, y = [], 20.0, 40.0
    for index, token in enumerate(strip.tokens):
        label = token.text.strip() or style.shown(token.label)
        width = LETTER * (len(label) + 1)
        if x + width > WIDTH - 20:
            x, y = 20.0, y + LINE
        if y > HEIGHT:
            break
        outlined = chosen is not None and chosen == token.position
        ground = fills[index] if index < len(fills) else "#00000000"
        frame = f' stroke="{style.RAISE}" stroke-width="3"' if outlined else ""
        pieces.append(
            f'<rect x="{x:g}" y="{y - 26:g}" width="{width:g}" height="36" rx="5" fill="{ground}"{frame}/>'
            f'<text x="{x + LETTER / 2:g}" y="{y:g}">{html.escape(style.shown(label), quote=False)}</text>'
        )
        x += width + 4
    label = html.escape(strip.alt_text or strip.title, quote=True)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {min(HEIGHT, y + 30):g}" role="img" '
        f'aria-label="{label}" font-family="{style.MONO}" font-size="22" fill="#1b1f24">'
        f"<title>{html.escape(strip.title, quote=False)}</title>{''.join(pieces)}</svg>"
    )
