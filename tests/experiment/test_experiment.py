"""What an experiment file can say, and what is answered where it says something else."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import jsonschema
import pytest
from pydantic import Field, field_validator

from ecco_reports.analyses import Analysis, DecodingParams
from ecco_reports.errors import ExperimentError, Problem
from ecco_reports.experiment import Experiment, json_schema, load_experiment, load_experiments
from ecco_reports.experiment.schema import attribute_docs
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Decoding, Sampling


class LensParams(DecodingParams):
    """Which layers to read out.

    Attributes:
        top_k: How many candidates
            to keep.
        score: What to ``show``.
    """

    top_k: int = Field(default=10, ge=1)
    score: Literal["logit", "probability"] = "logit"
    layers: Literal["all"] | tuple[int, ...] = "all"


class RanksParams(DecodingParams):
    watch: tuple[str, ...]

    @field_validator("watch")
    @classmethod
    def _different(cls, words: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(words)) < len(words):
            raise ValueError("the same word is watched twice")
        return words


class _Room(Analysis[Any, Any]):
    title: ClassVar[str] = "A room"
    question: ClassVar[str] = "What is asked?"
    run = proof = metrics = summary = charts = table = None  # type: ignore[assignment]


class Lens(_Room):
    name = "lens"
    Params = LensParams


class Ranks(_Room):
    name = "ranks"
    Params = RanksParams


ROOMS = {"lens": Lens(), "ranks": Ranks()}
HEAD = "models: {facts: bundled:facts}\nprompts: {capital: The capital of Japan is the city of}\n"
"""Two lines that make an experiment of what follows in line 3."""


class Folder:
    """A project folder in which experiments are written and read."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, name: str, text: str | bytes) -> Path:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else textwrap.dedent(text).encode())
        return path

    def load(self, text: str, name: str = "try.yaml") -> Experiment:
        return load_experiment(self.write(name, text), ROOMS)

    def problems(self, text: str, name: str = "try.yaml") -> tuple[Problem, ...]:
        with pytest.raises(ExperimentError) as caught:
            self.load(text, name)
        return caught.value.problems

    def complaints(self, text: str) -> list[str]:
        """Problems as they are printed, with file names from the folder on."""
        return [str(problem).replace(f"{self.path}/", "") for problem in self.problems(text)]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_a_full_experiment_is_read(folder: Folder) -> None:
    experiment = folder.load(
        """\
        title: Does the model know?
        summary: >
          One sentence
          for the gallery.
        notes: |
          First look
          here.

          Then there.
        name: knowing
        seed: 7
        models:
          facts: bundled:facts
          gpt2: {source: openai-community/gpt2, revision: main, dtype: float64, device: cpu}
        prompts:
          heathrow: Heathrow airport is located in the city of
          capital: {text: The capital of Japan is the city of, target: " Tokyo", foil: " Paris"}
        analyses:
          - lens: {top_k: 3, sampling: {temperature: 1e-1}}
            models: facts
            prompts: [capital]
            label: a closer look
          - lens
          - ranks: {watch: [" London"]}
        gates:
          - {metric: ranks.target_rank, max: 1}
          - {metric: a closer look.agreement, min: 0.6, against: baseline}
        x-notes: anything
        """
    )
    assert (experiment.name, experiment.title, experiment.seed) == ("knowing", "Does the model know?", 7)
    assert experiment.summary == "One sentence for the gallery."
    assert experiment.notes == ("First look here.", "Then there.")
    assert experiment.models == {
        "facts": ModelSpec(source="bundled:facts"),
        "gpt2": ModelSpec(source="openai-community/gpt2", revision="main", dtype="float64", device="cpu"),
    }
    assert list(experiment.prompts) == ["heathrow", "capital"]
    assert experiment.prompts["heathrow"].text == "Heathrow airport is located in the city of"
    assert (experiment.prompts["capital"].target, experiment.prompts["capital"].foil) == (" Tokyo", " Paris")
    closer, lens, ranks = experiment.analyses
    assert closer.params == LensParams(top_k=3, sampling=Sampling(temperature=0.1))
    assert (closer.label, closer.models, closer.prompts) == ("a closer look", ("facts",), ("capital",))
    assert (lens.label, lens.models, lens.prompts) == ("lens", ("facts", "gpt2"), ("heathrow", "capital"))
    assert lens.params.says_nothing_about_decoding
    assert (ranks.analysis, ranks.path) == ("ranks", ("analyses", 2, "ranks"))
    assert [(gate.metric, gate.min, gate.max, gate.against) for gate in experiment.gates] == [
        ("ranks.target_rank", None, 1.0, None),
        ("a closer look.agreement", 0.6, None, "baseline"),
    ]


