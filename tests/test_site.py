"""A site is complete or it is not there; it asks nobody for anything; and it is not built again without need."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import partial
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import pytest
import yaml

from benchmarks.pages import LIMIT, main, weights
from ecco_reports.errors import SiteError
from ecco_reports.pages import Page, render
from ecco_reports.resources import resource
from ecco_reports.site import is_current, publish, site_stamp
from ecco_reports.site.staging import NAV_LIMIT, Scratch, cached_bundle, expand_nav
from ecco_reports.site.stamp import STAMP, sizes
from tests.stories import ANALYSES, HOSTILE, LINES, outcome, run_of, tale
from tests.test_pages import read

HOME = Page("index.md", "Home", "---\ntitle: Home\n---\n# Home\n")


@pytest.fixture(autouse=True)
def _small_bundle(request, monkeypatch):
    """The real bundle takes seconds to make and is none of this module's business."""
    if "bundle" not in request.node.name:
        monkeypatch.setattr("ecco_reports.site.cached_bundle", lambda folder: b"/* vega */")


@pytest.fixture
def publish_small(tmp_path_factory):
    """Publishes with a source that has no pages of its own and no theme to speak of."""
    source = tmp_path_factory.mktemp("source")
    (source / "docs").mkdir()
    settings = {"site_name": "small", "theme": "mkdocs", "plugins": [], "use_directory_urls": False}
    settings |= {"nav": [{"Home": "index.md"}, {"Experiments": ["experiments/"]}, {"Models": ["models/"]}]}
    settings |= {"validation": {"anchors": "warn"}}
    (source / "mkdocs.yml").write_text(yaml.safe_dump(settings))
    return partial(publish, source=source)


def story():
    return run_of(tale("heathrow", HOSTILE, HOSTILE + LINES, {"p": HOSTILE + LINES}), tale("other", "Another tale"))


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    out = tmp_path_factory.mktemp("build") / "site"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecco_reports.site.cached_bundle", lambda folder: b"/* vega */")
        patch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        publish(render(story(), analyses=ANALYSES), out, stamp="the stamp")
    return out


def pages_of(site):
    return sorted(site.rglob("*.html"))


class TestTheFinishedSite:
    def test_every_link_and_every_anchor_leads_somewhere(self, site):
        ids = {page: set(re.findall(r'\bid="([^"]+)"', page.read_text())) for page in pages_of(site)}
        for page in pages_of(site):
            if page.name == "404.html":
                continue
            for _, attributes in read(page.read_text()).tags:
                for name in ("href", "src", "data-chart"):
                    parts = urlsplit(str(attributes.get(name) or ""))
                    if parts.scheme or parts.netloc:
                        continue
                    target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
                    assert target.exists(), (page.name, attributes)
                    if parts.fragment and target.suffix == ".html" and not parts.fragment.startswith("__"):
                        assert unquote(parts.fragment) in ids[target], (page.name, attributes)

    def test_every_page_is_light(self, site):
        found = {one.page: one for one in weights(site)}
        assert found["experiments/heathrow.html"].charts > 0
        assert {page: one.total for page, one in found.items() if one.total > LIMIT * 1000 or one.missing} == {}

    def test_nothing_is_loaded_from_another_host(self, site):
        for page in pages_of(site):
            for tag, attributes in read(page.read_text()).tags:
                address = attributes.get("src") or (attributes.get("href") if tag == "link" else "") or ""
                assert not urlsplit(address).netloc, (page.name, attributes)
        for sheet in site.rglob("*.css"):
            assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", sheet.read_text()), sheet

    def test_the_title_of_the_window_is_the_text_as_written(self, site):
        from ecco_reports.pages.escape import one_line

        text = (site / "experiments" / "heathrow.html").read_text()
        title = re.search(r"<title>(.*?)</title>", text, re.DOTALL)
        assert one_line(HOSTILE) in read(f"<p>{title[1]}</p>").text

    def test_hostile_text_brings_no_script_into_any_page(self, site):
        for page in pages_of(site):
            scripts = [attributes for tag, attributes in read(page.read_text()).tags if tag == "script"]
            assert all("pwned" not in str(script) for script in scripts)
            assert "<script>window.pwned" not in page.read_text()
            assert "<img src=x" not in page.read_text()

    def test_the_search_index_holds_no_markup_of_a_text_and_no_data(self, site):
        index = json.loads((site / "search" / "search_index.json").read_text())
        entries = [entry for entry in index["docs"] if entry["location"].startswith("experiments/heathrow")]
        assert entries
        for entry in entries:
            assert not re.search(r"<(?!/?(?:p|ul|ol|li|code|pre|sub|sup)>)[a-z/!]", entry["title"] + entry["text"])
            assert "calc" not in entry["text"]

    def test_every_page_has_one_first_heading_and_a_description_of_each_picture(self, site):
        for page in pages_of(site):
            if page.name == "404.html":
                continue
            tags = read(page.read_text()).tags
            assert [tag for tag, _ in tags].count("h1") == 1, page
            assert all("alt" in attributes for tag, attributes in tags if tag == "img"), page

    def test_the_navigation_is_in_the_order_of_a_visit(self, site):
        text = (site / "index.html").read_text()
        tabs = re.findall(r'class="md-tabs__link">\s*(.*?)\s*</a>', text, re.DOTALL)
        assert tabs == ["Home", "How to read", "Experiments", "Guide", "Reference"]

    def test_only_what_is_needed_of_the_theme_is_there(self, site):
        assert not list(site.rglob("*.map"))
        assert not (site / "assets/javascripts/lunr").exists()

    def test_the_staged_project_needs_no_plugin_or_hook_of_ours(self, site):
        config = yaml.safe_load((site.with_name("docs") / "mkdocs.yml").read_text())
        assert "hooks" not in config
        assert [next(iter(one)) if isinstance(one, dict) else one for one in config["plugins"]] == ["search", "offline"]


