"""Which failures are worth another attempt, and how long to wait before it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

# Too slow, in conflict with itself, too early, too many: each of them may be otherwise a little later. So may every
# failure of the server itself, but for a method or a version that it does not know.
_LATER = frozenset({408, 409, 425, 429})
_NEVER = frozenset({501, 505})
# A bill that was not paid answers with 429 too.
_HOPELESS_CODES = frozenset({"insufficient_quota", "billing_hard_limit_reached"})


def is_worth_another(status: int, code: str = "") -> bool:
    """Whether an answer with this status may be another one later.

    Args:
        status: The HTTP status.
        code: What the server calls the error, if it does.
    """
    return code not in _HOPELESS_CODES and (status in _LATER or (status >= 500 and status not in _NEVER))


def wait_asked(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that a server asks to wait (RFC 9110, section 10.2.3: seconds or a date), or None."""
    written = headers.get("retry-after", "").strip()
    if not written:
        return None
    if written.replace(".", "", 1).isdecimal():
        return float(written)
    try:
        moment = parsedate_to_datetime(written)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


@dataclass(frozen=True)
class Patience:
    """How often and how long a question is asked again; every part can be replaced in tests.

    Attributes:
        attempts: How often a question is asked at most.
        first_wait: Seconds that the first pause may last; each further one may last twice as long.
        longest_pause: Seconds that no pause of our own choice exceeds.
        longest_asked: Seconds that we are willing to wait when the server asks for it.
        total: Seconds after which no further attempt is begun.
        clock: Seconds that only ever grow.
        now: The time of day.
        sleep: Waits.
        draw: A random number from 0 to 1.
    """

    attempts: int = 5
    first_wait: float = 1.0
    longest_pause: float = 30.0
    longest_asked: float = 120.0
    total: float = 600.0
    clock: Callable[[], float] = field(default=time.monotonic, repr=False)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    sleep: Callable[[float], None] = field(default=time.sleep, repr=False)
    draw: Callable[[], float] = field(default=random.random, repr=False)

    def pause(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait after a failed attempt.

        What the server asks for is kept to; else the pause is drawn from zero to a bound that doubles ("full jitter",
        Brooker 2015, Exponential Backoff and Jitter, AWS Architecture Blog), so that many clients come back apart.

        Args:
            attempt: The number of the attempt, from 0.
            asked: What the server asks for.
        """
        drawn = self.draw() * min(self.longest_pause, self.first_wait * 2.0**attempt)
        return drawn if asked is None else asked
