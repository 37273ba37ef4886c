"""With an address a site says where each page is found and what it shows; without one it says nothing wrong."""

from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import pytest
import yaml
from click.testing import CliRunner

from ecco_reports.cli import main
from ecco_reports.errors import PublishingError, SiteError
from ecco_reports.pages import Page, render
from ecco_reports.site import base_url, is_current, publish, site_stamp
from ecco_reports.site.cards import Cards, card_svg
from ecco_reports.site.front import described, parts, with_front
from tests.stories import ANALYSES, HOSTILE, run_of, tale

URL = "https://me.github.io/a%20lab/"
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
PICTURE = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><rect width="10" height="10"/></svg>'


class Head(HTMLParser):
    """What a page says to those who do not look at it."""

    def __init__(self, text):
        super().__init__()
        self.meta: dict[str, str] = {}
        self.links: dict[str, str] = {}
        self.addresses: list[str] = []
        self.scripts = 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "meta":
            name = said.get("property") or said.get("name")
            assert name is None or name not in self.meta, f"{name} is said twice"
            self.meta[name] = said.get("content")
        elif tag == "link":
            self.links[said["rel"]] = said["href"]
        self.addresses += [said[name] for name in ("href", "src") if said.get(name)]
        self.scripts += tag == "script"


def story():
    return run_of(tale("heathrow", HOSTILE, HOSTILE, {"p": HOSTILE}), tale("other", "Another tale", "Told <again>."))


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """The same pages with and without an address."""
    folder = tmp_path_factory.mktemp("sites")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ecco_reports.site.cached_bundle", lambda folder: b"/* vega */")
        pages = render(story(), analyses=ANALYSES)
        publish(pages, folder / "abroad" / "site", settings={"site_url": URL})
        publish(pages, folder / "home" / "site")
    return folder / "abroad" / "site", folder / "home" / "site"


def heads(site):
    return {path.relative_to(site).as_posix(): Head(path.read_text()) for path in site.rglob("*.html")}


class TestTheAddress:
    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("https://me.github.io", "https://me.github.io/"),
            ("http://localhost:8000/x", "http://localhost:8000/x/"),
            ("https://Me.GitHub.io/Lab//", "https://me.github.io/Lab/"),
            ("  https://a.b/ä b ", "https://a.b/%C3%A4%20b/"),
            ("https://bücher.example/", "https://xn--bcher-kva.example/"),
            ("http://[::1]:80/", "http://[::1]:80/"),
        ],
    )
    def test_gets_a_slash_and_plain_letters(self, written, meant):
        assert base_url(written) == meant
        assert base_url(meant) == meant

    @pytest.mark.parametrize(
        ("written", "why"),
        [
            ("me.github.io", "neither"),
            ("", "neither"),
            ("ftp://a.b/", "neither"),
            ("javascript:alert(1)", "neither"),
            ("https://", "no host"),
            ("https:///x", "no host"),
            ("https://a b/", "no host"),
            ('https://a.b"><script>/', "no host"),
            ("https://me:secret@a.b/", "password"),
            ("https://a.b/?x=1", "query"),
            ("https://a.b/#", "fragment"),
            ("https://a.b/x/../y", "steps"),
            ("https://a.b:port/", "port"),
        ],
    )
    def test_is_refused_with_the_reason(self, written, why):
        with pytest.raises(PublishingError, match=why) as refused:
            base_url(written)
        assert "https://me.github.io/project/" in str(refused.value)

    def test_is_the_mistake_of_who_wrote_it(self):
        done = CliRunner().invoke(main, ["build", "--base-url", "example.org"])
        assert done.exit_code == 2
        assert "example.org" in done.output

    def test_cannot_carry_markup_into_a_page(self):
        assert base_url('https://a.b/"><b>/') == "https://a.b/%22%3E%3Cb%3E/"


class TestTheSitemap:
    def test_names_every_page_where_it_will_be_found(self, sites):
        site, _ = sites
        named = [loc.text for loc in ET.parse(site / "sitemap.xml").iter(f"{SITEMAP}loc")]
        assert set(named) == {urljoin(URL, path) for path in heads(site) if path != "404.html"}
        assert len(named) == len(set(named))

    def test_is_not_there_without_an_address(self, sites):
        site, home = sites
        assert (site / "sitemap.xml.gz").is_file()
        assert not list(home.glob("sitemap*"))


