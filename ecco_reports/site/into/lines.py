"""Adds lines to a settings file of MkDocs, and takes them out again; every byte that was there stays as it was.

In: the text of a ``mkdocs.yml``, and what it has to say besides. Out: the text with lines of ours, each of which ends
with a mark. Never: a line of somebody else changed, moved or removed; what lines cannot say is refused, with its text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from ecco_reports.errors import PublishingError
from ecco_reports.site.into.settings import own_settings

MARK = "# ecco-reports: generated"
"""How each of our lines ends."""

STEP = 4
"""Blanks by which MkDocs projects indent; only our own lines follow it."""

_LONG = "markdown.extensions."
"""Names of extensions may begin with it."""

_EXTRA = frozenset({"attr_list", "def_list"})
"""What the extensions called extra bring along, of those that our pages need."""

_BREAK = re.compile(r"\r\n|[\n\r\x85\u2028\u2029]")
_NO_CONTENT = re.compile(r"\s*(?:#.*)?$")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9 ./_-]*[A-Za-z0-9]")


@dataclass(frozen=True)
class Additions:
    """What a settings file has to say for our pages.

    Attributes:
        lists: Names to be in the lists of settings, by key (``extra_css``).
        nav: Our part of the navigation: a title and what is below it.
        unlisted: A pattern for pages that stand in no navigation; empty when there are none.
    """

    lists: Mapping[str, Sequence[str]]
    nav: Mapping[str, Any]
    unlisted: str = ""


def without_ours(text: str) -> str:
    """The text as somebody else wrote it."""
    lines = _lines(text)
    kept = [line for line in lines if not _is_ours(line)]
    if lines and _is_ours(lines[-1]) and kept and not _BREAK.search(lines[-1]):
        kept[-1] = _BREAK.sub("", kept[-1])  # the last line had no end before ours were put behind it
    return "".join(kept)


def with_ours(text: str, wanted: Additions, settings: Mapping[str, Any]) -> str:
    """The text with all that is wanted; what it says already is not said again.

    Args:
        text: A settings file, with or without lines of ours.
        wanted: What it has to say.
        settings: What the file and those it inherits from say together, lines of ours left out.

    Raises:
        PublishingError: Lines cannot say it; the message has what to write by hand.
    """
    theirs = without_ours(text)
    made = theirs
    refusals: list[str] = []
    for key, added in _missing(wanted, settings).items():
        try:
            made = _extended(made, key, added, settings)
        except PublishingError as error:
            refusals.append(str(error))
    if refusals:
        raise PublishingError("\n\n".join(refusals))
    if without_ours(made) != theirs or own_settings(made) != _expected(theirs, wanted, settings):
        raise PublishingError(_by_hand("mkdocs.yml is written in a way that lines cannot extend", wanted, settings))
    return made


def _is_ours(line: str) -> bool:
    return line.rstrip().endswith(MARK)


def _lines(text: str) -> list[str]:
    """The lines with their ends, as YAML counts lines."""
    found, start = [], 0
    for one in _BREAK.finditer(text):
        found.append(text[start : one.end()])
        start = one.end()
    return [*found, text[start:]] if text[start:] else found


def _missing(wanted: Additions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the settings do not say yet, by key."""
    missing: dict[str, Any] = {}
    for key, names in wanted.lists.items():
        known = {name.removeprefix(_LONG) for name in _names(settings.get(key))}
        known |= _EXTRA if known & {"extra", "pymdownx.extra"} else set()
        if lacking := [name for name in names if name not in known]:
            missing[key] = lacking
    if settings.get("nav") is not None and not _mentions(settings["nav"], wanted.nav):
        missing["nav"] = [wanted.nav]
        if wanted.unlisted and "not_in_nav" not in settings:
            missing["not_in_nav"] = wanted.unlisted
    return missing


def _names(said: Any) -> Iterator[str]:
    """The names in a list of settings, however each is written."""
    for item in said or ():
        if isinstance(item, Mapping):
            yield from (str(item["path"]),) if "path" in item else map(str, item)
        else:
            yield str(item)
    if isinstance(said, Mapping):
        yield from map(str, said)


def _mentions(nav: Any, ours: Mapping[str, Any]) -> bool:
    """Whether a navigation, which somebody may have written by hand, names our front page."""
    front = next(_leaves(ours), "")
    return front in set(_leaves(nav))


def _leaves(nav: Any) -> Iterator[str]:
    if isinstance(nav, Mapping):
        for inside in nav.values():
            yield from _leaves(inside)
    elif isinstance(nav, Sequence) and not isinstance(nav, str):
        for item in nav:
            yield from _leaves(item)
    elif isinstance(nav, str):
        yield nav


