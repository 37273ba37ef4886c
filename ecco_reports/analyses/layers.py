"""Layers as people count and choose them: 0 is the first block, and the embedding is a row of its own below it.

In: ``all``, a list, or a range, as it stands in YAML. Out: residual states or blocks, and how a page calls them.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from ecco_reports.records import Record


class LayerRange(Record):
    """Layers that follow one another, both ends included.

    Attributes:
        first: The lowest: a number from 0, one from the end when negative, or ``embedding``; None begins at the bottom.
        last: The highest; None ends at the top.
    """

    first: int | Literal["embedding"] | None = None
    last: int | None = None


class BlockRange(Record):
    """Blocks that follow one another, both ends included.

    Attributes:
        first: The lowest: a number from 0, or one from the end when negative; None begins at the bottom.
        last: The highest; None ends at the top.
    """

    first: int | None = None
    last: int | None = None


LayerChoice: TypeAlias = (
    Literal["all"] | LayerRange | Annotated[tuple[int | Literal["embedding"], ...], Field(min_length=1)]
)
"""For what lies between the blocks: ``all``, ``{first: 2, last: 8}``, or a list such as ``[embedding, 0, -1]``."""
BlockChoice: TypeAlias = Literal["all"] | BlockRange | Annotated[tuple[int, ...], Field(min_length=1)]
"""For what lies inside a block, where the embedding has nothing: ``all``, ``{first: 2, last: 8}``, or ``[0, -1]``."""


def states_of(layers: LayerChoice, count: int) -> list[int]:
    """The residual states of a choice of layers, in the order of the stream.

    State 0 is the embedding, state ``n + 1`` the output of layer ``n``.
    """
    if layers == "all":
        return list(range(count + 1))
    if isinstance(layers, LayerRange):
        first = layers.first % count + 1 if isinstance(layers.first, int) else 0
        return list(range(first, highest(layers.last, count) + 2))
    return sorted({0 if layer == "embedding" else layer % count + 1 for layer in layers})


def blocks_of(blocks: BlockChoice, count: int) -> list[int]:
    """The numbers of the blocks of a choice, from 0, in the order of the stream."""
    if blocks == "all":
        return list(range(count))
    if isinstance(blocks, BlockRange):
        first = 0 if blocks.first is None else blocks.first % count
        return list(range(first, highest(blocks.last, count) + 1))
    return sorted({block % count for block in blocks})


def highest(layer: int | None, count: int) -> int:
    """The last block of a range that ends at a layer, or at the top where it names none."""
    return count - 1 if layer is None else layer % count


def layer_name(state: int) -> str:
    """How a residual state is called on a page."""
    return "embedding" if state == 0 else str(state - 1)


def layer_in_words(state: int) -> str:
    """A residual state in a sentence."""
    return "the embedding" if state == 0 else f"layer {state - 1}"
