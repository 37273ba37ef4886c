"""The other files an experiment is made of: shared parts, texts and data sets.

In: nodes that name files. Out: nodes with the content of those files, which know their places there. Only files in the
folder of the experiment and below it are read, so a file from a stranger cannot show what else is on the disk.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from ecco_reports.errors import ExperimentError
from ecco_reports.experiment.documents import Document, read_document, read_text
from ecco_reports.experiment.nodes import Node, Place
from ecco_reports.experiment.validation import Report, shown

MAX_TRAIL = 20
"""The longest chain of files of which each includes the next."""


@dataclass(frozen=True)
class Row:
    """One row of a data set.

    Attributes:
        cells: Texts by the names of the columns.
        place: Where the row begins.
    """

    cells: Mapping[str, str]
    place: Place


class Materials:
    """The files an experiment may use.

    Args:
        folder: The folder they lie in or below.
        report: Where problems are noted.
    """

    def __init__(self, folder: Path, report: Report) -> None:
        self._folder = folder
        self._report = report
        self._shared: dict[Path, Node] = {}

    def with_included(self, document: Document, trail: tuple[Path, ...] = ()) -> Node | None:
        """The tree of a document laid over the files it includes, the later ones over the earlier ones.

        Args:
            document: What was read.
            trail: The files that led here, to notice a circle.

        Returns:
            The tree, or None if a file cannot be had, which is noted: nothing can be said of the rest without it.
        """
        root = document.root
        include = root.entries.get("include")
        if include is None:
            return root
        trail = (*trail, Path(document.file).resolve())
        shared: Node | None = None
        for name in include.elements if include.is_list else (include,):
            if (part := self._part(name, trail)) is None:
                return None
            shared = part.over(shared)
        own = Node({key: node for key, node in root.entries.items() if key != "include"}, root.place, root.key)
        return own.over(shared)

    def text(self, name: Node) -> str | None:
        """The text of a file; its last line break belongs to the file rather than to the text."""
        if (path := self._located(name)) is None:
            return None
        try:
            text = read_text(path)
        except ExperimentError as error:
            self._blame(name, error)
            return None
        return text.replace("\r\n", "\n").removesuffix("\n")

    def rows(self, name: Node) -> list[Row] | None:
        """The rows of a data set: CSV with the names of the columns in its first line, or one JSON object per line."""
        if (path := self._located(name)) is None:
            return None
        readers = {".csv": _csv_rows, ".jsonl": _json_rows}
        if path.suffix.lower() not in readers:
            self._report.add(name.place, f"{name.value!r} is no data set.", "Its name must end in .csv or .jsonl.")
            return None
        try:
            rows = list(readers[path.suffix.lower()](read_text(path), str(path)))
        except ExperimentError as error:
            self._blame(name, error)
            return None
        if not rows:
            self._report.add(name.place, f"the data set {name.value!r} has no rows.")
        return rows

    def _part(self, name: Node, trail: tuple[Path, ...]) -> Node | None:
        if (path := self._located(name)) is None:
            return None
        identity = path.resolve()
        if identity in trail:
            circle = " -> ".join(step.name for step in (*trail[trail.index(identity) :], identity))
            self._report.add(name.place, f"these files include each other in a circle: {circle}.")
            return None
        if len(trail) > MAX_TRAIL:
            self._report.add(name.place, f"more than {MAX_TRAIL} files include one another here.")
            return None
        if identity not in self._shared:
            try:
                document = read_document(path)
            except ExperimentError as error:
                self._blame(name, error)
                return None
            self._report.add_unsound(document.problems)
            if not document.root.is_mapping:
                self._report.add(document.root.place, f"a shared file must be a mapping, not {shown(document.root)}.")
                return None
            if (tree := self.with_included(document, trail)) is None:
                return None
            self._shared[identity] = tree
        return self._shared[identity]

    def _located(self, name: Node) -> Path | None:
        """The file that a node names, relative to the file in which the name stands."""
        written = name.value
        if not isinstance(written, str) or not written:
            self._report.add(name.place, f"the name of a file must stand here, not {shown(name)}.")
            return None
        path = Path(name.place.file).parent / written
        try:
            inside = path.resolve().is_relative_to(self._folder.resolve())
        except (ValueError, OSError, RuntimeError):
            self._report.add(name.place, f"{written!r} cannot be the name of a file.")
            return None
        if not inside or Path(written).is_absolute() or PureWindowsPath(written).drive:
            message = f"{written!r} leads out of the experiment's folder."
            self._report.add(name.place, message, "Use a file in that folder or below it, named from there.")
            return None
        return path

    def _blame(self, name: Node, error: ExperimentError) -> None:
        """Notes why a file cannot be read: inside it where a line is known, else where it is named."""
        for problem in error.problems:
            if problem.line:
                self._report.extend([problem])
            else:
                self._report.add(name.place, f"{problem.file}: {problem.message}", problem.hint)


def _csv_rows(text: str, file: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    line = 1
    columns: list[str] = []
    try:
        for cells in reader:
            place, line = Place(file, line, 1), reader.line_num + 1
            if not columns:
                columns = cells
                if len(set(columns)) < len(columns) or "" in columns:
                    raise _data_error(place, "the first line must name the columns, each differently.")
            elif cells and len(cells) != len(columns):
                message = f"this row has {len(cells)} cells, but there are {len(columns)} columns."
                raise _data_error(place, message, "Put texts with commas in double quotes.")
            elif cells:
                yield Row(dict(zip(columns, cells, strict=True)), place)
    except csv.Error as error:
        raise _data_error(Place(file, line, 1), f"this is not CSV: {error}.") from error


def _json_rows(text: str, file: str) -> Iterator[Row]:
    # Only \n ends a line of JSON Lines; str.splitlines would also cut at characters that JSON allows inside texts.
    for number, line in enumerate(text.split("\n"), start=1):
        place = Place(file, number, 1)
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            column = getattr(error, "colno", 1)
            raise _data_error(Place(file, number, column), "this line is not JSON.") from error
        if not isinstance(row, dict):
            raise _data_error(place, "each line must be a JSON object.", 'For instance {"country": "Japan"}.')
        for key, value in row.items():
            if isinstance(value, dict | list):
                raise _data_error(
                    place,
                    f"{key!r} must be a text or a number, not {'a list' if isinstance(value, list) else 'an object'}.",
                )
        yield Row({key: _cell(value) for key, value in row.items()}, place)


def _cell(value: str | float | bool | None) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)


def _data_error(place: Place, message: str, hint: str = "") -> ExperimentError:
    return ExperimentError([place.problem(message, hint)])
