"""The page of attribution: what it says and shows of results written by hand."""

from __future__ import annotations

import json
import typing

import numpy as np
import pytest

from ecco_reports.analyses.attributing.settings import ATTENTIONS, METHOD_TITLES, Method
from ecco_reports.analyses.attribution import Attribution
from ecco_reports.analyses.attribution.comparing import agreements, side_by_side
from ecco_reports.analyses.attribution.parts import encoder_share, output_name
from ecco_reports.analyses.attribution.words import unit_of
from ecco_reports.analyses.explained import Explained
from ecco_reports.charts.figure import TokenStrip
from ecco_reports.records import Family, Token
from ecco_reports.testing import check_words
from tests.analyses.explanations import next_tokens, passage, result, two_streams

ROOM = Attribution()
TEXT = passage("Heathrow lies in", "London .")
FIRST = {"integrated_gradients": [[3, -2, 1, 0, 0], [1, 2, -1, 4, 0]]}
SECOND = {"occlusion": [[4, 1, -2, 0, 0], [2, 1, 3, 0, 0]]}
EVERY = typing.get_args(Method)


def figure(found, id):
    return next(figure for figure in ROOM.charts(found) if figure.id == id)


def strip(found, id) -> TokenStrip:
    return figure(found, id)


def spec(found, id):
    return figure(found, id).chart.to_dict(validate=False)


def rows(found, *names):
    table = ROOM.table(found)
    at = [table.columns.index(name) for name in names]
    return [tuple(row[index] for index in at) for row in table.rows]


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("grain", ["token", "word", "sentence"])
def test_every_method_has_its_page(name, normalize, grain):
    values = np.abs(FIRST["integrated_gradients"]) if name in ATTENTIONS else FIRST["integrated_gradients"]
    units = ((0,), (1,), (2,)) if grain == "token" else ((0,), (1, 2)) if grain == "word" else ((0, 1, 2),)
    check_words(ROOM, result(TEXT, {name: values}, normalize=normalize, grain=grain, units=units))


def test_all_methods_side_by_side_have_a_page():
    values = FIRST["integrated_gradients"]
    check_words(ROOM, result(TEXT, {name: np.abs(values) for name in EVERY}))


@pytest.mark.parametrize("name", EVERY)
def test_only_parts_of_a_score_are_called_contributions_to_one(name):
    found = result(TEXT, {name: np.abs(FIRST["integrated_gradients"])})
    contributes = unit_of(found, found.methods[0]).startswith("contribution to the log-probability")
    assert contributes is (name not in (*ATTENTIONS, "saliency", "smooth_grad", "lime"))
    if name in ATTENTIONS:
        assert unit_of(found, found.methods[0]) == "share of attention, not of a score"
        assert "most attention went to" in ROOM.summary(found)
        assert "contribution" not in strip(found, name).reading


def test_one_method_is_compared_with_none():
    found = result(TEXT, FIRST)
    assert [each.id for each in ROOM.charts(found)] == ["integrated_gradients", "matrix"]
    assert not [name for name in ROOM.metrics(found) if name.startswith("agreement")]


def test_figures_come_in_the_order_in_which_one_reads_them():
    found = result(TEXT, {**FIRST, **SECOND})
    assert [each.id for each in ROOM.charts(found)] == [
        "integrated_gradients",
        "methods",
        "agreement",
        "occlusion",
        "matrix",
    ]


def test_methods_are_compared_over_the_inputs_that_all_of_them_score():
    """The decoder's own words are scored by one of the two only, and the template's sign by none that counts."""
    text = passage("Heathrow lies in", "London .", template=True)
    found = result(
        text,
        {
            "integrated_gradients": [[9, 3, -2, 1, 0, 0], [9, 1, 2, -1, 4, 0]],
            "occlusion": [[0, 4, 1, -2, 0, 0], [0, 2, 1, 3, 0, 0]],
        },
    )
    beside = side_by_side(found)
    assert [found.word(column) for column in beside.columns] == ["<s>", "Heathrow", "lies", "in", "London"]
    assert beside.compared.tolist() == [False, True, True, True, False]
    assert np.isnan(beside.values[0, :, 4]).all()  # It comes after the first output.
    assert np.isnan(beside.values[1, 1, 4])  # Occlusion leaves it as it is.


