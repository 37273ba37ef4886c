"""The expressions of workflows, ``${{ … }}``, as far as ours need them.

A context that does not exist, and an input, a step or a job that was never declared, are errors: GitHub takes them for
empty texts, and nobody notices.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')|(?P<number>\d+)|(?P<name>[A-Za-z_][\w-]*)|(?P<sign>==|!=|&&|\|\||[!().,\[\]]))"
)
_INLINE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)

Functions = Mapping[str, Callable[..., Any]]


class Declared(dict[str, Any]):
    """A context whose members are known: any other name is a mistake."""

    def __missing__(self, name: str) -> Any:
        raise AssertionError(f"nothing is called {name!r} here; there are {sorted(self)}")


def truth(value: Any) -> bool:
    """Whether GitHub takes a value for true."""
    return value not in (None, "", 0, False)


def text(value: Any) -> str:
    """A value as it stands in a text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def filled(template: Any, contexts: Mapping[str, Any], functions: Functions) -> str:
    """A text with its expressions replaced by their values."""
    return _INLINE.sub(lambda found: text(evaluated(found[1], contexts, functions)), text(template))


def evaluated(expression: str, contexts: Mapping[str, Any], functions: Functions) -> Any:
    """The value of an expression, which may stand in ``${{ }}``."""
    expression = expression.strip()
    if whole := re.fullmatch(r"\$\{\{(.*)\}\}", expression, re.DOTALL):
        expression = whole[1]
    parser = _Parser(expression, contexts, functions)
    value = parser.either()
    assert parser.at_end, f"cannot make sense of {expression!r}"
    return value


def calls(expression: str) -> set[str]:
    """The names of the functions that an expression calls."""
    return set(re.findall(r"([A-Za-z]+)\s*\(", expression))


class _Parser:
    """Reads from left to right, or before and, and before comparisons; evaluates on the way."""

    def __init__(self, expression: str, contexts: Mapping[str, Any], functions: Functions) -> None:
        self._contexts, self._functions = contexts, functions
        self._tokens: list[tuple[str, str]] = []
        at = 0
        expression = expression.strip()
        while at < len(expression):
            found = _TOKEN.match(expression, at)
            assert found, f"cannot make sense of {expression[at:]!r}"
            self._tokens.append((str(found.lastgroup), found[str(found.lastgroup)]))
            at = found.end()

    @property
    def at_end(self) -> bool:
        return not self._tokens

    def either(self) -> Any:
        value = self._both()
        while self._takes("||"):
            other = self._both()
            value = value if truth(value) else other
        return value

    def _both(self) -> Any:
        value = self._compared()
        while self._takes("&&"):
            other = self._compared()
            value = other if truth(value) else value
        return value

    def _compared(self) -> Any:
        value = self._negated()
        for sign in ("==", "!="):
            if self._takes(sign):
                return _equal(value, self._negated()) == (sign == "==")
        return value

    def _negated(self) -> Any:
        if self._takes("!"):
            return not truth(self._negated())
        if self._takes("("):
            value = self.either()
            assert self._takes(")"), "a bracket is not closed"
            return value
        kind, token = self._tokens.pop(0)
        if kind == "text":
            return token[1:-1].replace("''", "'")
        if kind == "number":
            return int(token)
        assert kind == "name", f"unexpected {token!r}"
        if token in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[token]
        return self._called(token) if self._takes("(") else self._reached(token)

    def _called(self, name: str) -> Any:
        arguments = []
        while not self._takes(")"):
            arguments.append(self.either())
            self._takes(",")
        return self._functions[name](*arguments)

    def _reached(self, name: str) -> Any:
        value = Declared(self._contexts)[name]
        while self._takes("."):
            _, member = self._tokens.pop(0)
            value = (value[member] if isinstance(value, Declared) else value.get(member)) if value is not None else None
        return value

    def _takes(self, sign: str) -> bool:
        if self._tokens and self._tokens[0] == ("sign", sign):
            self._tokens.pop(0)
            return True
        return False


def _equal(one: Any, other: Any) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one.casefold() == other.casefold()
    return one == other if type(one) is type(other) else _number(one) == _number(other)


def _number(value: Any) -> float:
    if value is None or value == "":
        return 0.0
    try:
        return float(value)
    except ValueError:
        return float("nan")
