"""What git says of a folder: its commit, and what is in it that no commit has.

In: a folder. Out: names and paths, or None where nobody knows. Never: changing anything, not even git's own index.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

_PATIENCE = 5.0
"""Seconds to wait for an answer."""

_MADE_HERE = ("baselines", "history", "build", ".ecco-reports")
"""What the command writes by itself: beside experiments, too, where these have no folder of their own."""


def commit_of(folder: Path) -> str | None:
    """The commit that is checked out, where there is one and git is at hand."""
    answer = _asked(folder, "rev-parse", "--verify", "--quiet", "HEAD")
    return answer.strip() or None if answer else None


def committed_at(folder: Path) -> str | None:
    """When the commit that is checked out was made, as RFC 3339 has it."""
    answer = _asked(folder, "show", "--no-patch", "--format=%cI", "HEAD")
    return answer.strip() or None if answer else None


def branch_of(folder: Path) -> str | None:
    """The branch that is checked out; None where a commit is, rather than a branch."""
    answer = _asked(folder, "symbolic-ref", "--quiet", "--short", "HEAD")
    return answer.strip() or None if answer else None


def changes_in(folder: Path) -> tuple[str, ...] | None:
    """What is in a folder that its commit has not, or has otherwise: paths, as git counts them from its top.

    New files count, too: what depends on them could not be had again from the commit. Folders that the command itself
    writes do not.

    Returns:
        The paths; None where the folder is in no checkout, or git is not at hand.
    """
    apart = [f":(exclude){name}" for name in _MADE_HERE]
    answer = _asked(folder, "status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".", *apart)
    return None if answer is None else tuple(line[3:] for line in answer.split("\0") if line)


def _asked(folder: Path, *question: str) -> str | None:
    command = ["git", "-C", str(folder), "--no-optional-locks", *question]
    try:
        answer = subprocess.run(command, capture_output=True, timeout=_PATIENCE, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.decode("utf-8", errors="replace")