def test_agreement_is_that_of_the_magnitudes():
    """3 2 1 against 4 1 2: two pairs of three in order; 1 2 1 against 2 1 3: a tie and two against."""
    found = agreements(side_by_side(result(TEXT, {**FIRST, **SECOND})))
    assert found.values["tau_b"][:, 0, 1] == pytest.approx([1 / 3, -2 / np.sqrt(2 * 3)])
    assert found.values["same_sign"][:, 0, 1] == pytest.approx([1 / 3, 2 / 3])
    assert np.isnan(found.values["top"]).all()  # The three strongest of three.
    assert np.isnan(found.mean("tau_b").diagonal()).all()
    assert found.inputs == (3, 3)
    metrics = ROOM.metrics(result(TEXT, {**FIRST, **SECOND}))
    assert metrics["agreement_tau_b"].value == pytest.approx((1 / 3 - 2 / np.sqrt(6)) / 2)
    assert "agreement_top" not in metrics


def test_a_method_that_moved_nothing_agrees_with_nobody_and_breaks_nothing():
    found = result(TEXT, {**FIRST, "occlusion": np.zeros((2, 5))})
    assert not [name for name in ROOM.metrics(found) if name == "agreement_tau_b"]
    check_words(ROOM, found)


def test_the_summary_says_which_methods_disagree():
    values = np.array(FIRST["integrated_gradients"])
    found = result(TEXT, {"input_x_gradient": values, "integrated_gradients": values * 2, **SECOND})
    assert "nearest are Input × gradient and Integrated gradients (1.00), furthest apart" in ROOM.summary(found)
    assert "All put “Heathrow” first." in ROOM.summary(found)
    other = result(TEXT, {**FIRST, "occlusion": [[1, 4, 2, 0, 0], [2, 1, 3, 0, 0]]})
    assert "Put first: “Heathrow” by Integrated gradients; “lies” by Occlusion." in ROOM.summary(other)


def test_each_row_of_the_side_by_side_has_its_own_scale():
    cells = spec(result(TEXT, {**FIRST, **SECOND}), "methods")["datasets"]["cells"]
    first = [cell for cell in cells if cell["o"] == 0]
    assert [cell["s"] for cell in first] == [[1000, -667, 333], [1000, 250, -500]]
    assert [cell["largest"] for cell in first] == [3.0, 4.0]


def test_signs_are_not_compared_where_a_method_has_none():
    absolute = {"saliency": np.abs(FIRST["integrated_gradients"])}
    params = spec(result(TEXT, {**FIRST, **absolute}), "agreement")["params"]
    (measures,) = [param["value"] for param in params if param["name"] == "measures"]
    assert not [measure for measure in measures if "sign" in measure]


def test_what_is_ignored_is_grey_and_counts_for_nothing():
    found = result(TEXT, {**FIRST, **SECOND}, ignored=(0,), normalize=True)
    made = strip(found, "integrated_gradients")
    assert [token.ignored for token in made.tokens] == [True, False, False, False, False]
    assert [token.scored for token in made.tokens] == [False, True, True, True, True]
    assert made.rows[0].scores == pytest.approx([0, -2 / 3, 1 / 3])
    assert "“lies” −67%, “in” +33%" in ROOM.summary(found)
    assert [found.word(column) for column in side_by_side(found).columns] == ["lies", "in", "London"]
    kept = list(rows(found, "method", "output", "input", "contribution", "share", "ignored"))
    assert kept[0] == ("integrated_gradients", "·London", "Heathrow", 3.0, None, True)
    assert kept[1][3:] == (-2.0, pytest.approx(-2 / 3), False)


