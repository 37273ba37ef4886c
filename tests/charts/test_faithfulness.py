from __future__ import annotations

import json
import re

import altair as alt
import numpy as np
import pytest

from ecco_reports.charts.faithfulness import Bar, trust_chart
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.orders import order_grid
from ecco_reports.charts.removals import Curves, removal_curves
from tests.charts.figures import scene

METHODS = ["Occlusion", "Saliency"]
UNITS = ["·Heathrow", "·is", "·in"]
MEASURES = [("Gap", "higher is better"), ("Sufficiency", "lower is better")]
BARS = [
    [Bar(0.5, -0.25, 0.0, 0.25, None, 100, "better"), Bar(0.125, -0.25, 0.0, 0.25, None, 61, "chance")],
    [Bar(0.25, 0.5, 0.75, 1.0, None, 99, "better"), Bar(1.25, 0.5, 0.75, 1.0, (1.0, 1.5), 2, "worse")],
]


def drawn(chart):
    return scene(ChartFigure("x", "x", "x", "x", chart))


def trust(outputs=("mean", "·London"), bars=None):
    return trust_chart(METHODS, MEASURES, outputs, bars or [BARS, BARS[::-1]], "probability", ["100 random orders"] * 3)


def choosing(chart, **values):
    """The chart with other choices in its drop-downs."""
    spec = chart.to_dict(validate=False)
    for param in spec["params"]:
        param["value"] = values.get(param["name"], param["value"])
    return alt.Chart.from_dict(spec)


def curves(**values):
    falling = Curves(
        deletion=np.array([[0.9, 0.1, 0.05, 0.0], [0.9, 0.8, 0.4, 0.0]]),
        insertion=np.array([[0.0, 0.7, 0.8, 0.9], [0.0, 0.1, 0.2, 0.9]]),
        last=np.array([[-1, 0, 2, 1], [-1, 1, 2, 0]]),
        following=np.array([[0, 2, 1, -1], [1, 2, 0, -1]]),
        random_deletion=np.array([[0.9, 0.2, 0.1, 0.0], [0.9, 0.5, 0.3, 0.0], [0.9, 0.8, 0.6, 0.0]]),
        random_insertion=np.array([[0.0, 0.1, 0.1, 0.9], [0.0, 0.3, 0.5, 0.9], [0.0, 0.6, 0.8, 0.9]]),
    )
    chart = removal_curves(METHODS, UNITS, ["·London"], range(4), [falling], "probability", "token")
    return choosing(chart, **values)


def said(chart):
    return [item["description"] for item in drawn(chart) if "description" in item]


def test_every_measure_says_how_many_random_orders_it_beats_and_what_that_means():
    assert said(trust()) == [
        "Gap, Occlusion: 0.50, better than 100 of 100 random orders, better than chance",
        "Gap, Saliency: 0.13, better than 61 of 100 random orders, not to be told from chance",
        "Sufficiency, Occlusion: 0.25, better than 99 of 100 random orders, better than chance",
        "Sufficiency, Saliency: 1.25, better than 2 of 100 random orders, worse than chance",
    ]
    texts = {item["text"] for item in drawn(trust()) if isinstance(item.get("text"), str)}
    assert {"Gap: higher is better", "Sufficiency: lower is better", *METHODS} <= texts
    assert {"0.50 · 100 of 100", "1.25 · 2 of 100"} <= texts


def test_a_dot_is_filled_only_where_it_is_better_than_chance():
    dots = [item for item in drawn(trust()) if item.get("description", "").startswith(("Gap", "Suff"))]
    assert [(dot["fill"], dot["shape"]) for dot in dots] == [
        ("#009184", "circle"),
        ("transparent", "circle"),
        ("#009184", "circle"),
        ("#e66100", "cross"),
    ]


def test_the_drop_down_chooses_an_output():
    assert said(choosing(trust(), output=1))[0].startswith("Gap, Occlusion: 0.25")
    single = trust(["·London"], [BARS]).to_dict()["params"]
    assert not any("bind" in param for param in single)


def test_curves_name_what_went_last():
    assert said(curves())[:4] == [
        "Occlusion, tokens removed: 0 of 3: probability 0.900",
        "Occlusion, tokens removed: 1 of 3 (last ·Heathrow): probability 0.100",
        "Occlusion, tokens removed: 2 of 3 (last ·in): probability 0.050",
        "Occlusion, tokens removed: 3 of 3 (last ·is): probability 0.000",
    ]


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("deletion", [(0, 0.9), (1, 0.1), (2, 0.05), (3, 0.0)]),
        ("insertion", [(0, 0.0), (1, 0.7), (2, 0.8), (3, 0.9)]),
        ("least", [(3, 0.0), (2, 0.7), (1, 0.8), (0, 0.9)]),
    ],
)
def test_removing_the_least_important_first_is_putting_back_the_most_important_read_backwards(way, expected):
    done = "put back" if way == "insertion" else "removed"
    for says, (count, value) in zip(said(curves(way=way)), expected, strict=False):
        assert says.startswith(f"Occlusion, tokens {done}: {count} of 3")
        assert says.endswith(f": probability {value:.3f}")


def test_the_least_important_goes_first_when_it_should():
    removed = [
        re.search(r"removed: (\d) of 3(?: .last (\S+)\))?", says).groups() for says in said(curves(way="least"))[:4]
    ]
    assert removed == [("3", "·Heathrow"), ("2", "·in"), ("1", "·is"), ("0", None)]


def test_one_method_can_be_brought_forward():
    dots = [item for item in drawn(curves(forward=1)) if "description" in item]
    assert [dot["opacity"] for dot in dots] == [0.12] * 4 + [1] * 4


def test_orders_are_written_as_places_and_the_first_is_the_strongest():
    places = np.array([[[1, 3, 2], [2, 1, 3]]])
    items = drawn(order_grid(METHODS, UNITS, ["·London"], places, "token"))
    assert [item["text"] for item in items if item.get("fontSize") == 11 and item["text"].isdigit()] == list("132213")
    assert next(item["description"] for item in items if "description" in item) == "Occlusion, ·Heathrow: place 1"


def test_twelve_methods_twenty_outputs_and_a_hundred_tokens_stay_small():
    rng = np.random.default_rng(0)
    methods, outputs = [f"Method number {index}" for index in range(12)], [f"·output{index}" for index in range(20)]
    units, counts = [f"·token{index}" for index in range(100)], range(0, 101, 4)
    bars = [[[Bar(*rng.normal(size=4), (-0.123456, 0.123456), 61, "chance")] * 12] * 3] * 21
    lines = Curves(
        deletion=rng.random((12, 26)),
        insertion=rng.random((12, 26)),
        last=rng.integers(0, 100, (12, 26)),
        following=rng.integers(0, 100, (12, 26)),
        random_deletion=rng.random((3, 26)),
        random_insertion=rng.random((3, 26)),
    )
    places = np.tile(np.arange(1, 101), (20, 12, 1))
    made = [
        trust_chart(
            methods, [*MEASURES, MEASURES[0]], ["mean", *outputs], bars, "probability", ["100 random orders"] * 3
        ),
        removal_curves(methods, units, outputs, counts, [lines] * 20, "probability", "token"),
        order_grid(methods, units, outputs, places, "token"),
    ]
    sizes = [len(json.dumps(chart.to_dict(validate=False), ensure_ascii=False)) for chart in made]
    assert max(sizes) < 200_000, sizes
