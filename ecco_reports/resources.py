"""Finds what travels with the package but is not code: templates, the site's source, bundled models."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Literal

PACKAGE = Path(__file__).resolve().parent


def resource(name: Literal["templates", "site"]) -> Path:
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


def code_digest() -> str:
    """Sha256 of the package's own code, in hexadecimal: what was made with other code is made again."""
    found = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")):
        found.update(f"{path.relative_to(PACKAGE).as_posix()}\0".encode() + path.read_bytes())
    return found.hexdigest()
