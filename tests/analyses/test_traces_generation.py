"""What two traces of what was said say about each other, and the numbers of the words that a prompt names."""

from __future__ import annotations

import math

import pytest
import torch
from pydantic import ValidationError

from ecco_reports.analyses.generation import Generation, GenerationParams
from ecco_reports.analyses.generation.tracing import GenerationTrace, TracedOutcome, TracedStep
from ecco_reports.models.base import Capability
from ecco_reports.records import Prompt
from ecco_reports.testing import check_figure, check_trace, check_words
from tests import tiny

ROOM = Generation()
PROMPT = Prompt(name="p", text=tiny.TEXT, target="London", foil="Paris")


def outcome(label, probability, rank=1):
    return TracedOutcome(label=label, logprob=math.log(probability), rank=rank)


def step(label, **candidates):
    listed = {f"·{word}": share for word, share in candidates.items()}
    return TracedStep(label=f"·{label}", logprob=math.log(candidates[label]), rank=1, entropy=1.0, candidates=listed)


def trace(said, *steps, target=None, given=False, writes=True, cut="abc"):
    return GenerationTrace(said=said, writes=writes, given=given, cut=cut, steps=steps, target=target, foil=None)


BEFORE = trace(
    "London is large",
    step("London", London=0.8, Paris=0.1),
    step("is", **{"is": 0.6, "was": 0.3}),
    step("large", large=0.5, old=0.49),
    target=outcome("·London", 0.8),
)
AFTER = trace("Paris", step("Paris", London=0.02, Paris=0.9), target=outcome("·London", 0.02, 7))


def test_another_answer_on_paper():
    drift = ROOM.drift(BEFORE, AFTER)
    kl = 0.8 * math.log(0.8 / 0.02) + 0.1 * math.log(0.1 / 0.9) + 0.1 * math.log(0.1 / 0.08)
    assert drift.values == pytest.approx({"same_text": 0.0, "shared_start": 0.0, "kl": kl, "kl_mean": kl})
    assert drift.finding == (
        "It now says “Paris” instead of “London is large”; “London” falls from rank 1 (80.0%) to rank 7 (2.0%)."
    )
    assert [remark for remark in drift.remarks if "perplexity" in remark]


def test_the_same_start_and_a_step_that_was_decided_by_a_hair():
    after = trace(
        "London is old",
        step("London", London=0.8, Paris=0.1),
        step("is", **{"is": 0.6, "was": 0.3}),
        step("old", large=0.49, old=0.5),
        target=outcome("·London", 0.8),
    )
    drift = ROOM.drift(BEFORE, after)
    assert drift.values["shared_start"] == pytest.approx(2 / 3)
    assert drift.values["kl"] == 0.0
    assert drift.values["kl_mean"] == pytest.approx(0.01 * math.log(0.5 / 0.49) / 3, rel=1e-3)
    assert drift.finding == "It now says “London is old” instead of “London is large”."
    assert [remark for remark in drift.remarks if "step 3" in remark and "rounding alone can turn that" in remark]


def test_the_same_text_with_less_confidence_is_a_finding():
    less = trace("London is large", step("London", London=0.4, Paris=0.3), target=outcome("·London", 0.4))
    drift = ROOM.drift(BEFORE, less)
    assert drift.values["same_text"] == 1.0
    assert drift.finding == (
        "It still says “London is large”, but “London” falls from 80.0% to 40.0% and stays at rank 1."
    )


def test_without_a_target_the_first_word_of_the_baseline_is_followed():
    drift = ROOM.drift(BEFORE.model_copy(update={"target": None}), AFTER.model_copy(update={"target": None}))
    assert "“London” falls from rank 1 (80.0%) to rank 2 (2.0%)" in drift.finding


def test_another_tokenizer_leaves_the_divergence_out_and_says_so():
    drift = ROOM.drift(BEFORE, AFTER.model_copy(update={"cut": "xyz"}))
    assert set(drift.values) == {"same_text", "shared_start"}
    assert [remark for remark in drift.remarks if "no KL divergence" in remark]


def test_a_given_text_is_not_compared_with_itself():
    given = BEFORE.model_copy(update={"given": True})
    less = given.model_copy(update={"steps": (step("London", London=0.4, Paris=0.3), *given.steps[1:])})
    drift = ROOM.drift(given, less)
    assert set(drift.values) == {"kl", "kl_mean"}
    assert drift.values["kl_mean"] == pytest.approx(drift.values["kl"] / 3)


def test_a_server_that_lists_nothing_gives_no_divergence():
    silent = BEFORE.model_copy(update={"steps": (BEFORE.steps[0].model_copy(update={"candidates": {}}),)})
    drift = ROOM.drift(silent, BEFORE)
    assert "kl" not in drift.values
    assert ROOM.drift_figures(silent, BEFORE, ("a", "b")) == ()


def test_a_target_that_one_side_does_not_know_is_said():
    drift = ROOM.drift(BEFORE, AFTER.model_copy(update={"target": None}))
    assert "The probability of the target is known only before." in drift.remarks


