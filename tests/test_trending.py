"""The pages of histories: what they tell, and what they leave out."""

from __future__ import annotations

import csv
import io
import re

from ecco_reports.history import Damage, History, anchor, trends
from ecco_reports.history.lines import Asked, Mean
from ecco_reports.pages import escape
from ecco_reports.pages.trending import FEED, render_histories
from tests.comparison.makers import ANALYSES
from tests.history.makers import commit, history, line
from tests.stories import HOSTILE
from tests.test_pages import as_html, read

STEPPED = history([-1.0] * 6 + [-3.0] * 4, branch="main")


def pages_of(*known, **asked):
    return {page.path: page for page in render_histories(known, analyses=ANALYSES, **asked)}


def test_without_a_commit_there_is_no_page():
    assert pages_of() == pages_of(History("capitals", ())) == {}


def test_a_history_has_a_list_a_page_and_a_feed():
    pages = pages_of(STEPPED)
    assert list(pages) == ["history/index.md", "history/capitals.md"]
    assert pages["history/index.md"].assets[FEED].startswith(b"<?xml")
    assert pages["history/capitals.md"].title == "History: Capitals"


def test_a_step_is_told_with_its_commits_its_size_and_its_chart():
    page = pages_of(STEPPED)["history/capitals.md"]
    (trend,) = trends(STEPPED.lines, ANALYSES)
    assert f"{{: #{anchor(trend)} }}" in page.markdown
    said = re.sub(r"&#(\d+);", lambda found: chr(int(found[1])), page.markdown)
    assert "1 metric over 10 commits: 1 stepped. The latest step was for the worse in 1." in said
    assert "from −1.0\u00a0nats to −3.0\u00a0nats" in said
    assert "Log-probability; higher is better." in said
    assert f'title="{commit(6)}"' in said
    assert f"assets/history/capitals/{anchor(trend)}-commits.js" in page.assets


def test_steady_metrics_stand_together():
    page = pages_of(history([-1.0] * 7))["history/capitals.md"]
    assert "1 metric over 7 commits" in page.markdown
    assert "no step in any of them" in page.markdown
    assert "Metrics that stepped" not in page.markdown
    assert "assets/history/capitals/steady-commits.js" in page.assets


def test_the_csv_has_every_number_of_every_branch():
    other = line(3, -9.0, branch="try")
    page = pages_of(History("capitals", (*STEPPED.lines, other)))["history/capitals.md"]
    rows = list(csv.DictReader(io.StringIO(page.assets["assets/history/capitals/history.csv"].decode())))
    assert [float(row["mean"].lstrip("'")) for row in rows] == [-1.0] * 6 + [-3.0] * 4 + [-9.0]
    assert rows[-1]["branch"] == "try"
    assert "1 commit of other branches left out" in page.markdown


def test_another_question_is_told():
    asked = [{"weighing": Asked(analysis="weighing", question=question)} for question in "qr"]
    lines = tuple(line(number, -1.0 if number < 12 else -4.0, asked=asked[number >= 6]) for number in range(16))
    assert "something else was asked" in pages_of(History("capitals", lines))["history/capitals.md"].markdown


def test_damaged_lines_are_named_on_the_list(tmp_path):
    damaged = History("rivers", (), (Damage(tmp_path / "rivers.jsonl", 3, "is cut off or no JSON"),))
    text = pages_of(STEPPED, damaged)["history/index.md"].markdown
    assert "rivers&#46;jsonl&#58;3" in text
    assert "is cut off or no JSON" in text


def test_text_that_tries_to_be_more_than_text_stays_text():
    means = {HOSTILE: {HOSTILE: {HOSTILE: Mean(mean=1.0, samples=3)}}}
    asked = {HOSTILE: Asked(analysis="stranger", question="q")}
    lines = tuple(
        line(number, title=HOSTILE, branch=HOSTILE, run=f"javascript:{HOSTILE}", means=means, asked=asked,
             failing=(HOSTILE,) if number else (), lost=(HOSTILE,))
        for number in range(8)
    )  # fmt: skip
    for page in pages_of(History("capitals", lines), base_url="https://team.example/").values():
        made = read(as_html(page)[1])
        assert escape.one_line(HOSTILE) in made.text
        assert not {"b", "script", "i"} & {tag for tag, _ in made.tags}
        assert all("pwned" not in value for _, attributes in made.tags for value in attributes if value)
        assert not any((attributes.get("href") or "").startswith("javascript") for _, attributes in made.tags)


def test_a_drawing_is_remembered_until_a_number_changes(tmp_path, monkeypatch):
    from ecco_reports.pages import KeptDrawings, trending

    drawn = []
    original = trending.drawn
    monkeypatch.setattr(trending, "drawn", lambda *args: drawn.append(args[2]) or original(*args))
    for known in (STEPPED, STEPPED, history([-1.0] * 6 + [-3.0] * 5, branch="main")):
        pages_of(known, drawings=KeptDrawings(tmp_path))
    assert len([name for name in drawn if name != "steady"]) == 2
