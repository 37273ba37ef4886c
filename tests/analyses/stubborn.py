"""Models that end where others go on."""

from __future__ import annotations

import copy
from typing import Any

from ecco_reports.models.families import SPEECHES


def silent(model: Any) -> Any:
    """The same model, which reads and says nothing at all."""

    def read(prompt: Any, decoding: Any) -> Any:
        reading = model.read(prompt, decoding)
        given = reading.passage.model_copy(update={"tokens": reading.passage.prompt})
        return SPEECHES[model.family].reading(given, reading.segments)

    quiet = copy.copy(model)
    quiet.read = read
    return quiet
