"""The engine that all rooms with attributions share: what a number stands for, what is left out, and what it costs."""

from __future__ import annotations

import functools
from itertools import product

import numpy as np
import pytest
import torch
from captum.attr import LayerIntegratedGradients

import ecco_reports
from ecco_reports.analyses.attributing import asking
from ecco_reports.analyses.attributing.asking import problems_of, variants_of, work_of
from ecco_reports.analyses.attributing.computing import attribute
from ecco_reports.analyses.attributing.settings import BY_CAPTUM, GRADIENTS, METHOD_TITLES, AttributionParams
from ecco_reports.analyses.work import Extent
from ecco_reports.errors import CapabilityError
from ecco_reports.methods import gradients, slopes, variants
from ecco_reports.models.base import Capability
from ecco_reports.models.huggingface import wrap
from ecco_reports.records import Family, Prompt
from tests import tiny
from tests.models import families

pytestmark = pytest.mark.usefixtures("one_thread")

PROMPT = Prompt(name="p", text=tiny.TEXT)
EVERY = tuple(METHOD_TITLES)
REVIEW = Prompt(name="p", text="sst2 sentence: The film is bad. The end is good.")


def run(model, prompt=PROMPT, **params):
    defaults = {"max_new_tokens": 2, "samples": 8, "variants": 32, "replacement": "baseline"}
    return attribute(model, prompt, AttributionParams(**defaults | params))


@pytest.fixture(scope="module")
def bundled(one_thread):
    return functools.cache(lambda name: ecco_reports.load_model(f"bundled:{name}"))


