from __future__ import annotations

import pytest

from ecco_reports.executors import LocalExecutor
from ecco_reports.gates import Kind, Status, judge
from ecco_reports.plan import make_plan
from ecco_reports.runner import execute
from ecco_reports.store import Store
from tests.fakes import ANALYSES, entry, experiment, facts_of, gate, load


@pytest.fixture
def run(tmp_path):
    """Runs texts under gates; the tests judge what comes out."""

    def run_texts(texts, *gates, entries=None):
        store = Store(tmp_path / "store")
        plan = make_plan([experiment(texts, entries, gates=gates)], store, analyses=ANALYSES, facts_of=facts_of)
        return execute(plan, LocalExecutor(), store, analyses=ANALYSES, load=load)

    return run_texts


def gates_of(verdicts):
    return [verdict for verdict in verdicts.all if verdict.kind is Kind.GATE]


def proofs_of(verdicts):
    return [verdict for verdict in verdicts.all if verdict.kind is Kind.PROOF]


def judged(run, comparisons=None, **options):
    return judge(run, comparisons, analyses=ANALYSES, **options)


@pytest.mark.parametrize(
    ("minimum", "maximum", "status"),
    [
        (5, None, Status.PASS),
        (None, 5, Status.PASS),
        (5, 5, Status.PASS),
        (5.01, None, Status.FAIL),
        (None, 4.99, Status.FAIL),
        (6, 9, Status.FAIL),
    ],
)
def test_a_value_is_held_against_its_bounds(run, minimum, maximum, status):
    verdicts = judged(run({"p": "hello"}, gate("echo.length", minimum, maximum)))
    (verdict,) = gates_of(verdicts)
    assert (verdict.status, verdict.value, verdict.minimum, verdict.maximum) == (status, 5.0, minimum, maximum)
    assert verdict.prompt == "p"
    assert verdicts.exit_code == (0 if status is Status.PASS else 3)


def test_a_failed_gate_says_by_how_much(run):
    (verdict,) = judged(run({"p": "hello"}, gate("echo.length", None, 4))).failed
    assert verdict.message == "5 is more than 4"


def test_a_gate_watches_every_result_and_says_which_of_them_has_no_such_number(run):
    verdicts = judged(run({"p": "hello?", "q": "hello", "r": "why?"}, gate("echo.doubt", None, 1)))
    found = [(verdict.prompt, verdict.status) for verdict in gates_of(verdicts)]
    assert found == [("p", Status.PASS), ("q", Status.INSUFFICIENT_DATA), ("r", Status.PASS)]
    assert verdicts.exit_code == 3


def test_a_gate_goes_by_the_label(run):
    entries = [entry(), entry(label="again (depth=1)", depth=1)]
    verdicts = judged(run({"p": "hello"}, gate("again (depth=1).length", 1), entries=entries))
    assert [verdict.label for verdict in gates_of(verdicts)] == ["again (depth=1)"]


@pytest.mark.parametrize("metric", ["echo.lenght", "eco.length", "length", "echo.doubt", "echo"])
def test_a_gate_that_nothing_answers_to_is_an_error(run, metric):
    verdicts = judged(run({"p": "hello"}, gate(metric, 0)))
    (verdict,) = gates_of(verdicts)
    assert verdict.status is Status.ERROR
    assert f"no result carries the metric {metric!r}" in verdict.message
    assert "echo.length" in verdict.message
    assert verdict.place is None
    assert verdicts.of_experiment("demo")[0] is verdict
    assert verdicts.exit_code == 3


def test_a_gate_on_a_failed_task_was_not_run_and_the_failed_task_decides_the_exit_code(run):
    verdicts = judged(run({"p": "hello", "q": "raise"}, gate("echo.length", 9)))
    assert [verdict.status for verdict in gates_of(verdicts)] == [Status.FAIL, Status.NOT_RUN]
    assert "the analysis tripped" in gates_of(verdicts)[1].message
    assert verdicts.failed_tasks == 1
    assert verdicts.exit_code == 4


def test_metrics_that_cannot_be_computed_are_an_error(run):
    (verdict,) = gates_of(judged(run({"p": "unmeasurable"}, gate("echo.length", 1))))
    assert verdict.status is Status.ERROR
    assert "ArithmeticError: no measure" in verdict.message


def test_a_comparison_without_a_baseline_is_reported_and_goes_through(run):
    verdicts = judged(run({"p": "hello"}, gate("echo.length", 9, against="baseline")))
    (verdict,) = gates_of(verdicts)
    assert (verdict.status, verdict.failed) == (Status.NO_BASELINE, False)
    assert verdicts.exit_code == 0


def test_every_proof_is_a_verdict(run):
    outcome = run({"p": "straight", "q": "crooked"})
    verdicts = judged(outcome)
    good, bad = proofs_of(verdicts)
    assert (good.status, good.name, good.value, good.maximum) == (Status.PASS, "echo gap", 1e-7, 1e-6)
    assert (bad.status, bad.value) == (Status.FAIL, 0.5)
    assert "the residual 0.5 is above its tolerance 1e-06" in bad.message
    assert verdicts.of(outcome.outcomes[0]) == (good,)
    assert verdicts.of(outcome.outcomes[1]) == verdicts.failed == (bad,)
    assert verdicts.exit_code == 3


def test_a_proof_that_cannot_be_computed_is_an_error(run):
    (verdict,) = proofs_of(judged(run({"p": "unprovable"})))
    assert verdict.status is Status.ERROR
    assert "ArithmeticError: no proof" in verdict.message


def test_a_run_without_gates_whose_proofs_hold_is_fine(run):
    verdicts = judged(run({"p": "hello"}))
    assert verdicts.failed == ()
    assert verdicts.exit_code == 0
