"""Hashes of files, remembered between runs: gigabytes of weights are read once, not at every plan.

A hash is remembered with the file's size, inode and times, all of which any usual way of writing a file changes. It
is not remembered when the file was touched so lately that a second write could leave the same times. What is
remembered lies under the user's cache folder, one small file each; a damaged or unwritable one only costs time.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from pathlib import Path

from ecco_reports.models import cache
from ecco_reports.records import canonical_json

WORTH_REMEMBERING = 8 * 2**20
"""Bytes below which hashing a file (some milliseconds) costs no more than looking its hash up."""

_SETTLED = 2.0
"""Seconds after which a file that is written again gets another time on every usual file system."""


def sha256_of(path: Path) -> str:
    """The sha256 of a file, in hexadecimal: remembered, or computed and remembered.

    Raises:
        OSError: The file cannot be read.
    """
    path = path.resolve()
    before = _state(path)
    if before["size"] < WORTH_REMEMBERING:
        return _computed(path)
    memory = f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    if (remembered := _remembered(memory, before)) is not None:
        return remembered
    digest = _computed(path)
    newest = max(before["mtime_ns"], before["ctime_ns"]) / 1e9
    if _state(path) == before and time.time() - newest > _SETTLED:
        cache.write("hashes", memory, canonical_json({**before, "sha256": digest}))
    return digest


def _computed(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state(path: Path) -> dict[str, int]:
    found = path.stat()
    return {
        "size": found.st_size,
        "inode": found.st_ino,
        "device": found.st_dev,
        "mtime_ns": found.st_mtime_ns,
        "ctime_ns": found.st_ctime_ns,
    }


def _remembered(memory: str, state: dict[str, int]) -> str | None:
    try:
        values = json.loads(cache.read("hashes", memory) or "")
        digest = values.pop("sha256")
        return digest if values == state and len(bytes.fromhex(digest)) == hashlib.sha256().digest_size else None
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
