"""The site in Chromium, opened from the disk: a visit with mouse, keyboard, phone, in the dark and without scripts."""

from __future__ import annotations

import itertools
import re

import pytest

from ecco_reports.pages import render
from ecco_reports.pages.escape import one_line, shown
from ecco_reports.site import publish
from tests.stories import ANALYSES, HOSTILE, LINES, outcome, run_of, tale

pytestmark = pytest.mark.browser

PAGES = (
    "index.html",
    "experiments/index.html",
    "experiments/tale.html",
    "experiments/hostile.html",
    "how-to-read/index.html",
    "how-to-read/story.html",
    "guide/index.html",
    "guide/river.html",
    "guide/glossary.html",
    "reference/analyses.html",
)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Two experiments: one about airports, one whose every word tries to be more than a word."""
    calm = tale("tale", "Where is the airport", "It is told.", {"first": "Heathrow is in the city of", "second": "A b"})
    hostile = tale("hostile", HOSTILE, HOSTILE + LINES, {"p": HOSTILE + LINES})
    outcomes = [
        outcome(calm, "first"),
        outcome(calm, "first", label="again", failure=("ValueError", HOSTILE + LINES)),
        outcome(calm, "second", rows=205),
        outcome(hostile, "p"),
    ]
    out = tmp_path_factory.mktemp("build") / "site"
    publish(render(run_of(calm, hostile, outcomes=outcomes), analyses=ANALYSES), out)
    return out


@pytest.fixture
def visit(tab, site):
    """Opens a page of the site."""

    def open_page(path="index.html", wide=1280, **settings):
        return tab((site / path).as_uri(), wide, **settings)

    return open_page


def test_from_the_gallery_to_a_chart(visit):
    page = visit()
    page.get_by_role("link", name="Where is the airport").click()
    page.wait_for_url("**/experiments/tale.html")
    assert page.locator("h1").inner_text().startswith("Where is the airport")
    chart = page.locator(".ecco-chart").first
    chart.scroll_into_view_if_needed()
    chart.locator("svg.marks, .ecco-chart__view svg").first.wait_for(state="visible")


def test_choosing_an_output_recolours_the_inputs(visit):
    page = visit("experiments/tale.html")
    tokens = page.locator(".ecco-strip").first.locator(".ecco-tok")
    colours = "tokens => tokens.map(token => token.getAttribute('style'))"
    before = tokens.evaluate_all(colours)
    tokens.last.click()
    assert tokens.evaluate_all(colours) != before


def test_light_and_dark_can_be_chosen(visit):
    page = visit("experiments/tale.html", color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    for _ in range(2):  # system, light, dark
        page.locator("form[data-md-component=palette] label:visible").click()
    assert page.locator("body").get_attribute("data-md-color-scheme") == "slate"
    assert page.evaluate(ground) != light


def test_the_dark_of_the_system_is_followed(visit):
    assert visit(color_scheme="dark").locator("body").get_attribute("data-md-color-scheme") == "slate"


@pytest.mark.parametrize("path", PAGES)
def test_a_phone_scrolls_in_one_direction(visit, path):
    page = visit(path, wide=390)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


@pytest.mark.parametrize("path", PAGES)
def test_headings_pictures_and_controls_are_in_order(visit, path):
    page = visit(path)
    levels = page.locator("article :is(h1,h2,h3,h4,h5,h6)").evaluate_all("all => all.map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(lower - upper <= 1 for upper, lower in itertools.pairwise(levels))
    assert page.locator("article img:not([alt])").count() == 0
    assert page.locator("html[lang=en]").count() == 1
    nameless = page.locator("article :is(a[href], button, select, input, [role=region])").evaluate_all(
        """all => all.filter(one => !(one.innerText || "").trim() && !one.textContent.trim()
           && !one.getAttribute("aria-label") && !one.title && !(one.labels && one.labels.length))
           .map(one => one.outerHTML)"""
    )
    assert nameless == []


def test_the_keyboard_reaches_the_content_and_a_token(visit):
    page = visit("experiments/tale.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.classList.contains('md-skip')")
    page.keyboard.press("Enter")
    seen = set()
    for _ in range(120):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.className.split(' ')[0]"))
    assert {"ecco-tok", "ecco-chart__box"} <= seen
    summary = page.locator("details.er-details summary").first
    summary.focus()
    page.keyboard.press("Enter")
    assert page.locator("details.er-details[open]").count() == 1


def test_what_has_the_focus_can_be_seen(visit):
    page = visit("experiments/tale.html")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"


def test_without_scripts_there_are_pictures_text_and_tables(visit):
    page = visit("experiments/tale.html", java_script_enabled=False)
    picture = page.locator("img.ecco-chart__static").first
    picture.scroll_into_view_if_needed()
    assert picture.is_visible()
    assert page.locator(".ecco-strip__text").first.is_visible()
    assert "Heathrow is in the city of" in page.locator("article").inner_text()
    page.locator("details.er-details summary", has_text="The data").first.click()
    assert page.locator("table.er-data td").first.is_visible()


def test_search_works_from_the_disk(visit):
    page = visit()
    page.keyboard.press("/")  # what the theme offers for people without a mouse
    page.locator(".md-search__input").type("airport", delay=20)
    result = page.locator(".md-search-result__link").first
    result.wait_for(state="visible")
    assert "experiments/tale.html" in result.get_attribute("href")


def test_hostile_text_found_by_search_is_only_text(visit):
    page = visit()
    page.keyboard.press("/")  # what the theme offers for people without a mouse
    page.locator(".md-search__input").type("javascript", delay=20)
    found = page.locator(".md-search-result__link").first
    found.wait_for(state="visible")
    assert "<b>bold</b>" in page.locator(".md-search-result").inner_text()
    assert page.evaluate("window.pwned") is None


def test_hostile_text_is_shown_as_written_and_runs_nothing(visit):
    page = visit("experiments/hostile.html")
    page.wait_for_load_state("load")
    page.locator(".ecco-chart").first.scroll_into_view_if_needed()
    page.locator(".ecco-chart__view svg").first.wait_for(state="visible")
    prompt = page.locator("p.er-prompt:not(.er-prompt--short) .er-given").first
    assert prompt.evaluate("one => one.textContent") == shown(HOSTILE + LINES)
    heading = page.locator("h1 bdi").evaluate("one => one.textContent")
    assert heading == one_line(HOSTILE)
    assert one_line(HOSTILE)[:40] in page.title()
    assert page.evaluate("window.pwned") is None


def test_a_failed_analysis_says_what_happened_as_written(visit):
    page = visit("experiments/tale.html")
    said = page.locator(".er-box--failed .er-box__message").evaluate("one => one.textContent")
    assert said == "ValueError: " + shown(HOSTILE + LINES)


def test_right_to_left_text_keeps_its_direction_and_its_neighbours_theirs(visit):
    page = visit("experiments/hostile.html")
    assert page.locator("h1 bdi").get_attribute("dir") == "auto"
    assert page.evaluate("getComputedStyle(document.querySelector('h1')).direction") == "ltr"


def test_printing_leaves_the_frame_away(visit):
    page = visit("experiments/tale.html")
    page.emulate_media(media="print")
    assert not page.locator(".md-header").is_visible()
    assert not page.locator(".md-tabs").is_visible()
    assert page.locator("h1").is_visible()


def test_the_window_title_names_the_experiment_and_the_site(visit):
    assert re.fullmatch(r"Where is the airport - ecco reports", visit("experiments/tale.html").title())
