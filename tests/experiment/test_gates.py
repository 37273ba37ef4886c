"""What a gate in a file may say, and what is answered where it says something that could never be judged."""

from __future__ import annotations

import textwrap
from pathlib import Path

import jsonschema
import pytest

from ecco_reports.errors import ExperimentError
from ecco_reports.experiment import Experiment, Gate, json_schema, load_experiment

HEAD = """\
models: {facts: bundled:facts, other: bundled:facts}
prompts:
  heathrow: {text: Heathrow airport is located in the city of, target: " London"}
  japan: {text: The capital of Japan is the city of, target: " Tokyo", foil: " Paris"}
  plain: Nothing is asked here
  given: {text: Heathrow is in, continuation: " London"}
analyses:
  - generation
  - attribution: {methods: [integrated_gradients, input_x_gradient]}
  - token_ranks: {watch: [" London"]}
    prompts: [heathrow, japan]
  - {logit_lens: {}, models: [facts]}
gates:
"""


def loaded(tmp_path: Path, gates: str) -> Experiment:
    file = tmp_path / "try.yaml"
    file.write_text(HEAD + textwrap.indent(textwrap.dedent(gates), "  "), encoding="utf-8")
    return load_experiment(file)


def gate_of(tmp_path: Path, fields: str) -> Gate:
    (gate,) = loaded(tmp_path, f"- {{{fields}}}\n").gates
    return gate


def test_a_gate_has_what_is_written_and_sensible_defaults(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, "metric: token_ranks.target_rank, max: 1")
    assert (gate.metric, gate.label, gate.name) == ("token_ranks.target_rank", "token_ranks", "target_rank")
    assert (gate.bounds, gate.against, gate.level, gate.over, gate.test) == ({"max": 1.0}, None, "fail", None, "none")
    assert (gate.models, gate.prompts, gate.alpha, gate.correction) == ((), (), 0.05, "holm")


@pytest.mark.parametrize(
    ("fields", "against"),
    [
        ("metric: generation.perplexity, max_drop: 1", "baseline"),
        ("metric: generation.perplexity, max_ratio: 1.5", "baseline"),
        ("metric: attribution.tau_b, min_agreement: 0.8", "baseline"),
        ("metric: attribution.tau_b, min: 0.8", "baseline"),
        ("metric: generation.kl, max: 0.1", "baseline"),
        ("metric: generation.kl, max: 0.1, against: baseline", "baseline"),
        ("metric: generation.perplexity, max: 9", None),
        ("expect: the answer stays the same", "baseline"),
        ("expect: the target is the first choice", None),
    ],
)
def test_what_needs_a_baseline_says_so_by_itself(tmp_path: Path, fields: str, against: str | None) -> None:
    assert gate_of(tmp_path, fields).against == against


@pytest.mark.parametrize(
    ("fields", "over", "test"),
    [
        ("over: prompts", "prompts", "none"),
        ("min_samples: 5", "prompts", "none"),
        ("test: wilcoxon", "prompts", "wilcoxon"),
        ("test: none", "prompts", "none"),
        ("alpha: 0.01", "prompts", "permutation"),
        ("correction: none", "prompts", "permutation"),
        ("alpha: 0.01, test: sign", "prompts", "sign"),
        ("level: warn", None, "none"),
    ],
)
def test_what_is_about_a_data_set_judges_its_mean(tmp_path: Path, fields: str, over: str | None, test: str) -> None:
    gate = gate_of(tmp_path, f"metric: generation.perplexity, max: 9, {fields}")
    assert (gate.over, gate.test) == (over, test)


def test_a_gate_is_narrowed_to_models_and_prompts_in_the_order_of_the_experiment(tmp_path: Path) -> None:
    gate = gate_of(tmp_path, "metric: generation.perplexity, max: 9, models: other, prompts: [japan, heathrow]")
    assert (gate.models, gate.prompts) == (("other",), ("heathrow", "japan"))


