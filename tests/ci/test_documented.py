"""The guide describes the action as it is; run this file as a script to write its tables anew."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

CHECKOUT = Path(__file__).parents[2]
GUIDE = CHECKOUT / "site" / "docs" / "guide" / "ci.md"


def _action() -> dict[str, Any]:
    said: dict[str, Any] = yaml.safe_load((CHECKOUT / "action.yml").read_text(encoding="utf-8"))
    return said


def inputs() -> str:
    """A row per input: its name, its meaning, and what it is when it is left out."""
    rows = ["\n| input | meaning | default |\n|---|---|---|\n"]
    for name, about in _action()["inputs"].items():
        default = "required" if about.get("required") else f"`{about['default']}`" if about["default"] else ""
        rows.append(f"| `{name}` | {about['description']} | {default} |\n")
    return "".join([*rows, "\n"])


def outputs() -> str:
    """A row per output: its name and its meaning."""
    rows = [f"| `{name}` | {about['description']} |\n" for name, about in _action()["outputs"].items()]
    return "".join(["\n| output | meaning |\n|---|---|\n", *rows, "\n"])


TABLES = {"inputs": inputs, "outputs": outputs}


def _between(name: str) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {name}: [^\n]* -->\n)(.*?)(<!-- /{name} -->)", re.DOTALL)


@pytest.mark.parametrize("name", TABLES)
def test_the_table_in_the_guide_is_what_the_action_says(name: str) -> None:
    found = _between(name).search(GUIDE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == TABLES[name]()


if __name__ == "__main__":
    text = GUIDE.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        text = _between(name).sub(lambda found, made=table: f"{found[1]}{made()}{found[3]}", text)
    GUIDE.write_text(text, encoding="utf-8")
