"""Gradients, integrated gradients and attention are those of inseq, kept in ``tests/oracles/inseq.npz``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.methods.gradients import gradients, integrated_gradients
from ecco_reports.methods.targets import Target
from ecco_reports.models.base import AttentionKind, LanguageModel
from ecco_reports.models.reading import Reading
from ecco_reports.records import Decoding, Prompt
from tests import tiny

pytestmark = pytest.mark.usefixtures("one_thread")
GOLDEN = np.load(Path(__file__).parent.parent / "oracles" / "inseq.npz")
FAMILIES = ("gpt2", "llama", "t5")


def read(family: str) -> tuple[LanguageModel, Reading, list[Target]]:
    """A tiny model, the text with the continuation that inseq was given, and its tokens as targets."""
    model = ecco_reports.load_model(tiny.build(family), tiny.word_tokenizer())
    reading = model.read(Prompt(name="p", text=tiny.TEXT, continuation=" " + tiny.CONTINUATION), Decoding())
    return model, reading, [Target(one.place, one.outcome) for one in reading.spoken]


def golden(family: str, method: str) -> np.ndarray:
    """What inseq says, ``[position, target, ...]``: the encoder's positions first, NaN (not looked at) as 0."""
    parts = [f"{family}_{method}_{part}_attributions" for part in ("source", "target")]
    found = [GOLDEN[part] for part in parts if part in GOLDEN]
    return np.nan_to_num(np.concatenate(found))


def assert_alike(ours: torch.Tensor, theirs: np.ndarray, tolerance: float) -> None:
    """Attributions ``[target, position, width]`` against ``[position, target, width]``, to the largest of them."""
    positions = min(ours.shape[1], len(theirs))  # inseq keeps a row for the last token, which moves nothing.
    assert not theirs[positions:].any()
    difference = np.abs(ours[:, :positions].detach().numpy() - theirs[:positions].swapaxes(0, 1)).max()
    assert difference <= tolerance * np.abs(theirs).max()


@pytest.mark.parametrize("family", FAMILIES)
def test_the_same_continuation_is_explained(family: str) -> None:
    _, reading, targets = read(family)
    assert [token.text.strip() for token in reading.passage.generated] == tiny.CONTINUATION.split()
    assert len(targets) == golden(family, "saliency").shape[1]


@pytest.mark.parametrize("family", FAMILIES)
def test_gradients_are_those_of_inseq(family: str) -> None:
    model, reading, targets = read(family)
    inputs = model.embed(reading)
    found = gradients(model, reading, inputs, targets, "logit")
    assert_alike(found.vectors.abs(), golden(family, "saliency"), 1e-5)
    assert_alike(found.vectors * inputs, golden(family, "input_x_gradient"), 1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_integrated_gradients_from_the_unknown_token_are_those_of_inseq(family: str) -> None:
    model, reading, targets = read(family)
    inputs = model.embed(reading)
    baseline = model.token_embedding("unk").expand_as(inputs).clone()
    if reading.passage.encoder_length:  # The token that starts the decoder stays.
        start = reading.passage.encoder_length
        baseline[start] = inputs[start]
    found = integrated_gradients(model, reading, inputs, baseline, targets, "logit", 0.0, ladder=(200,))
    assert_alike(found.vectors, golden(family, "integrated_gradients"), 1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_attention_is_that_of_inseq(family: str) -> None:
    model, reading, targets = read(family)
    border = reading.passage.encoder_length
    kinds = [AttentionKind.CROSS, AttentionKind.SELF] if border else [AttentionKind.SELF]
    rows = [target.place - border for target in targets]
    parts = []
    for kind in kinds:
        weights = torch.stack(list(model.attention(reading, kind).values()))  # [layer, head, query, key]
        parts.append(weights[:, :, rows].permute(3, 2, 0, 1).numpy())
    theirs = golden(family, "attention")
    ours = np.concatenate(parts)[: len(theirs)]
    assert np.abs(ours - theirs[: len(ours)]).max() <= 1e-5
