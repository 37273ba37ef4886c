"""Bars before and after: what is drawn, whatever the labels are called."""

from __future__ import annotations

import numpy as np
import pytest

from ecco_reports.charts.before_after import MOST_LETTERS, Scale, paired_bars
from tests.charts.figures import HOSTILE


def spec_of(labels, sides, values, outputs=("one",), scale=None):
    chart = paired_bars(labels, sides, outputs, np.array(values), scale or Scale("share", percent=True), "word")
    return chart.to_dict(validate=True)


def params_of(spec):
    return {param["name"]: param.get("value") for param in spec["params"]}


def test_numbers_have_three_digits_and_what_is_not_known_is_left_out():
    spec = spec_of(["a", "b"], ["old", "new"], [[[0.123456, -0.5], [np.nan, 0.0]]])
    assert spec["datasets"]["pairs"] == [
        {"o": 0, "r": 0, "v0": 0.123},
        {"o": 0, "r": 1, "v0": -0.5, "v1": 0.0},
    ]


def test_every_output_can_be_chosen():
    spec = spec_of(["a"], ["old", "new"], [[[1.0], [2.0]], [[3.0], [4.0]]], outputs=["x", "y"])
    choice = next(param for param in spec["params"] if param["name"] == "chosen")
    assert choice["bind"]["labels"] == ["x", "y"]
    assert [row["o"] for row in spec["datasets"]["pairs"]] == [0, 1]


def test_one_side_has_no_legend():
    one, two = spec_of(["a"], ["both"], [[[0.5]]]), spec_of(["a"], ["old", "new"], [[[0.5], [0.2]]])
    assert "'labelExpr': 'sides[datum.value]'" not in str(one)
    assert "'labelExpr': 'sides[datum.value]'" in str(two)


@pytest.mark.parametrize("label", HOSTILE)
def test_labels_are_data_and_long_ones_are_cut(label):
    spec = spec_of([label, "x" * 40], [label, "new"], [[[0.1, 0.2], [0.3, 0.4]]])
    assert len(params_of(spec)["short"][1]) == MOST_LETTERS
    assert params_of(spec)["rows"][1] == "x" * 40


def test_nothing_at_all_is_drawn_as_an_empty_axis():
    spec = spec_of(["a"], ["old", "new"], [[[0.0], [0.0]]])
    bars = next(layer for layer in spec["layer"] if "yOffset" in layer["encoding"])
    assert bars["encoding"]["x"]["scale"]["domain"] == [0.0, 1.0]
