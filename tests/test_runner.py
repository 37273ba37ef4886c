from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from ecco_reports.errors import ExperimentError, StoreError
from ecco_reports.executors import LocalExecutor, ProcessExecutor
from ecco_reports.plan import make_plan
from ecco_reports.records import Sampling
from ecco_reports.runner import NOT_RUN, Failure, execute, recall
from ecco_reports.store import Store
from tests.fakes import ANALYSES, ROOT, FakeExperiment, entry, experiment, facts_of, lines, load, slow_experiment


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


@pytest.fixture
def log(tmp_path):
    """Every computation of an analysis that is given this file writes a line into it."""
    return tmp_path / "log"


def run(*experiments: FakeExperiment, store, executor=None, progress=None, plan=None):
    plan = plan or make_plan(experiments, store, analyses=ANALYSES, facts_of=facts_of)
    return execute(plan, executor or LocalExecutor(), store, progress, analyses=ANALYSES, load=load)


class Diary:
    """Progress that remembers."""

    def __init__(self):
        self.entries = []

    def planned(self, tasks):
        self.entries.append(("planned", tasks))

    def started(self, task):
        self.entries.append(("started", task.prompt.name))

    def finished(self, outcome):
        self.entries.append(("finished", outcome.task.prompt.name))


def kinds(run):
    """The kind of failure, or None, by prompt."""
    return {outcome.task.prompt.name: outcome.failure and outcome.failure.kind for outcome in run.outcomes}


def numbers(run):
    """Every result by its place, key and bits."""
    return {
        (*outcome.task.place, outcome.task.key): (
            outcome.result.text,
            outcome.result.seed,
            outcome.result.scores.tobytes(),
        )
        for outcome in run.outcomes
    }


def damage_arrays(store, key):
    (path,) = (store.folder / "results" / key[:2] / key).glob("*.npz")
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)


def test_outcomes_come_in_page_order_fresh_the_first_time_and_stored_the_second(store, log):
    asked = experiment({"p": "one", "q": "two"}, [entry(log=str(log))], models={"a": "A", "b": "B"})
    first, second = run(asked, store=store), run(asked, store=store)
    for outcomes, fresh in ((first.outcomes, True), (second.outcomes, False)):
        assert [outcome.task.place[1:3] for outcome in outcomes] == [("a", "p"), ("a", "q"), ("b", "p"), ("b", "q")]
        assert [outcome.result.text for outcome in outcomes] == ["one", "two", "one", "two"]
        assert {outcome.fresh for outcome in outcomes} == {fresh}
    assert len(list(lines(log))) == 4
    assert numbers(first) == numbers(second)


def test_one_computation_serves_every_place_that_asks_for_it(store, log):
    first = experiment({"p": "same", "q": "same"}, [entry(log=str(log))])
    second = experiment({"r": "same"}, [entry(log=str(log))], name="second")
    outcomes = run(first, second, store=store)
    assert list(lines(log)) == ["same"]
    assert [outcome.task.place[::2] for outcome in outcomes.of("second")] == [("second", "r")]
    assert [outcome.result.text for outcome in outcomes.outcomes] == ["same"] * 3


def test_one_failure_leaves_the_others_alone(store):
    outcomes = run(experiment({"p": "fine", "q": "raise", "r": "fine too"}), store=store)
    assert kinds(outcomes) == {"p": None, "q": "RuntimeError", "r": None}
    (failed,) = outcomes.failures
    assert failed.failure.message == "the analysis tripped"
    assert "fakes.py" in failed.failure.traceback
    assert failed.provenance.device == "abacus"
    assert len(outcomes.results) == 2
    assert store.failure(failed.task.key, Failure).result == failed.failure


def test_a_failed_task_is_tried_again(store, log):
    asked = experiment({"q": "raise"}, [entry(log=str(log))])
    run(asked, store=store)
    assert kinds(run(asked, store=store)) == {"q": "RuntimeError"}
    assert len(list(lines(log))) == 2


def test_a_result_with_a_number_that_is_not_finite_is_a_failure_that_names_it(store):
    (outcome,) = run(experiment({"p": "nan"}), store=store).failures
    assert "'loss'" in outcome.failure.message
    assert not store.has(outcome.task.key)


def test_a_model_that_lacks_a_capability_fails_politely_and_only_there(store):
    outcomes = run(experiment({"p": "x"}, [entry("steep", number=1), entry()]), store=store)
    steep, echo = outcomes.outcomes
    assert steep.failure.kind == "CapabilityError"
    assert "gradients with respect to its input embeddings: it is an API" in steep.failure.message
    assert steep.failure.traceback == ""
    assert echo.result.text == "x"


def test_a_model_that_cannot_be_loaded_fails_its_own_tasks(store):
    asked = experiment({"p": "x", "q": "y"}, models={"bad": "gone", "good": "fake"})
    outcomes = run(asked, store=store)
    assert [outcome.failure and outcome.failure.message for outcome in outcomes.outcomes] == [
        "gone cannot be loaded.",
        "gone cannot be loaded.",
        None,
        None,
    ]


