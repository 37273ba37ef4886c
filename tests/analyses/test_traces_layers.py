"""What traces of layers say about each other: the lens, token ranks, and watched words."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
from pydantic import ValidationError

from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.logit_lens.tracing import LensTrace
from ecco_reports.analyses.tracing_ranks import LayeredWord, RanksTrace
from ecco_reports.records import Prompt
from ecco_reports.testing import HEATHROW, check_figure, check_trace, check_words
from tests import tiny

LENS, RANKS, WATCH = ANALYSES["logit_lens"], ANALYSES["token_ranks"], ANALYSES["watch"]
ROOMS = ("logit_lens", "token_ranks", "watch")


def word(label, ranks, shares):
    return LayeredWord(label=f"·{label}", ranks=ranks, probabilities=shares)


def ranks(words, target=None, layers=2, cut="abc", outcomes=1000):
    states = tuple(range(layers + 1))
    return RanksTrace(cut=cut, outcomes=outcomes, layers=layers, states=states, words=words, target=target)


LONDON = word("London", (64, 8, 1), (0.001, 0.01, 0.8))
PARIS = word("Paris", (32, 4, 2), (0.002, 0.02, 0.1))
BEFORE = ranks((LONDON, PARIS), LONDON)


def test_ranks_that_double_on_paper():
    after = ranks((word("London", (128, 8, 2), (0.001, 0.01, 0.3)), word("Paris", (32, 4, 1), (0.002, 0.02, 0.5))))
    drift = RANKS.drift(BEFORE, after)
    assert drift.values == pytest.approx({"rank_shift": 2 / 6 + 1 / 6, "same_winner": 0.0})
    assert drift.finding == (
        "Of the words, “Paris” is now ahead at the last layer instead of “London”; "
        "“London” falls from rank 1 (80.0%) to rank 2 (30.0%)."
    )


def test_a_model_twice_as_deep_that_says_the_same_at_the_same_depth_has_not_moved():
    deeper = ranks(
        (
            word("London", (64, 20, 8, 3, 1), (0.001, 0.005, 0.01, 0.1, 0.8)),
            word("Paris", (32, 9, 4, 3, 2), (0.1,) * 5),
        ),
        word("London", (64, 20, 8, 3, 1), (0.001, 0.005, 0.01, 0.1, 0.8)),
        layers=4,
    )
    assert RANKS.drift(BEFORE, deeper).values == {"rank_shift": 0.0, "same_winner": 1.0, "top_depth_shift": 0.0}
    assert RANKS.drift(deeper, BEFORE).values == {"rank_shift": 0.0, "same_winner": 1.0, "top_depth_shift": 0.0}


def test_a_target_that_is_known_earlier_has_a_shift_below_zero():
    sooner = word("London", (64, 1, 1), (0.001, 0.5, 0.8))
    drift = RANKS.drift(BEFORE, ranks((sooner, PARIS), sooner))
    assert drift.values["top_depth_shift"] == -0.5
    assert drift.values["same_winner"] == 1.0
    assert drift.finding == "“London” is now first on top at layer 0 (50% of the depth) instead of layer 1 (100%)."


def test_a_target_that_is_never_known_has_no_shift_and_that_is_said():
    never = word("London", (64, 8, 2), (0.001, 0.01, 0.3))
    drift = RANKS.drift(BEFORE, ranks((never, PARIS), never))
    assert "top_depth_shift" not in drift.values
    assert [remark for remark in drift.remarks if "never after" in remark]


def test_words_that_only_one_side_watches_are_named():
    after = ranks((LONDON, word("Rome", (9, 9, 9), (0.1, 0.1, 0.1))))
    drift = WATCH.drift(BEFORE, after)
    assert drift.values == {"rank_shift": 0.0, "same_winner": 1.0}
    assert "Only one side has the ranks of “Paris” and “Rome”." in drift.remarks
    assert [remark for remark in drift.remarks if "“London” and “Rome” after: lead and overtaking" in remark]


def test_nothing_in_common_is_no_number():
    drift = WATCH.drift(BEFORE, ranks((), cut="xyz", outcomes=2))
    assert (drift.values, drift.finding) == ({}, "")
    assert WATCH.drift_figures(BEFORE, ranks(()), ("a", "b")) == ()
    assert [remark for remark in drift.remarks if "as it is spelled" in remark]
    assert "Ranks are among 1,000 outcomes before, and among 2 after." in drift.remarks


def lens(rows, words=(), choices=(), layers=2, cut="abc"):
    return LensTrace(
        cut=cut,
        outcomes=1000,
        layers=layers,
        states=tuple(range(layers + 1)),
        words=words,
        target=words[0] if words else None,
        rows=rows,
        choices=choices,
    )


ROWS = ({"·of": 1.0}, {"·Paris": 0.5, "·London": 0.5}, {"·London": 0.8, "·Paris": 0.2})


def test_rows_of_a_lens_on_paper():
    after = lens((ROWS[0], ROWS[1], {"·London": 0.2, "·Paris": 0.8}), choices=("a", "c"))
    drift = LENS.drift(lens(ROWS, choices=("a", "b")), after)
    kl = 0.8 * math.log(4) + 0.2 * math.log(1 / 4)
    assert drift.values == pytest.approx(
        {"first_choice_agreement": 2 / 3, "row_kl": kl / 3, "row_kl_last": kl, "place_agreement": 0.5}
    )
    assert drift.finding == "Layer 1 would now say “Paris” (80.0%) instead of “London” (80.0%)."


def test_a_layer_that_changed_its_mind_below_an_answer_that_stays():
    after = lens((ROWS[0], {"·Rome": 0.9, "·London": 0.1}, ROWS[2]))
    drift = LENS.drift(lens(ROWS), after)
    assert drift.finding == (
        "Layer 0 would now say “Rome” (90.0%) instead of “London” (50.0%); the last layer still says “London”."
    )
    assert drift.values["row_kl_last"] == 0.0
    assert drift.values["row_kl"] > 0.1


def test_a_lens_of_another_tokenizer_compares_first_choices_alone():
    drift = LENS.drift(lens(ROWS, choices=("a",)), lens(ROWS, choices=("b",), cut="xyz"))
    assert drift.values == {"first_choice_agreement": 1.0}
    assert [remark for remark in drift.remarks if "no KL divergence" in remark]


def test_a_lens_that_follows_other_words_says_so():
    drift = LENS.drift(lens(ROWS, (LONDON,)), lens(ROWS, (PARIS,)))
    assert "top_depth_shift" not in drift.values
    assert [remark for remark in drift.remarks if "follows “London” before and “Paris” after" in remark]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"rows": ROWS[:2]}, "there are 2 rows, and 3 layers"),
        ({"rows": ({}, *ROWS[1:])}, "no candidates"),
        ({"states": (0, 1)}, "3 ranks, and 2 layers"),
        ({"layers": 0}, "greater than or equal to 1"),
    ],
)
def test_a_lens_that_was_cut_or_edited_is_refused(change, why):
    values = lens(ROWS, (LONDON,)).model_dump(mode="json") | change
    with pytest.raises(ValidationError, match=why):
        LensTrace.model_validate(values)


def test_a_word_with_half_its_numbers_is_refused():
    with pytest.raises(ValidationError, match="3 ranks and 1 probabilities"):
        word("London", (3, 2, 1), (0.5,))


@pytest.mark.parametrize("name", ROOMS)
def test_two_models_of_other_tokenizers_and_depths_are_compared_as_far_as_that_goes(name, facts_model, stranger):
    room = ANALYSES[name]
    params = room.Params(**({"tokens": (" London", " Paris")} if name == "watch" else {}))
    traces = [room.trace(room.run(model, HEATHROW, params)) for model in (facts_model, stranger)]
    assert traces[0].cut != traces[1].cut
    assert (traces[0].layers, traces[1].layers) == (6, 4)
    for before, after in (traces, traces[::-1]):
        drift = room.drift(before, after)
        assert set(drift.values) <= set(room.measures)
        assert not [value for value in drift.values if value.startswith("row_kl") or value == "place_agreement"]
        assert all(math.isfinite(value) for value in drift.values.values())
        assert "“London” falls" in drift.finding or "“London” rises" in drift.finding
        for figure in room.drift_figures(before, after, ("one", "two")):
            check_figure(figure)


@pytest.mark.parametrize("name", ["generation", *ROOMS])
def test_two_models_that_say_different_things_can_be_drawn(name, facts_model, stranger):
    room, prompt = ANALYSES[name], HEATHROW.model_copy(update={"target": None, "foil": None})
    traces = [room.trace(room.run(model, prompt, room.Params())) for model in (facts_model, stranger)]
    figures = room.drift_figures(*traces, ("one", "two"))
    assert figures
    for figure in figures:
        check_figure(figure)


@pytest.mark.parametrize("name", ROOMS)
def test_half_precision_moves_nothing_beyond_the_noise(name, facts_model, half_facts):
    room = ANALYSES[name]
    results = [room.run(model, HEATHROW, room.Params()) for model in (facts_model, half_facts)]
    before, after = (room.metrics(result) for result in results)
    assert before.keys() == after.keys()
    for metric, known in before.items():
        assert abs(known.value - after[metric].value) <= room.measures[metric].noise_at(known.value), metric
    drift = room.drift(*(room.trace(result) for result in results))
    for measure, value in drift.values.items():
        assert abs(value - room.measures[measure].equal) <= room.measures[measure].noise, measure
    assert drift.finding == ""


def test_the_lens_and_the_ranks_agree_on_the_target(facts_model):
    lens_metrics = LENS.metrics(LENS.run(facts_model, HEATHROW, LENS.Params()))
    rank_metrics = RANKS.metrics(RANKS.run(facts_model, HEATHROW, RANKS.Params()))
    said = ANALYSES["generation"]
    said_metrics = said.metrics(said.run(facts_model, HEATHROW, said.Params(max_new_tokens=1)))
    for name in ("target_rank", "target_logprob"):
        values = [metrics[name].value for metrics in (lens_metrics, rank_metrics, said_metrics)]
        assert values == pytest.approx([values[0]] * 3, abs=1e-4)
    assert rank_metrics["first_top_depth"].value == (rank_metrics["first_top_layer"].value + 1) / facts_model.layers


def test_ranks_of_watched_words_do_not_hide_the_target(tiny_model):
    prompt = Prompt(name="p", text=tiny.TEXT, target="London")
    params = RANKS.Params(watch=("Paris", "Tokyo"), position=0)
    result = RANKS.run(tiny_model("gpt2"), prompt, params)
    trace = RANKS.trace(result)
    assert [one.label for one in trace.words] == ["Paris", "Tokyo"]
    assert trace.target.label == "London"
    assert trace.target.ranks[-1] == RANKS.metrics(result)["target_rank"].value
    check_words(RANKS, result)


@pytest.mark.parametrize("name", ROOMS)
def test_a_long_text_leaves_a_small_trace(name, tiny_model):
    room = ANALYSES[name]
    prompt = Prompt(name="p", text=" ".join(["the city of London"] * 14))
    result = room.run(tiny_model("llama"), prompt, room.Params(max_new_tokens=3))
    check_trace(room, result)
    assert len(room.trace(result).model_dump_json()) < 20_000


def test_what_is_kept_is_compared_and_drawn_without_torch():
    kept = {name: trace.model_dump(mode="json") for name, trace in (("logit_lens", lens(ROWS)), ("watch", BEFORE))}
    code = f"""
import sys
from ecco_reports.analyses import ANALYSES
for name, values in {kept}.items():
    room = ANALYSES[name]
    trace = room.Traced.model_validate(values)
    assert room.drift(trace, trace).values
    assert len(room.drift_figures(trace, trace, ("a", "b"))) == (2 if trace.words else 0)
sys.exit(any(name in sys.modules for name in ("torch", "transformers")))
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
