"""A table of names and the places where what they name is defined, imported only when it is asked for.

In: a literal table ``{"name": "module:Class"}`` and the name of an entry-point group. Out: instances.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import entry_points
from typing import Generic, TypeVar, cast

from ecco_reports.errors import UnknownNameError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names that stand for classes without state; listing them imports nothing.

    Args:
        kind: What the names name, in the singular, for messages ("analysis").
        table: ``{"name": "module:Class"}``.
        group: Entry-point group through which other packages add names. A name of our own cannot be taken over.
    """

    def __init__(self, kind: str, table: Mapping[str, str], group: str) -> None:
        self.kind = kind
        self._table = dict(table)
        self._group = group

    @cached_property
    def _places(self) -> dict[str, str]:
        return {point.name: point.value for point in entry_points(group=self._group)} | self._table

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __contains__(self, name: object) -> bool:
        return name in self._places

    def __getitem__(self, name: str) -> T:
        """The thing called ``name``.

        Raises:
            UnknownNameError: Nothing is called so.
        """
        if name not in self._places:
            raise UnknownNameError(self.kind, name, self._places)
        module, _, attribute = self._places[name].partition(":")
        return cast(T, getattr(importlib.import_module(module), attribute)())
