"""The page of a comparison in a browser: nothing runs but what is ours, and it can be read on every screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ecco_reports.gates import Verdicts
from ecco_reports.pages import render_comparisons
from ecco_reports.reporting import Report, write
from ecco_reports.site import publish
from tests.comparisons import comparison, nothing_changed, passed, verdicts
from tests.test_comparison_pages import ANALYSES, bare, many

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A site of three comparisons, and a report that is one file."""
    folder = tmp_path_factory.mktemp("compared")
    judged = Verdicts((*verdicts().all, *passed().all), 1)
    three = [bare(comparison()), nothing_changed(), bare(many(30))]
    publish(render_comparisons(three, judged, analyses=ANALYSES), folder / "site")
    write(folder / "site" / "report.html", Report((comparison(), nothing_changed()), judged))
    return folder / "site"


@pytest.fixture
def visit(site: Path, tab: Any) -> Callable[..., Any]:
    """Opens a page of the site."""

    def visit(path: str, wide: int = 1280, **settings: Any) -> Any:
        page = tab((site / path).as_uri(), wide, **settings)
        page.wait_for_timeout(300)
        return page

    return visit


PAGES = ("index.html", "comparisons/index.html", "comparisons/capitals.html", "comparisons/calm.html", "report.html")


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("wide", [390, 1280])
def test_nothing_hangs_over_the_edge_and_nothing_of_a_user_runs(visit, path, wide):
    page = visit(path, wide)
    assert page.evaluate("document.documentElement.scrollWidth") <= wide
    assert page.evaluate("window.pwned") is None


def test_from_the_front_page_to_a_prompt_that_changed(visit):
    page = visit("index.html")
    page.locator(".er-compared a").first.click()
    page.get_by_role("heading", name="france").first.scroll_into_view_if_needed()
    assert page.locator(".er-changed ins").first.is_visible()


def test_the_scale_of_the_targets_can_be_changed(visit):
    page = visit("comparisons/capitals.html")
    chart = page.locator("#all-targets")
    chart.scroll_into_view_if_needed()
    page.wait_for_selector("#all-targets[data-state=ready]")
    ticks = chart.locator(".role-axis-label text")
    assert "50\u00a0%" in ticks.all_text_contents()
    chart.locator("select").select_option(label="logarithmic")
    page.wait_for_timeout(300)
    assert "0.1\u00a0%" in ticks.all_text_contents()


def test_a_voice_hears_what_is_gone_and_what_is_new(visit):
    page = visit("comparisons/capitals.html")
    said = page.locator(".er-changed .er-gone").first.evaluate("one => getComputedStyle(one, '::before').content")
    assert "gone" in said
    assert page.locator(".er-changed del").count() == page.locator(".er-changed ins").count() == 2


def test_folded_figures_open_and_are_drawn(visit):
    page = visit("comparisons/capitals-2.html")
    folded = page.locator(".er-folded").first
    folded.locator("summary").click()
    figure = folded.locator("figure.ecco-chart").first
    figure.scroll_into_view_if_needed()
    page.wait_for_timeout(1500)
    assert figure.get_attribute("data-state") == "ready"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_of_one_file_follows_the_system(visit, scheme):
    page = visit("report.html", color_scheme=scheme)
    paper = page.evaluate("getComputedStyle(document.documentElement).backgroundColor")
    assert paper == {"light": "rgb(252, 251, 248)", "dark": "rgb(20, 24, 29)"}[scheme]
    ink = page.locator("svg text").first.evaluate("one => getComputedStyle(one).fill")
    assert ink == {"light": "rgb(27, 31, 36)", "dark": "rgb(228, 231, 234)"}[scheme]


def test_a_report_of_one_file_needs_no_script(visit):
    page = visit("report.html", java_script_enabled=False)
    assert page.locator("svg").count() >= 2
    assert page.locator("script").count() == 0
