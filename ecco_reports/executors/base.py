"""What an executor is: it applies a function to items and passes on what the function has to say.

In: a function that yields messages, and items. Out: the messages, as they come, and the items whose worker was lost.
Never: an opinion about what the items are.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")
Message = TypeVar("Message")


@dataclass(frozen=True)
class Lost(Generic[Item]):
    """An item whose worker ended before the item was done.

    Attributes:
        item: The item; messages about its finished parts may have come already.
        reason: How the worker ended, in a few words.
    """

    item: Item
    reason: str


class Executor(ABC):
    """A place where work is done."""

    @property
    @abstractmethod
    def jobs(self) -> int:
        """How many items are worked on at a time."""

    @property
    @abstractmethod
    def threads(self) -> int | None:
        """How many threads the arithmetic of one worker should use; None leaves that to the library.

        Equal numbers give equal bits, however many workers there are. Between different numbers the last bits of
        floating point sums differ, as the terms are added in another order.
        """

    @abstractmethod
    def run(
        self,
        function: Callable[[Item], Iterator[Message]],
        items: Sequence[Item],
        on_message: Callable[[Message], None],
    ) -> tuple[Lost[Item], ...]:
        """Applies ``function`` to every item.

        What ``function`` or ``on_message`` raises ends the whole run at once and goes through to the caller.

        Args:
            function: Yields messages while it works on one item. Workers elsewhere need it picklable, with its
                messages and items.
            items: What to work on, in order of preference.
            on_message: Called in the caller's process and thread, in the order in which the messages of one item were
                yielded.

        Returns:
            The items whose worker was lost; the others are done.
        """
