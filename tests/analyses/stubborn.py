"""Models that end where others go on."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any


def silent(model: Any) -> Any:
    """The same model, which reads and says nothing at all."""
    quiet = copy.copy(model)

    def read(prompt: Any, decoding: Any) -> Any:
        said = model.read(prompt, decoding)
        passage = said.passage.model_copy(update={"tokens": said.passage.prompt, "answers": ()})
        return replace(
            said, passage=passage, places=tuple(p for p in said.places if p < len(passage.tokens)), spoken=()
        )

    quiet.read = read
    return quiet
