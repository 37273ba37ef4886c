"""Pages go into a MkDocs site of somebody else and out again, and nothing but ours is ever touched."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from click.testing import CliRunner

from ecco_reports.cli import main
from ecco_reports.errors import PublishingError
from ecco_reports.pages import Page, render
from ecco_reports.site.into import MARK, deliver, is_delivered, open_host, take_out
from ecco_reports.site.into.lines import Additions, with_ours, without_ours
from ecco_reports.site.into.manifest import checksum
from ecco_reports.site.into.parcel import page, sheet
from ecco_reports.site.into.settings import own_settings
from ecco_reports.site.stamp import STAMP
from tests.stories import ANALYSES, HOSTILE, LINES, run_of, tale
from tests.test_pages import read

WANTED = Additions(
    {"extra_css": ["reports/a.css"], "extra_javascript": ["reports/a.js"], "markdown_extensions": ["attr_list"]},
    {"Reports": ["reports/index.md", {"More": ["reports/more/one.md"]}]},
)

SETTINGS = {
    "short": "site_name: Mine\n",
    "comments": (
        "# The lab's site\nsite_name: Mine  # short\n\n# --- pages ---\nnav:\n  - Home: index.md\n\n  # soon:\n"
        "  # - later.md\n\n# --- look ---\ntheme: readthedocs\nextra_css:\n  - mine.css  # ours\n# the end\n"
    ),
    "flush": "nav:\n- Home: index.md\n- Deep:\n  - Other: other.md\nextra_javascript:\n- mine.js\nsite_name: Mine\n",
    "wide": (
        "site_name: Mine\nnav:\n    - index.md\n    - other.md\n"
        "markdown_extensions:\n    - toc:\n        permalink: true\n"
    ),
    "mapping": "site_name: Mine\nmarkdown_extensions:\n  toc:\n    permalink: true\n  tables: {}\nextra:\n  a: 1\n",
    "windows": "site_name: Mine\r\nnav:\r\n  - index.md\r\nextra_css:\r\n  - mine.css\r\n",
    "no end": "site_name: Mine\nextra_css:\n  - mine.css\nnav:\n  - index.md",
    "no end at all": "site_name: Mine",
    "windows without end": "nav:\r\n  - index.md\r\nsite_name: Mine",
    "marked": "\ufeffsite_name: Mine\nnav:\n  - index.md\n",
    "document": "%YAML 1.1\n---\nsite_name: Mine\nnav:\n  - index.md\n...\n",
    "tags": (
        "site_name: !ENV [SITE_NAME, Mine]\nmarkdown_extensions:\n  - pymdownx.superfences:\n      custom_fences:\n"
        "        - name: mermaid\n          class: mermaid\n"
        "          format: !!python/name:pymdownx.superfences.fence_code_format\n"
        "x-names: &names\n  first: 1\nextra:\n  <<: *names\nnav: &nav\n  - index.md\n"
    ),
    "blocks": (
        "site_name: Mine\ncopyright: |\n  # not a comment\n  (c) me\n\nnav:\n  - index.md\nnot_in_nav: |\n  /other.md\n"
    ),
    "empty keys": "site_name: Mine\nextra_css:\nnav:\n",
    "applied": (
        "theme:\n    name: 'material'\nmarkdown_extensions:\n  - pymdownx.tabbed:\n"
        "      slugify: !!python/object/apply:pymdownx.slugs.slugify\n        kwds:\n          case: lower\n\n\n"
        "nav:\n    - A: 'index.md'\n    - B:\n      - 'other.md'\n      # - C: later.md\n"
        "site_name: >-\n  Folded\n  name\n"
    ),
    "objects": "site_name: Mine\nextra_javascript:\n  - path: mine.mjs\n    type: module\n",
    "blank lines": "site_name: Mine\n\n\nnav:\n\n  - index.md\n\n\n\n",
    "unicode": "site_name: Mine – \u2028 ß\nnav:\n  - 'Über uns': index.md\n",
}


class TestLines:
    @pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
    def test_what_was_there_stays_and_comes_back(self, text):
        made = with_ours(text, WANTED, own_settings(text))
        assert made != text
        assert without_ours(made) == text
        kept = [line for line in re.split(r"(?<=\n)", made) if not line.rstrip().endswith(MARK)]
        assert "".join(kept).rstrip("\r\n") == text.rstrip("\r\n")

    @pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
    def test_the_file_says_what_is_wanted_and_all_that_it_said(self, text):
        before = own_settings(text)
        after = own_settings(with_ours(text, WANTED, before))
        for key, added in WANTED.lists.items():
            said = before.pop(key, None) or []
            expected = {**said, "attr_list": {}} if isinstance(said, dict) else [*said, *added]
            assert after.pop(key) == expected
        if before.get("nav"):
            assert after.pop("nav") == [*before.pop("nav"), WANTED.nav]
        assert after == before

    @pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
    def test_again_is_the_same(self, text):
        once = with_ours(text, WANTED, own_settings(text))
        assert with_ours(once, WANTED, own_settings(text)) == once

    def test_line_ends_are_those_of_the_file(self):
        for name in ("windows", "windows without end"):
            made = with_ours(SETTINGS[name], WANTED, own_settings(SETTINGS[name]))
            assert made.count("\n") == made.count("\r\n")

    def test_a_comment_stays_above_what_it_is_about(self):
        made = with_ours(SETTINGS["comments"], WANTED, own_settings(SETTINGS["comments"]))
        assert "# --- look ---\ntheme:" in made
        assert made.index("Reports:") < made.index("# soon:")

    def test_a_site_without_navigation_gets_none(self):
        assert "nav" not in own_settings(with_ours(SETTINGS["short"], WANTED, own_settings(SETTINGS["short"])))

    @pytest.mark.parametrize("name", ["extra", "pymdownx.extra", "markdown.extensions.attr_list"])
    def test_an_extension_that_another_name_stands_for_is_not_added(self, name):
        text = f"markdown_extensions:\n  - {name}\n"
        assert "  - attr_list" not in with_ours(text, WANTED, own_settings(text))

    def test_what_somebody_has_written_by_hand_is_not_said_again(self):
        text = "extra_css: [reports/a.css]\nnav:\n  - Mine: reports/index.md\nmarkdown_extensions: [attr_list]\n"
        made = with_ours(text, WANTED, own_settings(text))
        assert [line for line in made.splitlines() if MARK in line] == [
            f"extra_javascript:  {MARK}",
            f"  - reports/a.js  {MARK}",
        ]

    @pytest.mark.parametrize(
        ("text", "key"),
        [
            ("nav: [index.md]\n", "nav"),
            ("extra_css: []\n", "extra_css"),
            ("x: &list\n  - a.css\nextra_css: *list\n", "extra_css"),
            ("markdown_extensions: {toc: {}}\n", "markdown_extensions"),
            ("base: &base\n  extra_css:\n    - a.css\n<<: *base\n", "extra_css"),
        ],
    )
    def test_what_lines_cannot_extend_is_refused_with_what_to_write(self, text, key):
        with pytest.raises(PublishingError, match=f"{key!r} of mkdocs.yml") as refused:
            with_ours(text, WANTED, own_settings(text))
        by_hand = yaml.safe_load(str(refused.value).partition("run this again:\n")[2])
        assert by_hand == {key: [WANTED.nav] if key == "nav" else WANTED.lists[key]}

    @pytest.mark.parametrize("text", ["{site_name: Mine}\n", "- a\n", "a: [\n", "a: 1\n---\nb: 2\n"])
    def test_what_is_no_settings_file_is_refused(self, text):
        with pytest.raises(PublishingError):
            with_ours(text, WANTED, {})

    def test_a_line_of_somebody_who_speaks_of_us_is_theirs(self):
        text = "site_name: Mine  # ecco-reports lives below\n"
        assert without_ours(text) == text


class TestPagesAbroad:
    KNOWN = frozenset({"index.md", "a/one.md", "a/index.md", "assets/x.svg", "b/two.md"})

    @pytest.mark.parametrize(
        ("path", "before", "after"),
        [
            ("index.md", 'href="a/one.html"', 'href="a/one/"'),
            ("index.md", 'src="assets/x.svg"', 'src="assets/x.svg"'),
            ("a/one.md", 'src="../assets/x.svg"', 'src="../../assets/x.svg"'),
            ("a/one.md", 'data-chart="../assets/x.svg"', 'data-chart="../../assets/x.svg"'),
            ("a/one.md", 'href="../b/two.html#there"', 'href="../../b/two/#there"'),
            ("a/one.md", 'href="index.html"', 'href="../"'),
            ("a/one.md", 'href="../index.html"', 'href="../../"'),
            ("a/index.md", 'href="one.html"', 'href="one/"'),
            ("a/index.md", 'href="../b/two.html"', 'href="../b/two/"'),
            ("a/one.md", 'href="#here"', 'href="#here"'),
            ("a/one.md", 'href="https://a.b/one.html"', 'href="https://a.b/one.html"'),
            ("a/one.md", 'href="unknown.html"', 'href="unknown.html"'),
            ("a/one.md", "[two](../b/two.md)", "[two](../b/two.md)"),
        ],
    )
    def test_addresses_lead_to_the_same_place_where_a_page_is_a_folder(self, path, before, after):
        assert page(f"<a {before}>", path, self.KNOWN, True) == f"<a {after}>"
        assert page(f"<a {before}>", path, self.KNOWN, False) == f"<a {before}>"

    def test_their_navigation_is_not_hidden(self):
        text = "---\ntitle: A\nhide: [navigation, toc]\n---\n"
        assert "hide: [toc]\n" in page(text, "index.md", self.KNOWN, False)

    def test_every_rule_of_our_sheets_names_a_class_or_variable_of_ours(self):
        from ecco_reports.resources import resource

        styles = resource("site") / "docs/assets/stylesheets"
        text = sheet((styles / "site.css").read_text() + (resource("site") / "guest.css").read_text(), "mkdocs")
        text = re.sub(r"/\*.*?\*/", "", text + (styles / "charts.css").read_text(), flags=re.DOTALL)
        for selectors, body in re.findall(r"([^{}]+)\{([^{}]*)\}", text):
            if not re.search(r"\.er-|\.ecco-|#vg-tooltip-element\.ecco-", selectors):
                assert all(line.strip().startswith("--er-") for line in body.splitlines() if line.strip()), selectors
            else:
                for one in re.split(r",(?![^()]*\))", selectors):
                    assert re.search(r"\.er-|\.ecco-", one), one

    def test_sizes_are_the_same_under_another_theme(self):
        css = ".md-typeset .er-a { margin: .8rem 1rem; --x-2rem: 0; }"
        assert sheet(css, "material") == css.replace(".md-typeset", ":is(.md-typeset, body)")
        assert sheet(css, "mkdocs").endswith(".er-a { margin: 1rem 1.25rem; --x-2rem: 0; }")


def digest_of(folder):
    """Every file with its bytes, and every folder."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in sorted(folder.rglob("*"))
    }


