from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import replace

import pytest

from ecco_reports.errors import ExperimentError
from ecco_reports.executors import LocalExecutor
from ecco_reports.models import source
from ecco_reports.models.base import ModelFacts
from ecco_reports.models.configs import Shape
from ecco_reports.modelspec import ModelSpec
from ecco_reports.plan import Batch, Task, batches_of, make_plan, sampling_seed
from ecco_reports.plan.effort import effort_of, extent_of, shared_bytes
from ecco_reports.plan.words import described, size
from ecco_reports.records import Decoding, Family, Message, Prompt, Sampling
from ecco_reports.runner import execute
from ecco_reports.store import Store
from tests.fakes import ANALYSES, ANALYSES_NEXT, ROOT, Words, entry, experiment, facts_of, load


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def plan_of(*experiments, store, analyses=ANALYSES, facts_of=facts_of):
    return make_plan(experiments, store, analyses=analyses, facts_of=facts_of)


def one_key(store, prompt="hello", analyses=ANALYSES, facts_of=facts_of, models=None, seed=0, name="demo", **params):
    asked = experiment({"p": prompt}, [entry(**params)], models=models, seed=seed, name=name)
    (task,) = plan_of(asked, store=store, analyses=analyses, facts_of=facts_of).tasks
    return task.key


def run(plan, store):
    return execute(plan, LocalExecutor(), store, analyses=ANALYSES, load=load)


def test_every_model_meets_every_prompt_and_every_analysis_in_page_order(store):
    asked = experiment({"p": "one", "q": "two"}, [entry(), entry(label="again", depth=1)], models={"a": "A", "b": "B"})
    plan = plan_of(asked, store=store)
    assert [task.place[1:] for task in plan.tasks] == [
        (model, prompt, label) for model in "ab" for prompt in "pq" for label in ("echo", "again")
    ]
    assert [batch.spec.source for batch in plan.batches] == ["A", "B"]
    assert plan.stored == frozenset()


def test_an_entry_that_names_models_and_prompts_means_only_those(store):
    asked = experiment({"p": "one", "q": "two"}, [entry(models=("b",), prompts=("q",))], models={"a": "A", "b": "B"})
    assert [task.place for task in plan_of(asked, store=store).tasks] == [("demo", "b", "q", "echo")]


def test_a_model_that_no_entry_uses_is_not_looked_for(store):
    asked = experiment({"p": "one"}, [entry(models=("a",))], models={"a": "A", "b": "missing"})
    assert len(plan_of(asked, store=store).tasks) == 1


def test_the_facts_of_a_model_are_asked_for_once(store):
    asked = []

    def counting(spec):
        asked.append(spec.source)
        return facts_of(spec)

    plan_of(
        experiment({"p": "one", "q": "two"}, models={"a": "A", "b": "A"}),
        experiment({"p": "one"}, models={"a": "A"}, name="other"),
        store=store,
        facts_of=counting,
    )
    assert asked == ["A"]


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": "hello "},
        {"prompt": Prompt(name="p", text="hello", target=" x")},
        {"prompt": Prompt(name="p", text="hello", foil=" x")},
        {"prompt": Prompt(name="p", text="hello", text_pair="x")},
        {"depth": 1},
        {"max_new_tokens": 6},
        {"models": {"m": "another"}},
        {"models": {"m": ModelSpec(source="fake", dtype="float64")}},
        {"analyses": ANALYSES_NEXT},
        {"facts_of": lambda spec: ModelFacts(spec, {"source": spec.source, "tokenizer": "other"})},
        {"sampling": Sampling()},
    ],
)
def test_whatever_changes_a_result_changes_its_key(store, change):
    assert one_key(store, **change) != one_key(store)


def test_a_conversation_is_another_prompt_than_its_words(store):
    def keeping_its_tokenizer(spec):
        return ModelFacts(spec, {"source": spec.source})

    talk = Prompt(name="p", text="user: hello", messages=(Message(role="user", content="hello"),))
    keys = [one_key(store, prompt, facts_of=keeping_its_tokenizer) for prompt in ("user: hello", talk)]
    assert keys[0] != keys[1]


