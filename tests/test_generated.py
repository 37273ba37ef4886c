"""What the texts take from the program agrees with the program; run this file as a script to write it anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from ecco_reports.analyses import ANALYSES
from ecco_reports.cli import main
from ecco_reports.experiment import load_experiment
from ecco_reports.experiment.sentences import PATTERNS
from ecco_reports.gates import Kind, Level, Status, Verdict, Verdicts

CHECKOUT = Path(__file__).parents[1]
README = CHECKOUT / "README.md"
COMMAND = CHECKOUT / "site" / "docs" / "guide" / "command.md"
GATES = CHECKOUT / "site" / "docs" / "guide" / "gates.md"
VERBS = re.compile(r"(<!-- verbs: [^\n]* -->\n)(.*?)(<!-- /verbs -->)", re.DOTALL)
SENTENCES = re.compile(r"(<!-- sentences: [^\n]* -->\n)(.*?)(<!-- /sentences -->)", re.DOTALL)
OUTCOMES = re.compile(r"(<!-- outcomes: [^\n]* -->\n)(.*?)(<!-- /outcomes -->)", re.DOTALL)
ROOMS = re.compile(r"(<!-- analyses: [^\n]* -->\n)(.*?)(<!-- /analyses -->)", re.DOTALL)


def verbs_table() -> str:
    """A row per verb, in the order of work."""
    return "".join(f"| `{name}` | {command.get_short_help_str(200)} |\n" for name, command in main.commands.items())


def analyses_table() -> str:
    """A row per analysis: its name, and the question it answers."""
    return "".join(f"| `{name}` | {ANALYSES[name].question} |\n" for name in ANALYSES)


def help_of_verbs() -> str:
    """What each verb says of itself, a section each; the verbs below a verb follow it."""
    parts = []
    for name, command in _all_verbs(main):
        context = click.Context(command, info_name=f"ecco-reports {name}", terminal_width=96, max_content_width=96)
        context.help_option_names = ["-h", "--help"]
        parts.append(f"### {name}\n\n```text\n{command.get_help(context)}\n```\n\n")
    return "".join(parts)


def sentences_table() -> str:
    """A row per sentence that a gate may expect."""
    rows = []
    for one in PATTERNS:
        asks = " or ".join(f"`{name}`" for name in one.analyses) + (", and a baseline" if one.of_two else "")
        rows.append("" if one.refusal else f"| {one.example} | {one.meaning} | {asks} |\n")
    return "| expect | is true where | asks |\n|---|---|---|\n" + "".join(rows)


def outcomes_table() -> str:
    """A row per way in which a gate can end, and what it does at each level."""
    rows = []
    for status in Status:
        ends = []
        for level in Level:
            verdict = Verdict(Kind.GATE, status, "", "", "", level=level)
            code = Verdicts((verdict,), 0).exit_code
            ends.append("goes through" if code == 0 else f"stops ({code})")
        if status is Status.NO_BASELINE:
            ends = ["goes through, unless `--require-baseline`: stops (3)"] * 2
        if status is Status.FAIL:
            ends[1] = "is shown as `warn`"
        rows.append(f"| `{status.value}` | {status.meaning} | {ends[0]} | {ends[1]} |\n")
    return "| outcome | meaning | level `fail` | level `warn` |\n|---|---|---|---|\n" + "".join(rows)


def test_the_tables_of_gates_are_what_the_program_knows() -> None:
    page = GATES.read_text(encoding="utf-8")
    for place, table in ((SENTENCES, sentences_table()), (OUTCOMES, outcomes_table())):
        found = place.search(page)
        assert found is not None
        assert found[2] == table


def test_the_example_of_the_page_about_gates_runs_and_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```yaml\n(.*?)```", GATES.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    (tmp_path / "experiments" / "places.yaml").write_text(found[1], encoding="utf-8")
    for words in (["run"], ["baseline", "bless"], ["check", "--require-baseline"]):
        answer = CliRunner().invoke(main, words)
        assert answer.exit_code == 0, answer.output
    assert "All 9 gates passed." in answer.output


def _all_verbs(group: click.Group, above: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield above + name, command
        if isinstance(command, click.Group):
            yield from _all_verbs(command, f"{above}{name} ")


def test_the_table_of_verbs_is_what_the_command_has() -> None:
    found = VERBS.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == verbs_table()


def test_the_table_of_analyses_is_what_there_is() -> None:
    found = ROOMS.search(README.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == analyses_table()


def test_the_page_of_the_command_is_what_the_command_says() -> None:
    found = VERBS.search(COMMAND.read_text(encoding="utf-8"))
    assert found is not None
    assert found[2] == help_of_verbs()


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


def test_the_code_of_the_python_page_runs() -> None:
    page = (CHECKOUT / "site" / "docs" / "guide" / "python.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        if "./checkpoints" not in code:
            exec(code, names)
    assert type(names["result"]).__name__ == "AttributionResult"


def test_the_first_experiment_has_ten_lines() -> None:
    found = re.search(r"```yaml\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    assert len(found[1].splitlines()) <= 10


if __name__ == "__main__":
    for file, place, generated in (
        (README, VERBS, verbs_table()),
        (README, ROOMS, analyses_table()),
        (COMMAND, VERBS, help_of_verbs()),
        (GATES, SENTENCES, sentences_table()),
        (GATES, OUTCOMES, outcomes_table()),
    ):
        text = file.read_text(encoding="utf-8")
        file.write_text(place.sub(lambda m, new=generated: m[1] + new + m[3], text), encoding="utf-8")
