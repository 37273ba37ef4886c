"""Which tokens of two tokenizers stand for the same characters of a text.

In: two passages of one prompt. Out: pairs of units, the smallest that both have. Light: no torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from ecco_reports.analyses.units import Unit
from ecco_reports.records import Passage


def aligned_units(first: Passage, second: Passage) -> tuple[tuple[Unit, Unit], ...]:
    """The smallest parts of a prompt that begin and end with a token in both passages.

    Tokens of the template, and what a model wrote, are in no part. Only where a token ends counts: some vocabularies
    give the space between two words to the second of them, and others to none.

    Args:
        first: The prompt as one model read it.
        second: The same prompt as another one did.

    Returns:
        Positions in the first and in the second passage, part by part in reading order.
    """
    one, other = dict(_by_end(first)), dict(_by_end(second))
    common = sorted(one.keys() & other.keys())
    return tuple(zip(_up_to(one, common), _up_to(other, common), strict=True))


def _by_end(passage: Passage) -> Iterator[tuple[tuple[bool, int], Unit]]:
    """Positions of the tokens that end at each place of the text: which text, and after how many characters."""
    placed = (
        (position, token.span[1], token.second)
        for position, token in enumerate(passage.prompt)
        if token.span is not None and not token.special
    )
    for end, together in groupby(placed, key=lambda one: (one[2], one[1])):
        yield end, tuple(position for position, _, _ in together)


def _up_to(by_end: dict[tuple[bool, int], Unit], ends: list[tuple[bool, int]]) -> Iterator[Unit]:
    """The positions between each of some ends and the one before it."""
    left = iter(sorted(by_end))
    for end in ends:
        unit: list[int] = []
        for here in left:
            unit.extend(by_end[here])
            if here == end:
                break
        yield tuple(unit)
