"""What a page shows of a prompt and of what the model said to it, for each family."""

from __future__ import annotations

from ecco_reports.pages.sayings import Piece, count_of_tokens, groups, pieces
from ecco_reports.records import Family, Passage, Prompt, Token


def token(text, span=None, special=False, second=False):
    return Token(id=0, text=text, span=span, special=special, second=second)


MASKED = Prompt(name="p", text="The [MASK] of [MASK].")
FILLED = Passage(
    tokens=(
        token("[CLS]", special=True),
        token("The", (0, 3)),
        token("[MASK]", (4, 10)),
        token("of", (11, 13)),
        token("[MASK]", (14, 20)),
        token(".", (20, 21)),
    ),
    prompt_length=6,
    family=Family.MASKED,
    answers=(token("capital"), token("japan")),
    answer_positions=(2, 4),
)
QUESTION = Prompt(name="q", text="Who?", text_pair="Tom saw Ann.")
ANSWERED = Passage(
    tokens=(
        token("[CLS]", special=True),
        token("Who", (0, 3)),
        token("?", (3, 4)),
        token("[SEP]", special=True),
        token("Tom", (0, 3), second=True),
        token(" saw", (3, 7), second=True),
        token(" Ann", (7, 11), second=True),
        token(".", (11, 12), second=True),
    ),
    prompt_length=8,
    family=Family.QUESTION_ANSWERING,
    answers=(token(" saw", (3, 7), second=True), token(" Ann", (7, 11), second=True)),
    answer_positions=(5, 6),
)


def test_masks_are_filled_in_where_they_stand():
    assert pieces(MASKED, FILLED) == (
        Piece("given", "The "),
        Piece("mask", "[MASK]", "capital"),
        Piece("given", " of "),
        Piece("mask", "[MASK]", "japan"),
        Piece("given", "."),
    )


def test_a_prompt_that_had_to_be_mended_is_shown_as_written_with_the_answers_after_it():
    mended = MASKED.model_copy(update={"written": "The \\ud83d [MASK] of [MASK]."})
    assert pieces(mended, FILLED) == (
        Piece("given", "The \\ud83d [MASK] of [MASK]."),
        Piece("answer", "capital … japan"),
    )


def test_an_answer_is_marked_in_the_second_text_and_repeated_after_it():
    assert pieces(QUESTION, ANSWERED) == (
        Piece("given", "Who?"),
        Piece("second"),
        Piece("given", "Tom"),
        Piece("span", " saw Ann"),
        Piece("given", "."),
        Piece("answer", "saw Ann"),
    )


def test_a_span_that_begins_with_the_second_text_leaves_no_empty_piece():
    first = ANSWERED.model_copy(update={"answers": ANSWERED.tokens[4:5] * 2, "answer_positions": (4, 4)})
    assert pieces(QUESTION, first) == (
        Piece("given", "Who?"),
        Piece("second"),
        Piece("span", "Tom"),
        Piece("given", " saw Ann."),
        Piece("answer", "Tom"),
    )


def test_a_mask_in_a_second_text_is_filled_in_there():
    first, *rest = FILLED.tokens
    tokens = (first, *(one.model_copy(update={"second": True}) for one in rest))
    prompt = Prompt(name="p", text="Fill in.", text_pair=MASKED.text)
    assert pieces(prompt, FILLED.model_copy(update={"tokens": tokens}))[:4] == (
        Piece("given", "Fill in."),
        Piece("second"),
        Piece("given", "The "),
        Piece("mask", "[MASK]", "capital"),
    )


def test_an_answer_that_is_a_sign_of_the_template_is_said_and_not_marked():
    nowhere = ANSWERED.model_copy(update={"answers": ANSWERED.tokens[3:4] * 2, "answer_positions": (3, 3)})
    assert pieces(QUESTION, nowhere) == (
        Piece("given", "Who?"),
        Piece("second"),
        Piece("given", "Tom saw Ann."),
        Piece("answer", "[SEP]"),
    )


def test_a_class_stands_after_an_arrow():
    passage = Passage(
        tokens=(token("Fine"),),
        prompt_length=1,
        family=Family.CLASSIFICATION,
        answers=(token("positive"),),
        answer_positions=(None,),
    )
    prompt = Prompt(name="p", text="Fine")
    assert pieces(prompt, passage) == (Piece("given", "Fine"), Piece("answer", "positive"))
    assert pieces(prompt, None) == (Piece("given", "Fine"),)


def test_what_is_written_on_goes_on_and_what_a_decoder_writes_is_an_answer():
    prompt = Prompt(name="p", text="One")
    tokens = (token("One"), token(" two"))
    assert pieces(prompt, Passage(tokens=tokens, prompt_length=1)) == (Piece("given", "One"), Piece("written", " two"))
    decoded = Passage(tokens=tokens, prompt_length=1, encoder_length=1, family=Family.ENCODER_DECODER)
    assert pieces(prompt, decoded) == (Piece("given", "One"), Piece("answer", "two"))
    ended = Passage(tokens=(token("One"), token("</s>", special=True)), prompt_length=1)
    assert pieces(prompt, ended) == (Piece("given", "One"), Piece("ended"))


def test_the_tokens_of_an_encoder_stand_apart_and_positions_run_on():
    passage = Passage(
        tokens=(token("a"), token("</s>", special=True), token("<pad>", special=True), token(" b")),
        prompt_length=3,
        encoder_length=2,
        family=Family.ENCODER_DECODER,
    )
    encoder, decoder = groups(passage)
    assert [box.position for box in (*encoder.boxes, *decoder.boxes)] == [0, 1, 2, 3]
    assert [(box.special, box.said) for box in decoder.boxes] == [(True, False), (False, True)]
    assert count_of_tokens(passage) == "4 tokens: 2 read by the encoder, 1 to start the decoder, 1 written by it"


def test_a_filled_mask_says_with_what_and_an_end_of_an_answer_is_only_marked():
    (filled,) = groups(FILLED)
    assert [box.filled for box in filled.boxes] == ["", "", "capital", "", "japan", ""]
    (answered,) = groups(ANSWERED)
    assert [box.position for box in answered.boxes if box.said] == [5, 6]
    assert not any(box.filled for box in answered.boxes)
    assert count_of_tokens(FILLED) == "6 tokens"


GIVEN = Passage(tokens=(token("It", (0, 2)), token(" is"), token(" so")), prompt_length=1, forced=True)


def test_a_given_continuation_is_not_said_to_be_written():
    assert pieces(Prompt(name="p", text="It"), GIVEN) == (Piece("given", "It"), Piece("continued", " is so"))
    assert count_of_tokens(GIVEN) == "3 tokens: 1 of the prompt, 2 of the given continuation"
    ((boxes),) = groups(GIVEN)
    assert [(box.said, box.continued) for box in boxes.boxes] == [(False, False), (False, True), (False, True)]


def test_a_continuation_that_was_given_to_a_decoder_stands_on_a_line_of_its_own():
    passage = GIVEN.model_copy(
        update={"encoder_length": 1, "prompt_length": 2, "family": Family.ENCODER_DECODER, "tokens": (*GIVEN.tokens,)}
    )
    assert pieces(Prompt(name="p", text="It"), passage)[1:] == (Piece("second"), Piece("continued", " so"))
    assert count_of_tokens(passage).endswith("1 to start the decoder, 1 of the given continuation")
    assert [boxes.reader for boxes in groups(passage)] == ["read by the encoder", "read by the decoder"]
