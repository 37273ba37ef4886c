"""A Hugging Face hub on 127.0.0.1: what downloading a model takes, and a list of what was asked."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit


@dataclass
class Repo:
    """A repository: its files by name, its branches by name, and who may read it."""

    files: dict[str, bytes]
    refs: dict[str, str] = field(default_factory=lambda: {"main": "a" * 40})
    gated: bool = False
    token: str | None = None

    @classmethod
    def of(cls, folder: Path, **settings: object) -> Repo:
        files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return cls(files, **settings)


@dataclass
class FakeHub:
    """What the hub holds, where it is, and every request it got as ``METHOD path``."""

    endpoint: str
    repos: dict[str, Repo] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @property
    def sent(self) -> set[str]:
        """The names of the files that were sent."""
        return {line.rpartition("/")[2] for line in self.asked if line.startswith("GET") and "/resolve/" in line}


@contextmanager
def running() -> Iterator[FakeHub]:
    """A hub that listens until the block ends."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.hub = FakeHub(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def log_message(self, *args: object) -> None:
        """Silence."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.server.hub.asked.append(f"{self.command} {path}")
        api = path.startswith("/api/models/")
        parts = path.removeprefix("/api/models/").strip("/").split("/")
        repo_id, rest = "/".join(parts[:2]), parts[2:]
        repo = self.server.hub.repos.get(repo_id)
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if repo is None:
            self._refuse(401, "RepoNotFound")
        elif repo.token and bearer != repo.token and not (repo.gated and api):
            self._refuse(403 if bearer else 401, "GatedRepo" if repo.gated else "RepoNotFound")
        elif api:
            self._describe(repo_id, repo, rest)
        else:
            self._send_file(repo, rest)

    def _describe(self, repo_id: str, repo: Repo, rest: list[str]) -> None:
        revision = "/".join(rest[1:]) if rest else "main"
        if (commit := self._commit(repo, revision)) is None:
            return
        if rest[:1] == ["tree"]:
            entries = [
                {"type": "file", "path": name, "size": len(data), "oid": _oid(data)}
                for name, data in repo.files.items()
            ]
            self._send(json.dumps(entries).encode())
            return
        siblings = [{"rfilename": name} for name in repo.files]
        about = {"id": repo_id, "modelId": repo_id, "sha": commit, "siblings": siblings, "tags": [], "downloads": 0}
        self._send(json.dumps(about).encode())

    def _send_file(self, repo: Repo, rest: list[str]) -> None:
        commit = self._commit(repo, rest[1])
        name = "/".join(rest[2:])
        if commit is None:
            return
        if name not in repo.files:
            self._refuse(404, "EntryNotFound")
            return
        data = repo.files[name]
        self._send(data, {"ETag": f'"{_oid(data)}"', "X-Repo-Commit": commit})

    def _commit(self, repo: Repo, revision: str) -> str | None:
        if revision in repo.refs.values():
            return revision
        if revision not in repo.refs:
            self._refuse(404, "RevisionNotFound")
            return None
        return repo.refs[revision]

    def _refuse(self, status: int, code: str) -> None:
        self._send(b"{}", {"X-Error-Code": code, "X-Error-Message": code}, status)

    def _send(self, data: bytes, headers: dict[str, str] | None = None, status: int = 200) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)


def _oid(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()
