"""Baselines: what is blessed comes back, and never under another experiment's name."""

from __future__ import annotations

import json

import pytest

import ecco_reports
from ecco_reports.baselines import blessed_for, blessed_names, leave_record, read_baseline, write_baseline
from ecco_reports.errors import BaselineError
from ecco_reports.records import digest
from ecco_reports.snapshot import Snapshot
from tests.baselines.making import entry, snapshot


def test_what_was_blessed_comes_back_with_who_when_and_why(tmp_path):
    taken = snapshot(
        texts={"z": "last first", "a": "é\u2028東京"},
        models=("facts", "other"),
        entries=(
            entry("z", failure="it tripped", metrics={}),
            entry("a", lacking=True, failure="no gradients", unproven=("gap: 0.5",)),
            entry("z", "other", unmeasured={"": "no"}, metrics={"one": 1e-9, "two": -3.0}, trace={"a": [[1, 0.5], {}]}),
        ),
    )
    path = write_baseline(tmp_path / "baselines", taken, note="The first one.")
    assert path == tmp_path / "baselines" / "demo.json"
    blessed = read_baseline(path, "demo")
    assert blessed.snapshot == taken
    assert list(blessed.snapshot.prompts) == ["z", "a"]
    assert blessed.blessing.note == "The first one."
    assert blessed.blessing.version == ecco_reports.__version__
    assert blessed.blessing.when.startswith("20")


def test_the_file_is_text_that_people_can_read(tmp_path):
    text = write_baseline(tmp_path, snapshot(texts={"tokyo": "東京"})).read_text(encoding="utf-8")
    assert '"target_rank": 1.0' in text
    assert "東京" in text
    assert '"failure"' not in text
    assert text.endswith("}\n")
    assert max(map(len, text.splitlines())) < 120


def test_blessing_again_replaces(tmp_path):
    write_baseline(tmp_path, snapshot(), "one")
    write_baseline(tmp_path, snapshot(commit="d" * 40), "two")
    found = read_baseline(tmp_path / "demo.json")
    assert (found.blessing.note, found.snapshot.commit) == ("two", "d" * 40)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_the_baselines_that_are_there_are_taken(tmp_path):
    write_baseline(tmp_path, snapshot("here"))
    (tmp_path / "README.md").write_text("Blessed by us.")
    (tmp_path / ".hidden.json").write_text("{}")
    assert blessed_names(tmp_path) == ("here",)
    assert blessed_for(["gone", "here"], tmp_path) == {"here": snapshot("here")}
    assert blessed_names(tmp_path / "nowhere") == ()
    assert blessed_for(["here"], tmp_path / "nowhere") == {}


def refused(path, said, experiment=None):
    before = path.read_bytes()
    with pytest.raises(BaselineError, match=said):
        read_baseline(path, experiment)
    assert path.read_bytes() == before


def test_the_file_of_another_experiment_under_this_name_is_refused(tmp_path):
    write_baseline(tmp_path, snapshot("other")).rename(tmp_path / "demo.json")
    refused(tmp_path / "demo.json", "is the baseline of another experiment, 'other', not of 'demo'", "demo")
    with pytest.raises(BaselineError, match="another experiment"):
        blessed_for(["demo"], tmp_path)


def test_a_copy_under_any_name_is_read_where_nobody_asked_for_an_experiment(tmp_path):
    write_baseline(tmp_path, snapshot()).rename(tmp_path / "of-last-year.json")
    assert read_baseline(tmp_path / "of-last-year.json").snapshot == snapshot()


def test_a_damaged_baseline_is_an_error_even_where_others_are_fine(tmp_path):
    write_baseline(tmp_path, snapshot("fine"))
    (tmp_path / "demo.json").write_text("{")
    with pytest.raises(BaselineError, match="truncated"):
        blessed_for(["fine", "demo"], tmp_path)


def test_the_record_of_a_run_is_no_baseline(tmp_path):
    name = leave_record(tmp_path, {"demo": snapshot()})
    refused(tmp_path / "runs" / f"{name}.json", "is the record of a run, not a baseline")


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"snapshot": None}, "the whole"),
        ({"blessed": {"when": "now"}}, "version"),
        ({"snapshot": {**snapshot().model_dump(mode="json"), "colour": "red"}}, "colour"),
        ({"snapshot": {**snapshot().model_dump(mode="json"), "entries": [{"model": 7}]}}, "entries.0.model"),
    ],
)
def test_a_sealed_file_with_other_fields_is_refused_by_the_place(tmp_path, changes, place):
    path = write_baseline(tmp_path, snapshot())
    content = {**json.loads(path.read_text(encoding="utf-8")), **changes}
    content.pop("sha256")
    path.write_text(json.dumps({**content, "sha256": digest(content)}))
    refused(path, rf"not as this version of ecco-reports writes it \({place}: ")


def test_what_is_left_out_of_a_file_is_only_what_is_as_it_mostly_is(tmp_path):
    values = json.loads(write_baseline(tmp_path, snapshot()).read_text(encoding="utf-8"))
    assert Snapshot.model_validate(values["snapshot"]) == snapshot()
