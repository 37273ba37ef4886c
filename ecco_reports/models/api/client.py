"""One question, one answer: kept, counted, asked over HTTP, and asked again where that may help.

In: the body of a question. Out: an ``Answer``, or ``ModelApiError`` with one sentence: what, where, what to do. The key
is read from the environment for the moment of sending; it is part of no attribute, no question and no message.
"""

from __future__ import annotations

import json
import os
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx2

from ecco_reports.errors import ModelApiError
from ecco_reports.models.api.answers import Answer, Kept, UnexpectedError, read_answer
from ecco_reports.models.api.budget import Budget
from ecco_reports.models.api.patience import Patience, is_worth_another, wait_asked
from ecco_reports.models.api.server import Server

_TEXT_OF_ERROR = 300
_LARGEST_ANSWER = 64 * 2**20
# A key shorter than this is a word such as "EMPTY", which answers may hold by chance.
_SHORTEST_KEY = 8


@dataclass(frozen=True)
class _Reply:
    """What came back of one attempt: a status and bytes, or why there is none."""

    status: int = 0
    headers: Mapping[str, str] | None = None
    data: bytes = b""
    trouble: str = ""


class Client:
    """Asks one server.

    Args:
        server: Where it is.
        kept: Answers that need not be asked for again.
        budget: What may still be asked.
        patience: How often and how long to ask again.
        transport: What carries the questions; None is HTTP.
    """

    def __init__(
        self,
        server: Server,
        kept: Kept,
        budget: Budget,
        patience: Patience | None = None,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._server = server
        self.kept = kept
        self.budget = budget
        self._patience = patience or Patience()
        self._http = httpx2.Client(
            timeout=server.spec.timeout,
            # A key must not follow to another place, and no proxy must stand before this very machine.
            follow_redirects=False,
            trust_env=not server.is_local,
            transport=transport,
        )
        weakref.finalize(self, self._http.close)

    def ask(self, body: Mapping[str, Any], tokens: int, *, texts: int, listed: int) -> Answer:
        """The answer to a question: the kept one, else a new one.

        Args:
            body: What is sent.
            tokens: What the answer may cost at most.
            texts: How many texts are asked for.
            listed: How many tokens are asked for at each place.

        Raises:
            ModelApiError: There is none; the message says why and what to do.
            StoreError: It cannot be kept.
        """
        question = {"url": self._server.url, "body": dict(body)}
        if (kept := self.kept.get(question)) is not None:
            return self._understood(kept, texts, listed)
        data = self._asked(body, tokens)
        answer = self._understood(data, texts, listed)
        if answer.tokens is not None:
            self.budget.give_back(tokens, answer.tokens)
        self.kept.put(question, data)
        return answer

    def _understood(self, data: bytes, texts: int, listed: int) -> Answer:
        try:
            return read_answer(data, is_chat=self._server.is_chat, texts=texts, listed=listed)
        except UnexpectedError as error:
            advice = (
                "Check that base_url is that of an OpenAI-compatible server (it often ends in /v1) that tells logprobs."
            )
            raise self._error(f"answered with {error}. {advice}", 200) from error

    def _asked(self, body: Mapping[str, Any], tokens: int) -> bytes:
        """The bytes of a good answer, after as many attempts as it takes and patience allows."""
        patience, began, attempt = self._patience, self._patience.clock(), 0
        headers, failure = self._headers(), None
        while True:
            self._take(tokens, failure)
            reply = self._attempt(headers, body)
            if reply.status == 200:
                return reply.data
            if 400 <= reply.status < 500:
                self.budget.give_back(tokens, 0)  # What was refused is not billed.
            attempt += 1
            code, said = self._told(reply)
            asked = wait_asked(reply.headers or {}, patience.now())
            wait = patience.pause(attempt - 1, asked)
            hopeless = bool(reply.status) and not is_worth_another(reply.status, code)
            if not hopeless and asked is not None and asked > patience.longest_asked:
                hopeless, said = True, f"{said} It asks to wait {asked:.0f} s".strip()
            failure = self._failure(reply, said, attempt)
            if hopeless or attempt == patience.attempts or patience.clock() - began + wait > patience.total:
                raise failure
            patience.sleep(wait)

    def _take(self, tokens: int, failure: ModelApiError | None) -> None:
        """Takes one call of the budget; why another one is needed is no less important than that there is none."""
        try:
            self.budget.take(tokens)
        except ModelApiError as limit:
            if failure is None:
                raise
            raise ModelApiError(limit.source, f"{limit} The call before: {failure}", failure.status) from None

    def _attempt(self, headers: Mapping[str, str], body: Mapping[str, Any]) -> _Reply:
        deadline = self._patience.clock() + self._server.spec.timeout
        content = json.dumps(body).encode()
        try:
            with self._http.stream("POST", self._server.url, content=content, headers=dict(headers)) as response:
                data = bytearray()
                for chunk in response.iter_bytes():
                    data += chunk
                    if len(data) > _LARGEST_ANSWER:
                        return _Reply(trouble=f"sent more than {_LARGEST_ANSWER >> 20} MiB")
                    if self._patience.clock() > deadline:
                        return _Reply(trouble=f"did not finish its answer within {self._server.spec.timeout:g} s")
                lowered = {name.lower(): value for name, value in response.headers.items()}
                return _Reply(response.status_code, lowered, self._without_key(bytes(data)))
        except httpx2.TimeoutException:
            return _Reply(trouble=f"gave no answer within {self._server.spec.timeout:g} s")
        except httpx2.ConnectError as error:
            return _Reply(trouble=f"cannot be reached ({self._clean(str(error))})")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            return _Reply(trouble=f"broke off ({self._clean(str(error)) or type(error).__name__})")

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if key := self._key():
            if not key.isascii() or not key.isprintable():
                raise ModelApiError(
                    self._server.spec.source, f"The key in ${self._server.key_name} holds characters that no key has."
                )
            headers["Authorization"] = f"Bearer {key}"
        elif self._server.key_name and not self._server.is_local:
            raise ModelApiError(
                self._server.spec.source,
                f"{self._server.spec.source} at {self._server.url} wants a key. Put it into the environment variable "
                f"{self._server.key_name}.",
            )
        return headers

    def _key(self) -> str:
        return os.environ.get(self._server.key_name or "", "").strip()

    def _without_key(self, data: bytes) -> bytes:
        key = self._key().encode()
        return data.replace(key, b"(key)") if len(key) >= _SHORTEST_KEY else data

    def _clean(self, text: str) -> str:
        key = self._key()
        text = " ".join("".join(char if char.isprintable() else " " for char in text).split())
        return text.replace(key, "(key)")[:_TEXT_OF_ERROR] if key else text[:_TEXT_OF_ERROR]

    def _told(self, reply: _Reply) -> tuple[str, str]:
        """What the server calls the error, and what it says of it."""
        if reply.status in (401, 403):
            return "", ""  # Servers repeat parts of the key here.
        try:
            error = json.loads(reply.data)["error"]
            said = error["message"] if isinstance(error, dict) else error
            code = error.get("code") if isinstance(error, dict) else None
        except (ValueError, KeyError, TypeError, RecursionError):
            return "", ""
        return str(code or ""), self._clean(str(said))

    def _failure(self, reply: _Reply, said: str, attempts: int) -> ModelApiError:
        """A failed attempt in one sentence, with what to do about it."""
        tries = f" after {attempts} attempts" if attempts > 1 else ""
        if reply.trouble:
            advice = "Check that the server runs and that base_url is its address, or allow a longer timeout."
            return self._error(f"{reply.trouble}{tries}. {advice}")
        if 300 <= reply.status < 400:
            place = self._clean(_plain((reply.headers or {}).get("location", "")))
            what = f"sends on to {place} (status {reply.status}). Write the right address as base_url."
            return self._error(what, reply.status)
        did = "failed" if reply.status >= 500 else "refused"
        says = f": {said.rstrip('.')}" if said else ""
        return self._error(f"{did} with status {reply.status}{tries}{says}. {self._advice(reply.status)}", reply.status)

    def _advice(self, status: int) -> str:
        """What to do about a status."""
        key = self._server.key_name
        if status == 401 and key is None:
            return "Name the environment variable with its key in api_key_env."
        if status in (401, 403):
            return f"Check the key in {key or 'api_key_env'}, and what it is allowed to use."
        if status == 404:
            return (
                "Check base_url, which often ends in /v1, the name of the model, and whether the server has "
                f"endpoint: {self._server.spec.endpoint}."
            )
        if is_worth_another(status):
            return "Run again later; what was answered is kept."
        return "Check what the experiment asks of this model."

    def _error(self, what: str, status: int | None = None) -> ModelApiError:
        source = self._server.spec.source
        return ModelApiError(source, f"{source}: {self._server.url} {what}", status)


def _plain(address: str) -> str:
    """An address without what may be secret in it."""
    return address.partition("?")[0].partition("#")[0] or "nowhere"
