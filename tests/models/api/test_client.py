"""Every way in which a server can fail, against a real one on this machine."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from ecco_reports.errors import ModelApiError
from ecco_reports.models.api.answers import Kept
from ecco_reports.models.api.budget import Budget
from ecco_reports.models.api.client import Client
from ecco_reports.models.api.patience import Patience, is_worth_another, wait_asked
from ecco_reports.models.api.server import Server
from ecco_reports.modelspec import ModelSpec
from tests.models.api.served import Manners, Running, answer, hang_up, say_nothing, serving, stop_halfway

KEY = "sk-recognisable-0123456789"
NOW = datetime(2026, 11, 21, 12, 0, 0, tzinfo=UTC)
BODY = {"model": "facts", "prompt": "The keys", "max_tokens": 1, "temperature": 0, "logprobs": 5}


@dataclass
class Time:
    """Time that passes only when somebody sleeps."""

    slept: list[float] = field(default_factory=list)

    def patience(self, **settings) -> Patience:
        return Patience(
            clock=lambda: sum(self.slept), now=lambda: NOW, sleep=self.slept.append, draw=lambda: 1.0, **settings
        )


def client_of(run: Running, time: Time, *, patience: Patience | None = None, **fields) -> Client:
    server = Server(ModelSpec(source="openai:facts", base_url=run.url, **fields))
    return Client(server, Kept(), Budget(server), patience or time.patience())


def ask(client: Client):
    return client.ask(BODY, 20, texts=1, listed=5)


def refusal(manners: Manners, **fields) -> tuple[ModelApiError, Time, Manners]:
    """What is said when the server behaves like this, and how long that took."""
    time = Time()
    with serving(manners) as run, pytest.raises(ModelApiError) as caught:
        ask(client_of(run, time, **fields))
    assert run.url in str(caught.value)
    return caught.value, time, manners


def test_a_good_answer_is_asked_for_once() -> None:
    with serving() as run:
        client = client_of(run, Time())
        first, second = ask(client), ask(client)
    assert len(run.manners.bodies) == 1
    assert first == second
    assert first.texts[0].steps[0].piece.decode() == first.texts[0].text != ""
    assert first.served == {"served model": "facts-0001", "system fingerprint": "fp_abc"}


@pytest.mark.parametrize(
    "trick", [answer(500), answer(503), answer(408), answer(409), answer(429), hang_up, stop_halfway]
)
def test_what_may_pass_is_tried_again(trick) -> None:
    time = Time()
    with serving(Manners(tricks=[trick, trick, None])) as run:
        assert ask(client_of(run, time)).texts
    assert time.slept == [1.0, 2.0]


@pytest.mark.parametrize(
    ("status", "advice"),
    [(400, "No."), (401, "MY_KEY"), (403, "MY_KEY"), (404, "base_url"), (422, "No."), (501, "No.")],
)
def test_what_will_not_pass_is_tried_once(status: int, advice: str) -> None:
    error, time, manners = refusal(Manners(always=answer(status)), api_key_env="MY_KEY")
    assert error.status == status
    assert str(status) in str(error)
    assert advice in str(error)
    assert time.slept == []
    assert len(manners.bodies) == 1


def test_attempts_end_and_pauses_grow_up_to_a_bound() -> None:
    error, time, manners = refusal(Manners(always=answer(500)), patience=None)
    assert "after 5 attempts" in str(error)
    assert len(manners.bodies) == 5
    assert time.slept == [1.0, 2.0, 4.0, 8.0]
    assert [Patience(draw=lambda: 1.0).pause(attempt, None) for attempt in (4, 5, 20)] == [16.0, 30.0, 30.0]
    assert Patience(draw=lambda: 0.0).pause(9, None) == 0.0


@pytest.mark.parametrize("written", ["7", "7.0", format_datetime(NOW + timedelta(seconds=7), usegmt=True)])
def test_the_server_says_how_long_to_wait(written: str) -> None:
    time = Time()
    with serving(Manners(tricks=[answer(429, Retry_After=written), None])) as run:
        ask(client_of(run, time))
    assert time.slept == [7.0]


def test_what_is_no_time_to_wait_is_overlooked() -> None:
    assert wait_asked({"retry-after": "soon"}, NOW) is None
    assert wait_asked({}, NOW) is None
    assert wait_asked({"retry-after": format_datetime(NOW - timedelta(days=1))}, NOW) == 0.0


def test_nobody_waits_an_hour() -> None:
    error, time, manners = refusal(Manners(always=answer(429, Retry_After="3600")))
    assert "No. It asks to wait 3600 s." in str(error)
    assert time.slept == []
    assert len(manners.bodies) == 1


def test_all_attempts_together_have_an_end() -> None:
    time = Time()
    with serving(Manners(always=answer(429, Retry_After="100"))) as run, pytest.raises(ModelApiError):
        ask(client_of(run, time, patience=time.patience(total=250.0, attempts=50)))
    assert sum(time.slept) == 200.0


def test_a_bill_that_was_not_paid_is_not_waited_for() -> None:
    broke = {"error": {"message": "You exceeded your current quota.", "code": "insufficient_quota"}}
    error, time, _ = refusal(Manners(always=answer(429, broke)))
    assert "exceeded your current quota" in str(error)
    assert time.slept == []
    assert is_worth_another(429)


def test_a_server_that_says_nothing_is_given_up() -> None:
    error, _, manners = refusal(Manners(always=say_nothing), timeout=0.1)
    assert "gave no answer within 0.1 s" in str(error)
    assert len(manners.bodies) == 5


def test_a_server_that_is_not_there_is_named() -> None:
    with serving() as run:
        pass
    with pytest.raises(ModelApiError, match="cannot be reached"):
        ask(client_of(run, Time()))


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<!doctype html><title>Welcome</title>", "a web page instead of JSON"),
        (b'{"choices": [', "no JSON"),
        (b"[" * 100_000, "no JSON"),
        ({"result": "fine"}, "another shape"),
        ({"choices": []}, "another shape"),
        ({"choices": [{"text": " are", "logprobs": None}]}, "without log-probabilities"),
        ({"choices": [{"text": " are", "logprobs": {"tokens": [" are"], "token_logprobs": []}}]}, "some are missing"),
        ({"choices": [{"text": "", "logprobs": None}, {"text": "", "logprobs": None}]}, "2 texts where 1"),
    ],
)
def test_what_is_no_answer_is_said_and_not_kept(body, said: str) -> None:
    time = Time()
    with serving(Manners(tricks=[answer(200, body), None])) as run:
        client = client_of(run, time)
        with pytest.raises(ModelApiError, match=said) as caught:
            ask(client)
        assert ask(client).texts
    assert "base_url" in str(caught.value)
    assert time.slept == []


def test_a_key_stays_with_its_server(monkeypatch, caplog) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("MY_KEY", KEY)
    with serving() as other:
        error, _, manners = refusal(
            Manners(always=answer(307, Location=other.url + "/completions?token=secret")), api_key_env="MY_KEY"
        )
    assert manners.keys == [f"Bearer {KEY}"]
    assert other.manners.bodies == []
    assert "sends on" in str(error)
    assert "secret" not in str(error)
    assert KEY not in caplog.text


def test_a_key_is_in_no_message_and_no_answer(monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("MY_KEY", KEY)
    for status in (400, 401, 403, 404, 429, 500):
        said = {"error": {"message": f"The key {KEY} is not welcome.", "code": KEY}}
        error, _, _ = refusal(Manners(always=answer(status, said)), api_key_env="MY_KEY")
        assert KEY not in str(error)
        assert KEY not in repr(error)
    repeated = {"choices": [{"text": KEY, "logprobs": {"tokens": [KEY], "token_logprobs": [-1.0]}}], "model": KEY}
    with serving(Manners(always=answer(200, repeated))) as run:
        client = client_of(run, Time(), api_key_env="MY_KEY")
        client.kept = Kept(tmp_path)
        assert KEY not in repr(ask(client))
        assert KEY not in repr(vars(client))
    assert any(tmp_path.rglob("*.json"))
    assert not any(KEY in path.read_text() for path in tmp_path.rglob("*.json"))


def test_no_key_goes_where_none_was_named_for(monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with serving() as run:
        ask(client_of(run, Time()))
    assert run.manners.keys == [None]
    assert Server(ModelSpec(source="openai:davinci-002")).key_name == "OPENAI_API_KEY"
    assert Server(ModelSpec(source="openai:m", base_url="https://elsewhere.example/v1")).key_name is None


def test_a_missing_key_is_named_before_anything_is_sent(monkeypatch) -> None:
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    server = Server(ModelSpec(source="openai:davinci-002"))
    with pytest.raises(ModelApiError, match="OPENAI_API_KEY"):
        ask(Client(server, Kept(), Budget(server)))


def test_a_key_that_would_break_the_header_is_refused_without_showing_it(monkeypatch) -> None:
    monkeypatch.setenv("MY_KEY", "sk-first\nX-Second: line")
    with serving() as run, pytest.raises(ModelApiError, match=r"\$MY_KEY holds characters") as caught:
        ask(client_of(run, Time(), api_key_env="MY_KEY"))
    assert "sk-first" not in str(caught.value)
    assert run.manners.bodies == []
