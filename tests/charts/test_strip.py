from __future__ import annotations

import html
import json
import math
import re
from html.parser import HTMLParser

import pytest

from ecco_reports.charts.figure import StripRow, StripToken, TokenStrip
from ecco_reports.charts.strip import amount, sentence, shade, shares, strip_html
from tests.charts.figures import HOSTILE, strip


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
