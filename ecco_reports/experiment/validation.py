"""Makes records of nodes, and words what is wrong for people who write YAML rather than Python.

In: a node and a record class. Out: the record, or problems: "max_new_tokens must be a whole number of at least 1, not
'ten'." What a value must be is read from the JSON Schema of the record, so a message cannot disagree with the check.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ecco_reports.errors import Problem, did_you_mean, nearest
from ecco_reports.experiment.nodes import Node, Place, Steps
from ecco_reports.records import Record

R = TypeVar("R", bound=Record)

MAX_SHOWN = 40
"""Characters of a wrong value that a message repeats."""


class Report:
    """Collects problems; the same problem is kept once."""

    def __init__(self) -> None:
        self._problems: dict[Problem, None] = {}
        self._unsound: set[str] = set()

    def add(self, place: Place, message: str, hint: str = "") -> None:
        """Notes that something is wrong at a place."""
        self.extend([place.problem(message, hint)])

    def extend(self, problems: Iterable[Problem]) -> None:
        """Notes problems that were found elsewhere."""
        self._problems.update((problem, None) for problem in problems if problem.where not in self._unsound)

    def add_unsound(self, problems: Iterable[Problem]) -> None:
        """Notes what is wrong with the YAML itself; what else is found at those places only follows from it."""
        problems = list(problems)
        self.extend(problems)
        self._unsound.update(problem.where for problem in problems)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that was noted, file by file in the order of first mention, each from top to bottom."""
        files = list(dict.fromkeys(problem.file for problem in self._problems))
        return tuple(sorted(self._problems, key=lambda problem: (files.index(problem.file), problem)))


