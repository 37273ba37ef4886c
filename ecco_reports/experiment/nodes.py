"""Plain values that remember where they were written, as a tree.

In: what ``documents`` composed from YAML. Out: plain values, places, and new trees made of parts of old ones, in which
every part still knows its place. That is why a value that came from a shared file or from defaults is blamed there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from ecco_reports.errors import Problem

Steps: TypeAlias = Sequence[str | int]
"""The way from the root of a tree to a part of it: keys of mappings and indices of lists."""

Value: TypeAlias = "str | int | float | bool | Mapping[str, Node] | tuple[Node, ...] | None"


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file.

    Attributes:
        file: The file as the user named it.
        line: Line from 1.
        column: Column from 1, in characters.
    """

    file: str
    line: int
    column: int

    def problem(self, message: str, hint: str = "") -> Problem:
        """Something wrong at this place, in characters that a terminal can show and cannot be fooled by."""
        return Problem(self.file, self.line, self.column, _printable(message), _printable(hint))


@dataclass(frozen=True, slots=True)
class Node:
    """A value and where it stands.

    Attributes:
        value: A scalar, a mapping of nodes, or a tuple of nodes.
        place: Where the value begins.
        key: Where its key begins, for a value of a mapping.
    """

    value: Value
    place: Place
    key: Place | None = None

    @property
    def entries(self) -> Mapping[str, Node]:
        """The values of a mapping by key; empty for anything else."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def elements(self) -> tuple[Node, ...]:
        """The elements of a list; empty for anything else."""
        return self.value if isinstance(self.value, tuple) else ()

    @property
    def is_mapping(self) -> bool:
        """Whether it has keys."""
        return isinstance(self.value, Mapping)

    @property
    def is_list(self) -> bool:
        """Whether it has elements."""
        return isinstance(self.value, tuple)

    @property
    def anchor(self) -> Place:
        """Where a reader looks for it: at its key if it has one."""
        return self.key or self.place

    def plain(self) -> Any:
        """The value as dicts, lists and scalars."""
        if isinstance(self.value, Mapping):
            return {key: node.plain() for key, node in self.value.items()}
        if isinstance(self.value, tuple):
            return [node.plain() for node in self.value]
        return self.value

    def child(self, step: str | int) -> Node | None:
        """The value of a key or the element at an index, if there is one."""
        if isinstance(step, str):
            return self.entries.get(step)
        return self.elements[step] if 0 <= step < len(self.elements) else None

    def at(self, path: Steps, *, key: bool = False) -> Place:
        """Where the part at ``path`` stands.

        Args:
            path: From here to the part. If it leads nowhere, the nearest part on the way that exists is meant.
            key: Whether the key is meant rather than the value.
        """
        node = self
        for step in path:
            child = node.child(step)
            if child is None:
                return node.anchor
            node = child
        return node.anchor if key else node.place

    def over(self, base: Node | None) -> Node:
        """This node laid over another: mappings are merged at every depth, anything else replaces what it covers."""
        if base is None or not (self.is_mapping and base.is_mapping):
            return self
        merged = dict(base.entries)
        for name, node in self.entries.items():
            merged[name] = node.over(merged.get(name))
        return replace(self, value=merged)

    def with_entries(self, entries: Mapping[str, Node]) -> Node:
        """A mapping at the same place that has these entries as well, or instead of those of the same name."""
        return replace(self, value={**self.entries, **entries})

    def nested_under(self, path: Sequence[str]) -> Node:
        """A mapping that holds this node at ``path``, all of it at this node's place."""
        node = self
        for step in reversed(path):
            node = Node({step: node}, self.place, self.key)
        return node


def _printable(text: str) -> str:
    """The text with control characters, marks of direction and half surrogate pairs spelt out."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)
