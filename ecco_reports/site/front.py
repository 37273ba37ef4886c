"""What a page says about itself before its text: title, description, and what else the theme reads.

In: Markdown. Out: the same with more in its front matter. Never: a key that the page has set itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

import yaml

DESCRIPTION_LIMIT = 200
"""Letters of a description that is taken from the text; search engines and cards show fewer."""

_FRONT = re.compile(r"\s*---\n(.*?\n)---\n", re.DOTALL)
_NO_PROSE = re.compile(r"^(?:[#<|>:!`~\[{]|[-*+] |\d+\. |    )")


def parts(markdown: str) -> tuple[dict[str, Any], str]:
    """The front matter and the text below it."""
    found = _FRONT.match(markdown)
    if found is None:
        return {}, markdown
    said = yaml.safe_load(found[1])
    return (said if isinstance(said, dict) else {}), markdown[found.end() :]


def with_front(markdown: str, **more: str) -> str:
    """The page with more in its front matter; what it says itself stays, and empty values are left out.

    Args:
        markdown: The page.
        more: Values in characters that are harmless in HTML.
    """
    said, _ = parts(markdown)
    lines = "".join(f"{key}: {json.dumps(value)}\n" for key, value in more.items() if value and key not in said)
    if not lines:
        return markdown
    found = _FRONT.match(markdown)
    if found is None:
        return f"---\n{lines}---\n{markdown}"
    return f"{markdown[: found.end(1)]}{lines}{markdown[found.end(1) :]}"


def described(markdown: str) -> str:
    """The page with a description: its own, or else the beginning of its first paragraph."""
    said, body = parts(markdown)
    if "description" in said:
        return markdown
    from ecco_reports.pages.escape import title

    return with_front(markdown, description=str(title(_first_paragraph(body))))


def _first_paragraph(body: str) -> str:
    """The first prose of a page as plain text, cut between words; empty where it begins with something else."""
    for block in re.split(r"\n\s*\n", body):
        text = block.strip("\n")
        if text and not _NO_PROSE.match(text):
            return _shortened(_plain(text))
    return ""


def _plain(text: str) -> str:
    """Markdown without its signs."""
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", text)
    return " ".join(re.sub(r"<[^>]+>|[`*]", "", text).split())


def _shortened(text: str) -> str:
    if len(text) <= DESCRIPTION_LIMIT:
        return text
    return text[: DESCRIPTION_LIMIT - 1].rsplit(" ", 1)[0].rstrip(",;:") + "…"