def validated(node: Node, record: type[R], report: Report, subject: str) -> R | None:
    """The record that a mapping describes, or None after noting all that is wrong with it.

    Types are strict: "3" is not a number and 1 is not true, so a slip shows itself where it was made.

    Args:
        node: What was written.
        record: The class of the record.
        report: Where problems are noted.
        subject: What is described, for messages ("generation", "the prompt 'heathrow'").
    """
    if not node.is_mapping:
        known = ", ".join(record.model_fields)
        report.add(node.anchor, f"{subject} must be a mapping, not {shown(node)}.", f"Its keys are {known}.")
        return None
    if broken := list(half_characters(node)):
        for place in broken:
            report.add(place, "this text holds half of a surrogate pair, which is no character.", "Remove it.")
        return None
    try:
        return record.model_validate_json(json.dumps(node.plain()), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
    explainer = _Explainer(node, record.model_json_schema(), report, subject)
    for path, detail in _by_path(node, details):
        explainer.explain(path, detail)
    return None


def shown(node: Node) -> str:
    """A value as a message repeats it."""
    if node.is_mapping:
        return "a mapping"
    if node.is_list:
        return f"a list of {len(node.elements)}" if node.elements else "an empty list"
    if node.value is None:
        return "nothing"
    text = repr(node.value) if isinstance(node.value, str) else json.dumps(node.value)
    return text if len(text) <= MAX_SHOWN else f"{text[: MAX_SHOWN - 1]}…"


def half_characters(node: Node) -> Iterable[Place]:
    """The places of all texts that hold a lone surrogate, which no file and no tokenizer can take."""
    if isinstance(node.value, str) and any("\ud800" <= char <= "\udfff" for char in node.value):
        yield node.place
    for child in (*node.entries.values(), *node.elements):
        yield from half_characters(child)


def expected(schema: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a JSON Schema asks for, in words that fit after "must be".

    Args:
        schema: The schema of one value.
        root: The schema whose ``$defs`` it refers to.
    """
    schema = _resolved(schema, root)
    if "anyOf" in schema:
        options = [expected(option, root) for option in schema["anyOf"] if option.get("type") != "null"]
        return " or ".join(dict.fromkeys(options))
    if "const" in schema:
        return _quoted(schema["const"])
    if "enum" in schema:
        return _listed([_quoted(value) for value in schema["enum"]])
    kind = schema.get("type")
    if kind in ("integer", "number"):
        return _bounded("a whole number" if kind == "integer" else "a number", schema)
    if kind == "string":
        if examples := schema.get("examples"):
            return "a text like " + _listed([_quoted(example) for example in examples])
        if "maxLength" in schema:
            return f"a text of {schema.get('minLength', 0)} to {schema['maxLength']} characters"
        return "a text that is not empty" if schema.get("minLength") else "a text"
    if kind == "array":
        filled = " that is not empty" if schema.get("minItems") else ""
        filled += f" of at most {schema['maxItems']}" if "maxItems" in schema else ""
        items = schema.get("items")
        return f"a list{filled}" + (f", each element {expected(items, root)}" if items else "")
    if kind == "object":
        keys = list(schema.get("properties", ()))
        return f"a mapping with {_listed(keys)}" if keys else "a mapping"
    return {"boolean": "true or false", "null": "nothing"}.get(str(kind), "something else")


def _bounded(words: str, schema: Mapping[str, Any]) -> str:
    limits = [
        f"{preposition} {schema[limit]:g}" if isinstance(schema[limit], float) else f"{preposition} {schema[limit]}"
        for limit, preposition in (
            ("minimum", "of at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "of at most"),
            ("exclusiveMaximum", "below"),
        )
        if limit in schema
    ]
    return f"{words} {' and '.join(limits)}" if limits else words


def _quoted(value: object) -> str:
    return repr(value) if isinstance(value, str) else json.dumps(value)


def _listed(words: Sequence[str]) -> str:
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _by_path(node: Node, details: Sequence[ErrorDetails]) -> list[tuple[tuple[str | int, ...], ErrorDetails]]:
    """Pydantic's errors with their paths in the file, one per path.

    Pydantic reports every alternative of a union, with a step in the path that names it and that the file does not
    have. An error that has another one inside is left out: the inner one belongs to the alternative that the author
    had in mind, or is the cause of the outer one.
    """
    found: dict[tuple[str | int, ...], ErrorDetails] = {}
    for detail in details:
        path: list[str | int] = []
        part: Node | None = node
        for step in detail["loc"]:
            child = part.child(step) if part else None
            if child is not None or (detail["type"] == "missing" and step == detail["loc"][-1]):
                path.append(step)
                part = child
        found.setdefault(tuple(path), detail)
    # A misspelt key is also a missing one; saying it once is enough.
    unknown = [path for path, detail in found.items() if detail["type"] == "extra_forbidden"]
    for missing in [path for path, detail in found.items() if detail["type"] == "missing"]:
        if any(missing[:-1] == other[:-1] and nearest(str(other[-1]), [str(missing[-1])]) for other in unknown):
            del found[missing]
    outer = {path[:end] for path in found for end in range(len(path))}
    return [(path, detail) for path, detail in found.items() if path not in outer]


@dataclass(frozen=True)
class _Explainer:
    """Puts pydantic's errors about one node into plain words."""

    node: Node
    schema: Mapping[str, Any]
    report: Report
    subject: str

    def explain(self, path: tuple[str | int, ...], detail: ErrorDetails) -> None:
        """Notes one error."""
        last = str(path[-1]) if path else ""
        match detail["type"]:
            case "extra_forbidden":
                message = f"{self._name(path[:-1])} has no key {last!r}."
                self.report.add(self.node.at(path, key=True), message, did_you_mean(last, self._known_keys(path[:-1])))
            case "missing":
                message = f"{self._name(path[:-1])} lacks the key {last!r}."
                self.report.add(self.node.at(path), message, f"Its value must be {self._expected(path)}.")
            case "value_error" | "assertion_error":
                self.report.add(self.node.at(path), f"{self._name(path)}: {str(detail['ctx']['error']).rstrip('.')}.")
            case _:
                self._explain_value(path, detail["msg"])

    def _explain_value(self, path: tuple[str | int, ...], said: str) -> None:
        value = self.node
        for step in path:
            value = value.child(step) or value
        wanted = self._expected(path)
        if not wanted:
            self.report.add(value.place, f"{self._name(path)}: {said}")
            return
        hint = ""
        if isinstance(value.value, str):
            choices = [choice for schema in self._schemas(path) for choice in schema.get("enum", ())]
            hint = did_you_mean(value.value, choices) if nearest(value.value, choices) else ""
        elif value.value is not None and not value.is_list and not value.is_mapping and "a text" in wanted:
            hint = f'If it is meant as a text, put it in quotes: "{json.dumps(value.value)}".'
        self.report.add(value.place, f"{self._name(path)} must be {wanted}, not {shown(value)}.", hint)

    def _name(self, path: Steps) -> str:
        """What a message calls the part at a path: its key, or its number in the list under a key."""
        name = self.subject
        for step in path:
            name = f"element {step + 1} of {name}" if isinstance(step, int) else step
        return name

    def _expected(self, path: Steps) -> str:
        return expected({"anyOf": self._schemas(path)}, self.schema)

    def _known_keys(self, path: Steps) -> list[str]:
        return [key for schema in self._schemas(path) for key in schema.get("properties", ())]

    def _schemas(self, path: Steps) -> list[Mapping[str, Any]]:
        """The schemas of the part at a path: more than one where there are alternatives."""
        schemas = list(_alternatives(self.schema, self.schema))
        for step in path:
            parts = [
                schema.get("properties", {}).get(step, schema.get("additionalProperties"))
                if isinstance(step, str)
                else schema.get("items")
                for schema in schemas
            ]
            schemas = [option for part in parts if part for option in _alternatives(part, self.schema)]
        return schemas


def _alternatives(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Iterable[Mapping[str, Any]]:
    schema = _resolved(schema, root)
    for option in schema.get("anyOf", ()):
        yield from _alternatives(option, root)
    if "anyOf" not in schema:
        yield schema
