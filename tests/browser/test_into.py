"""Our pages inside somebody else's site, in Chromium: charts draw, text can be read, their own pages look as before."""

from __future__ import annotations

import re

import pytest

from ecco_reports.pages import render
from ecco_reports.site.into import deliver, open_host, take_out
from ecco_reports.site.staging import cached_bundle
from tests.stories import ANALYSES, outcome, run_of, tale
from tests.test_into import built

pytestmark = pytest.mark.browser

THEMES = {
    "plain": "{name: mkdocs, highlightjs: false}",
    "material": "{name: material, font: false, palette: {scheme: default}}",
    "material-dark": "{name: material, font: false, palette: {scheme: slate}}",
    "readthedocs": "{name: readthedocs, highlightjs: false}",
}
THEIRS = (
    "# Welcome\n\nSome *text* with `code` and [a link](index.md).\n\n## Below\n\n> A quotation.\n\n- one\n- two\n\n"
    "| a | b |\n|---|---|\n| 1 | 2 |\n\n"
    "<details><summary>More</summary>of it</details>\n\n<figure><img alt=''></figure>\n"
)
LOOKS = """all => all.map(one => {
  const style = getComputedStyle(one);
  return [one.tagName, ...Array.from(style).filter(name => !name.startsWith("--")).map(name => style[name])].join("|");
})"""


@pytest.fixture(scope="module")
def sites(tmp_path_factory):
    """Sites of somebody in several themes: with our pages, and as they were before."""
    cache = tmp_path_factory.mktemp("cache")
    told = tale("tale", "Where is the airport", "It is told.", {"first": "Heathrow is in the city of"})
    pages = render(run_of(told, outcomes=[outcome(told, "first")]), analyses=ANALYSES)
    made = {}
    for name, theme in THEMES.items():
        folder = tmp_path_factory.mktemp(name)
        (folder / "docs").mkdir()
        (folder / "docs/index.md").write_text(THEIRS)
        (folder / "mkdocs.yml").write_text(f"site_name: Mine\ntheme: {theme}\nplugins: []\nnav:\n  - index.md\n")
        deliver(pages, open_host(folder), "reports", cached_bundle(cache))
        ours = built(folder).rename(folder / "with")
        take_out(open_host(folder))
        made[name] = (ours, built(folder).rename(folder / "without"))
    return made


@pytest.fixture
def visit(chromium):
    """Opens pages; in the end no script of ours has failed. Those of themes do: in a folder, they cannot search."""
    contexts, failed = [], []

    def open_page(path, wide=1280):
        contexts.append(chromium.new_context(viewport={"width": wide, "height": 900}))
        page = contexts[-1].new_page()
        page.on("pageerror", lambda error: failed.append(str(error.stack)))
        page.goto(path.as_uri())
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [error for error in failed if "/reports/assets/" in error] == []


@pytest.mark.parametrize("theme", THEMES)
def test_a_chart_draws_and_text_can_be_read(visit, sites, theme):
    page = visit(sites[theme][0] / "reports/experiments/tale/index.html")
    chart = page.locator(".ecco-chart").first
    chart.scroll_into_view_if_needed()
    chart.locator("svg.marks").wait_for(state="visible")
    tokens = page.locator(".ecco-strip").first.locator(".ecco-tok")
    tokens.last.click()
    colours = "one => ['color', 'backgroundColor'].map(name => getComputedStyle(one)[name])"
    style = page.locator(".er-prompt:not(.er-prompt--short)").first.evaluate(colours)
    lightness = [sum(int(part) for part in re.findall(r"\d+", colour)[:3]) / 3 for colour in style]
    assert abs(lightness[0] - lightness[1]) > 130
    assert (lightness[0] > lightness[1]) is theme.endswith("dark")


def test_the_dark_of_mkdocs_own_theme_is_followed(visit, sites):
    page = visit(sites["plain"][0] / "reports/experiments/tale/index.html")
    inks = ".er-prompt, .ecco-strip, .ecco-chart, .er-lead"
    colours = "all => all.map(one => getComputedStyle(one).color)"
    light = page.locator(inks).evaluate_all(colours)
    page.evaluate("document.documentElement.dataset.bsTheme = 'dark'")
    dark = page.locator(inks).evaluate_all(colours)
    assert len(light) >= 4
    assert all(one != other for one, other in zip(light, dark, strict=True))


@pytest.mark.parametrize("theme", THEMES)
def test_a_phone_scrolls_in_one_direction(visit, sites, theme):
    for path in ("index.html", "experiments/tale/index.html", "how-to-read/story/index.html"):
        page = visit(sites[theme][0] / "reports" / path, 390)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("theme", THEMES)
def test_their_own_pages_look_as_before(visit, sites, theme):
    content = "article *, [role=main] *"
    looks = [visit(site / "index.html").locator(content).evaluate_all(LOOKS) for site in sites[theme]]
    assert len(looks[1]) > 15
    assert looks[0] == looks[1]
