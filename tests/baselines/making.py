"""Snapshots made by hand, for tests that need no run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecco_reports.records import Prompt
from ecco_reports.snapshot import Entry, Snapshot, TracedModel


def entry(prompt: str, model: str = "facts", label: str = "token_ranks", **fields: Any) -> Entry:
    """What became of one task; a rank of one where nothing else is said."""
    given = {"metrics": {"target_rank": 1.0}, **fields}
    return Entry(
        model=model, prompt=prompt, label=label, analysis=label, version=1, settings="5" * 64, key="4" * 64, **given
    )


def snapshot(
    experiment: str = "demo",
    texts: Mapping[str, str] | None = None,
    models: tuple[str, ...] = ("facts",),
    **fields: Any,
) -> Snapshot:
    """An experiment with one analysis, over texts by the names of prompts."""
    texts = {"heathrow": "Heathrow airport is in", "orly": "Orly airport is in"} if texts is None else texts
    given: dict[str, Any] = {"commit": "c" * 40, "dirty": False, "created": "2026-11-21T07:00:00+00:00", **fields}
    given.setdefault("entries", tuple(entry(prompt, model) for model in models for prompt in texts))
    return Snapshot(
        experiment=experiment,
        title="A demonstration",
        versions={"ecco_reports": "0.1.0", "torch": "2.13.0"},
        models={
            name: TracedModel(source=f"bundled:{name}", identity="1" * 64, tokenizer="2" * 64, dtype="float32")
            for name in models
        },
        prompts={name: Prompt(name=name, text=text, target=" London") for name, text in texts.items()},
        **given,
    )
