"""The training of `bundled:sentiment`, on a model so small that it takes a second."""

from pathlib import Path

import pytest
import torch

from ecco_reports.models.bundled.recipe.optimization import IGNORED
from ecco_reports.models.bundled.recipe.sentiment import training
from ecco_reports.models.bundled.recipe.sentiment.batches import Batches, encode
from ecco_reports.models.bundled.recipe.sentiment.corpus import Example
from ecco_reports.models.bundled.recipe.sentiment.shape import Settings, new_model
from ecco_reports.models.bundled.recipe.sentiment.tokenizer import train_tokenizer
from ecco_reports.models.bundled.recipe.sentiment.training import train

TINY = Settings(
    steps=3,
    pieces=400,
    tokenizer_examples=50,
    encoder_layers=2,
    decoder_layers=1,
    width=32,
    heads=2,
    inner_width=32,
    reviews=4,
    judged=2,
    gapped=2,
    passage_sentences=6,
    finding_steps=1,
    encoder_shares=(1.0, 1.0),
    decoder_shares=(1.0,),
)


@pytest.fixture(scope="module")
def batches() -> Batches:
    return Batches(train_tokenizer(400, 50, 0, 64), TINY)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "other"]
    for folder in folders:
        folder.mkdir()
        train(folder, TINY)
    one, other = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert "model.safetensors" in one
    assert "tokenizer.json" in one
    assert one == other


def test_the_record_tells_how_the_training_was(tmp_path: Path) -> None:
    record = train(tmp_path, TINY)
    assert [step for step, _ in record["loss"]] == [3]
    assert record["settings"]["steps"] == 3
    assert record["parameters"] == sum(value.numel() for value in new_model(TINY).parameters())


def test_passages_have_two_sentences_at_first_and_all_lengths_later(batches: Batches) -> None:
    assert {batches.passage_length(0) for _ in range(20)} == {2}
    assert {batches.passage_length(TINY.finding_steps) for _ in range(200)} == {1, 2, 3, 4, 5}


def test_the_first_steps_have_nothing_but_passages(batches: Batches) -> None:
    (asked,) = batches.draw(0)
    assert len(asked.tokens) == TINY.passage_sentences // 2
    assert bool((asked.evidence != IGNORED).any(1).all())


def test_later_steps_have_reviews_sentences_and_passages(batches: Batches) -> None:
    reviews, sentences, asked = batches.draw(TINY.finding_steps)
    assert len(reviews.tokens) == TINY.reviews
    assert len(sentences.tokens) == TINY.judged + TINY.gapped
    assert bool((asked.evidence != IGNORED).any(1).all())


def test_padding_carries_neither_attention_nor_loss() -> None:
    tokenizer = train_tokenizer(400, 50, 0, 64)
    batch = encode(tokenizer, [Example("a", "a"), Example("a b c", "a b c")])
    assert torch.equal(batch.mask == 0, batch.tokens == tokenizer.pad_token_id)
    assert int((batch.labels[0] == IGNORED).sum()) == batch.labels.shape[1] - 2


def test_a_batch_marks_the_sentence_that_holds_the_answer() -> None:
    tokenizer = train_tokenizer(400, 50, 0, 64)
    first, second = "Anna lost the ring.", "Tom bought the lamp."
    source = f"question: Who bought the lamp? context: {first} {second}"
    start = source.index(second)
    example = Example(source, "Tom", (start, len(source)), source.index(first))
    spans = tokenizer(source, return_offsets_mapping=True)["offset_mapping"]
    marks = encode(tokenizer, [example, Example("a", "a")]).evidence
    marked = "".join(
        source[begin:end] for (begin, end), mark in zip(spans, marks[0].tolist(), strict=True) if mark == 1
    )
    others = "".join(
        source[begin:end] for (begin, end), mark in zip(spans, marks[0].tolist(), strict=True) if mark == 0
    )
    assert marked == second.replace(" ", "")
    assert others == first.replace(" ", "")
    assert set(marks[1].tolist()) == {IGNORED}


def test_an_answer_weighs_the_same_in_any_company() -> None:
    tokenizer = train_tokenizer(400, 50, 0, 64)
    trained = training.Trained(new_model(TINY).eval())
    short, long = Example("a", "a"), Example("a b c", "a b c")
    together, one, other = (
        trained.loss(encode(tokenizer, examples)).item() for examples in ([short, long], [short], [long])
    )
    assert together == pytest.approx((one + other) / 2, abs=1e-4)


def test_half_of_the_heads_start_by_looking_at_other_occurrences_of_a_word() -> None:
    torch.manual_seed(0)
    model = new_model(TINY).eval()
    model.set_attn_implementation("eager")  # the only one that shows its weights
    tokens = torch.arange(10, 20).repeat(2)[None]
    attention = model.encoder(input_ids=tokens, output_attentions=True).attentions[0][0].detach()
    to_the_other = (attention.diagonal(10, dim1=-2, dim2=-1) + attention.diagonal(-10, dim1=-2, dim2=-1)).mean(-1) / 2
    assert float(to_the_other[0]) > 0.3
    assert float(to_the_other[1]) < 0.15


def test_queries_and_keys_learn_in_smaller_steps_than_other_matrices() -> None:
    model = new_model(TINY)
    groups = training.learning_rates(model, TINY)
    queries, keys, others = groups[:3]
    assert keys.rate == pytest.approx(others.rate * TINY.pattern_share)
    assert queries.rate == pytest.approx(keys.rate / 16**0.5)
    names = [name for name, value in model.named_parameters() if ".block." in name and value.dim() == 2]
    tables = [name for name in names if "relative_attention_bias" in name]
    assert sum(len(group.values) for group in groups) == len(names) - len(tables)