def test_name_and_title_come_from_the_file_name(folder: Folder) -> None:
    experiment = folder.load(HEAD + "analyses: [lens]\n", "European Union.yaml")
    assert (experiment.name, experiment.title) == ("european-union", "European union")


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script> & <b>",
        "{{ 7 * 7 }} {% raw %} {# x #}",
        "# head *star* `tick` | pipe",
        "שלום עולם ‮reversed",
        "😀👩‍👩‍👧 e\u0301",
        "nul \0 bell \a del \x7f",
        "  spaces and a line break \n",
        "next \x85 line \u2028 here",
        "datum.x > 1 ? 'a' : 'b'",
    ],
)
def test_a_prompt_is_kept_exactly(folder: Folder, text: str) -> None:
    quoted = '"' + "".join(f"\\U{ord(char):08x}" for char in text) + '"'
    prompt = folder.load(f"models: {{a: b}}\nprompts: {{p: {quoted}}}\nanalyses: [lens]\n").prompts["p"]
    assert (prompt.text, prompt.written) == (text, None)


def test_half_a_surrogate_pair_is_mended_and_shown_as_written(folder: Folder) -> None:
    experiment = folder.load(r"""
        models: {a: b}
        prompts: {half: "x \ud83d y", whole: "\ud83d\ude00"}
        analyses: [lens]
        """)
    half, whole = experiment.prompts["half"], experiment.prompts["whole"]
    assert (half.text, half.written, half.shown) == ("x \ufffd y", r"x \ud83d y", r"x \ud83d y")
    assert (whole.text, whole.written) == ("😀", None)


def test_half_a_surrogate_pair_is_refused_elsewhere(folder: Folder) -> None:
    (said,) = folder.complaints(HEAD + 'analyses: [{ranks: {watch: ["\\ud83d"]}}]\n')
    assert said.startswith("try.yaml:3:29: this text holds half of a surrogate pair")


def test_text_from_a_file_stands_for_itself_without_its_last_line_break(folder: Folder) -> None:
    folder.write("texts/notes.txt", b"\xef\xbb\xbfOne\r\ntwo \n")
    experiment = folder.load("models: {a: b}\nprompts: {p: {text: {file: texts/notes.txt}}}\nanalyses: [lens]\n")
    assert experiment.prompts["p"].text == "One\ntwo "


def test_rows_of_csv_become_prompts(folder: Folder) -> None:
    folder.write("cities.csv", 'country,capital\nJapan,Tokyo\n"Côte\nd\'Ivoire",\n\n"a, {country}",B\n')
    experiment = folder.load("""\
        models: {a: b}
        prompts:
          first: x
          cities: {dataset: cities.csv, text: "The {{capital}} of {country} is", target: " {capital}"}
        analyses:
          - lens: {}
            prompts: [cities]
        """)
    cities = [experiment.prompts[f"cities-{number}"] for number in range(3)]
    assert [city.text for city in cities] == [
        "The {capital} of Japan is",
        "The {capital} of Côte\nd'Ivoire is",
        "The {capital} of a, {country} is",
    ]
    assert [city.target for city in cities] == [" Tokyo", None, " B"]
    assert experiment.analyses[0].prompts == ("cities-0", "cities-1", "cities-2")
    problem = experiment.problem(("prompts", "cities-2", "target"), "too long.")
    assert problem.where == f"{folder.path}/cities.csv:6:1"


def test_two_texts_are_one_prompt(folder: Folder) -> None:
    experiment = folder.load("models: {a: b}\nprompts: {p: {text: Is it, text_pair: It is.}}\nanalyses: [lens]\n")
    prompt = experiment.prompts["p"]
    assert (prompt.text, prompt.text_pair, prompt.messages) == ("Is it", "It is.", ())
    assert experiment.problem(("prompts", "p", "text_pair"), "no.").column == 39


def test_a_continuation_is_kept_exactly_and_comes_from_data_sets_too(folder: Folder) -> None:
    folder.write("ends.csv", "text,continuation\nIt is in, London.\nIt was,\n")
    experiment = folder.load("""\
        models: {a: b}
        prompts:
          p: {text: It is in, continuation: " London.\\n"}
          rows: {dataset: ends.csv}
          told: {messages: [{role: user, content: Where}], continuation: In London}
        analyses: [lens]
        """)
    prompts = experiment.prompts
    found = {name: prompt.continuation for name, prompt in prompts.items()}
    assert found == {"p": " London.\n", "rows-0": " London.", "rows-1": None, "told": "In London"}
    assert experiment.problem(("prompts", "p", "continuation"), "no.").where.endswith(":3:37")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ('{text: x, continuation: ""}', "continuation must be a text that is not empty, not ''"),
        ("{text: x, continuation: 3}", "continuation must be a text that is not empty, not 3"),
        ('{text: x, continuation: "\\ud83d"}', "half of a surrogate pair"),
    ],
)
def test_a_continuation_is_a_text(folder: Folder, prompt: str, words: str) -> None:
    (said,) = folder.complaints(f"models: {{a: b}}\nprompts: {{p: {prompt}}}\nanalyses: [lens]\n")
    assert said.startswith("try.yaml:2:")
    assert words in said


def test_settings_of_how_to_write_are_read(folder: Folder) -> None:
    settings = "{beams: 4, repetition_penalty: 1.3, stop: [., ' and']}"
    experiment = folder.load(
        HEAD + f"analyses: [{{lens: {settings}}}, {{lens: {{sampling: {{min_p: 0.1}}}}, label: b}}]\n"
    )
    first, second = (entry.params for entry in experiment.analyses)
    assert (first.beams, first.repetition_penalty, first.stop) == (4, 1.3, (".", " and"))
    assert first.decoding == Decoding(beams=4, repetition_penalty=1.3, stop=(".", " and"))
    assert second.decoding.sampling == Sampling(min_p=0.1)


