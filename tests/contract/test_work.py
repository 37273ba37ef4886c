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

# How many times what is done may be said. Usually half as much again: a text may end early.
USUAL = 1.5
# A second and a third step of a finite difference are tried only where the first is not exact. Texts with parts deleted
# are shorter, and no text is asked for twice.
LOOSE = 3.5
# Integrated gradients take 32 nodes, and up to 480 where completeness wants them; and a prompt may name a target.
LADDER = 30.0
# The signs of a template and masks are read, and are not left out.
A_FEW = 3

SETTINGS = {
    "generation": {USUAL: [{}, {"beams": 4}, {"repetition_penalty": 1.2}]},
    "attribution": {
        LADDER: [{}],
        LOOSE: [
            {"methods": ["input_x_gradient", "saliency"]},
            {"methods": ["shapley"], "samples": 8},
            {"methods": ["occlusion", "shapley"], "samples": 4},
        ],
        USUAL: [
            {"methods": ["occlusion"]},
            {"methods": ["occlusion"], "units": "word"},
            {"methods": ["occlusion"], "replacement": "baseline"},
        ],
    },
    "faithfulness": {
        LADDER: [{}],
        LOOSE: [
            {"methods": ["occlusion"], "random_rankings": 20, "max_new_tokens": 1},
            {"methods": ["saliency"], "replacement": "baseline", "max_new_tokens": 1},
            {"methods": ["saliency", "occlusion"], "units": "word", "steps": 3, "max_new_tokens": 1},
        ],
    },
    "hidden_states": {USUAL: [{}, {"stack": "main"}, {"layers": [0, 2], "measures": []}]},
    "neuron_factors": {
        USUAL: [{"n_components": 2, "special_tokens": "keep"}, {"n_components": 2, "stack": "encoder"}],
    },
}
"""What to try of a room that costs differently with its settings; of the others the defaults."""


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


CASES = [
    (name, slack, settings)
    for name in ANALYSES
    for slack, group in SETTINGS.get(name, {USUAL: [{}]}).items()
    for settings in group
]


@pytest.mark.parametrize(
    ("name", "slack", "settings"), CASES, ids=[f"{name} {settings}" for name, _, settings in CASES]
)
def test_a_room_costs_what_it_says(name, slack, settings):
    analysis, tried = ANALYSES[name], 0
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
        # One pass is the look at the whole text, which all analyses of a prompt share.
        assert found.passes <= said.passes + 1.01, what
        assert found.backwards <= said.backwards + 0.01, what
        assert found.readouts <= said.readouts, what
        assert said.passes <= slack * found.passes + A_FEW, what
        assert said.backwards <= slack * found.backwards + A_FEW, what
        assert said.readouts <= slack * found.readouts + A_FEW, what
    assert tried, f"{name} was tried on no model"
