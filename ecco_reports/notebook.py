"""The three calls of a notebook: load a model, ask it something, look at the answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ecco_reports.analyses import ANALYSES
from ecco_reports.analyses.preflight import family_problems, length_problems
from ecco_reports.errors import EccoReportsError, ExperimentError, Problem, did_you_mean
from ecco_reports.models.threads import threads_for
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Prompt, Record

if TYPE_CHECKING:
    from ecco_reports.charts.figure import Figure
    from ecco_reports.models.base import LanguageModel


def load_model(source: str | ModelSpec | Any, tokenizer: Any = None) -> LanguageModel:
    """Loads a model that can be explained.

    Args:
        source: ``bundled:NAME``, a folder, a hub id, ``openai:MODEL``, a ``ModelSpec``, or a transformers model.
        tokenizer: The tokenizer of a transformers model.

    Raises:
        ModelLoadError: The model cannot be had.
    """
    if isinstance(source, str):
        source = ModelSpec(source=source)
    if isinstance(source, ModelSpec) and source.is_served:
        from ecco_reports.models.api import model

        return model.load(source)
    from ecco_reports.models import huggingface

    if isinstance(source, ModelSpec):
        return huggingface.load(source)
    return huggingface.wrap(source, tokenizer)


def analyze(model: LanguageModel, prompt: str | Prompt, analysis: str, **params: Any) -> Record:
    """Runs one analysis on one prompt.

    Args:
        model: What ``load_model`` returned.
        prompt: A text, or a ``Prompt`` with a target and a foil.
        analysis: The name of the analysis, as in YAML.
        **params: Its settings, as in YAML.

    Returns:
        The analysis's own ``Result``.

    Raises:
        UnknownNameError: There is no such analysis.
        ExperimentError: A setting is wrong, or makes no sense for this model and prompt.
        CapabilityError: The model cannot do what the analysis needs.
    """
    room = ANALYSES[analysis]
    if isinstance(prompt, str):
        prompt = Prompt(name="prompt", text=prompt)
    try:
        settings = room.Params(**params)
    except ValidationError as error:
        raise ExperimentError([_problem(analysis, detail, room.Params) for detail in error.errors()]) from None
    about = settings, prompt, model.facts
    if found := list(length_problems(*about)) or list(family_problems(*about)) or list(room.problems(*about)):
        raise ExperimentError([Problem(f"{analysis}.{_dotted(path)}", 0, 0, what, hint) for path, what, hint in found])
    model.demand(room.needs(settings))
    with threads_for(model):
        result: Record = room.run(model, prompt, settings)
    return result


def charts(result: Record) -> list[Figure]:
    """The figures of a result; a notebook displays them.

    Raises:
        EccoReportsError: The result is not that of any analysis.
    """
    for name in ANALYSES:
        if type(result) is ANALYSES[name].Result:
            return list(ANALYSES[name].charts(result))
    raise EccoReportsError(f"{type(result).__name__} is no result of an analysis.")


def _dotted(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _problem(analysis: str, detail: Any, params: type[Record]) -> Problem:
    path = _dotted(detail["loc"])
    if detail["type"] == "extra_forbidden":
        return Problem(f"{analysis}.{path}", 0, 0, "unknown setting.", did_you_mean(path, sorted(params.model_fields)))
    return Problem(f"{analysis}.{path}".rstrip("."), 0, 0, f"{detail['msg'].removeprefix('Value error, ')}.")
