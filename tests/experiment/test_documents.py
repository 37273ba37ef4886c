"""YAML as its version 1.2 means it, with places, from files nobody vouches for."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.errors import ExperimentError, Problem
from ecco_reports.experiment.composer import MAX_DEPTH, compose
from ecco_reports.experiment.documents import read_document
from ecco_reports.experiment.nodes import Place


def plain(text: str) -> object:
    root, problems = compose(text, "file.yaml")
    assert problems == ()
    return root.plain()


def complaints(text: str) -> list[str]:
    """What is said of a text, whether it could be read over or not."""
    try:
        return [str(problem) for problem in compose(text, "file.yaml")[1]]
    except ExperimentError as error:
        return [str(problem) for problem in error.problems]


def complaint_of(path: Path) -> Problem:
    with pytest.raises(ExperimentError) as caught:
        read_document(path)
    (problem,) = caught.value.problems
    return problem


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", "no"),
        ("off", "off"),
        ("on", "on"),
        ("yes", "yes"),
        ("y", "y"),
        ("true", True),
        ("False", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("1e-3", 0.001),
        ("1E3", 1000.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("010", 10),
        ("0o10", 8),
        ("0x1F", 31),
        ("-7", -7),
        ("+7", 7),
        ("12:30", "12:30"),
        ("1:30:00", "1:30:00"),
        ("2001-12-14", "2001-12-14"),
        ("2001-12-14t21:59:43.10-05:00", "2001-12-14t21:59:43.10-05:00"),
        ("1_000", "1_000"),
        ("0b1", "0b1"),
        ("1.2.3", "1.2.3"),
        ('"1"', "1"),
        ("'no'", "no"),
        ("1, 1, 1,", "1, 1, 1,"),
    ],
)
def test_a_scalar_means_what_the_core_schema_says(written: str, meant: object) -> None:
    value = plain(f"key: {written}")["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_keys_are_texts_whatever_they_look_like() -> None:
    assert plain("no: a\n1: b\nnull: c") == {"no": "a", "1": "b", "null": "c"}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_that_python_writes_is_read_back(number: float) -> None:
    assert plain(f"[{number!r}]") == [number]


@given(st.integers(min_value=-(10**50), max_value=10**50))
def test_every_whole_number_is_read_back(number: int) -> None:
    assert plain(f"[{number}]") == [number]


def test_merge_keys_take_in_anchors_and_own_keys_win() -> None:
    text = "one: &one {a: 1, b: 1}\ntwo: &two {b: 2, c: 2}\nboth:\n  <<: [*one, *two]\n  a: 3\n"
    assert plain(text)["both"] == {"a": 3, "b": 1, "c": 2}


def test_a_merged_value_stands_where_it_was_written() -> None:
    root, _ = compose("base: &base\n  a: 1\nuser:\n  <<: *base\n", "file.yaml")
    assert root.at(("user", "a")) == Place("file.yaml", 2, 6)
    assert root.at(("user", "a"), key=True) == Place("file.yaml", 2, 3)


def test_places_are_counted_from_one_in_characters() -> None:
    root, _ = compose('é: "😀"\nlist:\n  - a\n  - {k: v}\n', "file.yaml")
    assert root.at(("é",)) == Place("file.yaml", 1, 4)
    assert root.at(("list", 1, "k")) == Place("file.yaml", 4, 9)
    assert root.at(("list", 1, "k"), key=True) == Place("file.yaml", 4, 6)


def test_a_path_that_leads_nowhere_stands_at_the_nearest_part_that_exists() -> None:
    root, _ = compose("outer:\n  inner:\n    a: 1\n", "file.yaml")
    assert root.at(("outer", "inner", "missing", "deeper", 3)) == Place("file.yaml", 2, 3)
    assert root.at(("missing",)) == Place("file.yaml", 1, 1)


def test_laying_over_merges_mappings_and_replaces_the_rest() -> None:
    base, _ = compose("a: {x: 1, y: [1, 2]}\nb: 1\n", "base.yaml")
    over, _ = compose("a: {y: [3], z: null}\nc: 2\n", "over.yaml")
    merged = over.over(base)
    assert merged.plain() == {"a": {"x": 1, "y": [3], "z": None}, "b": 1, "c": 2}
    assert merged.at(("a", "x")).file == "base.yaml"
    assert merged.at(("a", "y")).file == "over.yaml"


@pytest.mark.parametrize(
    ("text", "where", "words"),
    [
        ("a:\n\tb: 1\n", "2:1", "a tab stands where YAML wants spaces"),
        ("a: 1\nb: 2\na: 3\n", "3:1", "the key 'a' stands here a second time; the first is in line 1"),
        ("a: !!python/object/apply:os.system [ls]\n", "1:4", "the tag !!python/object/apply:os.system is refused"),
        ("a: !secret x\n", "1:4", "the tag !secret is refused"),
        ("a: !!int 3\n", "1:4", "the tag !!int is refused"),
        ("a: .nan\n", "1:4", ".nan is not a number that can be computed with"),
        ("a: [-.inf]\n", "1:5", "-.inf is not a number that can be computed with"),
        ("a: 1e999\n", "1:4", "1e999 is too large a number"),
        (f"a: {'9' * 5000}\n", "1:4", "this number has 5000 characters"),
        ("a: *b\n", "1:4", "the alias *b stands for nothing"),
        ("a: &a [1, *a]\n", "1:11", "the alias *a stands inside what it stands for"),
        ("a: b: c\n", "1:5", "no value can start here"),
        ("a: [1, 2\nb: 3\n", "2:2", "a bracket is not closed, or a comma is missing"),
        ('a: "x\n', "2:1", "the file ends inside a quoted text"),
        ("a: 1\n b: 2\n", "2:3", "no value can start here"),
        ("- a\nb: 1\n", "2:1", "this does not fit what stands above it"),
        ("a: @x\n", "1:4", "a text cannot begin with @"),
        ("[1, 2]: a\n", "1:1", "a key must be a text"),
        ("a: 1\n---\nb: 2\n", "2:1", "a second document begins here"),
        ("<<: 3\n", "1:5", "`<<` takes in a mapping"),
        ("a: x\x00y\n", "1:5", "the character U+0000 cannot stand in a YAML file"),
        ("a: x\u2028y\n", "1:5", "the character U+2028 is a line break to some readers"),
        ('a: "\\UFFFFFFFF"\n', "1:7", "this escape is not a character of Unicode"),
    ],
)
def test_what_is_wrong_is_said_at_its_place(text: str, where: str, words: str) -> None:
    (said,) = complaints(text)
    assert said.startswith(f"file.yaml:{where}: "), said
    assert words in said


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n...\n", "null\n"])
def test_an_empty_file_is_called_empty(text: str) -> None:
    assert complaints(text) == ["file.yaml: the file is empty."]


def test_several_slips_are_reported_in_one_go() -> None:
    assert [said.split(": ")[0] for said in complaints("a: 1\na: 2\nb: !x 1\nc: .nan\n")] == [
        "file.yaml:2:1",
        "file.yaml:3:4",
        "file.yaml:4:4",
    ]


def test_slips_before_a_syntax_error_are_reported_with_it() -> None:
    assert len(complaints("a: 1\na: 2\nb: c: d\n")) == 2


def test_a_billion_laughs_are_refused() -> None:
    lines = ["a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]
    (said,) = complaints("\n".join(lines))
    assert "with what its aliases stand for, the file has more than 100,000 values" in said


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "{a: " * 100_000])
def test_deep_nesting_is_refused_before_it_hurts(text: str) -> None:
    (said,) = complaints(text)
    assert f"nested more than {MAX_DEPTH} deep" in said


def test_depth_by_aliases_counts_as_depth() -> None:
    lines = ["a0: &a0 [[[[[[x]]]]]]"] + [f"a{n}: &a{n} [[[[[[*a{n - 1}]]]]]]" for n in range(1, 500)]
    (said,) = complaints("\n".join(lines))
    assert f"nested more than {MAX_DEPTH} deep" in said


def test_escaped_surrogates_join_to_a_character_and_halves_stay_halves() -> None:
    assert plain(r'a: "\ud83d\ude00 \ud83d \0"') == {"a": "😀 \ud83d \0"}


def test_a_missing_file_is_answered_with_the_names_near_it(tmp_path: Path) -> None:
    (tmp_path / "heathrow.yaml").write_text("a: 1")
    problem = complaint_of(tmp_path / "heatrow.yaml")
    assert problem.where == str(tmp_path / "heatrow.yaml")
    assert problem.message == "there is no such file."
    assert problem.hint == f"Did you mean {str(tmp_path / 'heathrow.yaml')!r}?"


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert (
        complaint_of(tmp_path / "nowhere" / "a.yaml").hint
        == f"There is no folder {str(tmp_path / 'nowhere')!r} either."
    )


def test_a_folder_is_not_a_document(tmp_path: Path) -> None:
    assert complaint_of(tmp_path).message == "this is not a file."


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert complaint_of(tmp_path / "pipe.yaml").message == "this is not a file."


def test_a_name_that_no_file_can_have_is_no_crash(tmp_path: Path) -> None:
    assert "cannot be read" in complaint_of(tmp_path / ("x" * 5000)).message


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "large.yaml"
    with path.open("wb") as file:
        file.truncate(50_000_000)
    assert complaint_of(path).message == "the file has 50.0 MB; at most 1 MB is read."


def test_a_byte_order_mark_is_welcome(tmp_path: Path) -> None:
    path = tmp_path / "mark.yaml"
    path.write_bytes("\ufeffa: é".encode())
    document = read_document(path)
    assert document.root.plain() == {"a": "é"}
    assert document.root.at(("a",)).column == 4


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_called_by_its_name(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "wide.yaml"
    path.write_bytes("title: é".encode(encoding))
    assert complaint_of(path).message == "the file is encoded in UTF-16."


def test_a_byte_that_is_not_utf_8_is_shown_at_its_place(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes("title: é\nname: ".encode() + b"caf\xe9\n")
    problem = complaint_of(path)
    assert (problem.line, problem.column) == (2, 10)
    assert problem.message == "the file is not UTF-8: the byte 0xE9 makes no sense here."
    assert problem.hint == "Save it as UTF-8."
