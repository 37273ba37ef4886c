from __future__ import annotations

import itertools
import re

import pytest

from ecco_reports.charts import style
from ecco_reports.resources import resource

WHITE, SLATE = (255, 255, 255), (30, 33, 41)
CSS = (resource("site") / "docs/assets/stylesheets/charts.css").read_text(encoding="utf-8")
DARK_SCHEME_INK = re.search(r'slate"\].*\) \.ecco-strip \{\s*--ecco-ink: (#\w{6});', CSS)[1]
FILLS = (style.RAISE, style.LOWER, style.BELIEF)


def rgb(colour):
    return tuple(int(colour[index : index + 2], 16) for index in (1, 3, 5))


def over(front, alpha, back):
    return tuple(alpha * a + (1 - alpha) * b for a, b in zip(front, back, strict=True))


def contrast(one, other):
    """Contrast ratio of WCAG 2.1, 1.4.3."""

    def luminance(colour):
        linear = [c / 255 / 12.92 if c / 255 <= 0.04045 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in colour]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("fill", FILLS)
@pytest.mark.parametrize("strength", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    ("paper", "ink"),
    [(WHITE, over((0, 0, 0), 0.87, WHITE)), (SLATE, rgb(DARK_SCHEME_INK))],
    ids=["light", "dark"],
)
def test_text_stays_readable_on_every_fill(fill, strength, paper, ink):
    assert contrast(over(rgb(fill), strength * style.TEXT_ALPHA, paper), ink) >= 4.5


@pytest.mark.parametrize("colour", style.SERIES)
@pytest.mark.parametrize("paper", [WHITE, SLATE], ids=["light", "dark"])
def test_lines_stand_out_from_the_paper(colour, paper):
    assert contrast(rgb(colour), paper) >= 3


# Machado, Oliveira and Fernandes 2009, severity 1.0, applied to linear RGB.
BLINDNESS = {
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
}


@pytest.mark.parametrize("kind", BLINDNESS)
def test_the_three_hues_are_told_apart_with_colour_blindness(kind):
    def seen(colour):
        linear = [(c / 255) ** 2.2 for c in rgb(colour)]
        mixed = [sum(m * c for m, c in zip(row, linear, strict=True)) for row in BLINDNESS[kind]]
        return [255 * max(0.0, min(1.0, c)) ** (1 / 2.2) for c in mixed]

    for one, other in itertools.combinations(FILLS, 2):
        assert sum((a - b) ** 2 for a, b in zip(seen(one), seen(other), strict=True)) ** 0.5 > 60


def test_a_diverging_ramp_is_transparent_in_the_middle():
    assert style.diverging(0.5) == ["rgba(42,123,214,0.5)", "transparent", "rgba(230,97,0,0.5)"]


def test_labels_are_cut_to_a_width_and_east_asian_characters_count_twice():
    assert style.fitting("·London", 7) == "·London"
    assert style.fitting("·Birmingham", 8) == "·Birmin…"
    assert style.fitting("東京都庁", 8) == "東京都庁"
    assert style.fitting("東京都庁舎", 8) == "東京都…"


def test_control_characters_and_half_surrogates_become_signs():
    assert style.shown("a\x00\n\x7f") == "a⟨00⟩⟨0A⟩⟨7F⟩"
    assert style.shown("x\ud83d") == "x\ufffd"
    assert style.shown("") == "∅"


def test_only_labels_that_may_run_right_to_left_are_isolated():
    assert style.isolated("·London") == "·London"
    assert style.isolated("東京") == "東京"
    assert style.isolated("שלום") == "\u2068שלום\u2069"
