"""What is known of a token that a server does not list."""

from __future__ import annotations

import math

import pytest

from ecco_reports.models.api.scoring import bound_beside


@pytest.mark.parametrize(
    ("listed", "bound"),
    [
        ([0.5, 0.2], 0.2),  # Three tenths are left over, but the list would name what has more than two.
        ([0.9, 0.05], 0.05),
        ([0.9, 0.09], 0.01),  # Only one hundredth is left over.
        ([], 1.0),
    ],
)
def test_what_is_not_listed_is_no_more_probable_than_the_last_and_than_what_is_left_over(listed, bound) -> None:
    assert math.exp(bound_beside([math.log(value) for value in listed])) == pytest.approx(bound, abs=2e-5)


def test_a_list_that_is_rounded_up_leaves_something_over() -> None:
    assert -12.0 < bound_beside([math.log(0.9999), math.log(0.0002)]) < math.log(0.0002)
