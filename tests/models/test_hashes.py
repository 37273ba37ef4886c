from __future__ import annotations

import hashlib
import os
import time

import pytest

from ecco_reports.models import hashes
from ecco_reports.models.hashes import sha256_of


@pytest.fixture
def large(tmp_path, monkeypatch):
    """A file that is worth remembering and was written a minute ago."""
    monkeypatch.setattr(hashes, "WORTH_REMEMBERING", 10)
    # The time of a change of the inode cannot be set back, so the clock is put forward instead.
    monkeypatch.setattr(hashes.time, "time", lambda clock=time.time: clock() + 60)
    path = tmp_path / "large"
    path.write_bytes(b"some content that is long enough")
    return path


@pytest.fixture
def read(monkeypatch):
    """The files that were really read."""
    seen = []
    computed = hashes._computed
    monkeypatch.setattr(hashes, "_computed", lambda path: seen.append(path.name) or computed(path))
    return seen


@pytest.fixture
def memory(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "ecco-reports" / "hashes"


def real(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_file_is_read_once(large, read, memory):
    assert [sha256_of(large), sha256_of(large)] == [real(large)] * 2
    assert read == ["large"]


def test_a_link_is_the_file_it_points_to(large, read, memory, tmp_path):
    (tmp_path / "link").symlink_to(large)
    assert sha256_of(tmp_path / "link") == sha256_of(large)
    assert read == ["large"]


def test_other_content_of_the_same_size_with_the_times_set_back_is_read_again(large, read, memory):
    before = sha256_of(large)
    state = large.stat()
    large.write_bytes(large.read_bytes()[::-1])
    os.utime(large, ns=(state.st_atime_ns, state.st_mtime_ns))
    assert large.stat().st_mtime_ns == state.st_mtime_ns
    assert sha256_of(large) == real(large) != before


def test_what_was_written_a_moment_ago_is_not_remembered(large, read, memory, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(hashes, "WORTH_REMEMBERING", 10)
    monkeypatch.setenv("XDG_CACHE_HOME", str(memory.parent.parent))
    sha256_of(large)
    assert not memory.exists()


@pytest.mark.parametrize("damage", ["", "{", "[]", "null", '{"sha256": 3}', '{"sha256": "zz"}'])
def test_a_damaged_memory_only_costs_time(large, read, memory, damage):
    sha256_of(large)
    (file,) = memory.iterdir()
    file.write_text(damage)
    assert sha256_of(large) == real(large)
    assert read == ["large", "large"]
    assert sha256_of(large) == real(large)
    assert len(read) == 2, "it was not mended"


def test_a_memory_that_cannot_be_written_only_costs_time(large, read, tmp_path, monkeypatch):
    (tmp_path / "occupied").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "occupied"))
    assert sha256_of(large) == real(large)


def test_small_files_leave_nothing_behind(tmp_path, memory):
    (tmp_path / "small").write_text("x")
    assert sha256_of(tmp_path / "small") == real(tmp_path / "small")
    assert not memory.exists()
