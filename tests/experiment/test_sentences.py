"""The sentences that are understood, however a person writes them; and that nothing else is."""

from __future__ import annotations

import pytest

from ecco_reports.analyses import ANALYSES
from ecco_reports.experiment.sentences import PATTERNS, WORDS, read_sentence


@pytest.mark.parametrize("pattern", [one for one in PATTERNS if not one.refusal], ids=lambda one: one.name)
def test_every_example_is_an_instance_of_its_own_pattern(pattern) -> None:
    found = read_sentence(pattern.example)
    assert found.pattern is pattern
    assert found.text == pattern.example
    assert set(pattern.analyses) <= set(ANALYSES)
    assert pattern.meaning[0].islower()
    assert not pattern.meaning.endswith(".")


def test_names_and_examples_are_not_used_twice() -> None:
    assert len({one.name for one in PATTERNS}) == len(PATTERNS)
    assert len({one.example for one in PATTERNS}) == len(PATTERNS)


@pytest.mark.parametrize(
    ("sentence", "name"),
    [
        ("the target is top-ranked", "first choice"),
        ("The target is the model's first choice.", "first choice"),
        ("THE TARGET IS THE FIRST CHOICE", "first choice"),
        ("the  target is\n the first choice", "first choice"),
        ("the target is among the top 5", "among the first"),
        ("the target is the first choice by layer 3", "by layer"),
        ("the answer starts with “a”", "answer begins"),
        ("the answer never contains “a”", "answer lacks"),
        ("the target is the first choice no later than before", "no later"),
    ],
)
def test_there_are_several_ways_to_say_a_thing(sentence: str, name: str) -> None:
    assert read_sentence(sentence).pattern.name == name


@pytest.mark.parametrize(
    ("share", "value"),
    [
        ("30 %", 0.3),
        ("30%", 0.3),
        ("30 percent", 0.3),
        ("12.5 per cent", 0.125),
        ("0.3", 0.3),
        (".3", 0.3),
        ("1/4", 0.25),
        ("half", 0.5),
        ("a third", 1 / 3),
        ("two thirds", 2 / 3),
        ("three quarters", 0.75),
        ("100 %", 1.0),
        ("0 %", 0.0),
    ],
)
def test_a_share_may_be_a_percentage_a_fraction_or_words(share: str, value: float) -> None:
    assert read_sentence(f"the target has a probability of at least {share}").share == pytest.approx(value)
    assert read_sentence(f"“x” holds at least {share} of the attribution").share == pytest.approx(value)


@pytest.mark.parametrize("share", ["101 %", "30", "3/2", "1/0", "2"])
def test_no_share_is_more_than_all(share: str) -> None:
    with pytest.raises(ValueError, match="a share is at most 100 %"):
        read_sentence(f"the target has a probability of at least {share}")


@pytest.mark.parametrize("number", [*range(1, 13)])
def test_whole_numbers_may_be_words_up_to_twelve(number: int) -> None:
    for written in (str(number), WORDS[number - 1], WORDS[number - 1].upper()):
        assert read_sentence(f"the target is top-ranked by layer {written}").count == number


@pytest.mark.parametrize(
    ("amount", "value"), [("one nat", 1.0), ("half a nat", 0.5), ("a nat", 1.0), ("2 nats", 2.0), ("0.25 nats", 0.25)]
)
def test_amounts_of_nats_may_be_words(amount: str, value: float) -> None:
    assert read_sentence(f"the target loses at most {amount}").amount == value
    assert read_sentence(f"the target beats the foil by at least {amount}").amount == value


@pytest.mark.parametrize("quoted", ["“{}”", '"{}"', "'{}'", "‘{}’", "«{}»", "„{}“"])
@pytest.mark.parametrize("text", ["Heathrow", "New York", "King’s Cross", "a  b", "80 %", "שלום", "."])
def test_a_quotation_is_kept_as_it_is_in_quotes_of_any_kind(quoted: str, text: str) -> None:
    if quoted == "‘{}’" and "’" in text:
        return
    found = read_sentence(f"{quoted.format(text)} is the strongest word")
    assert found.quote == text


def test_a_method_may_be_written_with_spaces() -> None:
    found = read_sentence("“a” holds at least half of the attribution by Integrated Gradients")
    assert found.method == "integrated_gradients"
    assert read_sentence("“a” is the strongest word by input_x_gradient").method == "input_x_gradient"
    assert read_sentence("“a” is the strongest word by input × gradient").method == "input_x_gradient"
    assert read_sentence("“a” is the strongest word").method == ""


@pytest.mark.parametrize(
    "sentence",
    [
        "the target is the last choice",
        "the target is top-ranked by layer",
        "the target is top-ranked by layer thirteen",
        "the target is top-ranked by layer -1",
        "Heathrow is the strongest word",
        "“” is the strongest word",
        "“a” holds some of the attribution",
        "the answer contains London",
        "the target is the first choice and the answer contains “a”",
        "",
    ],
)
def test_what_is_not_in_the_table_is_not_guessed(sentence: str) -> None:
    with pytest.raises(ValueError, match=r"not understood\..*`ecco-reports metrics` lists what can be said\."):
        read_sentence(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "ablating layer 5 costs at most one nat",
        "removing layer five costs at most 0.5 nats",
        "without layer 5, the target loses at most one nat",
        "switching off layer 0 costs at most 2 nats",
    ],
)
def test_what_no_analysis_can_tell_yet_is_refused_in_its_own_words(sentence: str) -> None:
    with pytest.raises(ValueError, match="no analysis switches layers off yet"):
        read_sentence(sentence)
