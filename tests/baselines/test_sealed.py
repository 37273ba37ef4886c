"""Files that people read and nobody edits: what is laid out how, and what is refused with which sentence."""

from __future__ import annotations

import json
import os
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.baselines.sealed import LARGEST, Kind, laid_out, read_sealed, write_sealed
from ecco_reports.errors import BaselineError
from ecco_reports.records import digest
from ecco_reports.snapshot import SNAPSHOT_SCHEMA

VALUES = {"numbers": [1, 2.5, -3e-9], "words": {"é": "東京 \u2028 \ud800", "none": None}, "nested": [[1, 2], {"a": []}]}

plain = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=40) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=60,
)


@pytest.fixture
def file(tmp_path):
    """A sealed file."""
    path = tmp_path / "demo.json"
    write_sealed(path, Kind.BASELINE, VALUES)
    return path


def refusal(path):
    """The sentence a file is refused with, once it is certain that it was left alone."""
    before = path.read_bytes()
    with pytest.raises(BaselineError) as caught:
        read_sealed(path, again="bless it again")
    assert path.read_bytes() == before
    assert "\n" not in str(caught.value)
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_what_was_written_comes_back(file):
    assert read_sealed(file, again="") == (Kind.BASELINE, VALUES)


@given(plain)
def test_layout_says_the_same_as_json(value):
    assert json.loads(laid_out({"value": value})) == {"value": value}


def test_a_metric_has_a_line_of_its_own_and_what_is_deeper_stands_on_one_where_it_fits():
    entry = {"metrics": {"rank": 1.0, "p": 0.5}, "trace": {"steps": [{"label": "a", "p": {"b": 0.5}}], "ranks": [3, 2]}}
    assert laid_out({"snapshot": {"entries": [entry]}}).splitlines() == [
        "{",
        ' "snapshot": {',
        '  "entries": [',
        "   {",
        '    "metrics": {',
        '     "rank": 1.0,',
        '     "p": 0.5',
        "    },",
        '    "trace": {',
        '     "steps": [{"label": "a", "p": {"b": 0.5}}],',
        '     "ranks": [3, 2]',
        "    }",
        "   }",
        "  ]",
        " }",
        "}",
    ]


def test_a_long_list_of_numbers_fills_its_lines():
    lines = laid_out({"numbers": list(range(100))}).splitlines()
    assert len(lines) < 10
    assert max(map(len, lines)) <= 110


def test_a_changed_number_changes_one_line_beside_the_checksum(tmp_path):
    files = [tmp_path / "one.json", tmp_path / "two.json"]
    for path, rank in zip(files, (1.0, 2.0), strict=True):
        write_sealed(path, Kind.BASELINE, {"snapshot": {"entries": [{"metrics": {"rank": rank, "p": 0.5}}]}})
    one, two = (path.read_text().splitlines() for path in files)
    changed = [pair for pair in zip(one, two, strict=True) if pair[0] != pair[1]]
    assert [pair[0].split('"')[1] for pair in changed] == ["sha256", "rank"]


def test_a_file_that_was_only_laid_out_anew_is_as_good_as_before(file):
    values = json.loads(file.read_text(encoding="utf-8"))
    file.write_bytes(json.dumps(values, sort_keys=True, indent=8).replace("\n", "\r\n").encode())
    assert read_sealed(file, again="") == (Kind.BASELINE, VALUES)


@pytest.mark.parametrize("cut", [0, 1, 40, -2])
def test_a_truncated_file_is_refused(file, cut):
    file.write_bytes(file.read_bytes()[:cut])
    assert "is truncated or no JSON" in refusal(file)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"PK\x03\x04", b"[" * 100_000, b"9" * 5000, b"<html>"])
def test_what_is_no_json_is_refused(file, data):
    file.write_bytes(data)
    assert "no JSON" in refusal(file)


@pytest.mark.parametrize("value", [[], 7, {"ecco_reports": "comparison"}, {"ecco_reports": ["run"]}, {"a": 1}])
def test_other_json_is_refused(file, value):
    file.write_text(json.dumps(value))
    assert "is JSON, but neither a baseline nor a record of a run" in refusal(file)


def resealed(file, **changes):
    """Another file with a checksum that is right."""
    content = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    content.pop("sha256")
    file.write_text(json.dumps({**content, "sha256": digest(content)}))


