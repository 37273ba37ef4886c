"""JSON files that people read and nobody edits: laid out for git, and sealed with the checksum of what they say.

In: plain values. Out: a file, and the same values again, or one sentence that says why not. Never: changing a file
that cannot be used.

The checksum is that of the values, not of the characters: a file that was only laid out anew (by a formatter, or by
git's line ends) is as good as before.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from ecco_reports.errors import BaselineError
from ecco_reports.records import digest
from ecco_reports.snapshot import SNAPSHOT_SCHEMA
from ecco_reports.store import write_whole

LARGEST = 100_000_000
"""Bytes of the largest file that is written and read: GitHub takes no larger one, and ten prompts take a thousandth."""

_WIDTH = 110
_SPREAD = 4
"""How deep mappings have a line for each name: file, snapshot, entries, entry, metrics."""


class Kind(StrEnum):
    """What a file is, as it says itself."""

    BASELINE = "baseline"
    RUN = "run"


class _UnfitError(Exception):
    """What a file says is not JSON as it should be; never leaves this module."""


def write_sealed(path: Path, kind: Kind, values: Mapping[str, Any]) -> None:
    """Writes a sealed file in one go, over what stood there.

    Args:
        path: Where to.
        kind: What it is.
        values: What it says: what JSON knows, without NaN and infinity.

    Raises:
        BaselineError: It cannot be written, or the place is taken by something that is no file of this kind.
    """
    content = {"ecco_reports": kind.value, "schema": SNAPSHOT_SCHEMA, **values}
    sealed = {"ecco_reports": kind.value, "schema": SNAPSHOT_SCHEMA, "sha256": digest(content), **values}
    _refuse_unusual(path)
    # What is no character alone (half of a pair) is written as JSON escapes it.
    data = f"{laid_out(sealed)}\n".encode("utf-8", "backslashreplace")
    if len(data) > LARGEST:
        raise BaselineError(
            f"{path} would have {len(data) / 1e6:,.0f} MB, and {LARGEST / 1e6:,.0f} MB is the most. Divide the "
            "experiment: fewer prompts, models or analyses in each."
        )
    try:
        write_whole(path, data)
    except OSError as error:
        raise BaselineError(f"{path} cannot be written: {error.strerror or error}. Nothing was changed.") from error


def read_sealed(path: Path, *, again: str) -> tuple[Kind, dict[str, Any]]:
    """What a sealed file says, without its seal.

    Args:
        path: The file.
        again: What makes it anew, as the end of a sentence: "bless it again".

    Raises:
        BaselineError: It is not there, or not exactly what was written.
    """
    _refuse_unusual(path)
    try:
        if (size := path.stat().st_size) > LARGEST:
            raise BaselineError(
                f"{path} is too large to be a baseline: {size / 1e6:.0f} MB, and {LARGEST / 1e6:.0f} MB is the most."
            )
        data = path.read_bytes()
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        sealed = json.loads(
            data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_finite
        )
        return _opened(path, sealed, again)
    except _UnfitError as error:
        raise BaselineError(f"{path} {error}; {again}.") from error
    except (ValueError, RecursionError) as error:
        raise BaselineError(f"{path} is truncated or no JSON ({_first_line(error)}); {again}.") from error


def _opened(path: Path, sealed: Any, again: str) -> tuple[Kind, dict[str, Any]]:
    """The values of what was read, once its kind, its schema and its checksum are what they should be."""
    if not isinstance(sealed, dict) or sealed.get("ecco_reports") not in tuple(Kind):
        raise BaselineError(f"{path} is JSON, but neither a baseline nor a record of a run.")
    kind, schema = Kind(sealed["ecco_reports"]), sealed.get("schema")
    if not isinstance(schema, int) or isinstance(schema, bool):
        raise BaselineError(f"{path} was changed by hand: it does not say its schema; {again}.")
    if schema < SNAPSHOT_SCHEMA:
        raise BaselineError(
            f"{path} was made by an older version of ecco-reports (schema {schema}, and this one has "
            f"{SNAPSHOT_SCHEMA}); {again}."
        )
    if schema > SNAPSHOT_SCHEMA:
        raise BaselineError(
            f"{path} was made by a newer version of ecco-reports (schema {schema}, and this one knows "
            f"{SNAPSHOT_SCHEMA}): update ecco-reports, or {again}."
        )
    content = {name: value for name, value in sealed.items() if name != "sha256"}
    if sealed.get("sha256") != digest(content):
        raise BaselineError(f"{path} was changed by hand: its checksum is not that of what it says; {again}.")
    return kind, {name: value for name, value in content.items() if name not in {"ecco_reports", "schema"}}


def _refuse_unusual(path: Path) -> None:
    """Refuses what stands at a path and is no plain file.

    Raises:
        BaselineError: It is a folder, a link, or something stranger.
    """
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    except OSError as error:
        raise BaselineError(f"{path} cannot be read: {error.strerror or error}.") from error
    if stat.S_ISREG(mode):
        return
    what = "a symbolic link" if stat.S_ISLNK(mode) else "a folder" if stat.S_ISDIR(mode) else "no plain file"
    raise BaselineError(f"{path} is {what}, where a file should be. It was left as it is.")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _UnfitError(f"says {twice!r} twice in one place, so nobody knows which holds")
    return found


def _no_constant(literal: str) -> float:
    raise _UnfitError(f"holds {literal}, which is no number to compare with")


def _finite(literal: str) -> float:
    number = float(literal)
    if not math.isfinite(number):
        raise _UnfitError(f"holds {literal}, which is too large a number")
    return number


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def laid_out(value: Any) -> str:
    """JSON in which a change of one number changes one line, and a short list takes one line.

    The outer mappings, down to the metrics of an entry, have a line for each name; what is inside of those stands on
    one line where it fits.
    """
    return "\n".join(_lines(value, 0, ""))


def _lines(value: Any, depth: int, name: str) -> Iterator[str]:
    """The lines of a value; the first begins with what it is called."""
    indent, is_mapping = " " * depth, isinstance(value, Mapping)
    line = f"{indent}{name}{_one_line(value)}"
    spread = depth <= _SPREAD and (is_mapping or (isinstance(value, list | tuple) and _has_mappings(value)))
    short = len(line) <= _WIDTH and not spread
    if short or not value or not isinstance(value, Mapping | list | tuple):
        yield line
        return
    yield f"{indent}{name}{'{' if is_mapping else '['}"
    if isinstance(value, Mapping):
        named = ((f"{_one_line(key)}: ", item) for key, item in value.items())
        yield from _joined([list(_lines(item, depth + 1, called)) for called, item in named])
    elif any(isinstance(item, Mapping | list | tuple) for item in value):
        yield from _joined([list(_lines(item, depth + 1, "")) for item in value])
    else:
        yield from _filled([_one_line(item) for item in value], f"{indent} ")
    yield f"{indent}{'}' if is_mapping else ']'}"


def _has_mappings(items: Sequence[Any]) -> bool:
    return any(isinstance(item, Mapping) for item in items)


def _joined(blocks: list[list[str]]) -> Iterator[str]:
    """The lines of blocks, with a comma after each but the last."""
    for number, block in enumerate(blocks):
        yield from block[:-1]
        yield block[-1] + ("," if number + 1 < len(blocks) else "")


def _filled(items: list[str], indent: str) -> Iterator[str]:
    """Numbers and words, as many on a line as it holds."""
    line = indent
    for number, item in enumerate(items):
        piece = item + ("," if number + 1 < len(items) else "")
        if line != indent and len(line) + len(piece) + 1 > _WIDTH:
            yield line
            line = indent
        line += piece if line == indent else f" {piece}"
    yield line


def _one_line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
