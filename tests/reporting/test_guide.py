"""The guide speaks of every mark and every outcome, in the words that pages use."""

from __future__ import annotations

import re

import pytest

from ecco_reports.comparison.words import SIGNS
from ecco_reports.gates import Status
from ecco_reports.reporting import COMMENT_BYTES, FORMS
from ecco_reports.resources import resource


@pytest.fixture(scope="module")
def guide():
    return (resource("site") / "docs" / "guide" / "comparisons.md").read_text(encoding="utf-8")


def rows(guide, anchor):
    """The rows of the table under a heading, without its head."""
    section = guide.split(f"{{: #{anchor} }}", 1)[1].split("\n## ", 1)[0]
    found = re.findall(r"^\| (.*?) \| (.*) \|$", section, re.MULTILINE)
    return found[1:]


def test_every_mark_is_explained_as_on_the_page(guide):
    assert rows(guide, "marks") == [(f"{sign.shape} {mark.value}", sign.meaning) for mark, sign in SIGNS.items()]


def test_every_outcome_is_explained(guide):
    found = dict(rows(guide, "gates"))
    assert set(found) == {status.value for status in Status}
    assert found["not-comparable"] == f"{Status.NOT_COMPARABLE.meaning[0].upper()}{Status.NOT_COMPARABLE.meaning[1:]}."


def test_every_form_is_named(guide):
    assert {ending.strip("`") for ending, _ in rows(guide, "files")} == set(FORMS)
    assert f"{COMMENT_BYTES:,} bytes" in guide
