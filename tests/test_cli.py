"""The command as a user meets it: what it prints, how it ends, and that it never shows a traceback."""

from __future__ import annotations

import contextlib
import html
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ecco_reports.analyses.token_ranks import TokenRanks
from ecco_reports.cli import main

GOOD = """\
title: Where is it?
summary: A small test.
models: {facts: bundled:facts}
prompts:
  heathrow: {text: Heathrow airport is located in the city of, target: " London"}
analyses:
  - generation: {max_new_tokens: 2}
  - token_ranks: {watch: [" London"]}
"""


# Each line holds the one before it thirty times.
LAUGHS = b"x-a: &a [ha, ha, ha]\n" + b"".join(
    b"x-%c: &%c [%s]\n" % (98 + i, 98 + i, b",".join([b"*%c" % (97 + i)] * 30)) for i in range(6)
)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project that is the current directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "experiments").mkdir()
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments))


def write(project: Path, text: str, name: str = "one.yaml") -> Path:
    file = project / "experiments" / name
    file.write_text(text, encoding="utf-8")
    return file


def test_help_lists_the_verbs_in_the_order_of_work() -> None:
    printed = call("--help").output
    verbs = ["init", "validate", "plan", "run", "build", "serve", "compare", "baseline", "schema", "doctor"]
    positions = [printed.index(f"\n  {verb}") for verb in verbs]
    assert positions == sorted(positions)


def test_importing_the_command_imports_neither_torch_nor_transformers_nor_altair() -> None:
    code = "import sys, ecco_reports.cli; print([m for m in ('torch', 'transformers', 'altair') if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_a_good_experiment_has_no_problems(project: Path) -> None:
    write(project, GOOD)
    answer = call("validate")
    assert answer.exit_code == 0, answer.output
    assert answer.output == "1 experiment with 2 tasks: no problems.\n"


@pytest.mark.parametrize(
    ("old", "new", "where", "said"),
    [
        ("token_ranks", "token_rank", "8:5", "Did you mean 'token_ranks'?"),
        ("max_new_tokens: 2", "max_new_tokens: two", "7:34", "whole number"),
        ("max_new_tokens: 2", "max_new_token: 2", "7:18", "Did you mean 'max_new_tokens'?"),
        ('" London"]', '" Londonderry"]', "8:27", "is not one token for this model but"),
        ("bundled:facts", "bundled:fakts", "3:17", "Did you mean 'bundled:facts'?"),
        ("bundled:facts", "./no/such/folder", "3:17", "there is no folder"),
        ('watch: [" London"]', "position: 99", "8:29", "position 99 is out of range"),
        ('watch: [" London"]', "layers: [0, 6]", "8:31", "layer 6 is out of range: the model has 6 layers."),
        ("max_new_tokens: 2", "max_new_tokens: 600", "5:13", "reads 512 at most"),
    ],
)
def test_a_bad_value_is_named_with_its_place_and_a_way_out(
    project: Path, old: str, new: str, where: str, said: str
) -> None:
    assert old in GOOD
    file = write(project, GOOD.replace(old, new))
    answer = call("validate", "experiments/one.yaml")
    assert answer.exit_code == 2, answer.output
    assert f"{file.relative_to(project)}:{where}:" in answer.output
    assert said in answer.output
    assert "Traceback" not in answer.output


@pytest.mark.parametrize(
    ("content", "where", "said"),
    [
        (b"", "", "is empty"),
        (b"title: [", ":1:", ""),
        ("title: \u00e9".encode("latin-1"), "", "UTF-8"),
        (b"x" * 50_000_000, "", "MB"),
        (b"title: x\n\tsummary: y\n", ":2:1:", "tab"),
        (b"title: x\ntitle: y\n", ":2:1:", "title"),
        (b"title: !!python/object/apply:os.system [ls]\n", ":1:8:", "tag"),
        (LAUGHS, "", ""),
        (GOOD.replace("title:", "name: ../../etc\ntitle:").encode(), ":1:7:", "name"),
        (GOOD.replace("Heathrow airport is located in the city of", '""').encode(), ":5:", ""),
        (GOOD.replace("in the city of", "in the city of" * 200).encode(), ":5:13:", "which reads 512 at most"),
        (GOOD.replace("of,", "of, foil: Llanfairpwll,").encode(), ":5:", "is not one token"),
    ],
    ids=lambda value: str(value)[:30] if isinstance(value, str) else "",
)
def test_a_bad_file_ends_with_2_and_one_message_and_loses_nothing(
    project: Path, content: bytes, where: str, said: str
) -> None:
    write(project, GOOD)
    assert call("run").exit_code == 0
    before = _results(project)
    (project / "experiments" / "one.yaml").write_bytes(content)
    answer = call("run")
    assert answer.exit_code == 2, answer.output
    assert f"one.yaml{where}" in answer.output
    assert said in answer.output
    assert "Traceback" not in answer.output
    assert len(answer.output) < 2_000
    assert before
    assert _results(project) == before


