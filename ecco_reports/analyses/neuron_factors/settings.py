"""What an experiment may say under ``neuron_factors``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Annotated, ClassVar, Literal, TypeAlias

from pydantic import Field, field_validator

from ecco_reports.analyses import DecodingParams
from ecco_reports.analyses.layers import BlockChoice
from ecco_reports.analyses.preflight import FoundProblem, layer_problems, tokens_after
from ecco_reports.models.base import ModelFacts
from ecco_reports.records import Family, Prompt

Part: TypeAlias = Literal["prompt", "generated"]
StackChoice: TypeAlias = Literal["encoder", "decoder", "both"]

SCREE = (2, 4, 6, 8, 12)
"""The numbers that ``n_components: auto`` chooses between where ``scree`` names none."""


class NeuronFactorsParams(DecodingParams):
    """Which neurons to group, at which tokens, and into how many groups.

    Attributes:
        n_components: Number of factors; or ``auto``, the elbow of the scree.
        scree: Numbers of factors to try, in rising order: the page shows the error of each.
        layers: ``all``, a list of layer numbers (negative ones from the end), or a range ``{first: 2, last: 8}``.
        stack: Of a model with two stacks: ``encoder``, ``decoder``, or ``both``, each by itself.
        include: Whose tokens count: ``prompt``, ``generated``, or both.
        special_tokens: ``drop`` leaves out signs of the template, such as ``[CLS]``, which would take whole factors for
            themselves; ``keep`` counts them like others.
        negative: What becomes of activations below zero: ``split`` makes them rows of their own, so that nothing is
            lost; ``zero`` sets them to nought, as the original ecco does.
        balance: ``layers`` brings all layers to the same size, so that those with large activations do not decide
            alone; ``none`` takes them as they are.
        top_neurons: How many neurons to name for each factor.
        max_iterations: Sweeps over all numbers, at most.
        tolerance: The factors are at rest when none of them moves further in a sweep, relative to its length.
    """

    about_speech: ClassVar[bool] = False

    n_components: Annotated[int, Field(ge=1, le=32)] | Literal["auto"] = 8
    scree: tuple[Annotated[int, Field(ge=1, le=32)], ...] = ()
    layers: BlockChoice = "all"
    stack: StackChoice = "both"
    include: Annotated[tuple[Part, ...], Field(min_length=1)] = ("prompt", "generated")
    special_tokens: Literal["drop", "keep"] = "drop"
    negative: Literal["split", "zero"] = "split"
    balance: Literal["none", "layers"] = "none"
    top_neurons: int = Field(default=10, ge=1, le=50)
    max_iterations: int = Field(default=1000, ge=1)
    tolerance: float = Field(default=1e-4, gt=0, lt=1)

    @field_validator("scree")
    @classmethod
    def _rising(cls, scree: tuple[int, ...]) -> tuple[int, ...]:
        if any(one >= other for one, other in pairwise(scree)):
            raise ValueError("the numbers of a scree must rise")
        return scree

    @property
    def counts(self) -> tuple[int, ...]:
        """The numbers of factors that are tried beside the one that is shown."""
        return self.scree or (SCREE if self.n_components == "auto" else ())

    @property
    def fewest(self) -> int:
        """The smallest number of factors that would do."""
        return self.counts[0] if self.n_components == "auto" else self.n_components


def problems(params: NeuronFactorsParams, prompt: Prompt, facts: ModelFacts) -> Iterator[FoundProblem]:
    """Layers out of range, and fewer tokens than it takes to make so many factors."""
    # Of an encoder only its own blocks tell how many it has; where it lacks one, the page says so.
    deep = facts.family is Family.ENCODER_DECODER and params.stack != "decoder"
    yield from layer_problems(params.layers, replace(facts, layers=None) if deep else facts)
    if facts.tokenize is None or facts.family is None:
        return
    read = facts.tokenize.encode(prompt).tokens
    given = sum(params.special_tokens == "keep" or not token.special for token in read)
    written = tokens_after(params, prompt, facts) if "generated" in params.include else 0
    given = given if "prompt" in params.include else 0
    path = "scree" if params.n_components == "auto" and params.scree else "n_components"
    if facts.family is Family.ENCODER_DECODER:
        start = int(params.special_tokens == "keep" and "prompt" in params.include)
        sides = {"encoder": given, "decoder": written + start}
        most = sides[params.stack] if params.stack != "both" else max(sides.values())
    else:
        most = given + written
    if most > params.fewest:
        return
    count = "are no tokens" if most == 0 else "is 1 token" if most == 1 else f"are {most} tokens"
    kept = "" if params.special_tokens == "keep" else " without those of the template"
    at_most = " at most" if written else ""
    need = "1 factor needs" if params.fewest == 1 else f"{params.fewest} factors need"
    what = f"{need} at least {params.fewest + 1} tokens, and there {count}{at_most}{kept}."
    hint = f"Write n_components: {most - 1} or less, or a longer prompt." if most > 1 else "Write a longer prompt."
    yield (path,), what, hint
