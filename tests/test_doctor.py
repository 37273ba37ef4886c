from __future__ import annotations

import importlib.metadata

import pytest

from ecco_reports import doctor


def finding(store, name: str) -> doctor.Finding:
    (found,) = [one for one in doctor.examine(store) if one.name == name]
    return found


def test_doing_without_the_hub_is_no_fault(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "a-secret")
    found = finding(tmp_path, "hub")
    assert found.fine
    assert found.detail.startswith("no downloads: HF_HUB_OFFLINE forbids asking the hub; with a token; cache in ")
    assert "a-secret" not in found.detail


def test_every_bundled_model_is_looked_at(tmp_path):
    assert finding(tmp_path, "bundled:facts").detail == "6 layers, reads 512 tokens"
    assert finding(tmp_path, "bundled:sentiment").detail == "3 layers, reads texts of any length"


def test_an_extra_that_is_missing_is_named_and_is_no_fault(tmp_path, monkeypatch):
    version = importlib.metadata.version

    def without_peft(name: str) -> str:
        if name == "peft":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(doctor, "version", without_peft)
    found = finding(tmp_path, "peft")
    assert found.fine
    assert "pip install 'ecco-reports[adapters]'" in found.detail


@pytest.mark.parametrize("name", ["accelerate", "huggingface_hub", "safetensors"])
def test_what_loads_models_is_looked_at(tmp_path, name):
    assert finding(tmp_path, name).detail == importlib.metadata.version(name)