def small(*names):
    """Pages of which each has an asset."""
    made = [Page("index.md", "Gallery", "---\ntitle: Gallery\n---\n# Gallery\n", {"assets/a.svg": b"<svg/>"})]
    for name in names:
        text = f'---\ntitle: {name}\n---\n# {name}\n\n<p><img src="../assets/{name}.svg" alt=""></p>\n'
        made.append(Page(f"experiments/{name}.md", name, text, {f"assets/{name}.svg": name.encode()}))
    return made


@pytest.fixture
def source(tmp_path_factory):
    """A site of ours without hand-written pages."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "docs/assets/stylesheets").mkdir(parents=True)
    (folder / "docs/assets/stylesheets/charts.css").write_text(".ecco-chart { color: red }\n")
    settings = {"site_name": "ours", "nav": [{"Home": "index.md"}, {"Experiments": ["experiments/"]}]}
    settings["extra_css"] = ["assets/stylesheets/charts.css"]
    (folder / "mkdocs.yml").write_text(yaml.safe_dump(settings, sort_keys=False))
    return folder


@pytest.fixture
def site(tmp_path):
    """A MkDocs project of somebody."""
    folder = tmp_path / "theirs"
    (folder / "docs").mkdir(parents=True)
    (folder / "docs/index.md").write_text("# Welcome\n")
    (folder / "mkdocs.yml").write_text(SETTINGS["comments"].replace("  - mine.css  # ours\n", "  - mine.css\n"))
    (folder / "docs/mine.css").write_text("")
    return folder


@pytest.fixture
def put(site, source):
    """Puts small pages into the site."""

    def into(*names, under="reports", stamp="s"):
        return deliver(small(*names), open_host(site), under, b"/* vega */", stamp, source)

    return into


class TestDelivery:
    def test_out_again_leaves_the_bytes_that_were_there(self, site, put):
        before = digest_of(site)
        put("one", "two")
        assert digest_of(site) != before
        take_out(open_host(site))
        assert digest_of(site) == before

    @pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS)
    def test_whatever_the_settings_look_like(self, site, put, text):
        (site / "mkdocs.yml").write_bytes(text.encode())
        before = digest_of(site)
        put("one")
        put("two")
        take_out(open_host(site))
        assert digest_of(site) == before

    def test_a_folder_that_was_there_stays_there(self, site, put):
        (site / "docs/reports/experiments").mkdir(parents=True)
        (site / "docs/reports/notes.md").write_text("# mine\n")
        before = digest_of(site)
        put("one")
        take_out(open_host(site))
        assert digest_of(site) == before

    def test_what_is_stale_goes_and_the_rest_is_not_written_again(self, site, put):
        put("one", "two")
        kept = site / "docs/reports/experiments/one.md"
        age = kept.stat().st_mtime_ns
        delivery = put("one")
        assert (delivery.written, delivery.removed) == (0, 2)
        assert not (site / "docs/reports/experiments/two.md").exists()
        assert not (site / "docs/reports/assets/two.svg").exists()
        assert "two" not in (site / "mkdocs.yml").read_text()
        assert kept.stat().st_mtime_ns == age

    def test_files_of_somebody_else_in_our_folder_stay(self, site, put):
        put("one")
        (site / "docs/reports/experiments/notes.md").write_text("# mine\n")
        put("two")
        take_out(open_host(site))
        assert (site / "docs/reports/experiments/notes.md").read_text() == "# mine\n"
        assert not (site / "docs/reports/experiments/two.md").exists()

    def test_a_page_that_somebody_changed_is_not_overwritten(self, site, put):
        put("one")
        (site / "docs/reports/experiments/one.md").write_text("# better\n")
        before = digest_of(site)
        with pytest.raises(PublishingError, match=r"changed since ecco-reports made them: .*one\.md"):
            put("one", "two")
        assert digest_of(site) == before

    def test_a_stale_page_that_somebody_changed_is_left_and_told(self, site, put):
        put("one", "two")
        changed = site / "docs/reports/experiments/two.md"
        changed.write_text("# better\n")
        assert put("one").left == (changed,)
        assert changed.read_text() == "# better\n"
        assert take_out(open_host(site)).left == ()
        assert changed.read_text() == "# better\n"

    def test_a_file_in_the_way_is_not_overwritten(self, site, put):
        (site / "docs/reports").mkdir()
        (site / "docs/reports/index.md").write_text("# mine\n")
        before = digest_of(site)
        with pytest.raises(PublishingError, match=r"were not made by ecco-reports: .*index\.md"):
            put("one")
        assert digest_of(site) == before

    def test_a_page_of_the_same_address_is_in_the_way(self, site, put):
        (site / "docs/reports.md").write_text("# mine\n")
        with pytest.raises(PublishingError, match="the same address"):
            put("one")

    def test_line_ends_that_git_turned_around_are_no_change(self, site, put):
        put("one", "two")
        for path in (site / "docs/reports").rglob("*.md"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
        assert put("one").left == ()
        assert not (site / "docs/reports/experiments/two.md").exists()

    def test_pages_are_in_one_place(self, site, put):
        put("one")
        with pytest.raises(PublishingError, match="--remove"):
            put("one", under="elsewhere")
        take_out(open_host(site))
        put("one", under="lab/explained")
        assert "lab/explained/index.md" in (site / "mkdocs.yml").read_text()
        take_out(open_host(site))
        assert not (site / "docs/lab").exists()

    @pytest.mark.parametrize("under", ["", "..", "../x", "/", "a/../b", ".hidden", "a b", "a//b", "ä"])
    def test_the_folder_has_a_plain_name(self, put, under):
        with pytest.raises(PublishingError, match="cannot be the folder"):
            put("one", under=under)

    def test_what_is_there_is_known_to_be_there(self, site, put):
        assert not is_delivered(open_host(site), "reports", "s")
        put("one")
        assert is_delivered(open_host(site), "reports", "s")
        assert not is_delivered(open_host(site), "reports", "t")
        (site / "mkdocs.yml").write_text((site / "mkdocs.yml").read_text().replace("one.md", "won.md"))
        assert not is_delivered(open_host(site), "reports", "s")
        put("one")
        (site / "docs/reports/assets/one.svg").unlink()
        assert not is_delivered(open_host(site), "reports", "s")
        put("one")
        assert is_delivered(open_host(site), "reports", "s")

    def test_settings_that_cannot_be_extended_change_nothing(self, site, put):
        (site / "mkdocs.yml").write_text("site_name: Mine\nnav: [index.md]\n")
        before = digest_of(site)
        with pytest.raises(PublishingError, match="by hand"):
            put("one")
        assert digest_of(site) == before

    def test_what_its_owner_writes_while_pages_are_drawn_is_kept(self, site, source):
        host = open_host(site)
        (site / "mkdocs.yml").write_text("site_name: Another name\n")
        deliver(small("one"), host, "reports", b"", source=source)
        take_out(open_host(site))
        assert (site / "mkdocs.yml").read_text() == "site_name: Another name\n"

    def test_all_that_is_to_be_written_by_hand_is_said_at_once(self, site, put):
        (site / "mkdocs.yml").write_text("site_name: Mine\nnav: [index.md]\nextra_css: [mine.css]\n")
        with pytest.raises(PublishingError, match=r"(?s)'extra_css'.*'nav'"):
            put("one")

    def test_inherited_lists_are_not_hidden(self, site, put):
        (site / "base.yml").write_text("site_name: Mine\nextra_css:\n  - mine.css\nuse_directory_urls: false\n")
        (site / "mkdocs.yml").write_text("INHERIT: base.yml\nnav:\n  - index.md\n")
        with pytest.raises(PublishingError, match=r"'extra_css' of mkdocs\.yml is inherited"):
            put("one")
        text = (site / "base.yml").read_text()
        (site / "base.yml").write_text(
            text.replace("mine.css\n", "mine.css\n  - reports/assets/stylesheets/charts.css\n")
        )
        before = digest_of(site)
        put("one")
        assert "extra_css" not in (site / "mkdocs.yml").read_text()
        take_out(open_host(site))
        assert digest_of(site) == before


class TestAKilledRun:
    @pytest.mark.parametrize("after", range(11))
    def test_is_mended_by_the_next_or_taken_out(self, site, put, monkeypatch, after):
        """Killed after any number of writes and removals, both ways lead on; nothing is lost and nothing is left."""
        before = digest_of(site)
        put("one")
        whole = digest_of(site)
        theirs = {path: content for path, content in before.items() if path != "mkdocs.yml"}
        steps = iter(range(100))

        def counted(real):
            def step(*arguments, **options):
                if next(steps) == after:
                    raise KeyboardInterrupt
                return real(*arguments, **options)

            return step

        with monkeypatch.context() as patch:
            patch.setattr(Path, "replace", counted(Path.replace))
            patch.setattr(Path, "unlink", counted(Path.unlink))
            try:
                put("two", "three")
            except KeyboardInterrupt:
                for page_named in re.findall(r"reports/\S+\.md", (site / "mkdocs.yml").read_text()):
                    assert (site / "docs" / page_named).is_file()
        assert theirs.items() <= digest_of(site).items()
        put("one")
        assert digest_of(site) == whole
        with monkeypatch.context() as patch:
            steps = iter(range(100))
            patch.setattr(Path, "unlink", counted(Path.unlink))
            try:
                take_out(open_host(site))
            except KeyboardInterrupt:
                take_out(open_host(site))
        assert digest_of(site) == before

    def test_leaves_no_unfinished_file(self, site, put):
        put("one")
        (site / "docs/reports/.index.md.ecco-reports.tmp").write_text("half")
        (site / ".mkdocs.yml.ecco-reports.tmp").write_text("half")
        put("one")
        assert not list(site.rglob("*.tmp"))


class TestRefusals:
    def test_a_folder_without_settings(self, tmp_path):
        with pytest.raises(PublishingError, match="no MkDocs project"):
            open_host(tmp_path)

    def test_a_folder_without_docs(self, tmp_path):
        (tmp_path / "mkdocs.yml").write_text("site_name: Mine\ndocs_dir: pages\n")
        with pytest.raises(PublishingError, match="pages"):
            open_host(tmp_path)

    def test_what_ecco_reports_built(self, site):
        (site / STAMP).touch()
        with pytest.raises(PublishingError, match="built by ecco-reports itself"):
            open_host(site)

    @pytest.mark.parametrize(
        "text", ["a: [", "just text", "site_name: !ENV [X, Y]\ndocs_dir: 7\n", "INHERIT: gone.yml\n"]
    )
    def test_settings_that_say_nothing(self, site, text):
        (site / "mkdocs.yml").write_text(text)
        with pytest.raises(PublishingError):
            open_host(site)

    def test_settings_in_another_encoding(self, site):
        (site / "mkdocs.yml").write_bytes("site_name: Größe\n".encode("latin-1"))
        with pytest.raises(PublishingError, match="UTF-8"):
            open_host(site)

    @pytest.mark.parametrize("link", ["docs", "docs/reports", "docs/reports/experiments", "docs/reports/index.md"])
    def test_links_that_lead_out(self, site, put, tmp_path, link):
        abroad = tmp_path / "abroad"
        abroad.mkdir()
        (abroad / "x.md").write_text("# x\n")
        target = site / link
        if link == "docs":
            target.rename(tmp_path / "moved")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(abroad / "x.md" if link.endswith(".md") else abroad)
        before = digest_of(abroad)
        with pytest.raises(PublishingError, match="link or leads out"):
            put("one")
        assert digest_of(abroad) == before

    def test_a_folder_of_ours_that_became_a_link_is_not_emptied(self, site, put, tmp_path):
        put("one")
        (site / "docs/reports/experiments").rename(tmp_path / "abroad")
        (site / "docs/reports/experiments").symlink_to(tmp_path / "abroad")
        before = digest_of(tmp_path / "abroad")
        take_out(open_host(site))
        assert digest_of(tmp_path / "abroad") == before

    @pytest.mark.parametrize("said", ["[]", "{", '{"format": 2}', '{"files": {"../../x": ["a"]}}'])
    def test_a_manifest_that_cannot_be_used(self, site, put, said):
        put("one")
        manifest = site / "docs/reports" / STAMP
        known = json.loads(manifest.read_text())
        manifest.write_text(json.dumps(known | json.loads(said)) if said.startswith('{"') else said)
        with pytest.raises(PublishingError, match="cannot be used"):
            put("one")
        with pytest.raises(PublishingError, match="cannot be used"):
            take_out(open_host(site))

    def test_nothing_to_take_out(self, site):
        with pytest.raises(PublishingError, match="nothing in"):
            take_out(open_host(site))

    @pytest.mark.parametrize(
        "options",
        [
            ["--under", "x"],
            ["--remove"],
            ["--into", ".", "--base-url", "https://a.b"],
            ["--into", ".", "--out", "x"],
            ["--into", ".", "--remove", "experiments"],
            ["--into", "nowhere"],
            ["--into", "."],
        ],
    )
    def test_options_that_contradict_each_other_are_the_users_mistake(self, tmp_path, monkeypatch, options):
        monkeypatch.chdir(tmp_path)
        done = CliRunner().invoke(main, ["build", *options])
        assert done.exit_code == 2, done.output
        assert list(tmp_path.iterdir()) == []


class Links(HTMLParser):
    """The addresses and ids of a page."""

    def __init__(self, text):
        super().__init__()
        self.addresses: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.addresses += [said[name] for name in ("href", "src", "data-chart") if said.get(name)]
        self.ids |= {said[name] for name in ("id", "name") if said.get(name)}


@pytest.fixture(scope="module")
def real_pages():
    return render(
        run_of(tale("heathrow", HOSTILE, HOSTILE + LINES, {"p": HOSTILE + LINES}), tale("other", "Another tale")),
        analyses=ANALYSES,
    )


def built(folder):
    """What ``mkdocs build --strict`` makes of a project, as its owner would call it."""
    # With -q a warning would not count.
    command = [sys.executable, "-W", "ignore", "-m", "mkdocs", "build", "--strict", "-f", str(folder / "mkdocs.yml")]
    done = subprocess.run(command, capture_output=True, text=True, env={"PATH": "", "NO_MKDOCS_2_WARNING": "1"})
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    return folder / "site"


@pytest.mark.parametrize("theme", ["mkdocs", "material", "readthedocs"])
@pytest.mark.parametrize("form", ["directories", "files"])
def test_the_site_of_somebody_else_builds_and_every_address_leads_somewhere(tmp_path, real_pages, theme, form):
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Welcome\n")
    nav = "nav:\n  - Home: index.md\n" if form == "directories" else "use_directory_urls: false\n"
    strictly = (
        "validation:\n  omitted_files: warn\n  absolute_links: warn\n  unrecognized_links: warn\n  anchors: warn\n"
    )
    (tmp_path / "mkdocs.yml").write_text(f"site_name: Mine\ntheme: {theme}\n{nav}{strictly}")
    deliver(real_pages, open_host(tmp_path), "reports", b"/* vega */")
    site = built(tmp_path)
    pages = {path: Links(path.read_text()) for path in site.rglob("*.html") if path.name != "404.html"}
    seen = set()
    for path, links in pages.items():
        if "reports" not in path.parts:
            continue
        for address in links.addresses:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            assert target.is_file(), (path, address)
            seen.add(target.suffix)
            if parts.fragment and target in pages and not parts.fragment.startswith("__"):
                assert unquote(parts.fragment) in pages[target].ids | {""}, (path, address)
    assert {".html", ".js", ".css", ".csv", ".json", ".svg"} <= seen


EXTENSIONS = """\
markdown_extensions:
  - extra
  - smarty
  - nl2br
  - pymdownx.arithmatex: {generic: true}
  - pymdownx.betterem: {smart_enable: all}
  - pymdownx.caret
  - pymdownx.critic
  - pymdownx.details
  - pymdownx.emoji
  - pymdownx.inlinehilite
  - pymdownx.keys
  - pymdownx.magiclink
  - pymdownx.mark
  - pymdownx.smartsymbols
  - pymdownx.snippets
  - pymdownx.superfences
  - pymdownx.tabbed: {alternate_style: true}
  - pymdownx.tasklist
  - pymdownx.tilde
