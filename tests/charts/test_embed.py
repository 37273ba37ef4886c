from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET

import altair as alt
import pytest

from ecco_reports.charts.bundle import vega_bundle
from ecco_reports.charts.embed import embed, notebook_html, script, thumbnail
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.errors import RenderError
from tests.charts.figures import HOSTILE, charts, lens, strip

LABELS = ("Heathrow", "·is", "·in")


def spec_of(code):
    """What a browser would hand to the loader."""
    found = re.fullmatch(r'eccoChart\("([^"]*)",(\{.*\})\);\n', code)
    return json.loads(found[2])


def test_script_json_and_picture_lie_beside_the_page():
    made = embed(lens(LABELS), "fig", "../assets/x/")
    assert sorted(made.assets) == ["fig.js", "fig.json", "fig.svg"]
    assert spec_of(made.assets["fig.js"].decode()) == json.loads(made.assets["fig.json"])
    assert 'data-chart="../assets/x/fig.js"' in made.html
    assert 'src="../assets/x/fig.svg"' in made.html


def test_block_of_html_has_no_line_ends_that_markdown_could_stumble_over():
    for figure in (lens(LABELS), strip()):
        assert "\n" not in embed(figure, "fig", "a/").html


def test_script_survives_in_any_page():
    code = script("fig", {"label": "</script><!--", "line": "\u2028\u2029", "text": "é"})
    assert code.isascii()
    assert "<" not in code
    assert spec_of(code) == {"label": "</script><!--", "line": "\u2028\u2029", "text": "é"}


def test_hostile_labels_come_back_from_the_script_unchanged():
    made = embed(lens(HOSTILE), "fig", "a/")
    inputs = next(p["value"] for p in spec_of(made.assets["fig.js"].decode())["params"] if p["name"] == "inputs")
    assert tuple(inputs) == HOSTILE


def test_picture_is_an_image_with_a_name_for_those_who_cannot_see_it():
    figure = ChartFigure("x", "A <title> & more", "r", 'It says "yes" & <no>', charts(LABELS)["rank_lines"].chart)
    root = ET.fromstring(embed(figure, "fig", "a/").assets["fig.svg"])
    assert root.get("role") == "img"
    assert root.get("aria-label") == 'It says "yes" & <no>'
    assert root[0].text == "A <title> & more"
    assert root.get("width") == "680" or float(root.get("width")) > 600


def test_words_of_a_figure_are_escaped_in_html():
    figure = ChartFigure("x", '"><script>', "r", '"><img>', charts(LABELS)["rank_lines"].chart)
    made = embed(figure, "fig", "a/").html
    assert "<script>" not in made
    assert made.count("<img") == 1


def test_large_charts_are_drawn_on_canvas_and_small_ones_as_svg():
    assert 'data-renderer="svg"' in embed(lens(LABELS), "fig", "a/").html
    points = alt.Chart(alt.InlineData([{"x": number} for number in range(5_200)])).mark_point().encode(x="x:Q")
    assert 'data-renderer="canvas"' in embed(ChartFigure("x", "t", "r", "a", points), "fig", "a/").html


def test_a_chart_that_cannot_be_drawn_is_a_render_error():
    broken = alt.Chart(alt.InlineData([{"x": 1}])).transform_calculate(y="1 +").mark_point().encode(x="y:Q")
    with pytest.raises(RenderError, match="'broken'"):
        embed(ChartFigure("broken", "t", "r", "a", broken), "fig", "a/")


def test_thumbnails_are_pictures_that_scale():
    for figure in (lens(LABELS), strip(), strip(HOSTILE)):
        root = ET.fromstring(thumbnail(figure))
        assert root.get("viewBox")
        assert root.get("width") is None


def test_a_notebook_gets_a_strip_with_its_style_and_script():
    made = strip()._repr_html_()
    assert made == notebook_html(strip())
    assert ".ecco-tok" in made
    assert "data-strip" in made
    assert "src=" not in made
    assert "http" not in made


def test_bundle_is_one_script_with_one_global_and_the_same_each_time():
    code = vega_bundle().decode()
    vega_bundle.cache_clear()
    assert vega_bundle().decode() == code
    assert set(re.findall(r"window\.(\w+)\s*=[^=]", code[-400:])) == {"vegaEmbed"}
    assert "BSD 3-Clause" in code[:300]
