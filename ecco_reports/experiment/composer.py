"""Makes a tree of nodes from YAML text, with the meaning of YAML 1.2 and within bounds.

PyYAML scans and parses; its events are composed here, because its own composer has the meaning of YAML 1.1 (``no`` is
false, ``1e-3`` a text, ``12:30`` a number), lets duplicate keys pass, follows tags, and recurses as deep as the file.

In: text. Out: nodes and problems. It makes nothing but mappings, lists and scalars.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.reader import ReaderError

from ecco_reports.errors import ExperimentError, Problem, did_you_mean
from ecco_reports.experiment.nodes import Node, Place

MAX_DEPTH = 50
"""The deepest nesting of mappings and lists."""

MAX_VALUES = 100_000
"""The largest number of values in a file, each alias counted with all that it stands for."""

MAX_DIGITS = 100
"""The longest number."""

_ValueEvent: TypeAlias = yaml.ScalarEvent | yaml.CollectionStartEvent

_NULL = re.compile(r"(?:null|Null|NULL|~|)\Z")
_BOOLEAN = re.compile(r"(?:(true|True|TRUE)|false|False|FALSE)\Z")
_WHOLE = re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_FRACTION = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")
_NO_NUMBER = re.compile(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")
_OTHER_LINE_BREAK = re.compile("[\x85\u2028\u2029]")

_SYNTAX = (
    (
        "found character '\\t' that cannot start any token",
        "a tab stands where YAML wants spaces.",
        "Indent with spaces; most editors can turn tabs into spaces.",
    ),
    (
        "mapping values are not allowed here",
        "no value can start here.",
        'If the colon belongs to a text, put the text in quotes: "like: this". Else check the indentation.',
    ),
    (
        "could not find expected ':'",
        "this is neither `key: value` nor `- item`.",
        "Is a colon missing, or the space after it, or a closing quote further up?",
    ),
    ("found unexpected end of stream", "the file ends inside a quoted text.", "Close the quotes."),
    ("expected ',' or", "a bracket is not closed, or a comma is missing.", "Texts with , [ ] { } need quotes."),
    ("expected <block end>", "this does not fit what stands above it.", "Is it indented like its neighbours?"),
    ("found character '`'", "a text cannot begin with `.", "Put the text in quotes."),
    ("found character '@'", "a text cannot begin with @.", "Put the text in quotes."),
    ("found character '%'", "a text cannot begin with %.", "Put the text in quotes."),
    ("found unknown escape character", "this backslash sequence means nothing.", "Use single quotes, or write \\\\."),
)
"""A sign in PyYAML's sentence, what it means, and what to do. A sentence without a sign here is shown as it is."""


def compose(text: str, file: str) -> tuple[Node, tuple[Problem, ...]]:
    """The tree of the only YAML document in a text.

    Args:
        text: YAML.
        file: What to call its file.

    Returns:
        The tree, and what was wrong and could be read over.

    Raises:
        ExperimentError: The text is not YAML, says nothing, or exceeds a bound.
    """
    composer = _Composer(text, file)
    return composer.document(), tuple(composer.problems)


def plain_scalar(text: str) -> str | int | float | bool | None:
    """What an unquoted scalar means in the core schema of YAML 1.2 (section 10.3.2).

    Raises:
        ValueError: It is a number that cannot be computed with; the message says why.
    """
    if _NULL.match(text):
        return None
    if boolean := _BOOLEAN.match(text):
        return boolean.group(1) is not None
    if _NO_NUMBER.match(text):
        raise ValueError(f"{text} is not a number that can be computed with.")
    whole = _WHOLE.match(text)
    if not whole and not _FRACTION.match(text):
        return text
    if len(text) > MAX_DIGITS:
        raise ValueError(f"this number has {len(text)} characters; at most {MAX_DIGITS} are read.")
    if whole:
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if not math.isfinite(number := float(text)):
        raise ValueError(f"{text} is too large a number.")
    return number


