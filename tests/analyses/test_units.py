from __future__ import annotations

import pytest

from ecco_reports.analyses.units import fixed_positions, positions_named, runs_named, sentence_starts, units_of
from ecco_reports.models.reading import Reading, Spoken
from ecco_reports.records import Family, Passage, Token


def token(text, start=None, **more):
    return Token(id=1, text=text, span=None if start is None else (start, start + len(text)), **more)


def reading(*tokens, prompt=None, family=Family.CAUSAL, encoder=0, spoken=()):
    passage = Passage(
        tokens=tokens, prompt_length=len(tokens) if prompt is None else prompt, encoder_length=encoder, family=family
    )
    return Reading(passage, (), tuple(range(len(tokens))), spoken)


def words(made, grain="word"):
    return ["".join(made.passage.tokens[position].text for position in unit) for unit in units_of(made, grain)]


def test_a_word_is_what_stands_between_white_space():
    made = reading(token("Heath", 0), token("row", 5), token(" airport", 8), token(",", 16), token(" in", 17))
    assert words(made) == ["Heathrow", " airport,", " in"]
    assert words(made, "token") == ["Heath", "row", " airport", ",", " in"]


def test_a_gap_that_no_token_stands_for_parts_words_too():
    made = reading(token("play", 0), token("ing", 4), token("fair", 8), token(".", 12))
    assert words(made) == ["playing", "fair."]


def test_white_space_of_its_own_belongs_to_no_word():
    made = reading(token("1", 0), token(".", 1), token("\n", 2), token("2", 3), token(".", 4))
    assert words(made) == ["1.", "\n", "2."]


def test_texts_without_spaces_are_taken_token_by_token():
    assert words(reading(token("日本", 0), token("の", 2), token("首都", 3))) == ["日本", "の", "首都"]


@pytest.mark.parametrize("grain", ["token", "word"])
def test_half_a_character_is_no_unit(grain):
    made = reading(
        token("a", 0),
        Token(id=2, text="⟨E3 81⟩", utf8="e381", span=(1, 2), partial=True),
        Token(id=3, text="⟨82⟩", utf8="82", span=(1, 2), partial=True, completes="あ"),
        Token(id=4, text="⟨E3 81⟩", utf8="e381", span=(2, 3), partial=True),
        Token(id=5, text="⟨84⟩", utf8="84", span=(2, 3), partial=True, completes="い"),
    )
    assert units_of(made, grain)[-2:] == ((1, 2), (3, 4))


def test_neither_the_template_nor_what_was_written_is_a_unit():
    made = reading(
        token("<s>", special=True),
        token("user\n"),
        token("Hi", 0),
        token("</s>", special=True),
        token(" you"),
        prompt=4,
    )
    assert units_of(made, "word") == ((2,),)
    assert fixed_positions(made) == {0, 1, 3}


def test_a_mask_to_be_filled_in_stays_and_parts_what_touches_it():
    mask = token("[MASK]", 3)
    made = reading(
        token("is", 0), mask, token(".", 9), family=Family.MASKED, spoken=(Spoken(1, 5, token("x"), -0.1, 1),)
    )
    assert units_of(made, "word") == ((0,), (2,))
    assert fixed_positions(made) == {1}


def test_of_two_streams_only_the_encoders_is_taken_apart():
    made = reading(
        token("Hi", 0), token("<pad>", special=True), token("you"), prompt=2, encoder=1, family=Family.ENCODER_DECODER
    )
    assert units_of(made, "token") == ((0,),)


def test_an_accent_in_two_bytes_does_not_part_its_word():
    made = reading(
        token("caf", 0),
        Token(id=2, text="⟨C3⟩", utf8="c3", span=(3, 4), partial=True),
        Token(id=3, text="⟨A9⟩", utf8="a9", span=(3, 4), partial=True, completes="é"),
    )
    assert units_of(made, "word") == ((0, 1, 2),)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It rained. We stayed in!  Why not?", ["It rained.", " We stayed in!", "  Why not?"]),
        ("“Really?” he asked. “Yes.” She left.", ["“Really?” he asked.", " “Yes.”", " She left."]),
        (
            "Mr. Smith, i.e. J. R. Smith of the U.S. Army. Good.",
            ["Mr. Smith, i.e. J. R. Smith of the U.S. Army.", " Good."],
        ),
        (
            "It costs 3.5 at no. 5. She said no. Then he left.",
            ["It costs 3.5 at no. 5.", " She said no.", " Then he left."],
        ),
        ("1. Austria\n2. Belgium\n\n3. Bulgaria", ["1. Austria\n", "2. Belgium\n\n", "3. Bulgaria"]),
        ("雨が降った。家にいた。", ["雨が降った。", "家にいた。"]),
        ("Well... it went on. So what", ["Well... it went on.", " So what"]),
        ("I am who I am. You are not I. Fine.", ["I am who I am.", " You are not I.", " Fine."]),
        ("no end", ["no end"]),
        ("", []),
        (" \n", []),
    ],
)
def test_where_sentences_begin(text, sentences):
    starts = sentence_starts(text)
    found = [text[start:end] for start, end in zip(starts, [*starts[1:], len(text)], strict=True)] if starts else []
    assert found == sentences
    assert "".join(found) == (text if text.strip() else "")


def test_a_sentence_is_all_tokens_between_two_ends():
    made = reading(
        token("It", 0), token(" rained", 2), token(".", 9), token(" We", 10), token(" stayed", 13), token(".\n", 20)
    )
    assert words(made, "sentence") == ["It rained.", " We stayed.\n"]


def test_a_template_and_a_second_text_part_sentences():
    made = reading(
        token("[CLS]", special=True),
        token("Who", 0),
        token("?", 3),
        token("[SEP]", special=True),
        token("he", 0, second=True),
        token(" was", 2, second=True),
        token("[SEP]", special=True),
    )
    assert units_of(made, "sentence") == ((1, 2), (4, 5))


def test_half_a_character_belongs_to_the_sentence_that_it_stands_in():
    made = reading(
        token("あ。", 0),
        Token(id=2, text="⟨E3 81⟩", utf8="e381", span=(2, 3), partial=True),
        Token(id=3, text="⟨84⟩", utf8="84", span=(2, 3), partial=True, completes="い"),
    )
    assert [position for unit in units_of(made, "sentence") for position in unit] == [0, 1, 2]
    assert units_of(made, "sentence")[-1][-1] == 2


def test_tokens_are_named_by_what_they_spell():
    tokens = (token("▁s", 0), token("st2", 2), token(" sentence", 5), token(":", 14), token(" a", 15), token(":", 17))
    tokens = (tokens[0].model_copy(update={"text": "s"}), *tokens[1:])
    assert positions_named(tokens, "sst2") == {0, 1}
    assert positions_named(tokens, " sst2 sentence: ") == {0, 1, 2, 3}
    assert positions_named(tokens, ":") == {3, 5}
    assert positions_named(tokens, "st") == frozenset()
    assert positions_named(tokens, " ") == frozenset()
    assert list(runs_named(tokens, "a:")) == [range(4, 6)]
