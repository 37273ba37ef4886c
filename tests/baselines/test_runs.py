"""Records of runs: one per run that found something new, the newest hundred of them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from ecco_reports.baselines import leave_record, read_record, run_ids, runs, write_baseline
from ecco_reports.errors import BaselineError
from tests.baselines.making import snapshot


def numbered(number):
    return {"demo": snapshot(commit=f"{number:040}")}


def path_of(store, name):
    return store / "runs" / f"{name}.json"


def test_a_record_holds_every_experiment_of_the_run(tmp_path):
    found = {"b": snapshot("b"), "a": snapshot("a", models=("one", "two"))}
    name = leave_record(tmp_path, found)
    assert run_ids(tmp_path) == (name,)
    record = read_record(path_of(tmp_path, name))
    assert record.id == name
    assert dict(record.snapshots) == found
    assert list(record.snapshots) == ["b", "a"]
    assert record.when[:4] == name[:4]


def test_a_run_that_found_nothing_new_leaves_no_second_record(tmp_path):
    first = leave_record(tmp_path, numbered(1))
    before = path_of(tmp_path, first).read_bytes()
    assert leave_record(tmp_path, numbered(1)) == first
    assert run_ids(tmp_path) == (first,)
    assert path_of(tmp_path, first).read_bytes() == before


def test_what_was_only_tried_again_is_nothing_new(tmp_path):
    first = leave_record(tmp_path, {"demo": snapshot(created="2026-11-21T07:00:00+00:00")})
    assert leave_record(tmp_path, {"demo": snapshot(created="2026-11-21T08:00:00+00:00")}) == first


def test_going_back_to_what_was_before_is_a_run_of_its_own_so_that_the_latest_is_what_ran_last(tmp_path):
    names = [leave_record(tmp_path, numbered(number)) for number in (1, 2, 1)]
    assert len(set(names)) == 3
    assert run_ids(tmp_path) == tuple(names)


def test_a_damaged_record_is_replaced_by_one_that_says_the_same(tmp_path):
    first = leave_record(tmp_path, numbered(1))
    path_of(tmp_path, first).write_text("{")
    second = leave_record(tmp_path, numbered(1))
    assert second != first
    assert dict(read_record(path_of(tmp_path, second)).snapshots) == numbered(1)


def test_the_latest_is_what_ran_last_even_if_the_clock_was_put_back(tmp_path, monkeypatch):
    first = leave_record(tmp_path, numbered(1))
    path_of(tmp_path, first).rename(path_of(tmp_path, f"2999{first[4:]}"))
    second = leave_record(tmp_path, numbered(2))
    assert run_ids(tmp_path)[-1] == second
    assert read_record(path_of(tmp_path, second)).when[:4] == first[:4]


def test_ids_sort_by_time_and_end_with_what_was_found(tmp_path):
    names = [leave_record(tmp_path, numbered(number)) for number in range(5)]
    assert names == sorted(names)
    assert len({name[-8:] for name in names}) == 5


def test_only_the_newest_are_kept_and_nothing_else_is_touched(tmp_path, monkeypatch):
    monkeypatch.setattr(runs, "KEPT", 3)
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "my-notes.json").write_text("{}")
    names = [leave_record(tmp_path, numbered(number)) for number in range(5)]
    assert run_ids(tmp_path) == tuple(names[2:])
    assert (tmp_path / "runs" / "my-notes.json").read_text() == "{}"


def test_runs_at_once_each_leave_a_whole_record(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        names = list(pool.map(lambda number: leave_record(tmp_path, numbered(number)), range(24)))
    assert set(run_ids(tmp_path)) == set(names)
    for name in names:
        assert len(read_record(path_of(tmp_path, name)).snapshots) == 1


def test_a_baseline_is_no_record(tmp_path):
    path = write_baseline(tmp_path, snapshot())
    with pytest.raises(BaselineError, match="is a baseline, not the record of a run"):
        read_record(path)