class _Composer:
    """Walks once through the events of one text.

    Attributes:
        problems: What was wrong and could be read over.
    """

    def __init__(self, text: str, file: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._file = file
        self._events = self._parsed()
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._open_anchors: set[str] = set()
        self._values = 0
        self._depth = 0
        self._deepest = 0

    def document(self) -> Node:
        """The tree of the only document."""
        if found := _OTHER_LINE_BREAK.search(self._text):
            code = ord(found.group())
            message = f"the character U+{code:04X} is a line break to some readers of YAML and none to others."
            self._fail(self._index_place(found.start()), message, f'Write "\\u{code:04x}" inside double quotes.')
        next(self._events)
        if isinstance(next(self._events), yaml.StreamEndEvent):
            self._fail(Place(self._file, 0, 0), "the file is empty.")
        root = self._node(next(self._events))
        if root.value is None:
            self._fail(Place(self._file, 0, 0), "the file is empty.")
        next(self._events)
        if not isinstance(further := next(self._events), yaml.StreamEndEvent):
            self._fail(self._place(further), "a second document begins here.", "One file holds one; remove the `---`.")
        return root

    def _parsed(self) -> Iterator[Any]:
        try:
            parser: Any = yaml.SafeLoader(self._text)
            while parser.check_event():
                yield parser.get_event()
        except (ValueError, OverflowError):
            index = min(parser.index, len(self._text))
            self._fail(self._index_place(index), "this escape is not a character of Unicode.")
        except ReaderError as error:
            code = ord(self._text[error.position])
            message = f"the character U+{code:04X} cannot stand in a YAML file as it is."
            self._fail(self._index_place(error.position), message, f'Write "\\u{code:04x}" inside double quotes.')
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            place = Place(self._file, mark.line + 1, mark.column + 1) if mark else Place(self._file, 0, 0)
            said = error.problem or "it cannot be parsed"
            for sign, message, hint in _SYNTAX:
                if sign in said:
                    self._fail(place, f"this is not YAML: {message}", hint)
            self._fail(place, f"this is not YAML: {said}{f' {error.context}' if error.context else ''}.")

    def _node(self, event: _ValueEvent | yaml.AliasEvent) -> Node:
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        self._grow(1, event)
        self._refuse_tag(event)
        if not (anchor := event.anchor):
            return self._content(event)
        self._open_anchors.add(anchor)
        values, outer_deepest, self._deepest = self._values - 1, self._deepest, self._depth
        node = self._content(event)
        self._anchors[anchor] = (node, self._values - values, self._deepest - self._depth)
        self._deepest = max(self._deepest, outer_deepest)
        self._open_anchors.discard(anchor)
        return node

    def _content(self, event: _ValueEvent) -> Node:
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        self._depth += 1
        self._reach(self._depth, event)
        node = self._mapping(event) if isinstance(event, yaml.MappingStartEvent) else self._sequence(event)
        self._depth -= 1
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Node:
        place = self._place(event)
        if event.style is not None:
            return Node(_joined(event.value), place)
        try:
            return Node(plain_scalar(event.value), place)
        except ValueError as error:
            self.problems.append(place.problem(str(error), "If it is meant as a text, put it in quotes."))
            return Node(0, place)

    def _sequence(self, event: yaml.Event) -> Node:
        elements = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            elements.append(self._node(item))
        return Node(tuple(elements), self._place(event))

    def _mapping(self, event: yaml.Event) -> Node:
        entries: dict[str, Node] = {}
        merged: list[Node] = []
        while not isinstance(key := next(self._events), yaml.MappingEndEvent):
            place = self._place(key)
            name = self._key(key)
            value = self._node(next(self._events))
            if name is None:
                self.problems.append(place.problem("a key must be a text.", "Lists and mappings cannot be keys."))
            elif name == "<<" and not key.style:
                merged += self._merge_sources(value)
            elif name in entries:
                first = entries[name].anchor
                message = f"the key {name!r} stands here a second time; the first is in line {first.line}."
                self.problems.append(place.problem(message, "Remove or rename one of them."))
            else:
                entries[name] = replace(value, key=place)
        for source in merged:
            entries = {**source.entries, **entries}
        return Node(entries, self._place(event))

    def _key(self, event: _ValueEvent | yaml.AliasEvent) -> str | None:
        """The text of a key, whatever a value written like it would mean; None if it is no scalar."""
        if not isinstance(event, yaml.ScalarEvent):
            self._node(event)
            return None
        self._refuse_tag(event)
        return _joined(event.value)

    def _merge_sources(self, value: Node) -> list[Node]:
        sources = list(value.elements) if value.is_list else [value]
        if all(source.is_mapping for source in sources):
            return sources
        self.problems.append(
            value.place.problem("`<<` takes in a mapping or a list of mappings.", "Write `<<: *name`.")
        )
        return []

    def _alias(self, event: yaml.AliasEvent) -> Node:
        name = event.anchor or ""
        if name in self._open_anchors:
            self._fail(self._place(event), f"the alias *{name} stands inside what it stands for.")
        if name not in self._anchors:
            hint = did_you_mean(name, sorted(self._anchors)) if self._anchors else f"Write `&{name}` before it first."
            self._fail(self._place(event), f"the alias *{name} stands for nothing.", hint)
        node, values, height = self._anchors[name]
        self._grow(values, event)
        self._reach(self._depth + height, event)
        return node

    def _grow(self, values: int, event: yaml.Event) -> None:
        self._values += values
        if self._values > MAX_VALUES:
            message = f"with what its aliases stand for, the file has more than {MAX_VALUES:,} values up to here."
            self._fail(self._place(event), message, "Use fewer aliases, or several files.")

    def _reach(self, depth: int, event: yaml.Event) -> None:
        self._deepest = max(self._deepest, depth)
        if depth > MAX_DEPTH:
            self._fail(self._place(event), f"mappings and lists are nested more than {MAX_DEPTH} deep here.")

    def _refuse_tag(self, event: _ValueEvent) -> None:
        if event.tag is not None:
            shown = event.tag.replace("tag:yaml.org,2002:", "!!")
            message = f"the tag {shown} is refused: an experiment holds plain values only."
            self.problems.append(self._place(event).problem(message, "Remove the tag."))

    def _place(self, event: yaml.Event) -> Place:
        assert event.start_mark is not None, "PyYAML marks every event"
        return Place(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _index_place(self, index: int) -> Place:
        line_start = self._text.rfind("\n", 0, index) + 1
        return Place(self._file, self._text.count("\n", 0, index) + 1, index - line_start + 1)

    def _fail(self, place: Place, message: str, hint: str = "") -> NoReturn:
        raise ExperimentError([*self.problems, place.problem(message, hint)])


def _joined(text: str) -> str:
    r"""The text with each pair of surrogates (``\ud83d\ude00``, as JSON escapes an emoji) made one character."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
