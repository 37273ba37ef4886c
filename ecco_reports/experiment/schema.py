"""The shape of an experiment file: the records of its parts, and the JSON Schema that editors check it with.

In: the table of analyses. Out: the schema, whose descriptions are the docstrings of the records. The loader validates
against the same records, so the two cannot drift apart; what only the loader can know (which names exist) is not here.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel, Field
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from ecco_reports.analyses import ANALYSES, AnyAnalysis
from ecco_reports.modelspec import ModelSpec
from ecco_reports.records import Message, Record
from ecco_reports.registry import Registry

Rooms: TypeAlias = Registry[AnyAnalysis] | Mapping[str, AnyAnalysis]
"""The analyses that an experiment may name."""

NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What models and prompts may be called."""

SLUG_PATTERN = r"^[a-z0-9][a-z0-9_-]*$"
"""What an experiment may be called: its name becomes the name of a folder and part of an address."""


class Head(Record):
    """What an experiment says about itself.

    Attributes:
        title: The heading of the page; without it, the name of the experiment.
        summary: One sentence for the gallery.
        notes: What a reader should know or look for, in plain words; an empty line begins a new paragraph.
        name: Lower-case letters, digits, - and _; without it, the name of the file. The page's address ends with it.
        seed: What all draws derive from, so that every run gives the same numbers.
        baseline: The model that the others are held against, on a page and by gates; without it, what was blessed.
    """

    title: str | None = Field(default=None, min_length=1, max_length=200)
    summary: str = Field(default="", max_length=1000)
    notes: str = Field(default="", max_length=20_000)
    name: str | None = None
    seed: int = Field(default=0, ge=0, lt=2**63)
    baseline: str | None = Field(default=None, min_length=1)


class TextFile(Record):
    """A text that stands in a file of its own.

    Attributes:
        file: Its path from the YAML file, in the same folder or below it.
    """

    file: str = Field(min_length=1)


class PromptFields(Record):
    """A text to explain, or many of them from a data set.

    Attributes:
        text: What the model reads. With a data set, {column} stands for a cell of the row, here and below.
        text_pair: The second text, for a model that reads two: the passage of a question, the hypothesis of a premise.
        system: What a conversation is told before its first turn; the text is then what the user says.
        messages: The turns of a conversation, for a model made for chat; they take the place of the text.
        continuation: A text that stands after the prompt and is explained as if the model had written it, usually with
            the space before it; without it, the model writes. Settings of how to write then have no effect.
        target: The token whose prediction is explained, usually with the space before it; without it, what the
            model generates.
        foil: The token to contrast the target with: why the target rather than this one.
        dataset: A CSV or JSON Lines file; each of its rows becomes a prompt.
    """

    text: str | TextFile | None = None
    text_pair: str | None = Field(default=None, min_length=1)
    system: str | None = Field(default=None, min_length=1)
    messages: tuple[Message, ...] | None = Field(default=None, min_length=1)
    continuation: str | None = Field(default=None, min_length=1)
    target: str | None = Field(default=None, min_length=1)
    foil: str | None = Field(default=None, min_length=1)
    dataset: str | None = Field(default=None, min_length=1)


class GateFields(Record):
    """A bound that a number of the results must keep, or a sentence that must be true of them.

    Attributes:
        metric: The label of an analysis and one of its numbers, with a dot between: token_ranks.target_rank.
        expect: A sentence instead of a metric and its bounds: the target is the first choice.
        min: The smallest number that passes.
        max: The largest number that passes.
        against: What the number compares this run with; without it, the run is judged alone.
        max_drop: How much worse than in the baseline the number may be, in its own unit.
        max_ratio: By which factor it may be worse than in the baseline, for numbers above 0.
        min_agreement: How far this run and the baseline must agree, for a number that says so.
        level: Whether a broken bound stops a release, or is only shown.
        models: Which models it watches; without it, all.
        prompts: Which prompts it watches, a data set standing for all of its rows; without it, all.
        over: With it, the mean over all prompts is judged instead of each prompt.
        min_samples: The smallest number of prompts that the mean may be taken over.
        test: How the mean is told from chance; a worsening that chance could have made is only shown.
        alpha: The largest probability of a false alarm.
        correction: Whether the test knows of the other tests of the experiment.
    """

    metric: str | None = Field(default=None, min_length=1)
    expect: str | None = Field(default=None, min_length=1)
    min: float | None = None
    max: float | None = None
    against: Literal["baseline"] | None = None
    max_drop: float | None = Field(default=None, ge=0)
    max_ratio: float | None = Field(default=None, ge=1)
    min_agreement: float | None = None
    level: Literal["fail", "warn"] = "fail"
    models: str | tuple[str, ...] | None = None
    prompts: str | tuple[str, ...] | None = None
    over: Literal["prompts"] | None = None
    min_samples: int | None = Field(default=None, ge=2)
    test: Literal["permutation", "wilcoxon", "sign", "none"] | None = None
    alpha: float = Field(default=0.05, gt=0, lt=1)
    correction: Literal["holm", "benjamini-hochberg", "none"] = "holm"


