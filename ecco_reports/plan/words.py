"""A plan in words, in lines that fit into a terminal of eighty columns.

In: a plan. Out: lines. Never: printing them.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ecco_reports.models.api.cost import Cost
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan.effort import Effort

if TYPE_CHECKING:
    from ecco_reports.plan import Plan, Workload

_COLUMNS = 80
_UNITS = ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def described(plan: Plan) -> Iterator[str]:
    """What would run, model by model, and then every result that would be computed."""
    for load in plan.workloads:
        yield _named(load.spec)
        for name, said in _workload(load):
            yield from _under(name, said)
    for model in plan.out_of_reach:
        yield _named(model.spec)
        yield from _under("results", f"{model.results:,}, nobody knows which of them are stored")
        yield from _under("model", "needs the hub: nothing is known of it offline")
    for batch in plan.batches:
        for task in batch.tasks:
            yield f"compute {task.experiment}: {task.prompt.name} · {task.label}"
    if not plan.batches and not plan.out_of_reach:
        yield "Everything is stored; nothing would be computed."


def count(number: int, noun: str) -> str:
    """A number of things: ``1,200 results``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def size(number: int) -> str:
    """A number of bytes in two or three digits, with a unit that keeps it short."""
    for scale, unit in _UNITS:
        if number >= 0.9995 * scale:
            return f"{number / scale:.{1 if number < 9.95 * scale else 0}f} {unit}"
    return count(number, "byte")


def _under(name: str, said: str) -> list[str]:
    """Something said under a name, in lines that begin below each other."""
    first = f"  {name:<9}"
    return textwrap.wrap(said, _COLUMNS, initial_indent=first, subsequent_indent=" " * len(first))


def _named(spec: ModelSpec) -> str:
    place = "a server" if spec.is_served else "all devices" if spec.device_map else f"device {spec.device}"
    return f"{spec.described} · {spec.dtype} · {place}"


def _workload(load: Workload) -> Iterator[tuple[str, str]]:
    """The lines of one model, each under a name."""
    asked = f"{load.tasks:,} of {count(load.prompts, 'prompt')}"
    if not load.missing:
        yield "results", f"{asked}, all stored"
        return
    yield "results", f"{asked}: {load.stored:,} stored, {load.missing:,} to compute"
    if load.cost is not None:
        yield from _asked_of_a_server(load.cost)
    if load.effort is not None:
        yield from _computed_here(load.effort)


def _computed_here(effort: Effort) -> Iterator[tuple[str, str]]:
    numbers = (
        (effort.passes, "forward"),
        (effort.backwards, "backward"),
        (effort.readouts, "through the head alone"),
    )
    yield "passes", "at most " + ", ".join(f"{math.ceil(number):,} {kind}" for number, kind in numbers if number)
    if effort.peak is None or effort.weights is None or effort.most is None:
        yield "memory", "unknown: the model's files do not tell its size"
    else:
        yield (
            "memory",
            f"about {size(effort.peak)} at the peak: {size(effort.weights)} of weights, {size(effort.most)} for "
            f"{effort.largest}",
        )


def _asked_of_a_server(cost: Cost) -> Iterator[tuple[str, str]]:
    yield "server", cost.url
    yield "calls", f"at most {cost.calls:,} if none fails, of {cost.max_calls:,} allowed"
    yield "tokens", f"about {cost.tokens:,} at most, of {cost.max_tokens:,} allowed"
    if cost.kept:
        yield "kept", f"{count(cost.kept, 'answer')}, which cost nothing"