MODELS = ["GPT-2", "Llama", "BERT", "T5", "BERT (classifier)", "GPT-2 (classifier)", "BERT (answers by a span)"]
# What each method's own proof may leave in single precision; LIME and DeepLift prove nothing of the kind. The kinks of
# a random T5's ReLUs leave 0.0102 of integrated gradients at 256 nodes, of 0.01 that are asked for.
TOLERANCES = {
    "integrated_gradients": 0.015,
    "input_x_gradient": 0.05,
    "saliency": 0.05,
    "smooth_grad": 0.05,
    "gradient_shap": 5.0,
    "attention": 1e-5,
    "attention_rollout": 1e-6,
    "occlusion": 1e-4,
    "shapley": 1e-6,
    "kernel_shap": 1e-4,
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("units", ["token", "word", "sentence"])
def test_every_method_explains_every_family_in_any_unit_and_proves_it(name, units):
    model = families.wrapped(name)
    result = run(model, families.PROMPTS[model.family], methods=EVERY, units=units, baseline="eos")
    assert [method.method for method in result.methods] == list(EVERY)
    for method in result.methods:
        assert method.contributions.shape == (len(result.explained), len(result.passage.tokens))
        assert np.isfinite(method.contributions).all()
        assert method.leak == 0.0
        assert method.residuals.max() <= TOLERANCES.get(method.method, np.inf), method.method
        by_column = result.by_column(method)
        assert by_column.sum(-1) == pytest.approx(method.contributions.sum(-1), abs=1e-4)
        if result.adds_up(method) and method.method not in ("deep_lift", "gradient_shap"):
            assert by_column.sum(-1) == pytest.approx(method.scores - method.baseline_scores, abs=0.05)


def test_a_unit_carries_what_its_tokens_carry_and_what_was_written_stays_apart(bundled):
    text = Prompt(
        name="p", text="The capital of Japan is the city of Tokyo. Heathrow airport is located in the city of"
    )
    tokens, words, sentences = (
        run(bundled("facts"), text, methods=("integrated_gradients", "occlusion"), units=units)
        for units in ("token", "word", "sentence")
    )
    gradients_by_token = tokens.methods[0].contributions
    for result in (words, sentences):
        columns, given = result.columns(result.methods[0]), result.passage.prompt_length
        assert result.methods[0].contributions == pytest.approx(gradients_by_token)
        assert columns[-2:] == ((given,), (given + 1,))
        assert result.by_column(result.methods[0])[1, -2] == pytest.approx(gradients_by_token[1, given])
        assert result.columns(result.methods[1]) == result.units
    assert len(sentences.units) == 2
    assert sentences.word(sentences.units[0]) == "The capital of Japan is the city of Tokyo."
    first = sentences.by_column(sentences.methods[0])[:, 0]
    assert first == pytest.approx(gradients_by_token[:, list(sentences.units[0])].sum(-1))


def test_norms_of_a_unit_are_the_sum_of_the_norms_of_its_tokens(bundled):
    for aggregation in ("l2", "absolute"):
        tokens, words = (
            run(bundled("facts"), methods=("input_x_gradient",), units=units, aggregation=aggregation)
            for units in ("token", "word")
        )
        (method,) = words.methods
        expected = [tokens.methods[0].contributions[:, list(column)].sum(-1) for column in words.columns(method)]
        assert words.by_column(method) == pytest.approx(np.stack(expected, -1))
        assert words.by_column(method).min() >= 0
        assert not words.is_signed(method)


def test_absolute_is_the_sum_of_magnitudes_and_never_less_than_the_others(tiny_model):
    model = tiny_model("gpt2")
    by_sum, by_norm, by_size = (
        run(model, methods=("input_x_gradient",), aggregation=how).methods[0].contributions
        for how in ("sum", "l2", "absolute")
    )
    assert (by_size >= by_norm - 1e-6).all()
    assert (by_norm * tiny.WIDTH**0.5 >= by_size - 1e-5).all()
    assert (by_size >= np.abs(by_sum) - 1e-6).all()


def ecco_percentages(module, ids, token, nodes):
    """The original's numbers: integrated gradients of the probability from zero, L2 norms, divided by their sum."""

    def probability(embedded):
        return module(inputs_embeds=embedded).logits[:, -1].softmax(-1)

    from captum.attr import IntegratedGradients

    embedded = module.get_input_embeddings()(ids)
    found = IntegratedGradients(probability).attribute(embedded, target=token, n_steps=nodes)
    norms = found.norm(dim=-1)[0]
    return (norms / norms.sum()).numpy()


def test_the_familiar_percentages_of_the_original_come_out(tiny_model):
    from ecco_reports.analyses.attribution.words import shown_values

    module = tiny.build("gpt2")
    params = {"score": "probability", "baseline": "zero", "aggregation": "l2", "normalize": True}
    result = run(tiny_model("gpt2"), **params)
    (method,) = result.methods
    shown, ids = shown_values(result, method), [token.id for token in result.passage.tokens]
    assert set(method.steps.tolist()) == {32}
    for row, one in zip(shown, result.explained, strict=True):
        expected = ecco_percentages(module, torch.tensor([ids[: one.after + 1]]), one.outcome, 32)
        assert row[: one.after + 1] == pytest.approx(expected, abs=1e-5)
        assert row.sum() == pytest.approx(1.0, abs=1e-6)


def test_layers_of_embeddings_agree_with_the_original_too(tiny_model):
    """The same percentages from captum's LayerIntegratedGradients, which starts at the token numbers."""
    from ecco_reports.analyses.attribution.words import shown_values

    module = tiny.build("gpt2")
    params = {"score": "probability", "baseline": "eos", "aggregation": "l2", "normalize": True, "max_new_tokens": 1}
    result = run(tiny_model("gpt2"), **params)
    ids = torch.tensor([[token.id for token in result.passage.tokens[: result.passage.prompt_length]]])
    layer = LayerIntegratedGradients(lambda ids: module(ids).logits[:, -1].softmax(-1), module.get_input_embeddings())
    norms = layer.attribute(ids, torch.zeros_like(ids), target=result.explained[0].outcome, n_steps=32).norm(dim=-1)[0]
    shown = shown_values(result, result.methods[0])[0, : ids.shape[1]]
    assert shown == pytest.approx((norms / norms.sum()).numpy(), abs=1e-5)


def test_each_replacement_puts_something_else_there_and_keeps_the_whole_text(tiny_model):
    model = tiny_model("llama")
    found = {}
    for replacement in ("delete", "attention", "baseline", "zero", "mean", "eos", "unk"):
        result = run(model, methods=("occlusion",), replacement=replacement, baseline="zero")
        (method,) = result.methods
        assert method.perturbed.gaps.max() < 1e-4
        found[replacement] = method.contributions
    assert found.pop("baseline") == pytest.approx(found["zero"])
    for one, other in product(found, found):
        assert (one == other) or not np.allclose(found[one], found[other], atol=1e-3)


def test_a_token_that_the_model_has_not_is_asked_for_in_vain(tiny_model):
    model = tiny_model("gpt2")
    with pytest.raises(CapabilityError, match="pad needs a token of that kind"):
        run(model, methods=("occlusion",), replacement="pad")
    both = run(model, methods=("saliency", "occlusion"), replacement="pad")
    assert [method.method for method in both.methods] == ["saliency"]
    assert "pad needs a token of that kind" in both.left_out[0]


def test_an_answer_is_explained_as_a_whole_and_by_its_ends():
    model = families.wrapped("BERT (answers by a span)")
    asked = families.QUESTION.model_copy(update={"target": "the cat sat", "foil": "the dog"})
    result = run(model, asked, methods=("integrated_gradients", "attention"), tolerance=1e-3)
    assert [one.kind for one in result.explained] == ["span", "start", "end", "span", "start", "end"]
    whole, start, end, said = result.explained[:4]
    assert whole.label == "the cat sat rather than the dog"
    assert whole.phrase == "the answer “the cat sat” rather than “the dog”"
    assert result.passage.tokens[start.outcome].text == "the"
    assert (whole.outcome, whole.end) == (start.outcome, end.outcome)
    assert (said.outcome, said.end) == tuple(
        token for token in (result.explained[4].outcome, result.explained[5].outcome)
    )
    scores = result.methods[0].scores
    assert scores[3] == pytest.approx(scores[4] + scores[5], abs=1e-5)
    gaps = result.methods[0].contributions.sum(-1) - scores + result.methods[0].baseline_scores
    assert np.abs(gaps).max() < 0.01
    given = run(model, asked, methods=("attention",), targets="given")
    assert [one.kind for one in given.explained] == ["span", "start", "end"]
    generated = run(model, asked, methods=("attention",), targets="generated")
    assert [one.said for one in generated.explained] == [None, 0, 1]


def test_what_the_model_answers_itself_is_not_asked_twice():
    model = families.wrapped("BERT (answers by a span)")
    said = run(model, families.QUESTION, methods=("attention",)).explained[0].token.text
    result = run(model, families.QUESTION.model_copy(update={"target": said}), methods=("attention",))
    assert [one.kind for one in result.explained] == ["span", "start", "end"]


def test_ignored_tokens_are_not_shown_and_not_lost(bundled):
    plain = run(bundled("sentiment"), REVIEW, methods=("saliency", "occlusion"))
    result = run(
        bundled("sentiment"), REVIEW, methods=("saliency", "occlusion"), ignore=("sst2 sentence", ":", -1, 500)
    )
    words = [result.passage.tokens[position].text.strip() for position in result.ignored]
    assert "".join(words) == "sst2sentence:</s>"
    for method, before in zip(result.methods, plain.methods, strict=True):
        assert np.array_equal(method.contributions, before.contributions)
        columns, kept = result.columns(method), result.kept_columns(method)
        hidden = {columns[index] for index in range(len(columns)) if index not in kept}
        assert hidden == {(position,) for position in result.ignored} & {*columns}
        assert len(kept) == len(columns) - len(hidden)


def test_a_word_is_shown_while_any_of_its_tokens_is(bundled):
    result = run(bundled("sentiment"), REVIEW, methods=("occlusion",), units="word", ignore=(":",))
    (method,) = result.methods
    assert len(result.kept_columns(method)) == len(result.columns(method))


def test_errors_of_drawn_gradients_are_those_of_other_draws(tiny_model):
    """What the errors say of one run is how much runs with other seeds differ."""
    model = tiny_model("gpt2")
    for name, aggregation in (("gradient_shap", "sum"), ("smooth_grad", "l2")):
        runs = [
            run(model, methods=(name,), samples=64, seed=seed, noise=0.5, aggregation=aggregation, max_new_tokens=1)
            for seed in range(12)
        ]
        values = np.stack([each.by_column(each.methods[0])[0, :8] for each in runs])
        errors = np.stack([each.errors_by_column(each.methods[0])[0, :8] for each in runs])
        assert np.median(errors.mean(0) / values.std(0, ddof=1)) == pytest.approx(1.0, abs=0.4)


def test_the_seed_decides_what_is_drawn(tiny_model):
    drawn = ("smooth_grad", "gradient_shap", "shapley", "lime", "kernel_shap")
    one, same, other = (run(tiny_model("gpt2"), methods=drawn, samples=4, seed=seed) for seed in (1, 1, 2))
    for left, right, elsewhere in zip(one.methods, same.methods, other.methods, strict=True):
        assert np.array_equal(left.contributions, right.contributions)
        assert not np.allclose(left.contributions, elsewhere.contributions)
        assert left.drawn.draws == {"lime": 32, "kernel_shap": 32}.get(left.method, 4)
        assert left.drawn.seed == 1


def test_attention_is_the_same_for_all_that_is_said_at_one_place(tiny_model):
    race = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")
    result = run(tiny_model("gpt2"), race, methods=("attention", "attention_rollout"))
    for method in result.methods:
        assert np.array_equal(method.contributions[0], method.contributions[1])
        assert not np.allclose(method.contributions[1], method.contributions[2])


def test_a_model_without_attention_is_told_so_and_the_other_methods_go_on():
    model = families.wrapped("Mamba")
    result = run(model, methods=("attention", "input_x_gradient"))
    assert [method.method for method in result.methods] == ["input_x_gradient"]
    assert result.left_out[0].startswith("Attention: ")
    assert "no attention patterns" in result.left_out[0]
    hybrid = run(families.wrapped("Jamba"), methods=("attention_rollout",))
    assert "passes over layers without attention" in hybrid.left_out[0]


def test_deep_lift_says_where_captum_has_no_rule(tiny_model):
    result = run(tiny_model("gpt2"), methods=("deep_lift",))
    assert result.left_out == (
        "DeepLift: captum has a rule for no part of this model, so this is the gradient times the change of the input.",
    )
    assert run(families.wrapped("T5"), families.PLAIN, methods=("deep_lift",)).left_out == ()


def test_a_given_continuation_is_explained_like_any_other(tiny_model, monkeypatch):
    """Nothing asks whether the model wrote what it is said to have said."""
    from dataclasses import replace

    model = tiny_model("gpt2")
    reading = model.read(PROMPT, AttributionParams(max_new_tokens=2).decoding)
    other = model.tokenizer.continuation_ids("dog sat")
    tokens = model.tokenizer.tokens(other, after=reading.passage.prompt)
    passage = reading.passage.model_copy(update={"tokens": (*reading.passage.prompt, *tokens)})
    spoken = tuple(
        replace(one, outcome=token.id, token=token) for one, token in zip(reading.spoken, tokens, strict=True)
    )
    monkeypatch.setattr(model, "read", lambda prompt, decoding: replace(reading, passage=passage, spoken=spoken))
    result = run(model, methods=("integrated_gradients", "occlusion"), replacement="delete")
    logprobs = model.logits(replace(reading, passage=passage), [7, 8]).log_softmax(-1)
    expected = [float(logprobs[0, other[0]]), float(logprobs[1, other[1]])]
    for method in result.methods:
        assert method.scores == pytest.approx(expected, abs=1e-4)


def said(params, prompt, model):
    return [(path, what) for path, what, _ in problems_of(AttributionParams(**params), prompt, model.facts)]


def test_a_missing_library_is_said_before_anything_runs(tiny_model, monkeypatch):
    monkeypatch.setattr(asking, "captum_is_missing", lambda: True)
    found = said({"methods": ("saliency", "lime", "deep_lift")}, PROMPT, tiny_model("gpt2"))
    assert [path for path, _ in found] == [("methods", 1), ("methods", 2)]
    assert found[0][1] == "lime is computed by captum, which is not installed."
    (_, _, hint), *_ = problems_of(AttributionParams(methods=("lime",)), PROMPT, tiny_model("gpt2").facts)
    assert "pip install 'ecco-reports[captum]'" in hint


def test_a_library_that_went_missing_leaves_the_other_methods(tiny_model, monkeypatch):
    monkeypatch.setattr("ecco_reports.analyses.attributing.computing.captum_is_missing", lambda: True)
    result = run(tiny_model("gpt2"), methods=("saliency", *sorted(BY_CAPTUM)))
    assert [method.method for method in result.methods] == ["saliency"]
    assert all("pip install 'ecco-reports[captum]'" in sentence for sentence in result.left_out)


@pytest.mark.parametrize(
    ("params", "path", "what"),
    [
        ({"ignore": ("Heathrow", "nowhere")}, ("ignore", 1), "'nowhere' is no token of the prompt 'p'"),
        ({"ignore": (8,)}, ("ignore", 0), "position 8 is out of range: the prompt 'p' has 8 tokens."),
        ({"ignore": (-9, -8, "the city")}, ("ignore", 0), "position -9 is out of range"),
        ({"attention_layer": 3}, ("attention_layer",), "layer 3 is out of range: the model has 3 layers."),
        ({"attention_layer": -4}, ("attention_layer",), "layer -4 is out of range"),
        ({"targets": "given"}, ("targets",), "prompt 'p' has none"),
    ],
)
def test_what_is_not_there_is_said_beforehand(params, path, what, tiny_model):
    ((found, said_of_it),) = said(params, PROMPT, tiny_model("gpt2"))
    assert found == path
    assert what in said_of_it


def test_an_answer_must_stand_in_the_passage():
    model = families.wrapped("BERT (answers by a span)")
    right = families.QUESTION.model_copy(update={"target": "the cat sat", "foil": "the dog"})
    assert said({}, right, model) == []
    # “is” stands in the question alone.
    wrong = families.QUESTION.model_copy(update={"target": "the cat sat", "foil": "is"})
    ((path, what),) = said({}, wrong, model)
    assert path == ("prompt", "foil")
    assert what.startswith("'is' is no part of the passage")


class Count:
    """How many texts go through a model, and how many vectors are pulled back through it."""

    def __init__(self, model, monkeypatch):
        self.passes = self.backwards = self.readouts = 0
        forward, read_out = type(model.module).forward, model.read_out
        pulled = slopes._pulled_back

        def counted(module, *args, **kwargs):
            texts = kwargs.get("decoder_input_ids", kwargs.get("input_ids"))
            self.passes += len(texts)
            return forward(module, *args, **kwargs)

        def counted_pull(seeds, origin, inputs, owners, memory, at_once):
            self.backwards += len(inputs) * (owners[-1] + 1)
            return pulled(seeds, origin, inputs, owners, memory, at_once)

        def counted_readout(reading, states, places):
            self.readouts += len(states)
            before = self.passes
            answer = read_out(reading, states, places)
            self.passes = before
            return answer

        monkeypatch.setattr(type(model.module), "forward", counted)
        monkeypatch.setattr(slopes, "_pulled_back", counted_pull)
        monkeypatch.setattr(model, "read_out", counted_readout)


@pytest.mark.parametrize("name", ["GPT-2", "BERT", "T5", "BERT (classifier)", "BERT (answers by a span)"])
@pytest.mark.parametrize("method", [*EVERY, "together"])
def test_what_is_announced_is_what_it_costs(name, method, monkeypatch):
    model = families.wrapped(name)
    prompt = families.PROMPTS[model.family]
    methods = ("saliency", "input_x_gradient", "occlusion", "lime") if method == "together" else (method,)
    settings = {"methods": methods, "targets": "generated", "max_new_tokens": 2, "samples": 16, "variants": 40}
    params = AttributionParams(**settings, replacement="mean", tolerance=0.1)
    reading = model.read(prompt, params.decoding)
    model.logits(reading, [one.place for one in reading.spoken])  # The pass that all analyses share.
    count = Count(model, monkeypatch)
    result = attribute(model, prompt, params)
    answers = model.family is Family.QUESTION_ANSWERING
    read = reading.passage.encoder_length or reading.passage.prompt_length
    extent = Extent(
        model.family,
        read=read,
        written=2 if answers else len(reading.spoken),
        words=len(prompt.text.split()),
        layers=model.layers,
        width=32,
    )
    work = work_of(params, extent)
    assert count.passes <= work.passes
    assert count.readouts <= work.readouts
    # captum goes back by itself; what it does is in its passes.
    if method not in BY_CAPTUM:
        assert count.backwards <= work.backwards
    if method == "integrated_gradients":
        rungs = {nodes: sum(asking.LADDER[: number + 1]) for number, nodes in enumerate(asking.LADDER)}
        most = max(rungs[int(steps)] for steps in result.methods[0].steps)
        assert count.passes == most + 2
        assert count.backwards >= most
    elif method != "kernel_shap" or result.units:
        # Coalitions are drawn with replacement, and fewer steps of finite differences may be enough.
        slack = {"kernel_shap": 40, "lime": 40, "together": 60, "shapley": 120}.get(method, 64)
        assert count.passes >= work.passes - slack
    assert (work.memory > 0) == bool(GRADIENTS & {*methods})


def test_the_numbers_that_both_sides_of_the_wall_know_are_the_same():
    assert asking.LADDER == gradients.STEP_LADDER
    assert asking.PARTS == gradients.PARTS
    assert asking.LONG == variants._LONG
    assert (asking.TOKENS_AT_ONCE, asking.STATES_AT_ONCE) == (slopes._TOKENS_AT_ONCE, slopes._STATES_AT_ONCE)
    steps = {dtype.itemsize: len(tried) for dtype, tried in gradients._FINITE_DIFFERENCE_STEPS.items()}
    assert steps == asking._STEPS


def test_methods_together_score_no_more_than_all_combinations():
    params = AttributionParams(methods=("occlusion", "shapley", "lime", "kernel_shap"), samples=64, variants=512)
    assert variants_of(params, 4) == 16
    assert variants_of(params, 20) == 21 + (2 + 2 * 32 * 19) + 513 + 513
    assert variants_of(AttributionParams(), 20) == 0


def test_a_model_that_takes_no_embeddings_still_shows_where_it_looked(tiny_model, monkeypatch):
    model = wrap(tiny.build("gpt2"), tiny.word_tokenizer())
    monkeypatch.setattr(model, "capabilities", model.capabilities - {Capability.GRADIENTS})
    result = run(model, methods=("attention", "saliency", "occlusion"), replacement="attention")
    assert [method.method for method in result.methods] == ["attention", "occlusion"]
    assert result.left_out[0].startswith("Saliency: ")
    full = run(tiny_model("gpt2"), methods=("attention", "occlusion"), replacement="attention")
    for one, other in zip(result.methods, full.methods, strict=True):
        assert one.contributions == pytest.approx(other.contributions, abs=1e-6)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_rows_of_attention_and_slopes_of_noisy_inputs_hold_in_other_precisions(dtype, tiny_model):
    methods = ("attention", "attention_rollout", "smooth_grad", "gradient_shap", "deep_lift", "kernel_shap", "lime")
    result = run(tiny_model("gpt2", dtype), methods=methods, samples=8)
    found = {method.method: method for method in result.methods}
    assert [*found] == list(methods)
    assert found["attention"].residuals.max() <= {"float64": 1e-6}.get(dtype, 5e-3)
    assert found["attention_rollout"].residuals.max() < 1e-12
    assert found["smooth_grad"].residuals.max() < {"float64": 0.01}.get(dtype, 2.0)
    assert found["gradient_shap"].residuals.max() < 5
    assert all(np.isfinite(method.contributions).all() for method in result.methods)


def test_what_a_sink_takes_is_kept_apart():
    model = families.wrapped("GPT-OSS")
    raw, rolled = run(model, methods=("attention", "attention_rollout")).methods
    assert raw.attended.missing.min() > 0.01
    # A mean over heads: the head from which most is missing lacks at least as much.
    assert (1 - raw.contributions.sum(-1) <= raw.attended.missing + 1e-6).all()
    assert rolled.contributions.sum(-1) == pytest.approx(1.0)
    assert rolled.attended.layers == tuple(range(model.layers))


def test_the_kinks_of_a_text_of_nonsense_do_not_hide_that_the_gradient_is_right(bundled):
    """A T5 of reviews is asked about capitals: its ReLUs change sides within a hundredth of the way."""
    asked = Prompt(name="p", text="Heathrow airport is located in the city of", target=" London", foil=" Paris")
    result = run(bundled("sentiment"), asked, methods=("saliency", "smooth_grad"), max_new_tokens=3, samples=16)
    assert max(method.residuals.max() for method in result.methods) < 0.02