def _expected(theirs: str, wanted: Additions, settings: Mapping[str, Any]) -> dict[str, Any]:
    """What the file must say afterwards."""
    said = own_settings(theirs)
    for key, added in _missing(wanted, settings).items():
        before = said.get(key)
        if isinstance(before, Mapping):
            said[key] = {**before, **{name: {} for name in added}}
        else:
            said[key] = added if isinstance(added, str) else [*(before or ()), *added]
    return said


def _extended(text: str, key: str, added: Any, settings: Mapping[str, Any]) -> str:
    """The text with items added to one key."""
    root = _root(text)
    lines = _lines(text)
    last = root.end_mark.line + bool(root.end_mark.column)
    found = [index for index, (name, _) in enumerate(root.value) if name.value == key]
    if not found:
        if settings.get(key) is not None:
            raise PublishingError(_refusal(key, added, "is inherited or comes from elsewhere in the file"))
        new = [f"{key}: {_quoted(added)}"] if isinstance(added, str) else [f"{key}:", *_items(added, 2)]
        return _inserted(lines, _end(lines, 0, last), new)
    name, value = root.value[found[-1]]
    following = [one.start_mark.line for one, _ in root.value if one.start_mark.line > name.start_mark.line]
    end = _end(lines, name.start_mark.line + 1, min(following, default=last))
    if isinstance(value, yaml.ScalarNode) and value.value == "" and value.style is None:
        return _inserted(lines, name.start_mark.line + 1, list(_items(added, 2)))
    alias = value.start_mark.index < name.end_mark.index
    if alias or isinstance(value, yaml.ScalarNode) or value.flow_style:
        raise PublishingError(_refusal(key, added, "is not written as a list with a line per item"))
    indent = _indent(lines[name.start_mark.line + 1 : end], isinstance(value, yaml.MappingNode))
    if isinstance(value, yaml.MappingNode):
        return _inserted(lines, end, [f"{' ' * indent}{one}: {{}}" for one in added])
    return _inserted(lines, end, list(_items(added, indent)))


def _root(text: str) -> yaml.MappingNode:
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise PublishingError(f"the settings of the MkDocs project cannot be extended: {error}") from error
    if not isinstance(root, yaml.MappingNode) or root.flow_style:
        raise PublishingError("the settings of the MkDocs project are not written with a line per setting.")
    return root


def _end(lines: Sequence[str], first: int, last: int) -> int:
    """Where a setting ends: before the blank lines and comments that stand above the next one."""
    while last > first and _NO_CONTENT.match(_BREAK.sub("", lines[last - 1])):
        last -= 1
    return last


def _indent(lines: Sequence[str], mapping: bool) -> int:
    """How far the items of a setting stand from the edge."""
    for line in lines:
        if not _NO_CONTENT.match(_BREAK.sub("", line)) and (mapping or line.lstrip(" ").startswith("-")):
            return len(line) - len(line.lstrip(" "))
    return 2


def _items(added: Sequence[Any], indent: int) -> Iterator[str]:
    """A list in YAML, a line per item."""
    for item in added:
        if isinstance(item, Mapping):
            ((title, inside),) = item.items()
            if isinstance(inside, str):
                yield f"{' ' * indent}- {_quoted(title)}: {_quoted(inside)}"
                continue
            yield f"{' ' * indent}- {_quoted(title)}:"
            yield from _items(inside, indent + STEP)
        else:
            yield f"{' ' * indent}- {_quoted(str(item))}"


def _quoted(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and yaml.safe_load(text) == text
    return text if plain else json.dumps(text, ensure_ascii=False)


def _inserted(lines: list[str], at: int, new: Sequence[str]) -> str:
    """The lines with new ones of ours, which end like the first line of the file does."""
    first = _BREAK.search(lines[0]) if lines else None
    ending = first[0] if first else "\n"
    ours = [f"{line}  {MARK}{ending}" for line in new]
    before, after = lines[:at], lines[at:]
    if before and not _BREAK.search(before[-1]):
        before = [*before[:-1], before[-1] + ending]
        ours[-1] = ours[-1].removesuffix(ending)
    return "".join([*before, *ours, *after])


def _refusal(key: str, added: Any, why: str) -> str:
    text = f"{key}: {_quoted(added)}" if isinstance(added, str) else "\n".join([f"{key}:", *_items(added, 2)])
    return (
        f"{key!r} of mkdocs.yml {why}: it cannot be extended by lines. "
        f"Add this by hand where it stands, and run this again:\n{text}"
    )


def _by_hand(why: str, wanted: Additions, settings: Mapping[str, Any]) -> str:
    parts = [f"{why}. Add this by hand, and run this again:"]
    for key, added in _missing(wanted, settings).items():
        parts += [f"{key}: {added}"] if isinstance(added, str) else [f"{key}:", *_items(added, 2)]
    return "\n".join(parts)