@pytest.mark.parametrize("executor", [LocalExecutor(), ProcessExecutor(2)], ids=["local", "process"])
def test_what_only_the_loaded_model_knows_is_a_problem_before_anything_is_computed(store, log, executor):
    asked = experiment(
        {"short": "a", "long": "a b c d e"},
        [entry(log=str(log), max_new_tokens=1), entry(label="deep", number=1, depth=5, prompts=("short",))],
        models={"m": "narrow"},
    )
    with pytest.raises(ExperimentError) as caught:
        run(asked, store=store, executor=executor)
    found = [str(problem) for problem in caught.value.problems]
    expected = ["prompts.long: this prompt has 5 tokens", "analyses.1.echo.depth: there is no layer 5"]
    if executor.jobs == 1:
        assert len(found) == 2
        assert all(part in problem for part, problem in zip(expected, found, strict=True))
    else:  # Each worker has its own texts, and the first that objects is heard.
        assert any(part in found[0] for part in expected)
    assert not log.exists()


@pytest.mark.parametrize("executor", [LocalExecutor(), ProcessExecutor(2)], ids=["local", "process"])
def test_progress_is_told_what_is_computed_and_nothing_of_what_is_stored(store, executor):
    run(experiment({"p": "old"}), store=store)
    diary = Diary()
    run(experiment({"p": "old", "q": "new", "r": "new", "s": "raise"}), store=store, executor=executor, progress=diary)
    assert diary.entries[0] == ("planned", 2)
    assert sorted(diary.entries[1:]) == [("finished", "q"), ("finished", "s"), ("started", "q"), ("started", "s")]


def test_ctrl_c_goes_through_at_once_and_what_was_finished_is_stored(store, log):
    asked = experiment({"p": "one", "q": "interrupt", "r": "three"}, [entry(log=str(log))])
    with pytest.raises(KeyboardInterrupt):
        run(asked, store=store)
    assert list(lines(log)) == ["one", "interrupt"]
    plan = make_plan([asked], store, analyses=ANALYSES, facts_of=facts_of)
    assert plan.stored == {plan.tasks[0].key}


@pytest.mark.parametrize("executor", [LocalExecutor(), ProcessExecutor(2)], ids=["local", "process"])
def test_a_store_that_cannot_be_written_ends_the_run_with_a_sentence(tmp_path, executor):
    (tmp_path / "store").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        run(experiment({"p": "x", "q": "y"}), store=Store(tmp_path / "store"), executor=executor)


def test_a_planned_result_that_turns_out_damaged_is_computed(store, log):
    asked = experiment({"p": "one", "q": "two"}, [entry(log=str(log))])
    first = run(asked, store=store)
    damage_arrays(store, first.outcomes[0].task.key)
    again = Store(store.folder)
    diary = Diary()
    second = run(asked, store=again, progress=diary)
    assert diary.entries == [("planned", 1), ("started", "p"), ("finished", "p")]
    assert [outcome.fresh for outcome in second.outcomes] == [True, False]
    assert numbers(second) == numbers(first)
    assert [outcome.fresh for outcome in run(asked, store=again).outcomes] == [False, False]


def test_the_commit_is_that_of_the_experiments_folder(store, tmp_path):
    project, elsewhere = tmp_path / "project", tmp_path / "elsewhere"
    for folder in (project, elsewhere):
        folder.mkdir()
    git = [
        "git",
        "-C",
        str(project),
        "-c",
        "user.name=A",
        "-c",
        "user.email=a@example.org",
        "-c",
        "commit.gpgsign=false",
    ]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    head = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True).stdout.strip()
    inside = experiment({"p": "inside"}, path=project / "demo.yaml", name="inside")
    outside = experiment({"p": "outside"}, path=elsewhere / "demo.yaml", name="outside")
    found = [outcome.provenance.commit for outcome in run(inside, outside, store=store).outcomes]
    assert found == [head, None]
    assert re.fullmatch("[0-9a-f]{40}", head)


def test_one_worker_and_three_give_the_same_keys_and_numbers(tmp_path):
    asked = experiment(
        {f"p{number}": f"text {number}" for number in range(5)},
        [entry(sampling=Sampling(temperature=0.8)), entry(label="deep", depth=1)],
        seed=7,
    )
    alone = run(asked, store=Store(tmp_path / "one"))
    together = run(asked, store=Store(tmp_path / "three"), executor=ProcessExecutor(3))
    assert numbers(alone) == numbers(together)
    assert [outcome.task.key for outcome in alone.outcomes] == [outcome.task.key for outcome in together.outcomes]
    assert len({outcome.result.seed for outcome in alone.outcomes}) == 5


