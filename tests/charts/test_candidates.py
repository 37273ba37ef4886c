from __future__ import annotations

from ecco_reports.charts.candidates import Step, candidates_chart
from ecco_reports.charts.figure import ChartFigure
from tests.charts.figures import scene

STEPS = [
    Step(8, "·London", [("·London", 0.6984), ("·river", 0.171)], 1, 0.6984, 1.72),
    Step(9, "·United", [("·Chicago", 0.539), ("·York", 0.074)], 17, 0.0051, 2.63),
]


def data():
    return candidates_chart(STEPS).to_dict(validate=False)["datasets"]


def test_every_step_tells_what_was_chosen_how_probable_it_was_and_the_entropy():
    assert [
        (row["s"], row["position"], row["token"], row["p"], row["rank"], row["entropy"]) for row in data()["steps"]
    ] == [
        (1, 8, "·London", 0.6984, 1, 1.72),
        (2, 9, "·United", 0.0051, 17, 2.63),
    ]


def test_a_chosen_token_outside_the_list_comes_last_with_its_rank():
    bars = [(bar["token"], bar["rank"], bar["p"], bar["chosen"]) for bar in data()["bars"] if bar["s"] == 2]
    assert bars == [("·Chicago", 1, 0.539, False), ("·York", 2, 0.074, False), ("·United", 17, 0.0051, True)]


def test_a_chosen_token_inside_the_list_is_marked_and_not_repeated():
    assert [(bar["token"], bar["chosen"]) for bar in data()["bars"] if bar["s"] == 1] == [
        ("·London", True),
        ("·river", False),
    ]


def test_the_first_step_is_shown_first_and_the_chosen_bar_has_its_own_colour():
    items = scene(ChartFigure("x", "x", "x", "x", candidates_chart(STEPS)))
    bars = {item["description"]: item["fill"] for item in items if str(item.get("description")).startswith("rank ")}
    assert bars == {
        "rank 1: ·London, 69.8%, chosen": "#e66100",
        "rank 2: ·river, 17.1%": "#009184",
    }
    assert "69.8\u00a0%  chosen" in {item.get("text") for item in items}


def test_a_single_step_makes_a_chart():
    scene(ChartFigure("x", "x", "x", "x", candidates_chart(STEPS[:1])))
