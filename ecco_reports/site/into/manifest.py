"""What is ours in somebody else's site: a file beside our pages that lists them, with checksums.

In: a folder. Out: which files we made, and whether they are as we made them. Never: a page.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from ecco_reports.errors import PublishingError
from ecco_reports.site.stamp import STAMP

FORMAT = 1
"""Changes when an older ecco-reports would not understand the file."""


@dataclass(frozen=True)
class Manifest:
    """What we have made below one folder of a site.

    Attributes:
        files: Checksums by path below the folder; more than one while files are being replaced.
        folders: Folders below the docs that were not there before us, by path from the docs.
        stamp: What it was made from; empty while it is being made.
        additions: What was added to the settings: lists, navigation, pattern of unlisted pages.
    """

    files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folders: Sequence[str] = ()
    stamp: str = ""
    additions: Mapping[str, Any] = field(default_factory=dict)

    def knows(self, path: str, content: bytes) -> bool:
        """Whether a file is as we made it."""
        return checksum(content) in self.files.get(path, ())

    def text(self) -> str:
        """The manifest as JSON, a line per file."""
        said = {
            "made_by": "ecco-reports build --into",
            "format": FORMAT,
            "stamp": self.stamp,
            "additions": dict(self.additions),
            "folders": sorted(self.folders),
            "files": {path: list(self.files[path]) for path in sorted(self.files)},
        }
        return json.dumps(said, indent=1, ensure_ascii=False) + "\n"


def checksum(content: bytes) -> str:
    """Sha256 of a file; a version control that turns line ends around changes nothing."""
    return hashlib.sha256(content.replace(b"\r\n", b"\n")).hexdigest()


def read_manifest(place: Path) -> Manifest | None:
    """What is ours below a folder; None where nothing is.

    Raises:
        PublishingError: The manifest cannot be understood.
    """
    path = place / STAMP
    if not path.is_file():
        return None
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        if said["format"] != FORMAT:
            raise ValueError(f"its format is {said['format']!r}, not {FORMAT}")
        files = {str(name): [str(one) for one in sums] for name, sums in said["files"].items()}
        folders = [str(one) for one in said["folders"]]
        for name in (*files, *folders):
            if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
                raise ValueError(f"it names {name!r}")
        return Manifest(files, folders, str(said["stamp"]), dict(said["additions"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise PublishingError(
            f"{path}, which lists the pages that ecco-reports made, cannot be used: {error}. Bring it back as it was; "
            f"or, if all of {place} may go, remove that folder and run this again."
        ) from error


def manifests(docs: Path) -> list[Path]:
    """The folders below the docs in which pages of ours are."""
    return sorted(path.parent for path in docs.rglob(STAMP) if path.is_file())