def test_a_killed_worker_fails_its_task_and_the_others_go_on(store, log):
    texts = {"p": "one", "q": "two", "r": "die", "s": "four"}
    outcomes = run(experiment(texts, [entry(log=str(log))]), store=store, executor=ProcessExecutor(2))
    assert kinds(outcomes) == {"p": None, "q": None, "r": "WorkerLost", "s": None}
    (lost,) = outcomes.failures
    assert "signal SIGKILL" in lost.failure.message
    assert store.failure(lost.task.key, Failure).result == lost.failure
    assert sorted(lines(log)) == sorted(texts.values())


def test_a_worker_killed_by_its_model_fails_all_tasks_of_that_model(store):
    asked = experiment({"p": "x", "q": "y"}, models={"bad": "deadly", "good": "fake"})
    outcomes = run(asked, store=store, executor=ProcessExecutor(2))
    assert [outcome.failure and outcome.failure.kind for outcome in outcomes.outcomes] == ["WorkerLost"] * 2 + [
        None
    ] * 2


TASKS = 12
BETWEEN_KILLS = 4
PROGRAM = """
import sys
from tests.test_runner import *
if __name__ == "__main__":
    store, log, jobs = Store(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    executor = ProcessExecutor(jobs) if jobs > 1 else LocalExecutor()
    run(slow_experiment(log, TASKS, 0.03), store=store, executor=executor)
"""


@pytest.mark.parametrize("jobs", [1, 2])
def test_kill_minus_nine_loses_nothing_that_was_finished(store, log, tmp_path, jobs):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), str(store.folder), str(log), str(jobs)]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    kills = 0
    for goal in range(BETWEEN_KILLS, TASKS, BETWEEN_KILLS):
        with subprocess.Popen(command, env=environment, start_new_session=True) as victim:
            deadline = time.monotonic() + 60
            while len(list(lines(log))) < goal + kills and victim.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.004)
            assert victim.poll() is None, "it was to be killed in the middle of its work"
            os.killpg(victim.pid, signal.SIGKILL)
        kills += 1
        finished = {path.parent.name for path in store.folder.rglob("result.json")}
        assert 0 < len(finished) < TASKS
        plan = make_plan([slow_experiment(log, TASKS, 0.03)], store, analyses=ANALYSES, facts_of=facts_of)
        assert plan.stored == finished

    before = Counter(lines(log))
    outcomes = run(slow_experiment(log, TASKS, 0.03), store=store)
    computed = Counter(lines(log))
    assert len(outcomes.results) == TASKS
    for outcome in outcomes.outcomes:
        text = outcome.result.text
        assert text == outcome.task.prompt.text
        assert outcome.fresh == (outcome.task.key not in finished)
        assert computed[text] - before[text] == outcome.fresh
    assert sum(computed.values()) <= TASKS + kills * jobs
    assert not list(store.folder.rglob("failures/*"))


@pytest.mark.parametrize("nth", range(0, 28, 4))
def test_a_kill_at_the_nth_touch_of_the_disk_leaves_a_store_that_works(store, log, nth):
    """Kills a writer between any two of its system calls on the store, not only where time happens to fall."""
    code = (
        "import sys, os, signal\n"
        "from tests.test_runner import *\n"
        "left = [int(sys.argv[3])]\n"
        "def count(event, arguments):\n"
        "    if event in ('open', 'os.rename', 'os.mkdir', 'os.remove') and sys.argv[1] in str(arguments[0]):\n"
        "        left[0] -= 1\n"
        "        if left[0] < 0: os.kill(os.getpid(), signal.SIGKILL)\n"
        "sys.addaudithook(count)\n"
        "run(slow_experiment(sys.argv[2], 3, 0), store=Store(sys.argv[1]))"
    )
    command = [sys.executable, "-c", code, str(store.folder), str(log), str(nth)]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    finished = {path.parent.name for path in store.folder.rglob("result.json")}
    before = len(list(lines(log)))
    outcomes = run(slow_experiment(log, 3, 0), store=store)
    assert len(outcomes.results) == 3
    assert {outcome.task.key for outcome in outcomes.outcomes if not outcome.fresh} == finished
    assert len(list(lines(log))) - before == 3 - len(finished)


def test_what_is_stored_is_recalled_without_a_model(store, log):
    asked = experiment({"p": "fine", "q": "raise"}, [entry(log=str(log))])
    run(asked, store=store)
    grown = experiment({"p": "fine", "q": "raise", "r": "new"}, [entry(log=str(log))])
    written = list(lines(log))
    again = recall(make_plan([grown], store, analyses=ANALYSES, facts_of=facts_of), store, analyses=ANALYSES)
    assert kinds(again) == {"p": None, "q": "RuntimeError", "r": NOT_RUN}
    assert [outcome.task.prompt.name for outcome in again.missing] == ["r"]
    assert again.outcomes[0].result.text == "fine"
    assert list(lines(log)) == written


def test_nothing_is_recalled_of_a_model_that_is_out_of_reach(store):
    asked = experiment({"p": "fine"}, models={"m": "hub/model"})
    with pytest.raises(ExperimentError, match="nobody can be asked"):
        recall(make_plan([asked], store, analyses=ANALYSES, facts_of=facts_of), store, analyses=ANALYSES)
