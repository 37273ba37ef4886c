from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ecco_reports.errors import StoreError
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import make_plan
from ecco_reports.records import Sampling
from ecco_reports.registry import Registry
from ecco_reports.store import Store
from ecco_reports.worker import Assignment, Finished, Objected, Started, work
from tests.fakes import ANALYSES, ROOT, Echo, EchoResult, FakeModel, entry, experiment, facts_of, lines, load


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def assignment(store, *arguments, threads=None, **settings):
    """The only batch of an experiment, ready to be worked on."""
    asked = experiment(*arguments, **settings)
    (batch,) = make_plan([asked], store, analyses=ANALYSES, facts_of=facts_of).batches
    return Assignment(batch, store.folder, ANALYSES, load, {asked.name: "c0ffee"}, threads, "run")


def provenance(store, *arguments, **settings):
    (_, finished) = work(assignment(store, *arguments, **settings))
    return finished.provenance


def test_each_task_is_announced_and_its_result_is_stored_before_it_is_said(store):
    todo = assignment(store, {"p": "one", "q": "two"})
    messages = work(todo)
    for task in todo.batch.tasks:
        assert next(messages) == Started(task.key)
        assert not store.has(task.key)
        finished = next(messages)
        assert (finished.key, finished.failure) == (task.key, None)
        assert store.has(task.key)
    assert list(messages) == []


def test_messages_are_light(store):
    (_, finished) = work(assignment(store, {"p": "x" * 10_000}))
    assert len(repr(finished)) < 1000


def test_a_failure_says_so_and_the_next_task_follows(store):
    kinds = [
        message.failure and message.failure.kind
        for message in work(assignment(store, {"p": "raise", "q": "x"}))
        if isinstance(message, Finished)
    ]
    assert kinds == ["RuntimeError", None]


def test_a_model_that_cannot_be_loaded_is_a_failure_of_every_task_and_none_is_started(store):
    messages = list(work(assignment(store, {"p": "x", "q": "y"}, models={"m": "gone"})))
    assert [type(message) for message in messages] == [Finished, Finished]
    assert {message.failure.kind for message in messages} == {"ModelLoadError"}


def test_objections_come_before_anything_is_computed(store, tmp_path):
    log = tmp_path / "log"
    todo = assignment(store, {"p": "x", "q": "y"}, [entry(log=str(log)), entry(label="deep", depth=5, prompts=("q",))])
    (message,) = work(todo)
    assert isinstance(message, Objected)
    assert [(task.place[2:], objection.path) for task, objection in message.objections] == [(("q", "deep"), ("depth",))]
    assert not list(lines(log))


def test_a_result_that_cannot_be_stored_is_no_failure_of_its_task(store):
    store.folder.mkdir()
    (store.folder / "results").write_text("in the way")
    with pytest.raises(StoreError, match="cannot be written"):
        list(work(assignment(store, {"p": "x"})))
    assert not (store.folder / "failures").exists()


def test_ctrl_c_is_no_failure(store):
    with pytest.raises(KeyboardInterrupt):
        list(work(assignment(store, {"p": "interrupt"})))
    assert not store.folder.exists()


def test_a_result_says_where_it_comes_from(store, monkeypatch):
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    models = {"m": ModelSpec(source="fake", dtype="float64")}
    found = provenance(store, {"p": "x"}, [entry(sampling=Sampling(seed=12), seconds=0.05)], models=models)
    age = datetime.now(UTC) - datetime.fromisoformat(found.created)
    assert 0 <= age.total_seconds() < 60
    assert 0.05 <= found.seconds < 30
    assert (found.device, found.dtype, found.seed, found.commit) == ("abacus", "float64", 12, "c0ffee")
    assert set(found.versions) == {"ecco_reports", "python", "torch", "transformers", "numpy"}


def test_a_reproducible_build_prescribes_the_time(store, monkeypatch):
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert provenance(store, {"p": "x"}).created == "1970-01-02T00:00:00+00:00"


class Cramped(FakeModel):
    """A model that can do one thing at a time, and for some texts not even that."""

    def answer(self, text):
        def compute(parts):
            if len(parts) > 1 or "huge" in text:
                raise MemoryError("Unable to allocate 2.00 KiB for an array")
            return parts

        return list(self.memory.chunks("the echo", "part", range(4), 4, compute))


class Strained(Echo):
    """An echo that asks its model."""

    def run(self, model, prompt, params):
        if "outside" in prompt.text:
            raise MemoryError("Unable to allocate 2.00 KiB for an array")
        if "small" not in prompt.text:
            model.answer(prompt.text)
        return super().run(model, prompt, params)


def strained(store, **texts):
    """What becomes of texts, by name."""
    todo = assignment(store, texts)
    analyses = Registry("analysis", {"echo": "tests.test_worker:Strained"}, group="ecco_reports.no_such_group")
    ended = [each for each in work(replace(todo, load=Cramped, analyses=analyses)) if isinstance(each, Finished)]
    return dict(zip(texts, ended, strict=True))


def test_what_was_done_in_parts_for_want_of_memory_is_noted_where_a_result_comes_from_and_only_there(store):
    found = strained(store, first="x", second="small", third="y")
    note = "For want of memory, the echo took one part at a time instead of 4."
    assert [each.provenance.notes for each in found.values()] == [(note,), (), (note,)]
    assert store.get(found["first"].key, EchoResult).provenance.notes == (note,)


def test_what_is_too_much_even_in_parts_fails_with_the_bytes_that_it_wanted(store):
    found = strained(store, first="huge", second="outside", third="x")
    assert [each.failure and each.failure.kind for each in found.values()] == ["ModelMemoryError"] * 2 + [None]
    assert "memory for the echo, even one part at a time; 2.0 KiB (2,048 bytes)" in found["first"].failure.message
    assert "memory for the analysis echo; 2.0 KiB (2,048 bytes)" in found["second"].failure.message
    assert "MemoryError: Unable to allocate" in found["second"].failure.traceback


def test_a_model_that_does_not_fit_says_how_much_it_wanted(store):
    def load_all(_):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 4096 bytes.")

    (finished,) = work(replace(assignment(store, {"p": "x"}), load=load_all))
    assert finished.failure.kind == "ModelMemoryError"
    assert "memory for loading it; 4.0 KiB (4,096 bytes)" in finished.failure.message


class Modest(FakeModel):
    """A model that three threads serve best."""

    best_threads = 3


def print_threads(folder):
    """Prints how many threads torch may use within each batch and after it."""
    import torch

    torch.set_num_threads(4)
    for number, (share, model) in enumerate(
        [(2, FakeModel), (None, FakeModel), (2, Modest), (4, Modest), (None, Modest)]
    ):
        todo = assignment(Store(folder), {"p": f"text {number}"}, threads=share)
        messages = work(replace(todo, load=model))
        next(messages)
        within = torch.get_num_threads()
        list(messages)
        print(within, torch.get_num_threads())


def test_torch_keeps_to_the_workers_share_and_to_what_serves_the_model_while_the_batch_lasts(store):
    code = f"from tests.test_worker import *; print_threads({str(store.folder)!r})"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines() == ["2 4", "4 4", "2 4", "3 4", "3 4"]


def test_a_model_without_torch_brings_no_torch(store):
    code = (
        "import sys; from tests.test_worker import *\n"
        f"list(work(assignment(Store({str(store.folder)!r}), {{'p': 'x'}}, threads=1)))\n"
        "print('torch' in sys.modules)"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
    assert len(list(Path(store.folder).rglob("result.json"))) == 1
