"""Static pictures without what nobody sees: they are half of a page's weight, and most of that repeats itself.

In: an SVG as Vega writes it. Out: one that looks the same. A picture in a page is one image to a screen reader, so what
Vega says of each mark goes too; the sentence about the whole stays.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from ecco_reports.charts import style

_SVG = "http://www.w3.org/2000/svg"
_UNSEEN = re.compile("class|role|aria-.*|pointer-events|stroke-miterlimit")
_FRACTION = re.compile(r"-?\d+\.\d{2,}(?!\d)")
_PAINTED = ("fill", "stroke")
_FAMILY = "font-family"
_INHERITED = (*_PAINTED, "fill-opacity", "stroke-opacity", "stroke-width", "text-anchor", "font-size", "font-weight")


def slim(svg: str) -> str:
    """The picture with short numbers, and without roles, classes, empty groups and repeated fonts."""
    root = ElementTree.fromstring(svg)
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    _tidy(root)
    size = {name: root.attrib[name] for name in ("width", "height", "viewBox")}
    root.attrib.clear()
    root.attrib.update({"xmlns": _SVG, **size, _FAMILY: style.FONT})
    return ElementTree.tostring(root, encoding="unicode").replace(" />", "/>")


def _tidy(element: ElementTree.Element) -> None:
    """Makes an element and all in it short, from the inside out."""
    element[:] = [kept for child in element if not _is_empty(child) for kept in _kept(child)]
    for name, value in list(element.attrib.items()):
        if _UNSEEN.fullmatch(name) or (name, value) in (("opacity", "1"), (_FAMILY, style.FONT)):
            del element.attrib[name]
        else:
            element.attrib[name] = _FRACTION.sub(_short, value).replace(", ", ",")
    for name in _INHERITED if element.tag == "g" and len(element) > 1 else ():
        _hoist(element, name)


def _hoist(group: ElementTree.Element, name: str) -> None:
    """Says once, at the group, what all in it say."""
    values = {child.get(name) for child in group}
    if len(values) == 1 and (value := values.pop()) is not None:
        group.set(name, value)
        for child in group:
            del child.attrib[name]


def _is_empty(element: ElementTree.Element) -> bool:
    """Whether it is the ground of a group, without a colour."""
    return element.tag == "path" and element.get("class") == "background" and not _is_painted(element)


def _kept(element: ElementTree.Element) -> Iterator[ElementTree.Element]:
    """What is left of an element once it is tidy: of a plain group what is in it, of an empty one nothing."""
    _tidy(element)
    if element.tag == "g" and not element.attrib:
        yield from element
    elif element.tag != "g" or len(element):
        yield element


def _is_painted(element: ElementTree.Element) -> bool:
    return any(element.get(name, "none") not in ("none", "transparent") for name in _PAINTED)


def _short(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
