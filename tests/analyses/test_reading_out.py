"""What the rooms that read layers in words share: places, cost, and a reading without the final norm."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from ecco_reports.analyses import ANALYSES, DecodingParams
from ecco_reports.analyses.places import place_problems, places_of, window
from ecco_reports.analyses.work import Extent
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt
from ecco_reports.testing import check_words
from tests import tiny
from tests.models.families import PROMPTS, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")
PROMPT = Prompt(name="p", text=tiny.TEXT)
ROOMS = ("logit_lens", "token_ranks", "watch")


def counting(model):
    """The same model, and how many texts go through its head alone, and through the whole of it."""
    seen = {"tails": 0, "bare": 0, "passes": 0}
    watched = copy.copy(model)
    watched._traces, watched._bare_heads, watched._readings = {}, {}, {}
    watched._passes = copy.copy(model._passes)

    def counted(name, own, size):
        def run(*args, **kwargs):
            seen[name] += size(*args)
            return own(*args, **kwargs)

        return run

    watched._passes.logits = counted("passes", model._passes.logits, lambda _reading, ids, *_: len(ids))
    read_out, read_bare = watched.read_out, watched.read_bare
    watched.read_out = counted("tails", read_out, lambda _reading, states, _places: len(states))
    watched.read_bare = counted("bare", read_bare, lambda _reading, states, _places: len(states))
    return watched, seen


@pytest.mark.parametrize("normed", [True, False])
@pytest.mark.parametrize(
    ("room", "params"),
    [
        ("logit_lens", {}),
        ("logit_lens", {"layers": [0], "positions": [1, 2]}),
        ("token_ranks", {}),
        ("token_ranks", {"layers": {"last": 1}, "positions": "all", "watch": ["London"]}),
        ("watch", {}),
        ("watch", {"tokens": ["London"], "positions": [1, 5], "layers": ["embedding"]}),
    ],
)
def test_the_work_that_is_announced_is_the_work_that_is_done(room, params, normed, tiny_model):
    model, seen = counting(tiny_model("gpt2"))
    analysis = ANALYSES[room]
    settings = analysis.Params(max_new_tokens=2, apply_final_norm=normed, **params)
    analysis.run(model, PROMPT, settings)
    extent = Extent(
        Family.CAUSAL, read=8, written=2, words=8, layers=3, width=32, outcomes=len(tiny.VOCABULARY), parameters=1
    )
    work = analysis.work(settings, extent)
    assert work.readouts == seen["tails"] + seen["bare"]
    # The replayed tail runs as a pass whose blocks compute nothing; one pass is shared by all analyses.
    assert work.passes == seen["passes"] - seen["tails"] - 1
    assert work.memory > 0


@pytest.mark.parametrize("room", ROOMS)
def test_more_places_than_fit_at_once_are_read_in_parts(room):
    analysis = ANALYSES[room]
    settings = analysis.Params(max_new_tokens=1, **({"positions": "all"} if room == "token_ranks" else {}))
    few, many = (
        Extent(Family.CAUSAL, read=read, written=1, words=read, layers=12, width=768, outcomes=50257)
        for read in (64, 1024)
    )
    short, long = analysis.work(settings, few), analysis.work(settings, many)
    if room == "watch":
        assert long.readouts == short.readouts == 2 * 13
    else:
        assert long.readouts > short.readouts
    # Eight copies of all logits would be 2.5 GB; one state at a time would be 64 MB.
    assert long.memory < 6 * 1024 * 50257 * 4
    assert ANALYSES[room].work(settings, Extent(Family.CAUSAL, 5, 1, 5)).memory is None


def test_a_chart_shows_the_end_of_a_long_text_or_what_the_question_is_about():
    assert window(range(10), 9, 4) == range(6, 10)
    assert window(range(10), 7, 4) == range(6, 10)
    assert window(range(10), 3, 4) == range(1, 5)
    assert window(range(10), 0, 4) == range(4)
    assert window(range(3), 1, 4) == range(3)
    assert window([5, 9], None, 1) == range(1, 2)


def test_positions_of_each_family_are_the_places_that_people_mean():
    masked, decoder, classes = (wrapped(name) for name in ("BERT", "T5", "BERT (classifier)"))
    reading = masked.read(PROMPTS[masked.family], Decoding())
    length = len(reading.passage.tokens)
    assert places_of([0, -1], reading) == [0, length - 1]
    reading = decoder.read(PROMPTS[decoder.family], Decoding(max_new_tokens=3))
    border = reading.passage.encoder_length
    assert places_of([0, 2, -1, 60], reading) == [border, border + 2]
    assert places_of([5], classes.read(PROMPTS[classes.family], Decoding())) == [0]


def test_positions_may_lie_in_what_will_be_written_but_not_behind_it():
    facts = facts_of(ModelSpec(source="bundled:facts"))
    prompt = Prompt(name="p", text="The capital of Japan")
    read = len(facts.tokenize.encode(prompt).tokens)
    params = DecodingParams(max_new_tokens=3)

    def wrong(*positions):
        return [path for path, _, _ in place_problems(positions, ("positions",), params, prompt, facts)]

    assert wrong(0, read - 1, read + 2, -read) == []
    assert wrong(read + 3, 0, -read - 1) == [("positions", 0), ("positions", 2)]
    assert wrong(read + 3) == [("positions",)]


@pytest.mark.parametrize("room", ROOMS)
@pytest.mark.parametrize("name", ["T5", "Flan-T5"])
def test_a_decoder_is_read_as_the_original_ecco_did_and_the_page_says_so(room, name):
    model, analysis = wrapped(name), ANALYSES[room]
    result = analysis.run(model, PROMPTS[model.family], analysis.Params(max_new_tokens=2, apply_final_norm=False))
    check_words(analysis, result)
    words = [analysis.summary(result), *(figure.reading for figure in analysis.charts(result))]
    assert all("As the original ecco shows it, without the final norm; not what the layer believes" in w for w in words)


@pytest.mark.parametrize("room", ["logit_lens", "token_ranks"])
def test_two_models_of_one_prompt_have_something_to_say_about_each_other(room, tiny_model):
    analysis = ANALYSES[room]
    prompt = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")
    params = analysis.Params(max_new_tokens=1)
    results = [analysis.run(tiny_model(family), prompt, params) for family in ("gpt2", "neox")]
    between = analysis.between(*results, ("a", "b"))
    ranks = np.stack([result.watched_ranks for result in results])
    rows = [row for row in between.table.rows if row[3] == "London"]
    assert [row[4] for row in rows] == ranks[:, :, 0].ravel().tolist()
    assert [row[2] for row in rows[:4]] == [0.0, 0.3333, 0.6667, 1.0]
    assert "KL divergence" in between.figures[0].reading
