"""Factors beside running text, as HTML that reads without any script, and the charts that go with them."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import numpy as np
import pytest

from ecco_reports.charts import style
from ecco_reports.charts.embed import embed, notebook_html, thumbnail
from ecco_reports.charts.factor_strip import colour, factor_strip_html, fill, steps, strongest
from ecco_reports.charts.factors import factor_layers, factor_matches, factor_neurons, scree
from ecco_reports.charts.figure import FactorStrip
from tests.charts.figures import HOSTILE, factors
from tests.charts.test_strip import Reader


def elements(text, cls):
    return [attributes for _, attributes in Reader(text).elements if cls in attributes.get("class", "").split()]


def test_at_rest_each_token_has_the_colour_of_its_strongest_factor():
    text = factor_strip_html(factors(), "f")
    fills = [
        re.search("#[0-9a-f]{8}", one["style"])[0] if "style" in one else None for one in elements(text, "ecco-tok")
    ]
    assert fills == [None, fill(0, 100), fill(1, 60), fill(0, 50), fill(1, 100), None]
    assert fill(1, 100) == style.SERIES[1] + f"{round(style.TEXT_ALPHA * 255):02x}"
    assert [strongest(factors(), index) for index in (0, 1, 3, 5)] == [None, (0, 100), (0, 50), None]


def test_of_two_equal_factors_the_first_gives_the_colour():
    strip = factors()
    twins = FactorStrip("f", "F", "Look.", "Two.", strip.tokens, [strip.factors[0], strip.factors[0]])
    assert strongest(twins, 1) == (0, 100)


def test_each_factor_is_a_button_with_bars_over_the_text():
    text = factor_strip_html(factors(), "f")
    buttons = elements(text, "ecco-factor")
    assert [button["id"] for button in buttons] == ["f-f1", "f-f2"]
    assert {button["aria-pressed"] for button in buttons} == {"false"}
    bars = [one["d"] for tag, one in Reader(text).elements if tag == "path"]
    assert bars[0] == "M1 20v-20h.8v20zM2 20v-2h.8v2zM3 20v-10h.8v10z"
    boxes = [one["viewbox"] for tag, one in Reader(text).elements if tag == "svg"]
    assert set(boxes) == {"0 0 6 20"}


def test_a_token_that_was_left_out_is_no_button_and_says_so():
    tokens = elements(factor_strip_html(factors(), "f"), "ecco-tok")
    assert "left out" in tokens[0]["title"]
    assert "role" not in tokens[0]
    assert "in no factor" in tokens[5]["title"]
    assert [token.get("role") for token in tokens[1:]] == ["button"] * 5
    assert "strongest in factor 2" in tokens[4]["title"]


def test_the_script_gets_hundredths():
    (figure,) = elements(factor_strip_html(factors(), "f"), "ecco-factors")
    data = json.loads(figure["data-factors"])
    assert data["loadings"] == [[None, 100, 10, 50, 0, 0], [None, 0, 60, 40, 100, 0]]
    assert data["colours"] == [style.SERIES[0], style.SERIES[1]]
    assert steps([0.004, None, 0.996]) == [0, None, 100]


def test_colours_come_around_again_after_the_eighth():
    assert colour(8) == colour(0) != colour(7)


def test_hostile_words_add_no_element():
    text = factor_strip_html(factors(HOSTILE[:6]), "f")
    names = {tag for tag, _ in Reader(text).elements}
    assert names <= {"figure", "div", "button", "span", "svg", "rect", "path", "bdi", "p", "i", "br"}
    assert "\n" not in text


def test_a_notebook_gets_the_strip_with_its_own_script():
    made = factors()._repr_html_()
    assert made == notebook_html(factors())
    assert "data-factors" in made
    assert ".ecco-factors:not([data-ready])" in made
    assert "src=" not in made


def test_the_thumbnail_is_the_coloured_text():
    root = ElementTree.fromstring(thumbnail(factors()))
    fills = [one.get("fill") for one in root.iter("{http://www.w3.org/2000/svg}rect")]
    assert fills == ["#00000000", fill(0, 100), fill(1, 60), fill(0, 50), fill(1, 100), "#00000000"]


def test_the_block_needs_no_file_beside_it():
    assert embed(factors(), "f", "assets/").assets == {}


def test_the_layers_of_a_factor_are_numbers_in_a_grid():
    chart = factor_layers(["1: a", "2: b"], ["0", "1", "2"], np.array([[0.5, 0.25, 0.25], [0, 0.9994, 0.0006]]))
    spec = chart.to_dict()
    assert spec["datasets"]["cells"] == [{"r": 0, "v": [500, 250, 250]}, {"r": 1, "v": [0, 999, 1]}]


def test_wide_grids_leave_out_their_numbers():
    marks = [
        [layer["mark"]["type"] for layer in factor_layers(["a"], list("x" * n), np.ones((1, n)) / n).to_dict()["layer"]]
        for n in (14, 15)
    ]
    assert ("text" in marks[0], "text" in marks[1]) == (True, False)


def test_only_the_chosen_factor_has_its_neurons_drawn():
    spec = factor_neurons(["1: a", "2: b"], [[("layer 0, 3", 1.0, 0.5)], [("layer 1, 2", 2.0, 0.25)]]).to_dict()
    (chosen,) = [param for param in spec["params"] if param["name"] == "factor"]
    assert chosen["bind"]["labels"] == ["1: a", "2: b"]
    assert [row["f"] for row in spec["datasets"]["neurons"]] == [0, 1]


def test_pairs_are_framed():
    spec = factor_matches(["a", "b"], ["c"], np.array([[0.1], [0.9]]), [(1, 0)], ("one", "other")).to_dict()
    assert "(datum.r == 1 && datum.c == 0)" in json.dumps(spec)


@pytest.mark.parametrize(("errors", "top"), [((0.95, 0.5), 1), ((0.6, 0.5), pytest.approx(0.65))])
def test_a_scree_has_room_for_its_highest_point(errors, top):
    spec = scree((2, 4), errors, (0.5, 0.4), 4).to_dict()
    assert spec["layer"][0]["encoding"]["y"]["scale"]["domain"][1] == top
