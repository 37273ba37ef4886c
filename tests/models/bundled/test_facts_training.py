"""The training of `bundled:facts`, on a model so small that it takes a second."""

from pathlib import Path

import pytest
import torch

from ecco_reports.models.bundled.recipe.facts.batches import Batches
from ecco_reports.models.bundled.recipe.facts.shape import Settings
from ecco_reports.models.bundled.recipe.facts.tokenizer import train_tokenizer
from ecco_reports.models.bundled.recipe.facts.training import train
from ecco_reports.models.bundled.recipe.optimization import IGNORED, rate_factor

TINY = Settings(
    steps=3,
    pieces=300,
    tokenizer_documents=100,
    layers=2,
    width=32,
    heads=2,
    positions=64,
    rows=4,
    row_length=32,
    long_every=2,
    attention_shares=(0.5, 1.0),
    mlp_shares=(0.1, 1.0),
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
    batches = Batches(train_tokenizer(300, 100, 0), TINY)
    tokens, positions, labels = batches.draw(step)
    assert tokens.shape == positions.shape == labels.shape == shape


def test_labels_are_the_tokens_one_place_later() -> None:
    tokens, _, labels = Batches(train_tokenizer(300, 100, 0), TINY).draw(0)
    assert torch.equal(labels[:, :-1], tokens[:, 1:])
    assert bool((labels[:, -1] == IGNORED).all())


def test_the_learning_rate_rises_and_then_falls() -> None:
    rates = [rate_factor(step, 1_000) for step in range(1_000)]
    assert max(rates) == pytest.approx(1.0)
    assert rates[:100] == sorted(rates[:100])
    assert rates[100:] == sorted(rates[100:], reverse=True)