def test_beams_and_sampling_exclude_each_other(folder: Folder) -> None:
    (said,) = folder.complaints(HEAD + "analyses: [{lens: {beams: 4, sampling: {}}}]\n")
    assert said.startswith("try.yaml:3:19: lens: beams and sampling exclude each other")


def test_a_conversation_is_written_as_its_turns(folder: Folder) -> None:
    experiment = folder.load(
        """\
        models: {a: b}
        prompts:
          p:
            messages:
              - {role: system, content: Be brief.}
              - {role: user, content: Where is it}
              - {role: assistant, content: It is in}
            target: " London"
        analyses: [lens]
        """
    )
    prompt = experiment.prompts["p"]
    assert prompt.text == "system: Be brief.\nuser: Where is it\nassistant: It is in"
    assert [message.role for message in prompt.messages] == ["system", "user", "assistant"]
    assert experiment.problem(("prompts", "p", "messages"), "no.").line == 5


@pytest.mark.parametrize(
    "prompt", ["{text: Where, system: Be brief.}", "{system: Be brief., messages: [{role: user, content: Where}]}"]
)
def test_what_the_system_says_may_stand_beside_the_rest(folder: Folder, prompt: str) -> None:
    read = folder.load(f"models: {{a: b}}\nprompts: {{p: {prompt}}}\nanalyses: [lens]\n").prompts["p"]
    assert [(message.role, message.content) for message in read.messages] == [
        ("system", "Be brief."),
        ("user", "Where"),
    ]
    assert read.text == "system: Be brief.\nuser: Where"


def test_rows_fill_in_pairs_and_conversations(folder: Folder) -> None:
    folder.write("cities.csv", "country,capital,text_pair\nJapan,Tokyo,It is big.\nFrance,Paris,\n")
    prompts = folder.load(
        """\
        models: {a: b}
        prompts:
          pairs: {dataset: cities.csv, text: "{capital} is big."}
          talks:
            dataset: cities.csv
            system: You know {country}.
            messages:
              - {role: user, content: "What is the capital of {country}?"}
              - {role: assistant, content: It is}
            target: " {capital}"
        analyses: [lens]
        """
    ).prompts
    assert (prompts["pairs-0"].text, prompts["pairs-0"].text_pair) == ("Tokyo is big.", "It is big.")
    assert prompts["pairs-1"].text_pair is None
    assert [message.content for message in prompts["talks-1"].messages] == [
        "You know France.",
        "What is the capital of France?",
        "It is",
    ]
    assert (prompts["talks-1"].target, prompts["talks-1"].text_pair) == (" Paris", None)


def test_half_a_character_in_a_row_is_mended_in_a_conversation_and_refused_in_a_pair(folder: Folder) -> None:
    folder.write("half.jsonl", '{"half": "x \\ud83d y"}\n')
    said = "{dataset: half.jsonl, messages: [{role: user, content: '{half}'}]}"
    prompt = folder.load(f"models: {{a: b}}\nprompts: {{p: {said}}}\nanalyses: [lens]\n").prompts["p-0"]
    assert prompt.messages[0].content == "x \ufffd y"
    pair = "{dataset: half.jsonl, text: x, text_pair: '{half}'}"
    (complaint,) = folder.complaints(f"models: {{a: b}}\nprompts: {{p: {pair}}}\nanalyses: [lens]\n")
    assert complaint.startswith("half.jsonl:1:1: this text holds half of a surrogate pair")


def test_rows_of_json_lines_become_prompts_by_columns_of_the_same_name(folder: Folder) -> None:
    folder.write("many.jsonl", '{"text": "one \\ud83d", "target": " a"}\n\n{"text": 2, "target": null}\n')
    experiment = folder.load("models: {a: b}\nprompts: {many: {dataset: many.jsonl}}\nanalyses: [lens]\n")
    assert [(prompt.text, prompt.written, prompt.target) for prompt in experiment.prompts.values()] == [
        ("one \ufffd", r"one \ud83d", " a"),
        ("2", None, None),
    ]


def test_a_matrix_multiplies(folder: Folder) -> None:
    experiment = folder.load(
        HEAD
        + """\
analyses:
  - lens: {max_new_tokens: 3}
    matrix:
      score: [logit, probability]
      sampling.temperature: [0.5, 1]
      exclude: [{score: logit, sampling.temperature: 1}]
      include: [{layers: [0, 1]}]
"""
    )
    assert [entry.label for entry in experiment.analyses] == [
        "lens (score=logit, sampling.temperature=0.5)",
        "lens (score=probability, sampling.temperature=0.5)",
        "lens (score=probability, sampling.temperature=1)",
        "lens (layers=0+1)",
    ]
    assert experiment.analyses[2].params == LensParams(
        max_new_tokens=3, score="probability", sampling=Sampling(temperature=1)
    )
    assert experiment.problem((*experiment.analyses[2].path, "score"), "no.").where.endswith(":6:22")
    assert experiment.problem((*experiment.analyses[2].path, "top_k"), "no.").where.endswith(":4:5")


