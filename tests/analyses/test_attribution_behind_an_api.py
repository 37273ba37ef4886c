"""Occlusion and Shapley values of a model behind a server, against the same model on this machine."""

from __future__ import annotations

import numpy as np
import pytest

from ecco_reports.analyses.attribution import Attribution, AttributionParams
from ecco_reports.errors import CapabilityError
from ecco_reports.models.api.model import load
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Message, Prompt
from ecco_reports.testing import check_words, round_trip, same
from tests.models.api.served import serving

ROOM = Attribution()
# Words that are one token each: there cutting characters and deleting tokens are the same.
CAPITAL = Prompt(name="p", text="The capital of Japan is the city of", target=" Tokyo", foil=" Paris")
METHODS = ("integrated_gradients", "occlusion", "shapley")


def run(model, prompt=CAPITAL, **params):
    return ROOM.run(model, prompt, AttributionParams(**{"methods": METHODS, "max_new_tokens": 2, **params}))


def served(prompt=CAPITAL, endpoint="completions", top_logprobs=20, **params):
    with serving() as running:
        spec = ModelSpec(source="openai:facts", base_url=running.url, endpoint=endpoint, top_logprobs=top_logprobs)
        return run(load(spec), prompt, **params)


def test_a_server_that_repeats_prompts_gives_the_numbers_of_the_local_model(facts_model):
    there, here = served(), run(facts_model, targets="generated")
    check_words(ROOM, there)
    assert same(there, round_trip(there))
    assert there.grain == "word"
    assert [method.method for method in there.methods] == ["occlusion", "shapley"]
    (lost, shared), (_, lost_here, shared_here) = there.methods, here.methods
    assert lost.perturbed.bounds == 0
    assert there.by_column(lost) == pytest.approx(here.by_column(lost_here), abs=1e-3)
    # Of an empty prompt the server lists its best tokens only: one bound, which all units share in equal parts.
    shift = there.by_column(shared) - here.by_column(shared_here)
    assert shared.perturbed.bounds == 1
    assert np.ptp(shift, axis=1).max() < 1e-3
    assert (shift.mean(1) < 1e-3).all()


def test_what_a_server_cannot_do_is_named_beside_what_it_can():
    there = served()
    assert "Integrated gradients: openai:facts has no gradients" in ROOM.summary(there)
    assert "“Tokyo” rather than “Paris”: only what openai:facts says itself can be scored." in ROOM.summary(there)
    assert "tokenizes what is left of a prompt anew" in ROOM.charts(there)[0].reading


def test_a_server_that_only_lists_its_best_tokens_gives_bounds_and_the_page_says_so(facts_model):
    said = Prompt(name="p", text=CAPITAL.text, messages=(Message(role="user", content=CAPITAL.text),))
    there = served(said, "chat", top_logprobs=2, max_new_tokens=1, methods=("occlusion",))
    (mine,) = there.methods
    (theirs,) = run(facts_model, methods=("occlusion",), targets="generated", max_new_tokens=1).methods
    bounded = mine.perturbed.at_least[0, : len(there.units)]
    assert bounded.any()
    assert not bounded.all()
    found, true = there.by_column(mine)[0], np.asarray(theirs.contributions[0, :8])
    assert found[~bounded] == pytest.approx(true[~bounded], abs=1e-3)
    assert (found[bounded] <= true[bounded] + 1e-3).all()
    assert f"for {mine.perturbed.bounds} of 9 scores the server told only an upper bound" in ROOM.summary(there)
    table = ROOM.table(there)
    assert [row[table.columns.index("at least")] for row in table.rows] == bounded.tolist()
    check_words(ROOM, there)


def test_what_only_a_local_model_can_do_is_refused_with_the_reason():
    for params, why in (
        ({"methods": ("saliency",)}, "has no gradients"),
        ({"methods": ("shapley",), "replacement": "baseline"}, "has no gradients"),
        ({"methods": ("shapley",), "score": "probability"}, "log-probabilities only"),
    ):
        with pytest.raises(CapabilityError, match=why):
            served(**params)


def test_a_target_that_the_server_said_itself_can_be_explained():
    said = CAPITAL.model_copy(update={"foil": None})
    result = served(said, methods=("occlusion",), targets="given")
    assert [(one.label, one.said) for one in result.explained] == [("·Tokyo", 0)]
    other = said.model_copy(update={"target": " Oslo"})
    with pytest.raises(CapabilityError, match="cannot explain “Oslo”: only what openai:facts says itself"):
        served(other, methods=("occlusion",), targets="given")
