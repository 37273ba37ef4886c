"""Makes prompts of what an experiment writes under ``prompts:``.

In: nodes: a text, a mapping with a text, a text in a file, or a data set that stands for many prompts. Out: prompts by
name, and the nodes they come from in their long form. What a tokenizer would have to say about them is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TypeAlias

from ecco_reports.errors import did_you_mean
from ecco_reports.experiment.materials import Materials, Row
from ecco_reports.experiment.nodes import Node
from ecco_reports.experiment.schema import PromptFields
from ecco_reports.experiment.validation import Report, validated
from ecco_reports.records import Prompt

PARTS = ("text", "target", "foil")
"""What a prompt is made of, and what a row of a data set fills in."""

_Template: TypeAlias = list[tuple[str, str | None]]

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class PromptReader:
    """Reads prompts one after the other.

    Attributes:
        materials: The files that texts may come from.
        report: Where problems are noted.
        prompts: What was read, by name.
        nodes: Where each prompt stands, as a mapping with ``text``, ``target`` and ``foil``.
        groups: The names of the prompts of each data set.
    """

    materials: Materials
    report: Report
    prompts: dict[str, Prompt] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def read(self, name: str, node: Node) -> None:
        """Reads what stands under one name."""
        node = node if node.is_mapping else Node({"text": node}, node.place, node.key)
        text = node.child("text")
        if text is not None and text.value in (None, ""):
            self._refuse_empty(name, text)
            return
        # Half a surrogate pair is welcome in a prompt and nowhere else: it is mended in the end, with a note.
        checked = (
            node.with_entries({"text": replace(text, value="x")}) if text and isinstance(text.value, str) else node
        )
        fields = validated(checked, PromptFields, self.report, f"the prompt {name!r}")
        if fields is None:
            return
        if text is not None and text.is_mapping:
            file = text.entries["file"]
            if (content := self.materials.text(file)) is None:
                return
            node = node.with_entries({"text": replace(file, value=content)})
        if fields.dataset is not None:
            self._read_dataset(name, node)
        elif text is None:
            self.report.add(node.anchor, f"the prompt {name!r} has no text.", "Write `text: ...`.")
        else:
            self._add(name, node)

    def _read_dataset(self, name: str, node: Node) -> None:
        dataset = node.entries["dataset"]
        rows = self.materials.rows(dataset)
        if not rows:
            return
        columns = list(rows[0].cells)
        if "text" not in node.entries and "text" not in columns:
            message = f"the data set {dataset.value!r} has no column 'text', and the prompt says no text either."
            hint = f"Write `text:` with columns between braces: {', '.join(f'{{{column}}}' for column in columns)}."
            self.report.add(dataset.place, message, hint)
            return
        templates = {
            # A column that is called like what it fills in needs no template.
            part: _template(node.entries.get(part, replace(dataset, value=f"{{{part}}}")), columns, self.report)
            for part in PARTS
            if part in node.entries or part in columns
        }
        sound = {part: template for part, template in templates.items() if template is not None}
        if len(sound) < len(templates):
            return
        filled = {f"{name}-{number}": self._filled(sound, row, node) for number, row in enumerate(rows)}
        self.groups[name] = tuple(each for each, prompt in filled.items() if prompt and self._add(each, prompt))

    def _filled(self, templates: Mapping[str, _Template], row: Row, node: Node) -> Node | None:
        """A row as a prompt; a target or foil with an empty cell is left out."""
        needed = dict.fromkeys(
            column for template in templates.values() for _, column in template if column is not None
        )
        if missing := [column for column in needed if column not in row.cells]:
            self.report.add(row.place, f"this row has no {missing[0]!r}.", "Each row needs the columns of the first.")
            return None
        entries = {}
        for part, template in templates.items():
            if part == "text" or all(row.cells[column] for _, column in template if column is not None):
                text = "".join(before + ("" if column is None else row.cells[column]) for before, column in template)
                entries[part] = Node(text, row.place)
        return Node(entries, row.place, node.key)

    def _add(self, name: str, node: Node) -> bool:
        """Takes in one prompt; tells whether it could be."""
        parts = {part: child for part in PARTS if (child := node.child(part)) is not None and child.value is not None}
        text = str(parts["text"].value)
        mended = _LONE_SURROGATE.sub("\ufffd", text)
        if not text:
            self._refuse_empty(name, parts["text"])
            return False
        if name in self.prompts:
            message = f"there are two prompts called {name!r}: rows of a data set are called by its name and a number."
            self.report.add(node.anchor, message, "Rename one of them.")
            return False
        if not self._contrast_holds(parts.get("target"), parts.get("foil")):
            return False
        parts["text"] = replace(parts["text"], value=mended)
        self.nodes[name] = replace(node, value=parts)
        self.prompts[name] = Prompt(
            name=name,
            text=mended,
            written=_LONE_SURROGATE.sub(_spelt_out, text) if mended != text else None,
            **{part: str(child.value) for part, child in parts.items() if part != "text"},
        )
        return True

    def _contrast_holds(self, target: Node | None, foil: Node | None) -> bool:
        broken = [node for node in (target, foil) if node and _LONE_SURROGATE.search(str(node.value))]
        for node in broken:
            self.report.add(
                node.place, "this text holds half of a surrogate pair, which is no character.", "Remove it."
            )
        if foil and not target:
            self.report.add(foil.anchor, "a foil needs a target to be compared with.", "Write `target:` as well.")
        elif foil and target and foil.value == target.value:
            self.report.add(foil.anchor, f"target and foil are both {foil.value!r}.", "Compare two different tokens.")
        else:
            return not broken
        return False

    def _refuse_empty(self, name: str, text: Node) -> None:
        message = f"the prompt {name!r} is empty."
        self.report.add(text.anchor, message, "Write at least one character for the model to go on from.")


def _spelt_out(surrogate: re.Match[str]) -> str:
    return f"\\u{ord(surrogate.group()):04x}"


def _template(node: Node, columns: list[str], report: Report) -> _Template | None:
    """A text with ``{column}`` in it, taken apart; ``{{`` and ``}}`` are braces.

    Only names of columns may stand between braces: no attributes, indices, conversions or widths, so that a template
    can neither look into objects nor blow up.

    Returns:
        Texts, each with the column that follows it; None if the template is malformed, which is noted.
    """
    hint = "Write `{column}` for a cell, and `{{` or `}}` for a brace."
    try:
        pieces = list(Formatter().parse(str(node.value)))
    except ValueError as error:
        report.add(node.place, f"this cannot be filled in: {error}.", hint)
        return None
    sound = True
    for _, column, spec, conversion in pieces:
        if spec or conversion:
            report.add(
                node.place, f"only the name of a column may stand between braces, not {column!r} with more.", hint
            )
            sound = False
        elif column is not None and column not in columns:
            report.add(node.place, f"the data set has no column {column!r}.", did_you_mean(column, columns))
            sound = False
    return [(text, column) for text, column, _, _ in pieces] if sound else None