"""


def test_text_is_shown_as_written_whatever_the_site_makes_of_markdown(tmp_path, real_pages):
    shown = []
    for extensions in ("", EXTENSIONS):
        folder = tmp_path / str(len(extensions))
        (folder / "docs").mkdir(parents=True)
        (folder / "docs/index.md").write_text("# Welcome\n")
        (folder / "mkdocs.yml").write_text(f"site_name: Mine\ntheme: material\n{extensions}")
        deliver(real_pages, open_host(folder), "reports", b"/* vega */")
        experiment = (built(folder) / "reports/experiments/heathrow/index.html").read_text()
        shown.append(re.sub(r"\s+", " ", read(re.search(r"<article.*?</article>", experiment, re.DOTALL)[0]).text))
    assert len(shown[0]) > 3000
    assert shown[0] == shown[1]


def test_knowing_a_site_takes_no_torch_and_runs_nothing_that_it_names(site, tmp_path, monkeypatch):
    (tmp_path / "trap.py").write_text("raise SystemExit('ran')")
    (site / "mkdocs.yml").write_text(
        "site_name: Mine\nmarkdown_extensions:\n  - x:\n      f: !!python/name:trap.door\n"
    )
    code = (
        "import sys; from pathlib import Path; from ecco_reports.site.into import open_host; "
        f"open_host(Path({str(site)!r})); print([m for m in ('torch', 'transformers', 'trap') if m in sys.modules])"
    )
    root = Path(__file__).parent.parent
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path[:0] = [{str(root)!r}, {str(tmp_path)!r}]; {code}"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "[]"


def test_a_checksum_is_that_of_the_content_whatever_ends_its_lines():
    assert checksum(b"a\r\nb\n") == checksum(b"a\nb\n") == hashlib.sha256(b"a\nb\n").hexdigest()
    assert checksum(b"a b") != checksum(b"a\nb")


def test_the_command_puts_pages_in_and_takes_them_out(site, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ecco_reports.site.staging.cached_bundle", lambda folder: b"/* vega */")
    experiment = "title: Where is it?\nsummary: Short.\nmodels: {facts: bundled:facts}\nprompts: {p: Heathrow is in}\n"
    (tmp_path / "one.yaml").write_text(experiment + "analyses: [{generation: {max_new_tokens: 1}}]\n")
    before = digest_of(site)
    first = CliRunner().invoke(main, ["build", "--into", str(site), "one.yaml"])
    assert first.exit_code == 0, first.output
    assert f"mkdocs build --strict -f {site / 'mkdocs.yml'}" in first.output
    assert (site / "docs/reports/experiments/one.md").is_file()
    assert not (tmp_path / "build/site").exists()
    again = CliRunner().invoke(main, ["build", "--into", str(site), "one.yaml"])
    assert "nothing was drawn or written" in again.output
    out = CliRunner().invoke(main, ["build", "--into", str(site), "--remove"])
    assert out.exit_code == 0, out.output
    assert digest_of(site) == before
