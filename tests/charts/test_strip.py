from __future__ import annotations

import html
import json
import math
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecco_reports.charts.figure import StripRow, StripToken, TokenStrip, joined, strip_tokens
from ecco_reports.charts.strip import amount, sentence, shade, shares, strip_html
from ecco_reports.records import Passage, Prompt, Token
from tests.charts.figures import HOSTILE, strip
from tests.models.test_tokens import TRICKY, make
from tests.models.tokenizers import KINDS


class Reader(HTMLParser):
    """Reads HTML as a browser would: elements with their attributes, and the text of each token."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.tokens, self._inside = [], [], 0
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "bdi" and "ecco-tok" in dict(attrs).get("class", ""):
            self.tokens.append("")
            self._inside = 1

    def handle_endtag(self, tag):
        if tag == "bdi":
            self._inside = 0

    def handle_data(self, data):
        if self._inside:
            self.tokens[-1] += data


def attributes(text, cls="ecco-tok"):
    return [found for tag, found in Reader(text).elements if tag == "bdi" and cls in found.get("class", "").split()]


def test_text_flows_as_it_was_written_and_line_ends_are_shown_and_broken():
    read = Reader(strip_html(strip(), "s"))
    assert read.tokens == ["Heathrow", " is", " in", " London", ".⏎", "Yes"]
    assert "</bdi><br><bdi" in strip_html(strip(), "s")


def test_the_first_output_has_its_colours_before_any_script():
    tokens = attributes(strip_html(strip(), "s"))
    assert tokens[0]["style"] == "--ecco-fill:#e661009e;--ecco-bar:1"
    assert tokens[0]["data-v"] == "+2.00"
    assert tokens[1]["style"] == "--ecco-fill:#2a7bd64f;--ecco-bar:0.5"
    assert tokens[1]["data-v"] == "−1.00"
    assert "style" not in tokens[3]


def test_outputs_are_buttons_of_which_one_is_pressed_and_reachable():
    tokens = attributes(strip_html(strip(), "s"), "ecco-tok--output")
    assert [token["id"] for token in tokens] == ["s-t3", "s-t4", "s-t5"]
    assert [token["aria-pressed"] for token in tokens] == ["true", "false", "false"]
    assert [token["tabindex"] for token in tokens] == ["0", "-1", "-1"]
    assert {token["role"] for token in tokens} == {"button"}


def test_an_output_outside_the_text_is_a_button_before_it():
    buttons = [
        found for tag, found in Reader(strip_html(strip(), "s")).elements if found.get("class") == "ecco-strip__extra"
    ]
    assert [(button["id"], button["data-row"], button["aria-pressed"]) for button in buttons] == [
        ("s-r3", "3", "false")
    ]


def test_all_rows_travel_as_thousandths_of_their_largest_score():
    found = next(found for tag, found in Reader(strip_html(strip(), "s")).elements if "data-strip" in found)
    data = json.loads(found["data-strip"])
    assert data["signed"] is True
    assert data["rows"][0] == {"o": "London", "p": 3, "m": 2.0, "s": [1000, -500, 0], "d": "probability 97.1 %, rank 1"}
    assert data["rows"][1]["s"] == [250, 500, 750, 1000]


def test_the_sentence_names_the_strongest_first():
    figure = strip()
    assert sentence(figure, figure.rows[0]) == "London (probability 97.1 %, rank 1): Heathrow +2.00, is −1.00"
    assert sentence(figure, figure.rows[-1]) == "Tokyo rather than Paris: Heathrow −0.50, is +0.10, in +0.10"


def test_a_strip_without_outputs_is_plain_text():
    plain = TokenStrip("s", "t", "r", "a", [StripToken("Hello", "Hello", 0)], [], "nats", True)
    assert Reader(strip_html(plain, "s")).tokens == ["Hello"]


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_tokens_read_exactly_as_written_and_add_no_element(label):
    harmless, hostile = (strip_html(strip([text, " is", " in", text, "!"]), "s") for text in ("token", label))
    assert Reader(hostile).tokens[0] == label
    assert [tag for tag, _ in Reader(hostile).elements] == [tag for tag, _ in Reader(harmless).elements]
    assert "\n" not in hostile


def written(text):
    """The text of a strip without its signs: what somebody who copies it reads."""
    text = re.search('<div class="ecco-strip__text".*?</div>', text, re.DOTALL)[0]
    text = re.sub('<i class="ecco-tok__sign">[^<]*</i>|<span class="ecco-strip__part">[^<]*</span>', "", text)
    return html.unescape(re.sub("<[^>]*>", "", text.replace("<br>", "\n")))


def of(*tokens, prompt_length=None, **more):
    passage = Passage(tokens=tokens, prompt_length=len(tokens) if prompt_length is None else prompt_length, **more)
    return strip_html(TokenStrip("s", "t", "r", "a", strip_tokens(passage), [], "nats", True), "s")


def said(text, **more):
    return Token(id=1, text=text, span=(0, len(text)), **more)


CLS = Token(id=0, text="[CLS]", piece="[CLS]", special=True)


def test_spaces_that_no_token_stands_for_are_gaps_between_tokens():
    made = of(said("Two", before="  "), said("words", before="\n ", after="  "))
    assert Reader(made).tokens == ["Two", "words"]
    assert written(made) == "  Two\n words  "
    assert made.count('<span class="ecco-strip__gap" title="no token">') == 3


def test_a_part_of_a_character_shows_its_bytes_and_the_last_one_the_character():
    parts = [
        Token(id=1, text="a⟨E4⟩", utf8="61e4", partial=True),
        Token(id=2, text="⟨BA⟩", utf8="ba", partial=True),
        Token(id=3, text="⟨AC⟩b", utf8="ac62", partial=True, completes="京"),
    ]
    made = of(*parts)
    assert Reader(made).tokens == ["a⟨E4⟩", "⟨BA⟩", "⟨AC⟩京b"]
    assert written(made) == "a京b"
    assert "ecco-tok--partial" in made
    assert 'title="2: ⟨AC⟩b, completes 京"' in made


def test_a_token_that_stands_for_nothing_written_is_a_sign():
    made = of(said("", piece="▁"), said("日"))
    assert Reader(made).tokens == ["·", "日"]
    assert written(made) == "日"


def test_what_the_model_reads_instead_is_in_the_title():
    assert 'title="0: Heathrow, read as heathrow"' in of(said("Heathrow", piece="heathrow"))
    assert 'title="0: 日, read as [UNK]"' in of(said("日", piece="[UNK]"))
    assert 'title="0: ##et"' in of(said("et", piece="##et"))
    assert 'title="0: ·city"' in of(said(" city", piece="Ġcity"))
    assert 'title="0: é"' in of(said("é", piece="Ã©"))


def test_signs_of_a_template_are_chips():
    (first, second) = attributes(of(CLS, said("a")))
    assert "ecco-tok--special" in first["class"]
    assert "ecco-tok--special" not in second["class"]


def test_two_texts_stand_apart():
    made = of(CLS, said("a"), CLS, said("b", second=True), CLS)
    assert re.findall('ecco-strip__part">([^<]*)<', made) == ["first text", "second text"]
    assert re.search('second text</span><bdi[^>]*data-n="3"', made)


def test_what_an_encoder_read_and_what_a_decoder_wrote_stand_apart():
    made = of(said("a"), CLS, CLS, said("b"), prompt_length=3, encoder_length=2)
    assert re.findall('ecco-strip__part">([^<]*)<', made) == ["read by the encoder", "written by the decoder"]
    assert re.search('by the decoder</span><bdi[^>]*data-n="2"', made)


def test_tokens_of_one_word_are_one_piece_of_text():
    tokens = strip_tokens(
        Passage(
            tokens=(said("京", before=" "), Token(id=2, text="⟨E4⟩", partial=True), said("b", before=" ", after="!")),
            prompt_length=3,
        )
    )
    whole = joined(tokens, "label")
    assert (whole.before, whole.text, whole.after, whole.label) == (" ", "京 b", "!", "label")
    assert joined(tokens[:1], "label") is tokens[0]


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    text=st.text(st.one_of(st.sampled_from(TRICKY), st.characters(categories=["L", "M", "N", "P", "S"])), max_size=20)
)
def test_a_strip_reads_as_the_prompt_was_written(kind, text):
    tokens = [token for token in make(kind).encode(Prompt(name="p", text=text)).tokens if not token.special]
    pieces = strip_tokens(Passage(tokens=tuple(tokens), prompt_length=len(tokens)))
    assert not tokens or "".join(piece.before + piece.text + piece.after for piece in pieces) == text


def test_control_characters_are_shown_as_signs():
    assert Reader(strip_html(strip(["a\x00b\x1b\tc", " is", " in", "x"]), "s")).tokens[0] == "a⟨00⟩b⟨1B⟩⇥c"


def test_every_token_is_isolated_so_that_right_to_left_text_moves_nothing():
    made = strip_html(strip(["שלום", " is", " in", "مرحبا"]), "s")
    assert len(re.findall('<bdi class="ecco-tok', made)) == 4


def test_scores_that_are_no_numbers_have_no_colour():
    row = StripRow("x", 2, [math.nan, 1.0])
    figure = TokenStrip("s", "t", "r", "a", [StripToken(t, t, i) for i, t in enumerate("abx")], [row], "nats", True)
    assert shares(row) == [0, 1000]
    assert "style" not in attributes(strip_html(figure, "s"))[0]


@pytest.mark.parametrize(
    ("score", "signed", "reading"),
    [(2.131, True, "+2.13"), (-0.8, True, "−0.80"), (0.0123, True, "+0.012"), (0, True, "0.00"), (0.5, False, "0.50")],
)
def test_amounts_read_as_people_write_them(score, signed, reading):
    assert amount(score, signed) == reading


def test_shade_is_transparent_for_nought_and_opposite_for_signs():
    assert shade(0.0, True) == "#e6610000"
    assert shade(1.0, True) == "#e661009e"
    assert shade(-1.0, True) == "#2a7bd69e"
    assert shade(-1.0, False) == "#e661009e"


def test_notes_and_positions_are_in_the_title():
    figure = TokenStrip(
        "s", "t", "r", "a", [StripToken("⟨E3 81⟩", "⟨E3 81⟩", 4, note='part of "あ"')], [], "nats", True
    )
    assert html.unescape(attributes(strip_html(figure, "s"))[0]["title"]) == '4: ⟨E3 81⟩, part of "あ"'
