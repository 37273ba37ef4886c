"""The summary for GitHub: the verdict and the link always, no more bytes than allowed, and text that stays text.

Markdown is read here by markdown-it, which follows CommonMark and knows GitHub's tables; what GitHub does after that,
looking for mentions and references in the finished text, is stated below as rules about text outside of code.
"""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from ecco_reports.comparison import Mark
from ecco_reports.errors import ReportError
from ecco_reports.gates import Kind, Status, Verdict, Verdicts
from ecco_reports.reporting import COMMENT_BYTES, Report
from ecco_reports.reporting.github import code, prose
from ecco_reports.reporting.markdown import LEAST_BYTES, MARKER, summary
from ecco_reports.reporting.text import cut, one_line
from tests.comparisons import comparison, nothing_changed, passed, verdicts
from tests.stories import HOSTILE, LINES

LINK = "https://example.org/reports/index.html"
OURS = {"h2", "h3", "p", "strong", "a", "code", "table", "thead", "tbody", "tr", "th", "td", "ul", "li", "details",
        "summary", "blockquote", "hr"}  # fmt: skip
NASTY = [
    HOSTILE,
    LINES,
    "@octocat please",
    "see #123 and octo/repo#7 and GH-9",
    "https://github.com/o/r/issues/1 www.example.org ftp://x",
    "me@example.org",
    ":smile: $x^2$ $$y$$",
    "1. no list",
    "- [ ] no task",
    "> [!NOTE]\n> no box",
    "[^1]: no note",
    "|a|b|\n|-|-|",
    "</details><script>alert(1)</script>",
    "--> <!-- ecco-reports -->",
    "\\`code\\`",
    "&#64;octocat",
]
ALIVE = re.compile(r"@\w|\w#\d|(?<!\w)#\d|GH-\d|://\w|www\.\w|:\w+:|\$\w", re.IGNORECASE)


class Reader(HTMLParser):
    """Tags, and the text outside of code."""

    def __init__(self):
        super().__init__()
        self.tags, self.links, self.loose, self._code = set(), [], "", 0

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self._code += tag == "code"
        self.links += [value for name, value in attrs if name in ("href", "src")]

    def handle_endtag(self, tag):
        self._code -= tag == "code"

    def handle_data(self, data):
        self.loose += "" if self._code else data


def read(text):
    reader = Reader()
    reader.feed(MarkdownIt("commonmark", {"html": True}).enable("table").render(text))
    reader.close()
    return reader


@pytest.mark.parametrize("text", NASTY)
@pytest.mark.parametrize("made", [prose, code])
@pytest.mark.parametrize("around", ["{}", "before {} after", "| a |\n|---|\n| {} |"])
def test_no_text_becomes_anything_else(text, made, around):
    found = read(around.format(made(text)))
    assert found.tags <= {"p", "code", "table", "thead", "tbody", "tr", "th", "td"}
    assert found.links == []
    assert not ALIVE.search(found.loose)


@given(st.text(max_size=60))
def test_a_text_reads_as_it_is(text):
    shown = one_line(text)
    loose = read(f"x {prose(text)} x").loose.replace("\u2060", "").replace("\n", "")
    assert re.sub(r"\s+", " ", loose).strip() == re.sub(r"\s+", " ", f"x {shown} x").strip()


def test_a_long_text_is_cut_and_says_so():
    assert cut("abcdef", 4) == "abc…"
    assert cut("abcd", 4) == "abcd"


def test_the_marker_comes_first_then_the_verdict_then_the_link():
    lines = [line for line in summary(Report((comparison(),), verdicts(), LINK)).splitlines() if line]
    assert lines[0] == MARKER == "<!-- ecco-reports -->"
    assert lines[1].startswith("## ❌ 1 task failed or did not run, 4 of 9 gates failed")
    assert lines[2] == f"**[Full report](<{LINK}>)**"


def test_the_whole_summary_holds_only_what_we_put_there():
    found = read(summary(Report((comparison(), comparison(HOSTILE)), verdicts(), LINK)))
    assert found.tags <= OURS
    assert set(found.links) == {LINK}
    assert not ALIVE.search(found.loose)