class TestPublishing:
    def test_the_same_pages_give_the_same_bytes(self, site, tmp_path, monkeypatch):
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
        out = tmp_path / "site"
        publish(render(story(), analyses=ANALYSES), out, stamp="the stamp")
        first = {path.relative_to(site): path.read_bytes() for path in site.rglob("*") if path.is_file()}
        again = {path.relative_to(out): path.read_bytes() for path in out.rglob("*") if path.is_file()}
        assert first == again

    def test_a_folder_of_somebody_else_is_left_alone(self, tmp_path, publish_small):
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "thesis.txt").write_text("years of work")
        with pytest.raises(SiteError, match="was not made by ecco-reports"):
            publish_small([HOME], tmp_path / "site")
        assert (tmp_path / "site" / "thesis.txt").read_text() == "years of work"
        assert [path.name for path in tmp_path.iterdir()] == ["site"]

    def test_a_bad_link_is_told_and_the_old_site_stays(self, tmp_path, publish_small):
        out = tmp_path / "site"
        publish_small([HOME], out)
        before = sizes(out)
        bad = Page("index.md", "Home", "# Home\n\n[gone](nowhere.md) [lost](#nothing)\n")
        with pytest.raises(SiteError) as error:
            publish_small([bad], out)
        assert len(error.value.warnings) == 2
        assert "nowhere.md" in str(error.value)
        assert sizes(out) == before
        assert {path.name for path in tmp_path.iterdir()} == {"site", "docs"}

    def test_a_new_site_leaves_nothing_of_the_old_one(self, tmp_path, publish_small):
        out = tmp_path / "site"
        publish_small([HOME, Page("experiments/old.md", "Old", "---\ntitle: Old\n---\n# Old\n")], out)
        publish_small([HOME], out)
        assert not (out / "experiments").exists()

    def test_what_a_killed_build_left_is_swept_away(self, tmp_path):
        left = tmp_path / ".site.0123abcd.new"
        left.mkdir()
        (left / STAMP).touch()
        foreign = tmp_path / ".site.notes"
        foreign.mkdir()
        with Scratch(tmp_path / "site") as scratch:
            (scratch.folder / "index.html").touch()
            scratch.take_place()
        assert not left.exists()
        assert foreign.exists()
        assert (tmp_path / "site" / "index.html").exists()

    def test_an_interrupted_build_leaves_the_old_site(self, tmp_path, monkeypatch, publish_small):
        out = tmp_path / "site"
        publish_small([HOME], out)
        before = sizes(out)
        monkeypatch.setattr("ecco_reports.site.write_stamp", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            publish_small([HOME], out)
        assert sizes(out) == before

    @pytest.mark.parametrize("path", ["../out.md", "/etc/out.md", "a/../../out.md"])
    def test_no_page_gets_out_of_the_site(self, tmp_path, path, publish_small):
        with pytest.raises(SiteError, match="outside the site"):
            publish_small([HOME, Page(path, "Out", "# Out\n")], tmp_path / "site")

    def test_settings_replace_those_of_the_package(self, tmp_path, publish_small):
        publish_small([HOME], tmp_path / "site", settings={"site_name": "My lab"})
        assert "My lab" in (tmp_path / "site" / "index.html").read_text()

    def test_a_site_says_where_it_is_and_how_large(self, tmp_path, publish_small):
        made = publish_small([HOME], tmp_path / "site")
        assert made.index == tmp_path / "site" / "index.html"
        assert made.size == sum(
            path.stat().st_size for path in (tmp_path / "site").rglob("*.*") if path.name != STAMP and path.is_file()
        )
        assert str(made.index) in str(made)

    def test_the_bundle_is_made_once(self, tmp_path, monkeypatch):
        monkeypatch.setattr("ecco_reports.charts.bundle.vega_bundle", lambda: b"made")
        assert cached_bundle(tmp_path) == b"made"
        monkeypatch.setattr("ecco_reports.charts.bundle.vega_bundle", lambda: pytest.fail("made again"))
        assert cached_bundle(tmp_path) == b"made"


class TestNavigation:
    def test_a_folder_stands_for_its_pages_and_its_index_comes_first(self, tmp_path):
        made = ["index.md", "experiments/b.md", "experiments/index.md", "experiments/a.md"]
        nav, unlisted = expand_nav([{"Home": "index.md"}, {"Experiments": ["experiments/"]}], made, tmp_path)
        assert nav == [
            {"Home": "index.md"},
            {"Experiments": ["experiments/index.md", "experiments/b.md", "experiments/a.md"]},
        ]
        assert not unlisted

    def test_too_many_pages_are_left_to_the_overview(self, tmp_path):
        made = ["experiments/index.md", *(f"experiments/{number}.md" for number in range(NAV_LIMIT))]
        nav, unlisted = expand_nav([{"Experiments": ["experiments/"]}], made, tmp_path)
        assert nav == [{"Experiments": ["experiments/index.md"]}]
        assert len(unlisted) == NAV_LIMIT

    def test_a_section_without_pages_is_dropped(self, tmp_path):
        assert expand_nav([{"Models": ["models/", "gone.md"]}], [], tmp_path) == ([], [])


class TestStamp:
    def stamp(self, run=None, **options):
        return site_stamp(run or run_of(tale()), analyses=ANALYSES, **options)

    def test_it_is_the_same_for_the_same_run(self):
        assert self.stamp() == self.stamp()

    @pytest.mark.parametrize(
        "other",
        [
            tale(title="Another title"),
            tale(summary="Another summary."),
            tale(texts={"first": "Another text"}),
            tale(texts={"second": "Once upon a time"}),
            tale(models=("n",)),
        ],
    )
    def test_it_changes_with_the_experiment(self, other):
        assert self.stamp(run_of(other)) != self.stamp()

    def test_it_changes_with_an_outcome(self):
        one = tale()
        assert self.stamp(run_of(one, outcomes=[outcome(one, "first", rows=4)])) != self.stamp()
        assert self.stamp(run_of(one, outcomes=[outcome(one, "first", failure=("A", "b"))])) != self.stamp()
        assert self.stamp(run_of(one, outcomes=[])) != self.stamp()

    def test_it_changes_with_templates_settings_code_and_date(self, tmp_path, monkeypatch):
        before = self.stamp()
        (tmp_path / "gallery.md.jinja").write_text("mine")
        assert self.stamp(templates=[tmp_path]) != before
        assert self.stamp(settings={"site_name": "x"}) != before
        monkeypatch.setenv("SOURCE_DATE_EPOCH", "1")
        assert self.stamp() != before
        monkeypatch.delenv("SOURCE_DATE_EPOCH")
        monkeypatch.setattr("ecco_reports.site.stamp.code_digest", lambda: "other")
        assert self.stamp() != before

    def test_a_whole_site_with_the_stamp_is_current(self, site):
        assert is_current(site, "the stamp")
        assert not is_current(site, "another stamp")

    @pytest.mark.parametrize("damage", ["removed", "shortened", "unmarked", "garbled"])
    def test_a_damaged_site_is_not(self, tmp_path, damage, publish_small):
        out = tmp_path / "site"
        publish_small([HOME], out, stamp="s")
        assert is_current(out, "s")
        if damage == "removed":
            (out / "404.html").unlink()
        elif damage == "shortened":
            (out / "index.html").write_text("")
        elif damage == "unmarked":
            (out / STAMP).unlink()
        else:
            (out / STAMP).write_text("[")
        assert not is_current(out, "s")

    def test_nothing_there_is_not_current(self, tmp_path):
        assert not is_current(tmp_path / "nowhere", "s")

    def test_asking_takes_neither_torch_nor_mkdocs_nor_a_chart(self):
        code = (
            "import sys, ecco_reports.site as s; from tests.stories import run_of; "
            "from pathlib import Path; s.is_current(Path('nowhere'), 'x'); "
            "print([m for m in ('torch', 'mkdocs', 'jinja2', 'vl_convert') if m in sys.modules])"
        )
        done = subprocess.run(
            [sys.executable, "-c", code.replace("from tests.stories import run_of; ", "")],
            capture_output=True, text=True, check=True, cwd=Path(__file__).parent.parent,
        )  # fmt: skip
        assert done.stdout.strip() == "[]"


class TestColours:
    """Text that cannot be read is no text: WCAG's 4.5 to 1, computed from the style sheet."""

    SHEET = (resource("site") / "docs/assets/stylesheets/site.css").read_text()
    GROUNDS = ("paper", "raised", "wash")
    INKS = ("ink", "muted", "teal", "orange", "sound", "broken", "doubtful")

    def colours(self, scheme):
        block = re.search(rf'\[data-md-color-scheme="{scheme}"\] \{{(.*?)\}}', self.SHEET, re.DOTALL)
        return dict(re.findall(r"--er-([a-z-]+): (#[0-9a-f]{6});", block[1]))

    def luminance(self, colour):
        parts = [int(colour[index : index + 2], 16) / 255 for index in (1, 3, 5)]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def contrast(self, one, other):
        light, dark = sorted((self.luminance(one), self.luminance(other)), reverse=True)
        return (light + 0.05) / (dark + 0.05)

    def test_black_on_white_is_twenty_one_to_one(self):
        assert self.contrast("#000000", "#ffffff") == pytest.approx(21)

    @pytest.mark.parametrize("scheme", ["default", "slate"])
    def test_every_ink_can_be_read_on_every_ground(self, scheme):
        colours = self.colours(scheme)
        pairs = [(ink, ground) for ink in self.INKS for ground in self.GROUNDS]
        pairs += [(tone, f"{tone}-ground") for tone in ("sound", "doubtful", "broken")]
        pairs += [("orange", "written-ground"), ("ink", "broken-ground")]
        poor = {pair: self.contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
        assert {pair: round(value, 2) for pair, value in poor.items() if value < 4.5} == {}


def test_every_hand_written_page_is_in_the_navigation():
    source = resource("site")
    config = yaml.safe_load((source / "mkdocs.yml").read_text())
    listed = re.findall(r"[\w/-]+\.md", json.dumps(config["nav"]))
    written = {path.relative_to(source / "docs").as_posix() for path in (source / "docs").rglob("*.md")}
    assert written <= set(listed)
    assert all(PurePosixPath(path).suffix == ".md" for path in listed)


def test_the_first_experiment_of_the_guide_is_one_and_has_ten_lines(tmp_path):
    from ecco_reports.experiment import load_experiments

    guide = (resource("site") / "docs/guide/index.md").read_text()
    example = re.search(r"```yaml\n(title:.*?)```", guide, re.DOTALL)[1]
    (tmp_path / "capitals.yaml").write_text(example)
    (experiment,) = load_experiments([tmp_path / "capitals.yaml"])
    assert len(experiment.analyses) == 4
    assert len(example.splitlines()) == 10


class TestTheWeightOfAPage:
    """What a browser loads for one page that it does not have already."""

    @pytest.fixture
    def heavy(self, tmp_path):
        """A page of two charts, one of them drawn twice, and a picture; its data is fetched on demand only."""
        charts = "".join(f'<figure data-chart="../assets/{name}.js"></figure>' for name in ("one", "two", "two"))
        more = (
            '<img src="../assets/a%20b.svg" alt=""><a href="../assets/data.csv">data</a><script src="all.js"></script>'
        )
        (tmp_path / "experiments").mkdir()
        (tmp_path / "assets").mkdir()
        (tmp_path / "experiments/x.html").write_text(charts + more)
        for name, size in {"one.js": 1000, "two.js": 300_000, "a b.svg": 50, "data.csv": 10**6}.items():
            (tmp_path / "assets" / name).write_bytes(b"x" * size)
        (tmp_path / "experiments/all.js").write_bytes(b"x" * 10**6)
        return tmp_path

    def test_is_that_of_its_text_its_charts_and_its_pictures(self, heavy):
        (one,) = weights(heavy)
        assert (one.page, one.charts, one.pictures, one.missing) == ("experiments/x.html", 301_000, 50, ())
        assert one.total == 301_050 + (heavy / "experiments/x.html").stat().st_size

    @pytest.mark.parametrize(("limit", "code"), [(302, 0), (301, 1)])
    def test_is_held_against_a_limit(self, heavy, capsys, limit, code):
        assert main([str(heavy), "--limit", str(limit)]) == code
        printed = capsys.readouterr().out
        assert ("ABOVE" in printed) is bool(code)
        assert "  301.3     0.2   301.0      0.1  experiments/x.html" in printed

    def test_counts_a_chart_that_is_not_there_as_a_fault(self, heavy, capsys):
        (heavy / "assets/one.js").unlink()
        assert main([str(heavy)]) == 1
        assert "LACKS ../assets/one.js" in capsys.readouterr().out
        assert main([str(heavy / "assets")]) == 2
