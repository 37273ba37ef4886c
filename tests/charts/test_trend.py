from __future__ import annotations

from ecco_reports.charts.figure import ChartFigure
from ecco_reports.charts.trend import CommitMark, TrendLine, TrendPoint, trend_chart
from tests.charts.figures import scene

COMMITS = [
    CommitMark(f"{number:07x}", f"2026-03-{number + 1:02}", f"https://ci.example/{number}") for number in range(4)
]


def figure(*lines, commits=COMMITS):
    chart = trend_chart(commits, lines, "A trend.")
    chart.to_dict(validate=True)
    return ChartFigure("trend", "Trend", "", "A trend.", chart)


def line(name="logprob · m", first=-1.0):
    points = [
        TrendPoint(0, first, 40),
        TrendPoint(1, -1.5, 40),
        TrendPoint(2, -3.0, 40, sign="worse"),
        TrendPoint(3, -1.0, 39, stretch=1, sign="better", lasting=False),
    ]
    return TrendLine(name, points, [(0, 1, -1.25), (2, 2, -3.0)])


def answers(shown):
    """What each commit says to a voice; the tooltip has the same fields."""
    return [item["description"] for item in scene(shown) if "description" in item]


def test_each_commit_answers_with_its_number():
    assert answers(figure(line())) == [
        "commit 0000000, 2026-03-01: −1, 40 prompts",
        "commit 0000001, 2026-03-02: −1.5, 40 prompts",
        "commit 0000002, 2026-03-03: −3, 40 prompts, worse from here",
        "commit 0000003, 2026-03-04: −1, 39 prompts, better from here",
    ]


def test_a_commit_without_a_run_leads_nowhere():
    chart = figure(line(), commits=[*COMMITS[:3], CommitMark("0000003", "2026-03-04")]).chart.to_dict()
    (runs,) = [param["value"] for param in chart["params"] if param["name"] == "runs"]
    assert runs == ["https://ci.example/0", "https://ci.example/1", "https://ci.example/2", ""]


def test_signs_differ_in_shape_and_one_that_may_not_last_is_empty():
    drawn = [item for item in scene(figure(line())) if "description" in item]
    assert [item["shape"] for item in drawn] == ["circle", "circle", "triangle-down", "triangle-up"]
    assert [item["fillOpacity"] for item in drawn] == [1, 1, 1, 0]


def test_one_of_several_metrics_is_shown():
    chart = figure(line(), line("rank · m", first=7.0)).chart.to_dict()
    (choice,) = [param for param in chart["params"] if param["name"] == "metric"]
    assert choice["bind"]["labels"] == ["logprob · m", "rank · m"]
    assert answers(figure(line(), line("rank · m", first=7.0))) == answers(figure(line()))
