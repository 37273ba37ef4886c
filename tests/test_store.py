from __future__ import annotations

import hashlib
import json
import logging
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Mapping

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from ecco_reports.errors import NotFiniteError, StoreError
from ecco_reports.records import SCHEMA_VERSION, Array, Provenance, Record, join_arrays, split_arrays
from ecco_reports.store import Store
from tests.fakes import ROOT

KEY = "ab" + "0" * 62
OTHER = "cd" + "0" * 62
PROVENANCE = Provenance(
    created="2026-11-20T12:00:00+00:00", seconds=0.5, device="cpu", dtype="float32", seed=3, commit=None, versions={}
)


class Leaf(Record):
    label: str
    weights: Array


class Sample(Record):
    title: str = "Ü 🐉 \u202eabc \x00 </script>"
    number: float = 0.1
    scores: Array = np.arange(6, dtype=np.float32).reshape(2, 3) / 7
    leaves: tuple[Leaf, ...] = ()
    by_name: Mapping[str, Array] = {}
    notes: Mapping[str, str] = {}
    maybe: Leaf | None = None


class Note(Record):
    message: str


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def put(store, record=None, key=KEY):
    store.put(key, record or Sample(), PROVENANCE, {"why": "test"})


def file_of(store, pattern, key=KEY):
    (path,) = (store.folder / "results" / key[:2] / key).glob(pattern)
    return path


def same(left, right):
    """Whether two records hold the same values and the same bits."""
    left_values, left_arrays = split_arrays(left)
    right_values, right_arrays = split_arrays(right)
    assert left_values == right_values
    assert left_arrays.keys() == right_arrays.keys()
    for path, array in left_arrays.items():
        other = right_arrays[path]
        assert (array.dtype, array.shape, array.tobytes()) == (other.dtype, other.shape, other.tobytes()), path
    return True


def test_what_was_never_stored_is_missing(store):
    assert not store.has(KEY)
    assert store.get(KEY, Sample) is None


def test_a_result_comes_back_bit_for_bit(store):
    record = Sample(
        number=-0.0,
        scores=np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)),
        leaves=(Leaf(label="東京", weights=np.zeros((0, 5), np.float16)), Leaf(label="", weights=np.array(7, ">i4"))),
        by_name={
            "a.b": np.array([True, False]),
            "a": np.array(["x", "yé"]),
            "file": np.ones(1),
            "allow_pickle": np.ones(2),
        },
        notes={"$array": "scores", "$$array": "y", "z": "1", "a": "2"},
        maybe=Leaf(label="n", weights=np.array([5e-324, 1.7976931348623157e308])),
    )
    put(store, record)
    stored = store.get(KEY, Sample)
    assert store.has(KEY)
    assert same(stored.result, record)
    assert np.signbit(stored.result.number)
    assert list(stored.result.notes) == ["$array", "$$array", "z", "a"]
    assert stored.provenance == PROVENANCE
    assert not stored.result.scores.flags.writeable


def test_a_result_without_arrays_is_one_file(store):
    store.put(KEY, Note(message="hello"), PROVENANCE, {})
    assert store.get(KEY, Note).result == Note(message="hello")
    assert [path.name for path in file_of(store, "result.json").parent.iterdir()] == ["result.json"]


def test_the_metadata_says_what_the_key_was_made_of(store):
    put(store)
    body = json.loads(file_of(store, "result.json").read_text())["body"]
    assert body["made_of"] == {"why": "test"}
    assert body["key"] == KEY


@pytest.mark.parametrize(
    ("record", "field"),
    [
        (Sample(number=float("nan")), "number"),
        (Sample(scores=np.array([1.0, np.inf], np.float32)), "scores"),
        (Sample(leaves=(Leaf(label="a", weights=np.array([np.nan])),)), "leaves.0.weights"),
    ],
)
def test_a_number_that_is_not_finite_is_refused_by_name(store, record, field):
    with pytest.raises(NotFiniteError, match=f"'{field}' holds a number that is not finite"):
        put(store, record)
    assert not store.folder.exists()


