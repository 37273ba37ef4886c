"""The page of architectures says what the code does now."""

from __future__ import annotations

import re
from functools import cache

import pytest

from tests import support_table, zoo

pytestmark = pytest.mark.usefixtures("one_thread")

NUMBER = re.compile(r"\| \d(e-\d+)?")


@cache
def row(name):
    return support_table.measure(zoo.BY_NAME[name])


@pytest.mark.parametrize("name", zoo.BY_NAME)
def test_every_identity_holds_to_rounding(name):
    assert all(residual < 2e-5 for residual in row(name).residuals.values())
    assert {*row(name).residuals, *row(name).reasons} == {*support_table.COLUMNS}


def test_the_page_says_who_has_what_and_why_not():
    """Run ``python -m tests.support_table`` where it does not; the digits of the residuals may differ."""
    written = support_table.PAGE.read_text(encoding="utf-8")
    assert NUMBER.sub("|", written) == NUMBER.sub("|", support_table.page([row(name) for name in zoo.BY_NAME]))
