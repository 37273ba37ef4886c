"""Results on disk, found by what they were computed from.

In: a key (sha256 in hexadecimal, made by ``plan``) and a record. Out: the same record, bit for bit, or nothing.
Never: torch, drawing, a result that is not exactly what was written.

    results/ab/ab12.../result.json              everything but the arrays, sealed with its own checksum; written last
    results/ab/ab12.../arrays-<checksum>.npz    the arrays, where there are any
    failures/ab12....json                       why a task ended without a result; never counts as one
    runs/20261121T070250.482Z-1a2b3c4d.json     what runs found, kept and read by ``baselines``
    answers/                                    what servers answered, kept by those who ask them (models/api)

Every file is written under a temporary name, brought to the disk, and renamed. A killed writer leaves at most a
``*.tmp`` file or an arrays file that no metadata names; nothing reads either. The arrays' name comes from their
content, so two writers of one key cannot mix their halves: whoever renames the metadata last decides, and the arrays
that this metadata names are there.
"""

from __future__ import annotations

import hashlib
import io
import json
import logging
import math
import os
import re
import uuid
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
from pydantic import ValidationError

from ecco_reports.errors import NotFiniteError, StoreError
from ecco_reports.records import SCHEMA_VERSION, Provenance, Record, join_arrays, split_arrays

log = logging.getLogger(__name__)

R = TypeVar("R", bound=Record)

_SEALED = re.compile(rb'\{"sha256":"([0-9a-f]{64})","body":(.*)\}\n', re.DOTALL)


@dataclass(frozen=True)
class Stored(Generic[R]):
    """A result as it was stored, and where it comes from."""

    result: R
    provenance: Provenance


class _DamagedError(Exception):
    """What is on the disk is not what was written; never leaves this module."""


class Store:
    """A folder of results.

    Args:
        folder: Where the results are; made by the first write.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder)
        self._reported: set[str] = set()

    @property
    def answers(self) -> Path:
        """The folder of what servers answered; whoever asks them keeps it there and reads it."""
        return self.folder / "answers"

    def has(self, key: str) -> bool:
        """Whether a result seems to be there, without reading its arrays.

        The metadata's checksum and schema version are verified, and that the arrays file it names has the right size.
        Arrays whose bytes changed within the same size are found by ``get``, which then answers None: whoever
        relies on ``has`` must be ready to compute.

        Raises:
            StoreError: The store may not be read.
        """
        try:
            return self._metadata(key) is not None
        except _DamagedError as damage:
            self._report(key, str(damage))
            return False

    def get(self, key: str, cls: type[R]) -> Stored[R] | None:
        """The result under ``key``, or None when it is missing, damaged, or of another schema version.

        Raises:
            StoreError: The store may not be read.
        """
        try:
            body = self._metadata(key)
            return None if body is None else self._assemble(key, body, cls)
        except _DamagedError as damage:
            self._report(key, str(damage))
            return None

    def put(self, key: str, record: Record, provenance: Provenance, meta: Mapping[str, Any]) -> None:
        """Stores a result, over whatever stood there, and forgets an earlier failure of the same key.

        Args:
            key: What it will be found by.
            record: The result.
            provenance: Where it comes from.
            meta: What the key was made of, for people who look into the store.

        Raises:
            NotFiniteError: A number of the result is NaN or infinite.
            TypeError: The result holds a value that JSON does not know.
            StoreError: The disk is full or read-only.
        """
        values, arrays = split_arrays(record)
        if (trouble := _first_not_finite(values, arrays)) is not None:
            raise trouble
        packed = _pack(arrays)
        body = {
            "schema": SCHEMA_VERSION,
            "key": key,
            "made_of": dict(meta),
            "provenance": provenance.model_dump(mode="json"),
            "arrays": packed.reference if packed else None,
            "values": values,
        }
        sealed = _seal(body)
        folder = self._folder(key)
        if packed:
            self._write(folder / packed.name, packed.data)
        self._write(folder / "result.json", sealed)
        self._remove(self._failure_file(key))

    def put_failure(self, key: str, failure: Record, provenance: Provenance) -> None:
        """Notes why a task ended without a result, for people; it never counts as a result.

        Raises:
            StoreError: The disk is full or read-only.
        """
        body = {
            "schema": SCHEMA_VERSION,
            "key": key,
            "provenance": provenance.model_dump(mode="json"),
            "failure": failure.model_dump(mode="json"),
        }
        self._write(self._failure_file(key), _seal(body))

    def failure(self, key: str, cls: type[R]) -> Stored[R] | None:
        """Why the last attempt at ``key`` failed, or None when it did not or nobody knows."""
        try:
            body = _unseal(self._read(self._failure_file(key)))
            if body is None or body["schema"] != SCHEMA_VERSION:
                return None
            return Stored(cls.model_validate(body["failure"]), Provenance.model_validate(body["provenance"]))
        except (_DamagedError, ValidationError, KeyError):
            return None

    def _folder(self, key: str) -> Path:
        return self.folder / "results" / key[:2] / key

    def _failure_file(self, key: str) -> Path:
        return self.folder / "failures" / f"{key}.json"

    def _metadata(self, key: str) -> dict[str, Any] | None:
        """The verified body of ``result.json``; None where there is none of this schema version."""
        folder = self._folder(key)
        body = _unseal(self._read(folder / "result.json"))
        if body is None or body.get("schema") != SCHEMA_VERSION:
            return None
        if body.get("key") != key:
            raise _DamagedError("its metadata belongs to another key")
        if reference := body["arrays"]:
            try:
                size = (folder / reference["file"]).stat().st_size
            except OSError as error:
                raise _DamagedError(f"its arrays are gone ({error.strerror})") from error
            if size != reference["bytes"]:
                raise _DamagedError("its arrays have the wrong size")
        return body

    def _assemble(self, key: str, body: dict[str, Any], cls: type[R]) -> Stored[R]:
        arrays: dict[str, np.ndarray] = {}
        if reference := body["arrays"]:
            data = self._read(self._folder(key) / reference["file"])
            if data is None or hashlib.sha256(data).hexdigest() != reference["sha256"]:
                raise _DamagedError("its arrays are not those that were written")
            arrays = _unpack(data, reference["names"])
        try:
            result = join_arrays(cls, body["values"], arrays.__getitem__)
            return Stored(result, Provenance.model_validate(body["provenance"]))
        except (ValidationError, KeyError) as error:
            raise _DamagedError(f"it is not a {cls.__name__} any more ({error})") from error

    def _read(self, path: Path) -> bytes | None:
        try:
            return path.read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except PermissionError as error:
            raise StoreError(f"The store may not be read: {path} ({error.strerror}). Check its permissions.") from error
        except OSError as error:
            raise _DamagedError(f"{path.name} cannot be read ({error.strerror})") from error

    def _write(self, path: Path, data: bytes) -> None:
        """Puts a whole file in its place at once, or says in words why not."""
        try:
            write_whole(path, data)
        except OSError as error:
            raise StoreError(
                f"The store {self.folder} cannot be written: {error.strerror or error}. What was stored before is "
                "unharmed; make room or choose another folder, and the same command goes on from there."
            ) from error

    def _remove(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise StoreError(f"The store {self.folder} cannot be written: {error.strerror or error}.") from error

    def _report(self, key: str, damage: str) -> None:
        if key not in self._reported:
            self._reported.add(key)
            log.warning("The stored result %s is damaged and counts as missing: %s.", key[:12], damage)


def write_whole(path: Path, data: bytes) -> None:
    """Puts a whole file in its place at once, over what stood there; two writers are harmless.

    The folder itself is not brought to the disk: a rename lost in a power cut leaves what was there before.

    Raises:
        OSError: It cannot be written; what stood there is as it was.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class _Packed:
    name: str
    data: bytes
    reference: dict[str, Any]