def test_defaults_fill_in_and_what_is_written_wins(folder: Folder) -> None:
    experiment = folder.load("""\
        defaults:
          models: {device: cpu}
          lens: {top_k: 3, sampling: {temperature: 0.5, top_p: 0.9}}
        models: {facts: bundled:facts, other: {source: x, device: auto}}
        prompts: {p: x}
        analyses:
          - lens: {sampling: {top_p: 0.8}}
          - lens: {sampling: null}
            label: greedy
        """)
    assert [model.device for model in experiment.models.values()] == ["cpu", "auto"]
    sampled, greedy = (entry.params for entry in experiment.analyses)
    assert sampled == LensParams(top_k=3, sampling=Sampling(temperature=0.5, top_p=0.8))
    assert greedy == LensParams(top_k=3, sampling=None)
    assert experiment.problem(("analyses", 0, "lens", "top_k"), "too many.").where.endswith("try.yaml:3:17")


def test_included_files_lie_under_and_later_ones_over_earlier_ones(folder: Folder) -> None:
    folder.write("shared/a.yaml", "seed: 1\nmodels: {facts: bundled:facts}\nprompts: {p: {text: {file: p.txt}}}\n")
    folder.write("shared/b.yaml", "include: a.yaml\nseed: 2\nsummary: shared\n")
    folder.write("shared/p.txt", "from the file")
    experiment = folder.load("include: [shared/a.yaml, shared/b.yaml]\nprompts: {q: local}\nanalyses: [lens]\n")
    assert (experiment.seed, experiment.summary) == (2, "shared")
    assert {name: prompt.text for name, prompt in experiment.prompts.items()} == {"p": "from the file", "q": "local"}


def test_a_problem_points_into_the_included_file(folder: Folder) -> None:
    folder.write("shared.yaml", "models:\n  facts: {source: x, dtype: float8}\n")
    said = folder.complaints("include: shared.yaml\nprompts: {p: x}\nanalyses: [lens]\n")
    assert len(said) == 1
    assert said[0].startswith("shared.yaml:2:29: dtype must be 'float32', 'float64', 'bfloat16', 'float16' or 'auto'")