class Siblings(Record):
    """What may stand beside an analysis in an entry.

    Attributes:
        label: What the entry is called on the page and in gates; without it, the name of the analysis.
        models: Which models it runs on; without it, all.
        prompts: Which prompts it runs on, a data set standing for all of its rows; without it, all.
        matrix: Lists of values by the names of settings; the entry runs with every combination.
    """

    label: str | None = Field(default=None, min_length=1, max_length=80)
    models: str | tuple[str, ...] | None = None
    prompts: str | tuple[str, ...] | None = None
    matrix: dict[str, tuple[Any, ...]] | None = None


def attribute_docs(record: type[BaseModel]) -> dict[str, str]:
    """What the docstrings of a record and of its bases say about each field, from their "Attributes:" sections."""
    docs: dict[str, str] = {}
    for cls in reversed(record.__mro__):
        _, _, section = inspect.cleandoc(cls.__dict__.get("__doc__") or "").partition("\nAttributes:\n")
        section = re.split(r"\n(?=\S)", section)[0]
        for name, text in re.findall(r"^    (\w+): (.*(?:\n {5,}.*)*)", section, re.MULTILINE):
            docs[name] = " ".join(text.replace("``", "`").split())
    return docs


def json_schema(analyses: Rooms = ANALYSES) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of experiment files."""
    rooms = {name: analyses[name] for name in analyses}
    shapes: list[type[BaseModel]] = [Head, PromptFields, GateFields, Siblings, ModelSpec]
    refs, collected = models_json_schema(
        [(shape, "validation") for shape in (*shapes, *(room.Params for room in rooms.values()))],
        schema_generator=_Described,
    )
    definitions = collected["$defs"]

    def ref(record: type[BaseModel]) -> JsonSchemaValue:
        return refs[record, "validation"]

    def shape_of(record: type[BaseModel]) -> dict[str, Any]:
        shape: dict[str, Any] = definitions[ref(record)["$ref"].rpartition("/")[2]]
        return shape

    for room in rooms.values():
        # What an entry leaves out may come from defaults or from its matrix: only the loader sees all of it.
        shape_of(room.Params).pop("required", None)
    settings = {
        name: {"anyOf": [ref(room.Params), {"type": "null"}], "title": room.title, "description": room.question}
        for name, room in rooms.items()
    }
    sections = {
        **shape_of(Head)["properties"],
        "include": {
            "description": "Files that this one is laid over, from its folder or below.",
            "anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}],
        },
        "defaults": _mapping(
            "Settings that hold where nothing else is written: for all models, and for each analysis.",
            {"models": {**shape_of(ModelSpec), "required": []}, **settings},
        ),
        "models": _named("The models to explain, by the names the page shows.", ref(ModelSpec)),
        "prompts": _named("The texts to explain, by the names the page shows.", ref(PromptFields)),
        "analyses": _entries(list(rooms), {**settings, **shape_of(Siblings)["properties"]}),
        "gates": {
            "description": "Bounds that the numbers of the results must keep, and sentences that must be true of them.",
            "type": "array",
            "items": ref(GateFields),
        },
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Experiment of ecco-reports",
        **_mapping("Models, prompts, and the analyses to run on them.", sections),
        "patternProperties": {"^x-": {"description": "Free for anchors; ignored."}},
        "anyOf": [{"required": ["models", "prompts", "analyses"]}, {"required": ["include"]}],
        "$defs": {name: shape for name, shape in definitions.items() if name not in ("Head", "Siblings")},
    }


def _entries(names: list[str], properties: Mapping[str, Any]) -> dict[str, Any]:
    """The list of analyses: names alone, or mappings with exactly one of them as a key."""
    with_settings = _mapping("An analysis with its settings.", properties)
    return {
        "description": "The questions to ask, in the order of the page.",
        "type": "array",
        "minItems": 1,
        "items": {
            "anyOf": [
                {"enum": names, "title": "Analysis", "description": "An analysis with its default settings."},
                {**with_settings, "oneOf": [{"required": [name]} for name in names]},
            ]
        },
    }


def _mapping(description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": description,
        "type": "object",
        "properties": dict(properties),
        "additionalProperties": False,
    }


def _named(description: str, value: JsonSchemaValue) -> dict[str, Any]:
    """A mapping from free names to a long form, or to a text that is its short form."""
    return {
        "description": description,
        "type": "object",
        "minProperties": 1,
        "patternProperties": {NAME_PATTERN: {"anyOf": [{"type": "string", "minLength": 1}, value]}},
        "additionalProperties": False,
    }


class _Described(GenerateJsonSchema):
    """Pydantic's generator, with descriptions from Google docstrings."""

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        """The schema of one record."""
        described = super().model_schema(schema)
        described["description"] = " ".join(inspect.getdoc(schema["cls"]).partition("\n\n")[0].split())  # type: ignore[union-attr]
        docs = attribute_docs(schema["cls"])
        for name, part in described.get("properties", {}).items():
            if name in docs:
                part["description"] = docs[name]
        return described
