"""Multiplies an entry of an experiment: every combination of the values under ``matrix:``.

In: the node of a matrix. Out: combinations, each a setting per name. It does not know what the settings mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from math import prod
from typing import TypeAlias

from ecco_reports.errors import did_you_mean
from ecco_reports.experiment.nodes import Node
from ecco_reports.experiment.validation import Report, shown
from ecco_reports.records import canonical_json

MAX_COMBINATIONS = 1000
"""The largest number of combinations of one entry."""

Combination: TypeAlias = Mapping[str, Node]
"""Values by the names of settings; a dot in a name leads into a mapping (``sampling.temperature``)."""


def combinations(matrix: Node, report: Report) -> list[Combination]:
    """All combinations that a matrix stands for, the last name varying fastest.

    Args:
        matrix: Lists of values by name. Under ``exclude`` stand combinations to leave out, each given by some of its
            values; under ``include`` stand combinations to add.
        report: Where problems are noted.
    """
    if not matrix.is_mapping or not matrix.entries:
        report.add(
            matrix.anchor, f"matrix must be a mapping of lists, not {shown(matrix)}.", "`matrix: {top_k: [5, 10]}`"
        )
        return []
    already = len(report.problems)
    axes: dict[str, list[Node]] = {}
    for name, values in matrix.entries.items():
        if name in ("include", "exclude"):
            continue
        if not values.elements:
            report.add(
                values.place, f"{name} must be a list of values to try, not {shown(values)}.", "`[first, second]`"
            )
        axes[name] = [replace(value, key=values.key) for value in values.elements]
    if (count := prod(map(len, axes.values()))) > MAX_COMBINATIONS:
        report.add(matrix.anchor, f"this matrix has {count:,} combinations; at most {MAX_COMBINATIONS:,} are allowed.")
        return []
    found: list[Combination] = (
        [dict(zip(axes, values, strict=True)) for values in product(*axes.values())] if axes else []
    )
    found = _without(found, matrix, list(axes), report)
    for extra in _listed(matrix, "include", report):
        if all(_written(extra.entries) != _written(combination) for combination in found):
            found.append(extra.entries)
    if not found and len(report.problems) == already:
        report.add(matrix.anchor, "this matrix leaves no combination.", "Exclude fewer.")
    return found


def described(combination: Combination) -> str:
    """A combination as a label shows it: ``score=logit, sampling.temperature=0.5``."""
    return ", ".join(f"{name}={_brief(value)}" for name, value in combination.items())


def applied(combination: Combination, settings: Node) -> Node:
    """Settings with those of a combination laid over them."""
    for name, value in combination.items():
        laid_over = value.nested_under(name.split(".")).over(settings)
        settings = replace(laid_over, place=settings.place, key=settings.key)
    return settings


def _brief(node: Node) -> str:
    if node.is_list:
        return "+".join(map(_brief, node.elements)) or "none"
    if node.is_mapping:
        return described(node.entries)
    return node.value if isinstance(node.value, str) else canonical_json(node.value)


def _written(combination: Combination) -> dict[str, str]:
    return {name: canonical_json(node.plain()) for name, node in combination.items()}


def _listed(matrix: Node, key: str, report: Report) -> list[Node]:
    """The combinations that stand under ``include`` or ``exclude``."""
    node = matrix.entries.get(key)
    if node is None:
        return []
    if not node.is_list or not all(element.entries for element in node.elements):
        report.add(node.place, f"{key} must be a list of mappings, not {shown(node)}.", f"`{key}: [{{top_k: 5}}]`")
        return []
    return list(node.elements)


def _without(found: list[Combination], matrix: Node, names: list[str], report: Report) -> list[Combination]:
    for pattern in _listed(matrix, "exclude", report):
        unknown = [name for name in pattern.entries if name not in names]
        for name in unknown:
            place = pattern.entries[name].anchor
            report.add(place, f"the matrix has no list {name!r} to exclude from.", did_you_mean(name, names))
        left = [one for one in found if not _written(pattern.entries).items() <= _written(one).items()]
        if not unknown and len(left) == len(found):
            report.add(pattern.place, "this excludes nothing: no combination has these values.")
        found = left
    return found
