"""What all charts share: colours, fonts, rounding, and the few Vega expressions they are made of.

In: plain labels and numbers. Out: pieces of Altair. Everything that is ink is ``currentColor``, and every fill is a
ramp that begins transparent and ends translucent, so one specification serves light and dark pages and text stays
readable on every cell. The hues are told apart with all common kinds of colour blindness.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

import altair as alt

from ecco_reports.records import control_sign

INK = "currentColor"
RAISE = "#e66100"
"""Orange: raises the score, the token that is asked about."""
LOWER = "#2a7bd6"
"""Blue: lowers the score."""
BELIEF = "#009184"
"""Teal: probability, rank, everything a model believes."""
SERIES = (RAISE, LOWER, BELIEF, "#a862c8", "#a98200", "#d9508c", "#7d8896", "#5f9a2b")
"""Lines of one chart, in order; each has a contrast of at least 3:1 against white and against Material's slate."""

TEXT_ALPHA = 0.62
"""The strongest fill that may lie under text: black on it, or white on it, keeps a contrast above 4.5:1."""
BARE_ALPHA = 0.9
"""The strongest fill of a cell without text."""

FONT = "Roboto, Arial, Noto Sans CJK SC, sans-serif"
"""Short, because SVG repeats it at every text; browsers find glyphs that are in none of these."""
MONO = "Roboto Mono, SFMono-Regular, Consolas, DejaVu Sans Mono, Noto Sans Mono CJK SC, monospace"
FONT_SIZE = 11
ROW = 22
"""Height of a row of cells in pixels."""

RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\u200f\u202a-\u202e\u2066-\u2069\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff]"
)
AnyChart = TypeVar("AnyChart", bound=alt.TopLevelMixin)


def shown(label: str) -> str:
    """A label that draws as it reads: never empty, and without characters that a picture cannot hold."""
    signs = "".join(map(control_sign, label))
    return signs.encode("utf-16", "surrogatepass").decode("utf-16", "replace") or "∅"


def isolated(label: str) -> str:
    """A label that can stand in a sentence: right-to-left text does not drag its neighbours along."""
    return f"\u2068{label}\u2069" if RIGHT_TO_LEFT.search(label) else label


def fitting(label: str, letters: int) -> str:
    """A label cut to a width of so many letters; characters of East Asia are two letters wide."""
    width = 0
    for index, char in enumerate(label):
        width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
        if width > letters:
            return label[: max(1, index - 1)] + "…"
    return label


def fade(colour: str, alpha: float) -> str:
    """``#rrggbb`` with an opacity."""
    red, green, blue = (int(colour[index : index + 2], 16) for index in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha:g})"


def ramp(colour: str, alpha: float = TEXT_ALPHA) -> list[str]:
    """Nothing to full: the range of a sequential scale."""
    return [fade(colour, 0), fade(colour, alpha)]


def diverging(alpha: float = TEXT_ALPHA) -> list[str]:
    """Lowers, nothing, raises: the range of a scale whose domain is symmetric around 0."""
    return [fade(LOWER, alpha), "transparent", fade(RAISE, alpha)]


def names(name: str, labels: Sequence[str]) -> alt.Parameter:
    """Labels as a named parameter that expressions look up by position.

    A parameter's value is data: whatever a label contains, no expression parser ever sees it.
    """
    return alt.param(name=name, value=[shown(label) for label in labels])


def label_axis(name: str, **options: Any) -> alt.Axis:
    """An axis of positions that shows the labels in the parameter ``name``; equal labels stay apart."""
    look: dict[str, Any] = {
        "labelExpr": f"{name}[datum.value]",
        "labelOverlap": False,
        "ticks": False,
        "domain": False,
        "aria": False,
    }
    return alt.Axis(**(look | options))


def percent(number: str, pad: bool = False) -> str:
    """A Vega expression that writes the probability ``number`` (an expression, 0 to 1) as "97.1 %".

    Args:
        number: The expression of the probability.
        pad: Whether to fill up with figure spaces, so that numbers below each other stand in line.
    """
    written = f"format(100 * ({number}), '.1f')"
    if pad:
        written = f"pad({written}, 5, '\u2007', 'left')"
    small = "'\u2007<\u20090.1\u00a0%'" if pad else "'<\u20090.1\u00a0%'"
    return f"({number} > 0 && {number} < 0.0005 ? {small} : {written} + '\u00a0%')"


def bound(field: str, control: Any) -> Any:
    """The control of a selection's field; Vega-Lite takes a mapping here, which Altair's types do not know of."""
    return {field: control}


def footnote(text: str | list[str]) -> alt.TitleParams:
    """A sentence below a chart that says what its signs mean, or several, one to a line."""
    return alt.TitleParams(text=text, orient="bottom", anchor="start", fontSize=FONT_SIZE, frame="group", offset=8)


def spoken(label: str) -> str:
    """A label as a voice should read it: without the sign for the space around a word."""
    return shown(label).strip("·") or shown(label)


def themed(chart: AnyChart, description: str, **properties: Any) -> AnyChart:
    """The chart with the shared look and the sentence that a screen reader says first."""
    settings: Mapping[str, Any] = {
        "background": "transparent",
        "font": FONT,
        "view": {"stroke": None},
        "axis": {
            "labelColor": INK,
            "titleColor": INK,
            "domainColor": INK,
            "tickColor": INK,
            "gridColor": INK,
            "domainOpacity": 0.35,
            "tickOpacity": 0.35,
            "gridOpacity": 0.12,
            "labelOpacity": 0.85,
            "titleOpacity": 0.7,
            "labelFontSize": FONT_SIZE,
            "titleFontSize": FONT_SIZE,
            "titleFontWeight": "normal",
            "labelPadding": 5,
            "titlePadding": 8,
        },
        "legend": {
            "labelColor": INK,
            "titleColor": INK,
            "labelOpacity": 0.85,
            "titleOpacity": 0.7,
            "labelFontSize": FONT_SIZE,
            "titleFontSize": FONT_SIZE,
            "titleFontWeight": "normal",
            "gradientThickness": 10,
            "gradientStrokeColor": INK,
            "gradientStrokeWidth": 0.25,
            "gradientOpacity": 1,
        },
        "text": {"color": INK, "fontSize": FONT_SIZE},
        "title": {"color": INK, "fontSize": 12, "fontWeight": "normal", "anchor": "start"},
    }
    return chart.properties(description=description, **properties).configure(**settings)  # type: ignore[no-any-return]
