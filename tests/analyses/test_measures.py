"""The catalogue of measures: what rounding can do to a number, and metrics that say what stands there."""

from __future__ import annotations

import pytest

from ecco_reports.analyses.measures import Measure, as_metrics
from ecco_reports.comparison.changes import mark_of
from ecco_reports.comparison.findings import Mark
from ecco_reports.records import Direction

RANK = Measure(Direction.LOWER, "rank", "rank", relative=0.03)


@pytest.mark.parametrize(
    ("before", "after", "mark"),
    [(1, 2, Mark.WORSE), (2, 1, Mark.BETTER), (1394, 1386, Mark.SAME), (1386, 1394, Mark.SAME), (100, 104, Mark.WORSE)],
)
def test_the_larger_a_rank_the_more_rounding_moves_it(before, after, mark):
    assert mark_of(before, after, RANK) is mark


def test_the_noise_of_a_number_is_the_larger_of_both():
    measure = Measure(Direction.LOWER, "perplexity", noise=0.05, relative=0.03)
    assert (measure.noise_at(1.0), measure.noise_at(-100.0)) == (0.05, 3.0)


def test_metrics_say_what_the_catalogue_says_and_leave_out_what_is_not_known():
    metrics = as_metrics({"rank": RANK, "other": RANK}, {"rank": 3, "other": None}, {"rank": "rank of the class"})
    assert list(metrics) == ["rank"]
    assert (metrics["rank"].value, metrics["rank"].direction) == (3.0, Direction.LOWER)
    assert metrics["rank"].meaning == "rank of the class"
