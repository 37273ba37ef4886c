from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import ecco_reports
from ecco_reports.analyses.race import favourites, overtaking, verdict, watch_problems
from ecco_reports.analyses.side_by_side import Side, side_by_side
from ecco_reports.analyses.watch import Watch, WatchParams
from ecco_reports.errors import CapabilityError, ExperimentError
from ecco_reports.records import Family, Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.analyses.stubborn import silent
from tests.models.families import PROMPTS, wrapped
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")
ROOM = Watch()
GOLDEN = Path(__file__).parent.parent / "oracles" / "transformer_lens.npz"
PROMPT = Prompt(name="p", text=tiny.TEXT)
RACE = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")


def run(model, prompt=PROMPT, **params):
    return ROOM.run(model, prompt, WatchParams(**{"max_new_tokens": 2, **params}))


def logits_of(model, result, places):
    """Every state of the text, read out at places: ``[state, place, outcome]``."""
    reading = reading_of(model, [token.id for token in result.passage.tokens])
    return model.read_out(reading, model.residual_states(reading), places)


@pytest.mark.parametrize("family", tiny.FAMILIES)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_the_proofs_hold(family, dtype, tiny_model):
    check_words(ROOM, run(tiny_model(family, dtype), RACE, positions=[0, 3, -1]))


def test_ranks_and_probabilities_are_those_of_the_logits_of_each_layer(tiny_model):
    model = tiny_model("gemma2")
    result = run(model, tokens=["cat", 7, "sea"], positions=[-1, 2], layers={"first": 0, "last": 1})
    logits = logits_of(model, result, [2, 7])[1:3]
    assert (result.states, result.places, result.columns) == ((1, 2), (2, 7), (0, 0, 0, 1, 1, 1))
    for column, (place, number) in enumerate(zip(result.columns, result.numbers, strict=True)):
        for row in range(2):
            here = logits[row, place]
            assert result.ranks[row, column] == 1 + int((here > here[number]).sum())
            assert result.probabilities[row, column] == pytest.approx(here.softmax(-1)[number].item(), abs=1e-6)
    assert [token.text.strip() for token in result.tokens[:3]] == ["cat", tiny.word_tokenizer().id_to_token(7), "sea"]


@pytest.mark.parametrize("family", tiny.FAMILIES)
def test_ranks_and_probabilities_are_those_of_transformer_lens(family, tiny_model):
    golden = np.load(GOLDEN)[f"{family}_logits"].astype(np.float64)
    result = run(tiny_model(family), tokens=["London", "Paris", "cat"], positions=[2, 7], max_new_tokens=1)
    shares = np.exp(golden - np.logaddexp.reduce(golden, -1, keepdims=True))
    for column, (index, number) in enumerate(zip(result.columns, result.numbers, strict=True)):
        here = golden[:, result.places[index]]
        assert result.ranks[:, column].tolist() == [1 + int((row > row[number]).sum()) for row in here]
        assert result.probabilities[:, column] == pytest.approx(shares[:, result.places[index], number], abs=1e-6)


def test_what_is_watched_by_default_is_asked_about_or_first_at_some_layer(tiny_model):
    model = tiny_model("llama")
    result = run(model, RACE, top_k=3)
    best = logits_of(model, result, [7])[:, 0].argmax(-1).tolist()
    asked = [model.tokenizer.continuation_ids(word)[0] for word in ("London", "Paris")]
    expected = [number for number in dict.fromkeys(best[::-1]) if number not in asked]
    assert list(result.numbers[:2]) == asked
    assert list(result.numbers[2 : 2 + len(expected)]) == expected[:3]
    assert len(result.numbers) == 5
    assert not result.chosen


def test_favourites_come_from_the_top_and_are_filled_up_with_what_the_last_layer_likes():
    best = np.array([[5, 6], [1, 5], [2, 3]])
    assert favourites(best, [], 4) == [2, 1, 5, 3]
    assert favourites(best, [1], 2) == [1, 2, 5]


def test_the_layer_of_overtaking_is_the_first_from_which_one_stays_ahead():
    ranks = np.array([[9, 3], [2, 4], [5, 4], [1, 2]])
    assert overtaking(ranks, 0, 1) == 3
    assert overtaking(ranks, 1, 0) is None
    assert overtaking(ranks[3:], 0, 1) == 0
    # Who is level is not ahead.
    assert overtaking(np.array([[1, 2], [1, 1], [1, 2]]), 0, 1) == 2


