"""Factors and running text side by side as HTML, readable before any script runs.

In: a FactorStrip and an id. Out: one block of HTML. At rest each token has the colour of its strongest factor, and each
factor has its bars over the text. The script ``factors.js`` adds choosing; what it needs stands in one data attribute,
as integers in hundredths.
"""

from __future__ import annotations

import html
import json
from collections.abc import Sequence

from ecco_reports.charts import style
from ecco_reports.charts.figure import FactorRow, FactorStrip
from ecco_reports.charts.strip import flowing

STEPS = 100
"""A loading is stored as an integer share of the largest."""
BAR_HEIGHT = 20
"""Height of the bars over the text, in units of the picture; a token is one unit wide."""


def factor_strip_html(strip: FactorStrip, id: str) -> str:
    """The strip with nothing chosen.

    Args:
        strip: What to show.
        id: Of the figure; factor 3 gets the id ``{id}-f3``.
    """
    data = {
        "labels": [style.spoken(token.label) for token in strip.tokens],
        "positions": [token.position for token in strip.tokens],
        "names": [factor.name for factor in strip.factors],
        "colours": [colour(number) for number in range(len(strip.factors))],
        "loadings": [steps(factor.loadings) for factor in strip.factors],
    }
    factors = "".join(_factor(factor, number, id) for number, factor in enumerate(strip.factors))
    return (
        f'<figure class="ecco-factors" id="{_attribute(id)}" data-factors="{_attribute(_json(data))}">'
        f'<div class="ecco-factors__list" role="group" aria-label="Factors">{factors}</div>'
        '<div class="ecco-factors__more"><button type="button" class="ecco-factors__all" hidden>all factors</button>'
        '<p class="ecco-factors__says" aria-live="polite">Every token has the colour of the factor that is strongest '
        "at it.</p></div>"
        f'<div class="ecco-strip__text" role="group" aria-label="{_attribute(strip.alt_text)}">'
        + "".join(_token(strip, index) for index in range(len(strip.tokens)))
        + "</div></figure>"
    )


def colour(number: int) -> str:
    """The colour of a factor; the ninth has that of the first, which is why each also has a number."""
    return style.SERIES[number % len(style.SERIES)]


def steps(loadings: Sequence[float | None]) -> list[int | None]:
    """Loadings in hundredths of the largest, as the script has them."""
    return [None if loading is None else round(loading * STEPS) for loading in loadings]


def fill(number: int, step: int) -> str:
    """The fill of a token, ``#rrggbbaa``, under a text that must stay readable."""
    return f"{colour(number)}{round(step / STEPS * style.TEXT_ALPHA * 255):02x}"


def strongest(strip: FactorStrip, index: int) -> tuple[int, int] | None:
    """The factor that is strongest at a token and its step, or None where there is none."""
    known = [(step, -number) for number, factor in enumerate(strip.factors) if (step := _step(factor, index))]
    return (-max(known)[1], max(known)[0]) if known else None


def _step(factor: FactorRow, index: int) -> int:
    loading = factor.loadings[index]
    return 0 if loading is None else round(loading * STEPS)


def _factor(factor: FactorRow, number: int, id: str) -> str:
    """A button: number and colour, what it explains, its bars over the text, the words it is strongest at."""
    return (
        f'<button type="button" class="ecco-factor" id="{_attribute(id)}-f{number + 1}" data-factor="{number}" '
        f'aria-pressed="false" style="--ecco-hue:{colour(number)}">'
        f'<span class="ecco-factor__number">{number + 1}</span>'
        f"{_bars(factor)}"
        f'<bdi class="ecco-factor__name">{_text(style.shown(factor.name))}</bdi>'
        f'<span class="ecco-factor__share">{_text(factor.share)}</span></button>'
    )


def _bars(factor: FactorRow) -> str:
    """One bar per token, as a single path."""
    path = "".join(
        f"M{index} {BAR_HEIGHT}v-{height:.3g}h.8v{height:.3g}z"
        for index, step in enumerate(steps(factor.loadings))
        if step and (height := step / STEPS * BAR_HEIGHT)
    )
    return (
        f'<svg class="ecco-factor__bars" viewBox="0 0 {len(factor.loadings)} {BAR_HEIGHT}" preserveAspectRatio="none" '
        f'aria-hidden="true"><rect class="ecco-factor__here" width="1" height="{BAR_HEIGHT}" x="-2"/>'
        f'<path d="{path}"/></svg>'
    )


def _token(strip: FactorStrip, index: int) -> str:
    """One token, in the colour of its strongest factor."""
    token = strip.tokens[index]
    left_out = all(factor.loadings[index] is None for factor in strip.factors)
    classes = [
        "ecco-tok",
        *(["ecco-tok--generated"] if token.generated else []),
        *(["ecco-tok--special"] if token.special else []),
        *(["ecco-tok--partial"] if token.pieces else []),
        *(["ecco-tok--left-out"] if left_out else []),
    ]
    attributes = [f'data-token="{index}"']
    if not left_out:
        attributes += ['role="button"', f'tabindex="{-1 if index else 0}"', 'aria-pressed="false"']
    best = strongest(strip, index)
    if best:
        attributes.append(f'style="--ecco-fill:{fill(*best)}"')
    said = f"strongest in factor {best[0] + 1}" if best else "left out" if left_out else "in no factor"
    attributes.append(f'title="{_attribute(f"{token.position}: {style.shown(token.label)}, {said}")}"')
    opens = f'<span class="ecco-strip__part">{_text(token.opens)}</span>' if token.opens else ""
    return flowing(token, classes, attributes, opens)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _text(text: str) -> str:
    return html.escape(text, quote=False)


def _attribute(text: str) -> str:
    return html.escape(text, quote=True)
