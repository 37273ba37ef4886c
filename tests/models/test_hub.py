from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time

import pytest

from ecco_reports.errors import ModelLoadError
from ecco_reports.models.loading import load_module
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from tests.models.fake_hub import Repo

COMMIT, OLDER = "a" * 40, "b" * 40
LIGHT = {"config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"}
SECRET = "a-secret-that-nobody-sees"


@pytest.fixture
def repo(hub, saved):
    """A repository with everything that real ones have beside safetensors."""
    hub.repos["org/tiny"] = Repo.of(saved, refs={"main": COMMIT, "v1": OLDER})
    for name in ("pytorch_model.bin", "tf_model.h5", "model.fp16.safetensors", "onnx/config.json", "code.py"):
        hub.repos["org/tiny"].files[name] = b"not to be downloaded"
    return hub.repos["org/tiny"]


def planned(**spec):
    spec = ModelSpec(**spec)
    return spec, facts_of(spec)


def refusal(**spec) -> str:
    with pytest.raises(ModelLoadError) as caught:
        facts_of(ModelSpec(**spec))
    return str(caught.value)


def test_a_plan_downloads_what_is_light_and_loading_the_safetensors_and_nothing_else(hub, repo):
    spec = ModelSpec(source="org/tiny")
    facts = facts_of(spec)
    assert hub.sent == LIGHT
    hub.asked.clear()
    load_module(spec, facts)
    assert hub.sent == {"model.safetensors"}


def test_the_second_time_nobody_is_asked(hub, repo):
    spec = ModelSpec(source="org/tiny")
    load_module(spec, facts_of(spec))
    hub.asked.clear()
    load_module(spec, facts_of(spec))
    assert hub.asked == []


def test_a_branch_stands_for_its_commit_which_is_part_of_the_key(hub, repo):
    main, v1 = (facts_of(ModelSpec(source="org/tiny", revision=name)) for name in ("main", "v1"))
    assert (main.identity["revision"], v1.identity["revision"]) == (COMMIT, OLDER)
    assert main.spec.revision == COMMIT
    assert facts_of(ModelSpec(source="org/tiny", revision=COMMIT)).identity == main.identity


def test_a_model_is_loaded_from_the_commit_that_was_planned_with(hub, repo):
    spec = ModelSpec(source="org/tiny")
    facts = facts_of(spec)
    repo.refs = {"main": OLDER, "before": COMMIT}
    hub.asked.clear()
    load_module(spec, facts)
    assert not [line for line in hub.asked if OLDER in line]


def test_a_commit_in_the_cache_needs_no_network(hub, repo, monkeypatch):
    from huggingface_hub import constants

    spec = ModelSpec(source="org/tiny", revision=COMMIT)
    load_module(spec, facts_of(spec))
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    assert load_module(spec, facts_of(spec)).facts.identity["revision"] == COMMIT


def test_a_cache_that_was_filled_by_hand_serves(tmp_path, monkeypatch, saved):
    from huggingface_hub import constants

    cache = tmp_path / "models--org--name"
    (cache / "refs").mkdir(parents=True)
    (cache / "refs" / "main").write_text(COMMIT)
    (cache / "snapshots").mkdir()
    (cache / "snapshots" / COMMIT).symlink_to(saved)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    for revision in (None, "main", COMMIT):
        spec = ModelSpec(source="org/name", revision=revision)
        assert load_module(spec, facts_of(spec)).facts.identity["revision"] == COMMIT


def test_weights_in_parts_are_downloaded_as_their_index_names_them(hub, tmp_path):
    from tests import tiny

    (tiny.save(tmp_path / "parts", "llama") / "model.safetensors").unlink()
    tiny.build("llama").save_pretrained(tmp_path / "parts", max_shard_size="20KB")
    hub.repos["org/parts"] = Repo.of(tmp_path / "parts")
    parts = {name for name in hub.repos["org/parts"].files if name.endswith(".safetensors")}
    hub.repos["org/parts"].files["consolidated.safetensors"] = b"not named"
    spec = ModelSpec(source="org/parts")
    facts = facts_of(spec)
    hub.asked.clear()
    load_module(spec, facts)
    assert len(parts) > 1
    assert hub.sent == parts


def test_a_model_in_a_subfolder_is_another_model(hub, repo, saved):
    for path in saved.iterdir():
        repo.files[f"inner/model/{path.name}"] = path.read_bytes()
    spec = ModelSpec(source="org/tiny", subfolder="inner/model")
    facts = facts_of(spec)
    assert facts.identity != facts_of(ModelSpec(source="org/tiny")).identity
    assert load_module(spec, facts).module.config.n_layer == facts.layers
    assert "there is no folder 'outer' in org/tiny" in refusal(source="org/tiny", subfolder="outer")


def test_what_is_not_there_is_said_with_the_way_out(hub, repo):
    assert "no such model: org/none" in refusal(source="org/none")
    assert "if it is private, HF_TOKEN must hold a token" in refusal(source="org/none")
    assert "no revision 'v9'" in refusal(source="org/tiny", revision="v9")