def test_two_experiments_with_one_name_are_refused(project: Path) -> None:
    write(project, GOOD)
    write(project, GOOD.replace("title:", "name: ONE\ntitle:".lower()), "two.yaml")
    answer = call("validate")
    assert answer.exit_code == 2
    assert "two.yaml:1:" in answer.output
    assert "one.yaml" in answer.output


def test_one_failing_analysis_leaves_the_others_on_the_page_and_ends_with_4(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the ranks ran away")

    write(project, GOOD)
    monkeypatch.setattr(TokenRanks, "run", fail)
    answer = call("build")
    assert answer.exit_code == 4
    assert "failed: one: heathrow · token_ranks: the ranks ran away" in answer.output
    page = html.unescape((project / "build/site/experiments/one.html").read_text(encoding="utf-8"))
    assert "the ranks ran away" in page
    assert "What it wrote, and what it could have written" in page


def test_serve_shows_the_site_and_what_changes_in_it(project: Path) -> None:
    file = write(project, GOOD)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "ecco_reports.cli", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    page = f"http://127.0.0.1:{port}/experiments/one.html"
    try:
        assert _eventually(page, "Where is it?")
        file.write_text(GOOD.replace("Where is it?", "And now?"), encoding="utf-8")
        assert _eventually(page, "And now?")
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(timeout=30)


def _eventually(address: str, text: str) -> bool:
    """Whether a page says something within two minutes."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=5) as answer:
            if text in html.unescape(answer.read().decode()):
                return True
        time.sleep(0.2)
    return False


def test_several_problems_come_in_one_go(project: Path) -> None:
    write(project, GOOD.replace("token_ranks", "token_rank").replace("title:", "titel:"))
    answer = call("build")
    assert answer.exit_code == 2
    assert "titel" in answer.output
    assert "token_rank" in answer.output
    assert "nothing was computed" in answer.output


def test_a_missing_file_is_the_users_mistake(project: Path) -> None:
    answer = call("run", "experiments/nowhere.yaml")
    assert answer.exit_code == 2
    assert "nowhere.yaml" in answer.output


def test_problems_come_as_json_for_tools(project: Path) -> None:
    write(project, GOOD.replace("token_ranks", "token_rank"))
    answer = call("validate", "--format", "json")
    assert answer.exit_code == 2
    (problem,) = json.loads(answer.output)
    assert problem["line"] == 8
    assert problem["file"].endswith("one.yaml")


def test_problems_come_as_annotations_for_github(project: Path) -> None:
    write(project, GOOD.replace("token_ranks", "token_rank"))
    answer = call("validate", "--format", "github")
    assert answer.output.startswith("::error file=experiments/one.yaml,line=8,col=5::")


def test_an_empty_folder_is_explained(project: Path) -> None:
    answer = call("build")
    assert answer.exit_code == 2
    assert "experiments" in answer.output


def test_the_plan_says_what_would_run_and_then_what_is_stored(project: Path) -> None:
    write(project, GOOD)
    before = call("plan")
    assert before.exit_code == 0, before.output
    assert "compute one: heathrow · token_ranks" in before.output
    assert call("run").exit_code == 0
    after = call("plan")
    assert "Everything is stored; nothing would be computed." in after.output


def test_the_plan_says_what_it_costs(project: Path) -> None:
    write(project, GOOD)
    lines = call("plan").output.splitlines()
    assert lines[0] == "bundled:facts · float32 · device auto"
    assert lines[1] == "  results  2 of 1 prompt: 0 stored, 2 to compute"
    assert lines[2].startswith("  passes   at most 2 forward")
    assert "6.6 MB of weights" in lines[3]


HUB = GOOD.replace("bundled:facts", "openai-community/gpt2")


def test_what_needs_the_hub_is_checked_and_planned_offline_but_not_run(project: Path) -> None:
    file = str(write(project, HUB).relative_to(project))
    checked = call("validate", file)
    assert checked.exit_code == 0, checked.output
    assert checked.output == (
        "1 experiment with 2 tasks: no problems.\n"
        "openai-community/gpt2 needs the hub, and was checked only as far as that goes without it.\n"
    )
    assert call("validate", "--format", "json").output == "[]\n"
    planned = call("plan", file)
    assert planned.exit_code == 0, planned.output
    assert planned.output == (
        "openai-community/gpt2 · float32 · device auto\n"
        "  results  2, nobody knows which of them are stored\n"
        "  model    needs the hub: nothing is known of it offline\n"
    )
    for verb in ("run", "build"):
        answer = call(verb, file)
        assert answer.exit_code == 2
        assert "one.yaml:3:17: openai-community/gpt2 is neither a folder here nor in the local" in answer.output
        assert "nothing was computed" in answer.output


def test_a_mistake_beside_a_model_that_needs_the_hub_is_found_offline(project: Path) -> None:
    write(project, HUB.replace("max_new_tokens", "max_new_token"))
    answer = call("validate")
    assert answer.exit_code == 2
    assert "Did you mean 'max_new_tokens'?" in answer.output


def test_experiments_in_a_folder_below_are_left_out_and_that_is_said(project: Path) -> None:
    write(project, GOOD)
    (project / "experiments" / "hub").mkdir()
    (project / "experiments" / "parts").mkdir()
    write(project, HUB, "hub/two.yaml")
    write(project, HUB.replace("token_ranks", "a_room_of_the_future"), "hub/three.yaml")
    write(project, "models: {gpt2: openai-community/gpt2}", "parts/models.yaml")
    said = "left out: 2 experiments in experiments/hub, which need models from the hub: ecco-reports {} experiments/hub"
    for verb in ("validate", "plan", "run"):
        answer = call(verb)
        assert answer.exit_code == 0, answer.output
        assert said.format(verb) in answer.stderr.splitlines()
        assert "parts" not in answer.output
    assert "left out" not in call("plan", "experiments/one.yaml").output
    both = call("validate", "experiments", "experiments/hub")
    assert "left out" not in both.output
    write(project, GOOD, "hub/two.yaml")
    assert "left out: 2 experiments in experiments/hub: ecco-reports plan experiments/hub" in call("plan").stderr


def test_a_failed_gate_ends_with_3_and_a_kept_one_with_0(project: Path) -> None:
    write(project, GOOD + "gates:\n  - {metric: token_ranks.target_rank, max: 1}\n")
    assert call("run").exit_code == 0
    write(project, GOOD + "gates:\n  - {metric: token_ranks.target_rank, min: 2}\n")
    answer = call("run")
    assert answer.exit_code == 3
    assert "token_ranks.target_rank" in answer.output


def test_the_schema_is_json_schema_and_knows_the_analyses() -> None:
    schema = json.loads(call("schema").output)
    assert schema["type"] == "object"
    assert "logit_lens" in json.dumps(schema)


def test_the_doctor_finds_this_machine_healthy(project: Path) -> None:
    answer = call("doctor")
    assert answer.exit_code == 0, answer.output
    assert "bundled:facts" in answer.output


def test_init_writes_a_project_once(project: Path) -> None:
    assert call("init", "demo").exit_code == 0
    file = project / "demo" / "experiments" / "first.yaml"
    file.write_text("title: mine\n", encoding="utf-8")
    again = call("init", "demo")
    assert "nothing was changed" in again.output
    assert file.read_text(encoding="utf-8") == "title: mine\n"


@pytest.mark.parametrize("verb", ["validate", "build"])
def test_a_project_made_by_init_is_valid(project: Path, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    call("init", "demo")
    monkeypatch.chdir(project / "demo")
    answer = call(verb)
    assert answer.exit_code == 0, answer.output


def _results(project: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in (project / ".ecco-reports").rglob("result.json")}


def test_after_kill_9_every_finished_result_is_reused_and_the_site_is_complete(project: Path) -> None:
    for index, city in enumerate(("Heathrow", "Narita", "Schiphol")):
        write(project, GOOD.replace("Heathrow", city), f"e{index}.yaml")
    command = [sys.executable, "-m", "ecco_reports.cli", "build"]
    child = subprocess.Popen(command, cwd=project, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not _results(project) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    finished = _results(project)
    assert finished

    again = subprocess.run(command, cwd=project, capture_output=True, text=True, check=False)

    assert again.returncode == 0, again.stderr
    assert len(_results(project)) == 6
    assert {path: _results(project)[path] for path in finished} == finished
    for index in range(3):
        assert (project / f"build/site/experiments/e{index}.html").is_file()


def test_a_reader_who_has_seen_enough_is_no_failure(project: Path) -> None:
    script = f"{sys.executable} -m ecco_reports.cli schema | true"
    assert subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stderr == ""
