"""Layers as people count them: 0 is the first block, and the embedding is a row of its own below it."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

LayerChoice: TypeAlias = Literal["all"] | Annotated[tuple[int | Literal["embedding"], ...], Field(min_length=1)]


def states_of(layers: LayerChoice, count: int) -> list[int]:
    """The residual states of a choice of layers, in the order of the stream.

    State 0 is the embedding, state ``n + 1`` the output of layer ``n``.
    """
    if layers == "all":
        return list(range(count + 1))
    return sorted({0 if layer == "embedding" else layer % count + 1 for layer in layers})


def layer_name(state: int) -> str:
    """How a residual state is called on a page."""
    return "embedding" if state == 0 else str(state - 1)


def layer_in_words(state: int) -> str:
    """A residual state in a sentence."""
    return "the embedding" if state == 0 else f"layer {state - 1}"
