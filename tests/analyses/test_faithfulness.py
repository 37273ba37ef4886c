from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pytest
from scipy.stats import kendalltau

import ecco_reports
from ecco_reports.analyses.attributing.settings import METHOD_TITLES, AttributionParams
from ecco_reports.analyses.faithfulness import Faithfulness, FaithfulnessParams
from ecco_reports.analyses.faithfulness.judging import judged
from ecco_reports.analyses.work import Extent
from ecco_reports.errors import CapabilityError
from ecco_reports.models.base import Capability, ModelFacts
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt
from ecco_reports.testing import HEATHROW, check_analysis, check_figure, check_words, round_trip, same
from tests import tiny
from tests.analyses.stubborn import silent
from tests.analyses.test_attribution import with_template
from tests.models.families import PROMPTS, wrapped
from tests.passes import counted
from tests.readings import reading_of

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = Faithfulness()
PROMPT = Prompt(name="p", text=tiny.TEXT)
METHODS = ("integrated_gradients", "saliency", "occlusion")


def run(model, prompt=PROMPT, **params):
    settings = {"max_new_tokens": 2, "methods": METHODS, "random_rankings": 20, **params}
    return ROOM.run(model, prompt, FaithfulnessParams(**settings))


def probability(model, ids, position, outcome):
    """Of one token after some others, in a pass of its own."""
    logits = model.logits(reading_of(model, ids), [position])[0]
    return logits.softmax(-1)[outcome].item()


def test_the_curves_are_what_the_model_says_of_texts_with_tokens_deleted(tiny_model):
    model = tiny_model("gpt2")
    result = run(model)
    ids = model.read(PROMPT, Decoding(max_new_tokens=2)).ids
    given = result.passage.prompt_length
    assert result.counts == tuple(range(given + 1))
    for method in result.methods:
        for index, target in enumerate(result.explained):
            order = method.orders[index].tolist()
            for count in range(given):
                for first, curve in ((order[count:], method.deletion), (order[: count or None], method.insertion)):
                    if not count and curve is method.insertion:
                        continue  # Nothing is left: another test.
                    left = [ids[unit] for unit in sorted(first)] + list(ids[given : target.after + 1])
                    expected = probability(model, left, len(left) - 1, target.outcome)
                    assert curve[index, count] == pytest.approx(expected, abs=1e-5)


def test_with_nothing_left_the_end_of_text_stands_alone(tiny_model):
    model = tiny_model("gpt2")
    result = run(model)
    end = tiny.VOCABULARY[tiny.END]
    expected = probability(model, [end], 0, result.explained[0].outcome)
    assert result.empty[0] == pytest.approx(expected, abs=1e-6)
    for method in result.methods:
        assert method.insertion[:, 0] == pytest.approx(result.empty)
        assert method.deletion[:, -1] == pytest.approx(result.empty)
        assert method.insertion[:, -1] == pytest.approx(result.full)
        assert method.deletion[:, 0] == pytest.approx(result.full)
    spoken = model.read(PROMPT, Decoding(max_new_tokens=2)).spoken
    assert result.full == pytest.approx(np.exp([one.logprob for one in spoken]), abs=1e-5)


def test_units_are_ranked_by_what_attribution_says(tiny_model):
    model = tiny_model("gpt2")
    result = run(model)
    from ecco_reports.analyses.attributing.computing import attribute

    found = attribute(model, PROMPT, AttributionParams(methods=METHODS, max_new_tokens=2))
    for mine, theirs in zip(result.methods, found.methods, strict=True):
        for order, contributions in zip(mine.orders, theirs.contributions, strict=True):
            ranked = contributions[order]
            assert (np.diff(ranked) <= 0).all()
    assert [method.signed for method in result.methods] == [True, False, True]


def test_by_magnitude_what_lowered_the_score_can_come_first(tiny_model):
    model = tiny_model("gpt2")
    signed, sizes = (run(model, ranking=ranking).methods[0].orders for ranking in ("signed", "magnitude"))
    assert not np.array_equal(signed, sizes)
    assert np.array_equal(run(model, ranking="magnitude").methods[1].orders, run(model).methods[1].orders)


