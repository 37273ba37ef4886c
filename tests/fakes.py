"""Small stand-ins for experiments, models and analyses; importable by the processes that tests start."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.analyses.work import Work
from ecco_reports.errors import CapabilityError, ModelLoadError, OutOfReachError, Problem
from ecco_reports.experiment import Gate
from ecco_reports.models.base import Capability, LanguageModel, ModelFacts, TextTokenizer
from ecco_reports.models.reading import Encoding
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Array, Check, Direction, Metric, Prompt, Record, Token
from ecco_reports.registry import Registry

ROOT = Path(__file__).resolve().parent.parent
"""Where other processes must stand to import this module."""


class Words(TextTokenizer):
    """One token per word."""

    def encode(self, prompt):
        if prompt.messages:
            raise CapabilityError("", "the model has no chat template.")
        return Encoding(self.tokens(self.continuation_ids(prompt.text)))

    def continuation_ids(self, text):
        return [len(word) for word in text.split()]

    def tokens(self, ids, after=()):
        return tuple(self.token(number) for number in ids)

    def token(self, token_id):
        return Token(id=token_id, text="x" * token_id)


class FakeModel(LanguageModel):
    """A model that can do nothing but say what it is."""

    tokenizer = Words()
    reasons: Mapping[Capability, str] = {Capability.GRADIENTS: "it is an API"}

    def __init__(self, spec, context_length=None, capabilities=frozenset({Capability.LOGITS})):
        self.facts = ModelFacts(spec, {"source": spec.source}, 2, context_length, self.tokenizer)
        self.capabilities = capabilities

    device = "abacus"
    layers = 2


FakeModel.__abstractmethods__ = frozenset()  # No fake analysis asks a model for its insides.


def load(spec: ModelSpec) -> FakeModel:
    """Loads a fake model; its source says what is special about it."""
    if spec.source == "gone":
        raise ModelLoadError(spec.source, "gone cannot be loaded.")
    if spec.source == "deadly":
        os.kill(os.getpid(), signal.SIGKILL)
    return FakeModel(spec, context_length=4 if spec.source == "narrow" else None)


def facts_of(spec: ModelSpec) -> ModelFacts:
    """Facts whose identity is the source; a source with ``known-`` has a tokenizer and reads four tokens."""
    if spec.source.startswith("missing"):
        raise ModelLoadError(spec.source, f"there is no folder {spec.source!r}.")
    if spec.source.startswith("hub/"):
        raise OutOfReachError(spec.source, f"{spec.source} is not here, and nobody can be asked.")
    if spec.source.startswith("known-"):
        return ModelFacts(spec, {"source": spec.source}, 2, 4, Words())
    return ModelFacts(spec, {"source": spec.source})


class EchoParams(DecodingParams):
    """Where to write down that something was computed, and how long that takes."""

    log: str = ""
    seconds: float = 0.0
    depth: int = 0


class EchoResult(Record):
    """What the analysis saw."""

    text: str
    seed: int | None
    scores: Array
    loss: float


class Echo(Analysis[EchoParams, EchoResult]):
    """Repeats what it is given; the prompt may ask for an accident."""

    name = "echo"
    version = 1
    title = "Echo"
    question = "What did I say?"
    requires = frozenset({Capability.LOGITS})
    Params = EchoParams
    Result = EchoResult

    def problems(self, params, prompt, facts):
        if facts.layers is not None and params.depth >= facts.layers:
            yield ("depth",), f"there is no layer {params.depth}.", f"The last one is {facts.layers - 1}."
        if prompt.target == "two tokens":
            yield ("prompt", "target"), "the target is not one token.", ""

    def run(self, model, prompt, params):
        if params.log:
            with Path(params.log).open("a") as file:
                file.write(f"{prompt.text}\n")
        time.sleep(params.seconds)
        if "raise" in prompt.text:
            raise RuntimeError("the analysis tripped")
        if "interrupt" in prompt.text:
            raise KeyboardInterrupt
        if "die" in prompt.text:
            os.kill(os.getpid(), signal.SIGKILL)
        seed = params.sampling.seed if params.sampling else None
        scores = np.random.default_rng(seed or 0).normal(size=(len(prompt.text), 3)).astype(np.float32)
        return EchoResult(text=prompt.text, seed=seed, scores=scores, loss=np.nan if "nan" in prompt.text else 0.25)

    def proof(self, result):
        if "unprovable" in result.text:
            raise ArithmeticError("no proof")
        residual = 0.5 if "crooked" in result.text else 1e-7
        return [
            Check(name="echo gap", residual=residual, tolerance=1e-6, meaning="What was heard against what was said.")
        ]

    def metrics(self, result):
        if "unmeasurable" in result.text:
            raise ArithmeticError("no measure")
        metrics = {"length": Metric(value=len(result.text), direction=Direction.NEITHER, meaning="Characters.")}
        if "?" in result.text:
            metrics["doubt"] = Metric(value=1.0, direction=Direction.LOWER, meaning="Whether it asks.")
        return metrics

    def summary(self, result):
        return result.text

    def charts(self, result):
        return []

    def table(self, result):
        raise NotImplementedError


class Steep(Echo):
    """An analysis that needs gradients."""

    name = "steep"
    requires = frozenset({Capability.GRADIENTS})


class Costly(Echo):
    """An analysis that says what it costs: a pass for each token that is read."""

    name = "costly"

    def work(self, params, extent):
        memory = None if extent.width is None else 1000 * extent.width
        return Work(passes=extent.read, backwards=extent.written, readouts=0.5, memory=memory)


class EchoNext(Echo):
    """The next version of the same analysis."""

    version = 2


ANALYSES: Registry[Any] = Registry(
    "analysis",
    {"echo": "tests.fakes:Echo", "steep": "tests.fakes:Steep", "costly": "tests.fakes:Costly"},
    group="ecco_reports.no_such_group",
)
ANALYSES_NEXT: Registry[Any] = Registry(
    "analysis", {"echo": "tests.fakes:EchoNext"}, group="ecco_reports.no_such_group"
)


@dataclass(frozen=True)
class FakeExperiment:
    """An experiment without a file: a problem's line is the length of its path."""

    models: Mapping[str, ModelSpec]
    prompts: Mapping[str, Prompt]
    analyses: Sequence[Any]
    name: str = "demo"
    seed: int = 0
    gates: Sequence[Any] = ()
    path: Path = field(default=Path("demo.yaml"))
    title: str = "A demonstration"

    def problem(self, path, message, hint="", key=False):
        return Problem(f"{self.name}.yaml", len(path), 1, f"{'.'.join(map(str, path))}: {message}", hint)


