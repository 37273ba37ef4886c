"""Two models that read the same prompt, from results written by hand."""

from __future__ import annotations

import pytest

from ecco_reports.analyses.attribution import Attribution
from ecco_reports.analyses.explained import Explained
from ecco_reports.methods.rankings import rbo_by_chance
from ecco_reports.records import Family, Passage, Token
from ecco_reports.testing import check_figure
from tests.analyses.explanations import passage, result

ROOM = Attribution()
NAMES = ("old", "new")
WHOLE = passage("Heathrow lies in", "London")


def pieces(*written: tuple[str, int, int], answer: str = " London") -> Passage:
    """The same prompt in the tokens of another vocabulary, between two signs of a template."""
    sign = Token(id=0, text="[CLS]", special=True)
    tokens = [Token(id=1, text=text, span=(start, end)) for text, start, end in written]
    said = Token(id=2, text=answer)
    return Passage(tokens=(sign, *tokens, said), prompt_length=len(tokens) + 1)


PIECES = pieces(("Heath", 0, 5), ("row", 5, 8), ("lies", 9, 13), ("in", 14, 16))
FIRST = result(WHOLE, {"integrated_gradients": [[3, -2, 1, 0]], "saliency": [[1, 2, 3, 0]]})
SECOND = result(PIECES, {"integrated_gradients": [[0, 1, 3, 2, 1, 0]], "occlusion": [[0, 1, 1, 1, 1, 0]]})


def cells(between):
    return [dict(zip(between.table.columns, row, strict=True)) for row in between.table.rows]


def test_methods_that_both_have_are_compared_over_the_parts_that_both_have():
    between = ROOM.between(FIRST, SECOND, NAMES)
    rows = cells(between)
    assert [(row["method"], row["input"]) for row in rows] == [
        ("integrated_gradients", "Heathrow"),
        ("integrated_gradients", "·lies"),
        ("integrated_gradients", "·in"),
    ]
    assert [row["new: contribution"] for row in rows] == [4.0, 2.0, 1.0]
    assert [row["old: share"] for row in rows] == pytest.approx([3 / 6, -2 / 6, 1 / 6])
    assert [(row["old: position"], row["new: position"]) for row in rows] == [(0, 1), (1, 3), (2, 4)]
    assert all(check.passed for check in between.checks)


def test_the_summary_tells_agreement_and_opposite_signs():
    summary = ROOM.between(FIRST, SECOND, NAMES).summary
    assert summary.startswith("old and new are compared for “London”, over 3 parts of the prompt.")
    assert f"tau-b 1.00; RBO 1.00 (chance {rbo_by_chance(3):.2f})" in summary
    assert summary.endswith("opposite signs for “lies”.")


def test_a_sign_of_next_to_nothing_is_no_opposite():
    faint = result(WHOLE, {"integrated_gradients": [[3, 0.01, 1, 0]]})
    assert "opposite" not in ROOM.between(FIRST, faint, NAMES).summary


def test_the_figure_has_a_row_for_each_model():
    (figure,) = ROOM.between(FIRST, SECOND, NAMES).figures
    check_figure(figure)
    params = {param["name"]: param["value"] for param in figure.chart.to_dict(validate=False)["params"]}
    assert params["methods"] == ["old", "new"]
    assert params["inputs"] == ["Heathrow", "·lies", "·in"]


def test_a_unit_of_several_parts_is_not_told_apart():
    """What one of the two gives to "lies in" as a whole has no finer counterpart."""
    words = result(WHOLE, {"integrated_gradients": [[3, -2, 1, 0]]}, grain="word", units=((0,), (1, 2)))
    assert [row["input"] for row in cells(ROOM.between(words, SECOND, NAMES))] == ["Heathrow", "·lies·in"]
    assert [row["input"] for row in cells(ROOM.between(SECOND, words, NAMES))] == ["Heathrow", "liesin"]


def test_what_either_ignores_is_left_out():
    ignoring = result(PIECES, {"integrated_gradients": [[0, 1, 3, 2, 1, 0]]}, ignored=(1, 2))
    assert [row["input"] for row in cells(ROOM.between(FIRST, ignoring, NAMES))] == ["·lies", "·in"]


def test_what_was_written_is_compared_until_it_differs():
    one = result(passage("a b", "c d e"), {"saliency": [[1, 2, 0, 0, 0]] * 3})
    other = result(passage("a b", "c x e"), {"saliency": [[2, 1, 0, 0, 0]] * 3})
    assert {row["output"] for row in cells(ROOM.between(one, other, NAMES))} == {"·c"}


def test_different_first_words_are_compared_and_it_is_said():
    other = result(passage("Heathrow lies in", "Paris"), {"saliency": [[3, 2, 1, 0]]})
    between = ROOM.between(FIRST, other, NAMES)
    assert between.summary.startswith("old explains “London”, new “Paris”: two outputs are compared")
    assert {row["output"] for row in cells(between)} == {"·London / ·Paris"}


def test_a_class_and_a_word_of_one_name_are_the_same_output():
    text = passage("Heathrow lies in", family=Family.CLASSIFICATION)
    named = Explained(
        kind="class", token=Token(id=1, text="london"), place=0, outcome=1, said=0, position=None, after=2
    )
    other = result(text, {"saliency": [[1, 2, 3]]}, (named,))
    assert ROOM.between(FIRST, other, NAMES).summary.startswith("old and new are compared for “London”")


@pytest.mark.parametrize(
    "other",
    [
        result(WHOLE, {"occlusion": [[1, 2, 3, 0]]}),
        result(WHOLE, {}, ()),
        result(passage("Heathrow", "London"), {"saliency": [[1, 0]]}),
    ],
)
def test_there_may_be_nothing_to_compare(other):
    assert ROOM.between(FIRST, other, NAMES) is None


def test_a_token_without_a_partner_fails_the_check():
    longer = result(passage("Heathrow lies in the", "London"), {"saliency": [[1, 2, 3, 4, 0]]})
    (check,) = ROOM.between(FIRST, longer, NAMES).checks
    assert (check.residual, check.passed) == (1.0, False)