def test_a_data_set_stands_for_all_of_its_rows(tmp_path: Path) -> None:
    (tmp_path / "some.csv").write_text("text\none\ntwo\n", encoding="utf-8")
    file = tmp_path / "try.yaml"
    file.write_text(
        "models: {facts: bundled:facts}\n"
        "prompts: {many: {dataset: some.csv}, one: x}\n"
        "analyses: [generation]\n"
        "gates: [{metric: generation.perplexity, max: 9, prompts: many, over: prompts}]\n",
        encoding="utf-8",
    )
    experiment = load_experiment(file)
    assert experiment.gates[0].prompts == tuple(name for name in experiment.prompts if name != "one")
    assert len(experiment.gates[0].prompts) == 2


@pytest.mark.parametrize(
    ("fields", "where", "said", "hint"),
    [
        ("max: 1", "{", "a gate names what it watches.", "`metric:`"),
        ("metric: generation.perplexity", "{", "a gate without a bound stops nothing.", "`max_drop:`"),
        (
            "metric: generation.perplexty, max: 1",
            "generation.",
            "generation has no metric 'perplexty'.",
            "'perplexity'",
        ),
        ("metric: generatoin.perplexity, max: 1", "generatoin", "called 'generatoin'", "'generation'"),
        ("metric: generation.perplexity, min: 2, max: 1", "2,", "no number is at least 2 and at most 1.", "Swap"),
        ("metric: generation.perplexity, max: 1, models: othr", "othr", "there is no model 'othr'.", "'other'"),
        ("metric: generation.perplexity, max: 1, prompts: japn", "japn", "there is no prompt 'japn'.", "'japan'"),
        ("metric: generation.perplexity, max: 1, prompts: []", "prompts", "this gate is for no prompt.", "take all"),
        ("metric: token_ranks.target_rank, max: 1, prompts: plain", "{", "watches nothing", "Widen"),
        ("metric: logit_lens.final_rank, max: 1, models: other", "{", "watches nothing", "Widen"),
        ("metric: generation.perplexity, max_drp: 1", "max_drp", "a gate has no key 'max_drp'.", "'max_drop'"),
        ("metric: generation.perplexity, max_drop: -1", "-1", "max_drop must be a number of at least 0", ""),
        ("metric: generation.perplexity, max_ratio: 0.5", "0.5", "max_ratio must be a number of at least 1", ""),
        (
            "metric: generation.perplexity, max: 1, level: warning",
            "warning",
            "level must be 'fail' or 'warn'",
            "'warn'",
        ),
        ("metric: generation.perplexity, max: 1, test: t", "t}", "test must be 'permutation'", ""),
        ("metric: generation.perplexity, max: 1, alpha: 1", "1}", "alpha must be a number above 0 and below 1", ""),
        ("metric: generation.perplexity, max: 1, min_samples: 1", "1}", "min_samples must be a whole number", ""),
        ("metric: generation.perplexity, min_agreement: 1", "1}", "describes one result, and agrees", "`max_drop:`"),
        (
            "metric: generation.perplexity, max: 1, against: baseline",
            "baseline",
            "describes one result: min and max judge it alone.",
            "`max_ratio:`",
        ),
        ("metric: generation.kl, min_agreement: 0.1", "0.1", "is a distance (0 for equal results)", "Write `max:`"),
        ("metric: generation.kl, min: 0.1", "0.1", "is a distance (0 for equal results)", "Write `max:`"),
        ("metric: attribution.tau_b, max: 0.5", "0.5", "is an agreement (1 for equal results)", "`min_agreement:`"),
        ("metric: attribution.tau_b, max_ratio: 2", "2}", "compares two results already", "`min_agreement:`"),
        ("expect: the target is the frist choice", "the target", "is not understood", "the target is the first choice"),
        ("expect: bla bla", "bla bla", "is not understood", "ecco-reports metrics"),
        ("expect: the target is the first choice, max: 1", "max:", "max cannot stand beside a sentence", "`metric:`"),
        ("expect: the target is the first choice, metric: x.y", "metric:", "metric cannot stand beside a sentence", ""),
        ("expect: the target is the first choice, against: baseline", "against:", "is about this run alone", "Remove"),
        ("expect: the target is the first choice, prompts: plain", "the target", "has a target", "target:"),
        ("expect: the target beats the foil, prompts: heathrow", "the target", "has a foil", "foil:"),
        ("expect: '“Heatrow” is the strongest word'", "'“", "has “Heatrow” in its text", "'Heathrow'"),
        ("expect: '“Nothing” holds at least 200 % of the attribution'", "'“", "200 % is more than all of it", ""),
        ("expect: the target is top-ranked by layer 3, prompts: plain", "the target", "has a target", ""),
        ("expect: the answer contains “x”, prompts: given", "the answer", "has its continuation given", "prompts:"),
        (
            "expect: '“Heathrow” is the strongest word by integrated gradiants'",
            "'“",
            "no entry computes the method 'integrated_gradiants'",
            "'integrated_gradients'",
        ),
        (
            "expect: ablating layer 5 costs at most one nat",
            "ablating",
            "no analysis switches layers off yet",
            "",
        ),
    ],
)
def test_a_gate_that_could_never_be_judged_is_answered_at_its_place(
    tmp_path: Path, fields: str, where: str, said: str, hint: str
) -> None:
    with pytest.raises(ExperimentError) as caught:
        loaded(tmp_path, f"- {{{fields}}}\n")
    (problem,) = caught.value.problems
    assert said in problem.message
    assert hint in f"{problem.message} {problem.hint}"
    line = (tmp_path / "try.yaml").read_text(encoding="utf-8").splitlines()[problem.line - 1]
    assert line == f"  - {{{fields}}}"
    assert problem.column == line.rindex(where) + 1


