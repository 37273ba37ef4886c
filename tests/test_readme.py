"""What the README generates from the program agrees with the program; run this file as a script to write it anew."""

from __future__ import annotations

import re
from pathlib import Path

from ecco_reports.cli import main
from ecco_reports.experiment import load_experiment

README = Path(__file__).parents[1] / "README.md"
VERBS = re.compile(r"(<!-- verbs: [^\n]* -->\n)(.*?)(<!-- /verbs -->)", re.DOTALL)


def verbs_table() -> str:
    """A row per verb, in the order of work."""
    return "".join(f"| `{name}` | {command.get_short_help_str(200)} |\n" for name, command in main.commands.items())


def test_the_table_of_verbs_is_what_the_command_has() -> None:
    found = VERBS.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == verbs_table()


def test_the_first_experiment_of_the_readme_is_valid(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    file = tmp_path / "mine.yaml"
    file.write_text(found[1], encoding="utf-8")
    experiment = load_experiment(file)
    assert [entry.analysis for entry in experiment.analyses] == [
        "generation",
        "attribution",
        "logit_lens",
        "token_ranks",
    ]


def test_the_first_experiment_has_ten_lines() -> None:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) <= 10


if __name__ == "__main__":
    text = README.read_text(encoding="utf-8")
    README.write_text(VERBS.sub(lambda m: m[1] + verbs_table() + m[3], text), encoding="utf-8")
