from __future__ import annotations

import json
import math

import pytest

from ecco_reports.errors import HistoryError
from ecco_reports.history import Added, History, add, histories, read
from ecco_reports.history.files import _seal
from tests.history.makers import commit, line, written


def test_what_is_added_is_read_again(tmp_path):
    lines = [line(number, value) for number, value in enumerate([0.1, 1e-300, 1 / 3])]
    assert [add(tmp_path / "h", one) for one in lines] == [Added.NEW] * 3
    assert read(tmp_path / "h" / "capitals.jsonl") == History("capitals", tuple(lines))
    assert histories(tmp_path / "h")[0].experiment == "capitals"


def test_no_folder_and_no_file_are_an_empty_history(tmp_path):
    assert histories(tmp_path / "none") == ()
    assert read(tmp_path / "none.jsonl") == History("none", ())


def test_lines_are_ordered_by_time_whatever_their_place_in_the_file(tmp_path):
    for number in (2, 0, 1):
        add(tmp_path, line(number))
    assert [one.commit for one in read(tmp_path / "capitals.jsonl").lines] == [commit(0), commit(1), commit(2)]


def test_the_same_commit_with_the_same_content_changes_nothing(tmp_path):
    path = written(tmp_path, [1.0, 2.0])
    before = path.read_bytes()
    assert add(tmp_path, line(1, 2.0 + 1e-6, time="2031-01-01T00:00:00Z", run="https://ci.example/2")) is Added.SAME
    assert path.read_bytes() == before


def test_the_same_commit_with_other_content_is_refused_unless_told(tmp_path):
    path = written(tmp_path, [1.0, 2.0])
    before = path.read_bytes()
    with pytest.raises(HistoryError, match=r"capitals.jsonl tells something else of the commit 0000002 already"):
        add(tmp_path, line(1, 3.0))
    assert path.read_bytes() == before
    assert add(tmp_path, line(1, 3.0), replace=True) is Added.AGAIN
    assert path.read_bytes().startswith(before)
    assert read(path).lines == (line(0, 1.0), line(1, 3.0))


def edited(change):
    def edit(text):
        sealed = json.loads(text)
        change(sealed)
        return json.dumps(sealed)

    return edit


def resealed(change):
    def edit(text):
        sealed = json.loads(text)
        change(sealed["line"])
        return json.dumps(sealed | {"sha256": _seal(sealed["line"])})

    return edit


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda text: text[:-30], "is cut off or no JSON"),
        (lambda text: "[1, 2]", "is JSON, but no line of a history"),
        (lambda text: "<<<<<<< HEAD", "is cut off or no JSON"),
        (lambda text: text.replace('"mean":2.0', '"mean":NaN'), "holds NaN, which is no number"),
        (lambda text: text.replace('"mean":2.0', '"mean":1e999'), "holds 1e999, which is no number"),
        (lambda text: text.replace('"mean":2.0', '"mean":1.0'), "was changed by hand"),
        (edited(lambda sealed: sealed.update(history=0)), "has the schema 0, and this version of ecco-reports knows 1"),
        (edited(lambda sealed: sealed.update(history=2)), "has the schema 2"),
        (edited(lambda sealed: sealed.pop("sha256")), "was changed by hand"),
        (
            resealed(lambda body: body.update(time="yesterday")),
            "is not as this version of ecco-reports writes it (time",
        ),
        (resealed(lambda body: body.update(time="2026-03-01T12:00:00")), "a time needs its distance from UTC"),
        (resealed(lambda body: body.update(colour="red")), "is not as this version of ecco-reports writes it (colour"),
        (resealed(lambda body: body.update(experiment="rivers")), "is of another experiment, 'rivers'"),
    ],
)
def test_a_damaged_line_is_named_and_left_out_and_stays_where_it_is(tmp_path, damage, said):
    path = written(tmp_path, [1.0, 2.0, 3.0])
    lines = path.read_text().splitlines()
    lines[1] = damage(lines[1])
    path.write_text("\n".join(lines) + "\n")
    found = read(path)
    assert [one.commit for one in found.lines] == [commit(0), commit(2)]
    (trouble,) = found.damages
    assert said in str(trouble)
    assert str(trouble).startswith(f"{path}:2: this line ")
    assert str(trouble).endswith(", so it is left out.")
    add(tmp_path, line(5))
    assert path.read_text().splitlines()[:3] == lines


def test_a_line_after_one_that_was_cut_off_begins_anew(tmp_path):
    path = written(tmp_path, [1.0, 2.0])
    whole = path.read_bytes()
    path.write_bytes(whole[:-25])
    assert add(tmp_path, line(2, 3.0)) is Added.NEW
    found = read(path)
    assert [one.commit for one in found.lines] == [commit(0), commit(2)]
    assert [trouble.number for trouble in found.damages] == [2]
    assert path.read_bytes().startswith(whole[:-25] + b"\n")


def test_bytes_that_are_no_text_are_a_damaged_line(tmp_path):
    path = written(tmp_path, [1.0])
    path.write_bytes(path.read_bytes() + b"\xff\xfe\n\n[" + b"[" * 100_000 + b"\n")
    found = read(path)
    assert len(found.lines) == 1
    assert [trouble.number for trouble in found.damages] == [2, 4]


def test_a_history_that_cannot_be_read_or_written_says_so(tmp_path):
    (tmp_path / "capitals.jsonl").mkdir()
    with pytest.raises(HistoryError, match="cannot be read"):
        add(tmp_path, line())
    (tmp_path / "file").write_text("")
    with pytest.raises(HistoryError, match="cannot be"):
        add(tmp_path / "file", line())


def test_the_main_branch_is_the_one_with_most_lines():
    lines = [line(0, branch="main"), line(1, branch="try"), line(2, branch="main")]
    found = History("capitals", tuple(lines))
    assert (found.branch, found.mainline) == ("main", (lines[0], lines[2]))
    assert History("capitals", ()).branch == ""


def test_no_line_holds_what_is_no_number():
    with pytest.raises(ValueError, match="finite"):
        line(0, math.nan)
