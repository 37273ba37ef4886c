"""The training of `bundled:sentiment-classifier`, on a model so small that it takes a second."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from ecco_reports.models.bundled.recipe.bert import EncoderShape
from ecco_reports.models.bundled.recipe.sentiment_classifier.batches import Batches, texts
from ecco_reports.models.bundled.recipe.sentiment_classifier.shape import Settings, new_model
from ecco_reports.models.bundled.recipe.sentiment_classifier.training import train
from ecco_reports.models.bundled.recipe.wordpiece import MASK, choose_pieces, new_tokenizer

TINY = Settings(
    steps=3,
    plain_steps=1,
    pieces=500,
    tokenizer_reviews=100,
    encoder=EncoderShape(layers=2, width=32, heads=2, inner_width=48, positions=128),
    batch_tokens=300,
    mlp_shares=(0.5, 1.0),
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return new_tokenizer(choose_pieces(texts(500, 1), 1_000))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        train(folder, TINY)
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(one)
    assert one == other


def test_a_batch_has_one_label_a_row_and_stays_within_its_size(tokenizer: Tokenizer) -> None:
    batch = Batches(tokenizer, TINY).draw(0)
    rows, length = batch.inputs.tokens.shape
    assert rows * length <= TINY.batch_tokens
    assert batch.labels.shape == (rows,)
    assert set(batch.labels.tolist()) <= {0, 1}


def test_some_reviews_have_masked_words(tokenizer: Tokenizer) -> None:
    batches = Batches(tokenizer, TINY)
    mask = tokenizer.token_to_id(MASK)
    masked = torch.cat([(batches.draw(step).inputs.tokens == mask).any(1) for step in range(30)])
    assert 0.1 < float(masked.float().mean()) < 0.4


def test_another_seed_gives_other_batches(tokenizer: Tokenizer) -> None:
    one, other = (Batches(tokenizer, each).draw(0) for each in (TINY, replace(TINY, seed=1)))
    assert one.inputs.tokens.tolist() != other.inputs.tokens.tolist()


def test_the_labels_have_names() -> None:
    assert new_model(TINY, 100, 0).config.id2label == {0: "negative", 1: "positive"}
