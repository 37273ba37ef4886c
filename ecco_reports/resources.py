"""Finds what travels with the package but is not code: templates, the site's source, bundled models, demo files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent


def resource(name: Literal["templates", "site", "experiments"]) -> Path:
    """The folder ``name``: the packaged one of a wheel, else the one of the checkout.

    Editable installs do not show what the wheel's build puts into the package, so both places are tried.

    Raises:
        FileNotFoundError: The installation is damaged.
    """
    for folder in (PACKAGE / "_resources" / name, PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"the folder {name!r} of ecco_reports is missing: install the package again")


def bundled_models() -> Path:
    """The folder that holds the models that ship with the package."""
    return PACKAGE / "models" / "bundled"
