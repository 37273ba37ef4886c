"""Strips and charts of several methods on a page that is opened from disk, in Chromium."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from ecco_reports.charts.bundle import BUNDLE_NAME, vega_bundle
from ecco_reports.charts.contributions import Explanation, contribution_matrix
from ecco_reports.charts.embed import embed
from ecco_reports.charts.figure import ChartFigure, StripRow, StripToken, TokenStrip
from ecco_reports.charts.methods import agreement_matrix, methods_grid
from ecco_reports.resources import resource
from tests.browser.test_charts import PAGE, draw, values
from tests.charts.figures import beside, measures

pytestmark = pytest.mark.browser

METHODS, INPUTS, OUTPUTS = ["ig", "occlusion", "saliency"], ["a", "b", "c", "d"], ["X", "Y"]


def streams(shares: bool = False) -> TokenStrip:
    """Two ignored tokens and two scored ones for an encoder, a sign without a score and two outputs for a decoder."""
    words = ("sst2", ":", "not", "bad", "<pad>", "fine", "!")
    opens = {0: "read by the encoder", 4: "written by the decoder"}
    tokens = [
        StripToken(
            word,
            word,
            at,
            generated=at > 4,
            special=at == 4,
            opens=opens.get(at, ""),
            scored=at not in (0, 1, 4),
            ignored=at < 2,
        )
        for at, word in enumerate(words)
    ]
    rows = [
        StripRow("fine", 5, [0, 0, 3, -1], "", ["100 % of all", "nothing"]),
        StripRow("!", 6, [0, 0, 0.25, -0.25, 0, 0.5], "", ["half of it", "the other half"]),
    ]
    return TokenStrip("streams", "t", "r", "a", tokens, rows, "nats", signed=True, shares=shares)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with strips of two streams, and with the charts of several methods."""
    folder = tmp_path_factory.mktemp("page")
    assets = resource("site") / "docs" / "assets"
    (folder / "site").mkdir()
    for name in ("javascripts/charts.js", "javascripts/strips.js", "stylesheets/charts.css"):
        shutil.copy(assets / name, folder / "site")
    (folder / "site" / BUNDLE_NAME).write_bytes(vega_bundle())
    scores = beside(4)
    units, signed = ["nats"] * 3, [True, True, False]
    before = np.array([[0.75, np.nan, 1.0], [0.5, 0.5, 0.5]])
    made = {
        "parted": methods_grid(METHODS, INPUTS, OUTPUTS, scores, units, signed, border=2, before=before),
        "methods": methods_grid(METHODS, INPUTS, OUTPUTS, scores, units, signed),
        "agreement": agreement_matrix(METHODS, OUTPUTS, measures()),
        "matrix": contribution_matrix(
            INPUTS,
            OUTPUTS,
            [
                Explanation("ig", scores[:, 0], "nats", True, before=before[:, 0]),
                Explanation("shapley", scores[:, 1], "nats", True, errors=scores[:, 0] / 10),
            ],
            border=3,
        ),
    }
    figures = {"streams": streams(), "shares": streams(shares=True)}
    figures |= {name: ChartFigure(name, name, "Look.", f"A picture of {name}.", chart) for name, chart in made.items()}
    (folder / "assets").mkdir()
    body = ""
    for id, figure in figures.items():
        embedded = embed(figure, id, "assets/")
        body += embedded.html
        for asset, content in embedded.assets.items():
            (folder / "assets" / asset).write_bytes(content)
    (folder / "all.html").write_text(PAGE.format(body=body), encoding="utf-8")
    return folder


@pytest.fixture
def visit(tab, folder):
    """Opens the page made here."""
    return lambda wide=1000, **settings: tab(f"file://{folder}/all.html", wide, **settings)


def parts(page):
    return page.locator("#streams .ecco-strip__part").all_inner_texts()


def percents(page, id="streams"):
    return page.eval_on_selector_all(f"#{id} .ecco-tok", "all => all.map(each => each.dataset.p || '')")


def tip(page, figure, description):
    """The tooltip of the cell that says this, as a mapping."""
    figure.locator(f"path[role=graphics-symbol][aria-label='{description}']").hover()
    box = page.locator("#vg-tooltip-element")
    keys, told = (box.locator(f"td.{part}").all_inner_texts() for part in ("key", "value"))
    return dict(zip(keys, told, strict=True)) | {"title": "".join(box.locator("h2").all_inner_texts())}


@pytest.mark.parametrize("scripts", [True, False])
def test_what_is_ignored_or_not_scored_has_no_number_with_and_without_scripts(visit, scripts):
    page = visit(java_script_enabled=scripts)
    tokens = page.locator("#streams .ecco-tok")
    shown = [tokens.nth(at).get_attribute("data-v") for at in range(7)]
    assert shown == [None, None, "+3.00", "−1.00", None, None, None]
    assert [tokens.nth(at).get_attribute("data-p") for at in (2, 3)] == ["75\u00a0%", "25\u00a0%"]
    assert tokens.nth(0).get_attribute("title") == "0: sst2, ignored"
    assert page.locator("#streams .ecco-tok--ignored").all_inner_texts() == ["sst2", ":"]