def test_occlusion_by_log_probabilities_agrees_with_leaving_one_out(tiny_model):
    result = run(tiny_model("gpt2"), measured="logprob")
    integrated, saliency, occlusion = result.methods
    assert occlusion.agreement == pytest.approx((1.0, 1.0))
    # The probability rises with its logarithm.
    assert run(tiny_model("gpt2")).methods[2].agreement == pytest.approx((1.0, 1.0))
    places = np.argsort(integrated.orders, axis=1)
    truth = np.argsort(occlusion.orders, axis=1)
    expected = [kendalltau(*pair).statistic for pair in zip(places, truth, strict=True)]
    assert integrated.agreement == pytest.approx(expected)
    assert all(-1 <= tau < 1 for tau in saliency.agreement)


def test_measures_follow_from_the_curves(tiny_model):
    result = run(tiny_model("gpt2"), shares=(10, 50))
    units = len(result.units)
    assert (units, result.shares) == (8, (1, 4))
    first = judged(result, 0)[0]
    deletion, insertion = result.methods[0].deletion[0], result.methods[0].insertion[0]
    assert first.comprehensiveness.value == pytest.approx(deletion[0] - (deletion[1] + deletion[4]) / 2)
    assert first.sufficiency.value == pytest.approx(deletion[0] - (insertion[1] + insertion[4]) / 2)
    area = sum((left + right) / 2 for left, right in itertools.pairwise(insertion)) / units
    assert first.insertion.value == pytest.approx(area)
    assert first.gap.value == pytest.approx(first.insertion.value - first.deletion.value)
    mean = judged(result, None)[0].comprehensiveness
    each = [judged(result, target)[0].comprehensiveness.value for target in (0, 1)]
    assert mean.value == pytest.approx(np.mean(each))
    assert mean.interval == pytest.approx((min(each), max(each)))


def test_random_orders_stand_where_they_were_measured(tiny_model):
    result = run(tiny_model("gpt2"))
    gap = result.by_chance.gap[:, 0]
    mark = judged(result, 0)[0].gap
    assert mark.standing.orders == len(gap) == 20
    assert mark.standing.better == (gap < mark.value).sum()
    assert mark.standing.mean == pytest.approx(0, abs=1e-9)
    assert (result.random_deletion[0] <= result.random_deletion[1] + 1e-9).all()
    assert result.random_deletion[:, :, 0] == pytest.approx(np.tile(result.full, (3, 1)))
    assert result.random_insertion[:, :, 0] == pytest.approx(np.tile(result.empty, (3, 1)))


def test_with_few_units_every_order_is_tried(tiny_model):
    result = run(tiny_model("gpt2"), Prompt(name="p", text="London is the city"))
    assert result.every_order
    assert result.random.shape[1] == 24
    assert "of 24 possible orders" in ROOM.summary(result)


def test_two_units_are_too_few_to_tell_and_the_page_says_so(tiny_model):
    result = run(tiny_model("gpt2"), Prompt(name="p", text="London is"))
    check_words(ROOM, result)
    assert "2 tokens have only 2 orders, so that even the best of them could be luck." in ROOM.summary(result)
    assert all(each.verdict == "chance" for each in judged(result, None))


def test_one_unit_leaves_nothing_to_rank_and_the_page_says_so(tiny_model):
    result = run(tiny_model("gpt2"), Prompt(name="p", text="London"))
    check_words(ROOM, result)
    assert ROOM.summary(result).startswith("There is nothing to rank: the prompt has 1 token that can be taken out")
    assert (ROOM.charts(result), ROOM.table(result).rows, ROOM.metrics(result)) == ([], (), {})


def test_a_model_that_says_nothing_gets_a_page_all_the_same(tiny_model):
    result = run(silent(tiny_model("gpt2")))
    check_words(ROOM, result)
    assert ROOM.summary(result) == "There is nothing to test. The model wrote nothing."


def test_tokens_of_the_template_are_never_taken_out():
    result = run(with_template(), Prompt(name="p", text="London is the city"))
    assert result.units == ((1,), (2,), (3,), (4,))


def test_the_same_settings_give_the_same_result_and_another_seed_other_orders(tiny_model):
    first, second, third = (run(tiny_model("gpt2"), seed=seed) for seed in (0, 0, 1))
    assert same(first, second)
    assert not np.array_equal(first.random, third.random)
    assert same(first.methods[0], third.methods[0])


