from __future__ import annotations

import pytest

from ecco_reports.errors import ExperimentError
from ecco_reports.executors import LocalExecutor
from tests.executors import deeds


def test_items_are_worked_on_in_order_and_messages_come_at_once():
    heard = []

    def tell(number):
        heard.append(f"before {number}")
        yield number
        heard.append(f"after {number}")

    assert LocalExecutor().run(tell, [1, 2], heard.append) == ()
    assert heard == ["before 1", 1, "after 1", "before 2", 2, "after 2"]


def test_what_the_function_raises_goes_through():
    heard = []
    with pytest.raises(ExperimentError, match="wrong"):
        LocalExecutor().run(deeds.complain, ["first", "second"], heard.append)
    assert heard == ["first"]


def test_it_works_on_one_item_at_a_time_with_the_threads_the_library_takes():
    assert LocalExecutor().jobs == 1
    assert LocalExecutor().threads is None