def test_what_is_ignored_is_greyer_than_the_rest(visit):
    page = visit()
    opacity = "each => getComputedStyle(each.firstElementChild).opacity"
    assert page.eval_on_selector("#streams .ecco-tok--ignored", opacity) == "0.45"
    assert page.eval_on_selector("#streams .ecco-tok[data-v]", opacity) == "1"


def test_the_parts_say_what_the_chosen_output_took_from_them(visit):
    page = visit()
    assert parts(page) == ["read by the encoder: 100 % of all", "written by the decoder: nothing"]
    page.hover("#streams-t6")
    assert parts(page) == ["read by the encoder: half of it", "written by the decoder: the other half"]
    assert values(page, "streams") == ["", "", "+0.25", "−0.25", "", "+0.50", ""]
    assert percents(page) == ["", "", "25\u00a0%", "25\u00a0%", "", "50\u00a0%", ""]


def test_the_detailed_view_writes_number_and_share_below_each_other(visit):
    page = visit()
    page.click("#streams button[data-view=detailed]")
    content = "each => getComputedStyle(each, '::after').content"
    # The line break is written as an escape, which a space ends.
    assert page.eval_on_selector("#streams .ecco-tok[data-v]", content) == '"+3.00\\a 75\u00a0%"'


def test_shares_are_written_as_per_cent_and_once(visit):
    page = visit()
    page.hover("#shares-t6")
    assert values(page, "shares")[2:4] == ["+25\u00a0%", "−25\u00a0%"]
    assert percents(page, "shares") == [""] * 7
    assert "not +25\u00a0%" in page.locator("#shares .ecco-strip__says").inner_text()


def test_the_menu_of_outputs_changes_the_rows_of_all_methods(visit):
    page = visit()
    figure = draw(page, "methods")
    assert tip(page, figure, "ig, d for X: +4") == {
        "title": "d",
        "position": "3",
        "method": "ig",
        "for": "X",
        "score": "+4",
        "unit": "nats",
        "of the row's total": "40.0\u00a0%",
        "place by size": "1 of 4",
    }
    figure.locator("select").select_option(label="Y")
    page.wait_for_selector("#methods path[aria-label='ig, d for Y: +1']")
    assert tip(page, figure, "saliency, a for Y: 0")["place by size"] == "none: nothing was moved"


def test_cells_tell_their_stream_and_the_share_of_the_encoder(visit):
    page = visit()
    figure = draw(page, "parted")
    told = tip(page, figure, "ig, a for X: +1")
    assert (told["stream"], told["encoder's share of the row"]) == ("read by the encoder", "75\u00a0%")
    told = tip(page, figure, "occlusion, d for X: −1")
    assert (told["stream"], told["encoder's share of the row"]) == ("written by the decoder", "not compared")
    told = tip(page, draw(page, "matrix"), "d for X: +4.00")
    assert (told["stream"], told["encoder's share of the row"]) == ("written by the decoder", "75\u00a0%")


def test_the_menus_of_measure_and_output_change_the_agreement(visit):
    page = visit()
    figure = draw(page, "agreement")
    measure, output = figure.locator("select").all()
    assert tip(page, figure, "ig and occlusion, X: tau-b 0.50")["by chance"] == "0.00"
    measure.select_option(label="overlap")
    page.wait_for_selector("#agreement path[aria-label='ig and saliency, X: overlap 0.25']")
    assert tip(page, figure, "ig and saliency, X: overlap 0.25") == {
        "title": "ig and saliency",
        "measure": "overlap",
        "agreement": "0.25",
        "by chance": "0.60",
        "for": "X",
    }
    output.select_option(label="Y")
    page.wait_for_selector("#agreement path[aria-label='ig and occlusion, Y: overlap –']")


def test_the_menu_of_methods_changes_the_matrix_and_its_errors(visit):
    page = visit()
    figure = draw(page, "matrix")
    assert tip(page, figure, "a for X: +1.00")["standard error"] == "none"
    figure.locator("select").first.select_option(label="shapley")
    page.wait_for_selector("#matrix path[aria-label='a for X: −4.00']")
    assert tip(page, figure, "a for X: −4.00")["standard error"] == "0.10"


def test_menus_answer_the_keyboard(visit):
    page = visit()
    figure = draw(page, "methods")
    figure.locator("select").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_selector("#methods path[aria-label='ig, d for Y: +1']")


def test_on_a_phone_only_the_boxes_scroll(visit):
    page = visit(wide=390)
    for id in ("methods", "agreement", "matrix"):
        draw(page, id)
    page.click("#streams button[data-view=detailed]")
    assert page.evaluate("document.documentElement.scrollWidth") == 390