def test_no_text_is_scored_twice(tiny_model):
    model = copy.copy(tiny_model("gpt2"))
    asked = []
    original = model.logits_from_embeddings

    def counting(reading, embeddings, places):
        asked.append(embeddings.shape[0])
        return original(reading, embeddings, places)

    model.logits_from_embeddings = counting
    params = FaithfulnessParams(methods=("occlusion",), random_rankings=20, max_new_tokens=2)
    result = ROOM.run(model, PROMPT, params)
    # Occlusion asks for its own 9 texts, the test for each of its own once, and 4 once more by themselves.
    assert sum(asked) == 9 + result.texts + 4
    assert sum(asked) <= ROOM.variants(params, 8)


@pytest.mark.parametrize("replacement", ["delete", "baseline"])
def test_the_cost_is_known_before_where_every_token_can_be_taken_out(replacement):
    params = FaithfulnessParams(
        methods=("occlusion",), random_rankings=20, max_new_tokens=1, replacement=replacement, targets="generated"
    )
    model = wrapped("GPT-2")
    reading = model.read(PROMPT, params.decoding)
    with counted(model.module, reading) as found:
        ROOM.run(model, PROMPT, params)
    extent = Extent(Family.CAUSAL, read=8, written=1, words=8)
    said = ROOM.work(params, extent).passes
    # The counted module has one pass of its own besides: what the model said.
    assert found.passes - 1.01 <= said <= 1.4 * found.passes


@pytest.mark.parametrize(("units", "measured"), [("token", "logprob"), ("word", "probability")])
def test_it_keeps_the_contract_with_other_settings(units, measured, facts_model):
    settings = {"units": units, "measured": measured, "replacement": "baseline", "targets": "given", "steps": 3}
    result = check_analysis(Faithfulness, settings, facts_model)
    assert {*range(0, len(result.units), 3)} <= {0, *result.counts}
    assert [target.label for target in result.explained] == ["London rather than Paris"]


@pytest.mark.parametrize("name", ["BERT", "T5", "BERT (classifier)", "GPT-2 (classifier)", "BERT (answers by a span)"])
def test_it_keeps_the_contract_for_every_family(name):
    model = wrapped(name)
    settings = {"random_rankings": 20, "replacement": "baseline"}
    result = check_analysis(Faithfulness, settings, model, PROMPTS[model.family])
    fixed = {place for place, token in enumerate(result.passage.tokens) if token.special}
    assert fixed.isdisjoint({position for unit in result.units for position in unit})


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_the_proofs_hold_in_every_precision(dtype, tiny_model):
    check_words(ROOM, run(tiny_model("llama", dtype)))


def test_an_answer_by_a_span_is_not_deleted():
    model = wrapped("BERT (answers by a span)")
    prompt = PROMPTS[Family.QUESTION_ANSWERING]
    (problem,) = ROOM.problems(FaithfulnessParams(), prompt, model.facts)
    assert problem[0] == ("replacement",)
    assert problem[2] == "Write replacement: baseline."
    with pytest.raises(CapabilityError, match="write replacement: baseline"):
        run(model, prompt)


def test_occlusion_is_tested_where_a_model_gives_scores_and_no_gradients(facts_model):
    poorer = copy.copy(facts_model)
    poorer.capabilities = facts_model.capabilities - {Capability.GRADIENTS}
    poorer.reasons = {**facts_model.reasons, Capability.GRADIENTS: "taken away"}
    params = {"targets": "generated", "methods": ("occlusion", "saliency"), "max_new_tokens": 1}
    there, here = run(poorer, HEATHROW, **params), run(facts_model, HEATHROW, **params)
    assert [method.method for method in there.methods] == ["occlusion"]
    assert there.methods[0].deletion == pytest.approx(here.methods[0].deletion, abs=1e-4)
    assert there.own == pytest.approx(here.own, abs=1e-4)
    assert "Saliency: bundled:facts has no gradients" in ROOM.summary(there)
    with pytest.raises(CapabilityError, match="gradients"):
        run(poorer, HEATHROW, replacement="baseline")
    poorest = copy.copy(poorer)
    poorest.capabilities = poorer.capabilities - {Capability.SCORES}
    with pytest.raises(CapabilityError, match="log-probabilities of given tokens"):
        run(poorest, HEATHROW, **params)


