"""Makes prompts of what an experiment writes under ``prompts:``.

In: nodes: a text, a mapping with a text or the turns of a conversation, a text in a file, or a data set that stands for
many prompts. Out: prompts by name, and the nodes they come from in their long form. What a tokenizer would have to say
about them is not asked here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from string import Formatter
from typing import TypeAlias

from ecco_reports.errors import did_you_mean
from ecco_reports.experiment.materials import Materials, Row
from ecco_reports.experiment.nodes import Node
from ecco_reports.experiment.schema import PromptFields
from ecco_reports.experiment.validation import Report, validated
from ecco_reports.models.chat import turns
from ecco_reports.records import Message, Prompt

PARTS = ("text", "text_pair", "system", "messages", "continuation", "target", "foil")
"""What a prompt is made of."""

_COLUMNS = ("text", "text_pair", "continuation", "target", "foil")
"""What a column of a data set fills in that has its name."""

_OPTIONAL = ("text_pair", "system", "continuation", "target", "foil")
"""What a row goes without if it uses an empty cell."""

_PLAIN = ("text_pair", "continuation", "target", "foil")
"""What a prompt takes over as it is written."""

_Slot: TypeAlias = tuple[str | int, ...]
_Template: TypeAlias = list[tuple[str, str | None]]

_LATE_SYSTEM = "the text of the system is the first message of a conversation or none."

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass
class PromptReader:
    """Reads prompts one after the other.

    Attributes:
        materials: The files that texts may come from.
        report: Where problems are noted.
        prompts: What was read, by name.
        nodes: Where each prompt stands, as a mapping with its parts.
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
        if fields is None or not self._shape_holds(node):
            return
        if text is not None and text.is_mapping:
            file = text.entries["file"]
            if (content := self.materials.text(file)) is None:
                return
            node = node.with_entries({"text": replace(file, value=content)})
        if fields.dataset is not None:
            self._read_dataset(name, node)
        elif text is None and fields.messages is None:
            self.report.add(node.anchor, f"the prompt {name!r} has no text.", "Write `text: ...`.")
        else:
            self._add(name, node)

    def _read_dataset(self, name: str, node: Node) -> None:
        dataset = node.entries["dataset"]
        rows = self.materials.rows(dataset)
        if not rows:
            return
        columns = list(rows[0].cells)
        taken = ("text", "text_pair") if "messages" in node.entries else ()
        named = [part for part in _COLUMNS if part in columns and part not in taken]
        if not {"text", "messages"} & {*node.entries, *named}:
            message = f"the data set {dataset.value!r} has no column 'text', and the prompt says no text either."
            hint = f"Write `text:` with columns between braces: {', '.join(f'{{{column}}}' for column in columns)}."
            self.report.add(dataset.place, message, hint)
            return
        slots: dict[_Slot, Node] = {(part,): replace(dataset, value=f"{{{part}}}") for part in named}
        slots.update(_slots(node))
        templates = {slot: _template(text, columns, self.report) for slot, text in slots.items()}
        sound = {slot: template for slot, template in templates.items() if template is not None}
        if len(sound) < len(templates):
            return
        filled = {f"{name}-{number}": self._filled(sound, row, node) for number, row in enumerate(rows)}
        self.groups[name] = tuple(each for each, prompt in filled.items() if prompt and self._add(each, prompt))

    def _filled(self, templates: Mapping[_Slot, _Template], row: Row, node: Node) -> Node | None:
        """A row as a prompt; what may be left out is, if its cell is empty."""
        needed = dict.fromkeys(
            column for template in templates.values() for _, column in template if column is not None
        )
        if missing := [column for column in needed if column not in row.cells]:
            self.report.add(row.place, f"this row has no {missing[0]!r}.", "Each row needs the columns of the first.")
            return None
        texts = {}
        for slot, template in templates.items():
            if slot[0] not in _OPTIONAL or all(row.cells[column] for _, column in template if column is not None):
                text = "".join(before + ("" if column is None else row.cells[column]) for before, column in template)
                texts[slot] = Node(text, row.place)
        entries = {str(slot[0]): text for slot, text in texts.items() if len(slot) == 1}
        if messages := node.child("messages"):
            said = tuple(
                message.with_entries({"content": texts["messages", number, "content"]})
                for number, message in enumerate(messages.elements)
            )
            entries["messages"] = replace(messages, value=said)
        return Node(entries, row.place, node.key)

    def _add(self, name: str, node: Node) -> bool:
        """Takes in one prompt; tells whether it could be."""
        parts = {part: child for part in PARTS if (child := node.child(part)) is not None and child.value is not None}
        said = [part for slot, part in _slots(node) if slot[0] in ("text", "messages")]
        if empty := next((part for part in said if not part.value), None):
            self._refuse_empty(name, empty)
            return False
        if name in self.prompts:
            message = f"there are two prompts called {name!r}: rows of a data set are called by its name and a number."
            self.report.add(node.anchor, message, "Rename one of them.")
            return False
        if not (self._characters_hold(parts) and self._contrast_holds(parts.get("target"), parts.get("foil"))):
            return False
        messages = _conversation(parts)
        written = None if messages else str(parts["text"].value)
        text = turns(messages) if written is None else _mended(written)
        if written is not None:
            parts["text"] = replace(parts["text"], value=text)
        self.nodes[name] = replace(node, value=parts)
        self.prompts[name] = Prompt(
            name=name,
            text=text,
            written=_LONE_SURROGATE.sub(_spelt_out, written) if written is not None and written != text else None,
            messages=messages,
            **{part: str(parts[part].value) for part in _PLAIN if part in parts},
        )
        return True

    def _shape_holds(self, node: Node) -> bool:
        """Whether the parts of a prompt go together: one text, two texts, or a conversation."""
        messages, system, pair = (node.child(part) for part in ("messages", "system", "text_pair"))
        roles = [role.value for message in messages.elements if (role := message.child("role"))] if messages else []
        if messages and node.child("text"):
            hint = "Leave one of them out; `system:` may stand beside either."
            self.report.add(messages.anchor, "a prompt has `text` or `messages`, not both.", hint)
        elif pair and (messages or system):
            self.report.add(pair.anchor, "a conversation has no second text.", "Write it into what the user says.")
        elif system and "system" in roles:
            hint = "Leave out `system:` or the message with the role system."
            self.report.add(system.anchor, "this conversation has two texts of the system.", hint)
        elif "system" in roles[1:]:
            self.report.add(messages.anchor if messages else node.anchor, _LATE_SYSTEM, "Put it first.")
        else:
            return True
        return False

    def _contrast_holds(self, target: Node | None, foil: Node | None) -> bool:
        if foil and not target:
            self.report.add(foil.anchor, "a foil needs a target to be compared with.", "Write `target:` as well.")
        elif foil and target and foil.value == target.value:
            self.report.add(foil.anchor, f"target and foil are both {foil.value!r}.", "Compare two different tokens.")
        else:
            return True
        return False

    def _characters_hold(self, parts: Mapping[str, Node]) -> bool:
        broken = [parts[part] for part in _PLAIN if part in parts]
        broken = [node for node in broken if _LONE_SURROGATE.search(str(node.value))]
        for node in broken:
            self.report.add(
                node.place, "this text holds half of a surrogate pair, which is no character.", "Remove it."
            )
        return not broken

    def _refuse_empty(self, name: str, text: Node) -> None:
        message = f"the prompt {name!r} is empty."
        self.report.add(text.anchor, message, "Write at least one character for the model to go on from.")


def _slots(node: Node) -> Iterator[tuple[_Slot, Node]]:
    """The texts of a prompt by where they stand in it."""
    for part in PARTS:
        child = node.child(part)
        if child is not None and part == "messages":
            for number, message in enumerate(child.elements):
                yield (part, number, "content"), message.entries["content"]
        elif child is not None and child.value is not None:
            yield (part,), child


def _conversation(parts: Mapping[str, Node]) -> tuple[Message, ...]:
    """The turns of a prompt; none for one that is a text."""
    if "system" not in parts and "messages" not in parts:
        return ()
    said = [("system", parts["system"])] if "system" in parts else []
    if "messages" in parts:
        said += [(str(each.entries["role"].value), each.entries["content"]) for each in parts["messages"].elements]
    else:
        said += [("user", parts["text"])]
    return tuple(
        Message.model_validate({"role": role, "content": _mended(str(content.value))}) for role, content in said
    )


def _mended(text: str) -> str:
    """The text with a sign where half of a surrogate pair stood, which no tokenizer can take."""
    return _LONE_SURROGATE.sub("\ufffd", text)


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
