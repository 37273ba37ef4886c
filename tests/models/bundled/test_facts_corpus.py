"""The training text of `bundled:facts`: the same for the same seed, and without what is held out."""

import itertools
import random
import re

import pytest

from ecco_reports.models.bundled.recipe.facts import corpus
from ecco_reports.models.bundled.recipe.text import agreement, prose, sequences, world
from ecco_reports.models.bundled.recipe.text.relations import RELATIONS
from ecco_reports.models.bundled.recipe.text.templates import ANSWER, Relation

STATEMENTS = 20_000


def relation_ids(relation: Relation) -> str:
    return relation.name


@pytest.fixture(scope="module")
def statements() -> list[corpus.Statement]:
    rng = random.Random(5)
    return [corpus.statement(rng) for _ in range(STATEMENTS)]


def test_the_same_seed_writes_the_same_documents() -> None:
    assert list(corpus.documents(300, 1)) == list(corpus.documents(300, 1))


def test_another_seed_writes_other_documents() -> None:
    assert list(corpus.documents(300, 1)) != list(corpus.documents(300, 2))


def test_documents_begin_with_and_without_a_space() -> None:
    begins = {text.startswith(" ") for text in corpus.documents(100, 1)}
    assert begins == {True, False}


def test_no_statement_uses_a_held_out_combination(statements: list[corpus.Statement]) -> None:
    by_name = {relation.name: relation for relation in RELATIONS}
    shown = [by_name[each.relation].is_held_out(each.subject, each.template) for each in statements]
    assert not any(shown)


def test_no_document_contains_a_held_out_sentence() -> None:
    text = "\n".join(corpus.documents(STATEMENTS, 3)).lower()
    held_out = [
        corpus.fill(template, subject, answer).lower()
        for relation in RELATIONS
        for subject, answer in relation.pairs
        for template in relation.templates
        if relation.is_held_out(subject, template)
    ]
    # A short sentence can be the end of a longer one about the same fact, so a match counts only after a full stop.
    pattern = re.compile(r"(?:^|[.!] ) ?([^.!\n]+)", re.MULTILINE)
    sentences = {match.group(1) for match in pattern.finditer(text)}
    assert sentences.isdisjoint(held_out)


def test_no_statement_uses_a_sentence_kept_for_the_evaluation(statements: list[corpus.Statement]) -> None:
    new = set(itertools.chain.from_iterable(relation.new_templates for relation in RELATIONS))
    assert new.isdisjoint(each.template for each in statements)


@pytest.mark.parametrize("relation", RELATIONS, ids=relation_ids)
def test_about_one_combination_in_six_is_held_out(relation: Relation) -> None:
    held_out = [
        relation.is_held_out(subject, template) for subject, _ in relation.pairs for template in relation.templates
    ]
    assert 0.05 < sum(held_out) / len(held_out) < 0.25


@pytest.mark.parametrize("relation", RELATIONS, ids=relation_ids)
def test_every_subject_has_one_answer(relation: Relation) -> None:
    subjects = [subject for subject, _ in relation.pairs]
    assert len(subjects) == len(set(subjects))


@pytest.mark.parametrize("relation", RELATIONS, ids=relation_ids)
def test_no_opening_of_a_sentence_leads_into_other_words(relation: Relation) -> None:
    everything = relation.templates + relation.new_templates
    openings = [template.removesuffix(ANSWER) for template in everything if template.endswith(ANSWER)]
    ambiguous = [
        (opening, template)
        for opening in openings
        for template in everything
        if template != opening + ANSWER and template.startswith(opening)
    ]
    assert ambiguous == []


def test_the_verb_agrees_with_its_subject() -> None:
    rng = random.Random(2)
    wrong = [
        text
        for text in (agreement.sentence(rng) for _ in range(2_000))
        if (match := re.match(r"The (\w+) (?:is|are)\b", text))
        and ((match.group(1) in agreement.HEADS) != (" is " in text))
    ]
    assert wrong == []


def test_shown_pairs_of_nouns_are_never_held_out_ones() -> None:
    rng = random.Random(2)
    assert not any(agreement.is_held_out(*agreement.noun_pair(rng, held_out=False)) for _ in range(2_000))


def test_prose_leaves_no_slot_unfilled() -> None:
    rng = random.Random(4)
    assert not any("<" in prose.passage(rng) for _ in range(2_000))


def test_prose_begins_every_passage_with_a_capital_letter_or_a_quotation_mark() -> None:
    rng = random.Random(4)
    assert all(re.match(r'[A-Z"]', prose.passage(rng)) for _ in range(2_000))


def test_a_list_of_the_european_union_keeps_its_order() -> None:
    rng = random.Random(6)
    lists = [text for text in (sequences.ordered_list(rng) for _ in range(500)) if "European Union" in text]
    positions = [[text.find(f" {name}\n") for name in world.EUROPEAN_UNION] for text in lists]
    assert lists
    assert all([p for p in row if p >= 0] == sorted(p for p in row if p >= 0) for row in positions)


def test_the_shipped_prompt_about_keys_is_a_held_out_pair() -> None:
    assert agreement.is_held_out("key", "cabinet")