def test_what_cannot_work_is_said_before(facts_model):
    def said(prompt, facts=facts_model.facts, **params):
        return [(path, what) for path, what, _ in ROOM.problems(FaithfulnessParams(**params), prompt, facts)]

    assert said(HEATHROW) == []
    one = Prompt(name="p", text="London")
    assert said(Prompt(name="p", text=" London")) == [
        (("prompt",), "a ranking needs two tokens at least, and prompt 'p' has one.")
    ]
    assert said(one, units="word") == [(("prompt",), "a ranking needs two words at least, and prompt 'p' has one.")]
    assert said(one, units="sentence") == []
    assert [path for path, _ in said(Prompt(name="p", text="It is in"), targets="given")] == [("targets",)]
    foil = Prompt(name="p", text="It is in", foil=" Paris")
    assert [path for path, _ in said(foil)] == [("prompt", "foil")]
    server = ModelFacts(ModelSpec(source="openai:x"), {})
    assert [what for _, what in said(one, server)] == ["a ranking needs two words at least, and prompt 'p' has one."]


def test_what_can_change_a_ranking_can_be_set_as_in_attribution():
    mine, theirs = FaithfulnessParams.model_fields, AttributionParams.model_fields
    assert theirs.keys() - mine.keys() == {"normalize"}
    for name in (theirs.keys() & mine.keys()) - {"methods"}:
        assert (mine[name].annotation, mine[name].default) == (theirs[name].annotation, theirs[name].default), name
    params = FaithfulnessParams(methods=("saliency",), baseline="eos", samples=8, ignore=(0,), max_new_tokens=3)
    explaining = params.attribution
    assert (explaining.methods, explaining.baseline, explaining.samples) == (("saliency",), "eos", 8)
    assert (explaining.ignore, explaining.max_new_tokens) == ((0,), 3)


def test_the_summary_names_every_method_once_and_counts_the_orders(facts_model):
    result = check_analysis(Faithfulness, {"targets": "given"}, facts_model)
    says = ROOM.summary(result).split(" Without the first")[0]
    for method in result.methods:
        assert says.count(METHOD_TITLES[method.method]) == 1
    assert "of 100 random orders" in says
    assert says.startswith("Occlusion found what the prediction “London” rather than “Paris” hangs on better than")


def test_a_score_that_nothing_moves_is_said_to_be_one(tiny_model):
    result = run(tiny_model("gpt2"))
    level = np.full_like(result.methods[0].deletion, 0.5)
    flat = result.model_copy(
        update={
            "methods": tuple(
                each.model_copy(update={"deletion": level, "insertion": level}) for each in result.methods
            ),
            "random": np.stack([0 * result.random[0], 0 * result.random[0], *(0 * result.random[2:] + 0.5)]),
            "random_deletion": 0 * result.random_deletion + 0.5,
            "full": 0 * result.full + 0.5,
            "own": 0 * result.own + 0.5,
            "empty": 0 * result.empty + 0.5,
        }
    )
    check_words(ROOM, flat)
    assert "there is hardly anything to find" in ROOM.summary(flat)
    assert "z_against_random" not in ROOM.metrics(flat)
    assert all(each.verdict == "chance" for each in judged(flat, None))


def test_a_score_that_falls_whatever_goes_is_said_to_do_so(tiny_model):
    result = run(tiny_model("gpt2"))
    drop = 0 * result.random_deletion
    drop[:, :, 0] = 0.9
    brittle = result.model_copy(update={"random_deletion": drop, "full": drop[1, :, 0], "empty": drop[1, :, -1]})
    says = "Whatever token goes first, nearly always 100% of all there is to lose goes with it"
    assert says in ROOM.summary(brittle)
    drop[2, :, 1] = 0.5  # Some tokens may go.
    assert says not in ROOM.summary(result.model_copy(update={"random_deletion": drop, "full": drop[1, :, 0]}))


def test_metrics_are_those_of_the_first_method(tiny_model):
    result = run(tiny_model("gpt2"))
    metrics = ROOM.metrics(result)
    first = judged(result, None)[0]
    assert {name: metric.direction.value for name, metric in metrics.items()} == {
        "aopc_comprehensiveness": "higher",
        "aopc_sufficiency": "lower",
        "deletion_auc": "lower",
        "z_against_random": "higher",
    }
    assert metrics["deletion_auc"].value == first.deletion.value
    assert metrics["z_against_random"].value == first.gap.standing.z


