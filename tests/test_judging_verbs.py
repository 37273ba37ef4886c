"""The verbs ``metrics`` and ``check`` as a user meets them: what they print, what they write, and how they end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from ecco_reports.analyses import ANALYSES
from ecco_reports.cli import main
from ecco_reports.experiment.sentences import PATTERNS

HEAD = """\
title: Where is it?
models: {facts: bundled:facts}
prompts:
  heathrow: {text: Heathrow airport is located in the city of, target: " London"}
  japan: {text: The capital of Japan is the city of, target: " Tokyo"}
analyses:
  - generation: {max_new_tokens: 2}
  - token_ranks
gates:
"""
KEPT = "  - {metric: token_ranks.target_rank, max: 1}\n"
BROKEN = "  - {metric: token_ranks.target_rank, min: 2}\n"
COMPARED = "  - {metric: generation.target_logprob, max_drop: 0.5}\n"
SPOKEN = "  - expect: the target is the first choice\n"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the results of the experiment, whatever its gates say."""
    folder = tmp_path_factory.mktemp("judged")
    file = folder / "one.yaml"
    file.write_text(HEAD + KEPT, encoding="utf-8")
    answer = CliRunner().invoke(main, ["run", str(file), "--store", str(folder / "store")])
    assert answer.exit_code == 0, answer.output
    return folder / "store"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    return tmp_path


def call(*words: str) -> Result:
    return CliRunner().invoke(main, list(words), catch_exceptions=False)


def check(project: Path, store: Path, gates: str, *words: str, text: str = HEAD) -> Result:
    (project / "experiments" / "one.yaml").write_text(text + gates, encoding="utf-8")
    return call("check", "--store", str(store), *words)


def bless(project: Path, store: Path) -> None:
    (project / "experiments" / "one.yaml").write_text(HEAD + KEPT, encoding="utf-8")
    assert call("baseline", "bless", "--store", str(store)).exit_code == 0


def lowered(path: Path, by: float) -> None:
    """Makes another baseline of a blessed one, in which the targets were more probable."""
    from ecco_reports.baselines import read_baseline, write_baseline

    old = read_baseline(path).snapshot
    entries = tuple(
        entry.model_copy(
            update={"metrics": {name: value + by * (name == "target_logprob") for name, value in entry.metrics.items()}}
        )
        for entry in old.entries
    )
    write_baseline(path.parent, old.model_copy(update={"entries": entries}))


def test_gates_that_hold_end_with_0_and_a_count(project: Path, store: Path) -> None:
    answer = check(project, store, KEPT + SPOKEN)
    assert answer.exit_code == 0
    assert answer.stdout == "All 4 gates passed. Gates: 4 pass.\n"


def test_a_gate_that_fails_ends_with_3_and_one_line_that_says_where(project: Path, store: Path) -> None:
    answer = check(project, store, KEPT + BROKEN)
    assert answer.exit_code == 3
    first, last = answer.stdout.splitlines()
    assert first.split(maxsplit=1) == [
        "fail",
        "one · 2 results: token_ranks.target_rank: 1 is less than 2 (experiments/one.yaml:11)",
    ]
    assert last == "2 of 4 gates failed. Gates: 2 fail, 2 pass."


def test_what_is_not_in_the_store_was_not_run_and_ends_with_4(project: Path, tmp_path: Path) -> None:
    answer = check(project, tmp_path / "empty", KEPT)
    assert answer.exit_code == 4
    assert "not-run" in answer.stdout
    assert "not run: 4 of 4 results of one are not in the store: ecco-reports run" in answer.stderr
    assert not (tmp_path / "empty" / "results").exists()


def test_a_file_that_cannot_be_used_ends_with_2(project: Path, store: Path) -> None:
    answer = check(project, store, "  - {metric: token_ranks.target_rnk, max: 1}\n")
    assert answer.exit_code == 2
    assert "one.yaml:10:14: token_ranks has no metric 'target_rnk'. Did you mean 'target_rank'" in answer.output


def test_without_a_baseline_it_passes_unless_one_is_required(project: Path, store: Path) -> None:
    answer = check(project, store, COMPARED)
    assert answer.exit_code == 0
    assert answer.stdout.startswith("no-baseline")
    strict = check(project, store, COMPARED, "--require-baseline")
    assert strict.exit_code == 3


def test_a_blessed_baseline_is_used_by_itself(project: Path, store: Path) -> None:
    bless(project, store)
    answer = check(project, store, COMPARED, "--require-baseline")
    assert answer.exit_code == 0, answer.output
    lowered(project / "baselines" / "one.json", 2)
    worse = check(project, store, COMPARED)
    assert worse.exit_code == 3
    assert "2 nats less than the baseline's" in worse.stdout
    lowered(project / "baselines" / "one.json", -4)
    better = check(project, store, COMPARED)
    assert better.exit_code == 0
    assert better.stdout.startswith("improved")
    assert "2 improved" in better.stdout


def test_another_baseline_may_be_named(project: Path, store: Path) -> None:
    bless(project, store)
    lowered(project / "baselines" / "one.json", 0.75)
    (project / "baselines").rename(project / "kept")
    assert check(project, store, COMPARED, "--baseline", "kept/one.json").exit_code == 3
    assert check(project, store, COMPARED, "--baselines", "kept").exit_code == 3
    assert check(project, store, COMPARED, "--baseline", "latest").exit_code == 0
    missing = check(project, store, COMPARED, "--baseline", "nowhere")
    assert missing.exit_code == 2
    assert "nowhere" in missing.stderr