class TestWhatAPageSaysOfItself:
    def test_its_address_is_canonical_and_the_same_everywhere(self, sites):
        for path, head in heads(sites[0]).items():
            if path != "404.html":
                assert head.links["canonical"] == head.meta["og:url"] == urljoin(URL, path)

    def test_title_and_description_are_the_text_as_written(self, sites):
        from ecco_reports.pages.escape import one_line

        head = heads(sites[0])["experiments/heathrow.html"]
        for name in ("og:title", "og:description", "description"):
            assert " ".join(head.meta[name].strip("\u2068\u2069").split()) == " ".join(one_line(HOSTILE).split())
        assert heads(sites[0])["experiments/other.html"].meta["og:description"] == "Told <again>."

    def test_every_page_has_a_description_of_its_own(self, sites):
        for site in sites:
            said = [head.meta["description"] for path, head in heads(site).items() if path != "404.html"]
            assert all(said)
            assert len(set(said)) == len(said)

    def test_the_front_page_speaks_for_the_site(self, sites):
        meta = heads(sites[0])["index.html"].meta
        assert (meta["og:type"], meta["og:title"]) == ("website", "ecco reports")
        assert heads(sites[0])["experiments/other.html"].meta["og:type"] == "article"

    def test_its_card_is_a_picture_of_the_promised_size(self, sites):
        site, _ = sites
        seen = set()
        for path, head in heads(site).items():
            if path == "404.html":
                continue
            assert head.meta["twitter:card"] == "summary_large_image"
            assert head.meta["og:image"].startswith(URL)
            card = site / head.meta["og:image"].removeprefix(URL)
            seen.add(card.relative_to(site).as_posix())
            assert card.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
            assert struct.unpack(">II", card.read_bytes()[16:24]) == (1200, 630)
            assert (head.meta["og:image:width"], head.meta["og:image:height"]) == ("1200", "630")
        assert seen == {
            "assets/cards/site.png",
            "assets/cards/experiments/heathrow.png",
            "assets/cards/experiments/other.png",
        }

    def test_without_an_address_it_names_none_and_no_card_is_drawn(self, sites):
        _, home = sites
        for head in heads(home).values():
            assert "canonical" not in head.links
            assert not [name for name in head.meta if name and name.startswith(("og:", "twitter:"))]
        assert not (home / "assets" / "cards").exists()

    def test_a_page_that_is_not_there_is_not_indexed_and_still_finds_its_clothes(self, sites):
        for site in sites:
            found = heads(site)
            assert [path for path, head in found.items() if head.meta.get("robots")] == ["404.html"]
            assert found["404.html"].meta["robots"] == "noindex"
        styles = [one for one in heads(sites[0])["404.html"].addresses if one.endswith(".css")]
        assert styles
        assert all(one.startswith(urlsplit(URL).path) for one in styles)

    def test_the_site_still_opens_from_a_folder(self, sites):
        site, _ = sites
        for path, head in heads(site).items():
            if path == "404.html":
                continue
            for address in head.addresses:
                parted = urlsplit(address)
                if parted.scheme or not parted.path:
                    continue
                assert (site / path).parent.joinpath(parted.path).exists(), (path, address)

    def test_no_text_becomes_a_script(self, sites):
        with_address, without = (heads(site)["experiments/heathrow.html"].scripts for site in sites)
        assert with_address == without


