"""One item after the other, in this process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ecco_reports.executors.base import Executor, Item, Lost, Message


class LocalExecutor(Executor):
    """Works here and now; nothing can get lost on the way."""

    @property
    def jobs(self) -> int:
        """One."""
        return 1

    @property
    def threads(self) -> int | None:
        """Whatever the arithmetic's library takes by itself."""
        return None

    def run(
        self,
        function: Callable[[Item], Iterator[Message]],
        items: Sequence[Item],
        on_message: Callable[[Message], None],
    ) -> tuple[Lost[Item], ...]:
        """Applies ``function`` to the items in their order."""
        for item in items:
            for message in function(item):
                on_message(message)
        return ()
