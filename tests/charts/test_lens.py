from __future__ import annotations

import math

import numpy as np

from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.lens import LensCell, lens_grid, lens_lines, settled
from ecco_reports.charts.lines import Race
from tests.charts.figures import LAYERS, lens, lens_cells, scene, tile_colours

LABELS = ("Heathrow", "·is", "·in")


def figure(chart):
    return ChartFigure("x", "x", "x", "x", chart)


def ranked(ranks):
    """Cells [layer][position] of which only the target's rank matters."""
    return [[LensCell([("x", 1.0)], 0.5, rank, 0.0, 0.0) for rank in row] for row in ranks]


def test_the_data_are_the_numbers_that_went_in():
    data = lens(LABELS).chart.to_dict(validate=False)
    cells, tokens = data["datasets"]["cells"], next(p["value"] for p in data["params"] if p["name"] == "tokens")
    assert [row["l"] for row in cells] == [0, 1, 2]
    assert [tokens[number] for number in cells[2]["k"][0]] == ["·is", "other1", "other2"]
    assert cells[2]["v"][0] == [7500, 1000, 500]
    assert cells[0]["q"] == [123, 123, None]
    assert cells[0]["r"] == [7, 7, None]
    assert cells[1]["e"] == [100, 100, 100]
    assert cells[1]["d"] == [100, 100, 100]


def test_the_first_layer_is_at_the_bottom_and_a_cell_shows_its_top_token():
    cells = [item for item in scene(lens(LABELS)) if "after Heathrow" in str(item.get("description"))]
    heights = {item["description"]: item["y"] for item in cells}
    assert heights["layer embedding, after Heathrow: Heathrow 25.0 %"] > heights["layer 0, after Heathrow: ·is 50.0 %"]
    assert heights["layer 0, after Heathrow: ·is 50.0 %"] > heights["layer 1, after Heathrow: ·is 75.0 %"]


def test_cells_take_the_colour_of_the_top_tokens_probability():
    assert sorted(tile_colours(scene(lens(LABELS)))) == (
        [("teal", 0.155)] * 3 + [("teal", 0.31)] * 3 + [("teal", 0.465)] * 3
    )


def test_known_from_is_the_first_layer_after_which_the_target_stays_first():
    assert settled(ranked([[5, 1, 1, 2], [1, 4, 1, 3], [1, 1, 1, 2]])) == [(1, 0), (2, 1), (0, 2)]
    assert settled(ranked([[None], [None]])) == []


def test_exactly_the_known_cells_are_framed():
    frames = [item for item in scene(lens(LABELS)) if item.get("stroke") == "#e66100"]
    assert len(frames) == 2
    assert len({frame["y"] for frame in frames}) == 1


def test_without_any_next_token_there_is_neither_frame_nor_its_measure():
    cells = [[LensCell([("a", 0.5)], None, None, 1.0, 0.5)]]
    spec = lens_grid(["0"], ["a"], [None], cells).to_dict()
    assert spec["datasets"]["settled"] == []
    shows = next(param for param in spec["params"] if param["name"] == "shows")
    assert shows["bind"]["options"] == ["top", "entropy", "kl"]


def test_an_infinite_divergence_is_stored_as_nothing_and_does_not_set_the_scale():
    cells = [[LensCell([("a", 0.5)], None, None, 1.0, math.inf), LensCell([("a", 0.5)], None, None, 1.0, 2.0)]]
    chart = lens_grid(["0"], ["a", "b"], [None, None], cells)
    assert chart.to_dict()["datasets"]["cells"][0]["d"] == [None, 200]
    assert "inf" not in str(chart.to_dict()["layer"])


def test_lens_lines_end_in_their_names_and_say_every_point():
    items = scene(
        figure(
            lens_lines(LAYERS, [Race("", ["·London", "·Paris"], np.array([[0.0, 0.5], [0.25, 0.25], [0.971, 0.02]]))])
        )
    )
    said = [item["description"] for item in items if "description" in item]
    assert "layer 1, ·London: 97.1%" in said
    assert len(said) == 6
    assert {"·London", "·Paris"} <= {item.get("text") for item in items}


def test_cells_of_the_sample_are_what_they_say():
    assert lens_cells(["a", "b"])[2][0].candidates[0] == ("b", 0.75)
