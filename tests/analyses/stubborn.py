"""Models that end where others go on."""

from __future__ import annotations

import copy
from typing import Any

from ecco_reports.models.base import Continuation


def silent(model: Any) -> Any:
    """The same model, which writes nothing at all."""
    quiet = copy.copy(model)
    quiet.generate = lambda ids, decoding: Continuation(tuple(ids), len(ids), ())
    return quiet