def test_a_unit_is_ignored_only_as_a_whole():
    found = result(TEXT, FIRST, ignored=(1,), grain="word", units=((0,), (1, 2)))
    assert [token.ignored for token in strip(found, "integrated_gradients").tokens] == [False, False, False, False]


def test_words_have_one_number_by_gradients_too():
    found = result(TEXT, FIRST, grain="word", units=((0,), (1, 2)))
    made = strip(found, "integrated_gradients")
    assert [token.text for token in made.tokens] == ["Heathrow", " lies in", " London", " ."]
    assert made.rows[0].scores == pytest.approx([3, -1])
    assert rows(found, "input", "position", "contribution")[:2] == [("Heathrow", 0, 3.0), ("·lies·in", 1, -1.0)]


def of_two_streams(name, **more):
    """Six parts of the second output came from the encoder, two from what the decoder had written."""
    found = {name: [[3, -2, 1, 0, 0, 0, 0], [3, -2, 1, 0, 0, 2, 0]]}
    return result(two_streams(), found, **more)


def test_the_strip_says_what_came_from_the_encoder_and_what_from_the_decoder():
    made = strip(of_two_streams("integrated_gradients"), "integrated_gradients")
    assert [token.opens for token in made.tokens if token.opens] == ["read by the encoder", "written by the decoder"]
    assert list(made.rows[1].parts) == [
        "75% of the contributions, which add up to +2.00",
        "25% of the contributions, which add up to +2.00",
    ]


def test_the_share_of_the_encoder_is_a_metric_and_a_sentence():
    found = of_two_streams("integrated_gradients")
    assert [encoder_share(found, found.methods[0], index) for index in (0, 1)] == [1.0, 0.75]
    turned = found.model_copy(update={"explained": found.explained[::-1]})
    turned = turned.model_copy(
        update={
            "methods": (found.methods[0].model_copy(update={"contributions": found.methods[0].contributions[::-1]}),)
        }
    )
    assert ROOM.metrics(turned)["encoder_share"].value == 0.75
    assert "Of all that, 75% came from what the encoder read, 25% from the decoder's own text." in ROOM.summary(turned)


def test_streams_that_cannot_be_weighed_against_each_other_are_not():
    lost = of_two_streams("occlusion")
    assert list(strip(lost, "occlusion").rows[1].parts)[1] == "stayed as it was"
    pair = passage("a b", "c d").model_copy(update={"encoder_length": 1, "prompt_length": 1})
    first = result(pair, {"saliency": [[1, 0, 0, 0]]}, next_tokens(pair)[:1])
    assert list(strip(first, "saliency").rows[0].parts) == ["100% of the total", "none of it stands before this output"]
    assert "encoder_share" not in ROOM.metrics(lost)
    attention = of_two_streams("attention")
    assert strip(attention, "attention").rows[1].parts[0] == "attention of its own, which adds up to 2.00"
    assert "encoder_share" not in ROOM.metrics(attention)


def test_the_table_and_the_figures_tell_the_streams_apart():
    found = of_two_streams("integrated_gradients")
    assert [stream for stream, output in rows(found, "stream", "output") if output == "·good"] == [
        *["encoder"] * 4,
        *["decoder"] * 2,
    ]
    assert "stream" not in ROOM.table(result(TEXT, FIRST)).columns
    assert '"strokeDash": [4, 3]' in json.dumps(spec(found, "matrix"))


def answer(kind, position, **more):
    text = passage("who sat the cat sat", family=Family.QUESTION_ANSWERING)
    place = 0 if kind == "start" else 1
    target = Explained(
        kind=kind, token=text.tokens[position], place=place, outcome=position, position=None, after=4, **more
    )
    return text, target


