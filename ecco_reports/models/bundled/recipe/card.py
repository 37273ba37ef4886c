"""Pieces of Markdown that the cards are made of."""

from collections.abc import Iterable, Sequence
from typing import Any


def percent(share: float, digits: int = 1) -> str:
    """Write a share as a percentage.

    Args:
        share: The share, between 0 and 1.
        digits: Digits after the decimal point.

    Returns:
        The percentage with its sign, which does not part from it at the end of a line.
    """
    return f"{100.0 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def counted(figures: dict[str, Any]) -> str:
    """Write how many of how many were right.

    Args:
        figures: "share", "right" and "prompts".

    Returns:
        The percentage and the counts behind it.
    """
    return f"{percent(figures['share'])} ({figures['right']:,} of {figures['prompts']:,})"


def code(text: str) -> str:
    """Write a text as code, with its line breaks and its outer spaces visible.

    Args:
        text: Any text without back quotes.

    Returns:
        Inline code that can stand in a cell of a table.
    """
    inner = text.strip(" ")
    lead, tail = len(text) - len(text.lstrip(" ")), len(text) - len(text.rstrip(" "))
    shown = "␣" * lead + inner + ("␣" * tail if inner else "")
    return "`" + shown.replace("\n", "⏎").replace("|", "\\|") + "`"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], alignment: str) -> str:
    """Write a table.

    Args:
        head: Titles of the columns.
        rows: Cells.
        alignment: One letter a column: "l" for left, "r" for right.

    Returns:
        The table, without a line break at the end.
    """
    marks = {"l": "---", "r": "---:"}
    lines = [head, [marks[letter] for letter in alignment], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
