"""The pictures of a residual stream hold the numbers that went in, at the places where a reader looks for them."""

from __future__ import annotations

import numpy as np
import pytest

from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.likeness import likeness_grid
from ecco_reports.charts.states import dimension_grid, movement_grid
from ecco_reports.charts.ways import FEW, token_ways
from tests.charts.figures import HOSTILE, scene, tile_colours

LAYERS = ("embedding", "0", "1")
TOKENS = ("Heathrow", "·is")


def figure(chart):
    return ChartFigure("x", "x", "x", "x", chart)


def movement(norms=((1.0, 2.0), (2.0, 2.0), (4.0, 1.0)), border=0):
    changes, cosines = np.array([[1.0, 0.0], [3.0, 0.5]]), np.array([[0.0, 1.0], [0.5, -0.25]])
    return figure(movement_grid(LAYERS, TOKENS, np.array(norms), changes, cosines, border))


def with_choice(made, name, value):
    """The figure after a reader has chosen something."""
    chart = made.chart.copy(deep=True)
    for param in chart.params:
        if param.name == name:
            param.value = value
    return figure(chart)


def described(made):
    """What a screen reader hears of each mark, and the mark."""
    return {str(item["description"]): item for item in scene(made) if "description" in item}


def test_a_cell_says_how_far_its_layer_moved_its_token():
    told = described(movement())
    assert "layer 1, Heathrow: length 4, changed by 300.0%" in told
    assert "layer 1, ·is: length 1, changed by 50.0%" in told
    assert "layer embedding, Heathrow: length 1" in told


def test_a_change_of_all_its_length_is_half_of_the_scale():
    shades = [alpha for _, alpha in tile_colours(scene(movement()))]
    assert shades == pytest.approx([0, 0, 0.45, 0, 0.675, 0.3], abs=1e-3)


def test_a_right_angle_is_the_whole_scale_of_turns():
    shades = [alpha for _, alpha in tile_colours(scene(with_choice(movement(), "shows", "turn")))]
    assert shades == pytest.approx([0, 0, 0.9, 0, 0.6, 0.9], abs=1e-3)


def test_lengths_are_compared_by_their_ratios():
    shades = [alpha for _, alpha in tile_colours(scene(with_choice(movement(), "shows", "norm")))]
    assert shades == pytest.approx([0, 0.45, 0.45, 0.45, 0.9, 0], abs=1e-3)
    nothing = with_choice(movement(np.zeros((3, 2))), "shows", "norm")
    assert {alpha for _, alpha in tile_colours(scene(nothing))} == {0}


def test_a_line_stands_before_what_the_model_wrote():
    assert [item for item in scene(movement(border=1)) if item.get("strokeDash")]
    assert not [item for item in scene(movement()) if item.get("strokeDash")]


def test_what_stands_out_enough_is_framed():
    times = np.array([[1.0, 2.0], [6.0, 12.5], [5.9, 3.0]])
    made = figure(
        dimension_grid(LAYERS, ("138", "7"), TOKENS, -2 * times, times, np.array([[0, 1], [1, 0], [0, 0]]), 6.0)
    )
    assert len([item for item in scene(made) if item.get("stroke") == "#e66100"]) == 2
    assert "layer 0, dimension 7: −25 at Heathrow" in described(made)


GRIDS = {"CKA": np.array([[1.0, 0.5], [0.5, 1.0]]), "PWCCA": np.array([[1.0, 0.8], [0.9, 1.0]])}


def likeness(grids=GRIDS):
    return figure(likeness_grid(("embedding", "0"), ("embedding", "0"), grids))


def test_the_first_layer_is_at_the_bottom_left():
    cells = described(likeness())
    corner = cells["layer embedding, layer embedding: 1.00"]
    across, above = cells["layer embedding, layer 0: 0.50"], cells["layer 0, layer embedding: 0.50"]
    assert (corner["x"] < across["x"], corner["y"]) == (True, across["y"])
    assert (above["y"] < corner["y"], corner["x"]) == (True, above["x"])


def test_the_drop_downs_choose_a_measure_and_where_colours_begin():
    def shades(made):
        return [alpha for _, alpha in tile_colours(scene(made))]

    assert shades(likeness()) == pytest.approx([0.62, 0.31, 0.31, 0.62])
    assert shades(with_choice(likeness(), "from", "least")) == pytest.approx([0.62, 0, 0, 0.62], abs=1e-3)
    assert shades(with_choice(likeness(), "measure", "m1")) == pytest.approx([0.62, 0.496, 0.558, 0.62], abs=1e-3)
    assert "layer embedding, layer 0: 0.80" in described(with_choice(likeness(), "measure", "m1"))


def test_less_than_nothing_has_no_colour():
    below = {"CKA": np.array([[1.0, -0.04], [-0.04, 1.0]])}
    assert [alpha for _, alpha in tile_colours(scene(likeness(below)))] == pytest.approx([0.62, 0, 0, 0.62])


def test_all_layers_may_be_fully_alike():
    alike = with_choice(likeness({"CKA": np.ones((2, 2))}), "from", "least")
    assert [alpha for _, alpha in tile_colours(scene(alike))] == pytest.approx([0.62] * 4)


def ways(tokens=TOKENS, components=3):
    coordinates = np.random.default_rng(0).normal(size=(3, len(tokens), components))
    return figure(token_ways(LAYERS, tokens, coordinates, [0.5, 0.25, 0.125][:components])), coordinates


def test_every_token_has_a_dot_at_every_layer_and_its_name_where_it_ends():
    made, _ = ways()
    assert sum(", layer " in name for name in described(made)) == 6
    names = [item["text"] for item in scene(made) if item.get("text") in TOKENS and item.get("opacity", 1) == 1]
    assert sorted(names) == sorted(TOKENS)
    many, _ = ways(("x",) * (FEW + 1))
    assert not [item for item in scene(many) if item.get("text") == "x" and item.get("opacity", 1) == 1]


def test_the_slider_stops_at_a_layer_and_the_frame_stays():
    made, _ = ways()
    dots, early = described(made), described(with_choice(made, "upto", 1))
    early = {name: item for name, item in early.items() if ", layer " in name}
    assert len(early) == 4
    assert all((dots[name]["x"], dots[name]["y"]) == (item["x"], item["y"]) for name, item in early.items())


def test_the_third_component_may_be_the_height():
    made, coordinates = ways()
    up = with_choice(made, "up", 3)
    heights = {name: item["y"] for name, item in described(up).items()}
    order = sorted(range(3), key=lambda state: coordinates[state, 0, 2])
    assert sorted(heights[f"Heathrow, layer {LAYERS[state]}"] for state in order) == [
        heights[f"Heathrow, layer {LAYERS[state]}"] for state in reversed(order)
    ]
    plane, _ = ways(components=2)
    assert not any(param.name == "up" for param in plane.chart.params)


@pytest.mark.parametrize("kind", ["movement", "dimensions", "ways"])
def test_hostile_labels_are_only_text(kind):
    count = len(HOSTILE)
    numbers = np.linspace(0.1, 1, 3 * count).reshape(3, count)
    chart = {
        "movement": lambda: movement_grid(LAYERS, HOSTILE, numbers, numbers[1:], numbers[1:]),
        "dimensions": lambda: dimension_grid(
            LAYERS, ("0",), HOSTILE, numbers[:, :1], numbers[:, :1], np.arange(3)[:, None], 6.0
        ),
        "ways": lambda: token_ways(LAYERS, HOSTILE, np.stack([numbers, numbers], -1), [0.5, 0.25]),
    }[kind]()
    chart.to_dict(validate=True)
    assert scene(figure(chart))
