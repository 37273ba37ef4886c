"""What there is to see inside a model: contributions of tokens, the roles of heads, factors that have a name.

These are measured here by a few lines of their own, apart from the methods that the package offers, so that a card
does not rest on the code that its model is there to try.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch

_FUNCTION_WORDS = (
    "a an the this that these those my your his her its our their i you he she it we they me him us them "
    "of in on at to for from with by near behind beside under above over through into as than "
    "is are was were be been being am do does did has have had will would can could should must may "
    "and but or so if when where which who what not no"
)

FUNCTION_WORDS: frozenset[str] = frozenset(_FUNCTION_WORDS.split())
"""Words that carry grammar rather than content, in lower case."""

Score = Callable[[torch.Tensor], torch.Tensor]
"""Turns embeddings, (batch, position, width), into what is explained, (batch,)."""

_LEAST_PRECISION = 0.6
_LEAST_LIFT = 2.0


def integrated_gradients(score: Score, inputs: torch.Tensor, baseline: torch.Tensor, steps: int = 64) -> torch.Tensor:
    """Attribute a score to embeddings: Sundararajan et al. 2017, equation 3, by the midpoint rule.

    Args:
        score: What is explained.
        inputs: Embeddings of the text, (position, width).
        baseline: Embeddings that stand for "nothing", (position, width).
        steps: Points on the path.

    Returns:
        Contributions, (position, width); they add up to the change of the score, as far as the steps resolve it.
    """
    where = (torch.arange(steps, dtype=inputs.dtype) + 0.5) / steps
    path = inputs - baseline
    points = (baseline + where[:, None, None] * path).detach().requires_grad_(True)
    with torch.enable_grad():
        (slopes,) = torch.autograd.grad(score(points).sum(), points)
    return slopes.mean(0) * path


def puts_entity_first(contributions: torch.Tensor, is_entity: Sequence[bool], words: Sequence[str]) -> bool:
    """Tell whether an explanation gives more to the entity than to all function words together.

    Args:
        contributions: Contribution of every token, signed, (position,).
        is_entity: Whether a token belongs to the entity.
        words: The word that each token is or belongs to.

    Returns:
        True if the absolute contributions of the entity add up to more.
    """
    entity, function = _sizes(contributions, is_entity, words)
    return sum(entity) > sum(function)


def strongest_is_entity(contributions: torch.Tensor, is_entity: Sequence[bool], words: Sequence[str]) -> bool:
    """Tell whether some token of the entity contributes more than every single function word.

    Args:
        contributions: Contribution of every token, signed, (position,).
        is_entity: Whether a token belongs to the entity.
        words: The word that each token is or belongs to.

    Returns:
        True if the largest absolute contribution of the entity is the larger one.
    """
    entity, function = _sizes(contributions, is_entity, words)
    return max(entity, default=0.0) > max(function, default=0.0)


def favors_entity_per_token(contributions: torch.Tensor, is_entity: Sequence[bool], words: Sequence[str]) -> bool:
    """Tell whether a token of the entity contributes more than a function word, on average.

    Args:
        contributions: Contribution of every token, signed, (position,).
        is_entity: Whether a token belongs to the entity.
        words: The word that each token is or belongs to.

    Returns:
        True if the mean absolute contribution of the entity's tokens is the larger one.
    """
    entity, function = _sizes(contributions, is_entity, words)
    return sum(entity) * len(function) > sum(function) * len(entity)


def _sizes(
    contributions: torch.Tensor, is_entity: Sequence[bool], words: Sequence[str]
) -> tuple[list[float], list[float]]:
    """Absolute contributions of the entity's tokens, and of the function words outside it."""
    kinds = list(zip(contributions.abs().tolist(), is_entity, words, strict=True))
    entity = [size for size, of_entity, _ in kinds if of_entity]
    function = [size for size, of_entity, word in kinds if not of_entity and word.strip().lower() in FUNCTION_WORDS]
    return entity, function


class Head(NamedTuple):
    """A head and how much of one role it plays.

    Attributes:
        layer: Number of the block, from 0.
        head: Number of the head, from 0.
        score: Mean attention that goes where the role says, between 0 and 1.
    """

    layer: int
    head: int
    score: float


