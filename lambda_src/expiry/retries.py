"""
Say whether and when to try a call again, within the budget and the pace.

Makes no call. The SDK has made its own tries before an error comes here; what it never sees are
refusals inside an answer of HTTP 200: throttled statements, unprocessed keys.
"""

from __future__ import annotations

import random
from enum import Enum
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError, ConnectionError, HTTPClientError  # noqa: A004 - botocore's name
from botocore.parsers import ResponseParserError

from expiry.calls import THROTTLED_CODES

if TYPE_CHECKING:
    from expiry.budget import Budget, Pace

CALL_S = 0.5  # what a batch may take; where it takes longer, the reserve is there
FIRST_DELAY_S = 0.1
LONGEST_DELAY_S = 5.0
MOST_TRIES = 8  # twelve seconds of waiting: a table that throttles longer is overloaded

NO_TIME = "no time left"
NO_TRIES = "tries used up"

SERVER_ERROR = 500


class Failure(Enum):
    """What an error says of the call's effect."""

    NOT_DONE = "not done"  # throttled: nothing of it happened
    UNSURE = "unsure"  # a timeout or a server error: it may have happened
    REFUSED = "refused"  # it will be refused again


class Tries:
    """
    The tries of one call; each waits for the pace, and each after the first for longer.

        while work and tries.another():
            ...
    """

    def __init__(self, budget: Budget, pace: Pace) -> None:
        """Begin with the first try, which waits for the pace alone."""
        self._budget, self._pace = budget, pace
        self._made = 0
        self.ended = ""  # why there is no other try

    def another(self, writes: int = 0) -> bool:
        """
        Wait for the next try; False, and no wait, where there is none or it would be late.

        Args:
            writes: Write units that the try uses, for a pace that counts them.
        """
        if self._made >= MOST_TRIES:
            self.ended = NO_TRIES
            return False
        delay_s = max(self._backoff_s(), self._pace.book(writes))
        if not self._budget.allows(delay_s + CALL_S):
            self.ended = NO_TIME
            return False
        self._pace.wait(delay_s)
        self._made += 1
        return True

    def progressed(self) -> None:
        """Count from the first try again: the store took a part, so it takes the rest, too."""
        self._made = 0

    def _backoff_s(self) -> float:
        if not self._made:
            return 0.0
        longest_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2.0 ** (self._made - 1))
        return longest_s * random.uniform(0.5, 1)  # noqa: S311 - so that threads do not come together


def failure_of(error: Exception) -> Failure | None:
    """Say what *error* tells of the call's effect; None for a fault that is not the service's."""
    if isinstance(error, ClientError):
        if error.response.get("Error", {}).get("Code") in THROTTLED_CODES:
            return Failure.NOT_DONE
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return Failure.UNSURE if status >= SERVER_ERROR else Failure.REFUSED
    if isinstance(error, HTTPClientError | ConnectionError | ResponseParserError):
        return Failure.UNSURE
    return None
