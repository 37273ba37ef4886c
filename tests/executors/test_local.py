from __future__ import annotations

import pytest

from ecco_reports.errors import ExperimentError
from ecco_reports.executors import LocalExecutor, executor_for
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


def test_one_job_means_this_process():
    assert isinstance(executor_for(1), LocalExecutor)
    assert executor_for(1).jobs == 1
    assert executor_for(1).threads is None
