"""The training text of `bundled:masked`: the same for the same seed, and without what is held out."""

import itertools
import random

import pytest

from ecco_reports.models.bundled.recipe.masked import corpus
from ecco_reports.models.bundled.recipe.masked.probes import GROUPS, questions
from ecco_reports.models.bundled.recipe.masked.prompts import NATURE_PARAGRAPH
from ecco_reports.models.bundled.recipe.text import nature
from ecco_reports.models.bundled.recipe.text.grammar import Grammar
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS

STATEMENTS = 10_000


@pytest.fixture(scope="module")
def statements() -> list[corpus.Statement]:
    rng = random.Random(5)
    return [corpus.statement(rng) for _ in range(STATEMENTS)]


def test_the_same_seed_writes_the_same_documents() -> None:
    assert list(corpus.documents(200, 1)) == list(corpus.documents(200, 1))


def test_another_seed_writes_other_documents() -> None:
    assert list(corpus.documents(200, 1)) != list(corpus.documents(200, 2))


def test_no_statement_uses_a_held_out_combination(statements: list[corpus.Statement]) -> None:
    by_name = {relation.name: relation for relation in RELATIONS}
    assert not any(by_name[each.relation].is_held_out(each.subject, each.template) for each in statements)


def test_no_statement_uses_a_sentence_kept_for_the_evaluation(statements: list[corpus.Statement]) -> None:
    new = set(itertools.chain.from_iterable(relation.new_templates for relation in RELATIONS))
    assert new.isdisjoint(each.template for each in statements)


def test_no_document_holds_a_question_about_what_is_held_out() -> None:
    # A short sentence can be the end of a longer one about the same fact, so a match counts at the start of a sentence.
    sentences = {part.strip() for each in corpus.documents(5_000, 3) for part in each.text.split(". ")}
    asked = [each.text.removesuffix(".") for relation in RELATIONS for each in questions(relation)["held_out"]]
    assert sentences.isdisjoint(asked)


def test_blanks_stand_where_subject_and_answer_stand(statements: list[corpus.Statement]) -> None:
    answers = {relation.name: dict(relation.pairs) for relation in RELATIONS}
    for each in statements[:2_000]:
        (blank,) = each.document.blanks
        assert blank.subject is not None
        answer = each.document.text[blank.answer.start : blank.answer.end]
        subject = each.document.text[blank.subject.start : blank.subject.end]
        assert answer.lower() == answers[each.relation][each.subject].lower()
        assert subject.lower() == each.subject.lower()


def test_joined_documents_keep_their_blanks_on_their_words(statements: list[corpus.Statement]) -> None:
    parts = [each.document for each in statements[:40]]
    joined = corpus.join(parts)
    words = [joined.text[blank.answer.start : blank.answer.end] for blank in joined.blanks]
    assert words == [part.text[blank.answer.start : blank.answer.end] for part in parts for blank in part.blanks]


def test_every_combination_is_asked_in_one_group() -> None:
    for relation in RELATIONS:
        groups = questions(relation)
        assert tuple(groups) == GROUPS
        known = len(groups["seen"]) + len(groups["held_out"])
        assert known == len(relation.pairs) * len(relation.templates)
        assert len(groups["new_template"]) == len(relation.pairs) * len(relation.new_templates)


def test_no_word_of_the_diary_has_two_classes() -> None:
    words = list(itertools.chain.from_iterable(set(members) for members in nature.WORD_CLASSES.values()))
    assert len(words) == len(set(words))


def test_the_diary_uses_every_mark_and_fills_every_slot() -> None:
    text = nature.passage(random.Random(3), sentences=600)
    assert "<" not in text
    assert all(mark in text for mark in nature.PUNCTUATION)


def test_the_nature_paragraph_is_not_in_the_diary() -> None:
    rng = random.Random(4)
    written = {nature.sentence(rng) for _ in range(5_000)}
    assert written.isdisjoint(part + "." for part in NATURE_PARAGRAPH.split(". "))


def test_a_rule_that_does_not_exist_is_reported() -> None:
    with pytest.raises(ValueError, match="no rule for moon"):
        Grammar({"night": ("the <moon>",)})


def test_a_capitalized_slot_and_an_article_before_a_vowel() -> None:
    grammar = Grammar({"thing": ("a <animal>",), "animal": ("owl",)})
    assert grammar.expand("<Thing> and <thing>.", random.Random(0)) == "An owl and an owl."