def test_what_is_lost_what_moved_and_what_fails_is_named():
    text = summary(Report((comparison(),), verdicts(), LINK))
    for said in ("### Facts lost", "rank 1 → 7", "### Gates that are not a pass", "### Over all prompts", "(Holm)"):
        assert said in text
    for mark in set(Mark) - {Mark.SAME, Mark.NOT_SIGNIFICANT}:
        assert mark.value in text
    assert "6 metrics moved no more than chance explains, 2 metrics stayed the same to rounding." in text
    for status in Status:
        assert status.value in text
    assert "said <code>Paris, of course</code>, says <code>Rome, of course</code>" in text


def test_where_nothing_changed_little_is_said():
    text = summary(Report((nothing_changed(),), passed(), LINK))
    assert "## ✅ The gate passed · calm" in text
    assert "###" not in text
    assert len(text) < 600


def test_without_a_link_it_says_where_the_report_is():
    assert "The full report is in the artifact report" in summary(Report((), passed(), elsewhere="the artifact report"))


def test_nothing_at_all_is_a_summary_too():
    assert summary(Report()).startswith(f"{MARKER}\n## ✅ No gates were judged")


@pytest.mark.parametrize("text", NASTY)
def test_no_link_breaks_out_of_its_brackets(text):
    link = f"https://example.org/{text}"
    found = read(summary(Report(link=link[:2000])))
    assert found.tags <= OURS
    assert len(found.links) == 1


def wide(prompts, gates, length, text):
    """A report with so many prompts and gates, and texts so long."""
    one = comparison()
    pair = next(pair for pair in one.pairs if pair.mark is Mark.WORSE)
    pairs = tuple(
        replace(pair, prompt=pair.prompt.model_copy(update={"name": f"{number}{text}"[:length], "text": text * length}))
        for number in range(prompts)
    )
    failed = tuple(
        Verdict(Kind.GATE, Status.FAIL, text[:length], text[:length], text * 9, "m", text[:length], "l", line=line)
        for line in range(gates)
    )
    return Report((replace(one, pairs=pairs, notes=(text * length,) * 9),), Verdicts(failed, 0), LINK)


@settings(max_examples=25, deadline=None)
@given(
    prompts=st.integers(0, 400),
    gates=st.integers(0, 300),
    length=st.integers(1, 300),
    text=st.text(min_size=1, max_size=8) | st.sampled_from(NASTY),
    room=st.sampled_from([LEAST_BYTES, 20_000, COMMENT_BYTES]),
)
def test_it_fits_whatever_the_size_and_the_verdict_and_the_link_stand(prompts, gates, length, text, room):
    report = wide(prompts, gates, length, text)
    made = summary(report, room)
    assert len(made.encode()) <= room
    assert made.startswith(f"{MARKER}\n## ")
    assert f"(<{LINK}>)" in made
    if made != summary(report):
        assert "Left out here" in made
        assert made.rstrip().endswith(f"The [full report](<{LINK}>) has them.")


def test_what_is_left_out_is_counted_and_comes_from_the_bottom():
    report = wide(prompts=300, gates=30, length=100, text="word ")
    made = summary(report, 30_000)
    kept = made.count("<details>")
    assert "### Gates that are not a pass" in made
    assert made.count("| **fail** |") == 30
    assert f"{300 - kept} changed prompts" in made


def test_a_part_is_left_out_as_a_whole_once_something_above_it_was():
    made = summary(wide(prompts=3, gates=300, length=200, text="word "), 12_000)
    assert "<details>" not in made
    assert "3 changed prompts" in made


def test_a_gate_that_fails_at_many_prompts_has_one_line_with_the_worst():
    failed = tuple(
        Verdict(
            Kind.GATE,
            Status.FAIL,
            "e",
            "x.y",
            f"{number} is more than 1",
            "m",
            f"p{number}",
            "x",
            value=number,
            maximum=1,
        )
        for number in range(2, 40)
    )
    made = summary(Report((), Verdicts(failed, 0)))
    (line,) = (line for line in made.splitlines() if line.startswith("| **fail**"))
    assert "38 prompts: <code>p39</code>, <code>p38</code>" in line
    assert "and 30 more" in line
    assert line.endswith("worst: p39: 39 is more than 1 |")


def test_too_little_room_is_refused():
    with pytest.raises(ReportError, match="allow 8,000 or more"):
        summary(Report(), 500)