def test_a_number_of_an_array_that_is_not_finite_is_named_with_its_place(store):
    scores = np.array([[1.0, 2.0], [3.0, -np.inf]], np.float32)
    with pytest.raises(
        NotFiniteError, match=r"'scores' holds a number that is not finite: -inf at \[1, 1\]\."
    ) as caught:
        put(store, Sample(scores=scores))
    assert (caught.value.field, caught.value.index) == ("scores", (1, 1))


def truncate(data):
    return data[: len(data) // 2]


def flip(data):
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


DAMAGES = {
    "truncated": truncate,
    "one bit flipped": flip,
    "empty": lambda data: b"",
    "longer": lambda data: data + b"\n",
}


@pytest.mark.parametrize("pattern", ["result.json", "arrays-*.npz"])
@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_what_is_damaged_counts_as_missing_is_reported_once_and_can_be_stored_again(store, caplog, pattern, damage):
    put(store)
    path = file_of(store, pattern)
    path.write_bytes(damage(path.read_bytes()))
    with caplog.at_level(logging.WARNING):
        assert store.get(KEY, Sample) is None
        assert store.get(KEY, Sample) is None
    assert len(caplog.records) == 1
    assert KEY[:12] in caplog.text
    put(store)
    assert same(store.get(KEY, Sample).result, Sample())


@pytest.mark.parametrize("damage", ["truncated", "empty", "longer"])
def test_has_promises_nothing_when_a_file_has_the_wrong_size(store, damage):
    for pattern in ("result.json", "arrays-*.npz"):
        put(store)
        path = file_of(store, pattern)
        path.write_bytes(DAMAGES[damage](path.read_bytes()))
        assert not store.has(KEY)


def test_a_flip_of_any_byte_of_the_metadata_is_seen(store, caplog):
    put(store)
    path = file_of(store, "result.json")
    whole = path.read_bytes()
    for position in range(len(whole)):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 4]) + whole[position + 1 :])
        assert not store.has(KEY), position


def test_arrays_that_are_gone_count_as_damaged(store):
    put(store)
    file_of(store, "arrays-*.npz").unlink()
    assert not store.has(KEY)
    assert store.get(KEY, Sample) is None


def test_sound_arrays_of_another_result_count_as_damaged(store):
    put(store)
    put(store, Sample(scores=Sample().scores + 1), OTHER)
    file_of(store, "arrays-*.npz").write_bytes(file_of(store, "arrays-*.npz", OTHER).read_bytes())
    assert store.get(KEY, Sample) is None


def test_a_result_of_another_kind_counts_as_damaged(store):
    put(store)
    assert store.get(KEY, Note) is None


def reseal(path, change):
    """Rewrites metadata honestly, the way another version of the program would."""
    body = json.loads(path.read_text())["body"] | change
    data = json.dumps(body, separators=(",", ":"))
    path.write_text(f'{{"sha256":"{hashlib.sha256(data.encode()).hexdigest()}","body":{data}}}\n')


def test_a_result_of_another_schema_version_is_missing_without_complaint(store, caplog):
    put(store)
    reseal(file_of(store, "result.json"), {"seen": "by another program"})
    assert store.has(KEY)
    reseal(file_of(store, "result.json"), {"schema": SCHEMA_VERSION + 1})
    assert not store.has(KEY)
    assert store.get(KEY, Sample) is None
    assert not caplog.records


def test_a_result_in_the_place_of_another_counts_as_damaged(store):
    put(store)
    put(store, key=OTHER)
    file_of(store, "result.json", OTHER).write_bytes(file_of(store, "result.json").read_bytes())
    assert store.get(OTHER, Sample) is None


def test_what_a_killed_writer_leaves_disturbs_nobody(store):
    folder = store.folder / "results" / KEY[:2] / KEY
    folder.mkdir(parents=True)
    (folder / ".result.json.0123.tmp").write_bytes(b'{"sha256":"')
    (folder / "arrays-0123456789abcdef.npz").write_bytes(b"PK")
    assert not store.has(KEY)
    put(store)
    assert same(store.get(KEY, Sample).result, Sample())


def test_a_failure_is_no_result_and_is_forgotten_when_the_result_comes(store):
    store.put_failure(KEY, Note(message="tripped"), PROVENANCE)
    assert not store.has(KEY)
    assert store.failure(KEY, Note).result == Note(message="tripped")
    put(store)
    assert store.failure(KEY, Note) is None
    assert not (store.folder / "failures" / f"{KEY}.json").exists()


