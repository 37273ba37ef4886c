"""What is kept of a run: rounded finite numbers, words, and why anything is missing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ecco_reports.analyses.measures import Trace
from ecco_reports.executors import LocalExecutor
from ecco_reports.models.source import tokenizer_of
from ecco_reports.plan import make_plan
from ecco_reports.records import Direction, Metric
from ecco_reports.registry import Registry
from ecco_reports.runner import execute
from ecco_reports.snapshot import Snapshot, rounded, snapshots_of
from ecco_reports.store import Store
from tests.fakes import ROOT, Echo, entry, experiment, facts_of
from tests.fakes import load as load_fake


class EchoTrace(Trace):
    """Keeps a text and a number."""

    words: tuple[str, ...]
    score: float
    note: str = ""


class Telling(Echo):
    """An echo that is traced, and whose text may ask for accidents."""

    Traced = EchoTrace

    def metrics(self, result):
        found = dict(super().metrics(result))
        if "shaky" in result.text:
            found["bad"] = Metric(value=float("nan"), direction=Direction.LOWER, meaning="Nothing.")
        found["third"] = Metric(value=-1 / 3, direction=Direction.LOWER, meaning="A third.")
        return found

    def trace(self, result):
        if "untraceable" in result.text:
            raise LookupError("no\ntrace")
        return EchoTrace(words=result.text.split(), score=float("inf") if "infinite" in result.text else 0.5)


TELLING = Registry("analysis", {"echo": "tests.test_snapshot:Telling", "steep": "tests.fakes:Steep"}, group="nobody")


@pytest.fixture
def snapshot(tmp_path):
    """The snapshot of an experiment over texts."""

    def of(texts, entries=None, **settings):
        store = Store(tmp_path / "store")
        asked = experiment(texts, entries, path=tmp_path / "demo.yaml", **settings)
        plan = make_plan([asked], store, analyses=TELLING, facts_of=facts_of)
        run = execute(plan, LocalExecutor(), store, analyses=TELLING, load=load_fake)
        return snapshots_of(run, TELLING)["demo"]

    return of


def test_a_snapshot_holds_an_entry_per_task_in_the_order_of_the_page(snapshot):
    found = snapshot({"p": "one", "q": "two"}, models={"a": "A", "b": "B"})
    assert [entry.place for entry in found.entries] == [
        ("a", "p", "echo"),
        ("a", "q", "echo"),
        ("b", "p", "echo"),
        ("b", "q", "echo"),
    ]
    assert (list(found.models), list(found.prompts)) == (["a", "b"], ["p", "q"])
    assert (found.experiment, found.title) == ("demo", "A demonstration")
    assert found.prompts["q"].text == "two"
    assert found.created
    assert "ecco_reports" in found.versions


def test_metrics_are_kept_to_six_significant_digits(snapshot):
    (kept,) = snapshot({"p": "hello"}).entries
    assert kept.metrics == {"length": 5.0, "third": -0.333333}
    assert kept.unmeasured == {}


@pytest.mark.parametrize(
    ("value", "kept"), [(1234567.0, 1234570.0), (1.2345678e-9, 1.23457e-9), (0.1 + 0.2, 0.3), (-1e-300, -1e-300)]
)
def test_rounding_keeps_significant_digits(value, kept):
    assert rounded(value) == kept


def test_there_is_no_minus_zero():
    assert str(rounded(-0.0)) == "0.0"


def test_a_metric_that_is_not_finite_is_named_and_the_others_stay(snapshot):
    (kept,) = snapshot({"p": "shaky"}).entries
    assert set(kept.metrics) == {"length", "third"}
    assert kept.unmeasured == {"bad": "it is not a finite number but nan"}


def test_metrics_that_raise_are_data(snapshot):
    (kept,) = snapshot({"p": "unmeasurable"}).entries
    assert kept.metrics == {}
    assert kept.unmeasured == {"": "the metrics of this result cannot be computed: ArithmeticError: no measure"}
    assert kept.trace is not None


def test_a_trace_is_kept_as_json_and_comes_back_as_it_was(snapshot):
    (kept,) = snapshot({"p": "one two"}).entries
    assert kept.trace == {"words": ["one", "two"], "score": 0.5}
    assert Telling.Traced.model_validate(kept.trace) == EchoTrace(words=("one", "two"), score=0.5)


@pytest.mark.parametrize(("text", "why"), [("untraceable", "LookupError: no trace"), ("infinite", "ValueError")])
def test_a_trace_that_cannot_be_had_is_data(snapshot, text, why):
    (kept,) = snapshot({"p": text}).entries
    assert kept.trace is None
    assert list(kept.unmeasured) == ["trace"]
    assert why in kept.unmeasured["trace"]
    assert kept.metrics["length"] == len(text)


def test_a_failure_is_kept_with_its_reason_and_what_a_model_lacks_is_told_apart(snapshot):
    broken, lacking = snapshot({"p": "raise"}, [entry(), entry("steep", number=1)]).entries
    assert (broken.failure, broken.lacking) == ("the analysis tripped", False)
    assert lacking.lacking
    assert "it is an API" in lacking.failure
    assert not broken.metrics
    assert not broken.trace


def test_a_check_that_does_not_pass_is_a_sentence(snapshot):
    crooked, unprovable, fine = snapshot({"p": "crooked", "q": "unprovable", "r": "fine"}).entries
    assert crooked.unproven == ("echo gap: the residual 0.5 is above its tolerance 1e-06",)
    assert unprovable.unproven == ("the proof of this result cannot be computed: ArithmeticError: no proof",)
    assert fine.unproven == ()


def test_equal_settings_have_equal_digests_and_others_do_not(snapshot):
    one, two, deep = snapshot(
        {"p": "one", "q": "two"}, [entry(), entry(label="deep", depth=1, prompts=("p",))]
    ).entries[0:3]
    same = {kept.place: kept.settings for kept in (one, two, deep)}
    assert same["m", "p", "echo"] == same["m", "q", "echo"] != same["m", "p", "deep"]


def test_a_snapshot_survives_json(snapshot):
    taken = snapshot({"p": "one?", "q": "raise", "r": "crooked shaky"})
    assert Snapshot.model_validate(json.loads(json.dumps(taken.model_dump(mode="json"), allow_nan=False))) == taken


def test_stored_results_give_the_same_snapshot_as_fresh_ones(snapshot):
    assert snapshot({"p": "one", "q": "two"}) == snapshot({"p": "one", "q": "two"})


def git(folder, *arguments):
    command = ["git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_a_snapshot_names_the_commit_of_now_and_whether_anything_is_in_none(snapshot, tmp_path):
    (tmp_path / ".gitignore").write_text("store/\n")
    (tmp_path / "demo.yaml").write_text("title: one\n")
    git(tmp_path, "init", "-q")
    untouched = snapshot({"p": "one"})
    assert (untouched.commit, untouched.dirty) == (None, True)
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "one")
    first = git(tmp_path, "rev-parse", "HEAD")
    committed = snapshot({"p": "one"})
    assert (committed.commit, committed.dirty) == (first, False)
    (tmp_path / "demo.yaml").write_text("title: two\n")
    assert snapshot({"p": "one"}).dirty is True
    git(tmp_path, "commit", "-qam", "two")
    (tmp_path / "baselines").mkdir()
    (tmp_path / "baselines" / "demo.json").write_text("{}")
    later = snapshot({"p": "one"})
    assert later.commit == git(tmp_path, "rev-parse", "HEAD") != first
    assert later.dirty is False
    (tmp_path / "new.csv").write_text("text\n")
    assert snapshot({"p": "one"}).dirty is True


def test_outside_a_checkout_nobody_knows(snapshot, tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    kept = snapshot({"p": "one"})
    assert (kept.commit, kept.dirty) == (None, None)


def test_a_snapshot_is_as_old_as_its_youngest_result_whatever_failed_later(snapshot, monkeypatch):
    clock = (f"2026-11-21T07:00:{second:02}+00:00" for second in range(60))
    monkeypatch.setattr("ecco_reports.worker._now", lambda: next(clock))
    first = snapshot({"p": "one", "q": "raise"})
    assert first.created == "2026-11-21T07:00:00+00:00"
    assert snapshot({"p": "one", "q": "raise"}) == first
    assert snapshot({"q": "raise"}).created == "2026-11-21T07:00:03+00:00"


def test_the_tokenizer_is_known_by_what_divides_texts():
    whole = {"tokenizer.json": "a", "tokenizer_config.json": "b", "config.json": "c"}
    assert tokenizer_of(whole) == tokenizer_of({**whole, "tokenizer_config.json": "x", "config.json": "y"})
    assert tokenizer_of(whole) != tokenizer_of({**whole, "tokenizer.json": "x"})
    assert tokenizer_of({"vocab.json": "a", "merges.txt": "b"}) != tokenizer_of({"vocab.json": "a", "merges.txt": "x"})
    assert tokenizer_of({"source": "openai:gpt", "base_url": "https://example.org"}) == ""


def test_reading_snapshots_imports_no_model_and_no_torch():
    code = (
        "import sys, ecco_reports.snapshot; print([m for m in ('torch', 'transformers', 'altair') if m in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    assert printed.strip() == "[]"