def test_the_ends_of_an_answer_are_told_with_their_positions():
    (text, start), (_, end) = answer("start", 2), answer("end", 3)
    found = result(text, {"integrated_gradients": [[1, 2, 3, 4, 5], [5, 4, 3, 2, 1]]}, (start, end))
    assert [output_name(one) for one in found.explained] == ["start: ·the (2)", "end: ·cat (3)"]
    outputs = next(param["value"] for param in spec(found, "matrix")["params"] if param["name"] == "outputs")
    assert outputs == ["start: ·the (2)", "end: ·cat (3)"]
    assert set(rows(found, "output", "output position")) == {("start: ·the", 2), ("end: ·cat", 3)}


def test_a_whole_answer_is_told_from_where_to_where():
    _, span = answer("span", 2, end=3)
    assert output_name(span) == "answer: ·the (2–3)"


def test_two_written_tokens_of_one_spelling_are_told_apart():
    found = result(passage("a b", "c c"), {"saliency": [[1, 2, 0, 0], [1, 2, 3, 0]]})
    outputs = next(param["value"] for param in spec(found, "matrix")["params"] if param["name"] == "outputs")
    assert outputs == ["·c (2)", "·c (3)"]


@pytest.mark.parametrize("name", ["integrated_gradients", "occlusion"])
@pytest.mark.parametrize("of", [lambda: passage("a b", "c"), two_streams])
def test_a_given_continuation_is_not_said_to_be_the_models(name, of):
    text = of().model_copy(update={"forced": True})
    reading = strip(result(text, {name: np.ones((len(next_tokens(text)), len(text.tokens)))}), name).reading
    assert reading.startswith("Choose one of the tokens of the given continuation: ")
    assert "written" not in reading


def test_what_moved_nothing_is_not_named():
    assert "most by “lies” +1.00." in ROOM.summary(result(TEXT, {"integrated_gradients": [[0, 1, 0, 0, 0]] * 2}))
    nothing = result(TEXT, {"integrated_gradients": np.zeros((2, 5))})
    assert "the prediction “London” was moved by nothing that the model read." in ROOM.summary(nothing)


def test_words_that_stand_in_the_text_twice_are_told_apart_in_sentences():
    found = result(passage("the cat the dog", "x"), {"saliency": [[3, 2, 4, 1, 0]], "occlusion": [[4, 2, 3, 1, 0]]})
    assert "was moved most by “the” (2) 40%, “the” (0) 30%, “cat” 20%." in ROOM.summary(found)
    assert "Put first: “the” (2) by Saliency; “the” (0) by Occlusion." in ROOM.summary(found)


def test_the_label_of_a_target_against_a_foil_has_no_position():
    target = Explained(
        token=Token(id=1, text=" a"), foil=Token(id=2, text=" b"), place=1, outcome=1, position=None, after=1
    )
    assert output_name(target) == "a rather than b"


def test_charts_of_many_methods_and_outputs_stay_small_and_say_so():
    text = passage(" ".join(f"w{number}" for number in range(120)), " ".join(f"g{number}" for number in range(80)))
    values = np.tril(np.random.default_rng(0).normal(size=(80, 200)), 119)
    found = result(text, {name: values for name in EVERY if name not in ATTENTIONS})
    for each in ROOM.charts(found):
        if isinstance(each, TokenStrip):
            continue
        assert len(json.dumps(each.chart.to_dict(validate=False), separators=(",", ":"))) < 300_000, each.id
    assert "outputs can be chosen; the table has all" in figure(found, "methods").reading


def test_titles_are_known_for_every_method():
    assert set(METHOD_TITLES) == set(EVERY)


def test_of_a_given_continuation_it_is_said_what_stood_before_each_of_its_tokens():
    given = passage("Heathrow lies in", "London .", forced=True)
    shown = strip(result(given, FIRST | SECOND), "integrated_gradients")
    assert "the tokens of the given continuation" in shown.reading
    assert [token.opens for token in shown.tokens if token.opens] == ["prompt", "given continuation"]
    notes = json.dumps([row.parts for row in shown.rows])
    assert "none of it stands before this output" in notes
    assert "stayed as it was" not in notes
