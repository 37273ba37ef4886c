"""Snapshots made by hand, and an analysis whose drift is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ecco_reports.analyses.measures import Drift, Measure, Trace
from ecco_reports.records import Direction, Prompt
from ecco_reports.registry import Registry
from ecco_reports.snapshot import Entry, Snapshot, TracedModel


class WeightsTrace(Trace):
    weights: tuple[float, ...]
    said: str = ""
    accident: str = ""
    layers: int = 1


class Weighing:
    """How much each word weighs: two results agree as far as their weights do."""

    name = "weighing"
    measures: Mapping[str, Measure] = {
        "target_rank": Measure(Direction.LOWER, "rank of the target", "rank"),
        "logprob": Measure(Direction.HIGHER, "log-probability", "nats", noise=0.1),
        "layer": Measure(Direction.NEITHER, "first layer", "layers"),
        "agreement": Measure(Direction.HIGHER, "agreement of the weights", noise=0.05, equal=1.0),
        "shift": Measure(Direction.NEITHER, "mean shift of the weights", noise=0.05, equal=0.0),
    }
    Traced = WeightsTrace

    def drift(self, before: WeightsTrace, after: WeightsTrace) -> Drift:
        if "boom" in (before.accident, after.accident):
            raise RuntimeError("the scales broke")
        if len(before.weights) != len(after.weights):
            return Drift(remarks=["The two have other words."])
        differences = [theirs - mine for mine, theirs in zip(before.weights, after.weights, strict=True)]
        distance = sum(map(abs, differences)) / max(1, len(differences))
        agreement = float("nan") if after.accident == "nan" else 1 - distance
        values = {"agreement": agreement, "shift": sum(differences) / max(1, len(differences))}
        if after.accident == "foreign":
            values["foreign"] = 3.0
        return Drift(values, f"The weights moved by {distance:.2f}." if distance else "")


class Numbering:
    """It has numbers alone, and describes none of them."""

    name = "numbering"
    measures: Mapping[str, Measure] = {}
    Traced = None

    def drift(self, before: Any, after: Any) -> Drift:
        raise AssertionError("there is no trace to hold against another")


ANALYSES: Registry[Any] = Registry(
    "analysis",
    {"weighing": "tests.comparison.makers:Weighing", "numbering": "tests.comparison.makers:Numbering"},
    group="tests.none",
)


def prompt(name: str, **content: Any) -> Prompt:
    return Prompt(**{"name": name, "text": f"The text of {name} is", "target": f" {name}"} | content)


def entry(name: str = "p", *, model: str = "m", weights: Sequence[float] | None = (0.5, 0.5), **fields: Any) -> Entry:
    """An entry of the prompt ``name``; ``weights`` make its trace."""
    trace = None if weights is None else {"weights": list(weights)} | fields.pop("trace", {})
    usual: dict[str, Any] = {
        "model": model,
        "prompt": name,
        "label": "weighing",
        "analysis": "weighing",
        "version": 1,
        "settings": "s",
        "key": f"key of {name}",
        "metrics": {"target_rank": 1.0, "logprob": -1.0, "layer": 3.0},
        "trace": trace,
    }
    if fields.get("failure"):
        usual |= {"metrics": {}, "trace": None}
    return Entry(**usual | fields)


def snapshot(*entries: Entry, contents: Sequence[Prompt] = (), **fields: Any) -> Snapshot:
    """A snapshot with the prompts and models its entries name."""
    known = {found.name: found for found in contents}
    names = dict.fromkeys(found.prompt for found in entries)
    usual: dict[str, Any] = {
        "experiment": "capitals",
        "title": "Capitals",
        "created": "2026-11-21T07:00:00+00:00",
        "commit": None,
        "dirty": None,
        "versions": {"torch": "2.13.0"},
        "models": {model: traced_model(model) for model in dict.fromkeys(found.model for found in entries)},
        "prompts": known | {name: prompt(name) for name in names if name not in known},
        "entries": entries,
    }
    return Snapshot(**usual | fields)


def traced_model(source: str, **fields: str) -> TracedModel:
    return TracedModel(
        **{"source": source, "identity": f"weights of {source}", "tokenizer": "words", "dtype": "float32"} | fields
    )
