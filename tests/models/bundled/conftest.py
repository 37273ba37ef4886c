"""The checkpoint that ships, loaded once for all tests of this folder."""

from pathlib import Path
from typing import Any

import pytest

import ecco_reports.models.bundled as bundled
from ecco_reports.models.bundled.recipe import checkpoint
from ecco_reports.models.bundled.recipe.facts.loaded import LoadedModel


@pytest.fixture(scope="session")
def facts_folder() -> Path:
    return Path(bundled.__file__).parent / "facts"


@pytest.fixture(scope="session")
def facts(facts_folder: Path) -> LoadedModel:
    return LoadedModel(facts_folder)


@pytest.fixture(scope="session")
def facts_figures(facts_folder: Path) -> dict[str, Any]:
    return checkpoint.read_figures(facts_folder)
