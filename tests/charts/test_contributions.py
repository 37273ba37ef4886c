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