def test_the_table_has_a_row_for_every_method_and_output_and_for_chance(tiny_model):
    table = ROOM.table(run(tiny_model("gpt2")))
    assert [row[:2] for row in table.rows[:4]] == [
        (name, "mean of all outputs") for name in (*METHODS, "random orders")
    ]
    assert len(table.rows) == 3 * 4
    first = dict(zip(table.columns, table.rows[4], strict=True))
    assert first["gap"] == pytest.approx(first["insertion AUC"] - first["deletion AUC"])
    assert first["first taken out"].count(", ") == 4


def test_the_figures_show_the_numbers_of_the_result(tiny_model):
    result = run(tiny_model("gpt2"))
    trust, curves, orders = ROOM.charts(result)
    bars = trust.chart.to_dict()["datasets"]["bars"]
    assert len(bars) == 3 * 3 * 3  # Outputs and their mean, measures, methods.
    gaps = sorted((each.gap.value for each in judged(result, None)), reverse=True)
    assert [bar["v"] for bar in bars[:3]] == pytest.approx(gaps, rel=1e-3)
    lines = curves.chart.to_dict()["datasets"]["lines"]
    assert [line["d"] for line in lines[:3]] == [
        pytest.approx(each.deletion[0], rel=1e-2, abs=1e-6) for each in result.methods
    ]
    assert lines[0]["u"] == [-1, *result.methods[0].orders[0].tolist()]
    cells = orders.chart.to_dict()["datasets"]["cells"]
    best = max(judged(result, None), key=lambda each: each.gap.value).method
    (order,) = (each.orders[1] for each in result.methods if each.method == best)
    (places,) = (cell["p"] for cell in cells if (cell["t"], cell["m"]) == (1, 0))
    assert [places[unit] for unit in order] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_behind_a_server_words_are_left_out_and_bounds_are_counted(facts_model):
    from ecco_reports.models.api.model import load
    from tests.models.api.served import serving

    prompt = Prompt(name="p", text="The capital of Japan is the city of")
    params = {"targets": "generated", "max_new_tokens": 1, "random_rankings": 20}
    with serving() as running:
        model = load(ModelSpec(source="openai:facts", base_url=running.url, endpoint="completions", top_logprobs=20))
        there = run(model, prompt, **params)
    here = run(facts_model, prompt, **params)
    check_words(ROOM, there)
    assert same(there, round_trip(there))
    assert there.grain == "word"
    assert [method.method for method in there.methods] == ["occlusion"]
    inner = slice(0, -1)  # With nothing left the server has no text, and the local model one token.
    assert there.methods[0].deletion[0, inner] == pytest.approx(here.methods[-1].deletion[0, inner], abs=1e-3)
    if there.bounds:
        assert re.search(r"For \d+ of \d+ scores the server told only an upper bound", ROOM.summary(there))
    assert [check.name for check in ROOM.proof(there)] == ["the whole text among its variants"]


def test_the_bundled_classifier_is_read_right_by_leaving_words_out():
    model = ecco_reports.load_model("bundled:sentiment-classifier")
    prompt = Prompt(name="p", text="I have a weakness for old films.", target="negative", foil="positive")
    result = run(model, prompt, targets="given", baseline="mask", replacement="baseline", random_rankings=100)
    by_name = {each.method: each for each in judged(result, 0)}
    assert by_name["occlusion"].verdict == "better"
    first = result.units[int(result.methods[-1].orders[0, 0])]
    assert result.word(first) == "weakness"


def test_two_models_of_one_prompt_are_compared_method_by_method(tiny_model):
    first, second = run(tiny_model("gpt2")), run(tiny_model("llama"), methods=("occlusion", "saliency"))
    found = ROOM.between(first, second, ("one", "other"))
    assert found is not None
    for figure in found.figures:
        check_figure(figure)
    assert {row[0] for row in found.table.rows} == {"occlusion", "saliency"}
    rows = {(row[0], row[1]): row for row in found.table.rows}
    for name, result in (("one", first), ("other", second)):
        (saliency,) = (each for each in judged(result, None) if each.method == "saliency")
        assert rows["saliency", name][2:5] == (saliency.gap.value, saliency.gap.standing.better, 20)
    both = {each.method: each.verdict for each in judged(first, None)}
    again = ROOM.between(first, first, ("one", "same"))
    assert ("in both models" in again.summary) == ("better" in both.values())
    assert " only" not in again.summary
    assert ROOM.between(first, run(tiny_model("llama"), measured="logprob"), ("one", "other")) is None
    assert ROOM.between(first, run(silent(tiny_model("llama"))), ("one", "other")) is None
