"""The training of `bundled:masked`, on a model so small that it takes a second."""

import random
from collections import Counter
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer

from ecco_reports.models.bundled.recipe.bert import EncoderShape
from ecco_reports.models.bundled.recipe.masked import corpus
from ecco_reports.models.bundled.recipe.masked.batches import Batches, chosen_places, rows
from ecco_reports.models.bundled.recipe.masked.shape import Settings
from ecco_reports.models.bundled.recipe.masked.training import train
from ecco_reports.models.bundled.recipe.optimization import IGNORED
from ecco_reports.models.bundled.recipe.padding import pad, similar_lengths
from ecco_reports.models.bundled.recipe.wordpiece import MASK, choose_pieces, new_tokenizer

TINY = Settings(
    steps=3,
    short_steps=1,
    pieces=400,
    tokenizer_documents=150,
    encoder=EncoderShape(layers=2, width=32, heads=2, inner_width=48, positions=192),
    batch_tokens=200,
    mlp_shares=(0.1, 1.0),
)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return new_tokenizer(choose_pieces((each.text for each in corpus.documents(1_000, 2)), 1_500))


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        train(folder, TINY)
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert {"model.safetensors", "tokenizer.json", "config.json"} <= set(one)
    assert one == other


def test_training_leaves_threads_and_random_numbers_alone(tmp_path: Path) -> None:
    threads, state = torch.get_num_threads(), torch.random.get_rng_state()
    train(tmp_path, TINY)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_vocabulary_does_not_depend_on_the_order_of_the_texts() -> None:
    texts = [each.text for each in corpus.documents(300, 4)]
    assert choose_pieces(texts, 500) == choose_pieces(texts[::-1], 500)


def test_labels_tell_what_the_masks_hide(tokenizer: Tokenizer) -> None:
    batch = Batches(tokenizer, TINY).draw(0)
    mask = tokenizer.token_to_id(MASK)
    is_mask = batch.inputs.tokens == mask
    assert bool(is_mask.any())
    assert bool((batch.labels[is_mask] != IGNORED).all())
    assert bool((batch.labels != mask).all())


def test_special_tokens_are_never_asked(tokenizer: Tokenizer) -> None:
    batches = Batches(tokenizer, TINY)
    labels = torch.cat([batches.draw(step).labels.flatten() for step in range(20)])
    assert int(labels[labels != IGNORED].min()) > tokenizer.token_to_id(MASK)


def test_an_answer_is_hidden_in_about_six_sentences_of_ten_and_then_its_subject_is_shown(tokenizer: Tokenizer) -> None:
    rng, seen = random.Random(1), Counter[str]()
    (row,) = rows(tokenizer, [corpus.fill("the capital of {s} is {o}", "Japan", "Tokyo")], 64)
    ((answer, subject),) = row.blanks
    for _ in range(2_000):
        hidden = set(chosen_places(row, rng))
        if hidden.issuperset(answer) and not hidden & set(subject):
            seen["answer"] += 1
    assert 0.55 < seen["answer"] / 2_000 < 0.72


def test_all_pieces_of_a_word_are_hidden_together(tokenizer: Tokenizer) -> None:
    (row,) = rows(tokenizer, [corpus.Document("We zigzagged through unforgettable marshes.")], 64)
    rng = random.Random(2)
    for _ in range(200):
        places = chosen_places(row, rng)
        hidden = {row.words[place] for place in places}
        assert places == [place for place, word in enumerate(row.words) if word in hidden]


def test_padding_is_marked() -> None:
    padded = pad([[5, 6, 7], [8]], 0)
    assert padded.tokens.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert padded.is_text.tolist() == [[1, 1, 1], [1, 0, 0]]


def test_batches_of_similar_length_hold_every_row_once_and_stay_within_their_size() -> None:
    rng = random.Random(3)
    lengths = [rng.randint(3, 60) for _ in range(500)]
    batches = similar_lengths(lengths, 240, rng)
    assert sorted(number for batch in batches for number in batch) == list(range(500))
    assert all(len(batch) * max(lengths[number] for number in batch) <= 240 for batch in batches)
