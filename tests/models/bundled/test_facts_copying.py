"""What the model learns to copy from, and the weights that it starts with."""

import random
from collections.abc import Callable

import pytest
import torch

from ecco_reports.models.bundled.recipe.facts import repeats, start
from ecco_reports.models.bundled.recipe.facts.shape import Settings, untrained
from ecco_reports.models.bundled.recipe.inside import induction_heads, previous_token_heads
from ecco_reports.models.bundled.recipe.optimization import IGNORED, reproducible

PIECES = 3_072
LENGTH = 64

KINDS: dict[str, Callable[[random.Random], repeats.Row]] = {
    "periodic": lambda rng: repeats.periodic(rng, PIECES, LENGTH, rng.randint(2, 24)),
    "shuffled": lambda rng: repeats.shuffled(rng, PIECES, LENGTH, rng.randint(2, 8)),
    "either": lambda rng: repeats.row(rng, PIECES, LENGTH),
}


@pytest.mark.parametrize("make", KINDS.values(), ids=KINDS)
def test_whatever_has_a_label_has_been_seen_before(make: Callable[[random.Random], repeats.Row]) -> None:
    rng = random.Random(0)
    labelled = 0
    for _ in range(50):
        tokens, labels = make(rng)
        seen: set[tuple[int, int]] = set()
        for place, label in enumerate(labels):
            if label != IGNORED:
                assert (tokens[place], label) in seen
                assert place + 1 == LENGTH or tokens[place + 1] == label
                labelled += 1
            if place + 1 < LENGTH:
                seen.add((tokens[place], tokens[place + 1]))
    assert labelled > 50


def test_a_row_has_as_many_labels_as_tokens() -> None:
    rng = random.Random(1)
    for _ in range(100):
        tokens, labels = repeats.row(rng, PIECES, LENGTH)
        assert len(tokens) == len(labels) == LENGTH
        assert min(tokens) >= repeats.FIRST_WORD_PIECE


def test_a_shuffled_row_has_no_period() -> None:
    tokens, _ = repeats.shuffled(random.Random(2), PIECES, LENGTH, 4)
    assert not any(tokens[period:] == tokens[:-period] for period in range(1, LENGTH // 2))


@pytest.fixture(scope="module")
def attentions() -> torch.Tensor:
    """Attention of the first weights on a sequence of 24 random tokens shown twice, (layer, head, query, key)."""
    with reproducible(0):
        model = untrained(Settings(), separator=0).eval()
        start.prepare(model, Settings().copying_blocks)
        tokens = torch.randint(repeats.FIRST_WORD_PIECE, PIECES, (16, 24)).repeat(1, 2)
    model.set_attn_implementation("eager")
    with torch.no_grad():
        weights = model(input_ids=tokens, use_cache=False, output_attentions=True).attentions
    return torch.stack([layer.mean(0) for layer in weights])


def test_two_heads_of_the_first_block_start_by_looking_back(attentions: torch.Tensor) -> None:
    first, second, third, *_ = previous_token_heads(attentions)
    assert {(first.layer, first.head), (second.layer, second.head)} == {(0, 0), (0, 1)}
    assert second.score > 0.8
    assert third.score < 0.2


def test_no_head_does_induction_at_the_start(attentions: torch.Tensor) -> None:
    assert induction_heads(attentions, 24)[0].score < 0.2


def test_later_blocks_and_mlps_add_nothing_at_the_start() -> None:
    model = untrained(Settings(), separator=0)
    start.prepare(model, 3)
    blocks = model.transformer.h
    assert all(not block.mlp.c_proj.weight.any() for block in blocks)
    assert [bool(block.attn.c_proj.weight.any()) for block in blocks] == [True] * 3 + [False] * 3
