"""Records: how tokens and text read, and what makes two values the same."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydantic import ValidationError

from ecco_reports.records import (
    Array,
    Check,
    Decoding,
    Passage,
    Provenance,
    Record,
    Token,
    canonical_json,
    digest,
    joined_label,
    joined_text,
    visible,
)


def passage(*generated: Token) -> Passage:
    return Passage(tokens=(Token(id=0, text="Prompt"), *generated), prompt_length=1)


def test_what_was_written_is_the_text_of_the_generated_tokens() -> None:
    assert passage(Token(id=1, text=" to"), Token(id=2, text=" go")).written == " to go"


def test_a_character_in_pieces_stands_once() -> None:
    pieces = (
        Token(id=1, text="⟨E6⟩", utf8="e6", partial=True),
        Token(id=2, text="⟨97 A5⟩", utf8="97a5", partial=True, completes="日"),
    )
    assert passage(*pieces, Token(id=3, text="b")).written == "日b"


def test_signs_of_the_template_are_no_text() -> None:
    assert passage(Token(id=1, text=" a"), Token(id=2, text="<|end|>", special=True)).written == " a"


def test_a_sentence_speaks_of_a_token_without_the_space_around_it() -> None:
    assert Token(id=1, text=" London").word == "London"


def test_a_sentence_shows_a_token_that_is_only_space() -> None:
    assert Token(id=1, text="\n").word == "⏎"


def test_provenance_that_was_stored_before_there_were_notes_can_be_read() -> None:
    stored = {
        "created": "2026-01-02T03:04:05+00:00",
        "seconds": 0.5,
        "device": "cpu",
        "dtype": "float32",
        "seed": 7,
        "commit": None,
        "versions": {"python": "3.11"},
    }
    read = Provenance.model_validate(stored)
    assert read.notes == ()
    noted = read.model_copy(update={"notes": ("It was hot.",)})
    assert Provenance.model_validate(noted.model_dump(mode="json")) == noted


@pytest.mark.parametrize(
    ("text", "sign"),
    [(" a b", "·a·b"), ("\n\t", "⏎⇥"), ("\x00", "⟨00⟩"), ("\x7f", "⟨7F⟩"), ("é日", "é日"), ("\x1b[1m", "⟨1B⟩[1m")],
)
def test_white_space_and_control_characters_are_visible_in_labels(text: str, sign: str) -> None:
    assert visible(text) == sign


def test_a_check_passes_up_to_its_tolerance_and_never_without_a_number() -> None:
    made = [Check(name="n", residual=residual, tolerance=0.1, meaning="m") for residual in (0.0, 0.1, 0.2, math.nan)]
    assert [check.passed for check in made] == [True, True, False, False]


def test_equal_values_have_equal_digests_whatever_the_order_of_their_keys() -> None:
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": 1}) != digest({"a": 1.5})


def test_canonical_json_is_ascii_and_refuses_what_is_no_number() -> None:
    assert canonical_json({"ü": "日"}) == '{"\\u00fc":"\\u65e5"}'
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json(math.inf)


def test_arrays_in_records_cannot_be_written_to() -> None:
    class Holder(Record):
        values: Array

    held = Holder(values=np.zeros(3))
    with pytest.raises(ValueError, match="read-only"):
        held.values[0] = 1


def test_a_record_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError):
        Decoding.model_validate({"max_new_token": 3})


@pytest.mark.parametrize(
    ("piece", "text", "label"),
    [
        ("Ġcity", " city", "·city"),
        ("▁city", "city", "·city"),
        ("▁", "", "·"),
        ("##ing", "ing", "##ing"),
        ("##", "##", "##"),
        ("Ġ", "Ġ", "Ġ"),
    ],
)
def test_tokens_that_a_vocabulary_tells_apart_have_labels_of_their_own(piece: str, text: str, label: str) -> None:
    assert Token(id=1, text=text, piece=piece).label == label


def test_tokens_of_one_word_are_called_by_their_text() -> None:
    cabin, et = Token(id=1, text="cabin", piece="cabin"), Token(id=2, text="et", piece="##et")
    assert (joined_label([cabin, et]), joined_label([et])) == ("cabinet", "##et")
    the, city = Token(id=3, text="the", piece="▁the"), Token(id=4, text="city", piece="▁city", before=" ")
    assert (joined_label([the, city]), joined_text([the, city])) == ("·the·city", "the city")
    parts = Token(id=5, text="⟨E6⟩", partial=True), Token(id=6, text="⟨97 A5⟩", partial=True, completes="日")
    assert joined_label(parts) == "日"
    assert joined_label(parts[:1]) == "⟨E6⟩"
