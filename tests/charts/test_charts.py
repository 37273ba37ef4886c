"""All kinds of charts: valid, drawable, small, the same every time, and deaf to what labels say."""

from __future__ import annotations

import html
import json
import re

import numpy as np
import pytest

from ecco_reports.charts import style
from ecco_reports.charts.contributions import Explanation, contribution_matrix
from ecco_reports.charts.embed import static_picture
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.lens import LensCell, lens_grid
from ecco_reports.charts.ranks import rank_grid
from tests.charts.figures import HOSTILE, charts, scene

KINDS = list(charts(["a", "b"]))
LABELS = ("Heathrow", "·is", "·in", "·London", "·in")


@pytest.fixture(scope="module", params=KINDS)
def kind(request):
    return request.param


def test_chart_is_valid_vega_lite_and_validation_changes_nothing(kind):
    figure = charts(LABELS)[kind]
    assert figure.chart.to_dict() == figure.chart.to_dict(validate=False)


def test_two_builds_give_the_same_bytes(kind):
    first, second = (json.dumps(charts(LABELS)[kind].chart.to_dict(validate=False)) for _ in range(2))
    assert first == second


def test_every_parameter_has_a_name_and_every_selection_a_control_for_the_keyboard(kind):
    params = charts(LABELS)[kind].chart.to_dict(validate=False)["params"]
    assert all(not param["name"].startswith("param") for param in params)
    assert all("bind" in param for param in params if "select" in param)


def test_equal_labels_stay_apart(kind):
    count = sum(item.get("text") == "·in" for item in scene(charts(LABELS)[kind]))
    assert count >= 2


def test_hostile_labels_are_drawn_as_they_are_and_are_nobodys_expression(kind):
    labels = HOSTILE[:8] if "lines" in kind else HOSTILE
    items = scene(charts(labels)[kind])
    drawn = {item["text"] for item in items if isinstance(item.get("text"), str)}
    said = " ".join(str(item.get("description", "")) for item in items)
    for label in labels:
        assert style.shown(label) in drawn or style.shown(label) in said, label


def test_no_label_stands_in_an_expression_or_a_field(kind):
    labels = ["wirklich_einmalig_1", "wirklich_einmalig_2"]
    spec = charts(labels)[kind].chart.to_dict(validate=False)
    data = spec.pop("datasets")
    assert "einmalig" in json.dumps([data, [p.get("value") for p in spec["params"]]])
    for param in spec["params"]:
        param.pop("value", None)
        if isinstance(param.get("bind"), dict):
            param["bind"] = {key: value for key, value in param["bind"].items() if key not in ("n", "labels")}
    assert "einmalig" not in json.dumps(spec)


def test_picture_holds_hostile_labels_as_text_only(kind):
    figure = charts(HOSTILE[:6])[kind]
    picture = static_picture(figure, figure.chart.to_dict(validate=False))
    assert "<script" not in picture
    assert "<img" not in picture
    texts = [html.unescape(text) for text in re.findall(r"<text[^>]*>([^<]*)</text>", picture)]
    assert any(text.startswith("</scri") for text in texts)
    assert any("datum.val" in text for text in texts)


def test_ink_is_the_pages_and_the_ground_is_transparent(kind):
    spec = charts(LABELS)[kind].chart.to_dict(validate=False)
    assert spec["config"]["background"] == "transparent"
    assert spec["config"]["axis"]["labelColor"] == "currentColor"
    for item in scene(charts(LABELS)[kind]):
        if "text" in item and item["text"] != "●":
            assert item["fill"] == "currentColor"


def test_specifications_of_a_hundred_positions_stay_under_300_kb():
    rng = np.random.default_rng(0)
    layers = ["embedding", *map(str, range(12))]
    vocabulary = [f"·token{number}" for number in range(3000)]
    labels = [vocabulary[number] for number in rng.integers(0, 3000, 100)]
    cell = iter(rng.dirichlet(np.full(10, 0.3), 1300))
    cells = [
        [
            LensCell(
                [(vocabulary[rng.integers(3000)], float(p)) for p in sorted(next(cell))[::-1]], 0.123, 17, 9.87, 6.5
            )
            for _ in range(100)
        ]
        for _ in range(13)
    ]
    made = {
        "lens": lens_grid(layers, labels, [*labels[1:], None], cells),
        "ranks": rank_grid(layers, labels, rng.integers(1, 50257, (13, 100)), 50257),
        "matrix": contribution_matrix(
            labels, labels[:50], [Explanation("ig", rng.normal(size=(50, 100)), "nats", True)]
        ),
    }
    sizes = {name: len(json.dumps(chart.to_dict(validate=False), ensure_ascii=False)) for name, chart in made.items()}
    assert max(sizes.values()) < 300_000, sizes


def test_a_notebook_is_shown_the_chart():
    figure = charts(LABELS)["rank_lines"]
    assert isinstance(figure, ChartFigure)
    bundle = figure._repr_mimebundle_()
    assert any("html" in kind or "vega" in kind for kind in (bundle[0] if isinstance(bundle, tuple) else bundle))