@pytest.mark.parametrize(
    ("sentence", "analysis"),
    [
        ("the target is the first choice", "generation"),
        ("the answer is “x”", "generation"),
        ("“Heathrow” is the strongest word", "attribution"),
        ("the target is top-ranked by layer 3", "token_ranks"),
    ],
)
def test_a_sentence_that_no_analysis_can_answer_says_what_to_add(tmp_path: Path, sentence: str, analysis: str) -> None:
    file = tmp_path / "try.yaml"
    file.write_text(
        "models: {facts: bundled:facts}\n"
        'prompts: {p: {text: Heathrow is in, target: " x"}}\n'
        "analyses: [hidden_states]\n"
        f"gates: [{{expect: {sentence}}}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ExperimentError) as caught:
        load_experiment(file)
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (4, 18)
    assert "no analysis of these prompts" in problem.message
    assert f"`- {analysis}`" in problem.hint


def test_a_broken_prompt_is_the_only_thing_that_is_said_of_it(tmp_path: Path) -> None:
    file = tmp_path / "try.yaml"
    file.write_text(
        "models: {facts: bundled:facts}\n"
        "prompts: {p: {text: 3, target: x}, q: {text: y, target: z}}\n"
        "analyses: [generation]\n"
        "gates: [{expect: the target is the first choice}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ExperimentError) as caught:
        load_experiment(file)
    assert [problem.line for problem in caught.value.problems] == [2]


@pytest.mark.parametrize(
    "gate",
    [
        {"metric": "generation.perplexity", "max_drop": 1, "level": "warn", "models": "facts", "prompts": ["a"]},
        {"metric": "attribution.tau_b", "min_agreement": 0.8, "against": "baseline"},
        {"metric": "generation.perplexity", "max_ratio": 2, "over": "prompts", "min_samples": 20, "test": "wilcoxon"},
        {"metric": "generation.perplexity", "max": 2, "alpha": 0.01, "correction": "none"},
        {"expect": "the target is the first choice"},
    ],
)
def test_the_schema_knows_every_field_of_a_gate(gate: dict[str, object]) -> None:
    experiment = {"models": {"a": "b"}, "prompts": {"p": "x"}, "analyses": ["generation"], "gates": [gate]}
    validator = jsonschema.Draft202012Validator(json_schema())
    assert validator.is_valid(experiment)
    assert not validator.is_valid({**experiment, "gates": [{**gate, "maximum": 1}]})


def test_every_field_of_a_gate_is_described_in_the_schema() -> None:
    fields = json_schema()["$defs"]["GateFields"]["properties"]
    assert all(part.get("description") for part in fields.values())