def test_a_conversation_for_a_model_without_a_template_is_a_problem(store):
    talk = Prompt(name="p", text="user: hello", messages=(Message(role="user", content="hello"),))
    with pytest.raises(ExperimentError, match=r"prompts\.p\.messages: known-model: the model has no chat template\."):
        plan_of(experiment({"p": talk}, models={"k": "known-model"}), store=store)


@pytest.mark.parametrize(
    "change",
    [
        {"prompt": Prompt(name="p", text="hello", written="hell\\ud83d")},
        {"models": {"renamed": "fake"}},
        {"models": {"m": ModelSpec(source="fake", device="cuda:0")}},
        {"name": "renamed"},
        {"seed": 5},
    ],
)
def test_a_name_a_device_or_a_seed_nobody_draws_with_changes_no_key(store, change):
    assert one_key(store, **change) == one_key(store)


def test_the_key_is_the_same_in_another_process(store):
    code = (
        "from tests.test_plan import *\n"
        f"print(one_key(Store({str(store.folder)!r}), sampling=Sampling(temperature=0.7), depth=1))"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == one_key(store, sampling=Sampling(temperature=0.7), depth=1)


def test_a_text_that_two_experiments_ask_about_is_computed_once(store):
    plan = plan_of(
        experiment({"p": "same", "q": "same"}, models={"a": "A", "b": "A"}),
        experiment({"other": "same"}, models={"x": "A"}, name="second", seed=9),
        store=store,
    )
    assert len(plan.tasks) == 5
    assert len({task.key for task in plan.tasks}) == 1
    ((batch),) = plan.batches
    assert [task.place for task in batch.tasks] == [("demo", "a", "p", "echo")]


def test_tasks_of_one_text_stand_together_in_a_batch(store):
    first = experiment({"p": "one", "q": "two"})
    second = experiment({"p": "one", "q": "two"}, [entry(depth=1)], name="second")
    (batch,) = plan_of(first, second, store=store).batches
    assert [task.prompt.text for task in batch.tasks] == ["one", "one", "two", "two"]


def test_an_entry_silent_about_decoding_takes_the_first_that_speaks(store):
    asked = experiment(
        {"p": "one", "q": "two"},
        [
            entry(label="silent", depth=1),
            entry(label="p only", prompts=("p",), max_new_tokens=3),
            entry(label="speaks", max_new_tokens=7, sampling=Sampling(seed=4, temperature=0.5)),
            entry(label="later", max_new_tokens=9),
        ],
    )
    decoding = {task.place[2:]: task.params.decoding for task in plan_of(asked, store=store).tasks}
    assert decoding["p", "silent"].max_new_tokens == 3
    assert decoding["p", "silent"].sampling is None
    assert decoding["q", "silent"].max_new_tokens == 7
    assert decoding["q", "silent"].sampling == Sampling(seed=4, temperature=0.5)
    assert decoding["q", "later"].max_new_tokens == 9
    assert all(task.params.depth == (task.label == "silent") for task in plan_of(asked, store=store).tasks)


def test_every_setting_of_how_to_write_is_taken_over(store):
    said = {"max_new_tokens": 7, "repetition_penalty": 1.2, "beams": 3, "stop": (".", "!")}
    asked = experiment({"p": "one"}, [entry(label="silent", depth=1), entry(label="speaks", **said)])
    decoding = {task.label: task.params.decoding for task in plan_of(asked, store=store).tasks}
    assert decoding["silent"] == decoding["speaks"] == Decoding(**said)


def test_settings_that_were_not_there_once_leave_old_keys_alone(store):
    (task,) = plan_of(experiment({"p": "one"}, [entry(sampling=Sampling(seed=1))]), store=store).tasks
    assert set(task.made_of["params"]) == {"max_new_tokens", "sampling", "log", "seconds", "depth"}
    assert set(task.made_of["params"]["sampling"]) == {"temperature", "top_k", "top_p", "seed"}
    assert set(task.made_of["prompt"]) == {"text"}
    told = Prompt(name="p", text="one", continuation=" two")
    (other,) = plan_of(experiment({"p": told}, [entry(sampling=Sampling(seed=1), beams=1)]), store=store).tasks
    assert other.made_of["prompt"] == {"text": "one", "continuation": " two"}
    assert other.made_of["params"] == task.made_of["params"]
    assert other.key != task.key


def test_all_analyses_of_a_text_draw_with_one_seed(store):
    asked = experiment(
        {"p": "one", "q": "two"},
        [
            entry(sampling=Sampling()),
            entry(label="silent"),
            entry(label="long", max_new_tokens=99, sampling=Sampling()),
        ],
        seed=3,
    )
    seeds = {task.place[2:]: (task.seed, task.params.sampling.seed) for task in plan_of(asked, store=store).tasks}
    mine = sampling_seed(3, "one", Sampling())
    assert {seeds["p", label] for label in ("echo", "silent", "long")} == {(mine, mine)}
    assert seeds["q", "echo"] != seeds["p", "echo"]
    assert 0 <= mine < 2**63


def test_a_seed_depends_on_the_experiment_the_text_and_the_way_of_drawing():
    seed = sampling_seed(0, "text", Sampling(temperature=0.5))
    assert seed == sampling_seed(0, "text", Sampling(temperature=0.5, seed=77))
    others = [(1, "text", 0.5), (0, "texts", 0.5), (0, "text", 0.6)]
    assert seed not in {sampling_seed(number, text, Sampling(temperature=heat)) for number, text, heat in others}


def test_a_seed_that_is_written_down_holds(store):
    (task,) = plan_of(experiment({"p": "x"}, [entry(sampling=Sampling(seed=11))], seed=5), store=store).tasks
    assert (task.seed, task.params.sampling.seed) == (11, 11)


def test_what_is_stored_is_not_planned_again(store):
    run(plan_of(experiment({"p": "one"}), store=store), store)
    plan = plan_of(experiment({"p": "one", "q": "two"}), store=store)
    assert [task.prompt.name for batch in plan.batches for task in batch.tasks] == ["q"]
    assert plan.stored == {plan.tasks[0].key}
    (load,) = plan.workloads
    assert (load.spec.source, load.tasks, load.prompts, load.stored, load.missing) == ("fake", 2, 2, 1, 1)


def test_what_is_stored_is_not_checked_again(store):
    asked = experiment({"p": "one two three"}, models={"m": "fake"})
    run(plan_of(asked, store=store), store)

    def without_a_tokenizer(spec):
        class Broken(Words):
            encode = None

        return ModelFacts(spec, {"source": spec.source}, 2, 4, Broken())

    assert plan_of(asked, store=store, facts_of=without_a_tokenizer).batches == ()
    with pytest.raises(TypeError):
        plan_of(experiment({"p": "new"}), store=store, facts_of=without_a_tokenizer)


def test_all_problems_of_all_experiments_come_in_one_go(store):
    first = experiment(
        {"good": "a b", "long": "one two three four five", "edge": "one two three"},
        [entry(max_new_tokens=2), entry(label="deep", number=1, depth=2, prompts=("good",))],
        models={"k": "known-model"},
        name="first",
    )
    second = experiment(
        {"p": Prompt(name="p", text="x", target="two tokens")},
        [entry(max_new_tokens=1), entry(label="again", number=1, max_new_tokens=2)],
        models={"k": "known-model", "away": "missing-model"},
        name="second",
    )
    with pytest.raises(ExperimentError) as caught:
        plan_of(first, second, store=store)
    assert [str(problem) for problem in caught.value.problems] == [
        "first.yaml:2:1: prompts.edge: this prompt has 3 tokens for the model 'known-model', which reads 4 at most, 2 "
        "generated ones included. Shorten it by 1 token, or set max_new_tokens to 1 or less.",
        "first.yaml:2:1: prompts.long: this prompt has 5 tokens for the model 'known-model', which reads 4 at most, 2 "
        "generated ones included. Shorten it by 3 tokens.",
        "first.yaml:4:1: analyses.1.echo.depth: there is no layer 2. The last one is 1.",
        "second.yaml:2:1: models.away: there is no folder 'missing-model'.",
        "second.yaml:3:1: prompts.p.target: the target is not one token.",
    ]


def test_a_prompt_without_tokens_is_a_problem(store):
    with pytest.raises(ExperimentError, match=re.escape("sees no token in this prompt")):
        plan_of(experiment({"p": " "}, models={"k": "known-model"}), store=store)


def test_a_prompt_that_just_fits_is_none(store):
    asked = experiment({"p": "one two"}, [entry(max_new_tokens=2)], models={"k": "known-model"})
    assert len(plan_of(asked, store=store).tasks) == 1


def test_without_a_context_length_nothing_is_too_long(store):
    def boundless(spec):
        return ModelFacts(spec, {"source": spec.source}, tokenize=Words())

    assert len(plan_of(experiment({"p": "word " * 9999}), store=store, facts_of=boundless).tasks) == 1


def tasks(sizes):
    """As many tasks per text as the sizes say."""
    spec = ModelSpec(source="fake")
    return [
        Task("e", "m", spec, Prompt(name=str(text), text=str(text)), "echo", "echo", Sampling(), f"{text}/{number}")
        for text, size in enumerate(sizes)
        for number in range(size)
    ]


@pytest.mark.parametrize(
    ("sizes", "parts", "expected"),
    [
        ([2, 2, 2, 2], 2, [4, 4]),
        ([2, 2, 2], 3, [2, 2, 2]),
        ([1, 1, 1, 1, 1], 2, [3, 2]),
        ([4], 3, [4]),
        ([6, 1, 1], 2, [6, 2]),
        ([1, 1, 6], 2, [2, 6]),
        ([1, 1], 1, [2]),
    ],
)
def test_a_batch_is_divided_between_texts_into_nearly_equal_parts(sizes, parts, expected):
    (batch,) = batches_of(tasks(sizes))
    pieces = batch.split(parts)
    assert [len(piece.tasks) for piece in pieces] == expected
    assert tuple(task for piece in pieces for task in piece.tasks) == batch.tasks
    texts = [{task.prompt.text for task in piece.tasks} for piece in pieces]
    assert sum(map(len, texts)) == len(set().union(*texts))


def test_nothing_makes_no_batch():
    assert batches_of([]) == ()
    assert Batch(ModelSpec(source="fake"), ()).split(3) == ()


def sized(spec):
    """Facts of a model of two layers whose size is known."""
    shape = Shape(width=8, heads=2, neurons=32, outcomes=100, parameters=5000)
    return ModelFacts(spec, {"source": spec.source}, 2, None, Words(), Family.CAUSAL, shape=shape)


def effort(store, *experiments, facts_of=sized):
    (load,) = plan_of(*experiments, store=store, facts_of=facts_of).workloads
    return load.effort


def test_what_all_analyses_of_a_text_share_is_counted_once(store):
    one = effort(store, experiment({"p": "one two three"}))
    both = effort(store, experiment({"p": "one two three"}, [entry(), entry(label="again", depth=1)]))
    assert (one.passes, both.passes) == (2, 2)  # One to write, one to look.
    longer = effort(
        store, experiment({"p": "one two three"}, [entry(max_new_tokens=5), entry(label="again", max_new_tokens=6)])
    )
    assert longer.passes == 4
    assert effort(store, experiment({"p": "one two three", "q": "four"})).passes == 4


def test_what_an_analysis_costs_of_its_own_is_counted_for_each_result_that_is_missing(store):
    asked = experiment(
        {"p": "one two three", "same": "one two three", "q": "four"}, [entry("costly", max_new_tokens=5)]
    )
    found = effort(store, asked)
    assert (found.passes, found.backwards, found.readouts) == (3 + 1 + 2 * 2, 10, 1)
    run(plan_of(experiment({"p": "one two three"}, [entry("costly", max_new_tokens=5)]), store=store), store)
    assert effort(store, asked, facts_of=sized).passes == 1 + 2


def test_memory_is_that_of_the_weights_and_of_the_largest_task(store):
    asked = experiment({"p": "one two", "q": "one two three"}, [entry(), entry("costly", label="big", number=1)])
    plan = plan_of(asked, store=store, facts_of=sized)
    found = plan.workloads[0].effort
    largest = extent_of(Prompt(name="q", text="one two three"), entry().params, sized(ModelSpec(source="fake")))
    assert (found.weights, found.largest) == (20_000, "big")
    assert found.most == 8000 + shared_bytes(largest)
    assert found.peak == found.weights + found.most


def test_half_the_digits_are_half_the_memory():
    whole, half = (sized(ModelSpec(source="fake", dtype=dtype)) for dtype in ("float32", "bfloat16"))
    task = Task("e", "m", whole.spec, Prompt(name="p", text="one"), "echo", "echo", entry().params, "key")
    efforts = [effort_of([task], ANALYSES, facts) for facts in (whole, half)]
    assert efforts[0].weights == 2 * efforts[1].weights


def test_a_size_that_nobody_knows_is_not_guessed(store):
    found = effort(store, experiment({"p": "one"}, [entry("costly")]), facts_of=facts_of)
    assert (found.weights, found.most, found.peak) == (None, None, None)
    asked = experiment({"p": "one"}, [entry("costly")])
    assert "  memory   unknown: the model's files do not tell its size" in described(plan_of(asked, store=store))


@pytest.mark.parametrize(
    ("family", "text", "expected"),
    [
        (Family.CAUSAL, "one two", (2, 5)),
        (Family.CLASSIFICATION, "one two", (2, 1)),
        (Family.QUESTION_ANSWERING, "one two", (2, 2)),
        (Family.NONE, "one two", (2, 0)),
    ],
)
def test_a_family_reads_and_says_as_much_as_it_does(family, text, expected):
    facts = replace(sized(ModelSpec(source="fake")), family=family)
    extent = extent_of(Prompt(name="p", text=text), entry().params, facts)
    assert (extent.read, extent.written) == expected


def test_a_masked_model_says_as_much_as_it_has_masks():
    facts = source.facts_of(ModelSpec(source="bundled:masked"))
    extent = extent_of(Prompt(name="p", text="The [MASK] of [MASK]."), entry().params, facts)
    assert (extent.written, extent.length) == (2, extent.read)
    assert (extent.layers, extent.width, extent.outcomes) == (6, 96, 1949)


def test_a_plan_in_words_fits_into_eighty_columns(store):
    label = "a label that is much longer than labels usually are"
    asked = experiment({"p": "one two", "q": "three"}, [entry("costly", label=label), entry()])
    lines = list(described(plan_of(asked, store=store, facts_of=sized)))
    assert lines[0] == "fake · float32 · device auto"
    assert lines[1] == "  results  4 of 2 prompts: 0 stored, 4 to compute"
    assert lines[2] == "  passes   at most 7 forward, 10 backward, 1 through the head alone"
    assert max(len(line) for line in lines if line.startswith(" ")) <= 80
    assert f"compute demo: p · {label}" in lines


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "1 byte"), (999, "999 bytes"), (4_400, "4.4 kB"), (999_600, "1.0 MB"), (44_000_000, "44 MB"), (7e9, "7.0 GB")],
)
def test_a_size_is_said_in_few_digits(number, said):
    assert size(number) == said


