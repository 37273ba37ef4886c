"""Factors and text in Chromium: one chooses the other."""

from __future__ import annotations

import shutil

import pytest

from ecco_reports.charts.embed import embed, notebook_html
from ecco_reports.charts.factor_strip import fill
from ecco_reports.resources import resource
from tests.browser.test_charts import PAGE
from tests.charts.figures import factors

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with one figure, and a notebook's."""
    folder = tmp_path_factory.mktemp("factors")
    assets = resource("site") / "docs" / "assets"
    (folder / "site").mkdir()
    for name in ("javascripts/charts.js", "javascripts/strips.js", "javascripts/factors.js", "stylesheets/charts.css"):
        shutil.copy(assets / name, folder / "site")
    body = embed(factors(), "f", "").html + '<script src="site/factors.js"></script>'
    (folder / "page.html").write_text(PAGE.format(body=body), encoding="utf-8")
    (folder / "notebook.html").write_text(f"<meta charset=utf-8>{notebook_html(factors())}", encoding="utf-8")
    return folder


@pytest.fixture
def visit(tab, folder):
    def open_page(name="page", wide=1000, **settings):
        page, _, anchor = name.partition("#")
        return tab(f"file://{folder}/{page}.html" + (f"#{anchor}" if anchor else ""), wide, **settings)

    return open_page


def fills(page):
    """The colour of each token; empty for none."""
    script = "all => all.map(one => one.style.getPropertyValue('--ecco-fill'))"
    found = page.locator(".ecco-tok").evaluate_all(script)
    return ["" if one in ("", "transparent") else one for one in found]


def says(page):
    return page.locator(".ecco-factors__says").text_content()


AT_REST = ["", fill(0, 100), fill(1, 60), fill(0, 50), fill(1, 100), ""]
FIRST = ["", fill(0, 100), fill(0, 10), fill(0, 50), "", ""]


def test_pointing_at_a_factor_gives_the_text_its_colour_and_leaving_takes_it_away(visit):
    page = visit()
    assert fills(page) == AT_REST
    page.hover(".ecco-factor >> nth=0")
    assert fills(page) == FIRST
    assert says(page) == "Factor 1: the (1) at 1.00, old (3) at 0.50, cat (2) at 0.10"
    page.mouse.move(0, 890)
    assert fills(page) == AT_REST
    assert says(page).startswith("Every token has the colour")


def test_pointing_at_a_token_says_what_it_is_made_of(visit):
    page = visit()
    page.hover(".ecco-tok >> nth=2")
    assert says(page) == "cat (2): factor 2 at 0.60, factor 1 at 0.10"
    levels = "all => all.map(one => one.style.getPropertyValue('--ecco-level'))"
    assert page.locator(".ecco-factor").evaluate_all(levels) == ["0.1", "0.6"]
    assert fills(page) == AT_REST
    page.hover(".ecco-tok >> nth=1")
    assert page.locator(".ecco-factor[data-faint]").count() == 1


def test_a_click_pins_a_factor_which_is_in_the_address_until_all_are_asked_for(visit):
    page = visit()
    page.click(".ecco-factor >> nth=0")
    page.hover(".ecco-factor >> nth=1")
    assert fills(page) == FIRST
    assert page.url.endswith("#f-f1")
    page.click(".ecco-factors__all")
    page.mouse.move(0, 890)
    assert fills(page) == AT_REST
    assert "#" not in page.url


def test_a_link_to_a_factor_chooses_it(visit):
    assert fills(visit("page#f-f1")) == FIRST


def test_the_keyboard_reaches_factors_and_tokens(visit):
    page = visit()
    page.focus(".ecco-factor >> nth=1")
    page.keyboard.press("ArrowUp")
    assert fills(page) == FIRST
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert says(page).startswith("the (1): factor 1 at 1.00")
    page.keyboard.press("End")
    assert says(page) == ". (5): in no factor"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    page.hover(".ecco-factor >> nth=1")
    assert says(page).startswith("the (1)")
    assert page.locator(".ecco-tok[aria-pressed=true]").count() == 1
    page.keyboard.press("Escape")
    assert page.locator("[data-pinned]").count() == 0


def test_a_tap_pins(visit):
    page = visit(wide=390, has_touch=True)
    page.tap(".ecco-factor >> nth=0")
    assert fills(page) == FIRST
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_without_scripts_the_text_is_coloured_and_the_bars_stand_there(visit):
    page = visit(java_script_enabled=False)
    assert fills(page) == AT_REST
    assert page.locator(".ecco-factor__bars path").count() == 2
    assert page.locator(".ecco-factors__all").is_hidden()


def test_in_a_notebook_it_works_by_itself(visit):
    page = visit("notebook")
    page.hover(".ecco-factor >> nth=0")
    assert fills(page) == FIRST
