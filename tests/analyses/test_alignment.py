from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ecco_reports.analyses.alignment import aligned_units
from ecco_reports.records import Passage, Token


def passage(*spans: tuple[int, int] | None, second: int = 10**6) -> Passage:
    """Tokens by the characters they cover; None is one of the template, and from ``second`` on they are of text two."""
    tokens = tuple(
        Token(id=0, text="x", span=span, special=span is None, second=index >= second)
        for index, span in enumerate(spans)
    )
    return Passage(tokens=tokens, prompt_length=len(tokens))


def test_the_same_tokens_are_aligned_one_by_one():
    one = passage((0, 3), (3, 8))
    assert aligned_units(one, one) == (((0,), (0,)), ((1,), (1,)))


def test_pieces_of_a_word_stand_against_the_whole_word_and_the_template_against_nothing():
    whole = passage((0, 3), (3, 8))
    pieces = passage(None, (0, 3), (4, 6), (6, 8), None)
    assert aligned_units(whole, pieces) == (((0,), (1,)), ((1,), (2, 3)))


def test_tokens_that_overlap_without_a_common_end_are_joined():
    assert aligned_units(passage((0, 2), (2, 5), (5, 6)), passage((0, 3), (3, 6))) == (((0, 1, 2), (0, 1)),)


def test_bytes_of_one_character_stay_together():
    assert aligned_units(passage((0, 1), (0, 1), (1, 2)), passage((0, 1), (1, 2))) == (((0, 1), (0,)), ((2,), (1,)))


def test_the_characters_of_a_second_text_are_others():
    one = passage((0, 2), (0, 2), second=1)
    assert aligned_units(one, one) == (((0,), (0,)), ((1,), (1,)))


@given(st.sets(st.integers(1, 30)), st.sets(st.integers(1, 30)))
def test_every_part_covers_the_same_characters_in_both(one: set[int], other: set[int]):
    def cut(ends: set[int]) -> list[tuple[int, int]]:
        ordered = sorted({*ends, 31})
        return list(zip([0, *ordered], ordered, strict=False))

    first, second = cut(one), cut(other)
    units = aligned_units(passage(*first), passage(*second))
    for left, right in units:
        assert (first[left[0]][0], first[left[-1]][1]) == (second[right[0]][0], second[right[-1]][1])
    assert [p for left, _ in units for p in left] == list(range(len(first)))
