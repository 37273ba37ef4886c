"""The parts of a text and what an output took from each: what an encoder read, what a decoder had written, two texts.

In: a result. Out: numbers and names. Never: torch, drawing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np

from ecco_reports.analyses.attributing.results import AttributionResult, MethodResult
from ecco_reports.analyses.attributing.settings import PERTURBATIONS
from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.units import Unit

STREAMS = ("encoder", "decoder")


def output_name(target: Explained) -> str:
    """How an axis, a menu or a table calls an output, with its position in the text where it has one."""
    position = output_position(target)
    if position is None or target.foil is not None:
        return target.label
    to = "" if target.end in (None, position) else f"–{target.end}"
    return f"{target.label} ({position}{to})"


def output_position(target: Explained) -> int | None:
    """Where an output stands in the text: the ends of an answer are positions themselves."""
    return target.outcome if target.kind in ("start", "end", "span") else target.position


def stream_of(result: AttributionResult, column: Unit) -> str | None:
    """Which part of an encoder-decoder reads a column; None for models with one stream of text."""
    border = result.passage.encoder_length
    return None if not border else STREAMS[column[0] >= border]


def quoted(result: AttributionResult, column: Unit) -> str:
    """How a sentence names an input: “Japan”, and “The” (81) where the word stands in the text more than once."""
    word = result.word(column)
    tokens = sum(token.word == word for token in result.passage.tokens)
    units = sum(result.word(unit) == word for unit in result.units)
    return f"“{word}”" if max(tokens, units) < 2 else f"“{word}” ({column[0]})"


def shown_columns(result: AttributionResult, method: MethodResult) -> tuple[np.ndarray, list[Unit]]:
    """The columns of a method that are not ignored: their numbers among all its columns, and their positions."""
    columns = result.columns(method)
    kept = np.array(result.kept_columns(method), dtype=int)
    return kept, [columns[index] for index in kept]


def sums_by_part(
    result: AttributionResult, method: MethodResult, index: int, openings: Sequence[int]
) -> Iterator[tuple[float, float, int | None]]:
    """What a target took from each part of the text.

    Args:
        result: The result.
        method: One of its methods.
        index: Which target.
        openings: Where the parts begin.

    Yields:
        Part by part, the signed sum of its contributions, the sum of their magnitudes, and how many there are; None in
        the place of the last where the method leaves the part as it is.
    """
    kept, columns = shown_columns(result, method)
    values = result.by_column(method)[index][kept]
    starts = np.array([column[0] for column in columns], dtype=int)
    for begin, end in pairwise([*openings, len(result.passage.tokens)]):
        part = (starts >= begin) & (starts < end)
        inside = part & (starts <= result.explained[index].after)
        count = int(inside.sum()) if part.any() else None
        yield float(values[inside].sum()), float(np.abs(values[inside]).sum()), count


def encoder_share(result: AttributionResult, method: MethodResult, index: int) -> float | None:
    """Which share of all magnitudes lies in what the encoder read; None where that is no question.

    It is none with one stream of text, where the decoder's text is never left out, and of attention weights, which add
    up to 1 in each stream by themselves.
    """
    border = result.passage.encoder_length
    if not border or method.method == "attention":
        return None
    (_, read, _), (_, written, count) = sums_by_part(result, method, index, (0, border))
    return read / (read + written) if count and read + written else None


def part_notes(result: AttributionResult, method: MethodResult, index: int, openings: Sequence[int]) -> list[str]:
    """What a strip says of each part of its text, such as "79 % of the contributions, which add up to +2.31"."""
    found = list(sums_by_part(result, method, index, openings))
    total = sum(size for _, size, _ in found) or 1.0
    return [_note(result, method, value, size / total, count) for value, size, count in found]


def _note(result: AttributionResult, method: MethodResult, value: float, share: float, count: int | None) -> str:
    if not count:
        return (
            "stayed as it was"
            if method.method in PERTURBATIONS or count is None
            else "none of it stands before this output"
        )
    if method.method == "attention" and result.passage.encoder_length:
        return f"attention of its own, which adds up to {value:.2f}"
    if method.method.startswith("attention"):
        return f"{share:.0%} of the attention"
    if not result.is_signed(method):
        return f"{share:.0%} of the total"
    return f"{share:.0%} of the contributions, which add up to {f'{value:+.2f}'.replace('-', chr(0x2212))}"
