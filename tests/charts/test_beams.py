from __future__ import annotations

import math

import pytest

from ecco_reports.charts.beams import BeamRow, beams_chart
from ecco_reports.charts.figure import ChartFigure
from tests.charts.figures import scene

BEAMS = [
    BeamRow("1, the best", ["·in", "·London", "."], [-0.1, -0.2, -0.3]),
    BeamRow("2", ["·in", "·Paris"], [-0.1, -0.7], 1),
]


def test_every_token_stands_in_the_row_of_its_beam_with_its_own_probability():
    cells = beams_chart(BEAMS).to_dict(validate=False)["datasets"]["cells"]
    assert [(cell["b"], cell["s"], cell["token"], cell["lp"]) for cell in cells] == [
        (0, 0, "·in", -0.1),
        (0, 1, "·London", -0.2),
        (0, 2, ".", -0.3),
        (1, 0, "·in", -0.1),
        (1, 1, "·Paris", -0.7),
    ]
    assert [cell["p"] for cell in cells] == pytest.approx([math.exp(cell["lp"]) for cell in cells], abs=1e-4)
    assert [cell.get("parts") for cell in cells] == [None, None, None, None, True]


def test_rows_have_their_names_before_them():
    texts = {item.get("text") for item in scene(ChartFigure("x", "x", "x", "x", beams_chart(BEAMS)))}
    assert {"1, the best", "2", "·Paris", "·London"} <= texts


def test_one_frame_marks_where_the_second_parts_from_the_first():
    items = scene(ChartFigure("x", "x", "x", "x", beams_chart(BEAMS)))
    assert len([item for item in items if item.get("stroke") == "#e66100"]) == 1


def test_beams_that_are_cut_short_make_a_chart():
    scene(ChartFigure("x", "x", "x", "x", beams_chart(BEAMS[:1])))
