"""Experiments with models behind servers: planned, limited, run, drawn, and nowhere a key."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ecco_reports.cli import FINE, TASK_FAILED, USERS_MISTAKE, main
from ecco_reports.errors import ExperimentError
from ecco_reports.executors.local import LocalExecutor
from ecco_reports.experiment import load_experiment
from ecco_reports.models.api.model import ApiModel
from ecco_reports.models.api.patience import Patience
from ecco_reports.models.api.server import Server
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import Batch, make_plan
from ecco_reports.runner import Run, execute
from ecco_reports.store import Store
from tests.models.api.served import Manners, answer, hang_up, say_nothing, serving, stop_halfway

KEY = "sk-recognisable-0123456789"
ANALYSES = """
analyses:
  - generation: {max_new_tokens: 2}
  - attribution: {methods: [occlusion]}
"""
PROMPTS = """
prompts:
  capital: The capital of Japan is the city of
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project, and a key in the environment."""
    monkeypatch.setenv("MY_KEY", KEY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(folder: Path, models: str, rest: str = PROMPTS + ANALYSES) -> Path:
    file = folder / "mine.yaml"
    file.write_text(f"title: Behind a server\nmodels:\n{models}{rest}", encoding="utf-8")
    return file


def command(*words: str) -> Result:
    return CliRunner().invoke(main, words, catch_exceptions=False)


def run_of(file: Path, store: Store) -> Run:
    """A run that waits for nobody."""

    def load(spec: ModelSpec) -> ApiModel:
        return ApiModel(Server(spec), Patience(sleep=lambda _: None))

    return execute(make_plan([load_experiment(file)], store), LocalExecutor(), store, load=load)


def files_in(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())


def test_a_page_shows_what_the_server_told_and_why_the_rest_is_missing(folder: Path) -> None:
    everything = PROMPTS + ANALYSES + "  - logit_lens\n  - attribution: {methods: [saliency]}\n    label: gradients\n"
    with serving(Manners(key=KEY)) as run:
        file = write(
            folder, f"  api: {{source: 'openai:facts', base_url: '{run.url}', api_key_env: MY_KEY}}\n", everything
        )
        first = command("build", str(file))
        asked = len(run.manners.bodies)
        second = command("build", str(file))
    assert first.exit_code == second.exit_code == TASK_FAILED  # Two analyses need more than a server shows.
    assert asked == len(run.manners.bodies) == 2
    assert set(run.manners.keys) == {f"Bearer {KEY}"}
    page = html.unescape((folder / "build/site/experiments/mine.html").read_text())
    text = " ".join(re.sub("<[^>]+>", " ", page).split())
    assert "The model wrote “Tokyo" in text
    assert text.count("its server shows text and log-probabilities, and nothing of what happens inside") >= 2
    assert "facts-0001" in text
    assert "fp_abc" in text


def test_a_key_is_in_no_file_whatever_happens(folder: Path) -> None:
    told = {"error": {"message": f"No: {KEY}"}}
    tricks = {
        "refused": answer(401, told),
        "unknown": answer(404, told),
        "busy": answer(429, told, Retry_After="0"),
        "later": answer(429, told, Retry_After="9999"),
        "broken": answer(500, told, Retry_After="0"),
        "elsewhere": answer(302, told, Location=f"https://elsewhere.example/?key={KEY}"),
        "page": answer(200, f"<html>{KEY}</html>".encode()),
        "other": answer(200, {"result": KEY}),
        "bare": answer(200, {"choices": [{"text": KEY}]}),
        "cut": hang_up,
        "half": stop_halfway,
        "silent": say_nothing,
    }
    with ExitStack() as stack:
        running = {name: stack.enter_context(serving(Manners(always=trick))) for name, trick in tricks.items()}
        running["good"] = stack.enter_context(serving(Manners(key=KEY)))
        # One call, so that nobody waits long for the connections that are cut.
        limits = {"cut": 1, "half": 1, "silent": 1}
        models = "".join(
            f"  {name}: {{source: 'openai:facts', base_url: '{run.url}', api_key_env: MY_KEY, endpoint: chat, "
            f"timeout: 0.5, max_calls: {limits.get(name, 9)}}}\n"
            for name, run in running.items()
            if name != "good"
        )
        models += f"  good: {{source: 'openai:facts', base_url: '{running['good'].url}', api_key_env: MY_KEY}}\n"
        file = write(folder, models, PROMPTS + "analyses:\n  - generation: {max_new_tokens: 1}\n")
        done = command("--debug", "build", str(file))
    assert done.exit_code == TASK_FAILED
    assert done.output.count("failed: mine:") == len(tricks)
    assert KEY not in done.output
    assert all(any(KEY in (key or "") for key in run.manners.keys) for run in running.values())
    leaks = [path for path in files_in(folder) if KEY.encode() in path.read_bytes()]
    assert leaks == []


def test_the_plan_says_what_it_costs_and_what_is_kept(folder: Path) -> None:
    with serving() as run:
        file = write(folder, f"  api: {{source: 'openai:facts', base_url: '{run.url}', max_calls: 77}}\n")
        before = command("plan", str(file))
        assert f"{run.url}/completions" in before.output
        assert "of 77 allowed" in before.output
        assert "of 1,000,000 allowed" in before.output
        assert "which cost nothing" not in before.output
        assert run.manners.bodies == []
        costs = make_plan([load_experiment(file)], Store(folder / ".ecco-reports/store")).costs
        assert command("run", str(file)).exit_code == FINE
    (cost,) = costs.values()
    assert 0 < len(run.manners.bodies) <= cost.calls
    (ledger,) = (folder / ".ecco-reports/store/answers").glob("*/runs/*.txt")
    entries = [line.split() for line in ledger.read_text().splitlines()]
    assert sum(int(calls) for calls, _ in entries) == len(run.manners.bodies)
    assert 0 < sum(int(tokens) for _, tokens in entries) <= cost.tokens
    after = command("plan", str(file))
    assert "Everything is stored" in after.output
    file.write_text(file.read_text().replace("max_new_tokens: 2", "max_new_tokens: 3"))
    assert "2 answers, which cost nothing" in command("plan", str(file)).output


@pytest.mark.parametrize(
    ("limit", "said"), [("max_calls: 2", "calls, and max_calls is 2"), ("max_tokens: 50", "tokens")]
)
def test_a_plan_beyond_a_limit_is_refused(folder: Path, limit: str, said: str) -> None:
    file = write(folder, f"  api: {{source: 'openai:facts', base_url: 'http://127.0.0.1:1/v1', {limit}}}\n")
    with pytest.raises(ExperimentError, match=said) as caught:
        make_plan([load_experiment(file)], Store(folder))
    assert caught.value.problems[0].line == 3
    assert command("validate", str(file)).exit_code == USERS_MISTAKE


def test_a_run_stops_at_its_limit_and_goes_on_from_there(folder: Path) -> None:
    store = Store(folder / "store")
    with serving(Manners(tricks=[None], always=answer(500))) as run:
        file = write(folder, f"  api: {{source: 'openai:facts', base_url: '{run.url}', max_calls: 5}}\n")
        first = run_of(file, store)
        assert len(run.manners.bodies) == 5
        assert [bool(outcome.result) for outcome in first.outcomes] == [True, False]
        assert first.failures[0].failure is not None
        assert "max_calls of this run is reached: 5 calls" in first.failures[0].failure.message
        assert "failed with status 500" in first.failures[0].failure.message
        run.manners.always = None
        second = run_of(file, store)
    assert not second.failures
    assert len(run.manners.bodies) == 6


def test_the_work_of_a_server_is_not_divided(folder: Path) -> None:
    two = "prompts:\n  a: The capital of Japan is\n  b: The keys to the cabinet\n" + ANALYSES
    file = write(folder, "  api: {source: 'openai:facts', base_url: 'http://127.0.0.1:1/v1'}\n", two)
    (batch,) = make_plan([load_experiment(file)], Store(folder)).batches
    assert batch.split(4) == (batch,)
    local = Batch(ModelSpec(source="bundled:facts"), batch.tasks)
    assert len(local.split(4)) == 2


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ("source: 'openai:m', api_key_env: sk-abc123", "must be the name of an environment variable"),
        ("source: 'openai:m', base_url: 'http://elsewhere.example/v1', api_key_env: MY_KEY", "not sent over http"),
        ("source: 'openai:m', base_url: 'https://me:sk-abc123@elsewhere.example/v1'", "no user name"),
        ("source: 'openai:m', base_url: 'https://elsewhere.example/v1?key=sk-abc123'", "no user name"),
        ("source: 'openai:m', base_url: elsewhere.example", "begin with https"),
        ("source: 'openai:'", "must follow 'openai:'"),
        ("source: 'bundled:facts', max_calls: 3", "behind a server"),
    ],
)
def test_what_makes_no_sense_of_a_server_is_said_without_repeating_a_key(folder: Path, fields: str, said: str) -> None:
    with pytest.raises(ExperimentError, match=said) as caught:
        load_experiment(write(folder, f"  api: {{{fields}}}\n"))
    assert "sk-abc123" not in str(caught.value)