class TestCards:
    def test_are_well_formed_whatever_the_title(self):
        for title in (HOSTILE, "", "x" * 500, "東京は日本の首都です。" * 20, "\ud83d\x00\u202e"):
            for picture in (b"", PICTURE):
                drawn = ET.fromstring(card_svg(title, HOSTILE, "a.b/c", picture, HOSTILE))
                assert (drawn.get("width"), drawn.get("height")) == ("1200", "630")

    def test_a_long_title_is_cut_and_a_short_one_is_not(self):
        assert "…" in card_svg("word " * 200, "site", "a.b", PICTURE)
        drawn = card_svg("Does the model know where Heathrow is?", "site", "a.b", PICTURE)
        assert "…" not in drawn
        texts = [one.text.strip() for one in ET.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
        assert " ".join(texts[1:-1]) == "Does the model know where Heathrow is?"

    def test_text_stays_inside_its_column(self):
        drawn = ET.fromstring(card_svg("wide " * 30 + "東京" * 30, "site", "a.b", PICTURE))
        for one in drawn.iter("{http://www.w3.org/2000/svg}text"):
            assert float(one.get("y")) < 630

    def test_are_drawn_once(self, tmp_path, monkeypatch):
        cards = Cards(tmp_path, "site", "https://a.b/")
        first = cards.card("One", PICTURE)
        monkeypatch.setattr("vl_convert.svg_to_png", lambda **_: pytest.fail("drawn again"))
        assert cards.card("One", PICTURE) == first
        assert [path.suffix for path in tmp_path.iterdir()] == [".png"]


class TestFrontMatter:
    def test_more_is_added_and_nothing_is_replaced(self):
        page = '---\ntitle: "A"\n---\n# A\n'
        more = with_front(page, title="B", card="c.png", description="")
        assert parts(more) == ({"title": "A", "card": "c.png"}, "# A\n")
        assert with_front(more, card="d.png") == more

    def test_a_page_without_any_gets_one(self):
        assert parts(with_front("# A\n", card="c")) == ({"card": "c"}, "# A\n")

    def test_a_description_is_the_first_prose(self):
        page = "# Head\n\n<p>raw</p>\n\n- list\n\nSee [the *guide*](x.md), `code` & more.\n\nLater.\n"
        assert parts(described(page))[0] == {"description": "See the guide, code &#38; more&#46;"}

    def test_a_long_one_ends_between_words(self):
        said = parts(described("word " * 100))[0]["description"]
        assert said.endswith("word…")
        assert len(said) <= 200


class TestOneFolderForTwoSites:
    @pytest.fixture
    def source(self, tmp_path, monkeypatch):
        monkeypatch.setattr("ecco_reports.site.cached_bundle", lambda folder: b"/* vega */")
        (tmp_path / "source" / "docs").mkdir(parents=True)
        settings = {"site_name": "small", "theme": "mkdocs", "plugins": [], "use_directory_urls": False}
        (tmp_path / "source" / "mkdocs.yml").write_text(yaml.safe_dump(settings))
        return tmp_path / "source"

    def page(self, title):
        return Page("index.md", title, f"---\ntitle: {title}\n---\n# {title}\n")

    def test_neither_takes_the_other_ones_place(self, tmp_path, source):
        build = tmp_path / "build"
        for name in ("site", "docs-of-lab", "site"):
            publish([self.page(name)], build / name, source=source)
        assert (build / "docs" / "docs" / "index.md").read_text().endswith("# site\n")
        assert (build / "docs-of-lab-docs" / "docs" / "index.md").read_text().endswith("# docs-of-lab\n")
        assert "docs-of-lab" in (build / "docs-of-lab" / "index.html").read_text()

    def test_a_site_named_docs_is_not_taken_for_the_other_ones_pages(self, tmp_path, source):
        build = tmp_path / "build"
        publish([self.page("first")], build / "docs", source=source)
        with pytest.raises(SiteError, match="a site stands there"):
            publish([self.page("second")], build / "site", source=source)
        assert "first" in (build / "docs" / "index.html").read_text()


def test_the_command_builds_again_for_another_address(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("ecco_reports.site.cached_bundle", lambda folder: b"/* vega */")
    experiment = "title: Where is it?\nsummary: Short.\nmodels: {facts: bundled:facts}\nprompts: {p: Heathrow is in}\n"
    (tmp_path / "one.yaml").write_text(experiment + "analyses: [{generation: {max_new_tokens: 1}}]\n")
    said = []
    for options in ([], ["--base-url", "https://a.b/c"], ["--base-url", "https://a.b/c/"], []):
        done = CliRunner().invoke(main, ["build", "one.yaml", *options])
        assert done.exit_code == 0, done.output
        current = "The site is current" in done.output
        said.append(
            (current, "https://a.b/c/experiments/one.html" in Path("build/site/experiments/one.html").read_text())
        )
    assert said == [(False, False), (False, True), (True, True), (False, False)]


def test_a_site_is_current_only_at_its_own_address(sites):
    abroad, home = {"site_url": URL}, {}
    stamps = [site_stamp(story(), settings=settings, analyses=ANALYSES) for settings in (abroad, home)]
    assert stamps[0] != stamps[1]
    assert not is_current(sites[0], stamps[1])