def test_the_verdict_names_winner_runner_up_and_layer():
    ranks, shares = np.array([[9, 3], [2, 4], [1, 2]]), np.array([[0.0, 0.1], [0.2, 0.1], [0.75, 0.125]])
    assert verdict(["are", "is"], ranks, shares, [0, 1, 2]) == (
        "“are” overtakes “is” in layer 0 and stays ahead; it ends at rank 1 (probability 75.0%), “is” at rank 2 "
        "(probability 12.5%)."
    )
    assert verdict(["are", "is"], ranks[1:], shares[1:], [1, 2]).startswith("“are” is ahead of “is” at every layer;")
    assert verdict(["are"], ranks[:, :1], shares[:, :1], [0, 1, 2]) == (
        "“are” goes from rank 9 at the embedding to rank 1 (probability 75.0%) at layer 1."
    )
    assert "“is” at rank 2 (probability under 0.1%)" in verdict(["are", "is"], ranks, shares * [1, 0.001], [0, 1, 2])
    level = np.array([[1, 2], [1, 1]])
    assert verdict(["a", "b"], level, np.full((2, 2), 0.5), [0, 1]).startswith("“a” and “b” end level at layer 0;")


def test_metrics_say_who_leads_from_which_layer_on(tiny_model):
    result = run(tiny_model("gpt2"), tokens=["cat", "dog"])
    ranks, shares = result.ranks.copy(), result.probabilities.copy()
    ranks[:, 0], ranks[:, 1] = [9, 2, 2, 1], [3, 4, 4, 2]
    shares[-1] = [0.5, 0.125]
    metrics = ROOM.metrics(result.model_copy(update={"ranks": ranks, "probabilities": shares}))
    assert {name: metric.value for name, metric in metrics.items()} == {
        "first_rank": 1.0,
        "lead": pytest.approx(np.log(4)),
        "overtaking_layer": 0.0,
    }


def test_words_compete_although_nothing_was_written(tiny_model):
    result = run(silent(tiny_model("gpt2")), Prompt(name="p", text="London"), tokens=["dog", "cat"])
    check_words(ROOM, result)
    assert result.places == (0,)


def test_positions_that_the_text_never_reached_leave_a_page_that_says_so(tiny_model):
    result = run(silent(tiny_model("gpt2")), tokens=["dog"], positions=[8])
    check_words(ROOM, result)
    assert "ended before" in ROOM.summary(result)
    assert (ROOM.charts(result), ROOM.metrics(result)) == ([], {})


@pytest.mark.parametrize("name", ["BERT", "T5", "BART", "BERT (classifier)", "BERT (answers by a span)"])
def test_every_family_has_words_to_watch(name):
    model = wrapped(name)
    prompt = PROMPTS[model.family]
    result = run(model, prompt)
    check_words(ROOM, result)
    reading = model.read(prompt, WatchParams(max_new_tokens=2).decoding)
    own = model.logits(reading, [reading.question])[0]
    assert result.places == (reading.question,)
    assert result.numbers[0] == int(own.argmax())
    assert result.ranks[-1].tolist() == [1 + int((own > own[number]).sum()) for number in result.numbers]


def test_positions_of_a_decoder_count_from_its_own_start():
    model = wrapped("T5")
    result = run(model, PROMPTS[model.family], tokens=["dog"], positions=[1, 0, -1])
    border = result.passage.encoder_length
    assert result.places == (border, border + 1)


def test_read_as_the_original_ecco_the_page_says_so_everywhere(tiny_model):
    model = tiny_model("gpt2")
    result = run(model, tokens=["cat", "dog"], apply_final_norm=False)
    check_words(ROOM, result)
    reading = reading_of(model, [token.id for token in result.passage.tokens])
    bare = model.read_bare(reading, [0, 1, 2, 3], [7])[:, 0]
    for column, number in enumerate(result.numbers):
        assert result.ranks[:, column].tolist() == [1 + int((row > row[number]).sum()) for row in bare]
    said = [ROOM.summary(result), *(figure.reading for figure in ROOM.charts(result))]
    assert all("without the final norm; not what the layer believes" in words for words in said)
    assert [check.name for check in ROOM.proof(result)] == ["order of the last layer", "final rank"]


