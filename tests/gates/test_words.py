"""Numbers in sentences: as many digits as mean something, and never two that differ written alike."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.gates.bounds import asked, said


@pytest.mark.parametrize(
    ("value", "others", "noise", "text"),
    [
        (0.288134, (0.15,), 0.05, "0.29"),
        (0.1549, (0.15,), 0.05, "0.155"),
        (0.1496, (0.15,), 0.05, "0.1496"),
        (0.288134, (0.15,), 0.0, "0.2881"),
        (1.00004, (1.0,), 0.0, "1.00004"),
        (1.0, (1.0,), 0.05, "1"),
        (12345.678, (), 0.05, "12,350"),
        (-0.5, (), 0.05, "−0.5"),
        (0.0, (0.1,), 0.05, "0"),
        (0.0004, (), 0.05, "0.0004"),
    ],
)
def test_a_number_has_the_digits_that_its_noise_leaves(value, others, noise, text) -> None:
    assert said(value, *others, noise=noise) == text


@pytest.mark.parametrize(
    ("amount", "unit", "text"),
    [(0.125, "", "0.125"), (1.0, "nats", "1 nat"), (2.5, "nats", "2.5 nats"), (3, "rank", "3")],
)
def test_a_bound_is_said_as_it_was_written(amount, unit, text) -> None:
    assert asked(amount, unit) == text


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6), st.sampled_from([0.0, 0.001, 0.05, 1.0]))
def test_numbers_that_differ_never_read_alike(value, other, noise) -> None:
    if abs(value - other) > 1e-12 * max(abs(value), abs(other), 1e-290):
        assert said(value, other, noise=noise) != said(other, value, noise=noise)
