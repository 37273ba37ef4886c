"""On a terminal a table, elsewhere plain lines of 80 columns; the same is said in both."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len

from ecco_reports.comparison import Mark
from ecco_reports.reporting import Report, terminal
from tests.comparisons import comparison, nothing_changed, passed, verdicts
from tests.stories import HOSTILE


class Terminal(io.StringIO):
    encoding = "utf-8"

    def isatty(self):
        return True


def said(report, stream=None):
    stream = stream or io.StringIO()
    terminal(report, stream)
    return stream.getvalue()


@pytest.fixture
def screen(monkeypatch):
    """A terminal of 80 columns with colours."""
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    return Terminal()


FULL = Report((comparison(),), verdicts(), "https://example.org/r/")


def test_plain_lines_fit_into_80_columns():
    lines = said(FULL).splitlines()
    assert max(map(cell_len, lines)) <= 80
    assert all(char.isprintable() for line in lines for char in line)


def test_the_verdict_comes_first_and_the_link_last():
    lines = said(FULL).splitlines()
    assert lines[0] == "1 task failed or did not run, 4 of 9 gates failed, 1 of 2 proofs failed."
    assert lines[-1] == "Full report: https://example.org/r/"


def test_it_names_what_is_lost_what_moved_and_what_fails():
    text = said(FULL)
    for word in ("Lost: japan, france", "Gates that are not a pass", "Over all prompts", "Holm", "insufficient-data"):
        assert word in text
    assert "ranks.target_logprob" in text
    for mark in (Mark.WORSE, Mark.NEWLY_FAILING, Mark.NOT_COMPARABLE):
        assert mark.value in " ".join(text.split())


def test_of_many_prompts_ten_are_told_and_the_rest_is_counted():
    text = said(FULL)
    assert "and 2 more changed prompts; a report (-o report.html) has all of them." in " ".join(text.split())


def test_where_nothing_changed_a_few_lines_are_enough():
    lines = said(Report((nothing_changed(),), passed())).splitlines()
    assert lines[0] == "The gate passed."
    assert len(lines) <= 7


def test_a_terminal_gets_colours_and_the_same_words(screen):
    text = said(FULL, screen)
    assert "\x1b[" in text
    assert "Lost: japan, france" in text


def test_no_color_is_respected(screen, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    text = said(FULL, screen)
    assert "\x1b[3" not in text
    assert "\x1b[9" not in text


def test_markup_of_users_is_text():
    odd = replace(comparison(), names=("[bold red]baseline[/]", f"candidate\x1b[31m{HOSTILE}"))
    text = said(Report((odd,)))
    assert "[bold red]baseline[/]" in " ".join(text.split())
    assert "\x1b" not in text


def test_a_stream_that_knows_few_characters_gets_what_it_knows():
    raw = io.BytesIO()
    stream = io.TextIOWrapper(raw, encoding="ascii")
    terminal(FULL, stream)
    stream.flush()
    assert b"ranks.target_logprob" in raw.getvalue()


def test_nothing_at_all_is_said_too():
    assert said(Report()) == "No gates were judged.\n"
