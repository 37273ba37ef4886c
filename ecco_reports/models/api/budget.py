"""Calls and tokens of a run, counted before they are spent, so that a limit holds whatever happens to an answer.

In: what a call may cost at most. Out: leave to make it, or ``ModelApiError``. The count is a file of one line per
entry, named after the run: a worker that takes over from one that has died goes on counting where that one stopped.
"""

from __future__ import annotations

from pathlib import Path

from ecco_reports.errors import ModelApiError, StoreError
from ecco_reports.models.api.server import Server


class Budget:
    """What a run may still ask of a server.

    An entry is written before its call is made, and taken back in part when the answer tells what it really cost.
    Each entry is appended in one piece and the limits are compared with all that is written then, so two workers
    that ask at the same time may both be refused, but never both be served beyond the limit.

    Args:
        server: The server, and its limits.
        ledger: Where the count is; None counts in memory alone.
    """

    def __init__(self, server: Server, ledger: Path | None = None) -> None:
        self._server = server
        self._ledger = ledger
        self._calls = 0
        self._tokens = 0

    @property
    def spent(self) -> tuple[int, int]:
        """Calls and tokens so far; tokens of calls under way at their highest."""
        if self._ledger is None:
            return self._calls, self._tokens
        try:
            lines = self._ledger.read_text(encoding="ascii").splitlines()
        except FileNotFoundError:
            return 0, 0
        entries = [(int(calls), int(tokens)) for calls, tokens in (line.split() for line in lines)]
        return sum(calls for calls, _ in entries), sum(tokens for _, tokens in entries)

    def take(self, tokens: int) -> None:
        """Takes one call that may cost so many tokens.

        Raises:
            ModelApiError: One limit or the other would be passed; nothing was taken.
        """
        self._note(1, tokens)
        calls, total = self.spent
        if calls <= self._server.max_calls and total <= self._server.max_tokens:
            return
        self._note(-1, -tokens)
        source = self._server.spec.source
        if calls > self._server.max_calls:
            limit = f"max_calls of this run is reached: {self._server.max_calls} calls"
        else:
            limit = (
                f"max_tokens of this run is reached: {total - tokens:,} of {self._server.max_tokens:,} tokens are "
                f"spent, and the next call may cost {tokens:,}"
            )
        raise ModelApiError(
            source,
            f"{source}: {limit}. All answers so far are kept; raise the limit in the experiment, or run again to go on "
            "from there with a new count.",
        )

    def give_back(self, taken: int, cost: int) -> None:
        """Corrects an entry when it is known what its call really cost.

        Args:
            taken: The tokens that were taken.
            cost: The tokens that were spent.
        """
        if taken != cost:
            self._note(0, cost - taken)

    def _note(self, calls: int, tokens: int) -> None:
        if self._ledger is None:
            self._calls += calls
            self._tokens += tokens
            return
        try:
            self._ledger.parent.mkdir(parents=True, exist_ok=True)
            # Appending one short line is one write, which no other process can cut in two.
            with self._ledger.open("ab", buffering=0) as file:
                file.write(f"{calls} {tokens}\n".encode("ascii"))
        except OSError as error:
            raise StoreError(f"Calls cannot be counted in {self._ledger}: {error.strerror or error}.") from error
