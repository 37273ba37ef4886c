"""Charts and strips on a page that is opened from disk, in Chromium."""

from __future__ import annotations

import shutil

import altair as alt
import pytest

from ecco_reports.charts.bundle import BUNDLE_NAME, vega_bundle
from ecco_reports.charts.embed import embed, notebook_html
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.resources import resource
from tests.charts.figures import HOSTILE, charts, lens, strip

pytestmark = pytest.mark.browser

LABELS = ("Heathrow", "·airport", "·is", "·in", "·the", "·city", "·of", "·London", "·in", "·the", "·UK", ".")
PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Figures</title>
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="script-src file: 'self'; object-src 'none'">
<link rel="stylesheet" href="site/charts.css"><style>
body {{ margin: 0 auto; max-width: 46rem; padding: 0 16px; background: var(--md-default-bg-color);
  --md-default-bg-color: #fff; --md-typeset-color: rgba(0,0,0,.87) }}
body[data-md-color-scheme=slate] {{ --md-default-bg-color: #1e2129; --md-typeset-color: #e2e4e9d1; color-scheme: dark }}
</style></head><body data-md-color-scheme="default">{body}
<script src="site/charts.js"></script><script src="site/strips.js"></script></body></html>"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A page with every kind of figure, one with hostile labels, and all they need."""
    folder = tmp_path_factory.mktemp("page")
    assets = resource("site") / "docs" / "assets"
    (folder / "site").mkdir()
    for name in ("javascripts/charts.js", "javascripts/strips.js", "stylesheets/charts.css"):
        shutil.copy(assets / name, folder / "site")
    (folder / "site" / BUNDLE_NAME).write_bytes(vega_bundle())
    pages = {
        "all": [*charts(LABELS).values(), strip()],
        "large": [large()],
        "hostile": [lens(HOSTILE), strip([HOSTILE[0], " is", HOSTILE[1], " London", "."])],
    }
    for name, figures in pages.items():
        made = [embed(figure, figure.id, "assets/") for figure in figures]
        (folder / f"{name}.html").write_text(PAGE.format(body="".join(each.html for each in made)), encoding="utf-8")
        (folder / "assets").mkdir(exist_ok=True)
        if name == "hostile":
            made = [embed(figure, f"hostile-{figure.id}", "assets/") for figure in figures]
            body = "".join(each.html for each in made)
            (folder / f"{name}.html").write_text(PAGE.format(body=body), encoding="utf-8")
        for each in made:
            for asset, content in each.assets.items():
                (folder / "assets" / asset).write_bytes(content)
    (folder / "notebook.html").write_text(f"<meta charset=utf-8>{notebook_html(strip())}", encoding="utf-8")
    return folder


def large():
    """More marks than a page of SVG elements can bear."""
    rows = [{"x": index % 100, "y": index // 100} for index in range(5_200)]
    points = (
        alt.Chart(alt.InlineData(rows)).mark_square(color="currentColor", opacity=1, size=30).encode(x="x:Q", y="y:Q")
    )
    return ChartFigure("large", "Large", "Look.", "Many squares.", points)


@pytest.fixture
def visit(tab, folder):
    """Opens one of the pages made here."""

    def open_page(name="all", wide=1000, **settings):
        page, _, anchor = name.partition("#")
        return tab(f"file://{folder}/{page}.html" + (f"#{anchor}" if anchor else ""), wide, **settings)

    return open_page


def draw(page, id):
    """Scrolls to a chart and waits until it is drawn."""
    figure = page.locator(f"#{id}")
    figure.scroll_into_view_if_needed()
    page.wait_for_function("id => ['ready', 'error'].includes(document.getElementById(id).dataset.state)", arg=id)
    assert figure.get_attribute("data-state") == "ready", figure.inner_text()
    return figure


def values(page, id="strip"):
    return page.eval_on_selector_all(f"#{id} .ecco-tok", "all => all.map(each => each.dataset.v || '')")


def pressed(page):
    return page.eval_on_selector_all("#strip [aria-pressed=true][data-row]", "all => all.map(each => each.id)")


def test_every_chart_draws_itself_when_it_comes_near_without_moving_the_page(visit):
    page = visit()
    page.evaluate("""() => { window.shift = 0; new PerformanceObserver(list => { for (const entry of list.getEntries())
        window.shift += entry.value }).observe({ type: 'layout-shift', buffered: true }) }""")
    for id in charts(("a", "b")):
        figure = draw(page, id)
        assert figure.locator("svg").count() == 1
        assert figure.locator("svg text").count() > 5
        assert not figure.locator("img").is_visible()
    assert page.evaluate("window.shift") < 0.1


def test_a_chart_far_below_is_not_loaded_before_it_is_near(visit):
    page = visit()
    draw(page, "lens")
    assert page.locator("#rank_lines").get_attribute("data-state") == "waiting"
    assert page.evaluate("document.querySelectorAll('script[src*=vega]').length") == 1


def test_only_the_loader_and_the_library_become_global(visit):
    page = visit()
    before = set(page.evaluate("Object.keys(window)"))
    draw(page, "lens")
    assert set(page.evaluate("Object.keys(window)")) - before <= {"vegaEmbed"}


def test_the_drop_down_changes_what_colour_means(visit):
    page = visit()
    figure = draw(page, "lens")
    fills = "all => all.map(each => each.getAttribute('fill'))"
    tiles = "#lens .mark-rect path[stroke-opacity='0.1']"
    before = page.eval_on_selector_all(tiles, fills)
    figure.locator("select").select_option("kl")
    page.wait_for_function("() => document.querySelector('#lens').textContent.includes('2.0 nats')")
    assert page.eval_on_selector_all(tiles, fills) != before


def test_the_tooltip_of_a_lens_cell_lists_the_candidates_in_line(visit):
    page = visit()
    figure = draw(page, "lens")
    figure.locator("path[role=graphics-symbol][aria-label='layer 1, after ·of: ·London 75.0 %']").hover()
    tip = page.locator("#vg-tooltip-element")
    assert tip.locator("h2").inner_text() == "layer 1, after ·of"
    keys, told = (tip.locator(f"td.{part}").all_inner_texts() for part in ("key", "value"))
    assert keys == ["1", "2", "3", "came next", "entropy", "KL to final"]
    assert [text.replace("\u2007", "_").replace("\u00a0", " ") for text in told] == [
        "_75.0 %  ·London",
        "_10.0 %  other1",
        "__5.0 %  other2",
        "_75.0 %  ·London, rank 1",
        "0.50 bits",
        "0.00 nats",
    ]


def test_hostile_labels_are_shown_and_run_nothing(visit):
    page = visit("hostile")
    figure = draw(page, "hostile-lens")
    texts = set(figure.locator("svg text").all_text_contents())
    assert "datum.val…" in texts
    figure.locator("path[role=graphics-symbol]").first.hover()
    tip = page.locator("#vg-tooltip-element")
    assert "</script><script>alert(1)</script>" in tip.inner_text()
    assert tip.locator("script, img, a").count() == 0
    assert page.locator("#hostile-strip .ecco-tok").first.inner_text() == HOSTILE[0]
    assert page.locator("#hostile-strip script, #hostile-strip img").count() == 0


def test_step_is_chosen_by_click_and_by_keyboard(visit):
    page = visit()
    figure = draw(page, "candidates")
    figure.locator("path[aria-label^='step 3,']").click()
    slider = figure.locator("input[type=range]")
    page.wait_for_function("() => document.querySelector('#candidates input').value === '3'")
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert slider.input_value() == "4"


def test_pointing_at_an_output_recolours_the_tokens_before_it(visit):
    page = visit()
    assert values(page) == ["+2.00", "−1.00", "0.00", "", "", ""]
    page.hover("#strip-t5")
    assert values(page) == ["+0.25", "+0.50", "+0.75", "+1.00", "+1.25", ""]
    assert pressed(page) == ["strip-t5"]
    assert page.locator("#strip .ecco-strip__says").inner_text().startswith("Yes: .⏎ +1.25, London +1.00")


def test_a_click_pins_and_is_in_the_address_and_a_second_click_lets_go(visit):
    page = visit()
    page.click("#strip-t4")
    assert page.url.endswith("#strip-t4")
    page.hover("#strip-t5")
    assert pressed(page) == ["strip-t4"]
    page.click("#strip-t4")
    assert "#" not in page.url
    page.hover("#strip-t5")
    assert pressed(page) == ["strip-t5"]


def test_arrow_keys_walk_through_the_outputs_enter_pins_and_escape_lets_go(visit):
    page = visit()
    page.focus("#strip-t3")
    page.keyboard.press("ArrowRight")
    assert pressed(page) == ["strip-t4"]
    page.keyboard.press("Enter")
    assert page.url.endswith("#strip-t4")
    page.keyboard.press("End")
    assert pressed(page) == ["strip-t4"]
    page.keyboard.press("Escape")
    page.keyboard.press("Home")
    assert pressed(page) == ["strip-r3"]
    assert values(page)[0] == "−0.50"
    assert page.locator("#strip [data-row][tabindex='0']").count() == 1


def test_a_link_to_an_output_chooses_it(visit):
    page = visit("all#strip-t5")
    assert pressed(page) == ["strip-t5"]
    assert page.locator("#strip-t5").get_attribute("data-pinned") is not None


def test_a_tap_pins(visit):
    page = visit(wide=390, has_touch=True)
    page.tap("#strip-t4")
    assert pressed(page) == ["strip-t4"]
    assert page.url.endswith("#strip-t4")


def test_the_detailed_view_shows_every_score_and_position(visit):
    page = visit()
    page.click("#strip button[data-view=detailed]")
    content = "each => getComputedStyle(each, '::after').content"
    assert page.eval_on_selector("#strip .ecco-tok", content) == '"+2.00\\a 67\u00a0%"'
    assert page.eval_on_selector("#strip .ecco-tok", "each => getComputedStyle(each, '::before').content") == '"0"'
    assert page.locator("#strip button[data-view=detailed]").get_attribute("aria-pressed") == "true"


def test_on_a_phone_only_the_boxes_scroll(visit):
    page = visit(wide=390)
    for id in charts(("a", "b")):
        draw(page, id)
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate(
        "(() => { const b = document.querySelector('#lens .ecco-chart__box'); return b.scrollWidth > b.clientWidth })()"
    )


def test_the_names_of_rows_stay_in_sight_while_a_wide_grid_is_scrolled(visit):
    page = visit(wide=390)
    figure = draw(page, "lens")
    rows, box = figure.locator(".ecco-chart__rows"), figure.locator(".ecco-chart__box")
    assert rows.get_attribute("hidden") is not None
    box.evaluate("box => { box.scrollLeft = 200 }")
    page.wait_for_function("() => !document.querySelector('#lens .ecco-chart__rows').hidden")
    assert sorted(rows.locator("span").all_text_contents()) == ["0", "1", "embedding"]
    name = rows.locator("span").first.bounding_box()
    assert name["x"] == pytest.approx(box.bounding_box()["x"], abs=1)
    box.evaluate("box => { box.scrollLeft = 0 }")
    page.wait_for_function("() => document.querySelector('#lens .ecco-chart__rows').hidden")


def test_ink_follows_the_palette_without_drawing_again(visit):
    page = visit()
    draw(page, "rank_lines")
    ink = "getComputedStyle(document.querySelector('#rank_lines svg text')).fill"
    light = page.evaluate(ink)
    page.evaluate("document.querySelector('#rank_lines svg').dataset.same = '1'")
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    assert page.evaluate(ink) != light
    assert page.locator("#rank_lines svg[data-same]").count() == 1


def test_a_large_chart_on_canvas_takes_the_ink_of_the_palette(visit):
    page = visit("large")
    draw(page, "large")
    inks = """() => { const canvas = document.querySelector('#large canvas'), found = new Set();
        const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let at = 0; at < data.length; at += 4) if (data[at + 3] === 255) found.add(data[at]);
        return [...found] }"""
    assert min(page.evaluate(inks)) < 40
    page.evaluate("document.body.dataset.mdColorScheme = 'slate'")
    page.wait_for_function("() => { const f = document.querySelector('#large'); return f.dataset.state === 'ready' }")
    assert max(page.evaluate(inks)) > 200


def test_without_scripts_pictures_and_coloured_text_stand_there(visit):
    page = visit(java_script_enabled=False)
    assert page.locator("#lens img").is_visible()
    assert page.locator("#strip-t3").inner_text() == " London"
    assert not page.locator("#strip .ecco-strip__views").is_visible()


def test_print_shows_the_pictures(visit):
    page = visit()
    draw(page, "lens")
    page.emulate_media(media="print")
    assert page.locator("#lens img").is_visible()
    assert not page.locator("#lens svg").is_visible()


def test_a_chart_whose_file_is_missing_says_so_and_keeps_its_picture(chromium, folder, tmp_path):
    copy = shutil.copytree(folder, tmp_path / "page")
    (copy / "assets" / "lens.js").unlink()
    page = chromium.new_page()
    page.goto(f"file://{copy}/all.html")
    page.wait_for_selector("#lens[data-state=error]")
    assert "cannot be drawn here" in page.locator("#lens .ecco-chart__error").inner_text()
    assert page.locator("#lens img").is_visible()
    page.close()


def test_a_strip_in_a_notebook_works_by_itself(visit):
    page = visit("notebook")
    page.hover("#strip-t5")
    assert values(page)[4] == "+1.25"