@pytest.mark.parametrize(
    ("lines", "where", "words", "hint"),
    [
        ("analysis: [lens]", "3:1", "an experiment has no key 'analysis'", "Did you mean 'analyses'?"),
        ("analyses: [lenz]", "3:12", "there is no analysis 'lenz'", "Did you mean 'lens'?"),
        ("analyses: [{lens: {topk: 1}}]", "3:20", "lens has no key 'topk'", "Did you mean 'top_k'"),
        ("analyses: [{lens: {}, models: [fact]}]", "3:32", "there is no model 'fact'", "Did you mean 'facts'?"),
        ("analyses: [{lens: {}, prompts: captal}]", "3:32", "there is no prompt 'captal'", "Did you mean 'capital'?"),
        ("analyses: [{lens: {}, modles: facts}]", "3:23", "an entry has no key 'modles'", "Did you mean 'models'?"),
        (
            "analyses: [{lens: {max_new_tokens: ten}}]",
            "3:36",
            "max_new_tokens must be a whole number of at least 1, not 'ten'.",
            "",
        ),
        ("analyses: [{lens: {top_k: 0}}]", "3:27", "top_k must be a whole number of at least 1, not 0.", ""),
        ("analyses: [{lens: {top_k: true}}]", "3:27", "top_k must be a whole number of at least 1, not true.", ""),
        ("analyses: [{lens: {top_k: '5'}}]", "3:27", "top_k must be a whole number of at least 1, not '5'.", ""),
        (
            "analyses: [{lens: {score: logits}}]",
            "3:27",
            "score must be 'logit' or 'probability'",
            "Did you mean 'logit'?",
        ),
        ("analyses: [{lens: {layers: al}}]", "3:28", "layers must be 'all' or a list, each element a whole number", ""),
        ("analyses: [{lens: {layers: [0, x]}}]", "3:32", "element 2 of layers must be a whole number, not 'x'.", ""),
        ("analyses: [{lens: {sampling: hot}}]", "3:30", "sampling must be a mapping with temperature", ""),
        ("analyses: [{lens: {sampling: {top_p: 2}}}]", "3:38", "top_p must be a number above 0 and of at most 1", ""),
        ("analyses: [{lens: [1]}]", "3:13", "lens must be a mapping, not a list of 1.", "Its keys are"),
        ("analyses: [ranks]", "3:12", "ranks lacks the key 'watch'.", "Its value must be a list, each element a text."),
        ("analyses: [{ranks: {watch: [2024]}}]", "3:29", "element 1 of watch must be a text, not 2024.", '"2024"'),
        ("analyses: [{ranks: {watch: [a, a]}}]", "3:28", "watch: the same word is watched twice.", ""),
        ("analyses: [lens, lens]", "3:18", "two entries are called 'lens'; the first is in line 3.", "`label:`"),
        ("analyses: [lens, {ranks: {watch: []}, label: LENS}]", "3:46", "two entries are called 'LENS'", "`label:`"),
        (
            "analyses: [{lens: {}, ranks: {watch: []}}]",
            "3:23",
            "this entry names two analyses, lens and ranks.",
            "- ranks",
        ),
        ("analyses: [{label: x}]", "3:12", "this entry names no analysis.", "Known analyses: lens, ranks."),
        ("analyses: [3]", "3:12", "an entry must be the name of an analysis or a mapping, not 3.", ""),
        ("analyses: lens", "3:1", "analyses must be a list, not 'lens'.", "[generation, logit_lens]"),
        ("analyses:\n  - lens:\n    top_k: 3", "5:5", "top_k is a setting of lens and stands beside it.", "Indent it"),
        ("analyses: [{lens: {}, matrix: {top_k: 5}}]", "3:39", "top_k must be a list of values to try, not 5.", ""),
        ("analyses: [{lens: {}, matrix: {top_k: [1, x]}}]", "3:43", "top_k must be a whole number", ""),
        (
            "analyses: [{lens: {}, matrix: {top_k: [1], exclude: [{topk: 1}]}}]",
            "3:55",
            "the matrix has no list 'topk'",
            "Did you mean 'top_k'",
        ),
        ("analyses: [{lens: {}, matrix: {top_k: [1], exclude: [{top_k: 2}]}}]", "3:54", "this excludes nothing", ""),
        ("analyses: [{lens: {}, matrix: {top_k: [1], exclude: [{top_k: 1}]}}]", "3:23", "leaves no combination", ""),
        ("analyses: [{lens: {}, models: []}]", "3:23", "this entry is for no model.", "Leave the key out"),
        ("analyses: [lens]\ngates: [{metric: lenz.x, max: 1}]", "4:18", "called 'lenz'", "Did you mean 'lens'?"),
        ("analyses: [lens]\ngates: [{metric: lens, max: 1}]", "4:18", "'lens' is no metric.", "a dot"),
        ("analyses: [lens]\ngates: [{metric: lens.x}]", "4:9", "a gate without a bound stops nothing.", "`min:`"),
        ("analyses: [lens]\ngates: [{metric: lens.x, min: 2, max: 1}]", "4:31", "no number is at least 2", "Swap"),
        ("analyses: [lens]\ngates: [{metric: lens.x, max: .inf}]", "4:31", ".inf is not a number", ""),
        ("analyses: [lens]\nname: ../../etc", "4:7", "'../../etc' cannot be the name of an experiment", "`name: etc`"),
        ("analyses: [lens]\nname: Japan", "4:7", "'Japan' cannot be the name of an experiment", "`name: japan`"),
        ("analyses: [lens]\nname: ''", "4:7", "'' cannot be the name of an experiment", "`name: my-experiment`"),
        ("analyses: [lens]\ntitle: 2024", "4:8", "title must be a text of 1 to 200 characters, not 2024.", '"2024"'),
        ("analyses: [lens]\nseed: -1", "4:7", "seed must be a whole number of at least 0", ""),
        ("analyses: [lens]\ndefaults: {lenz: {}}", "4:12", "there is no analysis 'lenz' to set defaults", "'lens'"),
        ("analyses: [lens]\ndefaults: {lens: {top_k: x}}", "4:26", "top_k must be a whole number", ""),
        ("analyses: [lens]\ninclude: nowhere.yaml", "4:10", "nowhere.yaml: there is no such file.", ""),
        (
            "analyses: [lens]\ninclude: ../up.yaml",
            "4:10",
            "'../up.yaml' leads out of the experiment's folder.",
            "below",
        ),
        ("analyses: [lens]\ninclude: /etc/hosts", "4:10", "'/etc/hosts' leads out of the experiment's folder.", ""),
        ("analyses: [lens]\ninclude: C:\\x.yaml", "4:10", "leads out of the experiment's folder.", ""),
        ("analyses: [lens]\ninclude: try.yaml", "4:10", "in a circle: try.yaml -> try.yaml", ""),
        ('analyses: [lens]\ninclude: "a\\0b"', "4:10", "cannot be the name of a file", ""),
    ],
)
def test_a_slip_is_answered_at_its_place(folder: Folder, lines: str, where: str, words: str, hint: str) -> None:
    said = folder.complaints(HEAD + lines + "\n")
    here = [one for one in said if one.startswith(f"try.yaml:{where}: ")]
    assert len(here) == 1, said
    assert words in here[0]
    assert hint in here[0]
    # Only a misspelt section is also a missing one.
    assert len(said) == (2 if lines.startswith("analysis:") else 1), said


