from __future__ import annotations

import pytest

from ecco_reports.comparison import Mark
from ecco_reports.history import trends
from ecco_reports.history.lines import Asked, Mean
from tests.comparison.makers import ANALYSES
from tests.history.makers import history, line


def means(values, model="m"):
    return {model: {"weighing": {name: Mean(mean=value, samples=3) for name, value in values.items()}}}


def only(lines):
    (trend,) = trends(lines, ANALYSES)
    return trend


def test_a_step_says_between_which_commits_it_happened():
    found = history([-1.0] * 6 + [-3.0] * 4)
    trend = only(found.lines)
    (step,) = trend.steps
    assert (step.last.line, step.first.line) == (found.lines[5], found.lines[6])
    assert (step.before, step.after, step.mark, step.lasting) == (-1.0, -3.0, Mark.WORSE, True)
    assert (trend.model, trend.metric, trend.measure.noise) == ("m", "weighing.logprob", 0.1)


@pytest.mark.parametrize(
    ("name", "analysis", "mark"),
    [
        ("logprob", "weighing", Mark.BETTER),
        ("target_rank", "weighing", Mark.WORSE),
        ("layer", "weighing", Mark.CHANGED),
        ("count", "weighing", Mark.CHANGED),
        ("logprob", "stranger", Mark.CHANGED),
    ],
)
def test_the_mark_of_a_step_goes_by_direction(name, analysis, mark):
    lines = [
        line(
            number,
            asked={"w": Asked(analysis=analysis, question="q")},
            means={"m": {"w": {name: Mean(mean=value, samples=3)}}},
        )
        for number, value in enumerate([1.0] * 5 + [9.0] * 5)
    ]
    assert [step.mark for step in only(lines).steps] == [mark]


def test_the_latest_number_is_pointed_out_before_anybody_knows_that_it_lasts():
    (step,) = only(history([-1.0] * 6 + [-3.0]).lines).steps
    assert (step.mark, step.lasting, step.before, step.after) == (Mark.WORSE, False, -1.0, -3.0)
    (step,) = only(history([-1.0] * 6 + [-3.0] * 2).lines).steps
    assert step.lasting


def test_what_wavers_within_its_noise_has_no_step():
    assert only(history([-1.0, -1.08, -1.0, -1.0, -0.95, -1.05, -1.09]).lines).steps == ()


def test_another_question_begins_a_series_anew():
    old, new = ({"weighing": Asked(analysis="weighing", question=question)} for question in "qr")
    lines = [line(number, -1.0 if number < 6 else -9.0, asked=old if number < 6 else new) for number in range(12)]
    trend = only(lines)
    assert (trend.steps, trend.breaks) == ((), (6,))
    assert [(level.start, level.stop, level.value) for level in trend.levels] == [(0, 6, -1.0), (6, 12, -9.0)]


def test_the_most_worrying_come_first():
    series = {
        "steady": [1.0] * 12,
        "target_rank": [1.0] * 8 + [4.0] * 4,  # worse
        "still": [0.0] * 12,
        "logprob": [-1.0] * 8 + [-0.1] * 4,  # better
        "layer": [2.0] * 4 + [3.0] * 8,  # changed
    }
    lines = [
        line(number, means=means({name: values[number] for name, values in series.items()})) for number in range(12)
    ]
    found = [trend.name for trend in trends(lines, ANALYSES)]
    assert found == ["target_rank", "layer", "logprob", "steady", "still"]


def test_a_step_that_was_made_good_worries_less_than_one_that_stays():
    def both(number):
        stays, spiked = 2.0 if number >= 4 else 1.0, 9.0 if 4 <= number < 8 else 1.0
        return means({"target_rank": stays}, "a") | means({"target_rank": spiked}, "b")

    first, second = trends([line(number, means=both(number)) for number in range(12)], ANALYSES)
    assert (first.model, second.model) == ("a", "b")
    assert [step.mark for step in second.steps] == [Mark.WORSE, Mark.BETTER]


def test_a_metric_may_begin_late_and_be_missing_in_between():
    lines = [line(0, None), line(1, -1.0), line(2, None), line(3, -1.0)]
    assert [point.line for point in only(lines).points] == [lines[1], lines[3]]
