from __future__ import annotations

import math

import numpy as np

from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.methods import agreement_matrix, methods_grid
from tests.charts.figures import beside, measures, scene, tile_colours

METHODS, INPUTS, OUTPUTS = ["ig", "occlusion", "saliency"], ["a", "b", "c", "d"], ["X", "Y"]
SIGNED = [True, True, False]


def grid(inputs=INPUTS, outputs=OUTPUTS, **more):
    scores = beside(len(inputs))[: len(outputs)]
    return methods_grid(METHODS, inputs, outputs, scores, ["nats"] * 3, SIGNED, **more)


def drawn(chart):
    return scene(ChartFigure("x", "x", "x", "x", chart))


def menus(chart):
    params = chart.to_dict(validate=False)["params"]
    return {param["name"]: param["bind"]["labels"] for param in params if "bind" in param}


def said(chart):
    return {item["description"] for item in drawn(chart) if ": " in str(item.get("description"))}


def test_each_row_is_shaded_by_its_own_largest_score():
    colours = tile_colours(drawn(grid()))
    assert colours[:4] == [("orange", alpha) for alpha in (0.155, 0.31, 0.465, 0.62)]
    assert colours[4:8] == [("blue", alpha) for alpha in (0.62, 0.465, 0.31, 0.155)]
    assert colours[8:] == [("orange", 0.2065), ("orange", 0.4135), ("orange", 0.62)]


def test_cells_hold_their_share_of_the_row_and_say_the_score():
    texts = {item.get("text") for item in drawn(grid())}
    assert {"+10%", "+20%", "+30%", "+40%", "−40%", "17%", "33%", "50%"} <= texts
    assert {"ig, d for X: +4", "occlusion, a for X: −4", "saliency, c for X: 0.03"} <= said(grid())


def test_nothing_stands_where_a_method_says_nothing():
    assert len(said(grid())) == 11
    assert "saliency, d for X" not in " ".join(said(grid()))


def test_only_the_chosen_output_is_drawn_and_a_single_one_needs_no_menu():
    assert all(" for X: " in each for each in said(grid()))
    assert menus(grid()) == {"chosen": OUTPUTS}
    assert menus(grid(outputs=["X"])) == {}


def test_a_row_of_noughts_is_drawn_without_colour():
    nothing = methods_grid(["ig"], INPUTS, ["X"], np.zeros((1, 1, 4)), ["nats"], [True])
    assert tile_colours(drawn(nothing)) == [("", 0.0)] * 4


def test_a_line_parts_two_streams():
    lines = [item for item in drawn(grid(border=2)) if item.get("strokeDash") == [4, 3] and "x" in item]
    assert len(lines) == 1


def test_shares_travel_as_integers():
    cells = grid().to_dict(validate=False)["datasets"]["cells"]
    assert cells[0] == {
        "o": 0,
        "m": 0,
        "s": [250, 500, 750, 1000],
        "largest": 4.0,
        "total": 2500,
        "count": 4,
        "signed": True,
    }
    assert cells[2]["s"] == [333, 667, 1000]


def test_each_two_methods_have_a_cell_and_none_with_itself():
    chart = agreement_matrix(METHODS, OUTPUTS, measures())
    assert said(chart) == {
        "ig and occlusion, X: tau-b 0.50",
        "occlusion and ig, X: tau-b 0.50",
        "ig and saliency, X: tau-b −0.25",
        "saliency and ig, X: tau-b −0.25",
        "occlusion and saliency, X: tau-b 1.00",
        "saliency and occlusion, X: tau-b 1.00",
    }
    assert menus(chart) == {"measure": ["tau-b", "overlap"], "chosen": OUTPUTS}


def test_agreement_is_teal_and_its_opposite_blue():
    colours = tile_colours(drawn(agreement_matrix(METHODS, OUTPUTS, measures())))
    assert colours == [("teal", 0.31), ("blue", 0.155), ("teal", 0.31), ("teal", 0.62), ("blue", 0.155), ("teal", 0.62)]


def test_what_is_not_defined_is_a_dash():
    undefined = [each.__class__(each.title, np.full((1, 3, 3), math.nan), [0.0]) for each in measures()]
    assert "ig and occlusion, X: tau-b –" in said(agreement_matrix(METHODS, ["X"], undefined))
