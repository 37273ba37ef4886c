"""Reports are written whole or not at all, in the form that the name asks for; JSON and HTML hold what they should."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from ecco_reports.comparison import Mark
from ecco_reports.errors import ReportError
from ecco_reports.reporting import COMMENT_BYTES, FORMS, SUMMARY_BYTES, Report, form, write
from ecco_reports.reporting.document import document, style
from ecco_reports.reporting.plain import SCHEMA, json_bytes
from tests.comparisons import comparison, nothing_changed, passed, verdicts
from tests.stories import HOSTILE


@pytest.mark.parametrize(
    ("name", "found"), [("a.md", ".md"), ("A.MD", ".md"), ("a.b.junit.xml", ".junit.xml"), ("x/y.html", ".html")]
)
def test_the_ending_says_the_form(name, found):
    assert form(name) == found


@pytest.mark.parametrize("name", ["report", "report.xml", "report.pdf", "md", "report.md.txt"])
def test_an_unknown_ending_is_refused_with_the_list(name, tmp_path):
    with pytest.raises(ReportError, match=re.escape(", ".join(FORMS))):
        write(tmp_path / name, Report())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMS)
def test_every_form_is_written_with_the_folders_it_needs(suffix, tmp_path):
    path = tmp_path / "new" / f"report{suffix}"
    write(path, Report((comparison(),), verdicts(), "https://example.org/"))
    assert path.stat().st_size > 500
    assert [one.name for one in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", FORMS)
def test_the_same_report_gives_the_same_bytes(suffix):
    first, second = (FORMS[suffix](Report((comparison(),), verdicts())) for _ in range(2))
    assert first == second


def test_what_cannot_be_written_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "report.md"
    write(path, Report())
    old = path.read_bytes()
    monkeypatch.setattr("pathlib.Path.replace", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(ReportError, match="No space left"):
        write(path, Report((comparison(),)))
    assert path.read_bytes() == old
    assert len(list(tmp_path.iterdir())) == 1


def test_only_markdown_can_be_kept_small(tmp_path):
    write(tmp_path / "comment.md", Report((comparison(),), verdicts()), max_bytes=COMMENT_BYTES)
    with pytest.raises(ReportError, match=r"only \.md"):
        write(tmp_path / "report.json", Report(), max_bytes=COMMENT_BYTES)


def test_a_step_summary_is_never_too_large_for_github(tmp_path):
    one = comparison()
    pair = next(pair for pair in one.pairs if pair.mark is Mark.WORSE)
    pairs = tuple(
        replace(pair, prompt=pair.prompt.model_copy(update={"name": f"{number} <&>" * 9, "text": "<&>" * 200}))
        for number in range(500)
    )
    write(tmp_path / "summary.md", Report((replace(one, pairs=pairs),), verdicts()))
    assert SUMMARY_BYTES - 10_000 < (tmp_path / "summary.md").stat().st_size <= SUMMARY_BYTES < 2**20


@pytest.mark.parametrize("link", ["javascript:alert(1)", "example.org", " https://x", "https://x/" + "y" * 2000])
def test_a_link_is_an_address(link):
    with pytest.raises(ReportError, match="link"):
        Report(link=link)


class TestJson:
    def test_it_is_canonical_and_names_its_schema(self):
        content = json_bytes(Report((comparison(),), verdicts(), "https://example.org/"))
        value = json.loads(content)
        assert content.isascii()
        assert content == (json.dumps(value, sort_keys=True, separators=(",", ":")) + "\n").encode()
        assert value["schema"] == SCHEMA
        assert value["link"] == "https://example.org/"

    def test_it_has_every_number_in_full(self):
        whole = comparison()
        value = json.loads(json_bytes(Report((whole,))))["comparisons"][0]
        assert len(value["pairs"]) == len(whole.pairs)
        effect, told = whole.effects[0], value["effects"][0]
        assert told["difference"] == effect.difference
        assert told["interval"] == list(effect.interval)
        assert told["mark"] == effect.mark.value
        assert value["tally"]["worse"] == sum(pair.mark is Mark.WORSE for pair in whole.pairs)

    def test_it_has_every_verdict(self):
        value = json.loads(json_bytes(Report((), verdicts())))["verdicts"]
        assert value["exit_code"] == 4
        assert value["counts"]["fail"] == 1
        assert [one["status"] for one in value["all"]] == [one.status.value for one in verdicts().all]
        assert json.loads(json_bytes(Report()))["verdicts"] is None

    def test_what_is_not_a_number_is_null(self):
        whole = comparison()
        effects = (replace(whole.effects[0], size=float("nan"), difference=float("inf")),)
        told = json.loads(json_bytes(Report((replace(whole, effects=effects),))))["comparisons"][0]["effects"][0]
        assert (told["size"], told["difference"]) == (None, None)


class Reader(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.text, self.ids = [], "", []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.ids += [value for name, value in attrs if name == "id"]

    def handle_data(self, data):
        self.text += data


def read(report):
    reader = Reader()
    reader.feed(document(report))
    reader.close()
    return reader


@pytest.fixture(scope="module")
def one():
    """The document of a comparison in which everything happens."""
    return read(Report((comparison(),), verdicts(), "https://example.org/r/"))


class TestDocument:
    def test_it_asks_nobody_for_anything(self, one):
        assert {tag for tag, _ in one.tags} & {"script", "link", "img", "iframe", "object", "form"} == set()
        addresses = [value for _, attrs in one.tags for name, value in attrs.items() if name in ("href", "src")]
        assert {address for address in addresses if not address.startswith("#")} == {"https://example.org/r/"}
        assert "url(" not in style()
        assert "@import" not in style()

    def test_no_attribute_runs_anything(self, one):
        assert not [name for _, attrs in one.tags for name in attrs if name.startswith("on")]

    def test_every_link_inside_leads_somewhere(self, one):
        targets = [attrs["href"][1:] for tag, attrs in one.tags if tag == "a" and attrs["href"].startswith("#")]
        assert targets
        assert set(targets) <= set(one.ids)

    def test_it_shows_what_was_found(self, one):
        for said in ("1 task failed or did not run", "Facts lost and gained", "target_logprob", "Wilcoxon", "Holm"):
            assert said in one.text
        assert "pwned" in one.text  # hostile text is there, as text

    def test_words_that_are_gone_and_new_are_marked_as_such(self, one):
        tags = [tag for tag, _ in one.tags]
        assert tags.count("del") == tags.count("ins") >= 2

    def test_pictures_speak_and_take_the_ink_of_the_page(self, one):
        pictures = [attrs for tag, attrs in one.tags if tag == "svg"]
        assert len(pictures) >= 2
        assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in pictures)
        assert all("color" not in attrs for attrs in pictures)

    def test_the_dark_colours_are_those_of_the_site(self):
        found = style()
        dark = found[found.index("@media (prefers-color-scheme: dark)") :]
        assert re.search(r"--er-paper: #1\w+;", dark)
        assert dark.count("--er-ink") == 1

    def test_several_comparisons_lie_in_one_file_without_sharing_a_name(self):
        both = read(Report((comparison(), nothing_changed(), comparison()), verdicts()))
        assert len(set(both.ids)) == len(both.ids)
        assert {"capitals-top", "calm-top", "capitals-2-top"} <= set(both.ids)

    def test_where_nothing_changed_it_stays_short(self):
        calm = read(Report((nothing_changed(),), passed()))
        assert "Nothing changed: in 36 results" in calm.text
        assert "svg" not in {tag for tag, _ in calm.tags}

    def test_verdicts_alone_are_a_document(self):
        alone = read(Report((), verdicts()))
        assert "Gates of experiments that are not compared" in alone.text
        assert "no result carries it" in alone.text

    def test_hostile_names_do_not_break_out(self):
        found = read(Report((comparison(HOSTILE),), verdicts(HOSTILE)))
        assert "script" not in {tag for tag, _ in found.tags}


def test_nothing_of_this_needs_torch(tmp_path):
    code = f"""
import sys
from tests.comparisons import comparison, verdicts
from ecco_reports.reporting import FORMS, Report, terminal, write
from ecco_reports.pages import render_comparisons
report = Report((comparison(),), verdicts(), "https://example.org/")
for suffix in FORMS:
    write({str(tmp_path)!r} + "/report" + suffix, report)
terminal(report)
assert len(render_comparisons(report.comparisons, report.verdicts)) > 3
print(sorted({{"torch", "transformers"}} & set(sys.modules)))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout.splitlines()[-1] == "[]"


def test_the_door_is_light():
    code = "import sys, ecco_reports.reporting; print(sorted({'altair', 'rich', 'jinja2', 'scipy'} & set(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout.strip() == "[]"