@pytest.mark.parametrize(
    ("prompts", "where", "words"),
    [
        ("{p: ''}", "2:11", "the prompt 'p' is empty. Write at least one character"),
        ("{p: {text: ''}}", "2:15", "the prompt 'p' is empty."),
        ("{p: }", "2:11", "the prompt 'p' is empty."),
        ("{p: {target: x}}", "2:11", "the prompt 'p' has no text."),
        ("{p: {txt: x}}", "2:15", "the prompt 'p' has no key 'txt'. Did you mean 'text'?"),
        ("{p: 2024}", "2:14", "text must be a text or a mapping with file, not 2024."),
        ("{p: {text: {fil: x}}}", "2:22", "text has no key 'fil'. Did you mean 'file'?"),
        ("{p: {text: x, foil: y}}", "2:24", "a foil needs a target"),
        ("{p: {text: x, target: y, foil: y}}", "2:35", "target and foil are both 'y'."),
        ("{p: {text: x, target: ''}}", "2:32", "target must be a text that is not empty, not ''."),
        ("{a b: x}", "2:11", "'a b' cannot be the name of a prompt"),
        ("{../x: x}", "2:11", "'../x' cannot be the name of a prompt"),
        ("{p: x, P: x}", "2:17", "'P' and 'p' differ only in case"),
        ("[x]", "2:1", "prompts must be a mapping, not a list of 1."),
        ("{}", "2:1", "the experiment has no prompts."),
        ("{p: {text: {file: no.txt}}}", "2:28", "no.txt: there is no such file."),
        ("{p: {text: {file: ../../x}}}", "2:28", "'../../x' leads out of the experiment's folder."),
        ("{p: {text: {file: empty.txt}}}", "2:22", "the prompt 'p' is empty."),
        ("{p: {dataset: cities.txt}}", "2:24", "'cities.txt' is no data set. Its name must end in .csv or .jsonl."),
        ("{p: {dataset: cities.csv}}", "2:24", "the data set 'cities.csv' has no column 'text'"),
        ("{p: {dataset: cities.csv, text: '{capitol}'}}", "2:42", "has no column 'capitol'. Did you mean 'capital'?"),
        ("{p: {dataset: cities.csv, text: '{capital.__class__}'}}", "2:42", "no column 'capital.__class__'"),
        ("{p: {dataset: cities.csv, text: '{capital[0]}'}}", "2:42", "no column 'capital[0]'"),
        ("{p: {dataset: cities.csv, text: '{capital:>99999999}'}}", "2:42", "only the name of a column may stand"),
        ("{p: {dataset: cities.csv, text: '{capital!r}'}}", "2:42", "only the name of a column may stand"),
        ("{p: {dataset: cities.csv, text: '{'}}", "2:42", "this cannot be filled in"),
        ("{c: {dataset: cities.csv, text: x}, c-1: y}", "2:46", "there are two prompts called 'c-1'"),
        ("{p: {dataset: header.csv, text: x}}", "2:24", "the data set 'header.csv' has no rows."),
        ("{p: {text: x, text_pair: ''}}", "2:35", "text_pair must be a text that is not empty, not ''."),
        ("{p: {text_pair: x}}", "2:11", "the prompt 'p' has no text."),
        ("{p: {system: x}}", "2:11", "the prompt 'p' has no text."),
        ("{p: {messages: []}}", "2:25", "messages must be a list that is not empty"),
        ("{p: {messages: x}}", "2:25", "messages must be a list that is not empty"),
        ("{p: {messages: [x]}}", "2:26", "must be a mapping with role or content, not 'x'."),
        ("{p: {messages: [{role: usr, content: x}]}}", "2:33", "must be 'system', 'user' or 'assistant', not 'usr'."),
        ("{p: {messages: [{role: user}]}}", "2:26", "content"),
        ("{p: {messages: [{role: user, content: ''}]}}", "2:48", "must be a text that is not empty, not ''."),
        ("{p: {text: x, messages: [{role: user, content: x}]}}", "2:24", "`text` or `messages`, not both."),
        ("{p: {text_pair: x, messages: [{role: user, content: x}]}}", "2:15", "a conversation has no second text."),
        ("{p: {text: x, system: y, text_pair: z}}", "2:35", "a conversation has no second text."),
        ("{p: {system: x, messages: [{role: system, content: x}]}}", "2:15", "two texts of the system."),
        (
            "{p: {messages: [{role: user, content: x}, {role: system, content: x}]}}",
            "2:15",
            "the text of the system is the first message",
        ),
        ("{p: {dataset: cities.csv, messages: [{role: user, content: '{capitol}'}]}}", "2:69", "no column 'capitol'"),
    ],
)
def test_a_prompt_that_cannot_be_is_answered_at_its_place(folder: Folder, prompts: str, where: str, words: str) -> None:
    folder.write("cities.csv", "country,capital\nJapan,Tokyo\nFrance,Paris\n")
    folder.write("header.csv", "country,capital\n")
    folder.write("empty.txt", "\n")
    (said,) = folder.complaints(f"models: {{a: b}}\nprompts: {prompts}\nanalyses: [lens]\n")
    assert said.startswith(f"try.yaml:{where}: "), said
    assert words in said