def test_an_older_schema_is_refused_by_name(file):
    resealed(file, schema=SNAPSHOT_SCHEMA - 1)
    assert "was made by an older version of ecco-reports" in refusal(file)
    assert "bless it again" in refusal(file)


def test_a_newer_schema_is_refused_by_name(file):
    resealed(file, schema=SNAPSHOT_SCHEMA + 1)
    assert "was made by a newer version of ecco-reports" in refusal(file)
    assert "update ecco-reports" in refusal(file)


@pytest.mark.parametrize("schema", [None, "1", 1.0, True])
def test_a_schema_that_is_none_is_refused(file, schema):
    resealed(file, schema=schema)
    assert "does not say its schema" in refusal(file)


def test_a_number_edited_by_hand_is_found(file):
    file.write_text(file.read_text(encoding="utf-8").replace("2.5", "2.6"), encoding="utf-8")
    assert "was changed by hand" in refusal(file)
    assert "bless it again" in refusal(file)


def test_a_missing_checksum_is_found(file):
    content = json.loads(file.read_text(encoding="utf-8"))
    content.pop("sha256")
    file.write_text(json.dumps(content))
    assert "was changed by hand" in refusal(file)


@pytest.mark.parametrize("literal", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_a_number_that_is_none_is_refused_by_name(file, literal):
    file.write_text(file.read_text(encoding="utf-8").replace("2.5", literal), encoding="utf-8")
    assert f"holds {literal}" in refusal(file)


def test_a_name_that_stands_twice_is_refused(file):
    file.write_text(file.read_text(encoding="utf-8").replace('"none": null', '"none": null, "none": 1'))
    assert "says 'none' twice" in refusal(file)


def test_a_file_too_large_is_refused_unread(file):
    os.truncate(file, LARGEST + 1)
    with pytest.raises(BaselineError, match="is too large to be a baseline: 100 MB"):
        read_sealed(file, again="")
    assert file.stat().st_size == LARGEST + 1


def test_a_file_that_would_be_too_large_to_be_read_is_not_written(file, monkeypatch):
    before = file.read_bytes()
    monkeypatch.setattr("ecco_reports.baselines.sealed.LARGEST", 3000)
    with pytest.raises(BaselineError, match="Divide the experiment"):
        write_sealed(file, Kind.BASELINE, {"long": "x" * 3000})
    assert file.read_bytes() == before


def test_a_folder_a_link_and_a_pipe_are_refused_and_never_written_over(tmp_path, file):
    (tmp_path / "folder.json").mkdir()
    (tmp_path / "link.json").symlink_to(file)
    (tmp_path / "dangling.json").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe.json")
    before = file.read_bytes()
    for name, said in {
        "folder": "is a folder",
        "link": "is a symbolic link",
        "dangling": "is a symbolic link",
        "pipe": "is no plain file",
    }.items():
        path = tmp_path / f"{name}.json"
        with pytest.raises(BaselineError, match=said):
            read_sealed(path, again="")
        with pytest.raises(BaselineError, match=said):
            write_sealed(path, Kind.BASELINE, {"other": 1})
    assert (tmp_path / "link.json").is_symlink()
    assert (tmp_path / "dangling.json").is_symlink()
    assert file.read_bytes() == before


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(BaselineError, match=r"nowhere\.json cannot be read: No such file"):
        read_sealed(tmp_path / "nowhere.json", again="")


def test_what_cannot_be_written_leaves_what_was_there(file):
    before = file.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_sealed(file, Kind.BASELINE, {"number": float("nan")})
    (file.parent / "plain").write_text("no folder")
    with pytest.raises(BaselineError, match=r"plain.demo\.json cannot be .*Not a directory"):
        write_sealed(file.parent / "plain" / "demo.json", Kind.BASELINE, VALUES)
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir()) == ["demo.json", "plain"]


def test_writers_at_once_leave_one_whole_file(tmp_path):
    path = tmp_path / "demo.json"

    def write(number):
        write_sealed(path, Kind.BASELINE, {"number": number, "long": ["x" * 50] * 2000})
        return read_sealed(path, again="")[1]["number"]

    with ThreadPoolExecutor(8) as pool:
        seen = list(pool.map(write, range(40)))
    assert set(seen) <= set(range(40))
    assert [found.name for found in tmp_path.iterdir()] == ["demo.json"]
