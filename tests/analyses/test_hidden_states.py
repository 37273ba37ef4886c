"""The room of hidden states: what it stores is what the library hands from layer to layer, and what it says holds."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import torch

import ecco_reports
from ecco_reports.analyses.hidden_states import HiddenStates, HiddenStatesParams
from ecco_reports.analyses.hidden_states.comparing import Side, by_chance
from ecco_reports.analyses.layers import LayerRange
from ecco_reports.analyses.preflight import family_problems
from ecco_reports.analyses.work import Extent
from ecco_reports.errors import CapabilityError
from ecco_reports.methods.similarity import cka, mean_cca, pwcca, subspace
from ecco_reports.methods.stream import means
from ecco_reports.models.base import Capability, Stack
from ecco_reports.models.huggingface import wrap
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Family, Prompt
from ecco_reports.testing import check_analysis, check_words, round_trip, same
from tests import zoo
from tests.models.families import PLAIN, PROMPTS, raw, tokenizer_of, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = HiddenStates()
TEXT = (
    "The capital of Japan is the city of Tokyo. The people of France speak French. "
    "The keys to the cabinet are on the table. The people of Brazil speak Portuguese."
)
PARAGRAPH = Prompt(name="p", text=TEXT)
TINY = [
    *("GPT-2", "Llama", "BERT", "ALBERT", "T5", "BART", "Mamba"),
    *("BERT (classifier)", "GPT-2 (classifier)", "BERT (answers by a span)"),
]


def run(model, prompt=PARAGRAPH, **params):
    return ROOM.run(model, prompt, HiddenStatesParams(**params))


@pytest.fixture(scope="module")
def facts():
    return ecco_reports.load_model("bundled:facts")


@pytest.fixture(scope="module")
def masked():
    return ecco_reports.load_model("bundled:masked")


@pytest.fixture(scope="module")
def of_facts(facts):
    return run(facts, max_new_tokens=2)


@pytest.fixture(scope="module")
def of_masked(masked):
    return run(masked)


@pytest.mark.parametrize("name", TINY)
def test_the_room_keeps_the_contract_for_every_family(name):
    model = wrapped(name)
    check_analysis(HiddenStates, None, model, PROMPTS[model.family])


@pytest.mark.parametrize(
    "source", ["bundled:facts", "bundled:masked", "bundled:sentiment", "bundled:sentiment-classifier"]
)
def test_the_room_keeps_the_contract_for_the_bundled_models(source):
    check_analysis(HiddenStates, {"centre": "layer"}, ecco_reports.load_model(source), PARAGRAPH)


def test_what_is_stored_are_the_hidden_states_of_the_library():
    model = wrapped("GPT-2")
    result = run(model, PROMPTS[Family.CAUSAL], max_new_tokens=2)
    ids = torch.tensor([[token.id for token in result.passage.tokens]])
    with torch.no_grad():
        hidden = raw("GPT-2")(ids, output_hidden_states=True).hidden_states
    assert result.whole
    assert result.kept.shape == (4, ids.shape[1], 32)
    for state, theirs in zip(result.kept[:-1], hidden[:-1], strict=True):
        assert np.array_equal(state, theirs[0].numpy())
    assert result.norms[1] == pytest.approx(hidden[1][0].norm(dim=-1).numpy(), rel=1e-5)
    cosine = torch.nn.functional.cosine_similarity(hidden[0][0], hidden[1][0], dim=-1).numpy()
    assert result.cosines[0] == pytest.approx(cosine, abs=1e-5)
    change = ((hidden[2] - hidden[1]).norm(dim=-1) / hidden[1].norm(dim=-1))[0].numpy()
    assert result.changes[1] == pytest.approx(change, rel=1e-5)


def test_the_grids_are_the_measures_of_the_stored_vectors(of_facts):
    words = of_facts.kept[:, list(of_facts.text)]
    one, other = words[1], words[4]
    grids = of_facts.similarities
    assert grids["cka"][1, 4] == pytest.approx(cka(one, other), abs=1e-5)
    assert grids["cka_biased"][1, 4] == pytest.approx(cka(one, other, debiased=False), abs=1e-5)
    assert grids["cca"][1, 4] == pytest.approx(mean_cca(subspace(one), subspace(other)), abs=1e-5)
    assert grids["svcca"][1, 4] == pytest.approx(
        mean_cca(subspace(one).holding(0.99), subspace(other).holding(0.99)), abs=1e-5
    )
    assert grids["pwcca"][1, 4] == pytest.approx(pwcca(subspace(one), subspace(other)), abs=1e-5)
    assert grids["pwcca"][1, 4] != grids["pwcca"][4, 1]
    for grid in grids.values():
        assert np.diag(grid) == pytest.approx(1, abs=1e-5)


def test_shuffled_tokens_show_what_the_biased_measures_make_of_chance(of_facts):
    assert abs(of_facts.chance["cka"]) < 0.1
    assert min(of_facts.chance[one] for one in ("cka_biased", "cca", "svcca", "pwcca")) > 0.15
    side = Side.of(of_facts.kept[:, list(of_facts.text)])
    found = by_chance(("cka", "pwcca"), side, side, list(pairwise(range(7))))
    assert found == pytest.approx({measure: of_facts.chance[measure] for measure in found})


def test_tokens_of_the_template_are_compared_only_when_asked_for(of_masked, masked):
    labels = [of_masked.passage.tokens[position].label for position in of_masked.positions]
    assert (labels[0], labels[-1]) == ("[CLS]", "[SEP]")
    assert of_masked.text == tuple(range(1, len(labels) - 1))
    everything = run(masked, template_tokens=True)
    assert everything.text == tuple(range(len(labels)))
    assert everything.similarities["cka"][0, 3] != of_masked.similarities["cka"][0, 3]
    assert np.array_equal(everything.norms, of_masked.norms)


def test_an_encoder_decoder_shows_its_encoder_unless_its_decoder_is_asked_for():
    model = ecco_reports.load_model("bundled:sentiment")
    encoder, decoder = run(model), run(model, stack="main")
    border = encoder.passage.encoder_length
    assert (encoder.stack, encoder.positions) == (Stack.ENCODER, tuple(range(border)))
    assert (decoder.stack, decoder.positions[0]) == (Stack.MAIN, border)
    assert " of the encoder " in ROOM.summary(encoder)
    assert " of the decoder " in ROOM.summary(decoder)
    assert encoder.readout_gap is None
    assert decoder.readout_gap < 1e-4


def test_layers_and_positions_can_be_chosen(facts, of_facts):
    few = run(facts, layers=["embedding", 2, -1], positions=[-1, 1, 2, 3, 4], max_new_tokens=2)
    assert few.states == (0, 3, 6)
    assert few.positions == (1, 2, 3, 4, few.passage.prompt_length - 1)
    assert np.array_equal(few.kept[1, 0], of_facts.kept[3, 1])
    change = np.linalg.norm(of_facts.kept[3, 1] - of_facts.kept[0, 1]) / np.linalg.norm(of_facts.kept[0, 1])
    assert few.changes[0, 0] == pytest.approx(change, rel=1e-5)
    assert few.readout_gap is not None
    assert run(facts, layers=LayerRange(last=1)).states == (0, 1, 2)
    assert run(facts, layers=[0]).readout_gap is None


@pytest.mark.parametrize(
    ("text", "why"),
    [("Rain", "there is 1."), ("Rain and sea", "there are 3.")],
)
def test_with_fewer_than_four_tokens_the_rest_is_shown_and_it_is_said_what_is_not(text, why):
    model = wrapped("BERT")
    result = run(model, Prompt(name="p", text=text.lower()))
    check_words(ROOM, result)
    assert result.similarities == {}
    sentence = f"Layers are not compared: that takes 4 tokens of the text, and {why}"
    assert ROOM.summary(result).endswith(sentence)
    figures = {figure.id: figure for figure in ROOM.charts(result)}
    assert set(figures) == {"movement", "ways", "dimensions"}
    assert figures["movement"].reading.endswith(sentence)


def test_one_layer_alone_has_lengths_and_dimensions(facts):
    result = run(facts, layers=[3])
    check_words(ROOM, result)
    assert [figure.id for figure in ROOM.charts(result)] == ["movement", "dimensions"]
    assert ROOM.summary(result).endswith("Layers are not compared: there is only one.")
    assert "largest_change" not in ROOM.metrics(result)


def test_a_layer_that_stands_out_is_named(of_facts):
    changes = np.median(of_facts.changes[:, list(of_facts.text)], axis=1)
    layer = int(changes.argmax())
    assert ROOM.summary(of_facts).startswith(f"Layer {layer} changes the stream most")
    assert ROOM.metrics(of_facts)["largest_change_layer"].value == layer
    assert ROOM.metrics(of_facts)["largest_change"].value == pytest.approx(changes[layer])
    neighbours = np.diag(of_facts.similarities["cka"], 1).mean()
    assert ROOM.metrics(of_facts)["neighbour_cka"].value == pytest.approx(neighbours)


def massive():
    """A tiny model whose embedding of the first word has one enormous number."""
    module = zoo.BY_NAME["GPT-2"].build()
    first = zoo.VOCABULARY["Heathrow"]
    module.transformer.wte.weight[first, 5] = 9000.0
    return wrap(module, tokenizer_of(Family.CAUSAL))


def test_a_massive_activation_is_found_and_named():
    result = run(massive(), PROMPTS[Family.CAUSAL], max_new_tokens=1)
    assert (result.massive[0].token, result.massive[0].dimension) == (0, 5)
    assert abs(result.massive[0].value) > 8000
    (figure,) = [figure for figure in ROOM.charts(result) if figure.id == "dimensions"]
    assert "Massive activations: " in figure.reading
    assert "at Heathrow, dimension 5, " in figure.reading
    assert result.dimensions[0] == 5


def test_a_broken_number_fails_its_check(of_facts):
    for field, name in {
        "stream_gap": "stream",
        "components_gap": "variance",
        "kept_gap": "stored vectors",
        "readout_gap": "readout identity",
        "self_gap": "likeness to itself",
    }.items():
        broken = of_facts.model_copy(update={field: 0.5})
        assert [check.name for check in ROOM.proof(broken) if not check.passed] == [name]


def test_vectors_that_would_fill_the_disk_are_stored_in_fewer_numbers(monkeypatch, facts, of_facts):
    from ecco_reports.analyses.hidden_states import computing

    monkeypatch.setattr(computing, "MOST_KEPT", of_facts.kept.size // 3)
    result = run(facts, max_new_tokens=2)
    assert not result.whole
    assert result.kept.size <= of_facts.kept.size // 3
    assert result.kept_share == pytest.approx(1, abs=1e-6)
    one, other = result.kept[2].astype(float), of_facts.kept[2].astype(float)
    assert one @ one.T == pytest.approx(other @ other.T, rel=1e-4, abs=1e-2)
    meeting = ROOM.between(result, result, ("a", "b"))
    assert "PWCCA, weighted by the row" not in meeting.table.columns
    assert same(result, round_trip(result))


def test_two_models_are_compared_over_the_parts_that_both_have(of_facts, of_masked):
    meeting = ROOM.between(of_facts, of_masked, ("causal", "masked"))
    (figure,) = meeting.figures
    assert all(check.passed for check in meeting.checks)
    assert len(meeting.table.rows) == 7 * 7
    from ecco_reports.analyses.alignment import aligned_units

    units = aligned_units(of_facts.passage, of_masked.passage)
    one, other = (
        means(result.kept, [pair[side] for pair in units]) for side, result in enumerate((of_facts, of_masked))
    )
    row = {(line[0], line[1]): line[2:] for line in meeting.table.rows}["2", "embedding"]
    assert row[0] == pytest.approx(cka(one[3], other[0]), abs=1e-6)
    assert row[1] == pytest.approx(cka(one[3], other[0], debiased=False), abs=1e-6)
    assert row[2] == pytest.approx(mean_cca(subspace(one[3]), subspace(other[0])), abs=1e-6)
    assert figure.chart.to_dict(validate=True)
    assert f"Over {len(units)} parts of the text, " in meeting.summary
    assert "If the parts are shuffled for one model, chance is left: CKA " in figure.reading


def test_a_model_resembles_itself_as_its_layers_resemble_each_other(of_masked):
    meeting = ROOM.between(of_masked, of_masked, ("one", "other"))
    found = np.array([row[2] for row in meeting.table.rows]).reshape(7, 7)
    assert found == pytest.approx(of_masked.similarities["cka"], abs=1e-5)


def test_texts_without_four_common_parts_are_not_compared(facts, masked):
    short = Prompt(name="p", text="London is")
    assert ROOM.between(run(facts, short), run(masked, short), ("a", "b")) is None
    decoder = run(ecco_reports.load_model("bundled:sentiment"), stack="main")
    assert ROOM.between(decoder, run(masked), ("a", "b")) is None


@pytest.mark.parametrize(
    ("source", "params", "path", "words"),
    [
        ("bundled:facts", {"stack": "encoder"}, ("stack",), "one stack of layers"),
        ("bundled:facts", {"layers": [9]}, ("layers", 0), "layer 9 is out of range"),
        ("bundled:facts", {"positions": [99]}, ("positions",), "position 99 is out of range"),
        ("bundled:masked", {"positions": [0, -1]}, ("positions",), "nothing but tokens of the template"),
        ("bundled:sentiment", {"stack": "main", "positions": [0]}, ("positions",), "which the encoder reads"),
    ],
)
def test_what_cannot_work_is_said_before_anything_runs(source, params, path, words):
    known = facts_of(ModelSpec(source=source))
    ((where, what, hint),) = ROOM.problems(HiddenStatesParams(**params), PARAGRAPH, known)
    assert where == path
    assert words in what
    assert hint


def test_a_masked_model_may_read_a_text_without_a_mask():
    known = facts_of(ModelSpec(source="bundled:masked"))
    assert not list(family_problems(HiddenStatesParams(), PARAGRAPH, known))
    questions = replace(known, family=Family.QUESTION_ANSWERING)
    assert not list(family_problems(HiddenStatesParams(), PARAGRAPH, questions))


def test_a_layer_that_an_encoder_lacks_is_refused_with_its_number():
    model = wrapped("T5")
    assert not list(ROOM.problems(HiddenStatesParams(layers=[7]), PLAIN, model.facts))
    with pytest.raises(CapabilityError, match="layer 7 is out of range: the model has 3 layers"):
        run(model, PLAIN, layers=[7])


def test_a_model_behind_a_server_is_refused_politely(monkeypatch):
    model = wrapped("GPT-2")
    monkeypatch.setattr(model, "capabilities", model.capabilities - {Capability.STATES})
    monkeypatch.setattr(model, "reasons", {**model.reasons, Capability.STATES: "only its text can be had"})
    with pytest.raises(CapabilityError, match="no residual stream between its layers: only its text can be had"):
        run(model, PLAIN)


class Counting:
    """How many passes a module makes."""

    def __init__(self, module):
        self.count = 0
        module.register_forward_pre_hook(self._seen)

    def _seen(self, *_):
        self.count += 1


@pytest.mark.parametrize("name", ["GPT-2", "BERT", "T5"])
def test_the_work_is_what_it_says(name):
    module = zoo.BY_NAME[name].build()
    family = zoo.BY_NAME[name].family
    model = wrap(module, tokenizer_of(family))
    params = HiddenStatesParams(max_new_tokens=1)
    reading = model.read(PROMPTS[family], params.decoding)
    model.logits(reading, reading.places)  # The pass that all analyses of a prompt share.
    counting = Counting(module)
    ROOM.run(model, PROMPTS[family], params)
    extent = Extent(family=family, read=len(reading.ids), written=1, words=8, layers=3, width=32)
    work = ROOM.work(params, extent)
    assert work.passes + work.readouts == counting.count
    assert work.backwards == 0
    every_state = 4 * 32 * len(reading.ids)
    assert 8 * every_state < work.memory < 100 * every_state + 8 * 32**2


def test_the_figures_of_a_long_text_on_a_deep_model_stay_small():
    """A hundred tokens and twelve layers of 768 dimensions: what a page may weigh."""
    chance = np.random.default_rng(0)
    model = wrapped("BERT")
    result = run(model, Prompt(name="p", text=" ".join(["rain", "sea", "cat", "dog"] * 5)))
    tokens, states = 100, 13
    labels = result.passage.tokens[1]
    passage = result.passage.model_copy(update={"tokens": (labels,) * tokens, "prompt_length": tokens})
    grids = {measure: chance.random((states, states)) for measure in result.similarities}
    big = result.model_copy(
        update={
            "passage": passage,
            "states": tuple(range(states)),
            "positions": tuple(range(tokens)),
            "text": tuple(range(tokens)),
            "norms": chance.random((states, tokens)) * 100,
            "changes": chance.random((states - 1, tokens)),
            "cosines": chance.random((states - 1, tokens)),
            "components": chance.normal(size=(states, tokens, 3)),
            "similarities": grids,
            "values": chance.normal(size=(states, 12)),
            "times": chance.random((states, 12)),
            "peaks": np.zeros((states, 12), int),
        }
    )
    sizes = {
        figure.id: len(json.dumps(figure.chart.to_dict(validate=False), separators=(",", ":")))
        for figure in ROOM.charts(big)
    }
    assert max(sizes.values()) < 100_000
    assert sum(sizes.values()) < 200_000


def test_sides_are_prepared_once_for_all_measures():
    side = Side.of(np.random.default_rng(0).normal(size=(2, 40, 6)))
    assert {measure: found.tolist() for measure, found in side.directions().items()} == {
        "cca": [6, 6],
        "svcca": [6, 6],
        "pwcca": [6, 6],
    }