@pytest.mark.parametrize(
    ("name", "content", "where", "words"),
    [
        ("a.csv", "text\none\ntwo,three\n", "a.csv:3:1", "this row has 2 cells, but there are 1 columns."),
        ("a.csv", "text,text\none,two\n", "a.csv:1:1", "the first line must name the columns"),
        ("a.csv", 'text\n"one\n', "a.csv:2:1", "this is not CSV"),
        ("a.csv", 'text,b\n"",x\n', "a.csv:2:1", "the prompt 'p-0' is empty."),
        ("a.jsonl", '{"text": "one"}\n{"text": \n', "a.jsonl:2:10", "this line is not JSON."),
        ("a.jsonl", '["text"]\n', "a.jsonl:1:1", "each line must be a JSON object."),
        ("a.jsonl", '{"text": ["one"]}\n', "a.jsonl:1:1", "'text' must be a text or a number, not a list."),
        ("a.jsonl", '{"text": "one"}\n{"txt": "two"}\n', "a.jsonl:2:1", "this row has no 'text'."),
        ("a.jsonl", "[" * 100_000, "a.jsonl:1:1", "this line is not JSON."),
        ("a.jsonl", '{"text": "x", "target": "\\ud83d"}', "a.jsonl:1:1", "half of a surrogate pair"),
    ],
)
def test_a_bad_row_is_answered_in_the_data_set(folder: Folder, name: str, content: str, where: str, words: str) -> None:
    folder.write(name, content)
    said = folder.complaints(f"models: {{a: b}}\nprompts: {{p: {{dataset: {name}}}}}\nanalyses: [lens]\n")
    assert said[0].startswith(f"{where}: "), said
    assert words in said[0]


@pytest.mark.parametrize(
    ("models", "where", "words"),
    [
        ("{m: ''}", "1:13", "source must be a text that is not empty, not ''."),
        ("{m: }", "1:12", "source must be a text that is not empty, not nothing."),
        ("{m: {sorce: x}}", "1:14", "the model 'm' has no key 'sorce'. Did you mean 'source'?"),
        ("{m: {source: x, device: gpu}}", "1:33", "device must be a text like 'auto', 'cpu' or 'cuda:0', not 'gpu'."),
        ("{m/n: x}", "1:10", "'m/n' cannot be the name of a model"),
        ("{}", "1:1", "the experiment has no models."),
        ("bundled:facts", "1:1", "models must be a mapping, not 'bundled:facts'."),
    ],
)
def test_a_model_that_cannot_be_is_answered_at_its_place(folder: Folder, models: str, where: str, words: str) -> None:
    said = folder.complaints(f"models: {models}\nprompts: {{p: x}}\nanalyses: [lens]\n")
    assert any(one.startswith(f"try.yaml:{where}: ") and words in one for one in said), said


def test_a_message_is_safe_to_print_whatever_the_file_says(folder: Folder) -> None:
    text = HEAD + 'analyses: [{lens: {}, models: "\\e[2J"}]\n"\\ud83d": 1\n"\\u202e": 2\n'
    for said in folder.complaints(text.replace("facts:", '"\\e[31m":', 1)):
        assert said.isprintable(), said
        said.encode()


def test_all_problems_come_in_one_go_in_the_order_of_the_file(folder: Folder) -> None:
    said = folder.complaints("""\
        titel: x
        models: {a: {source: b, dtype: int}}
        prompts: {p: "", q: !x y}
        analyses: [lenz, {ranks: {watch: 3}}]
        gates: [{metric: ranks.x}]
        """)
    assert [one.split(": ")[0] for one in said] == [
        "try.yaml:1:1",
        "try.yaml:2:32",
        "try.yaml:3:11",
        "try.yaml:3:21",
        "try.yaml:4:12",
        "try.yaml:4:34",
        "try.yaml:5:9",
    ]


@pytest.mark.parametrize("text", ["- a\n", "just words\n", "3\n"])
def test_what_is_no_mapping_is_no_experiment(folder: Folder, text: str) -> None:
    (said,) = folder.complaints(text)
    assert said.startswith("try.yaml:1:1: an experiment must be a mapping, not ")


def test_an_experiment_without_its_three_parts_is_told_what_to_write(folder: Folder) -> None:
    said = folder.complaints("title: x\n")
    assert len(said) == 3
    assert "Write for instance `models: {facts: bundled:facts}`." in said[0] + said[1] + said[2]


def test_a_link_out_of_the_folder_is_not_followed(folder: Folder, tmp_path_factory: pytest.TempPathFactory) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.txt"
    secret.write_text("secret")
    (folder.path / "link.txt").symlink_to(secret)
    (said,) = folder.complaints("models: {a: b}\nprompts: {p: {text: {file: link.txt}}}\nanalyses: [lens]\n")
    assert "leads out of the experiment's folder" in said


def test_two_files_that_include_each_other_are_refused(folder: Folder) -> None:
    folder.write("b.yaml", "include: try.yaml\n")
    (said,) = folder.complaints("include: b.yaml\n")
    assert said.startswith("b.yaml:1:10: these files include each other in a circle: try.yaml -> b.yaml -> try.yaml.")


def test_a_huge_matrix_is_refused_before_it_is_made(folder: Folder) -> None:
    axes = ", ".join(f"a{n}: [{', '.join(map(str, range(100)))}]" for n in range(10))
    (said,) = folder.complaints(HEAD + f"analyses: [{{lens: {{}}, matrix: {{{axes}}}}}]\n")
    assert "at most 1,000 are allowed" in said