def test_who_says_nothing_is_compared_all_the_same():
    nothing = trace("")
    drift = ROOM.drift(BEFORE, nothing)
    assert drift.values == {"same_text": 0.0, "shared_start": 0.0}
    assert drift.finding == "It now says nothing instead of “London is large”."
    assert ROOM.drift(nothing, nothing).values == {"same_text": 1.0, "shared_start": 1.0}


@pytest.mark.parametrize(
    ("field", "value"), [("logprob", 0.5), ("logprob", math.nan), ("rank", 0), ("candidates", {"a": 1.5})]
)
def test_a_trace_that_was_edited_by_hand_is_refused(field, value):
    edited = BEFORE.model_dump(mode="json")
    edited["steps"][0][field] = value
    with pytest.raises(ValidationError):
        GenerationTrace.model_validate(edited)


def test_the_target_is_what_the_model_says_of_it(tiny_model):
    model = tiny_model("llama")
    result = ROOM.run(model, PROMPT, GenerationParams(max_new_tokens=2))
    ids = torch.tensor([model.tokenizer.encode(PROMPT).ids])
    logprobs = tiny.build("llama")(ids).logits[0, -1].double().log_softmax(-1)
    target, foil = (logprobs[tiny.VOCABULARY[word]].item() for word in ("London", "Paris"))
    metrics = {name: metric.value for name, metric in ROOM.metrics(result).items()}
    assert metrics["target_logprob"] == pytest.approx(target, abs=1e-4)
    assert metrics["target_probability"] == pytest.approx(math.exp(target), rel=1e-4)
    assert metrics["foil_gap"] == pytest.approx(target - foil, abs=1e-4)
    assert metrics["target_rank"] == 1 + int((logprobs > target + 1e-9).sum())
    check_words(ROOM, result)


def test_without_a_target_nothing_is_said_of_one(tiny_model):
    result = ROOM.run(tiny_model("gpt2"), Prompt(name="p", text=tiny.TEXT), GenerationParams(max_new_tokens=1))
    assert not [name for name in ROOM.metrics(result) if name.startswith(("target", "foil"))]


def test_a_target_of_several_tokens_has_no_rank(tiny_model):
    result = ROOM.run(
        tiny_model("gpt2"), PROMPT.model_copy(update={"target": "London Paris"}), GenerationParams(max_new_tokens=1)
    )
    assert result.target is None


def test_of_a_server_the_target_is_known_where_it_is_listed(tiny_model, monkeypatch):
    from ecco_reports.models.reading import Candidates

    model = tiny_model("gpt2")
    words = ("London", "Tokyo")
    tokens = tuple(
        model.tokenizer.token(tiny.VOCABULARY[word]).model_copy(update={"utf8": word.encode().hex()}) for word in words
    )
    monkeypatch.setattr(model, "capabilities", model.capabilities - {Capability.LOGITS})
    monkeypatch.setattr(
        model,
        "candidates",
        lambda reading, k: [Candidates(tokens, (-1.0, -2.0)) for _ in reading.spoken],
        raising=False,
    )
    result = ROOM.run(model, PROMPT, GenerationParams(max_new_tokens=1))
    assert (result.target.logprob, result.target.rank, result.foil) == (-1.0, 1, None)
    metrics = ROOM.metrics(result)
    assert metrics["target_logprob"].value == -1.0
    assert "foil_gap" not in metrics


def test_half_precision_moves_nothing_beyond_the_noise(facts_model, half_facts):
    prompt = Prompt(name="p", text="Heathrow airport is located in the city of", target=" London", foil=" Paris")
    full, half = (ROOM.run(model, prompt, GenerationParams()) for model in (facts_model, half_facts))
    before, after = ROOM.metrics(full), ROOM.metrics(half)
    assert before.keys() == after.keys()
    for name, metric in before.items():
        assert abs(metric.value - after[name].value) <= ROOM.measures[name].noise_at(metric.value), name
    drift = ROOM.drift(ROOM.trace(full), ROOM.trace(half))
    assert drift.finding == ""
    for name, value in drift.values.items():
        assert abs(value - ROOM.measures[name].equal) <= ROOM.measures[name].noise, name


def test_the_figure_shows_both_and_reads_without_eyes():
    (figure,) = ROOM.drift_figures(BEFORE, AFTER, ("main", "candidate"))
    check_figure(figure)
    assert "rank 7 (2.0%)" in figure.alt_text
    assert "main" in figure.reading


def test_the_figure_knows_the_target_where_it_is_not_among_the_candidates():
    after = AFTER.model_copy(update={"steps": (step("Paris", Paris=0.9),)})
    (figure,) = ROOM.drift_figures(BEFORE, after, ("main", "candidate"))
    bars = figure.chart.to_dict()["datasets"]["bars"]
    london = {bar["side"]: bar for bar in bars if bar["token"] == "·London"}
    assert (london["before"]["p"], london["after"]["p"]) == (0.8, 0.02)
    assert [bar["note"] for bar in bars if bar["token"] == "·Paris"] == ["10.0\u00a0%", "90.0\u00a0%"]


@pytest.mark.parametrize("family", ["gpt2", "t5"])
def test_every_kind_of_writer_leaves_a_trace(family, tiny_model):
    prompt = Prompt(name="p", text=tiny.TEXT)
    check_trace(ROOM, ROOM.run(tiny_model(family), prompt, GenerationParams(max_new_tokens=54)))
