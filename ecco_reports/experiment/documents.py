"""Reads the files an experiment is made of, without trusting them: they may be missing, huge or no text at all.

In: a path. Out: text, or a ``Document``, the tree of a YAML file. It knows nothing of experiments.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ecco_reports.errors import ExperimentError, Problem, nearest
from ecco_reports.experiment.composer import compose
from ecco_reports.experiment.nodes import Node, Steps

MAX_BYTES = 1_000_000
"""The largest file that is read."""

UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")
"""What files in UTF-16 begin with, little and big end first."""


@dataclass(frozen=True)
class Document:
    """What a file says, and what is wrong with it that could be read over.

    Attributes:
        file: The file as the user named it.
        root: The tree of its values.
        problems: Duplicate keys, tags and the like: the rest of the tree is sound.
    """

    file: str
    root: Node
    problems: tuple[Problem, ...] = ()

    def problem(self, path: Steps, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """Something wrong with the part at ``path``, or with the nearest part on the way there that exists.

        Args:
            path: From the root of the document.
            message: What is wrong.
            hint: What to do about it.
            key: Whether the key is to blame rather than the value.
        """
        return self.root.at(path, key=key).problem(message, hint)


def read_document(path: Path) -> Document:
    """Reads a YAML file.

    Raises:
        ExperimentError: There is no such file, or it cannot be made sense of.
    """
    root, problems = compose(read_text(path), str(path))
    return Document(str(path), root, problems)


def read_text(path: Path) -> str:
    """Reads a UTF-8 file of reasonable size; a byte order mark is dropped.

    Raises:
        ExperimentError: There is no such file, or it is not UTF-8, or it is too large.
    """
    try:
        if not path.exists():
            raise _unreadable(path, "there is no such file.", _near_names(path))
        if not path.is_file():
            raise _unreadable(path, "this is not a file.")
        if (size := path.stat().st_size) > MAX_BYTES:
            message = f"the file has {size / 1e6:.1f} MB; at most {MAX_BYTES / 1e6:.0f} MB is read."
            raise _unreadable(path, message, "Is it the right one?")
        content = path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise _unreadable(path, f"the file cannot be read: {reason}.") from error
    return _decoded(content, path)


def _unreadable(path: Path, message: str, hint: str = "") -> ExperimentError:
    return ExperimentError([Problem(str(path), 0, 0, message, hint)])


def _near_names(path: Path) -> str:
    """A hint with the files of the same folder whose names look like the one that is missing."""
    if not path.parent.is_dir():
        return f"There is no folder {str(path.parent)!r} either."
    names = sorted(entry.name for entry in path.parent.iterdir() if entry.is_file() and entry.name[0] != ".")
    if close := nearest(path.name, names):
        return f"Did you mean {' or '.join(repr(str(path.with_name(name))) for name in close)}?"
    return ""


def _decoded(content: bytes, path: Path) -> str:
    hint = "Save it as UTF-8."
    # UTF-16 without a mark shows itself by a zero beside the first character; no text in UTF-8 has a zero there.
    if content.startswith(UTF_16_MARKS) or (0 in content[:2] and any(content[:2])):
        raise _unreadable(path, "the file is encoded in UTF-16.", hint)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8-sig")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = f"the file is not UTF-8: the byte 0x{content[error.start]:02X} makes no sense here."
        raise ExperimentError([Problem(str(path), line, column, message, hint)]) from error
