"""The experiments that ship can be read, keep to the schema, and ask what they are there for."""

import re
import textwrap
from pathlib import Path

import jsonschema
import pytest

from ecco_reports.analyses import ANALYSES
from ecco_reports.errors import ExperimentError
from ecco_reports.experiment import Experiment, json_schema, load_experiment, load_experiments
from ecco_reports.experiment.documents import read_document
from ecco_reports.models.bundled.recipe.goals import GOALS
from ecco_reports.records import Sampling
from ecco_reports.resources import resource

FOLDER = resource("experiments")
FILES = sorted(FOLDER.glob("*.yaml"))
SCHEMA = jsonschema.Draft202012Validator(json_schema())


def shipped(name: str) -> Experiment:
    return load_experiment(next(FOLDER.glob(f"*-{name}.yaml")))


def test_all_load_together() -> None:
    names = {experiment.name for experiment in load_experiments([FOLDER])}
    assert names == {
        "agreement",
        "cicadas",
        "counting",
        "european-union",
        "faithfulness",
        "fill-in",
        "good-afternoon",
        "heathrow",
        "japan",
        "keys-filled-in",
        "layers-compared",
        "leading-space",
        "letter",
        "nature-diary",
        "nature-diary-causal",
        "not-bad",
        "principle",
        "professions",
        "replaced",
        "two-models",
        "two-readers",
        "verdict",
        "ways-to-write",
        "weakness",
    }


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_keeps_to_the_schema(file: Path) -> None:
    errors = [error.message for error in SCHEMA.iter_errors(read_document(file).root.plain())]
    assert errors == []


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_has_a_title_one_sentence_and_comments(file: Path) -> None:
    experiment = load_experiment(file)
    assert 0 < len(experiment.title) <= 40
    assert 40 <= len(experiment.summary) <= 140
    assert experiment.summary[-1] in ".?"
    assert file.read_text().startswith("# ")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_needs_nothing_but_models_that_ship(file: Path) -> None:
    sources = {model.source for model in load_experiment(file).models.values()}
    assert all(source.startswith("bundled:") or (FOLDER.parent / source).is_dir() for source in sources)


def test_heathrow_asks_for_london_in_three_ways() -> None:
    experiment = shipped("heathrow")
    prompt = experiment.prompts["heathrow"]
    assert (prompt.text, prompt.target) == ("Heathrow airport is located in the city of", " London")
    params = {entry.analysis: entry.params for entry in experiment.analyses}
    assert set(params) == {"generation", "attribution", "logit_lens", "token_ranks"}
    assert params["attribution"].methods == ("integrated_gradients", "input_x_gradient", "saliency")
    assert params["token_ranks"].watch == (" London", " Paris")


def test_the_european_union_is_ranked_over_twenty_tokens() -> None:
    experiment = shipped("european-union")
    assert experiment.prompts["list"].text.endswith(":\n1. Austria\n2. Belgium\n3. Bulgaria\n4.")
    assert experiment.analyses[0].params.max_new_tokens == 20


def test_doctor_and_nurse_are_asked_the_same_with_the_roles_changed() -> None:
    prompts = shipped("professions").prompts
    assert {(prompt.text, prompt.target, prompt.foil) for prompt in prompts.values()} == {
        ("The doctor was a", " man", " woman"),
        ("The nurse was a", " woman", " man"),
    }


def test_principle_runs_against_principal() -> None:
    (prompt,) = shipped("principle").prompts.values()
    assert (prompt.text, prompt.target, prompt.foil) == (" it was a matter of", " principle", " principal")


def test_the_cabinet_has_its_keys_and_its_key() -> None:
    experiment = shipped("agreement")
    assert {prompt.text: prompt.target for prompt in experiment.prompts.values()} == {
        "The keys to the cabinet": " are",
        "The key to the cabinets": " is",
    }


def test_the_cicadas_are_drawn_with_a_seed() -> None:
    sampling = shipped("cicadas").analyses[0].params.sampling
    assert sampling.temperature == 0.8
    assert sampling.seed is not None


def test_good_afternoon_is_continued_greedily_and_by_drawing() -> None:
    experiment = shipped("good-afternoon")
    assert experiment.prompts["space"].text == "Good afternoon. "
    assert [(entry.analysis, entry.params.sampling is None) for entry in experiment.analyses] == [
        ("generation", True),
        ("token_ranks", True),
        ("generation", False),
        ("token_ranks", False),
    ]


