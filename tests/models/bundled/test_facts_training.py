"""The training of `bundled:facts`, on a model so small that it takes a second."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from ecco_reports.models.bundled.recipe.facts.batches import Batches
from ecco_reports.models.bundled.recipe.facts.repeats import FIRST_WORD_PIECE
from ecco_reports.models.bundled.recipe.facts.shape import Settings
from ecco_reports.models.bundled.recipe.facts.tokenizer import train_tokenizer
from ecco_reports.models.bundled.recipe.facts.training import train
from ecco_reports.models.bundled.recipe.optimization import IGNORED, rate_factor

TINY = Settings(
    steps=3,
    pieces=300,
    tokenizer_documents=100,
    layers=2,
    width=64,
    heads=4,
    positions=64,
    rows=4,
    row_length=32,
    long_every=2,
    mlp_shares=(0.1, 1.0),
    copying_blocks=2,
    copying_steps=2,
    copying_rows=4,
    copying_length=32,
)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        train(folder, TINY)
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert "model.safetensors" in one
    assert one == other


def test_training_leaves_threads_and_random_numbers_alone(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    train(tmp_path, TINY)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_record_tells_how_long_the_training_was(tmp_path: Path) -> None:
    record = train(tmp_path, TINY)
    assert record["tokens"] == 3 * 4 * 32
    assert [step for step, _ in record["loss"]] == [3]


@pytest.mark.parametrize(("step", "shape"), [(0, (4, 32)), (1, (2, 64))])
def test_batches_alternate_between_short_and_full_rows(step: int, shape: tuple[int, int]) -> None:
    batch = Batches(train_tokenizer(300, 100, 0), TINY).draw(step)
    assert batch.tokens.shape == batch.positions.shape == batch.labels.shape == shape


def test_labels_of_text_are_the_tokens_one_place_later() -> None:
    batch = Batches(train_tokenizer(300, 100, 0), replace(TINY, repeated_share=0.0)).draw(0)
    assert torch.equal(batch.labels[:, :-1], batch.tokens[:, 1:])
    assert bool((batch.labels[:, -1] == IGNORED).all())


def test_a_share_of_the_rows_repeats_random_tokens() -> None:
    batch = Batches(train_tokenizer(300, 100, 0), replace(TINY, repeated_share=1.0)).draw(0)
    assert int(batch.tokens.min()) >= FIRST_WORD_PIECE


def test_the_learning_rate_rises_and_then_falls() -> None:
    rates = [rate_factor(step, 1_000) for step in range(1_000)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
