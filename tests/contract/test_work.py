"""What a room says it costs is what it costs: counted inside the blocks of small models of every family."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ecco_reports.analyses import ANALYSES, DecodingParams
from ecco_reports.analyses.preflight import family_problems, length_problems
from ecco_reports.errors import CapabilityError
from ecco_reports.models.configs import shape_of
from ecco_reports.plan.effort import extent_of, shared_passes
from ecco_reports.records import Decoding
from tests.models.families import PROMPTS, wrapped
from tests.passes import counted

pytestmark = pytest.mark.usefixtures("one_thread")

MODELS = ("GPT-2", "Llama", "BERT", "T5", "BART", "BERT (classifier)", "BERT (answers by a span)")

SETTINGS = {
    "attribution": [
        {"methods": ["saliency"]},
        {"methods": ["input_x_gradient", "saliency"]},
        {"methods": ["occlusion"]},
        {"methods": ["occlusion"], "units": "word"},
        {"methods": ["occlusion"], "replacement": "baseline"},
        {"methods": ["shapley"], "samples": 8},
        {"methods": ["occlusion", "shapley"], "samples": 4},
    ],
}
"""Settings to try beside the defaults."""

AT_MOST = {("attribution", "{}")}
"""Rooms and settings whose cost depends on what the model says, so that far less may be done than was said."""

SAYS_NOTHING_YET: set[str] = {"attribution", "generation", "logit_lens", "token_ranks"}


def possible(analysis, params, model, prompt):
    """Whether a model can do what is asked, of this prompt."""
    about = params, prompt, model.facts
    if list(length_problems(*about)) or list(family_problems(*about)) or list(analysis.problems(*about)):
        return False
    try:
        model.demand(analysis.needs(params))
    except CapabilityError:
        return False
    return True


def measured(analysis, params, model, prompt):
    """What an analysis says it does, and what it does beside writing; None where it finds that it cannot."""
    config = {**model.module.config.to_dict(), "architectures": [type(model.module).__name__]}
    facts = replace(model.facts, shape=shape_of(config, model.family))
    extent = extent_of(prompt, params, facts)
    said = analysis.work(params, extent)
    decoding = params.decoding if isinstance(params, DecodingParams) else Decoding()
    reading = model.read(prompt, decoding)
    with counted(model.module, reading) as found:
        try:
            analysis.run(model, prompt, params)
        except CapabilityError:
            return said, None
    assert shared_passes(prompt, decoding, extent) >= 1
    return said, found


@pytest.mark.parametrize("name", [name for name in ANALYSES if name not in SAYS_NOTHING_YET])
def test_a_room_costs_what_it_says(name):
    analysis, tried = ANALYSES[name], 0
    for settings in [{}, *SETTINGS.get(name, [])]:
        params = analysis.Params(**settings)
        for kind in MODELS:
            model = wrapped(kind)
            prompt = PROMPTS[model.family]
            if not possible(analysis, params, model, prompt):
                continue
            said, found = measured(analysis, params, model, prompt)
            if found is None:
                continue
            tried += 1
            what = f"{name} {settings} on {kind}: said {said}, found {found.passes:.2f} passes, "
            what += f"{found.backwards:.2f} backwards, {found.readouts} readouts"
            assert found.passes <= said.passes + 1.01, what
            assert found.backwards <= said.backwards + 0.01, what
            assert found.readouts <= said.readouts, what
            if (name, str(settings)) not in AT_MOST:
                assert said.passes <= 1.5 * found.passes + 1, what
                assert said.backwards <= 1.5 * found.backwards + 1, what
                assert said.readouts <= 1.5 * found.readouts + 1, what
    assert tried, f"{name} was tried on no model"


def test_every_room_says_what_it_costs():
    assert not SAYS_NOTHING_YET