def test_every_bundled_model_is_explained() -> None:
    sources = {model.source for one in load_experiments([FOLDER]) for model in one.models.values()}
    assert {source for source in sources if source.startswith("bundled:")} == {f"bundled:{name}" for name in GOALS}


def test_every_prompt_of_the_masked_model_has_a_mask_and_only_one_leaves_all_open() -> None:
    texts = [prompt.text for name in ("fill-in", "keys-filled-in") for prompt in shipped(name).prompts.values()]
    assert [text.count("[MASK]") for text in texts] == [1, 2, 1, 1]


def test_the_verdict_turns_on_one_word() -> None:
    prompts = shipped("verdict").prompts
    first, second = prompts["weakness"], prompts["inclination"]
    assert (first.target, second.target) == ("negative", "positive")
    changed = set(first.text.split()) ^ set(second.text.split())
    assert changed == {"a", "weakness", "an", "inclination"}


def test_two_readers_are_asked_for_the_same_facts_and_each_reads_its_own_prompts() -> None:
    experiment = shipped("two-readers")
    assert {(entry.models, entry.prompts) for entry in experiment.analyses} == {
        (("causal",), ("heathrow", "country")),
        (("masked",), ("heathrow-mask", "country-mask")),
    }
    for name in ("heathrow", "country"):
        left, both = experiment.prompts[name], experiment.prompts[f"{name}-mask"]
        assert both.text.startswith(f"{left.text} [MASK]")
        assert left.target.strip().lower() == both.target


def test_explanations_are_put_to_the_test_by_deleting_and_by_masking() -> None:
    experiment = shipped("faithfulness")
    params = [entry.params for entry in experiment.analyses]
    assert [one.replacement for one in params] == ["delete", "baseline"]
    assert all(len(one.methods) >= 4 and one.random_rankings == 100 for one in params)
    assert all(prompt.foil is not None for prompt in experiment.prompts.values())


def test_a_diary_is_read_without_a_mask_by_all_layers_the_first_and_the_last() -> None:
    experiment = shipped("nature-diary")
    assert [entry.params.layers for entry in experiment.analyses] == ["all", (0,), (-1,)]
    assert experiment.analyses[0].params.scree == (2, 4, 6, 8, 12)
    assert all("[MASK]" not in prompt.text for prompt in experiment.prompts.values())
    assert set(shipped("nature-diary-causal").models) == {"masked", "causal"}


GUIDE = (FOLDER.parent / "site/docs/guide/experiment-file.md").read_text(encoding="utf-8")
"""The page that explains the format: what it shows must be true."""


def test_the_first_experiment_of_the_guide_is_one(tmp_path: Path) -> None:
    first = re.search(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert first is not None
    file = tmp_path / "capital.yaml"
    file.write_text(first.group(1))
    assert [entry.analysis for entry in load_experiment(file).analyses] == ["generation", "attribution", "logit_lens"]
    assert first.group(1).count("\n") == 10


def test_every_example_of_the_guide_is_part_of_an_experiment(tmp_path: Path) -> None:
    (tmp_path / "cities.csv").write_text("country,capital\nJapan,Tokyo\n")
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "story.txt").write_text("Once")
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "common.yaml").write_text("seed: 1\n")
    (tmp_path / "_base.yaml").write_text(
        "models: {facts: bundled:facts}\n"
        "prompts: {japan: {text: x, target: y}, cities: {dataset: cities.csv, text: '{country}'}}\n"
        "analyses: [generation, token_ranks, logit_lens]\n"
    )
    examples = [textwrap.dedent(found) for found in re.findall(r" *```yaml\n(.*?)```", GUIDE, re.DOTALL)]
    assert len(examples) > 15
    for number, example in enumerate(examples):
        if example.startswith("# yaml-language-server"):
            continue
        own = "" if "include:" in example else "include: _base.yaml\n"
        file = tmp_path / f"example-{number}.yaml"
        file.write_text(own + example)
        if own:
            load_experiment(file)
        else:
            with pytest.raises(ExperimentError, match="the experiment has no models"):
                load_experiment(file)


def test_the_guide_names_every_setting_of_every_analysis() -> None:
    for name in ANALYSES:
        for setting in (*ANALYSES[name].Params.model_fields, *Sampling.model_fields):
            assert f"`{setting}`" in GUIDE, f"{name}: {setting}"
