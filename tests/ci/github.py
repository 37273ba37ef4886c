"""What GitHub keeps of a repository, as folders and one JSON file: commits, caches, artifacts, comments, the site."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BOT = "github-actions[bot]"
DEFAULT = "main"


def git(folder: Path, *arguments: str) -> str:
    """Runs git as somebody; says what it said."""
    someone = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "-c", "init.defaultBranch=main"]
    command = ["git", "-C", str(folder), *someone, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


@dataclass(frozen=True)
class Event:
    """Why a workflow runs.

    Attributes:
        name: ``push``, ``pull_request`` or ``workflow_run``.
        payload: What GitHub tells of it.
        sha: The commit that is checked out.
        ref: The ref that is checked out, which is where caches are kept.
        head_ref: The branch of a pull request.
        read_only: Whether the token can only read, whatever the workflow asks for.
    """

    name: str
    payload: dict[str, Any]
    sha: str
    ref: str
    head_ref: str = ""
    read_only: bool = False


@dataclass
class Cache:
    """Kept folders.

    Attributes:
        key: Its name, which is never used twice.
        scope: The ref that wrote it: others than its own and the default branch do not see it.
        folder: The copies, each under the number of its path.
    """

    key: str
    scope: str
    folder: Path


@dataclass
class GitHub:
    """A hosted repository.

    Attributes:
        root: Where everything is kept.
        repository: ``OWNER/NAME``.
        caches: Oldest first.
        variables: Of the repository, for the context ``vars``.
        runs: How many runs there were.
    """

    root: Path
    repository: str = "me/demo"
    caches: list[Cache] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    runs: int = 0

    def __post_init__(self) -> None:
        self.origin.mkdir(parents=True)
        git(self.origin, "init", "--quiet", "--bare")
        git(self.origin, "config", "uploadpack.allowAnySHA1InWant", "true")
        state = {"repository": self.repository, "origin": str(self.origin), "bot": BOT}
        self.write({**state, "tokens": {}, "pulls": {}, "comments": [], "calls": []})

    @property
    def origin(self) -> Path:
        """The bare repository."""
        return self.root / "origin"

    @property
    def state(self) -> Path:
        """What the API knows, as JSON."""
        return self.root / "api.json"

    @property
    def pages(self) -> Path:
        """The published site."""
        return self.root / "pages"

    def read(self) -> dict[str, Any]:
        """What the API knows."""
        known: dict[str, Any] = json.loads(self.state.read_text(encoding="utf-8"))
        return known

    def write(self, known: dict[str, Any]) -> None:
        """Changes what the API knows."""
        self.state.write_text(json.dumps(known), encoding="utf-8")

    def token(self, name: str, permissions: dict[str, str]) -> str:
        """A new token that may do so much and no more."""
        known = self.read()
        token = f"ghs_{name}{len(known['tokens'])}"
        known["tokens"][token] = permissions
        self.write(known)
        return token

    def comments(self) -> list[dict[str, Any]]:
        """All comments, oldest first."""
        found: list[dict[str, Any]] = self.read()["comments"]
        return found

    def artifacts(self, run: int) -> Path:
        """Where the artifacts of a run lie, a folder each."""
        return self.root / "artifacts" / str(run)

    def push(self, project: Path) -> Event:
        """Takes what is on the default branch of a clone."""
        git(project, "push", "--quiet", str(self.origin), f"HEAD:refs/heads/{DEFAULT}")
        sha = git(project, "rev-parse", "HEAD")
        return Event("push", {"repository": self._described()}, sha, f"refs/heads/{DEFAULT}")

    def pull_request(self, project: Path, number: int, branch: str, source: str | None = None) -> Event:
        """Takes what is checked out in a clone as the head of a pull request.

        Args:
            project: The clone.
            number: Of the pull request; an open one gets another commit.
            branch: Its branch.
            source: The repository it comes from; by default this one.
        """
        source = source or self.repository
        git(project, "push", "--quiet", "--force", str(self.origin), f"HEAD:refs/pull/{number}/merge")
        sha = git(project, "rev-parse", "HEAD")
        pull = {"number": number, "head": {"sha": sha, "ref": branch, "repo": {"full_name": source}}}
        known = self.read()
        known["pulls"][str(number)] = pull
        self.write(known)
        payload = {"repository": self._described(), "pull_request": pull}
        read_only = source != self.repository or branch.startswith("dependabot/")
        return Event("pull_request", payload, sha, f"refs/pull/{number}/merge", branch, read_only)

    def finished(self, event: Event, run: int, conclusion: str) -> Event:
        """What follows a run of a pull request; for one of a fork GitHub names no pull request."""
        head = event.payload["pull_request"]["head"]
        told = {"id": run, "event": event.name, "conclusion": conclusion, "pull_requests": []}
        told |= {"head_sha": head["sha"], "head_branch": head["ref"], "head_repository": head["repo"]}
        payload = {"repository": self._described(), "workflow_run": told}
        return Event("workflow_run", payload, git(self.origin, "rev-parse", DEFAULT), f"refs/heads/{DEFAULT}")

    def restored(self, keys: list[str], scope: str, folders: list[Path]) -> str:
        """Copies the newest cache that one of the keys begins, the first key as a whole; says its key, or nothing."""
        seen = [cache for cache in reversed(self.caches) if cache.scope in (scope, f"refs/heads/{DEFAULT}")]
        exact = [cache for cache in seen if cache.key == keys[0]]
        alike = [cache for key in keys for cache in seen if cache.key.startswith(key)]
        for cache in (*exact, *alike):
            for part, folder in enumerate(folders):
                if (cache.folder / str(part)).is_dir():
                    shutil.copytree(cache.folder / str(part), folder, dirs_exist_ok=True)
            return cache.key
        return ""

    def keep(self, key: str, scope: str, folders: list[Path]) -> None:
        """Keeps a copy of those folders that are there; a key that is taken stays as it is."""
        there = [(part, folder) for part, folder in enumerate(folders) if folder.is_dir()]
        if there and all((cache.key, cache.scope) != (key, scope) for cache in self.caches):
            copy = self.root / "caches" / str(len(self.caches))
            for part, folder in there:
                shutil.copytree(folder, copy / str(part))
            self.caches.append(Cache(key, scope, copy))

    def _described(self) -> dict[str, Any]:
        return {"full_name": self.repository, "default_branch": DEFAULT}
