"""Small files under the user's cache folder: they save time and are never in the way.

What cannot be read is not there, and what cannot be written is left out.
"""

from __future__ import annotations

import os
import tempfile
from contextlib import suppress
from pathlib import Path

_TROUBLE = (OSError, RuntimeError)  # The latter when it cannot be told where a user's home is.


def read(kind: str, name: str) -> str | None:
    """The text of a file, or None when there is none.

    Args:
        kind: The folder it is in.
        name: Its name.
    """
    try:
        return (_folder(kind) / name).read_text(encoding="utf-8")
    except (*_TROUBLE, UnicodeDecodeError):
        return None


def write(kind: str, name: str, text: str) -> None:
    """Writes a file, under another name first, so that nobody reads half of it."""
    with suppress(*_TROUBLE):
        folder = _folder(kind)
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=folder, suffix=".tmp", delete=False, encoding="utf-8") as file:
            file.write(text)
        Path(file.name).replace(folder / name)


def _folder(kind: str) -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ecco-reports" / kind
