"""Limits hold whatever happens."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ecco_reports.errors import ModelApiError
from ecco_reports.models.api.answers import Kept
from ecco_reports.models.api.budget import Budget
from ecco_reports.models.api.client import Client
from ecco_reports.models.api.patience import Patience
from ecco_reports.models.api.server import Server
from ecco_reports.modelspec import ModelSpec
from tests.models.api.served import Manners, answer, hang_up, serving


def server(**limits) -> Server:
    return Server(ModelSpec(source="openai:facts", base_url="http://127.0.0.1:1/v1", **limits))


@pytest.mark.parametrize("trick", [answer(500), answer(429), hang_up])
def test_repeated_calls_count(trick) -> None:
    with serving(Manners(always=trick)) as run:
        here = Server(ModelSpec(source="openai:facts", base_url=run.url, max_calls=3))
        client = Client(here, Kept(), Budget(here), Patience(sleep=lambda _: None))
        for _ in range(2):
            with pytest.raises(ModelApiError, match="max_calls"):
                client.ask({"prompt": "x", "max_tokens": 1, "temperature": 0, "logprobs": 1}, 5, texts=1, listed=1)
    assert len(run.manners.bodies) == 3


def test_tokens_are_taken_at_their_highest_and_given_back() -> None:
    budget = Budget(server(max_tokens=100))
    budget.take(90)
    with pytest.raises(ModelApiError, match="90 of 100 tokens"):
        budget.take(20)
    budget.give_back(90, 30)
    budget.take(70)
    assert budget.spent == (2, 100)


def test_a_worker_goes_on_counting_where_another_has_died(tmp_path: Path) -> None:
    ledger = tmp_path / "run.txt"
    for _ in range(3):
        Budget(server(max_calls=3), ledger).take(1)
    with pytest.raises(ModelApiError, match="max_calls"):
        Budget(server(max_calls=3), ledger).take(1)
    assert Budget(server(max_calls=3), tmp_path / "other.txt").spent == (0, 0)


def test_workers_at_the_same_time_never_pass_the_limit(tmp_path: Path) -> None:
    made: list[int] = []

    def work() -> None:
        budget = Budget(server(max_calls=20), tmp_path / "run.txt")
        for _ in range(10):
            try:
                budget.take(1)
            except ModelApiError:
                return
            made.append(1)

    workers = [threading.Thread(target=work) for _ in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert 0 < len(made) <= 20
