"""Which tokens of two tokenizers stand for the same characters of a text.

In: two passages of one prompt. Out: pairs of units, the smallest that both have. Light: no torch.
"""

from __future__ import annotations

from ecco_reports.analyses.traced_words import Indices, Part, parts_of, shared_stretches
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
    one, other = parts_of(first), parts_of(second)
    mine, theirs = ([(word.begins_at, word.ends_at) for word, _ in parts] for parts in (one, other))
    stretches = shared_stretches(mine, theirs)
    return tuple((_positions(one, left), _positions(other, right)) for left, right in stretches)


def _positions(parts: tuple[Part, ...], indices: Indices) -> Unit:
    return tuple(position for index in indices for position in parts[index][1])
