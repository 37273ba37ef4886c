"""Stands in for the command ``gh``: plays the few parts of GitHub's API that the workflows use, and records each call.

It knows what the token it is given may do, and answers 403 to everything else. ``--jq`` is evaluated by jq itself.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jq

REPOSITORY = r"repos/(?P<repo>[^/]+/[^/]+)"


def main() -> int:
    arguments = _arguments()
    state = Path(os.environ["FAKE_GITHUB"])
    github = json.loads(state.read_text(encoding="utf-8"))
    path = arguments.path.partition("?")[0]
    body = dict(_field(field) for field in arguments.fields)
    method = arguments.method or ("POST" if body else "GET")
    github["calls"].append([method, path])
    status, answer = _answer(github, method, path, body)
    state.write_text(json.dumps(github), encoding="utf-8")
    if status >= 400:
        print(f"gh: HTTP {status}", file=sys.stderr)
        return 1
    if arguments.jq:
        for value in jq.compile(arguments.jq).input_value(answer).all():
            print(value if isinstance(value, str) else json.dumps(value))
    elif not arguments.silent:
        print(json.dumps(answer))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("verb", choices=["api"])
    parser.add_argument("path")
    parser.add_argument("--method")
    parser.add_argument("--jq")
    parser.add_argument("--paginate", action="store_true")
    parser.add_argument("--silent", action="store_true")
    parser.add_argument("-F", dest="fields", action="append", default=[])
    return parser.parse_args()


def _field(field: str) -> tuple[str, str]:
    name, _, value = field.partition("=")
    return name, Path(value[1:]).read_text(encoding="utf-8") if value.startswith("@") else value


def _answer(github: dict[str, Any], method: str, path: str, body: dict[str, str]) -> tuple[int, Any]:
    may = github["tokens"].get(os.environ.get("GH_TOKEN", ""))
    if may is None:
        return 401, None
    if found := re.fullmatch(f"{REPOSITORY}/(?P<rest>.*)", path):
        if found["repo"] != github["repository"]:
            return 404, None
        return _of_repository(github, may, method, found["rest"], body)
    return 404, None


def _of_repository(
    github: dict[str, Any], may: dict[str, str], method: str, rest: str, body: dict[str, str]
) -> tuple[int, Any]:
    comments: list[dict[str, Any]] = github["comments"]
    reads = may.get("pull-requests") in ("read", "write")
    writes = may.get("pull-requests") == "write"
    if found := re.fullmatch(r"pulls/(\d+)", rest):
        pull = github["pulls"].get(found[1])
        return (403, None) if not reads else (200, pull) if pull else (404, None)
    if found := re.fullmatch(r"issues/(\d+)/comments", rest):
        if method == "GET":
            listed = [comment for comment in comments if comment["issue"] == int(found[1])]
            return (200, listed) if reads else (403, None)
        comment = {"id": 100 + len(comments), "issue": int(found[1]), "user": {"login": github["bot"]}, **body}
        comments.extend([comment] if writes else [])
        return (201, comment) if writes else (403, None)
    if (found := re.fullmatch(r"issues/comments/(\d+)", rest)) and method == "PATCH":
        comment = next(comment for comment in comments if comment["id"] == int(found[1]))
        if writes:
            comment.update(body)
        return (200, comment) if writes else (403, None)
    if found := re.fullmatch(r"git/matching-refs/(.*)", rest):
        if may.get("contents") not in ("read", "write"):
            return 403, None
        refs = subprocess.run(
            ["git", "-C", github["origin"], "for-each-ref", "--format=%(refname)", f"refs/{found[1]}*"],
            capture_output=True,
            text=True,
            check=True,
        )
        return 200, [{"ref": ref} for ref in refs.stdout.split()]
    return 404, None


if __name__ == "__main__":
    sys.exit(main())
