"""A token strip as HTML: running text that is readable, coloured and linkable before any script runs.

In: a TokenStrip and an id. Out: one block of HTML. The script ``strips.js`` adds choosing; what it needs stands in one
data attribute, as integers in thousandths of the row's largest score, and null where a token has no score.
"""

from __future__ import annotations

import html
import json
import math
from collections.abc import Sequence
from typing import Any

from ecco_reports.charts import style
from ecco_reports.charts.figure import StripRow, StripToken, TokenStrip

STEPS = 1000
"""A score is stored as an integer share of its row's largest magnitude."""
NAMED = 4
"""So many tokens are named in the sentence about an output."""


def strip_html(strip: TokenStrip, id: str) -> str:
    """The strip with its first output chosen.

    Args:
        strip: What to show.
        id: Of the figure; the output at position 12 gets the id ``{id}-t12``, output 0 outside the text ``{id}-r0``.
    """
    data = {
        "signed": strip.signed,
        "shares": strip.shares,
        "labels": [style.spoken(token.label) for token in strip.tokens],
        "rows": [_row_data(strip, row) for row in strip.rows],
    }
    first = strip.rows[0] if strip.rows else None
    return (
        f'<figure class="ecco-strip" id="{_attribute(id)}" data-view="minimal" data-strip="{_attribute(_json(data))}">'
        + _controls()
        + _extras(strip, id)
        + f'<div class="ecco-strip__text" role="group" aria-label="{_attribute(strip.alt_text or strip.title)}">'
        + "".join(_token(strip, index, first, id) for index in range(len(strip.tokens)))
        + "</div>"
        + _legend(strip, first)
        + f'<p class="ecco-strip__says" aria-live="polite">{_text(sentence(strip, first))}</p>'
        + "</figure>"
    )


def sentence(strip: TokenStrip, row: StripRow | None) -> str:
    """What an output drew on, as a sentence: "London (probability 97.1 %): Heathrow +2.1, city +0.8"."""
    if row is None:
        return ""
    scores = [(abs(score), -index, score) for index, score in enumerate(row.scores) if math.isfinite(score) and score]
    named = ", ".join(
        f"{style.isolated(style.spoken(strip.tokens[-index].label))} {amount(score, strip.signed, strip.shares)}"
        for _, index, score in sorted(scores, reverse=True)[:NAMED]
    )
    detail = f" ({row.detail})" if row.detail else ""
    return f"{style.isolated(style.spoken(row.output))}{detail}: {named or 'nothing the model read moved it'}"


def amount(score: float, signed: bool, share: bool = False) -> str:
    """A score as a person reads it: two decimals, or two digits where that would be nought; a share as per cent."""
    size = abs(score)
    digits = percent(size) if share else f"{size:.2f}" if size >= 0.1 or size == 0 else f"{size:.2g}"
    return (("+" if score > 0 else "\u2212" if score < 0 else "") if signed else "") + digits


def percent(share: float) -> str:
    """A share from 0 to 1: "34 %", "3.4 %"."""
    return f"{100 * share:.{0 if share >= 0.0995 or share == 0 else 1}f}\u00a0%"


def shade(share: float, signed: bool) -> str:
    """The fill of a token: ``#rrggbbaa`` for a share from -1 to 1 of the largest score."""
    colour = style.RAISE if share >= 0 or not signed else style.LOWER
    return f"{colour}{round(abs(share) * style.TEXT_ALPHA * 255):02x}"


def shares(row: StripRow) -> list[int]:
    """The scores of a row in thousandths of the largest."""
    largest = _largest(row)
    return [round(score / largest * STEPS) if math.isfinite(score) else 0 for score in row.scores]


def _largest(row: StripRow) -> float:
    return max((abs(score) for score in row.scores if math.isfinite(score)), default=0.0) or 1.0


def _row_data(strip: TokenStrip, row: StripRow) -> dict[str, Any]:
    scored = [
        share if token.scored and math.isfinite(score) else None
        for token, share, score in zip(strip.tokens, shares(row), row.scores, strict=False)
    ]
    return {
        "o": style.spoken(row.output),
        "p": row.position,
        "m": float(f"{_largest(row):.4g}"),
        "s": scored,
        "d": row.detail,
        **({"q": list(row.parts)} if row.parts else {}),
    }


def _controls() -> str:
    """The switch between the two views; it needs the script, so the script shows it."""
    return (
        '<div class="ecco-strip__views" role="group" aria-label="View" hidden>'
        '<button type="button" data-view="minimal" aria-pressed="true">minimal</button>'
        '<button type="button" data-view="detailed" aria-pressed="false">detailed</button>'
        "</div>"
    )


def _extras(strip: TokenStrip, id: str) -> str:
    """Buttons for outputs that do not stand in the text."""
    buttons = [
        f'<button type="button" class="ecco-strip__extra" id="{_attribute(id)}-r{number}" data-row="{number}" '
        f'aria-pressed="{"true" if number == 0 else "false"}"><bdi>{_text(style.shown(row.output))}</bdi></button>'
        for number, row in enumerate(strip.rows)
        if row.position is None
    ]
    return f'<div class="ecco-strip__extras">{"".join(buttons)}</div>' if buttons else ""


