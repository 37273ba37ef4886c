"""Makes text from users and models harmless and visible on a page, whatever is in it.

A page passes through Markdown, attribute lists, HTML, the theme's templates and the search index. Text that consists of
letters, digits, spaces and numeric character references means the same to all of them; that is what text becomes.
In: any string. Out: ``Markup`` that shows exactly that string. Never: files, or knowledge of what the text is about.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from typing import Any

from markupsafe import Markup

from ecco_reports.errors import RenderError
from ecco_reports.records import control_sign

_KEPT = frozenset(" ,")
_LINE_BREAKS = {"\n": "⏎", "\r": "␍", "\x85": "⟨U+0085⟩", "\u2028": "⟨U+2028⟩", "\u2029": "⟨U+2029⟩"}
_DIRECTIONAL = frozenset({"R", "AL", "AN", "RLE", "RLO", "RLI", "LRE", "LRO", "LRI", "FSI", "PDF", "PDI"})
_OVERRIDES = frozenset("\u202a\u202b\u202c\u202d\u202e")
"""They turn the text after them around, beyond what can be kept together; a reader should see that they are there."""
_ISOLATE, _POP = "\u2068", "\u2069"


def shown(text: str) -> str:
    r"""The text with every control character as a sign; line breaks and tabs stay what they are.

    A half surrogate pair, which no file can hold, is spelt out as ``\ud83d``.
    """
    return "".join(char if char in "\n\t" else _sign(char) for char in text)


def one_line(text: str) -> str:
    """Like ``shown``, with line breaks and tabs as signs too: for headings, titles and table cells."""
    return "".join(_LINE_BREAKS.get(char) or ("⇥" if char == "\t" else _sign(char)) for char in text)


def _sign(char: str) -> str:
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return control_sign(char)
    if 0xD800 <= code <= 0xDFFF:
        return f"\\u{code:04x}"
    noncharacter = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if 0x80 <= code <= 0x9F or char in _LINE_BREAKS or noncharacter or char in _OVERRIDES:
        return f"⟨U+{code:04X}⟩"
    return char


def entities(text: str) -> Markup:
    """The text with all that could mean something as numeric character references.

    What stays as it is: ASCII letters and digits, single blanks and commas, and of the rest of Unicode letters,
    numbers, symbols and punctuation. Marks, formats and blanks do not: they could melt into what stands before them.
    """
    return Markup("".join(char if _inert(char) else f"&#{ord(char)};" for char in shown(text)))


def _inert(char: str) -> bool:
    if char.isascii():
        return char.isalnum() or char in _KEPT
    return unicodedata.category(char)[0] in "LNSP"


def escaped(value: Any) -> Markup:
    """What a template prints for ``value``: markup as it is, everything else as harmless text.

    This is the ``finalize`` of the Jinja environment, so that nothing gets onto a page past it.

    Raises:
        RenderError: The value is None: the template forgot to ask whether there is something to show.
    """
    if value is None:
        raise RenderError("a template prints a value that is None")
    if hasattr(value, "__html__"):
        return Markup(value.__html__())
    return entities(str(value))


def title(text: str) -> Markup:
    """A title for places that know no markup (front matter, navigation, the window): one line, direction isolated."""
    line = one_line(text).strip()
    if any(unicodedata.bidirectional(char) in _DIRECTIONAL for char in line):
        line = f"{_ISOLATE}{line}{_POP}"
    return entities(line)


def bidi(text: str) -> Markup:
    """One line of text whose direction neither takes from nor gives to what stands around it."""
    return Markup(f'<bdi dir="auto">{entities(one_line(text))}</bdi>')


def slug(text: str) -> str:
    """Letters, digits and hyphens that resemble ``text``; never empty, fit for an id and a file name."""
    folded = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = re.sub(r"[^a-z0-9]+", "-", folded).strip("-")[:60].strip("-")
    return words or "x" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:8]


def slugs(texts: Iterable[str]) -> dict[str, str]:
    """A slug for each text; texts that would share one get a few digits of their own."""
    unique = list(dict.fromkeys(texts))
    plain = {text: slug(text) for text in unique}
    taken = list(plain.values())
    return {text: plain[text] if taken.count(plain[text]) == 1 else f"{plain[text]}-{_digits(text)}" for text in unique}


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:6]


def number(value: float) -> str:
    """A number with the digits a reader needs: ``0.0123``, ``97.1``, ``3.2 × 10⁻⁷``."""
    if isinstance(value, int):
        return f"{value:,}".replace(",", "\u202f").replace("-", "−")
    if value != value:
        return "not a number"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    if value == 0:
        return "0"
    if 1e3 <= abs(value) < 1e6:
        return f"{value:,.0f}".replace(",", "\u202f").replace("-", "−")
    if 1e-3 <= abs(value) < 1e3:
        return f"{value:.4g}".replace("-", "−")
    mantissa, exponent = f"{value:.1e}".split("e")
    digits = str(int(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa.replace('-', '−')} × 10{digits}"
