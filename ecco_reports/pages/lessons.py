"""What a lesson on one kind of analysis is made of: the room, its settings in words, and an example from the run.

In: the name of an analysis. Out: a frozen view. Never: Markdown, files, torch.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic.fields import FieldInfo

from ecco_reports.analyses import AnyAnalysis
from ecco_reports.records import Record

if TYPE_CHECKING:
    from ecco_reports.pages.sections import Report, Section


@dataclass(frozen=True)
class Setting:
    """One setting of an analysis, in words.

    Attributes:
        name: Dotted where it is inside another one (``sampling.seed``).
        kind: What may be written.
        default: What holds if nothing is written.
        meaning: What it does; from the docstring of the params.
    """

    name: str
    kind: str
    default: str
    meaning: str


@dataclass(frozen=True)
class Lesson:
    """How to read one kind of analysis.

    Attributes:
        name: Name of the analysis.
        analysis: The room.
        settings: Its settings.
        report: The experiment that the example is from, or None.
        example: A section with figures, or None.
    """

    name: str
    analysis: AnyAnalysis
    settings: tuple[Setting, ...]
    report: Report | None = None
    example: Section | None = None


def lesson(name: str, analysis: AnyAnalysis, example: tuple[Report, Section] | None = None) -> Lesson:
    """What there is to teach about an analysis."""
    report, section = example or (None, None)
    return Lesson(name, analysis, tuple(settings(analysis.Params)), report, section)


def settings(params: type[Record], prefix: str = "") -> Iterator[Setting]:
    """The settings of a record, and after each one that is a record itself, the settings inside."""
    meanings = docstring_attributes(params)
    for name, field in params.model_fields.items():
        inner = _record_in(field.annotation)
        kind = " or ".join(_kinds(field.annotation)) + _limits(field)
        meaning = re.sub(r"\bNone\b", "leaving it out", field.description or meanings.get(name, ""))
        yield Setting(prefix + name, kind, _default(field), meaning)
        if inner is not None:
            yield from settings(inner, f"{prefix}{name}.")


def docstring_attributes(cls: type) -> dict[str, str]:
    """The ``Attributes:`` of a Google docstring, those of base classes included."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.cleandoc(base.__dict__.get("__doc__") or "")
        _, _, attributes = text.partition("Attributes:\n")
        for name, meaning in re.findall(r"^    (\w+): (.*(?:\n {8}.*)*)", attributes, re.MULTILINE):
            found[name] = " ".join(meaning.replace("``", "").split())
    return found


def _record_in(annotation: Any) -> type[Record] | None:
    candidates = get_args(annotation) if get_origin(annotation) in (Union, UnionType) else (annotation,)
    return next((one for one in candidates if inspect.isclass(one) and issubclass(one, Record)), None)


_PLAIN: Mapping[Any, str] = {
    int: "whole number",
    float: "number",
    str: "text",
    bool: "true or false",
}


def _kinds(annotation: Any) -> Iterator[str]:
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin in (Union, UnionType):
        for argument in arguments:
            if argument is not type(None):
                yield from _kinds(argument)
    elif origin is Literal:
        yield ", ".join(map(str, arguments))
    elif origin in (tuple, list):
        yield "list of: " + " or ".join(_kinds(arguments[0]))
    elif hasattr(annotation, "__metadata__"):
        yield from _kinds(arguments[0])
    elif inspect.isclass(annotation) and issubclass(annotation, Record):
        yield "a mapping (see below)"
    else:
        yield _PLAIN.get(annotation, getattr(annotation, "__name__", str(annotation)))


def _limits(field: FieldInfo) -> str:
    words = []
    for limit in field.metadata:
        if isinstance(limit, annotated_types.Ge):
            words.append(f"at least {limit.ge}")
        elif isinstance(limit, annotated_types.Gt):
            words.append(f"more than {limit.gt}")
        elif isinstance(limit, annotated_types.Le):
            words.append(f"at most {limit.le}")
        elif isinstance(limit, annotated_types.Lt) and isinstance(limit.lt, int | float) and limit.lt < 2**31:
            words.append(f"less than {limit.lt}")
    return f", {', '.join(words)}" if words else ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is None:
        return "left out"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "an empty list"
    return str(value)