class TestAModelOutOfReach:
    """What is wanted of a model of the hub, while nobody can be asked about it."""

    def test_is_planned_as_far_as_that_goes(self, store):
        asked = experiment({"p": "one", "q": "one"}, [entry(), entry(label="again", depth=1)], models={"h": "hub/x"})
        plan = plan_of(asked, experiment({"p": "one"}, name="second"), store=store)
        (model,) = plan.out_of_reach
        assert (model.spec.source, model.results) == ("hub/x", 2)
        assert [str(problem) for problem in model.problems] == [
            "demo.yaml:2:1: models.h: hub/x is not here, and nobody can be asked."
        ]
        assert [task.place[0] for task in plan.tasks] == ["second"]
        lines = list(described(plan))
        assert "  model    needs the hub: nothing is known of it offline" in lines
        assert "  results  2, nobody knows which of them are stored" in lines

    def test_is_checked_as_far_as_that_goes(self, store):
        asked = experiment({"p": Prompt(name="p", text="x", target="two tokens")}, models={"h": "hub/x"})
        with pytest.raises(ExperimentError, match="the target is not one token") as caught:
            plan_of(asked, store=store)
        assert len(caught.value.problems) == 1

    def test_is_not_run_and_neither_is_anything_beside_it(self, store, tmp_path):
        log = tmp_path / "log"
        asked = experiment({"p": "one"}, [entry(log=str(log))], models={"a": "A", "h": "hub/x"})
        with pytest.raises(ExperimentError, match="hub/x is not here, and nobody can be asked"):
            run(plan_of(asked, store=store), store)
        assert not log.exists()


def test_planning_imports_no_torch():
    code = "import sys, ecco_reports.plan, ecco_reports.runner, ecco_reports.gates; print('torch' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "False"
