"""Results of attribution written by hand, for pages whose numbers are known on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ecco_reports.analyses.attributing.results import (
    Attended,
    AttributionResult,
    Drawn,
    MethodResult,
    Perturbed,
)
from ecco_reports.analyses.attributing.settings import ATTENTIONS, PERTURBATIONS
from ecco_reports.analyses.explained import Explained
from ecco_reports.records import Family, Passage, Token


def words(text: str, start: int = 0) -> list[Token]:
    """One token per word, each with the space before it."""
    found, at = [], start
    for number, word in enumerate(text.split(" ")):
        written = word if number == 0 else f" {word}"
        found.append(Token(id=number, text=written, span=(at, at + len(written))))
        at += len(written)
    return found


def passage(prompt: str, written: str = "", template: bool = False, **more: Any) -> Passage:
    """A prompt and what was written after it; a sign of the template may stand before both."""
    tokens = [*([Token(id=99, text="<s>", special=True)] if template else []), *words(prompt)]
    answer = [Token(id=50 + number, text=f" {word}") for number, word in enumerate(written.split())]
    return Passage(tokens=(*tokens, *answer), prompt_length=len(tokens), **more)


def next_tokens(text: Passage) -> tuple[Explained, ...]:
    """Each written token as an output."""
    return tuple(
        Explained(token=token, place=at - 1, outcome=token.id, said=number, position=at, after=at - 1)
        for number, (at, token) in enumerate(
            (at, token) for at, token in enumerate(text.tokens) if at >= text.prompt_length
        )
    )


def method(name: str, contributions: Sequence[Sequence[float]], **more: Any) -> MethodResult:
    """What a method says, with proofs that hold."""
    values = np.array(contributions, dtype=float)
    targets = len(values)
    zeros = np.zeros(targets)
    kinds: dict[str, Any] = {}
    if name in PERTURBATIONS:
        kinds["perturbed"] = Perturbed(at_least=values > np.inf, gaps=zeros, tolerance=1e-4, bounds=0)
    if name in ATTENTIONS:
        kinds["attended"] = Attended(layers=(0, 1), missing=zeros)
    if name in ("smooth_grad", "gradient_shap"):
        kinds["drawn"] = Drawn(draws=64, standard_errors=np.full(values.shape, 0.01), seed=0)
    filled = {
        "scores": values.sum(-1),
        "baseline_scores": zeros,
        "residuals": zeros,
        "steps": np.ones(targets, dtype=int),
        "leak": 0.0,
    }
    return MethodResult(method=name, contributions=values, **{**filled, **kinds, **more})


def result(
    text: Passage,
    methods: Mapping[str, Sequence[Sequence[float]]],
    explained: tuple[Explained, ...] | None = None,
    **more: Any,
) -> AttributionResult:
    """A result of methods whose contributions are given."""
    inside = [at for at in range(text.encoder_length or text.prompt_length) if not text.tokens[at].special]
    settings = {
        "left_out": (),
        "score": "logprob",
        "baseline": "mean",
        "aggregation": "sum",
        "normalize": False,
        "tolerance": 0.01,
        "grain": "token",
        "units": tuple((at,) for at in inside),
        "ignored": (),
        "replacement": "delete",
        "noise": 0.15,
        "tokenized_anew": False,
        "dtype": "float32",
    }
    return AttributionResult(
        passage=text,
        explained=next_tokens(text) if explained is None else explained,
        methods=tuple(method(name, values) for name, values in methods.items()),
        **{**settings, **more},
    )


def two_streams() -> Passage:
    """An encoder that reads four tokens and a decoder that starts with a sign and wrote two."""
    read = [*words("not bad at"), Token(id=98, text="</s>", special=True)]
    start = Token(id=99, text="<pad>", special=True)
    said = [Token(id=50, text=" quite"), Token(id=51, text=" good")]
    return Passage(tokens=(*read, start, *said), prompt_length=5, encoder_length=4, family=Family.ENCODER_DECODER)
