from __future__ import annotations

import subprocess
import sys

import pytest

import ecco_reports
from ecco_reports.charts.figure import ChartFigure
from ecco_reports.errors import CapabilityError, EccoReportsError, ExperimentError, UnknownNameError
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Prompt, Table
from tests import tiny

TEXT = "Heathrow airport is located in the city of"


def test_the_three_calls_of_the_readme(facts_model):
    result = ecco_reports.analyze(facts_model, TEXT, "logit_lens", top_k=10)
    figures = ecco_reports.charts(result)
    assert [type(figure) for figure in figures] == [ChartFigure, ChartFigure]
    assert figures[0]._repr_mimebundle_()


def test_charts_can_be_called_after_the_package_of_that_name_was_imported():
    code = (
        "import ecco_reports; assert callable(ecco_reports.charts); import ecco_reports.charts.style as style; "
        "from ecco_reports.charts import figure; assert callable(ecco_reports.charts); "
        "import sys; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_comes_from_a_folder_a_spec_or_memory(tmp_path, one_thread):
    from transformers import PreTrainedTokenizerFast

    folder = tiny.save(tmp_path)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=tiny.word_tokenizer())
    models = [
        ecco_reports.load_model(str(folder)),
        ecco_reports.load_model(ModelSpec(source=str(folder))),
        ecco_reports.load_model(tiny.build("gpt2"), tokenizer),
    ]
    written = [ecco_reports.analyze(model, tiny.TEXT, "generation", max_new_tokens=4).passage for model in models]
    assert written[0] == written[1] == written[2]


def test_a_prompt_may_bring_target_and_foil(facts_model):
    prompt = Prompt(name="p", text=TEXT, target=" London", foil=" Paris")
    result = ecco_reports.analyze(facts_model, prompt, "attribution", targets="given")
    assert result.explained[0].label == "London rather than Paris"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"topk": 3}, r"logit_lens\.topk: unknown setting\. Did you mean 'top_k'"),
        ({"top_k": 0}, r"logit_lens\.top_k: Input should be greater than or equal to 1"),
        ({"top_k": "many"}, r"logit_lens\.top_k: Input should be a valid integer"),
        ({"layers": [99]}, r"logit_lens\.layers\.0: layer 99 is out of range"),
        ({"positions": [0, 99]}, r"logit_lens\.positions\.1: position 99 is out of range"),
        ({"beams": 2, "sampling": {}}, r"logit_lens: beams and sampling exclude each other"),
        ({"sampling": {"temperature": -1}}, r"logit_lens\.sampling\.temperature: Input should be greater than 0"),
    ],
)
def test_wrong_settings_are_named(params, message, facts_model):
    with pytest.raises(ExperimentError, match=message):
        ecco_reports.analyze(facts_model, TEXT, "logit_lens", **params)


def test_several_wrong_settings_are_named_in_one_go(facts_model):
    with pytest.raises(ExperimentError) as caught:
        ecco_reports.analyze(facts_model, TEXT, "logit_lens", top_k=0, colour="red")
    assert len(caught.value.problems) == 2


def test_an_unknown_analysis_and_a_target_of_two_tokens_are_named(facts_model):
    with pytest.raises(UnknownNameError, match="Did you mean 'logit_lens'"):
        ecco_reports.analyze(facts_model, TEXT, "logitlens")
    with pytest.raises(ExperimentError, match="is not one token"):
        ecco_reports.analyze(facts_model, TEXT, "token_ranks", watch=["Llanfairpwllgwyngyll"])


def test_a_text_that_is_empty_or_too_long_is_refused(tiny_model):
    model = tiny_model("gpt2")
    with pytest.raises(ExperimentError, match="sees no token"):
        ecco_reports.analyze(model, "", "generation")
    with pytest.raises(ExperimentError, match=f"{tiny.CONTEXT}"):
        ecco_reports.analyze(model, "the " * tiny.CONTEXT, "generation", max_new_tokens=1)


def test_a_model_that_cannot_is_refused(tiny_model):
    import copy

    from ecco_reports.models.base import Capability

    poor = copy.copy(tiny_model("gpt2"))
    poor.capabilities = frozenset({Capability.GENERATION})
    poor.reasons = {Capability.LAYER_READOUT: "it is an API"}
    with pytest.raises(CapabilityError, match="readout of intermediate layers: it is an API"):
        ecco_reports.analyze(poor, tiny.TEXT, "logit_lens")


def test_only_results_have_charts():
    with pytest.raises(EccoReportsError, match="Table is no result of an analysis"):
        ecco_reports.charts(Table(columns=(), rows=(), caption="x"))
