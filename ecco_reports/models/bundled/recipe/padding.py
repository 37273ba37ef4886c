"""Rows of different lengths, side by side in one tensor."""

import random
from collections.abc import Sequence
from typing import NamedTuple

import torch


class Padded(NamedTuple):
    """Rows of one length.

    Attributes:
        tokens: Numbers, (rows, length).
        is_text: 1 where a number belongs to its row, 0 where it fills the row up, (rows, length).
    """

    tokens: torch.Tensor
    is_text: torch.Tensor


def pad(rows: Sequence[Sequence[int]], filler: int) -> Padded:
    """Fill rows up to the length of the longest.

    Args:
        rows: Numbers.
        filler: Number to fill up with.

    Returns:
        The filled rows, and where the fill begins.
    """
    length = max(len(row) for row in rows)
    tokens = torch.tensor([[*row, *[filler] * (length - len(row))] for row in rows])
    is_text = torch.tensor([[1] * len(row) + [0] * (length - len(row)) for row in rows])
    return Padded(tokens, is_text)


def similar_lengths(lengths: Sequence[int], batch_tokens: int, rng: random.Random) -> list[list[int]]:
    """Cut rows into batches of about one size, so that little of a batch is filler.

    Args:
        lengths: Length of every row.
        batch_tokens: Tokens of a batch, filler included; a longer row is a batch by itself.
        rng: Source of the order of the batches.

    Returns:
        Numbers of the rows, batch by batch, in random order.
    """
    batches: list[list[int]] = []
    current: list[int] = []
    for number in sorted(range(len(lengths)), key=lambda number: (lengths[number], number)):
        if current and (len(current) + 1) * lengths[number] > batch_tokens:
            batches.append(current)
            current = []
        current.append(number)
    if current:
        batches.append(current)
    rng.shuffle(batches)
    return batches
