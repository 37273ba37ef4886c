"""What attention weights say about where a prediction looked: raw weights, and rollout through all layers.

Neither looks at the score: whatever is said at one place has the same explanation. In an encoder-decoder the decoder
looks at what the encoder read (cross attention) and at what was written before (self attention).

Sources: Abnar & Zuidema 2020, section 3 (attention rollout). For encoder-decoders the same rule, layer by layer: half
of what stands at a position stays, half comes from where its attention looks, first for the decoder's own text, then
for what the encoder made of its text; Ferrando et al. 2022 follow both streams alike, with other weights.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import torch

from ecco_reports.errors import CapabilityError
from ecco_reports.methods.targets import Target
from ecco_reports.models.base import AttentionKind, Capability, LanguageModel
from ecco_reports.models.reading import Reading
from ecco_reports.records import Family

LayerChoice: TypeAlias = Literal["last", "mean"] | int
Heads: TypeAlias = Literal["mean", "max"] | int
Weights: TypeAlias = Mapping[int, np.ndarray]
"""Attention weights by layer, ``[head, query, key]``."""


@dataclass(frozen=True)
class Attention:
    """The weights of one pass.

    Attributes:
        own: Those of the stack that speaks, on itself.
        encoder: Those of the encoder it listens to, on itself; of no layer where there is no encoder.
        cross: Those of the stack that speaks, on what the encoder made.
        border: How many positions the encoder reads.
        source: The model, for the message of an error.
    """

    own: Weights
    encoder: Weights
    cross: Weights
    border: int
    source: str = ""


@dataclass(frozen=True)
class Attended:
    """What weights say about each target.

    Attributes:
        weights: ``[target, position]``.
        missing: The largest share of a row that fell on no position, ``[target]``.
        residuals: How far rows are from what rows must be, ``[target]``: raw ones must be nowhere negative and add up
            to one or, with a sink, less; those of a rollout add up to one.
        layers: The layers that were read.
    """

    weights: np.ndarray
    missing: np.ndarray
    residuals: np.ndarray
    layers: tuple[int, ...]


def attention_of(model: LanguageModel, reading: Reading) -> Attention:
    """The weights of all layers, in one pass for each kind of attention that the model has.

    Raises:
        CapabilityError: The model does not show its attention.
    """
    kinds = [AttentionKind.SELF]
    if model.family is Family.ENCODER_DECODER:
        kinds += [AttentionKind.ENCODER, AttentionKind.CROSS]
    found = {
        kind: {layer: weights.double().cpu().numpy() for layer, weights in model.attention(reading, kind).items()}
        for kind in kinds
    }
    none: Weights = {}
    return Attention(
        own=found[AttentionKind.SELF],
        encoder=found.get(AttentionKind.ENCODER, none),
        cross=found.get(AttentionKind.CROSS, none),
        border=reading.passage.encoder_length,
        source=model.facts.spec.source,
    )


def speaking_positions(model: LanguageModel, reading: Reading, targets: Sequence[Target]) -> list[list[int]]:
    """The positions of the passage whose last state each target is said from.

    The next token is said at the position before it, a word at its mask, an end of an answer at the token that it
    names. From which positions a class is read is found by trying: the last state of each is reversed, in turn, and the
    head read again.

    Raises:
        CapabilityError: A class is read from states that cannot be reached.
    """
    if model.family is Family.QUESTION_ANSWERING:
        return [sorted({term.token for term in target.terms}) for target in targets]
    if model.family is Family.CLASSIFICATION:
        return [_read_by_the_head(model, reading)] * len(targets)
    return [[target.place] for target in targets]


def _read_by_the_head(model: LanguageModel, reading: Reading) -> list[int]:
    """The positions on whose last state a class depends."""
    if Capability.LAYER_READOUT not in model.capabilities:
        raise model.lacks(Capability.LAYER_READOUT)
    last = model.residual_states(reading)[-1]
    places = reading.places[:1]

    def said(positions: Sequence[int]) -> torch.Tensor:
        states = last.repeat(len(positions), 1, 1)
        for row, position in enumerate(positions):
            states[row, position] *= -1
        return model.read_out(reading, states, places)[:, 0]

    own = model.read_out(reading, last[None], places)[0, 0]
    answers = torch.cat([*model.memory.chunks("the attention", "position", range(len(last)), 16, said)])
    moved = (answers - own).abs().amax(-1)
    return torch.nonzero(moved > 0.01 * moved.max()).flatten().tolist()


def raw_attention(
    attention: Attention, queries: Sequence[Sequence[int]], length: int, layer: LayerChoice, heads: Heads
) -> Attended:
    """The weights with which the positions where targets are said look at all others.

    Args:
        attention: The weights.
        queries: For each target the positions it is said from; their mean is taken.
        length: Positions of the passage.
        layer: The last layer that has attention, the mean of all that have, or one of them.
        heads: The mean of the heads of a layer, the largest weight among them, or one head.

    Raises:
        CapabilityError: There is no such layer or head, or it does not attend.
    """
    layers = _chosen(attention, layer)
    found, sums, smallest = np.zeros((len(queries), length)), [], []
    for target, positions in enumerate(queries):
        rows = [_rows(attention, at, layers, heads) for at in positions]
        found[target] = np.mean([weights for weights, _, _ in rows], axis=0)
        sums.append(np.concatenate([total for _, total, _ in rows]))
        smallest.append(min(least for _, _, least in rows))
    above = np.array([max(total.max() - 1.0, -least, 0.0) for total, least in zip(sums, smallest, strict=True)])
    missing = np.array([max(1.0 - total.min(), 0.0) for total in sums])
    return Attended(found, missing, above, layers)


def _rows(
    attention: Attention, position: int, layers: Sequence[int], heads: Heads
) -> tuple[np.ndarray, np.ndarray, float]:
    """What one position looks at, ``[position]``; the sums of the rows that it is made of; and their least weight."""
    parts, sums, least = [], [], 0.0
    query = position - attention.border
    for stream in [attention.cross, attention.own] if attention.cross else [attention.own]:
        rows = [stream[layer][:, query] for layer in layers if layer in stream]
        _demand_head(attention, heads, min(map(len, rows)))
        parts.append(np.mean([_reduced(row, heads) for row in rows], axis=0))
        sums += [row.sum(-1) for row in rows]
        least = min(least, *(float(row.min()) for row in rows))
    return np.concatenate(parts), np.concatenate(sums), least


def _reduced(rows: np.ndarray, heads: Heads) -> np.ndarray:
    """One row of several heads, ``[head, key]``."""
    if heads == "mean":
        return np.asarray(rows.mean(0))
    if heads == "max":
        return np.asarray(rows.max(0))
    return np.asarray(rows[heads])


def _demand_head(attention: Attention, heads: Heads, count: int) -> None:
    if isinstance(heads, int) and heads >= count:
        what = (
            f"attention_heads: {attention.source} has {count} heads in a layer, 0 to {count - 1}, and no head {heads}."
        )
        raise CapabilityError(attention.source, what)


def _chosen(attention: Attention, layer: LayerChoice) -> tuple[int, ...]:
    """The layers that are read."""
    attend = sorted(attention.own)
    if layer == "mean":
        return tuple(attend)
    number = attend[-1] if layer == "last" else layer if layer >= 0 else attend[-1] + 1 + layer
    if number not in attend:
        listed = ", ".join(map(str, attend))
        what = f"attention_layer: {attention.source} has attention in layers {listed}, and none in {layer}."
        raise CapabilityError(attention.source, what)
    return (number,)


def attention_rollout(attention: Attention, queries: Sequence[Sequence[int]], length: int) -> Attended:
    """How much of each position's input is left, by weights alone, where targets are said, through all layers.

    ``R_0 = I`` and ``R_l = norm(A_l + I) R_{l-1}``, where ``A_l`` is the mean of a layer's heads, ``I`` stands for the
    residual connection, and ``norm`` divides each row by its sum: half and half where weights add up to one. Of a
    decoder, ``R`` has a column for each position of both texts, and each layer is followed by
    ``R_l = norm(R_l + C_l E)``, where ``C_l`` are its weights on the encoder and ``E`` is the encoder's rollout.

    Layers without attention are passed over.

    Args:
        attention: The weights.
        queries: For each target the positions it is said from; their mean is taken.
        length: Positions of the passage.
    """
    rolled = _decoded(attention, length) if attention.cross else _rolled(attention.own, length)
    found = np.array([rolled[[at - attention.border for at in positions]].mean(0) for positions in queries])
    return Attended(
        weights=found.reshape(len(queries), length),
        missing=np.array([max(0.0, *_missing(attention, positions)) for positions in queries]),
        residuals=np.abs(found.reshape(len(queries), length).sum(-1) - 1.0),
        layers=tuple(sorted(attention.own)),
    )


def _rolled(weights: Weights, length: int) -> np.ndarray:
    """The rollout of one stack, ``[query, key]``."""
    rolled = np.eye(length)
    for layer in sorted(weights):
        rolled = _with_residual(weights[layer].mean(0)) @ rolled
    return rolled


def _decoded(attention: Attention, length: int) -> np.ndarray:
    """The rollout of a decoder over both texts, ``[query, position]``."""
    border = attention.border
    encoded = np.zeros((border, length))
    encoded[:, :border] = _rolled(attention.encoder, border)
    rolled = np.eye(length)[border:]
    for layer in sorted(attention.own.keys() | attention.cross.keys()):
        if layer in attention.own:
            rolled = _with_residual(attention.own[layer].mean(0)) @ rolled
        if layer in attention.cross:
            rolled = rolled + attention.cross[layer].mean(0) @ encoded
            rolled = rolled / rolled.sum(-1, keepdims=True)
    return rolled


def _with_residual(weights: np.ndarray) -> np.ndarray:
    """Weights ``[query, key]`` with a residual connection, in rows that add up to one."""
    both = weights + np.eye(len(weights))
    return np.asarray(both / both.sum(-1, keepdims=True))


def _missing(attention: Attention, positions: Sequence[int]) -> Iterator[float]:
    """The share of the weights of some positions that falls on no position, head by head."""
    for stream in (attention.own, attention.cross):
        for weights in stream.values():
            for at in positions:
                yield float(1.0 - weights[:, at - attention.border].sum(-1).min())
