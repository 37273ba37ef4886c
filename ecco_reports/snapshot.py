"""What is kept of a run to hold later runs against: metrics and traces, no arrays; small enough to commit.

In: a run. Out: one snapshot per experiment. Never: files (``baselines`` writes and reads them), drawing, torch.

A comparison never sees anything else: two runs, a run and a baseline that somebody blessed a year ago, and two models
of one experiment are all two snapshots.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ecco_reports.records import Prompt, Record

SNAPSHOT_SCHEMA = 1
"""Raised when the fields below change their meaning; older files are then refused by name."""


class TracedModel(Record):
    """A model, as far as a comparison has to know it.

    Attributes:
        source: What its name stands for.
        identity: Digest of what its results depend on: revision or hashes of files.
        tokenizer: Digest of its tokenizer's files; empty where nobody knows them.
        dtype: Its floating point type.
    """

    source: str
    identity: str
    tokenizer: str
    dtype: str


class Entry(Record):
    """What became of one task.

    Attributes:
        model: Name of the model.
        prompt: Name of the prompt.
        label: As the experiment calls the analysis.
        analysis: Name of the analysis.
        version: Its version: other versions give other numbers.
        settings: Digest of its settings, decoding and seed included.
        key: What the result is found by in the store.
        failure: Why there is no result; None where there is one.
        lacking: Whether there is none only because the model cannot do what was asked.
        metrics: The finite numbers of the result, by name.
        unmeasured: Why a number is absent that should be there, by name (``""`` stands for all of them).
        trace: What the analysis keeps for comparisons, or None.
        unproven: The checks that did not pass, a sentence each.
    """

    model: str
    prompt: str
    label: str
    analysis: str
    version: int
    settings: str
    key: str
    failure: str | None = None
    lacking: bool = False
    metrics: Mapping[str, float] = {}
    unmeasured: Mapping[str, str] = {}
    trace: Mapping[str, Any] | None = None
    unproven: tuple[str, ...] = ()

    @property
    def place(self) -> tuple[str, str, str]:
        """Model, prompt and label."""
        return self.model, self.prompt, self.label


class Snapshot(Record):
    """An experiment at one moment.

    Attributes:
        experiment: Its name.
        title: Its title.
        created: When the youngest of its results was computed, in UTC.
        commit: Of the folder that holds the experiment, or None.
        dirty: Whether that folder had changes that were not committed; None where nobody knows.
        versions: Of the packages that computed it, by name.
        models: The models, by name.
        prompts: The prompts, by name, in the order of the page.
        entries: One per task, in the order of the page.
    """

    experiment: str
    title: str
    created: str
    commit: str | None
    dirty: bool | None
    versions: Mapping[str, str]
    models: Mapping[str, TracedModel]
    prompts: Mapping[str, Prompt]
    entries: tuple[Entry, ...]
