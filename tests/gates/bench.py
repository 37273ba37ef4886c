"""A room with one metric of each kind, and snapshots of what it found, made by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any

from ecco_reports.analyses import Analysis
from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.comparison import Comparison, compare
from ecco_reports.errors import Problem
from ecco_reports.experiment import Gate
from ecco_reports.gates import Verdict, Verdicts, judge_snapshots
from ecco_reports.records import Direction, Prompt, Record
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Entry, Snapshot, TracedModel


class GaugeTrace(Trace):
    """What the gauge keeps: how far it is from anything, or that it cannot tell."""

    agreement: float | None = None


class Gauge(Analysis[Record, Record]):
    """A room whose numbers are made up."""

    name = "gauge"
    version = 1
    title = "Gauge"
    question = "How much?"
    requires = frozenset()
    Params = Record
    Result = Record
    Traced = GaugeTrace
    measures = {  # noqa: RUF012
        "score": Measure(Direction.HIGHER, "how good it is", "nats", noise=0.01),
        "cost": Measure(Direction.LOWER, "what it takes"),
        "depth": Measure(Direction.NEITHER, "where it happens", "layers"),
        "size": Measure(Direction.LOWER, "how large it is", noise=0.5, relative=0.1),
        "agreement": Measure(Direction.HIGHER, "how alike the two are", equal=1.0),
        "distance": Measure(Direction.LOWER, "how far apart the two are", "nats", equal=0.0),
    }

    run = proof = metrics = summary = charts = table = None  # type: ignore[assignment]

    def drift(self, before: GaugeTrace, after: GaugeTrace) -> Drift:
        if after.agreement is None:
            return Drift(remarks=("The two cannot be told apart.",))
        return Drift({"agreement": after.agreement, "distance": 1 - after.agreement})


Gauge.__abstractmethods__ = frozenset()  # Nothing is computed here.
ANALYSES: Registry[Any] = Registry("analysis", {"gauge": "tests.gates.bench:Gauge"}, group="ecco_reports.no_such_group")


def entry(prompt: str, numbers: Mapping[str, float] | None = None, **changes: Any) -> Entry:
    """What the gauge found for a prompt."""
    fields: dict[str, Any] = {
        "model": "m",
        "label": "gauge",
        "analysis": "gauge",
        "version": 1,
        "settings": "s",
        "key": "k",
        "metrics": numbers or {},
    }
    return Entry(prompt=prompt, **{**fields, **changes})


def snapshot(*entries: Entry, prompts: Mapping[str, Prompt] | None = None) -> Snapshot:
    """An experiment at one moment."""
    named = {one.prompt: Prompt(name=one.prompt, text=f"the text of {one.prompt}") for one in entries}
    return Snapshot(
        experiment="demo",
        title="Demo",
        created="2026-01-02T03:04:05+00:00",
        commit=None,
        dirty=None,
        versions={},
        models={
            one.model: TracedModel(source="bundled:facts", identity=one.model, tokenizer="t", dtype="float32")
            for one in entries
        },
        prompts=dict(prompts or named),
        entries=entries,
    )


def gauged(values: Sequence[float | None] | Mapping[str, float | None], name: str = "score") -> Snapshot:
    """The same number of several prompts; None where a result has no such number."""
    named = values if isinstance(values, Mapping) else {f"p{index}": value for index, value in enumerate(values)}
    return snapshot(*(entry(prompt, {} if value is None else {name: value}) for prompt, value in named.items()))


def judged(
    *gates: Gate,
    after: Snapshot,
    before: Snapshot | None = None,
    analyses: Registry[Any] = ANALYSES,
    comparison: Comparison | None = None,
    **options: Any,
) -> Verdicts:
    """What gates say of a snapshot."""
    if comparison is None and before is not None:
        comparison = compare(before, after, analyses=analyses)
    found = {"demo": comparison} if comparison else {}
    return judge_snapshots([experiment(*gates)], {"demo": after}, found, analyses=analyses, **options)


def only(verdicts: Verdicts) -> Verdict:
    """The only verdict."""
    (verdict,) = verdicts.all
    return verdict


def experiment(*gates: Gate) -> Any:
    """An experiment of which only the gates matter; a problem stands in the line of its gate."""

    def problem(path: Sequence[str | int], message: str, hint: str = "") -> Problem:
        return Problem("demo.yaml", int(path[1]) + 10 if len(path) > 1 else 1, 5, message, hint)

    return SimpleNamespace(name="demo", gates=gates, problem=problem)


def gate(name: str = "score", **fields: Any) -> Gate:
    """A gate on a number of the gauge, as the loader makes it."""
    if {"max_drop", "max_ratio", "min_agreement"} & set(fields) or name in ("agreement", "distance"):
        fields.setdefault("against", "baseline")
    return Gate(metric=f"gauge.{name}", path=("gates", 0), **fields)