def _token(strip: TokenStrip, index: int, chosen: StripRow | None, id: str) -> str:
    """One token; as an output it can be chosen, as an input it carries its colour."""
    token = strip.tokens[index]
    row = next((number for number, row in enumerate(strip.rows) if row.position == token.position), None)
    classes = ["ecco-tok"]
    classes += ["ecco-tok--generated"] if token.generated else []
    classes += ["ecco-tok--special"] if token.special else []
    classes += ["ecco-tok--partial"] if token.pieces else []
    classes += ["ecco-tok--ignored"] if token.ignored else []
    attributes = [f'data-n="{token.position}"']
    if row is not None:
        classes.append("ecco-tok--output")
        pressed = "true" if strip.rows[row] is chosen else "false"
        attributes += [
            f'id="{_attribute(id)}-t{token.position}"',
            f'data-row="{row}"',
            'role="button"',
            f'tabindex="{0 if row == 0 else -1}"',
            f'aria-pressed="{pressed}"',
        ]
    attributes += _colour(strip, index, chosen)
    note = "".join(f", {note}" for note in (token.note, "ignored" if token.ignored else "") if note)
    attributes.append(f'title="{_attribute(f"{token.position}: {style.shown(token.label)}{note}")}"')
    opens = _heading(strip, index, chosen) if token.opens else ""
    return flowing(token, classes, attributes, opens)


def flowing(token: StripToken, classes: Sequence[str], attributes: Sequence[str], opens: str = "") -> str:
    """A token in its place in the text, with the characters around it that no token stands for.

    Args:
        token: The token.
        classes: Of its element.
        attributes: Of its element, ready for HTML.
        opens: What stands before it, as HTML.
    """
    inner, breaks = _flow(token)
    made = f'<bdi class="{" ".join(classes)}" {" ".join(attributes)}><span>{inner}</span></bdi>{"<br>" * breaks}'
    return f"{_gap(token.before)}{opens}{made}{_gap(token.after)}"


def _heading(strip: TokenStrip, index: int, chosen: StripRow | None) -> str:
    """The name of the part of the text that begins with a token, and what the chosen output took from it."""
    number = sum(bool(token.opens) for token in strip.tokens[:index])
    parts = chosen.parts if chosen else ()
    takes = f": <span data-part>{_text(parts[number])}</span>" if number < len(parts) else ""
    return f'<span class="ecco-strip__part">{_text(strip.tokens[index].opens)}{takes}</span>'


def _gap(text: str) -> str:
    """Characters that no token stands for: the text goes on, and nothing can be chosen there."""
    lines = "<br>".join(_line(line) for line in text.split("\n"))
    return f'<span class="ecco-strip__gap" title="no token">{lines}</span>' if text else ""


def _colour(strip: TokenStrip, index: int, chosen: StripRow | None) -> list[str]:
    if chosen is None or index >= len(chosen.scores) or not strip.tokens[index].scored:
        return []
    score, all_shares = chosen.scores[index], shares(chosen)
    if not math.isfinite(score):
        return []
    share, total = all_shares[index] / STEPS, sum(map(abs, all_shares)) / STEPS
    return [
        f'style="--ecco-fill:{shade(share, strip.signed)};--ecco-bar:{abs(share):.3g}"',
        f'data-v="{amount(score, strip.signed, strip.shares)}"',
        *([] if strip.shares else [f'data-p="{percent(abs(share) / (total or 1.0))}"']),
        *(['data-lowers=""'] if strip.signed and share < 0 else []),
    ]


def _flow(token: StripToken) -> tuple[str, int]:
    """The inside of a token, and how many line breaks follow it: ``⏎`` is shown, and the line breaks where it does."""
    if token.pieces or not token.text:
        pieces = token.pieces or ((token.label, True),)
        return "".join(_sign(piece) if is_sign else _line(piece) for piece, is_sign in pieces), 0
    body = token.text.rstrip("\n")
    breaks = len(token.text) - len(body)
    lines = [_line(line) for line in body.split("\n")]
    sign = _sign("⏎")
    return f"{sign}<br>".join(lines) + sign * breaks, breaks


def _sign(text: str) -> str:
    return f'<i class="ecco-tok__sign">{_text(style.shown(text))}</i>'


def _line(line: str) -> str:
    """Text of one line; what has no shape of its own is shown as a sign."""
    signs = {"\t": "⇥"}
    return "".join(_sign(signs.get(char, char)) if char < " " or char == "\x7f" else _text(char) for char in line)


def _legend(strip: TokenStrip, row: StripRow | None) -> str:
    if row is None:
        return ""
    largest = amount(_largest(row), strip.signed, strip.shares)
    low = f"<span data-low>{largest.replace('+', chr(0x2212))}</span>" if strip.signed else "<span>0</span>"
    kind = "signed" if strip.signed else "plain"
    return (
        f'<div class="ecco-strip__legend" aria-hidden="true">{low}<span class="ecco-strip__ramp '
        f'ecco-strip__ramp--{kind}"></span><span data-high>{largest}</span>'
        f'<span class="ecco-strip__unit">{_text(strip.unit)}</span></div>'
    )


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _text(text: str) -> str:
    return html.escape(text, quote=False)


def _attribute(text: str) -> str:
    return html.escape(text, quote=True)
