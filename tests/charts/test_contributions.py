from __future__ import annotations

import math

import numpy as np

from ecco_reports.charts.contributions import Explanation, contribution_matrix
from ecco_reports.charts.figure import ChartFigure
from tests.charts.figures import scene, tile_colours

SCORES = np.array([[2.0, -1.0, math.nan], [0.5, 0.0, -4.0]])


def explained(scores, signed=True, **more):
    return Explanation("ig", np.array(scores, dtype=float), "nats", signed, **more)


def matrix(*explanations, inputs="abc", outputs="XY", **more):
    return contribution_matrix(list(inputs), list(outputs), explanations, **more)


def drawn(scores=SCORES, signed=True):
    return scene(ChartFigure("x", "x", "x", "x", matrix(explained(scores, signed))))


def spec(chart):
    return chart.to_dict(validate=False)


def bound(chart):
    return {param["name"]: param["bind"].get("labels") for param in spec(chart)["params"] if "bind" in param}


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
    made = spec(matrix(explained([[1.23456]]), inputs="a", outputs="X"))
    assert made["datasets"]["cells"] == [{"m": 0, "o": 0, "score": [1.23], "largest": 1.235}]


def test_a_matrix_of_nothing_but_noughts_is_drawn():
    assert len(tile_colours(drawn(np.zeros((2, 3))))) == 6


def test_an_input_of_several_tokens_is_found_by_its_position():
    chart = matrix(explained([[1.0, 2.0]]), inputs=["a", "bc"], outputs="X", positions=[0, 5])
    (positions,) = [p["value"] for p in spec(chart)["params"] if p["name"] == "positions"]
    assert positions == [0, 5]


def test_standard_errors_stand_in_the_tooltip_and_only_where_there_are_any():
    errors = np.array([[0.1234, 0.0]])
    with_errors = matrix(explained([[1.0, 2.0]], errors=errors), inputs="ab", outputs="X")
    without = matrix(explained([[1.0, 2.0]]), inputs="ab", outputs="X")
    assert spec(with_errors)["datasets"]["cells"][0]["error"] == [0.12, 0.0]
    titles = [
        [tip["title"] for tip in spec(chart)["layer"][-1]["encoding"]["tooltip"]] for chart in (with_errors, without)
    ]
    assert [("standard error" in each) for each in titles] == [True, False]


def test_a_line_parts_what_the_encoder_read_from_the_rest():
    items = scene(ChartFigure("x", "x", "x", "x", matrix(explained(SCORES), border=2)))
    (line,) = [item for item in items if item.get("strokeDash") == [4, 3] and "x" in item]
    width = 46  # Of a column that shows its number.
    assert 2 * width <= line["x"] <= 2 * width + 2


def test_a_bound_is_marked_and_said_as_one():
    at_least = np.array([[True, False, False], [False, False, False]])
    items = scene(ChartFigure("x", "x", "x", "x", matrix(explained(SCORES, at_least=at_least))))
    assert {"≥ +2.00", "−1.00"} <= {item.get("text") for item in items}
    assert {"a for X: at least +2.00", "b for X: −1.00"} <= {item.get("description") for item in items}


def test_one_method_needs_no_menu_and_of_several_the_first_is_drawn():
    one, two = explained(SCORES), Explanation("saliency", np.abs(SCORES), "share", False, errors=np.zeros((2, 3)))
    assert bound(matrix(one)).keys() == {"scope"}
    both = matrix(one, two)
    assert bound(both)["chosen"] == ["ig", "saliency"]
    items = scene(ChartFigure("x", "x", "x", "x", both))
    assert {"a for X: +2.00", "b for X: −1.00"} <= {item.get("description") for item in items}
