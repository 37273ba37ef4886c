from __future__ import annotations

import numpy as np
import pytest

from ecco_reports.charts import style
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.lines import LABEL_GAP, PROBABILITY, DepthLine, Race, depth_lines, spread_out
from ecco_reports.charts.ranks import rank_grid, rank_lines
from tests.charts.figures import LAYERS, scene, tile_colours

RANKS = np.array([[1000, 20_000], [37, 1], [1, 1]])


def drawn(chart):
    return scene(ChartFigure("x", "x", "x", "x", chart))


def test_every_cell_shows_its_rank_and_large_ones_in_thousands():
    texts = [
        item["text"] for item in drawn(rank_grid(LAYERS, ["a", "b"], RANKS, 50_000)) if item.get("fontSize") in (10, 12)
    ]
    assert sorted(text for text in texts if text not in ("a", "b")) == sorted(["1,000", "20k", "37", "1", "1", "1"])


def test_rank_one_is_framed_and_as_strong_as_colour_gets_and_the_worst_is_transparent():
    items = drawn(rank_grid(LAYERS, ["a", "b"], np.array([[1000, 1000], [1000, 1000], [1, 1000]]), 1000))
    frames = [item for item in items if item.get("stroke") == "#e66100"]
    fills = tile_colours(items)
    assert len(frames) == 1
    assert fills.count(("teal", 0.62)) == 1
    assert fills.count(("", 0.0)) == 5


def test_colour_is_logarithmic():
    items = drawn(rank_grid(["0"], ["a", "b", "c"], np.array([[1, 10, 100]]), 100))
    fills = tile_colours(items)
    assert fills == [("teal", 0.62), ("teal", 0.31), ("", 0.0)]


def test_first_place_is_on_top_and_decades_are_equally_far_apart():
    items = drawn(rank_lines(["0", "1", "2"], [Race("", ["a"], np.array([[100], [10], [1]]))], 10_000))
    heights = {item["description"]: item["y"] for item in items if "description" in item}
    assert heights["layer 2, a: rank 1"] == pytest.approx(0)
    assert heights["layer 1, a: rank 10"] == pytest.approx(60)
    assert heights["layer 0, a: rank 100"] == pytest.approx(120)


def test_names_that_would_overlap_move_apart_as_little_as_need_be():
    assert spread_out([100.0, 100.0]) == [100 - LABEL_GAP / 2, 100 + LABEL_GAP / 2]
    assert spread_out([0.0, 200.0]) == [0.0, 200.0]
    crowd = spread_out([50.0, 52.0, 10.0, 51.0])
    assert crowd[2] == 10.0
    assert crowd[0] < crowd[3] < crowd[1]
    assert np.diff(sorted(crowd[:2] + crowd[3:])) == pytest.approx([LABEL_GAP, LABEL_GAP])


def test_names_stay_above_the_axis_where_there_is_room():
    low = spread_out([240.0, 239.0, 20.0])
    assert low[:2] == [240.0, 240 - LABEL_GAP]
    assert low[2] == 20.0


def test_each_place_has_lines_of_its_own_and_a_word_keeps_its_colour():
    races = [Race("here", ["a", "b"], np.array([[3, 1], [1, 2]])), Race("there", ["b"], np.array([[7], [5]]))]
    spec = rank_lines(["0", "1"], races, 10).to_dict(validate=False)
    points = {(p["g"], p["n"], p["l"]): p["v"] for p in spec["datasets"]["points"]}
    assert points == {(0, 0, 0): 3, (0, 1, 0): 1, (0, 0, 1): 1, (0, 1, 1): 2, (1, 1, 0): 7, (1, 1, 1): 5}
    shown = drawn(rank_lines(["0", "1"], races, 10))
    # The drop-down begins with the last place.
    assert {item["description"] for item in shown if "description" in item} == {
        "layer 0, b: rank 7",
        "layer 1, b: rank 5",
    }


def test_words_that_run_together_have_different_colours_however_many_places_there_are():
    races = [Race(str(place), [f"{place}{n}" for n in range(5)], np.ones((1, 5))) for place in range(3)]
    scale = rank_lines(["0"], races, 10).to_dict(validate=False)["layer"][0]["encoding"]["color"]["scale"]
    assert [len(set(scale["range"][5 * place : 5 * place + 5])) for place in range(3)] == [5, 5, 5]
    many = [Race("", [str(n) for n in range(10)], np.ones((1, 10)))]
    scale = rank_lines(["0"], many, 10).to_dict(validate=False)["layer"][0]["encoding"]["color"]["scale"]
    assert len(set(scale["range"][:8])) == 8


def test_models_of_different_depth_lie_over_each_other():
    lines = [
        DepthLine("small", "·Tokyo", ["embedding", "0"], [0.0, 1.0], [0.1, 0.9]),
        DepthLine("large", "·Tokyo", ["embedding", "0", "1"], [0.0, 0.5, 1.0], [0.0, 0.2, 0.6]),
    ]
    items = drawn(style.themed(depth_lines(lines, PROBABILITY), "Two.", width=400, height=240))
    places = {item["description"]: item["x"] for item in items if "description" in item}
    ends = [
        places[f"layer {layer}: {share}"]
        for layer, share in (("0, small: ·Tokyo", "90.0%"), ("1, large: ·Tokyo", "60.0%"))
    ]
    assert ends[0] == ends[1]
    assert places["layer 0, large: ·Tokyo: 20.0%"] < ends[0]
    spec = depth_lines(lines, PROBABILITY).to_dict(validate=False)
    encoding = spec["layer"][0]["encoding"]
    assert len(set(encoding["color"]["scale"]["range"])) == 1
    assert encoding["strokeDash"]["scale"]["range"] == [[1, 0], [5, 4]]


def test_a_vocabulary_of_one_token_still_makes_a_chart():
    drawn(rank_lines(["0"], [Race("", ["a"], np.array([[1]]))], 1))
    drawn(rank_grid(["0"], ["a"], np.array([[1]]), 1))
