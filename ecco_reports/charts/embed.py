"""Lowers a figure to HTML and the files beside it.

In: figures. Out: a block of HTML without blank lines (Markdown leaves it alone), and assets: the specification as a
script for the lazy loader, the same as JSON for people, and a static picture for print and for readers without scripts.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import vl_convert

from ecco_reports.charts.bundle import VEGA_LITE
from ecco_reports.charts.factor_strip import factor_strip_html
from ecco_reports.charts.figure import ChartFigure, FactorStrip, Figure, TokenStrip
from ecco_reports.charts.grid import ANSWERS
from ecco_reports.charts.slim import slim
from ecco_reports.charts.strip import strip_html
from ecco_reports.charts.thumbs import chart_thumbnail, factors_thumbnail, strip_thumbnail
from ecco_reports.errors import RenderError
from ecco_reports.resources import resource

STATIC_WIDTH = 680
"""Width of the picture of a chart that fills its container, in pixels."""
SVG_MARKS = 5_000
"""Above so many marks a canvas is drawn, because a page of SVG elements becomes slow."""
PAPER = "#1b1f24"
"""Ink of the static picture, which lies on white."""


@dataclass(frozen=True)
class Embedded:
    """A figure as a page holds it.

    Attributes:
        html: One block of HTML without blank lines.
        assets: Files by name, to lie in the page's asset folder.
    """

    html: str
    assets: Mapping[str, bytes]


def embed(figure: Figure, id: str, assets: str) -> Embedded:
    """Makes a figure part of a page.

    Args:
        figure: What to show.
        id: Unique in the page; links to the figure end in it.
        assets: URL prefix from the page to its asset folder, ``"../assets/x/"``.

    Raises:
        RenderError: The chart cannot be drawn.
    """
    if isinstance(figure, TokenStrip):
        return Embedded(strip_html(figure, id), {})
    if isinstance(figure, FactorStrip):
        return Embedded(factor_strip_html(figure, id), {})
    spec = specification(figure)
    picture = static_picture(figure, spec)
    files = {
        f"{id}.js": script(id, spec).encode(),
        f"{id}.json": json.dumps(spec, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode(),
        f"{id}.svg": picture.encode(),
    }
    return Embedded(_chart_html(figure, id, assets, spec, picture), files)


def thumbnail(figure: Figure) -> bytes:
    """A small SVG picture of a figure, for a gallery.

    Raises:
        RenderError: The chart cannot be drawn.
    """
    if isinstance(figure, TokenStrip):
        return strip_thumbnail(figure).encode()
    if isinstance(figure, FactorStrip):
        return factors_thumbnail(figure).encode()
    return chart_thumbnail(static_picture(figure, specification(figure))).encode()


def specification(figure: ChartFigure) -> dict[str, Any]:
    """The chart as Vega-Lite JSON; that charts are valid is the business of the tests, and checking takes long."""
    return figure.chart.to_dict(validate=False)


def script(id: str, spec: Mapping[str, Any]) -> str:
    """The specification as a classic script that hands it to the loader: it may lie in any page and works from disk."""
    return f"eccoChart({_json_in_script(id)},{_json_in_script(spec)});\n"


def static_picture(figure: ChartFigure, spec: Mapping[str, Any]) -> str:
    """The chart at rest as an accessible SVG on transparent ground, dark ink.

    Raises:
        RenderError: vl-convert refused the chart.
    """
    sized = without_answers(spec)
    if sized.get("width") == "container":
        sized["width"] = STATIC_WIDTH
    try:
        svg: str = vl_convert.vegalite_to_svg(vl_spec=sized, vl_version=VEGA_LITE, allowed_base_urls=[])
    except ValueError as error:
        raise RenderError(f"the chart {figure.id!r} cannot be drawn: {error}") from error
    head, rest = slim(svg).split(">", 1)
    label = html.escape(figure.alt_text or figure.title, quote=True)
    title = html.escape(figure.title, quote=False)
    return f'{head} color="{PAPER}" role="img" aria-label="{label}"><title>{title}</title>{rest}'


def without_answers(spec: Mapping[str, Any]) -> dict[str, Any]:
    """The specification without the layers that only answer a pointer or a screen reader: a picture does neither."""
    kept = dict(spec)
    if "layer" in spec:
        kept["layer"] = [
            without_answers(part) for part in spec["layer"] if part.get("mark", {}).get("style") != ANSWERS
        ]
    return kept


def notebook_html(strip: TokenStrip | FactorStrip) -> str:
    """A strip with its style and script inside, for a notebook."""
    folder = resource("site") / "docs" / "assets"
    css = (folder / "stylesheets" / "charts.css").read_text(encoding="utf-8")
    name = "strips.js" if isinstance(strip, TokenStrip) else "factors.js"
    code = (folder / "javascripts" / name).read_text(encoding="utf-8")
    title = html.escape(strip.title, quote=False)
    block = embed(strip, strip.id, "").html
    return f"<style>{css}</style><p><strong>{title}</strong></p>{block}<script>{code}</script>"


def _json_in_script(value: object) -> str:
    """JSON that means the same inside a script: no end tag, no comment, no line ends that old parsers stumble over."""
    return json.dumps(value, ensure_ascii=True, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _chart_html(figure: ChartFigure, id: str, assets: str, spec: Mapping[str, Any], picture: str) -> str:
    width, height = _size(picture)
    place, base = html.escape(id, quote=True), html.escape(assets, quote=True) + html.escape(id, quote=True)
    renderer = "svg" if picture.count("<path") + picture.count("<text") <= SVG_MARKS else "canvas"
    controls = any("bind" in param for param in spec.get("params", ()))
    alt = html.escape(figure.alt_text or figure.title, quote=True)
    title = html.escape(figure.title, quote=True)
    fluid = ' data-fluid=""' if spec.get("width") == "container" else ""
    return (
        f'<figure class="ecco-chart" id="{place}" data-chart="{base}.js" data-renderer="{renderer}"{fluid} '
        f'style="--ecco-height:{height}px">'
        + ('<div class="ecco-chart__controls"></div>' if controls else "")
        + f'<div class="ecco-chart__box" role="region" aria-label="{title}" tabindex="0">'
        f'<img class="ecco-chart__static" src="{base}.svg" alt="{alt}" width="{width}" '
        f'height="{height}" loading="lazy">'
        '<div class="ecco-chart__view"></div>'
        "</div>"
        '<p class="ecco-chart__links">'
        '<button type="button" data-save="png" hidden>Save PNG</button>'
        '<button type="button" data-save="svg" hidden>Save SVG</button>'
        f'<a href="{base}.json" download>Vega-Lite JSON</a>'
        "</p>"
        "</figure>"
    )


def _size(picture: str) -> tuple[int, int]:
    """Width and height of an SVG in pixels, rounded up."""
    width, height = (re.search(rf'\b{side}="([\d.]+)"', picture) for side in ("width", "height"))
    if width is None or height is None:
        raise RenderError("the static picture has no size")
    return round(float(width[1]) + 0.5), round(float(height[1]) + 0.5)
