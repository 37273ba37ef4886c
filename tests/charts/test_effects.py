"""Effects and moves stand where their numbers say, and a mark is told without its colour."""

from __future__ import annotations

import math

import pytest

from ecco_reports.charts.effects import EDGE, LOOKS, Move, forest, moves
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.comparison import Mark
from tests.charts.figures import effect, scene


def items(chart):
    return scene(ChartFigure("x", "X", "Look.", "X.", chart))


def said(chart):
    return [item["description"] for item in items(chart) if item.get("description")]


def test_every_mark_of_a_number_has_a_shape_and_a_colour_and_no_two_share_the_shape():
    assert set(LOOKS) == {
        mark.value for mark in (Mark.WORSE, Mark.BETTER, Mark.CHANGED, Mark.NOT_SIGNIFICANT, Mark.SAME)
    }
    assert len({shape for shape, _ in LOOKS.values()}) == len(LOOKS)


def test_the_legend_names_the_marks_that_are_there_and_no_others():
    texts = {str(item.get("text")) for item in items(forest([effect("a"), effect("b", 0.5, "better")]))}
    assert {"worse", "better"} <= texts
    assert "changed" not in texts


def test_an_effect_says_its_name_mark_difference_and_test():
    assert "a, worse: −0.5 nats, a sign test, p = 0.01" in said(forest([effect("a")]))


def test_what_lies_beyond_the_edge_is_drawn_at_it_and_a_note_says_so():
    small, large = forest([effect("a")]), forest([effect("a", 12.0)])
    note = f"beyond {EDGE:g}: at the edge"
    assert note not in small.to_dict()["title"]["text"]
    assert note in large.to_dict()["title"]["text"]
    assert large.to_dict()["layer"][1]["encoding"]["x"]["scale"]["domain"] == [-EDGE, EDGE]


def test_no_effect_at_all_is_a_chart_too():
    assert forest([]).to_dict()
    assert moves([], ("before", "after")).to_dict()


def test_probabilities_are_said_in_per_cent():
    chart = moves([Move("japan", math.log(0.951), math.log(0.012), "worse")], ("before", "after"))
    assert "japan, worse: 95.1\u00a0% before, 1.2\u00a0% after" in said(chart)


@pytest.mark.parametrize(
    ("lowest", "decades"), [(0.5, 1), (0.0999, 2), (1e-5, 5), (1e-30, 8)], ids=["half", "tenth", "1e-5", "1e-30"]
)
def test_the_logarithmic_scale_reaches_down_to_the_least_probability_or_to_its_end(lowest, decades):
    chart = moves([Move("a", 0.0, math.log(lowest), "worse")], ("before", "after"))
    (param,) = (param for param in chart.to_dict()["params"] if param["name"] == "decades")
    assert param["value"] == pytest.approx(decades)