def previous_token_heads(attentions: torch.Tensor) -> list[Head]:
    """Score how much each head looks at the token before.

    Args:
        attentions: Attention weights, (layer, head, query, key).

    Returns:
        All heads, the best first.
    """
    return _ranked(attentions.diagonal(-1, dim1=-2, dim2=-1).mean(-1))


def induction_heads(attentions: torch.Tensor, period: int) -> list[Head]:
    """Score how much each head looks at what followed the same token last time (Olsson et al. 2022).

    Args:
        attentions: Attention weights over a sequence that repeats itself, (layer, head, query, key).
        period: After how many tokens the sequence repeats itself.

    Returns:
        All heads, the best first.
    """
    return _ranked(attentions.diagonal(1 - period, dim1=-2, dim2=-1)[..., 1:].mean(-1))


def _ranked(scores: torch.Tensor) -> list[Head]:
    heads = [
        Head(layer, head, round(float(score), 4)) for layer, row in enumerate(scores) for head, score in enumerate(row)
    ]
    return sorted(heads, key=lambda head: -head.score)


class Factor(NamedTuple):
    """A factor of the neurons' activations and the class of words that it fits best.

    Attributes:
        name: The class of words.
        precision: Average precision of the factor's activation in finding the words of the class, between 0 and 1.
        chance: What a random order of the tokens gives on average.
        is_nameable: Whether the precision is at least 0.6 and twice what chance gives.
        tokens: The tokens on which the factor is most active.
    """

    name: str
    precision: float
    chance: float
    is_nameable: bool
    tokens: tuple[str, ...]


def named_factors(
    activations: npt.NDArray[np.float32],
    tokens: Sequence[str],
    classes: Mapping[str, Sequence[bool]],
    factors: int = 8,
) -> list[Factor]:
    """Factorize activations and find the class of words that each factor stands for.

    Every class is given to one factor at most, the best fit first, so that eight factors for the same commas count
    as one.

    Args:
        activations: Activations of the neurons, (neuron, token); what is negative counts as zero.
        tokens: The tokens, to be shown.
        classes: For each class of words, which tokens belong to it.
        factors: Number of factors.

    Returns:
        One entry per factor, the best fit first.
    """
    from sklearn.decomposition import NMF

    model = NMF(n_components=factors, init="nndsvd", max_iter=1_000, tol=1e-4)
    model.fit(np.clip(activations, 0.0, None))
    strengths = model.components_
    fits = sorted(
        (
            (_average_precision(strength, members), name, number)
            for number, strength in enumerate(strengths)
            for name, members in classes.items()
            if any(members)
        ),
        reverse=True,
    )
    found: dict[int, Factor] = {}
    taken: set[str] = set()
    for precision, name, number in fits:
        if number in found or name in taken:
            continue
        taken.add(name)
        chance = _chance(classes[name])
        is_nameable = precision >= _LEAST_PRECISION and precision >= _LEAST_LIFT * chance
        top = np.argsort(-strengths[number], kind="stable")[:8]
        found[number] = Factor(
            name, round(precision, 4), round(chance, 4), is_nameable, tuple(tokens[place] for place in top)
        )
    return sorted(found.values(), key=lambda factor: -factor.precision)


def _average_precision(strength: npt.NDArray[np.floating], members: Iterable[bool]) -> float:
    """The mean, over the members of a class, of the share of members among all tokens at least as strong."""
    order = np.argsort(-strength, kind="stable")
    hits = np.asarray(list(members), dtype=float)[order]
    shares = hits.cumsum() / np.arange(1, len(hits) + 1)
    return float((shares * hits).sum() / hits.sum())


def _chance(members: Sequence[bool]) -> float:
    """Expected average precision of a random order: (m - 1) / (n - 1) plus the share that the first place adds."""
    count, positive = len(members), sum(members)
    if count == 1:
        return 1.0
    harmonic = math.fsum(1.0 / place for place in range(1, count + 1))
    return (harmonic + (positive - 1) / (count - 1) * (count - harmonic)) / count