def test_a_gated_model_names_the_variable_for_its_token(hub, saved, monkeypatch):
    hub.repos["org/gated"] = Repo.of(saved, gated=True, token=SECRET)
    assert "put your token into the environment variable HF_TOKEN" in refusal(source="org/gated")
    what = refusal(source="org/gated", token_env="OUR_TOKEN")
    assert "the environment variable OUR_TOKEN, which token_env names, is not set" in what
    monkeypatch.setenv("OUR_TOKEN", "of-somebody-else")
    what = refusal(source="org/gated", token_env="OUR_TOKEN")
    assert "the token in OUR_TOKEN" in what
    assert "of-somebody-else" not in what


@pytest.mark.parametrize(("variable", "named"), [("HF_TOKEN", None), ("OUR_TOKEN", "OUR_TOKEN")])
@pytest.mark.parametrize("gated", [True, False])
def test_a_token_opens_the_door_and_leaves_no_trace(hub, saved, tmp_path, monkeypatch, caplog, variable, named, gated):
    hub.repos["org/closed"] = Repo.of(saved, gated=gated, token=SECRET)
    monkeypatch.setenv(variable, SECRET)
    spec = ModelSpec(source="org/closed", token_env=named)
    with caplog.at_level("DEBUG"):
        facts = facts_of(spec)
        load_module(spec, facts)
    assert SECRET not in caplog.text + repr(facts) + repr(spec)
    written = [path for path in tmp_path.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    assert written == []


def test_code_is_downloaded_only_when_it_is_trusted(hub, saved):
    repo = hub.repos["org/own"] = Repo.of(saved)
    config = {**json.loads(repo.files["config.json"]), "auto_map": {"AutoModelForCausalLM": "modeling_own.Own"}}
    repo.files |= {"config.json": json.dumps(config).encode(), "modeling_own.py": b"# one", "parts/own.py": b"# two"}
    assert "write trust_remote_code: true" in refusal(source="org/own")
    assert type(load_module(*planned(source="org/own", trust_remote_code=False)).module).__name__ == "GPT2LMHeadModel"
    assert not [name for name in hub.sent if name.endswith(".py")]
    _, facts = planned(source="org/own", trust_remote_code=True)
    assert {"modeling_own.py", "own.py"} <= hub.sent
    assert facts.notes == ("Python code that comes with the model was run: modeling_own.Own.",)


@pytest.mark.parametrize("file", ["pytorch_model.bin", "model.pt", "weights.ckpt", "pytorch_model-00001-of-00002.bin"])
def test_pickles_are_refused_and_not_even_downloaded(hub, file):
    hub.repos["org/pickle"] = Repo({"config.json": b"{}", file: b"danger"})
    assert f"has its weights as {file} only, a pickle" in refusal(source="org/pickle")
    assert hub.sent == set()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (["config.json", "tf_model.h5"], "weights of another library only"),
        (["config.json", "flax_model.msgpack"], "weights of another library only"),
        (["model-Q4_K_M.gguf"], "GGUF weights only"),
        (["config.json", "model-Q4_K_M.gguf"], "GGUF weights only"),
        (["config.json"], "has no weights"),
        (["adapter_config.json", "adapter_model.safetensors"], "Write it under adapter:"),
        (["README.md", "v2/config.json"], "There is one in v2: name it with subfolder:"),
    ],
)
def test_what_holds_no_loadable_weights_is_refused_in_words(hub, files, message):
    hub.repos["org/other"] = Repo(dict.fromkeys(files, b"{}"))
    assert message in refusal(source="org/other")
    assert hub.sent == set()


def test_without_a_network_the_answer_comes_at_once(hub, monkeypatch):
    from huggingface_hub import constants

    for endpoint in ("http://127.0.0.1:9", "https://no-such-host.invalid"):
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        began = time.monotonic()
        assert "and the hub cannot be reached at" in refusal(source="org/other")
        assert time.monotonic() - began < 2


def test_a_name_server_that_is_silent_is_not_waited_for(hub, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: time.sleep(4) or [])
    began = time.monotonic()
    assert "and the hub cannot be reached at" in refusal(source="org/other")
    assert time.monotonic() - began < 2


def test_behind_a_proxy_the_proxy_must_answer(hub, repo, monkeypatch):
    from huggingface_hub import close_session, constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://hub.invalid")
    monkeypatch.setenv("http_proxy", hub.endpoint)
    monkeypatch.setenv("no_proxy", "")
    close_session()
    try:
        assert "no such model" in refusal(source="org/none")
    finally:
        close_session()


def test_the_environment_of_the_hub_is_respected_and_left_alone(hub, repo, tmp_path):
    code = (
        "import os; before = dict(os.environ)\n"
        "from ecco_reports.models.source import facts_of\n"
        "from ecco_reports.modelspec import ModelSpec\n"
        "try: print(facts_of(ModelSpec(source='org/tiny')).identity['revision'])\n"
        "except Exception as error: print(error)\n"
        "assert dict(os.environ) == before\n"
    )
    usual = {**os.environ, "HF_ENDPOINT": hub.endpoint, "HF_HOME": str(tmp_path / "home")}
    said = []
    for offline in ("1", "0", "1"):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**usual, "HF_HUB_OFFLINE": offline},
            capture_output=True,
            text=True,
            check=True,
        )
        said.append(done.stdout.strip())
    assert "HF_HUB_OFFLINE forbids asking the hub" in said[0]
    assert said[1:] == [COMMIT, COMMIT]
