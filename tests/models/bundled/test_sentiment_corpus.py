"""The training text of `bundled:sentiment`: its answers follow from its words, and what is held out never occurs."""

import random
import re

import pytest

from ecco_reports.models.bundled.recipe.sentiment import corpus
from ecco_reports.models.bundled.recipe.sentiment.prompts import HAND_WRITTEN, SHIPPED
from ecco_reports.models.bundled.recipe.text import acceptability, opinions, passages, reviews, scenes, verdicts
from ecco_reports.models.bundled.recipe.text.opinions import KINDS
from ecco_reports.models.bundled.recipe.text.passages import Passage
from ecco_reports.models.bundled.recipe.text.reviews import Review
from ecco_reports.models.bundled.recipe.text.verdicts import Template

COUNT = 3_000


@pytest.fixture(scope="module")
def written() -> list[Review]:
    rng = random.Random(3)
    return [reviews.review(rng) for _ in range(COUNT)]


@pytest.fixture(scope="module")
def asked() -> list[Passage]:
    rng = random.Random(4)
    return [passages.passage(rng, rng.randint(1, passages.LONGEST), held_out=False) for _ in range(COUNT)]


def test_the_same_seed_writes_the_same_examples() -> None:
    one, other = random.Random(1), random.Random(1)
    assert [corpus.example(one) for _ in range(200)] == [corpus.example(other) for _ in range(200)]


@pytest.mark.parametrize("kind", KINDS)
def test_no_word_praises_and_blames(kind: str) -> None:
    words = KINDS[kind].positive + KINDS[kind].negative
    assert len(words) == len(set(words))


def test_praise_and_blame_are_equally_likely(written: list[Review]) -> None:
    assert 0.47 < sum(review.is_positive for review in written) / COUNT < 0.53


def test_no_review_shows_a_held_out_word_in_its_sentence(written: list[Review]) -> None:
    assert not any(reviews.is_held_out(review.template, review.word) for review in written)
    conceded = [review for review in written if review.conceded]
    assert conceded
    assert not any(reviews.is_held_out(review.template, review.conceded) for review in conceded)


def test_no_review_uses_a_sentence_kept_for_the_evaluation(written: list[Review]) -> None:
    assert {template.text for template in verdicts.NEW_TEMPLATES}.isdisjoint(review.template.text for review in written)


def test_a_new_sentence_is_no_old_one_with_other_punctuation() -> None:
    old = {re.sub(r"\W", "", template.text) for template in verdicts.TEMPLATES}
    assert old.isdisjoint(re.sub(r"\W", "", template.text) for template in verdicts.NEW_TEMPLATES)


def test_about_one_combination_in_six_is_held_out() -> None:
    combinations = [
        reviews.is_held_out(template, word)
        for template in verdicts.TEMPLATES
        for word in KINDS[template.kind].positive + KINDS[template.kind].negative
    ]
    assert 0.14 < sum(combinations) / len(combinations) < 0.19


@pytest.mark.parametrize(
    ("template", "word", "is_positive"),
    [
        (Template("it is {w}", "adjective"), "dull", False),
        (Template("it is {w}", "adjective"), "clever", True),
        (Template("it is never {w}", "adjective", is_negated=True), "dull", True),
        (Template("nothing about it is {w}", "adjective", is_negated=True), "clever", False),
        (Template("it is {o}, but {w}", "adjective"), "clever", True),
    ],
)
def test_the_sentiment_follows_from_word_and_negation(template: Template, word: str, is_positive: bool) -> None:
    assert reviews.fill(template, word, random.Random(0)).is_positive is is_positive


def test_what_is_conceded_is_the_opposite_of_what_decides(written: list[Review]) -> None:
    praises = {
        review.conceded in opinions.ADJECTIVES.positive
        for review in written
        if review.conceded and not review.template.is_negated and review.is_positive
    }
    assert praises == {False}


def test_no_review_leaves_a_slot_unfilled(written: list[Review]) -> None:
    assert not any("{" in review.text for review in written)


