from __future__ import annotations

import multiprocessing
import os

import pytest

from ecco_reports.errors import ExperimentError, ModelLoadError
from ecco_reports.executors import ProcessExecutor
from tests.executors import deeds


@pytest.fixture(autouse=True)
def no_process_is_left_behind():
    yield
    assert multiprocessing.active_children() == []


def test_every_item_is_done_with_fewer_workers_than_items():
    heard = []
    assert ProcessExecutor(2).run(deeds.count, [3, 5, 7], heard.append) == ()
    assert sorted(heard) == [3, 5, 7, 9, 25, 49]
    assert all(heard.index(number) < heard.index(number**2) for number in (3, 5, 7))


def test_nothing_to_do_is_done():
    assert ProcessExecutor(4).run(deeds.count, [], print) == ()


def test_a_killed_worker_loses_its_item_and_no_other():
    heard = []
    (lost,) = ProcessExecutor(2).run(deeds.count_or_die, [1, 2, 3, 4], heard.append)
    assert (lost.item, lost.reason) == (2, "signal SIGKILL")
    assert {(number, word) for number, word, _ in heard} == {
        (2, "begun"),
        *((number, word) for number in (1, 3, 4) for word in ("begun", "done")),
    }
    assert os.getpid() not in {pid for _, _, pid in heard}


def test_a_worker_that_leaves_early_loses_its_item():
    heard = []
    (lost,) = ProcessExecutor(1).run(deeds.leave, ["item"], heard.append)
    assert (lost.item, lost.reason, heard) == ("item", "exit code 7", ["item"])


def test_what_a_worker_raises_arrives_with_its_data():
    heard = []
    with pytest.raises(ExperimentError) as caught:
        ProcessExecutor(1).run(deeds.complain, ["item"], heard.append)
    assert heard == ["item"]
    assert [problem.where for problem in caught.value.problems] == ["a.yaml:3:1", "b.yaml"]
    assert "deeds.py" in caught.value.__notes__[0]


def test_an_error_with_a_constructor_of_its_own_arrives():
    with pytest.raises(ModelLoadError, match="gpt2 is not here") as caught:
        ProcessExecutor(1).run(deeds.refuse, ["item"], print)
    assert caught.value.source == "gpt2"


def test_a_message_that_cannot_be_sent_is_an_error_not_a_silence():
    with pytest.raises(Exception, match="pickle"):
        ProcessExecutor(1).run(deeds.say_something_unspeakable, ["item"], print)


def test_an_error_ends_the_workers_that_still_run(tmp_path):
    trace = tmp_path / "trace"
    pids = []
    with pytest.raises(ModelLoadError, match="stop"):
        ProcessExecutor(2).run(deeds.first_raise_then_linger, [0, trace], pids.append)
    assert not trace.exists()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_what_the_listener_raises_ends_the_workers(tmp_path):
    pids = []

    def interrupt(pid):
        pids.append(pid)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ProcessExecutor(1).run(deeds.first_raise_then_linger, [tmp_path / "trace"], interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_the_processors_are_divided_among_the_workers():
    processors = len(os.sched_getaffinity(0))
    assert ProcessExecutor(1).threads == processors
    assert ProcessExecutor(10 * processors).threads == 1


@pytest.mark.parametrize("jobs", [0, -1])
def test_no_worker_at_all_is_refused(jobs):
    with pytest.raises(ValueError, match="at least one worker"):
        ProcessExecutor(jobs)