def test_a_folder_gives_its_experiments_by_name_without_parts(folder: Folder) -> None:
    for name in ("b.yaml", "a.yml", "_shared.yaml", "sub/c.yaml", ".hidden.yaml", "notes.txt"):
        folder.write(name, HEAD + "analyses: [lens]\n")
    found = load_experiments([folder.path, folder.path / "b.yaml"], ROOMS)
    assert [experiment.name for experiment in found] == ["a", "b"]


def test_a_folder_without_yaml_is_a_problem(folder: Folder) -> None:
    folder.write("notes.txt", "x")
    with pytest.raises(ExperimentError, match="there is no experiment in this folder"):
        load_experiments([folder.path], ROOMS)


@pytest.mark.parametrize(
    ("second", "named", "where"),
    [("JAPAN.yaml", "", "JAPAN.yaml"), ("other.yaml", "name: japan\n", "other.yaml:4:7")],
)
def test_two_experiments_with_one_name_are_refused(folder: Folder, second: str, named: str, where: str) -> None:
    files = [
        folder.write("one/japan.yaml", HEAD + "analyses: [lens]\n"),
        folder.write(f"two/{second}", HEAD + "analyses: [lens]\n" + named),
    ]
    with pytest.raises(ExperimentError) as caught:
        load_experiments(files, ROOMS)
    (problem,) = caught.value.problems
    assert problem.where == f"{folder.path}/two/{where}"
    assert problem.message == f"two experiments are called 'japan': the other one is {files[0]}."


def test_problems_of_all_files_come_together(folder: Folder) -> None:
    files = [folder.write(name, "title: x\n") for name in ("a.yaml", "b.yaml")] + [folder.path / "c.yaml"]
    with pytest.raises(ExperimentError) as caught:
        load_experiments(files, ROOMS)
    assert {Path(problem.file).name for problem in caught.value.problems} == {"a.yaml", "b.yaml", "c.yaml"}


def test_a_problem_can_be_placed_anywhere(folder: Folder) -> None:
    experiment = folder.load(HEAD + "analyses:\n  - ranks:\n      watch: [a, b]\n  - lens\n")

    def where(*path: str | int) -> str:
        return experiment.problem(path, "no.").where.rpartition("try.yaml:")[2]

    assert where("prompts", "capital", "text") == "2:20"
    assert where("prompts", "capital", "target") == "2:11"
    assert where("models", "facts", "source") == "1:17"
    assert where("analyses", 0, "ranks", "watch", 1) == "5:18"
    assert where("analyses", 0, "ranks", "max_new_tokens") == "4:5"
    assert where("analyses", 1, "lens", "layers") == "6:5"
    assert where("nothing", "like", "this") == "1:1"


def test_reading_takes_no_time(folder: Folder) -> None:
    text = HEAD + "analyses: [lens, {ranks: {watch: [a, b]}}]\n"
    folder.load(text)
    start = time.process_time()
    folder.load(text)
    assert time.process_time() - start < 0.1


def test_reading_imports_neither_torch_nor_altair() -> None:
    code = (
        "import sys; from ecco_reports.experiment import json_schema; json_schema();"
        "sys.exit(bool({'torch', 'transformers', 'altair'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture(scope="module")
def accepted() -> Callable[[object], bool]:
    return jsonschema.Draft202012Validator(json_schema(ROOMS)).is_valid


def small(**changes: object) -> dict[str, object]:
    return {"models": {"a": "b"}, "prompts": {"p": "x"}, "analyses": ["lens"], **changes}


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema(ROOMS))


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"x-anything": [1]},
        {"analyses": [{"ranks": None, "matrix": {"watch": [["a"]]}, "label": "l", "models": "a", "prompts": ["p"]}]},
        {"prompts": {"p": {"dataset": "a.csv"}, "q": {"text": {"file": "a.txt"}, "target": "a", "foil": "b"}}},
        {"defaults": {"models": {"device": "cpu"}, "ranks": {"max_new_tokens": 3}}},
        {"gates": [{"metric": "lens.x", "max": 1, "against": "baseline"}]},
    ],
)
def test_the_schema_accepts_what_the_format_allows(
    accepted: Callable[[object], bool], changes: dict[str, object]
) -> None:
    assert accepted(small(**changes))


@pytest.mark.parametrize(
    "changes",
    [
        {"titel": "x"},
        {"analyses": ["lenz"]},
        {"analyses": [{"lens": {"topk": 1}}]},
        {"analyses": [{"lens": {}, "ranks": {}}]},
        {"analyses": [{"label": "x"}]},
        {"models": {"a b": "x"}},
        {"models": {"a": {"dtype": "float32"}}},
        {"prompts": {"p": ""}},
        {"seed": -1},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(
    accepted: Callable[[object], bool], changes: dict[str, object]
) -> None:
    assert not accepted(small(**changes))


def test_descriptions_come_from_docstrings_of_the_record_and_its_bases() -> None:
    docs = attribute_docs(LensParams)
    assert docs["top_k"] == "How many candidates to keep."
    assert docs["score"] == "What to `show`."
    assert docs["max_new_tokens"].startswith("Tokens to generate at most")
    lens = json_schema(ROOMS)["$defs"]["LensParams"]
    assert lens["description"] == "Which layers to read out."
    assert lens["properties"]["top_k"]["description"] == "How many candidates to keep."