def test_every_indefinite_article_fits_the_next_word() -> None:
    rng = random.Random(11)
    texts = [
        reviews.fill(template, word, rng).text
        for template in verdicts.TEMPLATES
        for word in (KINDS[template.kind].positive[:8] + KINDS[template.kind].negative[:8])
    ]
    articles = [match.groups() for text in texts for match in re.finditer(r"\b([Aa]n?) (\w+)", text)]
    exceptions = {"honest": "an", "unique": "a"}
    expected = [exceptions.get(word, "an" if word[0] in "aeiou" else "a") for _, word in articles]
    assert len(articles) > 100
    assert [article.lower() for article, _ in articles] == expected


def test_a_flip_changes_one_word_and_the_sentiment() -> None:
    rng = random.Random(5)
    for _ in range(500):
        positive, negative = reviews.flip_pair(rng)
        pairs = zip(positive.text.split(), negative.text.split(), strict=True)
        changed = [pair for pair in pairs if pair[0] != pair[1] and pair[0].lower() not in ("a", "an")]
        assert len(changed) == 1
        assert positive.is_positive
        assert not negative.is_positive


def test_the_answer_stands_where_the_passage_says(asked: list[Passage]) -> None:
    assert all(passage.text[passage.start : passage.end] == passage.answer for passage in asked)


def test_the_answer_stands_in_the_sentence_that_the_passage_says(asked: list[Passage]) -> None:
    for passage in asked:
        first = sum(len(sentence) + 1 for sentence in passage.sentences[: passage.source])
        assert first <= passage.start < passage.end <= first + len(passage.sentences[passage.source])


def test_the_answer_stands_once_or_is_the_person_of_two_deeds(asked: list[Passage]) -> None:
    for passage in asked:
        count = len(re.findall(rf"\b{passage.answer}\b", passage.text))
        assert count == 1 or (count == 2 and passage.answer in scenes.SLOTS["person"])


def test_training_never_asks_a_held_out_question(asked: list[Passage]) -> None:
    assert not any(passage.is_held_out for passage in asked)


def test_a_held_out_question_is_never_asked_with_its_answer_in_training(asked: list[Passage]) -> None:
    rng = random.Random(6)
    held_out = [passages.passage(rng, 4, held_out=True) for _ in range(COUNT)]
    shown = {(passage.question, passage.answer) for passage in asked}
    assert shown.isdisjoint((passage.question, passage.answer) for passage in held_out)


def test_every_question_fits_a_statement() -> None:
    for scene in scenes.SCENES:
        for question in scene.questions:
            slots = set(re.findall(r"\{(\w+)\}", question.text)) | {question.asks}
            plain = slots - {"base", "past", "participle"}
            assert any(plain <= set(re.findall(r"\{(\w+)\}", statement)) for statement in scene.statements)


@pytest.mark.parametrize("rule", acceptability.RULES)
def test_half_of_the_sentences_break_their_rule(rule: str) -> None:
    rng = random.Random(7)
    judged = [acceptability.judged(rng, held_out=False, rule=rule) for _ in range(1_000)]
    assert 0.45 < sum(sentence.is_acceptable for sentence in judged) / 1_000 < 0.55
    assert {sentence.rule for sentence in judged} == {rule}


@pytest.mark.parametrize("rule", acceptability.RULES)
def test_a_sentence_is_not_right_once_and_wrong_another_time(rule: str) -> None:
    rng = random.Random(8)
    judged = [acceptability.judged(rng, held_out=False, rule=rule) for _ in range(4_000)]
    right = {sentence.text for sentence in judged if sentence.is_acceptable}
    assert right.isdisjoint(sentence.text for sentence in judged if not sentence.is_acceptable)


def test_a_gap_hides_the_word_that_the_answer_gives() -> None:
    rng = random.Random(9)
    for _ in range(200):
        source, target = acceptability.gapped(rng, corpus.GAP, corpus.GAP_END)
        assert source.count(corpus.GAP) == 1
        assert re.fullmatch(rf"{corpus.GAP} [\w.]+ {corpus.GAP_END}", target)


def test_no_prompt_that_ships_and_no_review_by_hand_is_in_the_corpus() -> None:
    rng = random.Random(10)
    sources = {corpus.example(rng).source for _ in range(COUNT)}
    assert sources.isdisjoint(prompt.example.source for prompt in SHIPPED)
    assert sources.isdisjoint(corpus.review_prompt(text) for text, _ in HAND_WRITTEN)
