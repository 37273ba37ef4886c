"""A server on this machine that answers as OpenAI's does, with ``bundled:facts`` behind it, and misbehaves on order.

It speaks to transformers and tokenizers directly: nothing of it comes from the package that it tests.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import ecco_reports.models.bundled

FOLDER = Path(ecco_reports.models.bundled.__file__).parent / "facts"


@cache
def _model() -> tuple[Any, Any]:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype=torch.float32).eval()
    return model, AutoTokenizer.from_pretrained(FOLDER)


@cache
def _alphabet() -> dict[str, int]:
    """The byte of each character in which a byte-level vocabulary is written (the table of GPT-2's encoder.py)."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [byte for byte in range(256) if byte not in plain]
    return {chr(byte): byte for byte in plain} | {chr(256 + index): byte for index, byte in enumerate(rest)}


def piece_of(number: int) -> bytes:
    """The bytes of a token."""
    _, tokenizer = _model()
    if number in tokenizer.all_special_ids:
        return tokenizer.convert_ids_to_tokens(number).encode()
    return bytes(_alphabet()[char] for char in tokenizer.convert_ids_to_tokens(number))


def written(piece: bytes) -> str:
    """A token as the completions endpoint writes it."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "bytes:" + "".join(f"\\x{byte:02x}" for byte in piece)


@dataclass
class Line:
    """A text as the model read and continued it: numbers, and the distribution behind each but the first."""

    numbers: list[int]
    given: int
    rows: list[Any]
    stopped: bool


def go_on(text: str, new: int, temperature: float, seed: int) -> Line:
    """What the model makes of a text; an empty one begins with the sign that ends texts, as with OpenAI."""
    import torch

    model, tokenizer = _model()
    numbers = tokenizer(text)["input_ids"]
    hidden = not numbers
    numbers = numbers or [tokenizer.eos_token_id]
    given, generator, stopped = len(numbers), torch.Generator().manual_seed(seed), False
    with torch.no_grad():
        for _ in range(new):
            logits = model(torch.tensor([numbers])).logits[0, -1]
            if temperature == 0:
                number = int(logits.argmax())
            else:
                number = int(torch.multinomial((logits / temperature).softmax(-1), 1, generator=generator))
            numbers.append(number)
            if number == tokenizer.eos_token_id:
                stopped = True
                break
        rows = model(torch.tensor([numbers])).logits[0].log_softmax(-1)
    return Line(numbers[hidden:], given - hidden, list(rows)[hidden or 0 :] if not hidden else list(rows), stopped)


@dataclass
class Manners:
    """How the server behaves.

    Attributes:
        echoes: Whether it repeats prompts with log-probabilities, refuses to, or takes no notice.
        listed: The most tokens it lists.
        raw: Whether it tells log-probabilities from before temperature, or those that it drew from.
        key: The key it wants.
        tricks: What it does instead of answering, one for each of the next requests; None answers.
        always: What it does instead of answering every request.
        bodies: What it was asked.
        keys: The keys it was shown.
        lock: Held while the model is at work, which serves one at a time.
    """

    echoes: str = "yes"
    listed: int = 20
    raw: bool = True
    key: str | None = None
    tricks: list[Callable[[Handler], None] | None] = field(default_factory=list)
    always: Callable[[Handler], None] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Handler(BaseHTTPRequestHandler):
    """Answers one request."""

    manners: Manners
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""

    def do_POST(self) -> None:
        """Plays a trick, refuses, or answers."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.manners.bodies.append(body)
        self.manners.keys.append(self.headers["Authorization"])
        trick = self.manners.tricks.pop(0) if self.manners.tricks else self.manners.always
        if trick is not None:
            trick(self)
        elif self.manners.key and self.headers["Authorization"] != f"Bearer {self.manners.key}":
            said = f"Incorrect API key provided: {self.headers['Authorization']}."
            self.send(401, {"error": {"message": said, "code": "invalid_api_key"}})
        elif self.path == "/v1/completions":
            with self.manners.lock:
                self._completions(body)
        elif self.path == "/v1/chat/completions":
            with self.manners.lock:
                self._chat(body)
        else:
            self.send(404, {"error": {"message": f"There is no {self.path}."}})

    def send(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        """Sends JSON, or bytes as they are."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        for name, value in {
            "Content-Type": "application/json",
            "Content-Length": str(len(data)),
            **(headers or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def _completions(self, body: dict[str, Any]) -> None:
        if body["logprobs"] > self.manners.listed:
            self.send(400, {"error": {"message": f"logprobs is at most {self.manners.listed}."}})
            return
        if body.get("echo") and self.manners.echoes == "refused":
            self.send(400, {"error": {"message": "Setting 'echo' and 'logprobs' at the same time is not supported."}})
            return
        echo = bool(body.get("echo")) and self.manners.echoes == "yes"
        texts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        lines = [go_on(text, body["max_tokens"], body["temperature"], body.get("seed", 0)) for text in texts]
        if not self.manners.raw and body["temperature"] > 0:
            for line in lines:
                line.rows = [(row / body["temperature"]).log_softmax(-1) for row in line.rows]
        choices = [
            self._choice(index, text, line, body["logprobs"], echo)
            for index, (text, line) in enumerate(zip(texts, lines, strict=True))
        ]
        choices.reverse()  # A client has to look at the index.
        self.send(200, self._whole(choices, sum(len(line.numbers) for line in lines)))

    def _choice(self, index: int, text: str, line: Line, listed: int, echo: bool) -> dict[str, Any]:
        first = 0 if echo else line.given
        numbers = line.numbers[first:]
        pieces = [piece_of(number) for number in numbers]
        visible = pieces[:-1] if line.stopped else pieces
        shown = b"".join(visible).decode("utf-8", errors="replace")
        offsets, at = [], 0 if echo else len(text)
        for piece in pieces:
            offsets.append(at)
            at += len(piece.decode("utf-8", errors="ignore"))
        behind = len(line.rows) - len(line.numbers)  # 1 where the text had a sign before it, which is not shown.
        rows = [
            line.rows[first + place - 1 + behind] if first + place + behind else None for place in range(len(numbers))
        ]
        return {
            "index": index,
            "text": shown,
            "finish_reason": "stop" if line.stopped else "length",
            "logprobs": {
                "tokens": [written(piece) for piece in pieces],
                "token_logprobs": [
                    None if row is None else float(row[number]) for row, number in zip(rows, numbers, strict=True)
                ],
                "top_logprobs": [
                    None if row is None else self._listing(row, number, listed)
                    for row, number in zip(rows, numbers, strict=True)
                ],
                "text_offset": offsets,
            },
        }

    @staticmethod
    def _listing(row: Any, taken: int, listed: int) -> dict[str, float]:
        top = row.topk(listed)
        listing = {written(piece_of(n)): v for v, n in zip(top.values.tolist(), top.indices.tolist(), strict=True)}
        listing.setdefault(written(piece_of(taken)), float(row[taken]))
        return listing

    def _chat(self, body: dict[str, Any]) -> None:
        text = "\n".join(turn["content"] for turn in body["messages"])
        line = go_on(text, body["max_tokens"], body["temperature"], body.get("seed", 0))
        content = []
        for place in range(line.given, len(line.numbers)):
            row, number = line.rows[place - 1], line.numbers[place]
            top = row.topk(body["top_logprobs"])
            others = [self._spoken(n, v) for v, n in zip(top.values.tolist(), top.indices.tolist(), strict=True)]
            content.append({**self._spoken(number, float(row[number])), "top_logprobs": others})
        said = bytes(byte for spoken in content for byte in spoken["bytes"]).decode("utf-8", errors="replace")
        choice = {"index": 0, "message": {"role": "assistant", "content": said}, "logprobs": {"content": content}}
        self.send(200, self._whole([choice], len(line.numbers)))

    @staticmethod
    def _spoken(number: int, logprob: float) -> dict[str, Any]:
        piece = piece_of(number)
        return {"token": piece.decode("utf-8", errors="replace"), "logprob": logprob, "bytes": list(piece)}

    @staticmethod
    def _whole(choices: list[dict[str, Any]], tokens: int) -> dict[str, Any]:
        return {
            "id": f"cmpl-{time.time_ns()}",
            "model": "facts-0001",
            "system_fingerprint": "fp_abc",
            "choices": choices,
            "usage": {"total_tokens": tokens},
        }


@dataclass
class Running:
    """A server at work."""

    url: str
    manners: Manners


@contextmanager
def serving(manners: Manners | None = None) -> Iterator[Running]:
    """A server for as long as the block lasts."""
    manners = manners or Manners()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Own", (Handler,), {"manners": manners}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Running(f"http://127.0.0.1:{server.server_port}/v1", manners)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def answer(status: int, body: Any = None, **headers: str) -> Callable[[Handler], None]:
    """A trick: a status with headers (Retry_After="2") and a body, by default that of an error."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda handler: handler.send(status, {"error": {"message": "No."}} if body is None else body, named)


def hang_up(handler: Handler) -> None:
    """A trick: the connection ends without a word."""
    handler.close_connection = True
    handler.connection.close()


def stop_halfway(handler: Handler) -> None:
    """A trick: an answer that is shorter than it says."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def say_nothing(handler: Handler) -> None:
    """A trick: no answer for longer than anybody in these tests waits."""
    time.sleep(1.0)
    handler.close_connection = True