@pytest.mark.parametrize("content", ["", "{", '{"schema": 1}', "[]"])
def test_a_baseline_that_cannot_be_read_ends_with_2_and_stays_as_it_is(
    project: Path, store: Path, content: str
) -> None:
    file = project / "baselines" / "one.json"
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")
    answer = check(project, store, KEPT)
    assert answer.exit_code == 2
    assert "one.json" in answer.stderr
    assert file.read_text(encoding="utf-8") == content


def test_reports_are_written_whatever_the_verdict(project: Path, store: Path) -> None:
    names = ["a.md", "b.json", "c.html", "d.junit.xml"]
    words = [word for name in names for word in ("-o", f"out/{name}")]
    answer = check(project, store, BROKEN, *words, "--comment", "out/comment.md", "--link", "https://example.org/1")
    assert answer.exit_code == 3
    found = {name: (project / "out" / name).read_text(encoding="utf-8") for name in [*names, "comment.md"]}
    assert json.loads(found["b.json"])["verdicts"]["exit_code"] == 3
    suites = ElementTree.fromstring(found["d.junit.xml"])
    assert sum(1 for _ in suites.iter("failure")) == 2
    assert len(found["comment.md"].encode()) < 60_000
    assert "https://example.org/1" in found["comment.md"]


@pytest.mark.parametrize("words", [("-o", "a.txt"), ("--comment", "a.json")])
def test_a_report_that_cannot_be_written_is_refused_before_anything_is_judged(
    project: Path, store: Path, words: tuple[str, str]
) -> None:
    answer = check(project, store, BROKEN, *words)
    assert answer.exit_code == 2
    assert words[1] in answer.stderr
    assert answer.stdout == ""


def test_json_is_what_a_report_in_json_has(project: Path, store: Path) -> None:
    answer = check(project, store, BROKEN, "--format", "json", "-o", "a.json")
    assert answer.exit_code == 3
    assert json.loads(answer.stdout) == json.loads((project / "a.json").read_text(encoding="utf-8"))


def test_annotations_are_escaped_and_stand_at_their_gate(project: Path, store: Path) -> None:
    gate = "  - {expect: the target has a probability of at least 100 %, level: LEVEL}\n"
    for level, command in (("fail", "error"), ("warn", "warning")):
        answer = check(project, store, gate.replace("LEVEL", level), "--format", "github")
        lines = [line for line in answer.stdout.splitlines() if line.startswith("::")]
        assert len(lines) == 2
        status = "fail" if level == "fail" else "warn"
        assert lines[0].startswith(f"::{command} file=experiments/one.yaml,line=10,col=5,title=gate {status}::one · ")
        assert "at least 100 %25" in lines[0]
    held = check(project, store, COMPARED, "--format", "github")
    assert held.stdout.startswith("::notice file=experiments/one.yaml")


def test_a_property_of_an_annotation_cannot_end_early() -> None:
    from ecco_reports.cli.shared import annotation

    line = annotation("error", "a,b:c%.yaml", 3, 0, "x\ny%\r::error::z")
    assert line == "::error file=a%2Cb%3Ac%25.yaml,line=3,col=1::x%0Ay%25%0D::error::z"
    assert annotation("notice", "", 0, 0, "x") == "::notice::x"


def test_run_and_build_judge_against_the_blessed_baseline(project: Path, store: Path) -> None:
    bless(project, store)
    lowered(project / "baselines" / "one.json", 0.75)
    (project / "experiments" / "one.yaml").write_text(HEAD + COMPARED, encoding="utf-8")
    answer = call("run", "--store", str(store))
    assert answer.exit_code == 3
    assert "gate fail: one · " in answer.stderr
    assert "generation.target_logprob" in answer.stderr


def test_metrics_lists_every_metric_and_every_sentence(project: Path) -> None:
    answer = call("metrics")
    assert answer.exit_code == 0
    text = " ".join(answer.stdout.split())
    for analysis in ANALYSES:
        for name in ANALYSES[analysis].measures:
            assert f"{analysis}.{name} " in text
    for pattern in PATTERNS:
        assert (pattern.example.split()[0] in text) or pattern.refusal
    assert "the target is the first choice" in text
    assert "ablating" not in text


def test_metrics_of_experiments_go_by_their_labels(project: Path) -> None:
    file = project / "experiments" / "one.yaml"
    file.write_text(HEAD.replace("token_ranks", "{token_ranks: {}, label: closer}") + "  []\n", encoding="utf-8")
    found = json.loads(call("metrics", str(file), "--format", "json").stdout)
    by_name = {one["metric"]: one for one in found["metrics"]}
    rank = by_name["closer.target_rank"]
    assert (rank["analysis"], rank["direction"], rank["results"], rank["unit"]) == ("token_ranks", "lower", 1, "rank")
    assert rank["experiments"] == ["one"]
    assert by_name["generation.kl"]["results"] == 2
    assert not any(name.startswith("attribution.") for name in by_name)
    assert {one["example"] for one in found["sentences"]} == {pattern.example for pattern in PATTERNS}


def test_neither_verb_imports_torch(project: Path, store: Path) -> None:
    (project / "experiments" / "one.yaml").write_text(HEAD + KEPT + SPOKEN + COMPARED, encoding="utf-8")
    code = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from ecco_reports.cli import main\n"
        f"for words in (['metrics'], ['check', '--store', {str(store)!r}, '-o', 'a.md', '-o', 'a.json']):\n"
        "    answer = CliRunner().invoke(main, words)\n"
        "    assert answer.exit_code == 0, answer.output\n"
        "print(sorted({'torch', 'transformers'} & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=project)
    assert done.stdout.splitlines()[-1] == "[]"