def _pack(arrays: Mapping[str, np.ndarray]) -> _Packed | None:
    """All arrays as one npz file, and what the metadata says of it.

    Inside the file they are numbered, as ``np.savez`` takes names as keyword arguments and reserves some.
    """
    if not arrays:
        return None
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **{f"a{number}": array for number, array in enumerate(arrays.values())})
    data = buffer.getvalue()
    checksum = hashlib.sha256(data).hexdigest()
    name = f"arrays-{checksum[:16]}.npz"
    return _Packed(name, data, {"file": name, "bytes": len(data), "sha256": checksum, "names": list(arrays)})


def _unpack(data: bytes, names: list[str]) -> dict[str, np.ndarray]:
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as file:
            return {name: file[f"a{number}"] for number, name in enumerate(names)}
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise _DamagedError(f"its arrays cannot be read ({error})") from error


def _seal(body: Mapping[str, Any]) -> bytes:
    """One JSON object that carries the checksum of its own body. The order of mappings is kept."""
    data = json.dumps(body, ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode("ascii")
    return b'{"sha256":"%s","body":%s}\n' % (hashlib.sha256(data).hexdigest().encode("ascii"), data)


def _unseal(data: bytes | None) -> dict[str, Any] | None:
    if data is None:
        return None
    match = _SEALED.fullmatch(data)
    if match is None or hashlib.sha256(match[2]).hexdigest() != match[1].decode("ascii"):
        raise _DamagedError("its metadata is not what was written")
    body: dict[str, Any] = json.loads(match[2])
    return body


def not_finite(record: Record) -> NotFiniteError | None:
    """The error for the first number of a record that is NaN or infinite, or None when all are finite."""
    return _first_not_finite(*split_arrays(record))


def _first_not_finite(values: Any, arrays: Mapping[str, np.ndarray]) -> NotFiniteError | None:
    for path, number in _floats(values, ""):
        if not math.isfinite(number):
            return NotFiniteError(path, (), number)
    for path, array in arrays.items():
        if array.dtype.kind in "fc" and not (finite := np.isfinite(array)).all():
            index = tuple(map(int, np.argwhere(~finite)[0]))
            return NotFiniteError(path, index, float(np.real(array[index])))
    return None


def _floats(value: Any, path: str) -> Iterator[tuple[str, float]]:
    if isinstance(value, float):
        yield path, value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _floats(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _floats(item, f"{path}.{index}")
