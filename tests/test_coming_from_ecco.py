"""The page for people who come from ecco is what its text says, and every reference in it leads somewhere."""

from __future__ import annotations

import re

import pytest

from tests.coming_from_ecco import PAGE, TEXT, page, resolved

ROWS_OF_THE_INVENTORY = 19


def test_the_page_is_up_to_date() -> None:
    """Run ``python -m tests.coming_from_ecco`` where it is not."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_every_function_has_a_row_that_points_somewhere_or_says_why_not() -> None:
    functions = TEXT.read_text(encoding="utf-8").split("## Functions")[1].split("## ")[0]
    rows = [line for line in functions.splitlines() if line.startswith("| ")][1:]
    assert len(rows) == ROWS_OF_THE_INVENTORY
    answers = [row.split(" | ")[2] for row in rows]
    assert [answer for answer in answers if not re.search(r"\{[\w./-]+\}|\]\(\w+\.md\)", answer)] == []


@pytest.mark.parametrize("name", ["99-nothing", "attribution.nothing", "nothing.methods", "ecco_reports.nothing"])
def test_what_is_not_there_cannot_be_promised(name: str) -> None:
    with pytest.raises(LookupError):
        resolved(name)