def test_a_damaged_failure_is_forgotten(store):
    store.put_failure(KEY, Note(message="tripped"), PROVENANCE)
    path = store.folder / "failures" / f"{KEY}.json"
    path.write_bytes(truncate(path.read_bytes()))
    assert store.failure(KEY, Note) is None


def test_a_store_that_cannot_be_made_says_so_in_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    store = Store(tmp_path / "file" / "store")
    assert not store.has(KEY)
    with pytest.raises(StoreError, match=r"The store .* cannot be written: Not a directory"):
        put(store)


def in_a_process(code, folder):
    """Runs code on a store in a process whose limits and rights may be changed."""
    script = f"from tests.test_store import *\nstore = Store({str(folder)!r})\n{code}"
    return subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)


def test_a_full_disk_harms_nothing_that_was_stored(store):
    put(store)
    ended = in_a_process(
        "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "try: put(store, Sample(scores=np.zeros(5000)), OTHER)\n"
        "except StoreError as error: print(error)",
        store.folder,
    )
    assert "cannot be written: File too large" in ended.stdout
    assert "make room" in ended.stdout
    assert same(store.get(KEY, Sample).result, Sample())
    assert store.get(OTHER, Sample) is None
    assert not list(store.folder.rglob("*.tmp"))


@pytest.mark.parametrize(
    ("deed", "complaint"), [("put(store, key=OTHER)", "cannot be written"), ("store.has(KEY)", "may not be read")]
)
def test_missing_permissions_are_said_in_a_sentence(store, deed, complaint):
    put(store)
    store.folder.chmod(0)
    ended = in_a_process(
        f"if os.geteuid() == 0: os.seteuid(65534)\ntry: {deed}\nexcept StoreError as error: print(error)",
        store.folder,
    )
    store.folder.chmod(0o755)
    assert complaint in ended.stdout, ended.stderr
    assert "Permission denied" in ended.stdout


def write_often(folder, value, times):
    store = Store(folder)
    for _ in range(times):
        put(store, Sample(number=value, scores=np.full(50, value)))


def test_two_writers_of_one_key_never_show_a_mixture(store):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=write_often, args=(store.folder, value, 60)) for value in (1.0, 2.0)]
    for writer in writers:
        writer.start()
    seen = set()
    while any(writer.is_alive() for writer in writers):
        there_before = store.has(KEY)
        stored = store.get(KEY, Sample)
        assert stored is not None or not there_before
        if stored is not None:
            assert (stored.result.scores == stored.result.number).all()
            seen.add(stored.result.number)
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    assert seen
    assert store.get(KEY, Sample).result.number in {1.0, 2.0}


dtypes = st.one_of(arrays_of.floating_dtypes(), arrays_of.integer_dtypes(), arrays_of.boolean_dtypes())
some_arrays = arrays_of.arrays(dtypes, arrays_of.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3))
names = st.one_of(st.sampled_from(["$array", "$$array", "a", "a.b", "b", "0", ""]), st.text(max_size=4))


class Tangle(Record):
    deep: dict[str, dict[str, Array]]
    notes: dict[str, str]
    rows: tuple[dict[str, Array], ...]


tangles = st.builds(
    Tangle,
    deep=st.dictionaries(names, st.dictionaries(names, some_arrays, max_size=3), max_size=3),
    notes=st.dictionaries(names, names, max_size=3),
    rows=st.lists(st.dictionaries(names, some_arrays, max_size=2), max_size=2).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(tangles)
def test_taking_a_record_apart_loses_nothing(record):
    values, arrays = split_arrays(record)
    back = join_arrays(Tangle, json.loads(json.dumps(values)), arrays.__getitem__)
    assert same(back, record)
    assert list(back.deep) == list(record.deep)
    assert all(list(back.deep[name]) == list(record.deep[name]) for name in record.deep)


def test_a_store_needs_no_more_than_its_folder(store):
    put(store)
    assert Store(str(store.folder)).has(KEY)
    assert os.listdir(store.folder) == ["results"]  # noqa: PTH208
