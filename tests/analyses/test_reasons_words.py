"""The words of a prompt as traces keep them, and which two vocabularies have in common."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.analyses.explained import Explained
from ecco_reports.analyses.traced_targets import TracedTarget, paired_targets
from ecco_reports.analyses.traced_words import TracedWord, common_parts, grouped, parts_of, words_of
from ecco_reports.records import Decoding, Passage, Prompt, Token
from tests import tiny


def spelled(*texts: str) -> tuple[TracedWord, ...]:
    """Words from their pieces: one that begins with a space opens a word."""
    found, at = [], 0
    for number, text in enumerate(texts):
        found.append(TracedWord(text=text, begin=at, end=at + len(text), opens=number == 0 or text.startswith(" ")))
        at += len(text)
    return tuple(found)


WHOLE = spelled("Heathrow", " lies", " in")
PIECES = spelled("Heath", "row", " li", "es", " in")


def test_equal_lists_are_paired_one_by_one_and_pieces_make_up_whole_words():
    assert common_parts(PIECES, PIECES) == tuple(((n,), (n,)) for n in range(5))
    assert common_parts(WHOLE, PIECES) == (((0,), (0, 1)), ((1,), (2, 3)), ((2,), (4,)))
    assert common_parts(PIECES, PIECES, whole=True) == (((0, 1), (0, 1)), ((2, 3), (2, 3)), ((4,), (4,)))


def test_pieces_that_happen_to_end_alike_are_no_parts_where_the_lists_differ():
    others = spelled("Hea", "throw", " li", "es", " in")
    assert common_parts(PIECES, others) == (((0, 1), (0, 1)), ((2, 3), (2, 3)), ((4,), (4,)))


def test_a_word_that_only_one_has_is_in_no_part_and_swallows_no_neighbour():
    left_out = (WHOLE[0], WHOLE[2])
    assert common_parts(WHOLE, left_out) == (((0,), (0,)), ((2,), (1,)))
    assert common_parts(left_out, PIECES) == (((0,), (0, 1)), ((1,), (4,)))


def test_a_token_across_two_words_takes_both_with_it():
    across = spelled("Heathrow", " lies in")
    assert common_parts(across, WHOLE) == (((0,), (0,)), ((1,), (1, 2)))


def test_the_second_text_is_another_one():
    one = (TracedWord(text="a", begin=0, end=1), TracedWord(text="a", begin=0, end=1, second=True))
    assert common_parts(one, one[1:]) == (((1,), (0,)),)


@given(st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)), st.sets(st.integers(1, 29)))
def test_parts_cover_the_same_characters_and_nothing_of_the_text_twice(one, other, words):
    def cut(ends):
        edges = [0, *sorted({*ends, *words}), 30]
        return tuple(TracedWord(text="x", begin=a, end=b, opens=a in words or not a) for a, b in pairwise(edges))

    first, second = cut(one), cut(other)
    parts = common_parts(first, second)
    for left, right in parts:
        assert (first[left[0]].begin, first[left[-1]].end) == (second[right[0]].begin, second[right[-1]].end)
    assert [n for left, _ in parts for n in left] == list(range(len(first)))
    if first != second:
        assert {first[left[0]].begin for left, _ in parts} == {0, *words}


def test_two_real_vocabularies_have_the_words_of_a_prompt_in_common(tiny_model, facts_model):
    prompt = Prompt(name="p", text=tiny.TEXT)
    passages = [model.read(prompt, Decoding(max_new_tokens=1)).passage for model in (tiny_model("gpt2"), facts_model)]
    by_words, by_pieces = (parts_of(passage) for passage in passages)
    assert len(by_pieces) > len(by_words) == len(tiny.TEXT.split())
    traced = [[word for word, _ in parts] for parts in (by_words, by_pieces)]
    pairs = common_parts(*traced)
    assert len(pairs) == len(by_words)
    for left, right in pairs:
        assert traced[0][left[0]].word == "".join(traced[1][n].text for n in right).strip()
    assert [word.word for word, _ in words_of(passages[1])] == tiny.TEXT.split()


def test_the_parts_of_a_passage_leave_out_template_and_continuation_and_keep_characters_whole():
    tokens = (
        Token(id=0, text="<s>", special=True),
        Token(id=1, text="⟨E3⟩", span=(0, 1), partial=True, utf8="e3"),
        Token(id=2, text="⟨81 82⟩", span=(0, 1), partial=True, utf8="8182", completes="あ"),
        Token(id=3, text="b", span=(2, 3), before=" "),
        Token(id=4, text=" c"),
    )
    parts = parts_of(Passage(tokens=tokens, prompt_length=4))
    assert [(word.text, word.begin, word.end, unit) for word, unit in parts] == [
        ("あ", 0, 1, (1, 2)),
        (" b", 1, 3, (3,)),
    ]
    assert [unit for _, unit in grouped(parts, [(1, 2, 3)])] == [(1, 2, 3)]
    assert [unit for _, unit in grouped(parts, [(3,)])] == [(3,)]


def test_a_word_survives_json_without_what_is_usual():
    word = PIECES[1]
    assert word.model_dump(mode="json") == {"text": "row", "begin": 5, "end": 8, "opens": False}
    assert TracedWord.model_validate(word.model_dump(mode="json")) == word


def target(word: str, said: int | None, foil: str | None = None, kind: str = "next") -> TracedTarget:
    foiled = None if foil is None else Token(id=2, text=foil)
    place = Explained(
        kind=kind, token=Token(id=1, text=word), foil=foiled, place=0, outcome=1, said=said, position=None, after=0
    )
    return TracedTarget.of(place)


def test_outputs_are_paired_until_the_two_write_different_texts():
    one = [target(" London", 0, " Paris"), target(" London", 0), target(".", 1), target("The", 2)]
    other = [target(" London", 0, " Paris"), target(" London", 0), target(",", 1), target("The", 2)]
    assert paired_targets(one, other) == ((0, 0), (1, 1))


def test_what_one_said_and_the_other_was_only_asked_for_is_one_output():
    assert paired_targets([target(" London", 0), target(".", 1)], [target(" London", None), target(" Paris", 0)]) == (
        (0, 0),
    )
    assert paired_targets([target(" London", 0)], [target(" Paris", 0)]) == ()


def test_the_start_of_an_answer_is_not_its_end():
    one = [target("Tokyo", 0, kind="start"), target("Tokyo", 1, kind="end")]
    assert paired_targets(one, one[::-1]) == ((0, 1), (1, 0))
