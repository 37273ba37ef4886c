from __future__ import annotations

import math

import numpy as np

from ecco_reports.charts.contributions import contribution_matrix
from ecco_reports.charts.figure import ChartFigure
from tests.charts.figures import scene, tile_colours

SCORES = np.array([[2.0, -1.0, math.nan], [0.5, 0.0, -4.0]])


def drawn(scores=SCORES, signed=True):
    return scene(
        ChartFigure("x", "x", "x", "x", contribution_matrix(["a", "b", "c"], ["X", "Y"], scores, "nats", signed))
    )


def test_an_input_that_comes_too_late_has_no_cell():
    assert len(tile_colours(drawn())) == 5


def test_orange_raises_blue_lowers_and_nought_is_transparent():
    assert tile_colours(drawn()) == [
        ("orange", 0.31),
        ("blue", 0.155),
        ("orange", 0.0775),
        ("", 0.0),
        ("blue", 0.62),
    ]


def test_cells_show_and_say_their_scores():
    items = drawn()
    assert {"a for X: +2.00", "b for X: −1.00", "a for Y: +0.500", "c for Y: −4.00"} <= {
        i.get("description") for i in items
    }
    assert {"+2.00", "−1.00", "+0.50", "0", "−4.00"} <= {item.get("text") for item in items}


def test_unsigned_scores_take_one_colour_and_no_sign():
    items = drawn(np.abs(SCORES), signed=False)
    assert {hue for hue, _ in tile_colours(items)} == {"orange", ""}
    assert "2.00" in {item.get("text") for item in items}


def test_scores_are_stored_with_three_digits():
    spec = contribution_matrix(["a"], ["X"], np.array([[1.23456]]), "nats", True).to_dict(validate=False)
    assert spec["datasets"]["cells"] == [{"o": 0, "score": [1.23], "largest": 1.235}]


def test_a_matrix_of_nothing_but_noughts_is_drawn():
    assert len(tile_colours(drawn(np.zeros((2, 3))))) == 6


def test_an_input_of_several_tokens_is_found_by_its_position():
    chart = contribution_matrix(["a", "bc"], ["X"], np.array([[1.0, 2.0]]), "nats", True, positions=[0, 5])
    (positions,) = [p["value"] for p in chart.to_dict(validate=False)["params"] if p["name"] == "positions"]
    assert positions == [0, 5]


def test_standard_errors_stand_in_the_tooltip_and_only_where_there_are_any():
    errors = np.array([[0.1234, 0.0]])
    with_errors = contribution_matrix(["a", "b"], ["X"], np.array([[1.0, 2.0]]), "nats", True, errors=errors)
    without = contribution_matrix(["a", "b"], ["X"], np.array([[1.0, 2.0]]), "nats", True)
    assert with_errors.to_dict(validate=False)["datasets"]["cells"][0]["error"] == [0.12, 0.0]
    titles = [
        [tip["title"] for tip in chart.to_dict(validate=False)["layer"][-1]["encoding"]["tooltip"]]
        for chart in (with_errors, without)
    ]
    assert [("standard error" in each) for each in titles] == [True, False]


def test_a_line_parts_what_the_encoder_read_from_the_rest():
    chart = contribution_matrix(["a", "b", "c"], ["X", "Y"], SCORES, "nats", True, border=2)
    items = scene(ChartFigure("x", "x", "x", "x", chart))
    (line,) = [item for item in items if item.get("strokeDash") == [4, 3] and "x" in item]
    width = 46  # Of a column that shows its number.
    assert 2 * width <= line["x"] <= 2 * width + 2


def test_a_bound_is_marked_and_said_as_one():
    at_least = np.array([[True, False, False], [False, False, False]])
    chart = contribution_matrix(["a", "b", "c"], ["X", "Y"], SCORES, "nats", True, at_least=at_least)
    items = scene(ChartFigure("x", "x", "x", "x", chart))
    assert {"≥ +2.00", "−1.00"} <= {item.get("text") for item in items}
    assert {"a for X: at least +2.00", "b for X: −1.00"} <= {item.get("description") for item in items}