def test_several_places_have_a_drop_down_and_one_has_none(tiny_model):
    several, one = (ROOM.charts(run(tiny_model("gpt2"), tokens=["cat"], positions=at)) for at in ([2, 5], [5]))
    for figure in several:
        spec = figure.chart.to_dict(validate=False)
        place = next(param for param in spec["params"] if param["name"] == "place")
        assert place["bind"]["labels"] == ["right after “is” (position 2)", "right after “the” (position 5)"]
        assert {point["g"] for point in spec["datasets"]["points"]} == {0, 1}
    names = [param["name"] for param in one[0].chart.to_dict(validate=False)["params"]]
    assert "place" not in names
    assert one[0].title == "Rank by layer: “Heathrow airport is located in the”"


def test_a_watched_text_must_be_one_token_and_watched_once(facts_model):
    found = list(watch_problems([" Tokyo", "Llanfairpwll", " Tokyo"], "tokens", facts_model.facts))
    assert [path for path, _, _ in found] == [("tokens", 1), ("tokens", 2)]
    assert "is not one token" in found[0][1]
    assert "is watched already" in found[1][1]


def test_numbers_beyond_the_classes_or_the_vocabulary_are_refused(tiny_model):
    classes = wrapped("BERT (classifier)").facts
    ((path, what, _),) = watch_problems([2, 3], "tokens", classes)
    assert (path, what) == (("tokens", 1), "there is no class 3: this model has 3.")
    with pytest.raises(CapabilityError, match=r"outcomes: there is no number 9,999\."):
        run(tiny_model("gpt2"), tokens=[9999])


@pytest.mark.parametrize(
    ("name", "params", "what"),
    [
        ("BERT (classifier)", {"positions": [0]}, "one thing about the whole text"),
        ("BERT", {"apply_final_norm": False}, "more than a norm and a matrix"),
        ("BERT", {"positions": [99]}, "position 99 is out of range"),
        ("T5", {"positions": [-2]}, "its decoder starts with one token and 5 tokens may follow"),
        ("T5", {"layers": {"first": 2, "last": 0}}, "begins at layer 2 and ends at layer 0"),
        ("BERT (answers by a span)", {"tokens": ["mat"]}, "answers by a span"),
    ],
)
def test_what_cannot_be_asked_is_said_before_anything_runs(name, params, what):
    model = wrapped(name)
    with pytest.raises(ExperimentError, match=what):
        ecco_reports.analyze(model, PROMPTS[model.family], "watch", **params)


def test_two_models_are_laid_over_each_other_by_depth(tiny_model):
    first, second = (run(tiny_model(family), RACE, tokens=["London", "Paris"]) for family in ("gpt2", "llama"))
    second = second.model_copy(update={"depth": 6})
    between = ROOM.between(first, second, ("a", "b"))
    assert [figure.id for figure in between.figures] == ["depth-rank", "depth-probability"]
    points = between.figures[0].chart.to_dict(validate=False)["datasets"]["points"]
    assert sorted({point["l"] for point in points if point["n"] < 2}) == [0.0, 0.3333, 0.6667, 1.0]
    assert max(point["l"] for point in points if point["n"] >= 2) == 0.5
    assert [point["v"] for point in points if point["n"] == 0] == first.ranks[:, 0].tolist()
    assert len(between.table.rows) == 2 * 2 * 4
    assert between.summary.startswith("In a (3 layers), “London” is ")


def test_where_each_model_makes_up_its_mind_is_said_by_layer_and_depth():
    ranks, shares = np.array([[5], [1], [1]]), np.array([[0.1], [0.5], [0.75]])
    side = Side(Family.CAUSAL, ["are"], ["·are"], [0, 1, 2], 2, 9, ranks, shares)
    never = replace(side, ranks=np.array([[5], [1], [2]]), depth=8, states=[0, 4, 8])
    assert side_by_side(side, never, ("small", "large")).summary == (
        "In small (2 layers), “are” is the first choice from layer 0 on, at 50% of the depth, and ends at rank 1 "
        "(probability 75.0%); in large (8 layers), “are” is never the first choice for good and ends at rank 2 "
        "(probability 75.0%)."
    )


def test_models_that_say_different_kinds_of_things_are_not_compared(tiny_model):
    model = wrapped("BERT (classifier)")
    assert ROOM.between(run(tiny_model("gpt2")), run(model, PROMPTS[model.family]), ("a", "b")) is None