def entry(analysis="echo", label=None, models=("m",), prompts=(), number=0, **params):
    """An analysis entry; without ``prompts`` the experiment below fills in all of its prompts."""
    return SimpleNamespace(
        analysis=analysis,
        label=label or analysis,
        params=EchoParams(**params),
        models=models,
        prompts=prompts,
        path=("analyses", number, analysis),
    )


def gate(metric, minimum=None, maximum=None, **fields):
    """A gate as a file gives it."""
    return Gate(metric=metric, min=minimum, max=maximum, path=("gates", 0), **fields)


def experiment(
    texts: Mapping[str, Any], entries: Sequence[Any] | None = None, models=None, **settings
) -> FakeExperiment:
    """An experiment over texts (or prompts) by name; one echo of all of them where nothing else is said."""
    models = models or {"m": "fake"}
    prompts = {name: text if isinstance(text, Prompt) else Prompt(name=name, text=text) for name, text in texts.items()}
    entries = [entry()] if entries is None else entries
    for each in entries:
        each.prompts = each.prompts or tuple(prompts)
        each.models = tuple(models) if each.models == ("m",) else each.models
    specs = {name: ModelSpec(source=source) if isinstance(source, str) else source for name, source in models.items()}
    return FakeExperiment(specs, prompts, entries, **settings)


def slow_experiment(log: Path | str, tasks: int, seconds: float) -> FakeExperiment:
    """Many tasks that take their time and write down that they were computed."""
    texts = {f"p{number}": f"text number {number}" for number in range(tasks)}
    return experiment(texts, [entry(log=str(log), seconds=seconds)])


def lines(path: Path) -> Iterator[str]:
    """What was written down so far."""
    yield from path.read_text().splitlines() if path.exists() else ()
