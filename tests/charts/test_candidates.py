from __future__ import annotations

from ecco_reports.charts.candidates import Candidate, Step, candidates_chart
from ecco_reports.charts.figure import ChartFigure
from tests.charts.figures import scene

STEPS = [
    Step(8, "·London", [Candidate("·London", 0.6984), Candidate("·river", 0.171)], 1, 0.6984, 0.518, 1.72),
    Step(9, "·United", [Candidate("·Chicago", 0.539), Candidate("·York", 0.074)], 17, 0.0051, 7.62, 2.63),
]


def data(steps=STEPS):
    return candidates_chart(steps).to_dict(validate=False)["datasets"]


def test_every_step_tells_what_was_chosen_how_probable_and_surprising_it_was_and_the_entropy():
    assert [
        (row["s"], row["position"], row["token"], row["p"], row["rank"], row["bits"], row["entropy"])
        for row in data()["steps"]
    ] == [
        (1, 8, "·London", 0.6984, 1, 0.52, 1.72),
        (2, 9, "·United", 0.0051, 17, 7.62, 2.63),
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


CHANGED = [
    Step(
        8,
        "·river",
        [Candidate("·London", 0.6984, 0.81), Candidate("·river", 0.171, 0.19), Candidate("·sea", 0.01, 0.0)],
        2,
        0.171,
        2.548,
        1.72,
        chance=0.19,
        possible=2,
    )
]


def test_what_settings_left_out_is_said_beside_what_they_changed():
    bars = [(bar["p"], bar["c"], bar["out"], bar["says"]) for bar in data(CHANGED)["bars"]]
    assert bars == [
        (0.6984, 0.81, False, "rank 1: ·London, 69.8%, 81.0% after the settings"),
        (0.171, 0.19, False, "rank 2: ·river, 17.1%, 19.0% after the settings, chosen"),
        (0.01, 0.0, True, "rank 3: ·sea, 1.0%, left out by the settings"),
    ]
    items = scene(ChartFigure("x", "x", "x", "x", candidates_chart(CHANGED)))
    texts = {item.get("text") for item in items}
    assert {"69.8\u00a0% → 81.0\u00a0%", "17.1\u00a0% → 19.0\u00a0%  chosen", "1.0\u00a0% → left out"} <= texts
    (step,) = data(CHANGED)["steps"]
    assert step["says"].endswith("surprisal 2.55 bits, entropy 1.72 bits, 2 candidates left by the settings")


def test_a_given_token_is_not_called_chosen():
    chart = candidates_chart(STEPS, "tokens of the given continuation", "given")
    assert [bar["says"] for bar in chart.to_dict(validate=False)["datasets"]["bars"] if bar["chosen"]] == [
        "rank 1: ·London, 69.8%, given",
        "rank 17: ·United, 0.5%, given",
    ]
    assert "69.8\u00a0%  given" in {item.get("text") for item in scene(ChartFigure("x", "x", "x", "x", chart))}
