"""Where everything that the original ecco does is done here: as a script, it writes a page of the documentation.

``python -m tests.coming_from_ecco`` makes ``site/docs/reference/coming-from-ecco.md`` of the text beside it. What
stands there in braces is a reference, and it is looked up: ``{attribution.methods}`` must be a setting,
``{14-leading-space}`` an experiment that ships, ``{ecco_reports.load_model}`` a name in Python. So no row can promise
what is not there.
"""

from __future__ import annotations

import importlib
import re
from pathlib import Path

from ecco_reports.analyses import ANALYSES
from ecco_reports.resources import resource

TEXT = Path(__file__).with_name("coming-from-ecco.md")
PAGE = Path(__file__).parents[1] / "site" / "docs" / "reference" / "coming-from-ecco.md"


def page() -> str:
    """The page, as it must stand in the documentation."""
    return re.sub(r"\{([\w./-]+)\}", lambda found: resolved(found[1]), TEXT.read_text(encoding="utf-8"))


def resolved(name: str) -> str:
    """A reference as a link or as code.

    Raises:
        LookupError: There is nothing of that name.
    """
    if re.match(r"(hub/)?\d\d-", name):
        if not (resource("experiments") / f"{name}.yaml").is_file():
            raise LookupError(f"there is no experiment {name}")
        return f"`experiments/{name}.yaml`"
    owner, _, member = name.rpartition(".")
    if owner == "ecco_reports":
        if not hasattr(importlib.import_module(owner), member):
            raise LookupError(f"there is no {name} in Python")
        return f"[`{name}`](../guide/python.md)"
    if owner not in ANALYSES or member not in ANALYSES[owner].Params.model_fields:
        raise LookupError(f"there is no setting {name}")
    return f"[`{owner}: {member}`](analyses.md)"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
